"""The deployments of `prefect.yaml` on a stock server and a stock pool, and a limit on how many run at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import letters
import pytest
import yaml
from houses import until
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from workers import waking

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("worker")]


def test_prefect_deploys_all_of_them_unchanged_and_its_own_process_worker_runs_them(house):
    house, _, worker = house
    house.client.request("POST", "/work_pools/", json={"name": "countersign", "type": "process"})
    deploy = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]

    said = subprocess.run(deploy, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False)
    of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=["countersign"]))
    deployed = {one.name: one for one in house.client.read_deployments(work_pool_filter=of_pool)}
    run = house.client.create_flow_run_from_deployment(deployed["upkeep"].id)
    worker.pool = "countersign"
    worker.start("--limit", "1")
    until(lambda: house.state(str(run.id)).is_final(), 120)

    written = {one["name"]: one for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert said.returncode == 0, said.stderr
    assert deployed.keys() == written.keys()
    assert {one.entrypoint for one in deployed.values()} == {one["entrypoint"] for one in written.values()}
    assert all(not one.pull_steps for one in deployed.values()), "a pull step would bake a machine's folder in"
    for name, one in written.items():
        crons = [schedule.schedule.cron for schedule in deployed[name].schedules]
        assert crons == [schedule["cron"] for schedule in one.get("schedules", [])]
        limit = deployed[name].global_concurrency_limit
        assert (limit.limit if limit else None) == one.get("concurrency_limit", {}).get("limit")
    assert house.state(str(run.id)).name == "Completed"


@pytest.mark.faults
def test_of_a_deployment_limited_to_one_the_rest_stay_queued_and_a_run_that_waits_gives_its_place_up(
    house, monkeypatch
):
    house, server, worker = house
    server.kill()
    monkeypatch.setenv("PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS", "1")
    server.start()
    worker.type = "countersign"
    house.client.request("POST", "/work_pools/", json={"name": "letters", "type": "countersign"})
    # No run of it suspends while this file is there.
    (house.desk / "slow").touch()
    limited = house.deploy(letters.slow_letter, work_pool_name="letters", concurrency_limit=1)
    at_gates = house.deploy(letters.one_letter, work_pool_name="letters", concurrency_limit=1)

    def begin(deployment: UUID, to: str) -> str:
        labels = {"countersign.requester": "rita@acme.example"}
        run = house.client.create_flow_run_from_deployment(deployment, parameters={"to": to}, labels=labels)
        return str(run.id)

    worker.start()
    with waking(house):
        # At work it keeps its place, and the next stays queued.
        begin(limited, "halden")
        until(lambda: "run halden" in house.calls, 60)
        queued = begin(limited, "kestrel")
        until(lambda: house.state(queued).name == "AwaitingConcurrencySlot", 60)
        assert "run kestrel" not in house.calls
        # Waiting for a signature it gives its place up: all three come to their gates.
        runs = [begin(at_gates, to) for to in ("marlow", "orrin", "tern")]
        until(lambda: all(house.state(run).name == "Suspended" for run in runs), 120)
        # Answered, each takes a place again, and ends.
        for request in house.open_requests():
            house.approve(request, recall=0)
        until(lambda: all(house.state(run).is_final() for run in runs), 120)
        (house.desk / "slow").unlink()
        until(lambda: "run kestrel" in house.calls, 60)

    assert {house.state(run).name for run in runs} == {"Completed"}
    assert [len(house.box(to)) for to in ("marlow", "orrin", "tern")] == [1, 1, 1]
