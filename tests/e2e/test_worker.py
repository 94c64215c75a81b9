"""Runs on a real server with real workers, ours and Prefect's own, killed while everything waits and at other times."""

from __future__ import annotations

import os
import signal
import threading
from uuid import UUID

import letters
import pytest
from houses import PATH, until
from prefect.states import Cancelling
from workers import waking

from approvals.audit import verify
from approvals.resume import PrefectRuns
from flows.children import can_fork
from flows.waking import Waker

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("worker")]


def test_two_runs_survive_the_death_of_server_and_worker_and_each_goes_on_once(house):
    house, server, worker = house
    worker.type = "countersign"
    house.client.request("POST", "/work_pools/", json={"name": "letters", "type": "countersign"})
    worker.start()
    runs = [house.start(letters.one_letter, work_pool_name="letters", to=to) for to in ("halden", "kestrel")]
    until(lambda: all(house.state(run).name == "Suspended" for run in runs), 90)

    worker.kill()
    server.kill()
    for request in house.open_requests():
        house.approve(request)
    waker = Waker(house.approvals, PrefectRuns(), every=0.2)
    while_down = waker.once()
    server.start()
    worker.start()
    stop = threading.Event()
    waking = threading.Thread(target=waker.run, args=(stop,))
    waking.start()
    try:
        until(lambda: all(house.state(run).is_final() for run in runs), 90)
    finally:
        stop.set()
        waking.join()

    found = verify(house.approvals.store.entries(), house.approvals.store.rows())
    assert (while_down.woken, while_down.withdrawn, while_down.abandoned) == (0, 0, 0)
    assert [house.state(run).name for run in runs] == ["Completed", "Completed"]
    assert sorted(call for call in house.calls if not call.startswith("run")) == [
        "post halden",
        "post kestrel",
        "write halden 1",
        "write kestrel 1",
    ]
    assert (len(house.box("halden")), len(house.box("kestrel"))) == (1, 1)
    assert house.events().count("permit.used") == 2
    assert "run.woken" not in house.events()
    assert found.ok, found.problem


@pytest.mark.skipif(not can_fork(), reason="this machine cannot fork")
def test_our_worker_goes_on_at_once_and_sees_to_what_is_cancelled_killed_or_changed(house, tmp_path, monkeypatch):
    house, _, worker = house
    worker.type = "countersign"
    code = tmp_path / "code"
    code.mkdir()
    (code / "posted.py").write_text("from letters import one_letter\nVALUE = 'before'\n")
    monkeypatch.setenv("FLOWS_DOCUMENT_MODULES", '["agents", "flows", "letters", "posted"]')
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "3")
    worker.path = f"{PATH}{os.pathsep}{code}"
    house.client.request("POST", "/work_pools/", json={"name": "letters", "type": "countersign"})
    deployed = house.deploy(letters.one_letter, work_pool_name="letters", entrypoint="posted.one_letter")

    def begin() -> str:
        made = house.client.create_flow_run_from_deployment(
            deployed, parameters={"to": "halden"}, labels={"countersign.requester": "rita@acme.example"}
        )
        return str(made.id)

    worker.start("--limit", "1")
    with waking(house):
        # Suspended, answered, and gone on with, in a child of the fork server.
        run = begin()
        until(lambda: house.state(run).name == "Suspended", 60)
        request = house.the_request(run)
        house.approve(request, recall=0)
        until(lambda: house.state(run).is_final(), 20)
        states = [state.name for state in house.client.read_flow_run_states(UUID(run))]
        assert states[-5:] == ["Suspended", "Resuming", "Pending", "Running", "Completed"]
        assert [name for name in states if name != "Late"][:2] == ["Scheduled", "Pending"]

        # At work and cancelled: ended with SIGTERM, marked Cancelled, and the place it held is free again.
        (house.desk / "slow").touch()
        slow = house.start(letters.slow_letter, work_pool_name="letters", to="kestrel")
        until(lambda: "run kestrel" in house.calls, 20)
        waits = house.start(letters.slow_letter, work_pool_name="letters", to="marlow")
        house.client.set_flow_run_state(UUID(slow), Cancelling())
        until(lambda: house.state(slow).name == "Cancelled", 60)
        until(lambda: "run marlow" in house.calls, 20)
        assert house.state(waits).name == "Running"

        # At work and killed: it begins again at once, in another process.
        pid = next(line.split()[2] for line in house.calls if line.startswith("pid marlow"))
        os.kill(int(pid), signal.SIGKILL)
        until(lambda: house.calls.count("run marlow") == 2, 20)
        told = [state for state in house.client.read_flow_run_states(UUID(waits)) if state.name == "Rescheduled"]
        assert "SIGKILL" in told[0].message or "-9" in told[0].message
        (house.desk / "slow").unlink()

        # Changed code counts for the next run, without a restart.
        (code / "posted.py").write_text("from letters import by_hand as one_letter\nVALUE = 'changed'\n")
        changed = begin()
        until(lambda: house.open_requests(changed), 30)
        assert house.the_request(changed).identity.gate == "note"

    # To wait is no fault. (The level is INFO, which these logs leave out.)
    assert "Finished in state Suspended" not in worker.log
    assert "went on kestrel" not in house.calls
    assert "a Python of its own" not in worker.log
