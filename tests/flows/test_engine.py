"""What the worker relies on and Prefect does not promise. Where one of these fails, read docs/adr/0016."""

from __future__ import annotations

import inspect

from prefect import flow_engine
from prefect.workers.base import BaseWorker

from flows.engine import Engine
from flows.worker import CountersignWorker


def test_the_engine_still_has_what_ours_takes_the_place_of():
    theirs = flow_engine.AsyncFlowRunEngine

    observing = inspect.getsource(theirs.setup_flow_run_suspension_request)

    assert isinstance(flow_engine.BaseFlowRunEngine.heartbeat_seconds, property)
    assert "self.setup_flow_run_suspension_request()" in inspect.getsource(theirs.start)
    assert "observe_flow_run_suspension" in observing
    assert "register_flow_run_suspension_request" in observing
    assert "engine.heartbeat_seconds" in inspect.getsource(flow_engine._send_heartbeats)
    # Our `executed` repeats its loop: a line that is new there is missing here.
    loop = inspect.getsource(flow_engine.run_flow_async).partition("async with engine.start():")[2]
    assert [line.strip() for line in loop.splitlines() if line.strip()] == [
        "while engine.is_running():",
        "async with engine.run_context():",
        "await engine.call_flow_fn()",
        'return engine.state if return_type == "state" else await engine.result()',
    ]
    assert issubclass(Engine, theirs)


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
