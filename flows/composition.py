"""Where ports are injected: the one file that joins agents and approvals.

Built at first use in each process, once: by the command line for commands and servers, by gates and steps in a run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from agents.bootstrap import Agents
from agents.bootstrap import build as build_agents
from agents.ports import SentenceEdit
from approvals.bootstrap import Approvals, queue_elsewhere
from approvals.bootstrap import build as build_approvals
from approvals.errors import StoreUnavailable
from approvals.ports import GateSide, StartedRun
from approvals.remote import Queue
from approvals.requests import Request
from approvals.reverts import Way
from approvals.settings import read_settings as read_approvals
from flows.examiner import ClassExaminer
from flows.handover import tell
from flows.lessons import lessons_of
from flows.settings import Settings, read_settings

WAYS_BACK: Mapping[str, Way] = {
    "crm.update": Way("revert/revert", "crm_revert"),
    # What was taken back can be put there again.
    "crm.revert": Way("revert/revert", "crm_revert"),
}
"""Action -> how what it did is taken back."""

_lock = threading.RLock()


class _Starter:
    """Starts runs on the Prefect server that this process belongs to."""

    def start(self, deployment: str, parameters: dict[str, Any], *, requester: str, key: str) -> StartedRun:
        # Prefect takes a second to import: only who starts a run pays for it.
        from flows.starting import started

        return started(deployment, parameters, requester=requester, key=key)


@functools.cache
def _agents() -> Agents:
    return build_agents()


def _page(sha256: str) -> bytes | None:
    return agents().snapshots.get(sha256)


@functools.cache
def _queue() -> Queue | None:
    return queue_elsewhere(read_approvals(), _page)


@functools.cache
def _approvals() -> Approvals:
    if _queue() is not None:
        raise StoreUnavailable(
            "This process reaches its queue over REST (APPROVALS_QUEUE_URL) and opens no store. "
            "Run this where the queue runs, without that variable."
        )
    examiner = ClassExaminer(agents, settings().document_modules)
    approvals = build_approvals(examiner=examiner, starter=_Starter(), ways_back=WAYS_BACK)
    approvals.store.on_answer(functools.partial(_pass_on, approvals.settings.home))
    return approvals


def _pass_on(home: Path, request: Request) -> None:
    """Tell whoever waits for it in this home that an answer was given, and from when on it counts."""
    if request.effective_at is not None:
        message = {"request": request.id, "at": request.effective_at.isoformat()}
        tell(home, "run", message, name=request.run.id)
        tell(home, "waker", message)


def settings() -> Settings:
    """The flows' settings as the environment has them now."""
    return read_settings()


def agents() -> Agents:
    """The CRM, the model, the catalogue and the web of this process."""
    with _lock:
        return _agents()


def approvals() -> Approvals:
    """The store, the policies, the people and the service of this process, with the examiner that knows agents."""
    with _lock:
        return _approvals()


def gatekeeper(run: str) -> GateSide:
    """What this run asks of the queue: beside its store, or over REST where the settings say that it is elsewhere."""
    with _lock:
        elsewhere = _queue()
        return elsewhere.gate(run) if elsewhere is not None else _approvals().gatekeeper


def reset() -> None:
    """Let go of what this process has built; the next use reads the settings anew."""
    with _lock:
        if _approvals.cache_info().currsize:
            _approvals().close()
        _approvals.cache_clear()
        if _queue.cache_info().currsize and (elsewhere := _queue()) is not None:
            elsewhere.close()
        _queue.cache_clear()
        _agents.cache_clear()


def lessons(gate: str) -> tuple[SentenceEdit, ...]:
    """What reviewers changed in earlier drafts of this gate, as much of it as `AGENTS_MODEL_EDITS` lets a model see."""
    most = agents().settings.model_edits
    with _lock:
        if not most or _queue() is not None:
            return ()  # a run on another machine reads no other request than its own
        return lessons_of(_approvals().store, gate, most)


def crm_address() -> str:
    """The CRM that effects go to; the target of their permits."""
    return agents().crm.address


def run_url(run_id: UUID | str) -> str | None:
    """Where a run is seen in the Prefect UI; None where Prefect has none."""
    # Not before it is needed: it brings Prefect along, which a command of a second's work does not want.
    from approvals import resume

    return resume.run_url(run_id)
