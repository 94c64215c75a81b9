"""How the queue fares, counted from its own requests; every figure says how many requests it was counted from."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from statistics import median

from pydantic import Field

from approvals.decisions import Value
from approvals.lifecycle import OPEN, State
from approvals.ports import Clock, Store, Wanted
from approvals.requests import Request

_PAGE = 500


class Share(Value):
    """So many of so many."""

    count: int
    n: int


class Median(Value):
    """The middle of n values; None where there is none."""

    value: float | None
    n: int


class Figures(Value):
    """The state of the queue, and what people made of the drafts they decided on."""

    requests: int
    by_state: dict[State, int]
    overdue: int = Field(description="open and past the deadline")
    seconds_to_decision: Median = Field(description="from opening to a person's decision")
    accepted_as_is: Share = Field(description="of the requests that people decided, as all of these")
    edited: Share
    returned: Share
    rejected: Share
    let_through: Share = Field(description="approved by a policy's rule without asking, of all requests")


class Metrics:
    """Counts; names nobody."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def figures(self, *, since: datetime | None = None) -> Figures:
        """The figures over every request, or over those opened since then."""
        now = self._clock()
        states: Counter[State] = Counter()
        verdicts: Counter[str] = Counter()
        waits: list[float] = []
        overdue = 0
        for request in self._requests():
            if since is not None and request.opened_at < since:
                continue
            states[request.state] += 1
            overdue += request.is_open and request.due_at <= now
            ruling = request.ruling
            if request.is_open or ruling is None:
                continue
            verdicts[_outcome(request)] += 1
            if ruling.by.kind == "person" and request.state is not State.WITHDRAWN:
                waits.append((ruling.at - request.opened_at).total_seconds())
        total, decided = states.total(), len(waits)
        return Figures(
            requests=total,
            by_state={state: states[state] for state in State},
            overdue=overdue,
            seconds_to_decision=Median(value=median(waits) if waits else None, n=decided),
            accepted_as_is=Share(count=verdicts["accepted_as_is"], n=decided),
            edited=Share(count=verdicts["edited"], n=decided),
            returned=Share(count=verdicts["returned"], n=decided),
            rejected=Share(count=verdicts["rejected"], n=decided),
            let_through=Share(count=verdicts["let_through"], n=total),
        )

    def waiting(self) -> int:
        """How many requests are open."""
        with self._store.read() as transaction:
            return transaction.page(Wanted(states=OPEN), limit=1).total

    def _requests(self) -> list[Request]:
        # One view for all pages: a request decided in between would be missed or counted twice.
        with self._store.read() as transaction:
            page = transaction.page(Wanted(), limit=_PAGE)
            found = list(page.requests)
            while page.next is not None:
                page = transaction.page(Wanted(), limit=_PAGE, after=page.next)
                found += page.requests
        return found


def _outcome(request: Request) -> str:
    ruling = request.ruling
    if ruling is None or ruling.by.kind != "person":
        return "let_through" if request.state is State.APPROVED else "nobody"
    if request.state is State.APPROVED:
        return "edited" if ruling.edited else "accepted_as_is"
    return request.state.value
