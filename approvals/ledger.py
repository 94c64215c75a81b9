"""One step of a request's life with its entry in the record, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from approvals.audit import Event, Verification, verify
from approvals.canonical import digest
from approvals.decisions import Actor, Ruling
from approvals.errors import AlreadyDecided, NotActionable, NotFound, Overtaken
from approvals.lifecycle import PAST_TENSE, TRANSITIONS, Action, event_name, is_open, next_state
from approvals.ports import Clock, Store, Transaction
from approvals.requests import Request

R = TypeVar("R")
Act = Callable[[Transaction, Request, datetime], R]
"""One change of a request as it is in this transaction, now."""

_TRIES = 8
_PAGE = 200
_LIGHT_PAGE = 1000


class Ledger:
    """Writes what was decided elsewhere: state, ruling, record and the note to wake, together or not at all."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def verify(self, expected_head: str | None = None) -> Verification:
        """Walk the record and hold every row against it, on one view: what is written meanwhile is no misfit."""
        with self.store.read() as transaction:
            shown = verify(transaction.entries(), transaction.rows(), expected_head=expected_head)
            seq, head = transaction.head()
        if shown.ok and (seq, head) != (shown.entries, shown.head if shown.entries else head):
            told = f"The record ends with entry {shown.entries}, and its head says entry {seq}: its end was changed."
            return replace(shown, problem=told)
        return shown

    def waiting(self) -> Iterator[tuple[Request, ...]]:
        """Every open request, page by page, each page as it is when its turn comes."""
        return self._pages(lambda transaction, after: transaction.waiting(_PAGE, after), lambda last: last.id)

    def waiting_runs(self) -> Iterator[tuple[tuple[str, str], ...]]:
        """The same as (id, run) alone, in larger pages: for whoever looks often, and mostly finds all in order."""
        return self._pages(
            lambda transaction, after: transaction.waiting_runs(_LIGHT_PAGE, after), lambda last: last[0]
        )

    def _pages(
        self, read: Callable[[Transaction, str | None], tuple[R, ...]], id_of: Callable[[R], str]
    ) -> Iterator[tuple[R, ...]]:
        after: str | None = None
        while True:
            with self.store.read() as transaction:
                page = read(transaction, after)
            if not page:
                return
            yield page
            after = id_of(page[-1])

    def act(self, request_id: str, act: Act[R]) -> R:
        """Run one change in a transaction of its own, on the request as it is now.

        Raises:
            NotFound: there is no such request. Overtaken: it kept changing.
        """
        return self.act_on_all([(request_id, act)])[0]

    def act_on_all(self, acts: Sequence[tuple[str, Act[R]]]) -> list[R]:
        """Run one change of each of these requests, all in one transaction or none, in the order given.

        Raises:
            NotFound: there is no such request. Overtaken: one kept changing.
        """

        def whole(transaction: Transaction, now: datetime) -> list[R]:
            done = []
            for request_id, act in acts:
                # The entry after a change vouches for the whole row: nothing is built upon what somebody wrote by hand.
                # It waits for whoever is at this row; what is read from here on is of one moment, on PostgreSQL too.
                transaction.check_whole(request_id)
                done.append(act(transaction, found(transaction, request_id), now))
            return done

        return self.write(whole)

    def write(self, act: Callable[[Transaction, datetime], R]) -> R:
        """Run one change in a transaction of its own; from the start again where another came in between.

        Raises:
            Overtaken: others kept coming in between.
        """
        # Somebody may change a row between our read and our write; what is then true decides, not what was.
        for _ in range(_TRIES):
            try:
                with self.store.begin() as transaction:
                    return act(transaction, self.clock())
            except Overtaken:
                continue
        raise Overtaken("Others kept changing this; look at it again and repeat what you wanted to do.")

    def move(
        self,
        transaction: Transaction,
        before: Request,
        after: Request,
        action: Action,
        by: Actor,
        details: dict[str, Any] | None = None,
    ) -> Request:
        """Take one step of the table and record it."""
        after = after.model_copy(update={"state": next_state(before.state, action)})
        written = transaction.change(before, after, action)
        facts = {"from": before.state, "to": written.state, **(details or {})}
        if by.grant is not None and action is not Action.RECALL:
            # Here and nowhere else: a link is used up by what it did, in the same transaction, and by no refusal.
            transaction.use_link(by.grant.nonce, before.id, by.id.casefold(), self.clock())
            facts["link"] = digest(by.grant.nonce)[:16]
        transaction.record(event(event_name(action), by, self.clock(), before, facts))
        return written

    def close(
        self, transaction: Transaction, request: Request, ruling: Ruling, details: dict[str, Any] | None = None
    ) -> Request:
        """Answer a request: the ruling, the state it leads to, and the note that its run is to be woken."""
        by = ruling.by
        ruling = ruling.model_copy(update={"by": by.model_copy(update={"grant": None})})
        transaction.add_ruling(request.id, ruling)
        closed = request.model_copy(
            update={
                "effective_at": ruling.effective_at,
                "wake_since": ruling.at,
                "ruling": ruling,
                "claimed_by": None,
                "claimed_until": None,
            }
        )
        if not TRANSITIONS[next_state(request.state, ruling.action)]:
            transaction.drop_working_copies(request.id)  # elsewhere they wait: the answer may be taken back
        facts = {"version": ruling.version, "ruling": ruling.seq, **(details or {})}
        return self.move(transaction, request, closed, ruling.action, by, facts)


def ruled(
    transaction: Transaction,
    request: Request,
    action: Action,
    by: Actor,
    now: datetime,
    *,
    recall: int = 0,
    **terms: Any,
) -> Ruling:
    """The act that closes the request now; a person may take it back for `recall` seconds, up to the policy's."""
    seconds = min(max(recall, 0), request.policy.recall) if by.kind == "person" else 0
    return Ruling(
        seq=len(transaction.rulings(request.id)) + 1,
        action=action,
        by=by,
        at=now,
        effective_at=now + timedelta(seconds=seconds),
        version=request.version,
        **terms,
    )


def found(transaction: Transaction, request_id: str) -> Request:
    """The request.

    Raises:
        NotFound: there is none.
    """
    request = transaction.request(request_id)
    if request is None:
        raise NotFound(f"There is no request {request_id!r}.")
    return request


def check_actionable(request: Request, action: Action) -> None:
    """Nothing, if the table allows the action.

    Raises:
        AlreadyDecided: somebody was first; the message names them. NotActionable: any other reason.
    """
    try:
        next_state(request.state, action)
    except NotActionable:
        ruling = request.ruling
        if ruling is None or is_open(request.state):
            raise
        done = PAST_TENSE[ruling.action]
        if ruling.by.kind == "person":
            told = f"{ruling.by} has {done} this request already, at {ruling.at:%Y-%m-%d %H:%M:%S} UTC."
        else:
            told = f"This request was {done} at {ruling.at:%Y-%m-%d %H:%M:%S} UTC ({ruling.reason or ruling.rule})."
        raise AlreadyDecided(told) from None


def event(name: str, by: Actor, now: datetime, request: Request, details: dict[str, Any]) -> Event:
    """An event about this request."""
    return Event(
        name=name,
        actor_kind=by.kind,
        actor=by.id,
        via=by.via,
        at=now,
        request_id=request.id,
        run_id=request.run.id,
        details=details,
    )
