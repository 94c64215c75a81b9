"""A gate's life gone through once in memory, so that the children of the fork server need not do it for the first time.

Compiling a statement, or a validator, takes longer than using it; what is compiled before a fork, every child has.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from approvals.bootstrap import build
from approvals.decisions import Actor
from approvals.gatekeeping import Gatekeeper
from approvals.ports import Examination
from approvals.requests import Evidence, Identity, Proposed, RunReference
from approvals.settings import Settings

_POLICIES = """
[policies.asked]
groups = ["reviewers"]
on_timeout = "expire"

[policies.passed]
groups = ["reviewers"]
on_timeout = "expire"
ask_when = "flagged"
"""

_PEOPLE = """
[[people]]
email = "reviewer@rehearsal.example"
groups = ["reviewers"]
"""

_RUN = "rehearsal"


class Line(BaseModel):
    """What is signed in a rehearsal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str


class _Nods:
    """An examiner to whom everything is right."""

    def examine(self, kind: str, document: Any, evidence: Evidence, based_on: dict[str, str]) -> Examination:
        return Examination(document=document)


def rehearse() -> None:
    """Open a request, wait at it, and take an answer up; nothing of it is left behind.

    Raises:
        ApprovalError: something stood in the way; a run that meets the same says so.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        home = Path(folder)
        (home / "people.toml").write_text(_PEOPLE, encoding="utf-8")
        (home / "policies.toml").write_text(_POLICIES, encoding="utf-8")
        approvals = build(
            Settings(
                home=home,
                store="sqlite:///:memory:",
                people=home / "people.toml",
                policies=home / "policies.toml",
            ),
            examiner=_Nods(),
        )
        try:
            _act(approvals.gatekeeper)
        finally:
            approvals.close()


def _act(keeper: Gatekeeper) -> None:
    worker = Actor(kind="worker", id=_RUN, via="flow", scopes=frozenset({"gate"}))
    keeper.enter(_RUN, ["asked", "passed"], "somebody@rehearsal.example")
    asked = keeper.open(_proposed("asked"), worker)
    keeper.keep_alive(_RUN, worker.id, 1.0)
    keeper.rest(_RUN, worker.id)
    keeper.suspending(asked.id)
    passed = keeper.open(_proposed("passed"), worker)
    for request in (asked, passed):
        keeper.of_key(_RUN, request.identity.gate, request.identity.key)
        if keeper.counts(keeper.get(request.id)):
            keeper.take_up(request.id, _RUN, worker)
            keeper.take_up(request.id, _RUN, worker)


def _proposed(policy: str) -> Proposed:
    return Proposed(
        identity=Identity(run=_RUN, gate=policy, key=policy, round=1, succession=0),
        kind="flows.rehearsal:Line",
        action="rehearse",
        target="rehearsal://",
        title="Rehearsal",
        document={"text": "Nothing"},
        document_schema=Line.model_json_schema(),
        requester="somebody@rehearsal.example",
        run=RunReference(id=_RUN, name=_RUN, flow=_RUN, deployment=_RUN),
        policy=policy,
    )
