"""A run's execution as Prefect's process worker sees it through: crashes reported, cancellations carried out.

The only file that uses Prefect's own parts for that, which it does not publish (docs/adr/0016). Its process worker
makes them anew for every run, which takes a tenth of a second; here they live as long as the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import anyio
import httpx
from prefect._internal.observers import FlowRunCancellingObserver
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_flow_run
from prefect.logging import get_logger
from prefect.runner._cancellation_manager import CancellationManager
from prefect.runner._control_channel import ControlChannel
from prefect.runner._event_emitter import EventEmitter
from prefect.runner._flow_run_executor import FlowRunExecutor
from prefect.runner._hook_runner import HookRunner
from prefect.runner._process_manager import ProcessHandle, ProcessManager
from prefect.runner._state_proposer import StateProposer
from prefect.states import Scheduled

from flows.handover import tell
from flows.lingering import WAITING

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.children import Child

GRACE_SECONDS = 30.0
"""How long a process may take to end by itself once it was asked to."""

log = get_logger("countersign.attempts")


class Attempts:
    """The runs that have a process now."""

    def __init__(self) -> None:
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
        client = await enter(get_client())
        self._channel = ControlChannel()
        self._observer = FlowRunCancellingObserver(on_cancelling=self._cancelling)
        self._processes = await enter(ProcessManager(on_add=self._added, on_remove=self._removed))
        self._proposer = _Proposer(client=client)
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
        try:
            task_status.started(child.pid)
            execution = await executor.submit()
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await child.end_by_force(GRACE_SECONDS)
                await self._processes.remove(flow_run.id)
            raise
        finally:
            self._children.pop(flow_run.id, None)
        if execution is None:  # it was cancelled before it began, and is marked so
            child.dismiss()
            return 0
        return 0 if self._proposer.scheduled_again(flow_run.id) else execution.status_code or 0

    async def let_go(self, home: Path, seconds: float = 5.0) -> None:
        """Have those that stay in a gate suspend, and wait so long for it: whoever is at work stays at work."""
        staying = [
            child for run_id, child in self._children.items() if tell(home, "run", {"is": "leave"}, name=str(run_id))
        ]
        with anyio.move_on_after(seconds):
            for child in staying:
                await child.wait()

    def _cancelling(self, flow_run_id: UUID) -> None:
        if flow_run_id in self._children:
            self._cancellations.start_soon(self._canceller.cancel_by_id, flow_run_id)

    async def _added(self, run_id: UUID) -> None:
        self._observer.add_in_flight_flow_run_id(run_id)

    async def _removed(self, run_id: UUID) -> None:
        self._observer.remove_in_flight_flow_run_id(run_id)
        self._channel.unregister(run_id)


class _Proposer(StateProposer):
    """Has a run start again whose process was killed while it only waited: nothing of it is lost."""

    def __init__(self, *, client: PrefectClient) -> None:
        super().__init__(client=client)
        self._again: set[UUID] = set()

    def scheduled_again(self, run_id: UUID) -> bool:
        """Whether the run's last process was replaced instead of mourned."""
        if run_id in self._again:
            self._again.discard(run_id)
            return True
        return False

    async def propose_crashed(self, flow_run: FlowRun, message: str) -> State[Any] | None:
        with contextlib.suppress(httpx.HTTPError, ObjectNotFound):
            state = (await self._client.read_flow_run(flow_run.id)).state
            if state is not None and state.is_running() and state.name == WAITING:
                again: State[Any] = Scheduled(name="Rescheduled", message=f"It waited for an answer. {message}")
                await self._client.set_flow_run_state(flow_run.id, again, force=True)
                self._again.add(flow_run.id)
                log.warning("The process of run %r was killed while it waited; another takes over.", flow_run.name)
                return again
        return await super().propose_crashed(flow_run, message)


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
