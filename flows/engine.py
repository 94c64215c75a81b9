"""Prefect's engine for a run in a child of the fork server: it asks less, and makes ready before it may begin.

Subclassed, not patched; docs/adr/0016 says what that rests on, and tests/flows/test_engine.py holds it to that.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect import __version__
from prefect._flow_run_suspension import FlowRunSuspensionRequest, register_flow_run_suspension_request
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import RelatedResource, emit_event
from prefect.exceptions import TerminationSignal
from prefect.flow_engine import AsyncFlowRunEngine
from prefect.flows import Flow

from flows.busy import ask_again_soon

_FIRST_BEAT_SECONDS = 2.0

ASKED_TO_END = (TerminationSignal, asyncio.CancelledError, KeyboardInterrupt)
"""What comes out of a run whose process was asked to end (SIGTERM, Ctrl-C) and that nobody cancelled."""


class Sparing(PrefectClient):
    """A view of Prefect's client that does not ask what this process knows already."""

    def __init__(self, client: PrefectClient, run: FlowRun) -> None:
        """
        Args:
            run: The run of this process as it was read last.
        """
        self.__dict__ = client.__dict__  # it is the same client, with the same connections
        ask_again_soon(client)
        self._run: FlowRun | None = run
        self._noted = (run.flow_version, run.empirical_policy.model_copy(deep=True))

    async def update_flow_run(self, flow_run_id: UUID, *args: Any, **noted: Any) -> httpx.Response:
        """As Prefect's; what is noted of a run when it begins is noted once, not whenever it goes on."""
        version, policy = self._noted
        if not args and noted == {"flow_version": version, "empirical_policy": policy}:
            return httpx.Response(httpx.codes.NO_CONTENT)
        return await super().update_flow_run(flow_run_id, *args, **noted)

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """As Prefect's; the first time, what the server said when it let the run begin, a moment ago."""
        run, self._run = self._run, None
        if run is not None and run.id == flow_run_id and run.state is not None and run.state.is_running():
            return run
        return await super().read_flow_run(flow_run_id)


class Engine(AsyncFlowRunEngine[Any, Any]):
    """Runs a flow as Prefect does.

    It waits for no observer of suspensions from outside: the worker watches for them, and tells its child. And the
    first sign of life is sent when the flow has begun, not while it does, for sending it asks the server four things.
    """

    go: Callable[[], State]
    """Waits for the word to begin; tells the state that the run has then."""
    _sparing: Sparing | None = None

    @property
    def client(self) -> PrefectClient:
        """Prefect's, which is not asked what is known."""
        if self._sparing is None and self.flow_run is not None:
            self._sparing = Sparing(super().client, self.flow_run)
        return self._sparing or super().client

    async def begin_run(self) -> State:
        """As Prefect's, once the word to begin has come; all before that happens while it is waited for."""
        # Asked to end before it began, the process has nothing to report: no state of the run is its own.
        ours = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        state = await asyncio.to_thread(self.go)
        signal.signal(signal.SIGTERM, ours)
        if self.flow_run is not None:
            self.flow_run.state, self.flow_run.state_type, self.flow_run.state_name = state, state.type, state.name
        begun = await super().begin_run()
        if self.flow_run is not None and begun.is_running():
            self.flow_run.run_count += 1  # as the server counts
        return begun

    @asynccontextmanager
    async def start(self) -> AsyncIterator[None]:
        """As Prefect's, with our signs of life."""
        async with super().start():
            ended = threading.Event()
            if self.beat_seconds is not None:
                terms = (self, self.flow_run, self.beat_seconds, ended)
                threading.Thread(target=_beat, args=terms, name="countersign-beats", daemon=True).start()
            try:
                yield
            finally:
                ended.set()

    @property
    def heartbeat_seconds(self) -> int | None:
        """None: the beats are ours."""
        return None

    @property
    def beat_seconds(self) -> int | None:
        """What Prefect would have made it."""
        return super().heartbeat_seconds

    async def handle_crash(self, exc: BaseException) -> None:
        """As Prefect's; but whoever was asked to end has not crashed: the worker has the run begin again."""
        if isinstance(exc, ASKED_TO_END):
            ended: Any = exc
            self._raised = ended
            self.logger.info("This process was asked to end. The run begins again in another.")
            return
        await super().handle_crash(exc)

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator[FlowRunSuspensionRequest]:
        """As Prefect's, without its observer."""
        request = self._get_flow_run_suspension_request()
        with ExitStack() as stack:
            if self.flow_run is not None:
                stack.enter_context(register_flow_run_suspension_request(self.flow_run.id, request))
            request.raise_if_requested()
            yield request


async def executed(flow: Flow[..., Any], flow_run: FlowRun, go: Callable[[], State]) -> Any:
    """Run it to its end, as `run_flow_async` does, once `go` has told the state that it begins in."""
    engine: Any = Engine(flow=flow, flow_run=flow_run, parameters=_parameters(flow, flow_run))
    engine.go = go
    async with engine.start():
        while engine.is_running():
            async with engine.run_context():
                await engine.call_flow_fn()
    return await engine.result()


def _parameters(flow: Flow[..., Any], flow_run: FlowRun) -> dict[str, Any]:
    from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs

    args, kwargs = parameters_to_args_kwargs(flow.fn, flow_run.parameters or {})
    return get_call_parameters(flow.fn, args, kwargs)


def _beat(engine: Engine, flow_run: FlowRun, seconds: int, ended: threading.Event) -> None:
    wait = _FIRST_BEAT_SECONDS
    related = [
        RelatedResource({"prefect.resource.id": f"prefect.flow.{flow_run.flow_id}", "prefect.resource.role": "flow"})
    ]
    if flow_run.deployment_id:
        of = f"prefect.deployment.{flow_run.deployment_id}"
        related.append(RelatedResource({"prefect.resource.id": of, "prefect.resource.role": "deployment"}))
    while not ended.wait(wait):
        wait = float(seconds)
        emit_event(
            event="prefect.flow-run.heartbeat",
            resource={
                "prefect.resource.id": f"prefect.flow-run.{flow_run.id}",
                "prefect.resource.name": flow_run.name,
                "prefect.version": __version__,
            },
            related=related,
        )
