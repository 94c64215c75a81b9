"""A run's process that stays for a while in a gate that has just opened, so that a quick answer finds it there.

It serves the reviewer who takes the gates of one run one after the other. To stay is a favour, never a right: only the
worker grants it (where nothing limits how many runs there may be), only so many processes of a home stay at once, and
only while the machine has memory to spare. Whoever may not stay suspends, as everybody does in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Running

from flows.handover import Ear, Message, tell

if TYPE_CHECKING:
    from approvals.requests import Request
    from flows.scope import Scope

WAITING = "Waiting for review"
"""What Prefect calls a run whose process stays in a gate. Its type is RUNNING: from any other it could not suspend."""

_LOOK_SECONDS = 1.0
"""Between two looks at the store; who answers on this machine says so, and is not waited for."""

_SHOW_SECONDS = 0.05
"""After which Prefect is told; before, that would hold up the very step that it tells of."""

log = logging.getLogger("countersign.lingering")


@dataclass(frozen=True)
class Leave:
    """The worker's leave to stay.

    Attributes:
        home: The home whose processes share the places.
        places: How many may stay at once.
        spare: Bytes of memory that the machine must have free, or nobody stays.
    """

    home: Path
    places: int
    spare: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> Leave:
        """As the worker tells its child."""
        return cls(Path(told["home"]), int(told["places"]), int(told["spare"]))

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        """Whether there was a place; it is held to the end, and the kernel gives it back if the process is killed."""
        if psutil.virtual_memory().available < self.spare:
            yield False
            return
        folder = self.home / "run"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(self.places):
            with (folder / f"linger-{number}.lock").open("a") as place:
                try:
                    fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                yield True
                return
        yield False


_granted: Leave | None = None


def grant(leave: Leave | None) -> None:
    """Let the run of this process stay in its gates; called in a child of the worker, before its flow begins."""
    global _granted
    _granted = leave


def granted() -> Leave | None:
    """The leave that this process has."""
    return _granted


class Lingering:
    """What one execution needs to stay in its gates, and to have Prefect show it."""

    def __init__(self, leave: Leave | None) -> None:
        self._leave = leave
        self._said: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def answered(self, scope: Scope, requests: Sequence[Request]) -> bool:
        """Whether one of these was answered while the process stayed; False at once where it may not stay.

        Raises:
            Pause: somebody suspended the run from outside meanwhile.
        """
        if self._leave is None or _left(requests) <= 0:
            return False
        with self._leave.taken() as stays:
            if not stays:
                return False
            try:
                ear = Ear(self._leave.home, "run", scope.run.id)
            except OSError as error:
                log.debug("No ear to hear an answer with: %s", error)
                return False
            tell(self._leave.home, "worker", {"is": "lingering", "run": scope.run.id})
            self._say(scope, Running(name=WAITING))
            # At once, or the waker would take the run for one that is suspended, and the worker would start it again.
            await asyncio.to_thread(scope.show)
            try:
                async with _hearing(ear) as spoken:
                    found = await _heard(scope, requests, ear, spoken)
            finally:
                ear.close()
                tell(self._leave.home, "worker", {"is": "gone on", "run": scope.run.id})
        if found:
            self._say(scope, Running())
        return found

    async def told(self) -> None:
        """Wait until Prefect has been told what there was to tell: the run's end must come after it."""
        self._ended.set()
        if self._said is not None:
            await self._said

    def _say(self, scope: Scope, state: State) -> None:
        """Have Prefect show this state; nobody waits for it."""
        self._said = asyncio.create_task(_shown(UUID(scope.run.id), state, self._said, self._ended))


async def _heard(scope: Scope, requests: Sequence[Request], ear: Ear, spoken: asyncio.Event) -> bool:
    """Stay until an answer counts, the time is over, or the worker wants the process to go."""
    from prefect._flow_run_suspension import raise_if_flow_run_suspension_requested

    names = {request.id for request in requests}
    due = await _due(scope, requests)
    while True:
        raise_if_flow_run_suspension_requested()
        now = datetime.now(UTC)
        if due is not None and due <= now:
            return True
        # An answer that is there is waited for, however long it can still be taken back: it is not to be long.
        left = (due - now).total_seconds() if due is not None else _left(requests)
        if left <= 0:
            return False
        spoken.clear()
        said = ear.heard()
        if not said:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(spoken.wait(), min(left, _LOOK_SECONDS))
            said = ear.heard()
        if any(message.get("is") == "leave" for message in said):
            return False
        due = _soonest(said, names) or await _due(scope, requests)


def _soonest(said: Sequence[Message], names: set[str]) -> datetime | None:
    """From when on the answer counts that was told of; None where none was."""
    moments = []
    for message in said:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            if message["request"] in names:
                moments.append(datetime.fromisoformat(message["at"]))
    return min(moments, default=None)


async def _due(scope: Scope, requests: Sequence[Request]) -> datetime | None:
    """From when on the first answer among these counts; None while nobody has answered."""
    moments = []
    for request in requests:
        now = await asyncio.to_thread(scope.gatekeeper.get, request.id)
        if scope.gatekeeper.counts(now):
            return datetime.min.replace(tzinfo=UTC)
        if not now.is_open and now.effective_at is not None:
            moments.append(now.effective_at)
    return min(moments, default=None)


def _left(requests: Sequence[Request]) -> float:
    """Seconds for which the process may still stay: each gate grants its own, from when it opened."""
    now = datetime.now(UTC)
    return max(
        min(request.policy.linger, request.policy.linger - (now - request.opened_at).total_seconds())
        for request in requests
    )


@contextlib.asynccontextmanager
async def _hearing(ear: Ear) -> AsyncIterator[asyncio.Event]:
    """An event that is set when something is said."""
    spoken, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(ear.fileno(), spoken.set)
    try:
        yield spoken
    finally:
        loop.remove_reader(ear.fileno())


async def _shown(run_id: UUID, state: State, before: asyncio.Task[None] | None, ended: asyncio.Event) -> None:
    if before is not None:
        await before
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), _SHOW_SECONDS)
    context = FlowRunContext.get()
    if context is None:
        return
    try:
        answer: Any = context.client.set_flow_run_state(run_id, state)  # of a client that answers at once, or later
        await answer
    except Exception as error:  # it only shows; whatever it shows, the run goes on
        log.debug("Prefect does not show %s: %s", state.name, error)
