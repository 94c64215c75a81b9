"""Asking for what was carried out to be taken back: a run of its own, with a gate of its own, plans and does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from approvals.authority import Authority
from approvals.decisions import Actor
from approvals.errors import NotACandidate, NotFound, NotPermitted, NotRevertible, PolicyError
from approvals.ledger import Ledger, event, found
from approvals.lifecycle import State
from approvals.permits import Permit, PermitState
from approvals.policies import Policies
from approvals.ports import RunStarter, StartedRun, Transaction, Wanted
from approvals.requests import Request

ASKED = "effect.revert_asked"
_MOST = 100
"""Requests of one run that are looked at."""


class Way(NamedTuple):
    """How what one action did is taken back."""

    deployment: str
    """The deployment that does it; it is given `done`: request, signed document and receipt, the oldest first."""
    policy: str
    """The policy of its gate."""


class Chance(NamedTuple):
    """Whether somebody may ask for something to be taken back."""

    may: bool
    obstacle: str = ""
    """What an administrator could change so that they may, in a sentence."""


class Asked(NamedTuple):
    """Somebody asked for something to be taken back."""

    by: str
    at: datetime


class Reverts:
    """Who may ask, and for what; the run that follows asks people again before anything is written."""

    def __init__(
        self,
        ledger: Ledger,
        authority: Authority,
        policies: Callable[[], Policies],
        ways: Mapping[str, Way],
        starter: RunStarter | None,
    ) -> None:
        self._ledger = ledger
        self._authority = authority
        self._policies = policies
        self._ways = ways
        self._starter = starter

    def chance(self, request: Request, by: Actor) -> Chance:
        """Whether this person would be let ask for this; the page shows a button then, or what is in the way."""
        with self._ledger.store.read() as transaction:
            permit = transaction.permit_of(request.id)
        if self._starter is None or not _done(request, permit) or request.action not in self._ways:
            return Chance(False)
        try:
            self._check(request, by)
        except PolicyError as nobody:
            return Chance(False, str(nobody))
        except NotPermitted:
            return Chance(False)
        return Chance(True)

    def receipt(self, request: Request) -> str | None:
        """What was really done for this request, as canonical JSON text; None while nothing was."""
        with self._ledger.store.read() as transaction:
            permit = transaction.permit_of(request.id)
        return permit.receipt if permit else None

    def asked(self, request_id: str) -> tuple[Asked, ...]:
        """Who asked before, oldest first."""
        entries = self._ledger.store.entries(request_id=request_id)
        return tuple(Asked(one.event.actor, one.event.at) for one in entries if one.event.name == ASKED)

    def ask(self, receipt: str, by: Actor) -> StartedRun:
        """Start a run that takes back what was done for this request, or for every request of this run.

        Asking again while that run goes on answers with the same run.

        Raises:
            NotFound: there is neither such a request nor such a run.
            NotRevertible: nothing was done, it was something that is not taken back, or no run can be started here.
            NotPermitted: this person may not ask, or nobody else could sign.
            RunsUnavailable: Prefect does not answer.
        """
        done = self._done(receipt)
        request = done[-1][0]
        self._check(request, by)
        if self._starter is None:
            raise NotRevertible("No run can be started here: this queue was started without Prefect.")
        way = self._ways[str(request.action)]

        def noted(transaction: Transaction, now: datetime) -> None:
            facts = {"deployment": way.deployment, "requests": [one.id for one, _ in done]}
            transaction.record(event(ASKED, by, now, found(transaction, request.id), facts))

        # First: should the start fail, it was asked for all the same.
        self._ledger.write(noted)
        parameters = {"done": [_told(one, permit) for one, permit in done]}
        attempt = 0
        while True:
            key = f"revert:{request.id}:{attempt}"
            run = self._starter.start(way.deployment, parameters, requester=by.id, key=key)
            if not run.ended:
                return run
            attempt += 1

    def _done(self, receipt: str) -> list[tuple[Request, Permit]]:
        """What was carried out under this id, the oldest first."""
        with self._ledger.store.read() as transaction:
            one = transaction.request(receipt)
            requests = [one] if one else list(transaction.page(Wanted(run=receipt), limit=_MOST).requests)
            pairs = [(request, transaction.permit_of(request.id)) for request in requests]
        if not pairs:
            raise NotFound(f"There is no request and no run {receipt!r}.")
        done = [(request, permit) for request, permit in pairs if permit and _done(request, permit)]
        if not done:
            raise NotRevertible(
                f"Nothing was carried out under {receipt!r} yet: only what was signed, taken up and done is taken back."
            )
        done = [(request, permit) for request, permit in done if request.action in self._ways]
        if not done:
            known = ", ".join(self._ways) or "nothing"
            raise NotRevertible(
                f"What was carried out under {receipt!r} is not of a kind that is taken back ({known})."
            )
        return sorted(done, key=lambda pair: (pair[0].opened_at, pair[0].identity.succession))

    def _check(self, request: Request, by: Actor) -> None:
        self._authority.check_granted(by, None)
        person = self._authority.check_person(by)
        if person.role == "viewer":
            raise NotACandidate(f"{person.email} may look at the queue but asks for nothing in it.")
        if not self._authority.concerns(request, person):
            raise NotACandidate(f"This request does not concern {person.email}.")
        # Before the run is started: whoever asks for it may not be the one who signs it.
        self._authority.check_terms(self._policies().named(self._ways[str(request.action)].policy), person.email)


def _done(request: Request, permit: Permit | None) -> bool:
    return (
        request.state is State.APPROVED
        and permit is not None
        and permit.state is PermitState.USED
        and permit.receipt is not None
        and request.ruling is not None
        and request.ruling.document is not None
    )


def _told(request: Request, permit: Permit) -> dict[str, Any]:
    signed = request.ruling.document if request.ruling else None
    return {
        "request": request.id,
        "document": json.loads(signed or "null"),
        "receipt": json.loads(permit.receipt or "null"),
    }
