"""Keeps queue and runs in step: wakes runs whose answer counts, keeps deadlines, and finds strays.

It runs inside the queue process, under a lease, so that one of several does it; it works while Prefect is down.
It looks once a second. An answer given on this machine is not waited for: whoever gave it says so (flows/handover.py).
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from approvals.bootstrap import Approvals
from approvals.errors import ApprovalError, NotFound
from approvals.leases import Lease
from approvals.ports import Runs, RunWatch
from approvals.requests import Request
from flows.handover import Ear

SILENCE = timedelta(seconds=15)
"""How long a run that is said to be running may leave its requests unattended before its process counts as gone."""

_PAGE = 200

_MOST_LOOKS = 1000
"""Runs to look after that are remembered; of more than these, the oldest wait for the next look at all."""

_AGAIN_SECONDS = (0.05, 0.1, 0.2, 0.4)
"""After which a run is asked to go on once more that was not suspended yet when its answer took effect."""

_READ_ALL_EVERY = timedelta(seconds=60)
"""How often every open request is read, to see whether there is anybody left who may decide it."""

_ON_ITS_WAY = timedelta(seconds=3)
"""How long a run that was just woken may need before anybody asks what became of it."""

log = logging.getLogger("countersign.waking")


@dataclass
class Round:
    """What one round of the loop did."""

    leader: bool = True
    woken: int = 0
    restarted: int = 0
    lapsed: int = 0
    withdrawn: int = 0
    abandoned: int = 0
    stuck: list[str] = field(default_factory=list)


class Waker:
    """The loop. Each round is safe to repeat, and two at once do nothing twice."""

    def __init__(
        self,
        approvals: Approvals,
        runs: Runs,
        *,
        every: float = 1.0,
        reconcile_every: float = 10.0,
        lease: float = 15.0,
        ear: Ear | None = None,
    ) -> None:
        """
        Args:
            lease: After so many seconds without a round of the one that leads, another process's does.
            ear: Where answers given on this machine are heard of; without one they are found by looking.
        """
        self._approvals = approvals
        self._runs = runs
        self._lasts = timedelta(seconds=lease)
        self._lease = Lease(approvals.store, "waking", self._lasts)
        self._ear = ear
        self._due: list[tuple[datetime, int, str]] = []
        self._to_look_after: deque[str] = deque(maxlen=_MOST_LOOKS)
        self._woken_at: dict[str, datetime] = {}
        self._woken_up_to: Request | None = None
        self._every = every
        self._reconcile_every = timedelta(seconds=reconcile_every)
        self._reconciled_at: datetime | None = None
        self._read_all_at: datetime | None = None
        self._told_stuck: set[str] = set()
        self._told_unknown: set[str] = set()

    def look_after(self, run_id: str | None) -> None:
        """Look in the next round what became of this run, or of all (None); may be called from any thread."""
        if run_id is None:
            self._reconciled_at = None
        else:
            self._to_look_after.append(run_id)

    def run(self, stop: threading.Event) -> None:
        """Round after round until `stop` is set; a round that fails is logged and the next one comes."""
        while not stop.is_set():
            try:
                self.once()
            except Exception as error:
                log.warning("A round of waking failed: %s", error)
            until = time.monotonic() + self._every
            while (left := until - time.monotonic()) > 0 and not stop.is_set():
                try:
                    self._rest(left, stop)
                except Exception as error:
                    log.warning("An answer was not passed on at once: %s", error)

    def _rest(self, seconds: float, stop: threading.Event) -> None:
        """Wait so long, or until there is an answer to pass on, and pass it on when it takes effect."""
        if self._ear is None:
            stop.wait(seconds)
            return
        if self._due:
            due_in = (self._due[0][0] - self._approvals.ledger.clock()).total_seconds()
            seconds = max(0.001, min(seconds, due_in))
        for message in self._ear.heard(seconds):
            try:
                heapq.heappush(self._due, (datetime.fromisoformat(message["at"]), 0, str(message["request"])))
            except (KeyError, TypeError, ValueError):
                log.warning("What was said of an answer is not to be understood; it will be found by looking.")
        self.pass_on()

    def pass_on(self) -> int:
        """Wake the runs whose answers, as far as heard of, take effect by now; tells how many were woken."""
        now, woken = self._approvals.ledger.clock(), 0
        while self._due and self._due[0][0] <= now:
            _, tries, request_id = heapq.heappop(self._due)
            if not self._lease.holds(now):
                continue  # another process leads, and looks
            request = self._waited_for(request_id, now)
            if request is None:
                continue
            if self._at_once(request, now):
                woken += 1
            elif tries < len(_AGAIN_SECONDS):
                heapq.heappush(self._due, (now + timedelta(seconds=_AGAIN_SECONDS[tries]), tries + 1, request_id))
        return woken

    def _at_once(self, request: Request, now: datetime) -> bool:
        """Whether the run of this answer was just asked to go on, without asking first how it stands."""
        if request.held_until is not None and request.held_until > now:
            return False  # a process is there, and will find the answer itself
        if request.run.deployment is None or not self._runs.wake(request.run.id):
            return False
        self._woken_at = {one: at for one, at in self._woken_at.items() if at + _ON_ITS_WAY > now}
        self._woken_at[request.id] = now
        return True

    def _waited_for(self, request_id: str, now: datetime) -> Request | None:
        """The request, if its answer counts and nobody has taken it up."""
        try:
            request = self._approvals.gatekeeper.get(request_id)
        except NotFound:
            return None
        waits = request.answered(now) and request.wake_since is not None and request.taken_up_at is None
        return request if waits else None

    def once(self) -> Round:
        """One round: deadlines, then runs to wake, and now and then the strays."""
        now = self._approvals.ledger.clock()
        if not self._lease.take(now):
            return Round(leader=False)
        done = Round()
        done.lapsed = self._approvals.deadlines.lapse_all()
        self._wake(now, done)
        if self._reconciled_at is None or now - self._reconciled_at >= self._reconcile_every:
            self._reconciled_at = now
            self._to_look_after.clear()
            self._look_at_all(now, done)
        elif requests := self._open_of_those_to_look_after():
            self._reconcile(requests, now, done)
        return done

    def _look_at_all(self, now: datetime, done: Round) -> None:
        """Look at every open request: at those alone whose run is not plainly suspended, and at each now and then."""
        if self._read_all_at is None or now - self._read_all_at >= _READ_ALL_EVERY:
            self._read_all_at = now
            for requests in self._approvals.ledger.waiting():
                self._reconcile(requests, now, done)
            return
        for pairs in self._approvals.ledger.waiting_runs():
            watches = self._runs.statuses([run for _, run in pairs])
            odd = [request_id for request_id, run in pairs if not _at_rest(watches[run])]
            for start in range(0, len(odd), _PAGE):
                self._reconcile(self._read(odd[start : start + _PAGE]), now, done)

    def _read(self, request_ids: Sequence[str]) -> tuple[Request, ...]:
        """Those of these that are still open."""
        with self._approvals.store.read() as transaction:
            found = [transaction.request(request_id) for request_id in request_ids]
        return tuple(request for request in found if request is not None and request.is_open)

    def _open_of_those_to_look_after(self) -> tuple[Request, ...]:
        runs: set[str] = set()
        while self._to_look_after:
            runs.add(self._to_look_after.popleft())
        if not runs:
            return ()
        with self._approvals.store.read() as transaction:
            return tuple(request for run in sorted(runs) for request in transaction.untaken(run) if request.is_open)

    def _wake(self, now: datetime, done: Round) -> None:
        """See to the answers that nobody has taken up, page by page; what takes too long goes on in the next round."""
        while True:
            with self._approvals.store.read() as transaction:
                page = transaction.to_wake(now, _PAGE, self._woken_up_to)
            self._wake_all(page, now, done)
            # Those of a pool without a worker stay where they are, and must not keep those behind them from their turn.
            self._woken_up_to = page[-1] if len(page) == _PAGE else None
            if self._woken_up_to is None or self._approvals.ledger.clock() - now > self._lasts / 3:
                return

    def _wake_all(self, page: tuple[Request, ...], now: datetime, done: Round) -> None:
        requests = tuple(
            one for one in page if one.id not in self._woken_at or self._woken_at[one.id] + _ON_ITS_WAY < now
        )
        watches = self._watches(requests)
        for request in requests:
            try:
                self._go_on(request, watches[request.run.id], now, done)
            except ApprovalError as error:
                log.warning("Request %s: %s", request.id, error)  # it must not keep those behind it from their turn

    def _go_on(self, request: Request, watch: RunWatch, now: datetime, done: Round) -> None:
        if watch.status == "suspended" and watch.deployment is None:
            # Prefect cannot schedule it; asked for ever, it would keep those behind it from their turn.
            self._approvals.gatekeeper.abandon(request.id, "the deployment of its run was removed")
            done.abandoned += 1
        elif watch.status == "suspended":
            # The note stays until the gate takes the answer up: a resume that came too early is repeated.
            done.woken += self._runs.wake(request.run.id)
        elif _over(request, watch, now):
            self._approvals.gatekeeper.abandon(request.id, f"its run was {watch.name.lower()}")
            done.abandoned += 1
        elif watch.status == "running" and _silent(request, watch, now):
            if watch.deployment is not None:
                done.restarted += self._runs.restart(request.run.id)
            else:
                self._approvals.gatekeeper.abandon(request.id, "the process that waited for it is gone")
                done.abandoned += 1

    def _watches(self, requests: Sequence[Request]) -> dict[str, RunWatch]:
        """How the runs of these requests stand; a server that knows neither run nor deployment says nothing of them."""
        watches = self._runs.statuses([request.run.id for request in requests])
        gone = [request for request in requests if watches[request.run.id].status == "gone"]
        deployments = {request.run.deployment for request in gone if request.run.deployment}
        existing = self._runs.existing(sorted(deployments)) if deployments else frozenset()
        for request in gone:
            if request.run.deployment is None or request.run.deployment in existing:
                continue
            watches[request.run.id] = RunWatch(status="unknown", name="unknown to this server")
            if request.id not in self._told_unknown:
                self._told_unknown.add(request.id)
                log.warning(
                    "This Prefect server knows neither the run of request %s nor its deployment: is it another one, or "
                    "was its database replaced? Nothing is withdrawn for that; `countersign withdraw %s` does it.",
                    request.id,
                    request.id,
                )
        return watches

    def _reconcile(self, requests: tuple[Request, ...], now: datetime, done: Round) -> None:
        watches = self._watches(requests)
        for request in requests:
            watch = watches[request.run.id]
            reason = _orphaned(request, watch, now)
            try:
                if reason is not None:
                    self._approvals.service.withdraw(request.id, reason)
                    done.withdrawn += 1
                elif watch.status == "running" and watch.deployment is not None and _silent(request, watch, now):
                    done.restarted += self._runs.restart(request.run.id)
                elif not self._approvals.service.authority.candidates(request):
                    self._unstick(request, done)
            except ApprovalError as error:
                log.info("Request %s: %s", request.id, error)  # somebody decided it in between

    def _unstick(self, request: Request, done: Round) -> None:
        """Nobody who may decide is left: ask whom the policy escalates to, and say so where it names nobody."""
        if request.policy.escalate_to and not request.escalated:
            self._approvals.service.escalate(request.id)
            return
        done.stuck.append(request.id)
        if request.id not in self._told_stuck:
            self._told_stuck.add(request.id)
            log.warning(
                "Request %s is stuck: nobody in %s may decide it. Add somebody to people.toml.",
                request.id,
                ", ".join(request.policy.groups),
            )


def _at_rest(watch: RunWatch) -> bool:
    """Whether a run waits for an answer as it should, whatever its request says."""
    return watch.status == "suspended" and watch.deployment is not None


def _silent(request: Request, watch: RunWatch, now: datetime) -> bool:
    """Whether no process has shown itself on this request for a while, though its run is said to be running."""
    heard = [request.opened_at, request.held_until, request.wake_since, request.effective_at, watch.since]
    return max(moment for moment in heard if moment is not None) + SILENCE < now


def _over(request: Request, watch: RunWatch, now: datetime) -> bool:
    """Whether the run has come to its end, as far as its server knows it."""
    if watch.status == "gone" and request.run.deployment is None:
        # A script may have a server of its own that we do not see; while it shows itself here, it waits.
        return _silent(request, watch, now)
    return watch.status in ("ended", "gone")


def _orphaned(request: Request, watch: RunWatch, now: datetime) -> str | None:
    """Why nobody will take the answer up, in a few words; None where somebody will."""
    if _over(request, watch, now):
        return f"its run was {watch.name.lower() or watch.status}"
    if watch.deployment is None and watch.status == "suspended":
        return "the deployment of its run was removed"
    if watch.deployment is None and watch.status == "running" and _silent(request, watch, now):
        return "the process that waited for it is gone"
    return None
