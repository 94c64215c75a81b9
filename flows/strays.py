"""Requests that wait for nobody or that nobody waits for, told before somebody asks what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from approvals.bootstrap import Approvals
from approvals.decisions import Value
from approvals.ports import Runs, RunWatch
from approvals.requests import Request

_PAGE = 200
_LONG = timedelta(minutes=10)
"""How long the queue may need for what it does within seconds while it runs."""


class Stray(Value):
    """A request that wants a look."""

    request: str
    title: str
    why: str
    since: datetime
    run: str


def strays(approvals: Approvals, runs: Runs) -> tuple[Stray, ...]:
    """Every request of which the queue's own loop should have seen to by now, or that no loop can see to.

    Open ones that nobody may decide, whose run is gone, or whose deadline has passed; answered ones that no run has
    taken up.
    """
    now = approvals.clock()
    return tuple(
        Stray(request=request.id, title=request.title, why=why, since=since, run=request.run.id)
        for request, why, since in (*_open(approvals, runs, now), *_answered(approvals, runs, now))
    )


def _open(approvals: Approvals, runs: Runs, now: datetime) -> Iterator[tuple[Request, str, datetime]]:
    for page in approvals.ledger.waiting():
        watches = runs.statuses([request.run.id for request in page])
        for request in page:
            watch = watches[request.run.id]
            if request.opened_at + _LONG > now:
                continue
            if request.due_at + _LONG < now:
                yield request, "its deadline has passed, and the queue did not close it", request.due_at
            elif watch.status in ("ended", "gone"):
                yield request, f"its run is {_stands(watch)}, and the queue did not withdraw it", request.opened_at
            elif not approvals.service.authority.candidates(request):
                groups = ", ".join(request.policy.groups)
                yield request, f"nobody in {groups} may decide it", request.opened_at


def _answered(approvals: Approvals, runs: Runs, now: datetime) -> Iterator[tuple[Request, str, datetime]]:
    with approvals.store.read() as transaction:
        found = transaction.to_wake(now, _PAGE)
    watches = runs.statuses([request.run.id for request in found])
    for request in found:
        since = request.effective_at or request.opened_at
        if since + _LONG < now:
            stands = _stands(watches[request.run.id])
            yield request, f"it was {request.state.value}, and its run has not taken that up: it is {stands}", since


def _stands(watch: RunWatch) -> str:
    return watch.name.lower() if watch.name and watch.status != "unknown" else "unknown to Prefect"
