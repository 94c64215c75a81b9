"""What people do to Prefect, its runs and its processes while runs wait, on what `countersign up` runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import faulted
import pytest
from houses import House
from prefect.states import Cancelled, Cancelling, Crashed, Failed, Suspended
from standing import Standing

from approvals.decisions import SYSTEM
from approvals.lifecycle import State

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("standing")]


@pytest.fixture
def begin(standing: Standing, at_standing: House) -> Callable[..., str]:
    """`begin("halden")`: a run on its way; tells its id."""

    def begin(to: str, flow: object = faulted.rested_letter, *, rests: str | None = None, **terms: object) -> str:
        if rests:
            (at_standing.desk / f"rest {rests} {to}").touch()
        return standing.begin(at_standing, flow, to, **terms)

    return begin


def comes_to(standing: Standing, house: House, run: str, state: str, *, seconds: float = 60) -> None:
    standing.until(
        lambda: house.state(run).name == state, f"run {run} did not come to {state} but {house.state(run)}",
        seconds=seconds,
    )  # fmt: skip


def rests(standing: Standing, house: House, point: str, to: str, *, times: int = 1) -> int:
    """Wait until the run rests there, so many times in all; tells the process."""

    def noted() -> list[str]:
        return [line for line in house.calls if line.startswith(f"rests {point} {to} ")]

    standing.until(lambda: len(noted()) >= times, f"{to} does not rest at {point}", seconds=60)
    return int(noted()[-1].split()[-1])


def lift(house: House, point: str, to: str) -> None:
    (house.desk / f"rest {point} {to}").unlink()


def verdict(standing: Standing, house: House, request_id: str) -> int:
    """Approve over REST; tells the status."""
    token = house.approvals.tokens.create("anna@acme.example", SYSTEM, scopes=("read", "decide")).secret
    address = f"{standing.addresses['queue']}/api/v1/requests/{request_id}/verdicts"
    body = json.dumps({"verdict": {"kind": "approve"}, "version": 1}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# -- a run is lost while its question waits ------------------------------------------------------------------------


def cancelling(house: House, run: str) -> None:
    house.client.set_flow_run_state(UUID(run), Cancelling())


def cancelled(house: House, run: str) -> None:
    house.client.set_flow_run_state(UUID(run), Cancelled(), force=True)


def crashed(house: House, run: str) -> None:
    house.client.set_flow_run_state(UUID(run), Crashed(), force=True)


def failed(house: House, run: str) -> None:
    house.client.set_flow_run_state(UUID(run), Failed(), force=True)


def without_deployment(house: House, run: str) -> None:
    house.client.delete_deployment(house.client.read_flow_run(UUID(run)).deployment_id)


LOSSES = [cancelling, cancelled, crashed, failed, without_deployment]


def test_the_question_of_a_run_that_is_lost_is_withdrawn_at_once_and_deciding_it_is_gone(standing, at_standing, begin):
    house = at_standing
    runs = {lose: begin(f"lost-{lose.__name__}") for lose in LOSSES}
    for run in runs.values():
        comes_to(standing, house, run, "Suspended")

    for lose, run in runs.items():
        lose(house, run)
    # Nobody looks now and then here: FLOWS_RECONCILE_SECONDS is an hour.
    standing.until(lambda: not [one for run in runs.values() for one in house.open_requests(run)], "open", seconds=20)

    requests = [house.requests(run)[0] for run in runs.values()]
    assert [request.state for request in requests] == [State.WITHDRAWN] * len(LOSSES)
    assert {verdict(standing, house, request.id) for request in requests} == {410}
    assert not [house.box(f"lost-{lose.__name__}") for lose in LOSSES if house.box(f"lost-{lose.__name__}")]


@pytest.mark.faults
def test_a_run_that_is_lost_while_the_queue_cannot_hear_of_it_is_found_when_it_hears_again(
    standing, at_standing, begin
):
    house = at_standing
    heard, unheard = begin("heard"), begin("unheard")
    for run in (heard, unheard):
        comes_to(standing, house, run, "Suspended")
    standing.kill("server")

    cancelled(house, unheard)  # perhaps before the queue has come back to the event stream
    standing.until(lambda: not house.open_requests(unheard), "not withdrawn", seconds=40)
    cancelled(house, heard)
    standing.until(lambda: not house.open_requests(heard), "not withdrawn", seconds=20)

    assert house.requests(heard)[0].state is house.requests(unheard)[0].state is State.WITHDRAWN


# -- somebody ends processes in order -----------------------------------------------------------------------------


def test_a_worker_that_is_asked_to_end_hands_its_runs_over_and_none_is_lost(standing, at_standing, begin):
    house = at_standing
    drafting, writing = begin("drafts", rests="drafting"), begin("writes", rests="after the write")
    comes_to(standing, house, writing, "Suspended")
    house.approve(house.the_request(writing), recall=0)
    rests(standing, house, "drafting", "drafts")
    rests(standing, house, "after the write", "writes")

    worker = standing.part("worker")
    worker.terminate()
    rests(standing, house, "drafting", "drafts", times=2)
    lift(house, "drafting", "drafts")
    lift(house, "after the write", "writes")
    comes_to(standing, house, drafting, "Suspended")
    house.approve(house.the_request(drafting), recall=0)

    for run in (drafting, writing):
        comes_to(standing, house, run, "Completed")
        names = [state.name for state in house.client.read_flow_run_states(UUID(run))]
        assert "Crashed" not in names
        assert "Rescheduled" in names
    assert (len(house.box("drafts")), len(house.box("writes"))) == (1, 1)
    assert standing.part("worker").pid != worker.pid


@pytest.mark.faults
def test_up_that_is_stopped_and_started_again_goes_on_with_what_was_at_work(standing, at_standing, begin):
    house = at_standing
    run = begin("stopped", rests="drafting")
    rests(standing, house, "drafting", "stopped")

    code = standing.stop()
    lift(house, "drafting", "stopped")
    standing.start()
    comes_to(standing, house, run, "Suspended")

    assert code == 0
    assert "Crashed" not in [state.name for state in house.client.read_flow_run_states(UUID(run))]


@pytest.mark.faults
def test_a_run_whose_process_is_killed_again_and_again_is_given_up_and_leaves_no_question(standing, at_standing, begin):
    house = at_standing
    run = begin("cursed", rests="saved")

    for time in range(1, 5):
        os.kill(rests(standing, house, "saved", "cursed", times=time), signal.SIGKILL)
    comes_to(standing, house, run, "Crashed")
    standing.until(lambda: not house.open_requests(run), "its question still waits", seconds=20)

    assert "began again 3 times" in house.state(run).message
    assert [request.state for request in house.requests(run)] == [State.WITHDRAWN]


# -- somebody has their hands on a run in Prefect's UI ---------------------------------------------------------------


@pytest.mark.faults
def test_suspend_in_the_ui_reaches_a_run_at_work_and_resume_lets_it_go_on(standing, at_standing, begin):
    house = at_standing
    run = begin("held", rests="drafting")
    pid = rests(standing, house, "drafting", "held")

    house.client.set_flow_run_state(UUID(run), Suspended())
    standing.until(lambda: house.state(run).name == "Suspended", "not suspended", seconds=20)
    lift(house, "drafting", "held")
    standing.until(lambda: not _lives(pid), "its process does not end", seconds=30)
    suspended = house.state(run).name
    house.resume(run)
    standing.until(lambda: house.open_requests(run), "it asks nobody", seconds=30)
    comes_to(standing, house, run, "Suspended")
    house.approve(house.the_request(run), recall=0)
    comes_to(standing, house, run, "Completed")

    assert suspended == "Suspended"
    assert len(house.box("held")) == 1


def test_resume_in_the_ui_approves_nothing_and_stands_in_the_record(standing, at_standing, begin):
    house = at_standing
    run = begin("pressed")
    comes_to(standing, house, run, "Suspended")

    house.resume(run)
    standing.until(lambda: "run.woken" in house.events(house.the_request(run)), "nothing is recorded", seconds=30)
    comes_to(standing, house, run, "Suspended")

    assert house.the_request(run).state is State.PENDING
    assert house.box("pressed") == []


# -- terms of a deployment ----------------------------------------------------------------------------------------


@pytest.mark.faults
def test_under_a_concurrency_limit_of_one_a_waiting_run_neither_crashes_nor_blocks_the_next(
    standing, at_standing, begin
):
    house = at_standing
    runs = [begin(to, concurrency_limit=1) for to in ("first", "second")]

    for run in runs:
        comes_to(standing, house, run, "Suspended", seconds=90)
    for run in runs:
        house.approve(house.the_request(run), recall=0)
    for run in runs:
        comes_to(standing, house, run, "Completed", seconds=90)

    assert (len(house.box("first")), len(house.box("second"))) == (1, 1)


@pytest.mark.faults
def test_a_flow_with_a_time_limit_waits_as_long_as_it_likes_and_is_given_up_where_it_works_too_long(
    standing, at_standing, begin
):
    house = at_standing
    waits, works = begin("waits", faulted.impatient_letter), begin("works", faulted.impatient_letter, rests="resumed")

    comes_to(standing, house, works, "TimedOut")
    comes_to(standing, house, waits, "Suspended")
    house.approve(house.the_request(waits), recall=0)
    comes_to(standing, house, waits, "Completed")

    assert house.requests(works) == []
    assert len(house.box("waits")) == 1


@pytest.mark.faults
def test_a_run_that_no_child_may_stand_in_for_waits_and_goes_on_in_a_python_of_its_own(standing, at_standing, begin):
    house = at_standing
    run = begin("spawned", job_variables={"env": {"PYTHONHASHSEED": "7"}})

    comes_to(standing, house, run, "Suspended", seconds=90)
    house.approve(house.the_request(run), recall=0)
    comes_to(standing, house, run, "Completed", seconds=90)

    assert standing.log_of("worker").count("starts a Python of its own") >= 2
    assert len(house.box("spawned")) == 1


@pytest.mark.faults
def test_in_a_stock_process_pool_a_killed_run_is_crashed_and_leaves_no_question_and_one_that_waits_goes_on(
    standing, at_standing, begin
):
    house = at_standing
    house.client.request("POST", "/work_pools/", json={"name": "stock", "type": "process"})
    command = ("-m", "prefect", "worker", "start", "--pool", "stock", "--type", "process")
    with (standing.home / "logs" / "stock.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": standing.path, "PREFECT_WORKER_QUERY_SECONDS": "1"},
            cwd=standing.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        killed, waits = (
            begin("killed", rests="saved", work_pool_name="stock"),
            begin("survives", work_pool_name="stock"),
        )
        os.kill(rests(standing, house, "saved", "killed"), signal.SIGKILL)
        comes_to(standing, house, killed, "Crashed")
        comes_to(standing, house, waits, "Suspended")
        standing.until(lambda: not house.open_requests(killed), "its question still waits", seconds=20)
        house.approve(house.the_request(waits), recall=0)
        comes_to(standing, house, waits, "Completed", seconds=90)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    assert [request.state for request in house.requests(killed)] == [State.WITHDRAWN]
    assert len(house.box("survives")) == 1


@pytest.mark.faults
def test_a_home_whose_pool_is_of_prefects_process_type_already_still_runs_flows(standing, at_standing, begin):
    house = at_standing
    house.client.request("DELETE", "/work_pools/countersign")
    house.client.request("POST", "/work_pools/", json={"name": "countersign", "type": "process"})

    assert standing.stop() == 0
    standing.start()
    run = begin("moved-in")
    comes_to(standing, house, run, "Suspended", seconds=90)
    house.approve(house.the_request(run), recall=0)
    comes_to(standing, house, run, "Completed", seconds=90)

    assert len(house.box("moved-in")) == 1


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
