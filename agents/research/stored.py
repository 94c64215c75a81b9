"""The pages that were read, as they are kept: the text in which a quote can be looked up again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from agents.documents import Source
from agents.ports import Snapshots
from agents.research.decoding import decode

MOST_CHARACTERS = 16_000_000
"""Characters of text that one process keeps at hand."""


class StoredPages:
    """Texts of sources out of the snapshots; those used last are kept in memory, up to a bound.

    A text is known by the sha256 of its bytes, so one that was read cannot have changed since.
    """

    def __init__(self, snapshots: Snapshots, *, most: int = MOST_CHARACTERS) -> None:
        self._snapshots = snapshots
        self._most = most
        self._texts: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._held = 0
        self._turn = threading.Lock()

    def text(self, source: Source, part: str) -> str | None:
        """The text in which a fact's offsets count, as `part_of` has it; None where it is lost or cannot be read."""
        key = (source.text_sha256 if part == "text" else source.sha256, part, source.media_type)
        with self._turn:
            if (known := self._texts.get(key)) is not None:
                self._texts.move_to_end(key)
                return known
        try:
            found = part_of(source, part, self._snapshots)
        except (OSError, UnicodeDecodeError):
            return None
        if found is not None:
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[str, str, str], text: str) -> None:
        if len(text) > self._most:
            return
        with self._turn:
            if key in self._texts:
                return
            self._texts[key] = text
            self._held += len(text)
            while self._held > self._most:
                _, oldest = self._texts.popitem(last=False)
                self._held -= len(oldest)


def part_of(source: Source, part: str, snapshots: Snapshots) -> str | None:
    """The text in which a fact's offsets count, from what was kept: `text` as it was read, `markup` as it came."""
    body = snapshots.get(source.text_sha256 if part == "text" else source.sha256)
    if body is None:
        return None
    if part == "text":
        return body.decode("utf-8")
    charset = source.media_type.partition("charset=")[2] or None
    return decode(body, charset)[0]
