"""Prefect's engine for a run in a child of the fork server, which does two things later that it would wait for.

Subclassed, not patched; docs/adr/0016 says what that rests on, and tests/flows/test_engine.py holds it to that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect import __version__
from prefect._flow_run_suspension import FlowRunSuspensionRequest, register_flow_run_suspension_request
from prefect.client.schemas.objects import FlowRun
from prefect.events import RelatedResource, emit_event
from prefect.flow_engine import AsyncFlowRunEngine
from prefect.flows import Flow

_FIRST_BEAT_SECONDS = 2.0


class Engine(AsyncFlowRunEngine[Any, Any]):
    """Runs a flow as Prefect does.

    It waits for no observer of suspensions from outside: the worker watches for them, and tells its child. And the
    first sign of life is sent when the flow has begun, not while it does, for sending it asks the server four things.
    """

    @property
    def heartbeat_seconds(self) -> int | None:
        """None: the beats are ours."""
        return None

    @property
    def beat_seconds(self) -> int | None:
        """What Prefect would have made it."""
        return super().heartbeat_seconds

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator[FlowRunSuspensionRequest]:
        """As Prefect's, without its observer."""
        request = self._get_flow_run_suspension_request()
        with ExitStack() as stack:
            if self.flow_run is not None:
                stack.enter_context(register_flow_run_suspension_request(self.flow_run.id, request))
            request.raise_if_requested()
            yield request


async def executed(flow: Flow[..., Any], flow_run: FlowRun) -> Any:
    """Run it to its end, as `run_flow_async` does."""
    engine: Any = Engine(flow=flow, flow_run=flow_run, parameters=_parameters(flow, flow_run))
    ended = threading.Event()
    if engine.beat_seconds is not None:
        terms = (engine, flow_run, engine.beat_seconds, ended)
        threading.Thread(target=_beat, args=terms, name="countersign-beats", daemon=True).start()
    try:
        async with engine.start():
            while engine.is_running():
                async with engine.run_context():
                    await engine.call_flow_fn()
        return await engine.result()
    finally:
        ended.set()


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
