"""A run's execution as Prefect's process worker sees it through: crashes reported, cancellations carried out.

The only file that uses Prefect's own parts for that, which it does not publish (docs/adr/0016). Its process worker
makes them anew for every run, which takes a tenth of a second; here they live as long as the worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import anyio
import httpx
from prefect._internal.observers import FlowRunCancellingObserver
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flows import load_flow_from_flow_run
from prefect.logging import get_logger
from prefect.runner._cancellation_manager import CancellationManager
from prefect.runner._control_channel import ControlChannel
from prefect.runner._event_emitter import EventEmitter
from prefect.runner._flow_run_executor import FlowRunExecutor
from prefect.runner._hook_runner import HookRunner
from prefect.runner._process_manager import ProcessHandle, ProcessManager
from prefect.runner._state_proposer import StateProposer
from prefect.states import Crashed

from flows.busy import ask_again_soon
from flows.handover import tell
from flows.relief import MOST, STOPPED, Roll, lost, relieve

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.children import Child

GRACE_SECONDS = 30.0
"""How long a process may take to end by itself once it was asked to."""

_LAST_WORDS_SECONDS = 3.0
"""How long a worker that ends tries to tell Prefect of a run that it ended; whoever follows it finds the rest."""

_LONGEST_PAUSE_SECONDS = 30.0

log = get_logger("countersign.attempts")


class Attempts:
    """The runs that have a process now."""

    def __init__(self, roll: Roll) -> None:
        """
        Args:
            roll: Where is noted which runs these are.
        """
        self.roll = roll
        self._stack = AsyncExitStack()
        self._children: dict[UUID, Child] = {}

    def __contains__(self, run_id: UUID) -> bool:
        return run_id in self._children

    @property
    def ids(self) -> frozenset[UUID]:
        """Of the runs that have a process."""
        return frozenset(self._children)

    def child(self, run_id: UUID) -> Child | None:
        """The process of this run."""
        return self._children.get(run_id)

    async def __aenter__(self) -> Attempts:
        enter = self._stack.enter_async_context
        self._client = client = await enter(get_client())
        ask_again_soon(client)
        self._channel = ControlChannel()
        self._observer = FlowRunCancellingObserver(on_cancelling=self._cancelling)
        self._processes = await enter(ProcessManager(on_add=self._added, on_remove=self._removed))
        self._proposer = _Proposer(client=client, ended_with=self._ended_with)
        self._hooks = HookRunner(resolve_flow=load_flow_from_flow_run)
        emitter = await enter(EventEmitter(runner_name="countersign", client=client))
        await enter(self._channel)
        self._cancellations = await enter(anyio.create_task_group())
        self._canceller = CancellationManager(
            process_manager=self._processes,
            hook_runner=self._hooks,
            state_proposer=self._proposer,
            event_emitter=emitter,
            client=client,
            control_channel=self._channel,
        )
        await enter(self._observer)
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._stack.__aexit__(*exc_info)

    def announced(self, run_id: UUID) -> dict[str, str]:
        """What a process needs in its environment to be cancelled in order; good for one process."""
        try:
            port, token = self._channel.register(run_id)
        except RuntimeError:
            return {}  # no such channel here: cancelled, it is ended all the same
        return {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}

    def renounced(self, run_id: UUID) -> None:
        """Forget an announced process that was not started."""
        self._channel.unregister(run_id)

    async def execute(self, flow_run: FlowRun, child: Child, task_status: anyio.abc.TaskStatus[int]) -> int:
        """Let the child run this run and see it to its end; its exit code, 0 where Prefect knows how it ended."""
        executor = FlowRunExecutor(
            flow_run=flow_run,
            starter=_Started(child),
            process_manager=self._processes,
            state_proposer=self._proposer,
            hook_runner=self._hooks,
            propose_submitting=False,
            get_attempt_conclusion=self._channel.get_conclusion,
        )
        self._children[flow_run.id] = child
        self.roll.take(flow_run.id, child.pid)
        try:
            task_status.started(child.pid)
            execution = await executor.submit()
            if execution is not None and child.returncode is None:  # the fork server is gone, and nobody saw how
                await self._proposer.propose_crashed(flow_run, "Its process is gone.")
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await child.end_by_force(GRACE_SECONDS)
                await self._processes.remove(flow_run.id)
                with anyio.move_on_after(_LAST_WORDS_SECONDS):
                    await self.relieved(flow_run.id, STOPPED)
            raise
        finally:
            self._children.pop(flow_run.id, None)
        self.roll.strike(flow_run.id)
        if execution is None:  # it was cancelled before it began, and is marked so
            child.dismiss()
            return 0
        return 0 if self._proposer.told_of(flow_run.id) else execution.status_code or 0

    async def let_go(self, home: Path, seconds: float = 5.0) -> None:
        """Have those that stay in a gate suspend, and wait so long for it: whoever is at work stays at work."""
        staying = [
            child for run_id, child in self._children.items() if tell(home, "run", {"is": "leave"}, name=str(run_id))
        ]
        with anyio.move_on_after(seconds):
            for child in staying:
                await child.wait()

    async def relieve_lost(self) -> int:
        """Have the runs begin again that nobody runs since their worker was killed; tells how many."""
        again = 0
        for run_id in [one for one in self.roll.lost() if one not in self._children]:
            again += await self.relieved(run_id, "Its process was killed, and its worker with it.")
        return again

    async def relieved(self, run_id: UUID, why: str) -> bool:
        """Have the run begin again if it had not come to a rest; False where it had, or where nobody can say now."""
        try:
            outcome = await relieve(self._client, run_id, why)
            if outcome == "given up":
                ended: State[Any] = Crashed(message=_given_up(why))
                await self._client.set_flow_run_state(run_id, ended, force=True)
        except httpx.HTTPError as error:
            log.debug("Nothing is known of run %s now: %s", run_id, error)
            return False
        self.roll.strike(run_id)
        if outcome == "again":
            log.warning("Run %s begins again. %s", run_id, why)
        return outcome == "again"

    def _ended_with(self, run_id: UUID) -> int | None:
        child = self._children.get(run_id)
        return child.returncode if child is not None else None

    def _cancelling(self, flow_run_id: UUID) -> None:
        if flow_run_id in self._children:
            self._cancellations.start_soon(self._canceller.cancel_by_id, flow_run_id)

    async def _added(self, run_id: UUID) -> None:
        self._observer.add_in_flight_flow_run_id(run_id)

    async def _removed(self, run_id: UUID) -> None:
        self._observer.remove_in_flight_flow_run_id(run_id)
        self._channel.unregister(run_id)


class _Proposer(StateProposer):
    """Tells Prefect how a run's process ended; one that could not say it itself is replaced instead of mourned."""

    def __init__(self, *, client: PrefectClient, ended_with: Callable[[UUID], int | None]) -> None:
        super().__init__(client=client)
        self._ended_with = ended_with
        self._told: set[UUID] = set()

    def told_of(self, run_id: UUID) -> bool:
        """Whether Prefect holds already what became of the run's last process."""
        if run_id in self._told:
            self._told.discard(run_id)
            return True
        return False

    async def propose_crashed(self, flow_run: FlowRun, message: str) -> State[Any] | None:
        """As Prefect's; but for a run that came to a rest first, and for one that begins again."""
        if not lost(self._ended_with(flow_run.id)):
            return await super().propose_crashed(flow_run, message)
        pause = 0.5
        while True:
            try:
                outcome = await relieve(self._client, flow_run.id, message)
                break
            except httpx.HTTPError:  # a run that nobody runs must not be said to be running for ever
                await anyio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if outcome == "given up":
            return await super().propose_crashed(flow_run, _given_up(message))
        self._told.add(flow_run.id)
        if outcome == "again":
            log.warning("Run %r begins again. %s", flow_run.name, message)
        return None


def _given_up(why: str) -> str:
    return f"{why} It began again {MOST} times."


class _Started:
    """Starts a run in a child that is ready for it."""

    def __init__(self, child: Child) -> None:
        self._child = child

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        self._child.go(flow_run.state.model_dump(mode="json") if flow_run.state else {})
        # It has what a process of theirs is asked for: a number, and a code once it has ended.
        task_status.started(ProcessHandle(cast("Any", self._child)))
        await self._child.wait()
