"""Runs whose process stays in a gate for a while, on a real server with our worker."""

from __future__ import annotations

import os
import signal
from uuid import UUID

import letters
import pytest
from houses import House, until
from workers import Worker, waking

from approvals.audit import verify
from flows.children import can_fork
from flows.lingering import WAITING

pytestmark = [
    pytest.mark.server,
    pytest.mark.xdist_group("worker"),
    pytest.mark.skipif(not can_fork(), reason="this machine cannot fork, and no process stays in a gate then"),
]


def begun(house: House, worker: Worker, *options: str, linger: str = '"10m"') -> UUID:
    """A worker whose runs may stay in the gate `letter` for so long, and a deployment for it."""
    terms = (house.home / "policies.toml").read_text()
    (house.home / "policies.toml").write_text(terms.replace("linger = 0", f"linger = {linger}"))
    worker.type = "countersign"
    house.client.request("POST", "/work_pools/", json={"name": "letters", "type": "countersign"})
    deployment = house.deploy(letters.slow_letter, work_pool_name="letters")
    worker.start(*options)
    return deployment


def states(house: House, run: str) -> list[str]:
    """The names of the states it went through; on a busy machine it may be Late on its way."""
    return [state.name for state in house.client.read_flow_run_states(UUID(run)) if state.name != "Late"]


def pids(house: House, to: str) -> list[int]:
    """The processes that worked on it."""
    return [int(line.split()[2]) for line in house.calls if line.startswith(f"pid {to} ")]


def test_an_answer_finds_the_process_that_asked_and_prefect_says_what_it_does(house):
    house, _, worker = house
    begun(house, worker, "--limit", "1")
    with waking(house):
        run = house.start(letters.slow_letter, work_pool_name="letters", to="halden")
        until(lambda: house.state(run).name == WAITING, 60)
        # It waits, and holds nobody up: the only place is free for another.
        other = house.start(letters.slow_letter, work_pool_name="letters", to="kestrel")
        until(lambda: house.state(other).name == WAITING, 30)

        house.approve(house.the_request(run), recall=0)
        until(lambda: house.state(run).is_final(), 20)
        house.approve(house.the_request(other), recall=1)
        until(lambda: house.state(other).is_final(), 20)

    assert states(house, run) == ["Scheduled", "Pending", "Running", WAITING, "Running", "Completed"]
    assert states(house, other)[-2:] == ["Running", "Completed"]
    assert len(pids(house, "halden")) == len(pids(house, "kestrel")) == 1
    assert (len(house.box("halden")), len(house.box("kestrel"))) == (1, 1)


def test_one_that_was_killed_while_it_stayed_is_begun_anew_and_asks_nothing_twice(house):
    house, _, worker = house
    begun(house, worker)
    with waking(house):
        run = house.start(letters.slow_letter, work_pool_name="letters", to="halden")
        until(lambda: house.state(run).name == WAITING, 60)

        os.kill(pids(house, "halden")[0], signal.SIGKILL)
        until(lambda: len(pids(house, "halden")) == 2 and house.state(run).name == WAITING, 40)
        house.approve(house.the_request(run), recall=0)
        until(lambda: house.state(run).is_final(), 20)

    found = verify(house.approvals.store.entries(), house.approvals.store.rows())
    assert states(house, run)[3:6] == [WAITING, "Rescheduled", "Pending"]
    assert house.state(run).name == "Completed"
    assert [call for call in house.calls if call.startswith("write")] == ["write halden 1"]
    assert len(house.box("halden")) == 1
    assert found.ok, found.problem


@pytest.mark.faults
def test_one_that_the_worker_leaves_behind_is_suspended_and_so_is_one_whose_time_is_over(house):
    house, _, worker = house
    begun(house, worker)
    with waking(house):
        run = house.start(letters.slow_letter, work_pool_name="letters", to="halden")
        until(lambda: house.state(run).name == WAITING, 60)

        worker.stop()

        assert house.state(run).name == "Suspended"
        assert house.the_request(run).holder is None
        terms = (house.home / "policies.toml").read_text()
        (house.home / "policies.toml").write_text(terms.replace('linger = "10m"', "linger = 1"))
        worker.start()
        short = house.start(letters.slow_letter, work_pool_name="letters", to="kestrel")
        until(lambda: house.state(short).name == "Suspended", 60)
        assert WAITING in states(house, short)


@pytest.mark.faults
def test_none_stays_where_a_limit_counts_it_or_no_place_is_left(house, monkeypatch):
    house, _, worker = house
    begun(house, worker)
    limited = house.deploy(letters.one_letter, work_pool_name="letters", concurrency_limit=3)
    with waking(house):
        run = house.client.create_flow_run_from_deployment(limited, parameters={"to": "halden"}).id
        until(lambda: house.state(str(run)).name == "Suspended", 60)
        worker.stop()
        monkeypatch.setenv("FLOWS_LINGER_PLACES", "1")
        worker.start()
        first = house.start(letters.slow_letter, work_pool_name="letters", to="kestrel")
        until(lambda: house.state(first).name == WAITING, 60)
        second = house.start(letters.slow_letter, work_pool_name="letters", to="marlow")
        until(lambda: house.state(second).name == "Suspended", 60)

    assert WAITING not in states(house, str(run))
    assert WAITING not in states(house, second)
    assert house.state(first).name == WAITING
