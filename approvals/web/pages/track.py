"""Where the run of a request stands: its gates in order, and what became of each."""

from __future__ import annotations

from typing import NamedTuple

from approvals.lifecycle import State, is_open
from approvals.ports import Listed
from approvals.requests import Request
from approvals.web.looks import gate
from approvals.web.pages.visit import Visit

_MOST = 100


class Step(NamedTuple):
    """One gate of the run."""

    label: str
    state: str
    told: str
    href: str | None


def track(visit: Visit, request: Request) -> tuple[Step, ...]:
    """The gates of the run, as far as this person may see them; none where there is but the one."""
    others = visit.at.reading.of_run(visit.by, request.run.id, limit=_MOST)
    latest = {one.gate: one for one in sorted(others, key=lambda one: one.opened_at)}
    names = list(request.run.gates) or list(latest)
    if request.identity.gate not in names:
        names.append(request.identity.gate)
    place = names.index(request.identity.gate)
    steps = [_step(name, latest.get(name), request, before=index < place) for index, name in enumerate(names)]
    return tuple(steps) if len(steps) > 1 else ()


def _step(name: str, found: Listed | None, request: Request, *, before: bool) -> Step:
    label = gate(name).label
    if name == request.identity.gate:
        return Step(label, "here" if request.is_open else _outcome(request.state), "you are here", None)
    if found is None:
        # A gate that was passed without asking leaves no request that everybody may see.
        return Step(label, "done" if before else "", "passed" if before else "to come", None)
    return Step(label, "" if is_open(found.state) else _outcome(found.state), str(found.state), f"/r/{found.id}")


def _outcome(state: State) -> str:
    return "done" if state is State.APPROVED else "halt"
