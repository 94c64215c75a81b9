"""What a home's Prefect server is started with, and what is asked of it."""

from __future__ import annotations

import threading
import urllib.error
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID

import letters
import pytest
from houses import until
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.states import Cancelled, Running

from approvals.resume import PrefectRuns
from flows.prefect_server import POOL, Addresses, ask, revive, settings_for

HERE = Addresses(prefect="http://127.0.0.1:4200", queue="http://127.0.0.1:4280", home="/h", pid=1)


def test_every_part_belongs_to_the_home_and_to_no_other_server(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, HERE)

    assert settings["COUNTERSIGN_HOME"] == str(tmp_path)
    assert settings["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert settings["PREFECT_HOME"].startswith(str(tmp_path))
    assert settings["PREFECT_LOCAL_STORAGE_PATH"].startswith(str(tmp_path))


def test_the_recorder_flushes_whole_seconds(tmp_path: Path) -> None:
    """Prefect cuts fractions off, and a flush every zero seconds keeps half a core busy."""
    interval = settings_for(tmp_path, HERE)["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"]

    assert int(interval) >= 1


def test_after_everything_was_killed_the_runs_at_work_are_started_again_and_no_others(house):
    house.client.request("POST", "/work_pools/", json={"name": POOL, "type": "process"})
    ours = house.start(letters.one_letter, work_pool_name=POOL, to="halden")
    waiting = house.begin(letters.by_hand, to="kestrel")
    elsewhere = house.start(letters.two_letters, to="marlow")
    for run in (ours, elsewhere):
        house.client.set_flow_run_state(UUID(run), Running(), force=True)
    api = str(house.client.api_url).rstrip("/")

    revived = revive(Addresses(prefect=api.removesuffix("/api"), queue="", home="", pid=0))

    assert revived == 1
    assert house.state(ours).name == "Rescheduled"
    assert house.state(elsewhere).name == "Running", "somebody else's worker may be at it"
    assert house.state(waiting).name == "Suspended"


def test_a_schedule_makes_runs(house):
    """With a SQLAlchemy that its scheduler does not know, Prefect schedules nothing and says so only in a log."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import IntervalSchedule

    hourly = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)), active=True)
    deployment = house.deploy(letters.one_letter, schedules=[hourly])
    mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))

    def scheduled() -> list[object]:
        return [run for run in house.client.read_flow_runs(deployment_filter=mine) if run.auto_scheduled]

    assert until(scheduled, seconds=40)
    # Nothing of it may be picked up later by somebody else's test.
    house.client.delete_deployment(deployment)


def test_runs_that_wait_are_told_by_a_count_and_none_of_them_is_missed(house):
    runs = PrefectRuns()
    waiting = [house.begin(letters.by_hand, to=to) for to in ("halden", "kestrel")]
    read, counted = runs.statuses(waiting), runs.statuses(waiting)
    house.client.set_flow_run_state(UUID(waiting[0]), Cancelled(), force=True)
    cancelled = runs.statuses(waiting)
    house.client.delete_deployment(UUID(read[waiting[1]].deployment))
    removed = runs.statuses(waiting)

    assert {one: (watch.status, watch.deployment) for one, watch in counted.items()} == {
        one: (watch.status, watch.deployment) for one, watch in read.items()
    }
    assert all(watch.since is None for watch in counted.values()), "that is not told by a count"
    assert [cancelled[one].status for one in waiting] == ["ended", "suspended"]
    assert removed[waiting[1]].deployment is None


def test_a_server_that_is_busy_is_asked_again_and_any_other_refusal_is_one(monkeypatch):
    codes = [503, 503, 200, 500]

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(codes.pop(0))
            self.end_headers()
            self.wfile.write(b"7")

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr("flows.prefect_server._AGAIN_SECONDS", (0, 0))
    server = HTTPServer(("127.0.0.1", 0), Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        answered = ask(f"http://127.0.0.1:{server.server_port}/", {})
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(f"http://127.0.0.1:{server.server_port}/", {})
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    refused.value.close()

    assert answered == 7
    assert codes == []
