"""What the worker relies on and Prefect does not promise. Where one of these fails, read docs/adr/0016."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect import flow_engine
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, FlowRunPolicy
from prefect.states import Pending, Running
from prefect.workers.base import BaseWorker

from flows.engine import Engine, Sparing
from flows.worker import CountersignWorker


def test_the_engine_still_has_what_ours_takes_the_place_of():
    theirs = flow_engine.AsyncFlowRunEngine

    observing = inspect.getsource(theirs.setup_flow_run_suspension_request)

    assert isinstance(flow_engine.BaseFlowRunEngine.heartbeat_seconds, property)
    assert "self.setup_flow_run_suspension_request()" in inspect.getsource(theirs.start)
    assert "observe_flow_run_suspension" in observing
    assert "register_flow_run_suspension_request" in observing
    assert "engine.heartbeat_seconds" in inspect.getsource(flow_engine._send_heartbeats)
    # Who was asked to end comes here, and is not told as crashed.
    assert inspect.getsource(theirs.initialize_run).count("await self.handle_crash(exc)") == 2
    assert list(inspect.signature(theirs.handle_crash).parameters) == ["self", "exc"]
    # Our `executed` repeats its loop: a line that is new there is missing here.
    loop = inspect.getsource(flow_engine.run_flow_async).partition("async with engine.start():")[2]
    assert [line.strip() for line in loop.splitlines() if line.strip()] == [
        "while engine.is_running():",
        "async with engine.run_context():",
        "await engine.call_flow_fn()",
        'return engine.state if return_type == "state" else await engine.result()',
    ]
    assert issubclass(Engine, theirs)


def test_the_engine_still_asks_what_ours_knows_already():
    theirs = flow_engine.AsyncFlowRunEngine

    beginning = inspect.getsource(theirs.initialize_run)
    context = inspect.getsource(theirs.setup_run_context)

    # Asked otherwise, it would be asked all the same: slower, and not wrong.
    assert "await self.client.update_flow_run(" in beginning
    assert all(f"{name}=" in beginning for name in ("flow_run_id", "flow_version", "empirical_policy"))
    assert "client = self.client" in context
    assert "self.flow_run = await client.read_flow_run(self.flow_run.id)" in context
    assert isinstance(theirs.client, property)


class Server(PrefectClient):
    """A client whose server notes what it is asked, and knows one run."""

    def __init__(self, run: FlowRun) -> None:
        super().__init__("http://127.0.0.1:9/api")
        self.asked: list[str] = []

        async def request(method: str, *args: Any, **terms: Any) -> httpx.Response:
            self.asked.append(method)
            return httpx.Response(200, json=run.model_dump(mode="json"))

        self.request: Any = request  # on the client itself, where a view of it finds it too


@pytest.fixture
def run() -> FlowRun:
    """A run as it is read before it goes on."""
    policy = FlowRunPolicy(retries=0, retry_delay=0)
    return FlowRun(id=uuid4(), flow_id=uuid4(), flow_version="v1", empirical_policy=policy, state=Pending())


def test_what_was_noted_of_a_run_before_is_not_noted_again_and_what_changed_is(run):
    server = Server(run)
    client = Sparing(server, run)
    same, other = FlowRunPolicy(retries=0, retry_delay=0), FlowRunPolicy(retries=1, retry_delay=0)

    async def noted() -> list[int]:
        asked = []
        for version, policy in (("v1", same), ("v2", same), ("v1", other)):
            await client.update_flow_run(flow_run_id=run.id, flow_version=version, empirical_policy=policy)
            asked.append(len(server.asked))
        await client.update_flow_run(run.id, name="another", flow_version="v1", empirical_policy=same)
        return [*asked, len(server.asked)]

    assert asyncio.run(noted()) == [0, 1, 2, 3]


def test_a_run_is_read_from_memory_once_and_only_after_the_server_let_it_begin(run):
    async def asked(*of: Any, begun: bool) -> int:
        server = Server(run)
        client = Sparing(server, run)
        run.state = Running() if begun else Pending()
        for one in of:
            await client.read_flow_run(one)
        return len(server.asked)

    assert asyncio.run(asked(run.id, begun=False)) == 1
    assert asyncio.run(asked(run.id, begun=True)) == 0
    assert asyncio.run(asked(run.id, run.id, begun=True)) == 1
    assert asyncio.run(asked(uuid4(), begun=True)) == 1


def test_the_worker_still_has_what_ours_takes_the_place_of():
    submitted = inspect.getsource(BaseWorker._submit_scheduled_flow_runs)

    # Called otherwise, ours would stand unused, and runs would go the long way.
    assert "self._submit_run," in submitted
    assert "self._submitting_flow_run_ids.add(flow_run.id)" in submitted
    assert list(inspect.signature(BaseWorker._submit_run).parameters) == ["self", "flow_run"]
    assert list(inspect.signature(BaseWorker._propose_pending_state).parameters) == ["self", "flow_run"]
    assert CountersignWorker.get_worker_class_from_type("countersign") is CountersignWorker


def test_prefects_server_can_load_the_worker_without_any_step_agent_or_approval():
    source = inspect.getsource(inspect.getmodule(CountersignWorker))
    at_module_level = [line for line in source.splitlines() if line.startswith(("from ", "import "))]

    assert not [line for line in at_module_level if line.startswith(("from agents", "from approvals", "from flows"))]
