"""Where workers of other machines come in: each call speaks for one run of their work pool and reaches no further."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from approvals.decisions import Actor, PermitSlip
from approvals.errors import NoPermit, NotFound, OutOfScope
from approvals.permits import Grant, Used
from approvals.ports import Answer, Clock, GateSide, KnownRun, RunRecords, Store
from approvals.requests import Proposed, Request

REMEMBERED = timedelta(minutes=1)
"""How long a run that was looked up is taken to go on."""

_MOST = 2_000


class Turnstile:
    """Lets a worker's token through for the runs that Prefect says are of its pool."""

    def __init__(self, gate: GateSide, store: Store, records: RunRecords, clock: Clock) -> None:
        self._gate = gate
        self._store = store
        self._records = records
        self._clock = clock
        self._seen: OrderedDict[str, tuple[datetime, KnownRun]] = OrderedDict()
        self._turn = threading.Lock()

    def let_in(self, by: Actor, run_id: str, *, ended: bool = False) -> OwnGate:
        """The gate of this run, for a token that speaks for it. `ended`: also where the run has come to its end.

        Raises:
            OutOfScope: it is no worker's token with the scope `gate`, or the run is not of its pool, or it has ended.
            RunsUnavailable: nobody can say now whose run it is.
        """
        if by.kind != "worker" or by.via != "token" or "gate" not in by.scopes:
            raise OutOfScope("Only a worker's token with the scope 'gate' speaks for a run.")
        known = self._known(run_id)
        # One sentence for what is not there and what is somebody else's: nobody can tell which.
        if known is None or known.pool != by.id:
            raise OutOfScope(
                f"This token speaks for the runs of the work pool {by.id!r}, and {run_id!r} is none of them."
            )
        if known.ended and not ended:
            raise OutOfScope(f"The run {run_id} has ended, so nothing is asked or taken up for it.")
        return OwnGate(self._gate, self._store, known, by)

    def _known(self, run_id: str) -> KnownRun | None:
        now = self._clock()
        with self._turn:
            if (seen := self._seen.get(run_id)) is not None and seen[0] + REMEMBERED > now:
                return seen[1]
        known = self._records.known(run_id)
        with self._turn:
            self._seen.pop(run_id, None)
            if known is not None and not known.ended:
                self._seen[run_id] = (now, known)
                if len(self._seen) > _MOST:
                    self._seen.popitem(last=False)
        return known


class OwnGate:
    """What may be done for one run. Whose run it is and who asked for it, Prefect has said; the caller is not asked."""

    def __init__(self, gate: GateSide, store: Store, known: KnownRun, by: Actor) -> None:
        self._gate = gate
        self._store = store
        self._known = known
        self._run = known.run.id
        self._by = by

    def enter(self, policies: Iterable[str]) -> None:
        """See `Gatekeeper.enter`."""
        self._gate.enter(self._run, policies, self._known.requester)

    def open(self, proposed: Proposed) -> Request:
        """See `Gatekeeper.open`; requester and run are as Prefect has them.

        Raises:
            OutOfScope: it would be another run's, or follow one of another run.
        """
        if proposed.identity.run != self._run:
            raise OutOfScope(f"A request of the run {proposed.identity.run!r} is not opened for {self._run}.")
        if proposed.supersedes is not None:
            self._own(proposed.supersedes)
        run = self._known.run.model_copy(update={"gates": proposed.run.gates})
        return self._gate.open(proposed.model_copy(update={"requester": self._known.requester, "run": run}), self._by)

    def of_key(self, gate: str, key: str) -> tuple[Request, ...]:
        """See `Gatekeeper.of_key`."""
        return self._gate.of_key(self._run, gate, key)

    def get(self, request_id: str) -> Request:
        """The run's own request.

        Raises:
            NotFound: there is none, or it is another run's; nobody can tell which.
        """
        return self._own(request_id)

    def suspending(self, request_id: str) -> int | None:
        """See `Gatekeeper.suspending`."""
        return self._gate.suspending(self._own(request_id).id)

    def woken(self, request_id: str) -> None:
        """See `Gatekeeper.woken`."""
        self._gate.woken(self._own(request_id).id, self._by)

    def take_up(self, request_id: str, *, mint: bool) -> Answer | None:
        """See `Gatekeeper.take_up`."""
        return self._gate.take_up(self._own(request_id).id, self._run, self._by, mint=mint)

    def keep_alive(self, holder: str, seconds: float) -> int:
        """See `Gatekeeper.keep_alive`."""
        return self._gate.keep_alive(self._run, holder, seconds)

    def rest(self, holder: str) -> None:
        """See `Gatekeeper.rest`."""
        self._gate.rest(self._run, holder)

    def redeem(
        self, permit_id: str | None, *, action: str, target: str, sha256: str, holder: str, lease: float
    ) -> Grant | Used:
        """See `Effects.redeem`."""
        slip = permit_id and PermitSlip(
            id=permit_id, action=action, target=target, sha256=sha256, request_id="", run_id=self._run
        )
        return self._gate.effects.redeem(
            slip or None, self._by, action=action, target=target, sha256=sha256, run=self._run, holder=holder,
            lease=lease,
        )  # fmt: skip

    def keep(self, permit_id: str, fence: int, lease: float) -> bool:
        """See `Effects.keep`."""
        return self._gate.effects.keep(self._own_permit(permit_id), fence, lease)

    def settle(self, permit_id: str, fence: int, receipt: object) -> str:
        """See `Effects.settle`."""
        return self._gate.effects.settle(self._own_permit(permit_id), fence, receipt, self._by)

    def let_go(self, permit_id: str, fence: int) -> None:
        """See `Effects.let_go`."""
        self._gate.effects.let_go(self._own_permit(permit_id), fence)

    def _own(self, request_id: str) -> Request:
        unknown = NotFound(f"There is no request {request_id!r} of this run.")
        try:
            found = self._gate.get(request_id)
        except NotFound:
            raise unknown from None
        if found.identity.run != self._run:
            raise unknown
        return found

    def _own_permit(self, permit_id: str) -> str:
        with self._store.read() as transaction:
            permit = transaction.permit(permit_id)
        if permit is None or permit.run_id != self._run:
            raise NoPermit(f"There is no permit {permit_id!r} of this run.")
        return permit.id
