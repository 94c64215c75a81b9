"""Asking the examiner within a time limit: whoever hangs does not hang the reviewer."""

from __future__ import annotations

import json
import threading
from typing import Any

from approvals.canonical import canonical, digest
from approvals.errors import ApprovalError, CannotExamine
from approvals.ports import Examination, Examiner
from approvals.requests import Content


def examined(examiner: Examiner | None, kind: str, document: Any, content: Content, *, limit: float) -> Examination:
    """What the examiner says of this document, held against the content's evidence.

    Raises:
        CannotExamine: there is no examiner, it failed, or it took longer than `limit` seconds.
    """
    if examiner is None:
        raise CannotExamine("Nothing here can check this document (no examiner is set up), so it cannot be approved.")
    said: list[Examination] = []
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            said.append(examiner.examine(kind, document, content.evidence, content.based_on))
        except BaseException as error:
            failed.append(error)

    # A daemon thread: an examiner that never answers must not keep the process from ending.
    thread = threading.Thread(target=ask, name="examiner", daemon=True)
    thread.start()
    thread.join(limit)
    if said:
        return said[0]
    if failed:
        if isinstance(failed[0], ApprovalError):
            raise failed[0]
        raise CannotExamine(f"The document could not be checked ({failed[0]}), so it cannot be approved now.") from (
            failed[0]
        )
    raise CannotExamine(f"Checking the document took longer than {limit:g} seconds, so it cannot be approved now.")


def digest_of(examination: Examination) -> str:
    """What is stored with the decision: that exactly this was said."""
    return digest(canonical(json.loads(examination.model_dump_json())))
