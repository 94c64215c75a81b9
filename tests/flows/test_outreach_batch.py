"""A batch: one run for each prospect who was not dealt with lately, however often and however badly it ends."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from houses import House, until
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterTags
from test_handled import asked

from flows.outreach import outreach
from flows.outreach_batch import outreach_batch

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]


@pytest.fixture
def campaign(house: House) -> str:
    """A name of its own, and the deployment whose runs a batch starts; no worker serves it."""
    flow_id = house.client.create_flow(outreach)
    house.client.create_deployment(flow_id, "outreach", entrypoint="flows.outreach.outreach")
    return str(house.home)


def runs(house: House, campaign: str) -> list[Any]:
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"campaign:{campaign}"]))
    return list(house.client.read_flow_runs(flow_run_filter=tagged, limit=200))


def listed(house: House, *lines: str) -> None:
    (house.home / "prospects.csv").write_text("\n".join(("target,name", *lines, "")))


def report(house: House) -> list[dict[str, str]]:
    """The newest table of a batch."""
    key = ArtifactFilter(key=ArtifactFilterKey(any_=["outreach-batch"]))
    (newest,) = house.client.read_artifacts(artifact_filter=key, sort="CREATED_DESC", limit=1)
    rows: list[dict[str, str]] = json.loads(newest.data)
    return rows


def test_each_prospect_is_started_once_per_campaign(house: House, campaign: str) -> None:
    listed(house, "halden.example,Halden", "kestrel.example,Kestrel")
    first = house.call(outreach_batch, "", campaign)
    listed(house, "https://www.kestrel.example/,Kestrel", "orrin.example,Orrin")
    second = house.call(outreach_batch, "", campaign)

    started = runs(house, campaign)
    assert first.message == "2 of 2 prospects started."
    assert second.message == "1 of 2 prospects started, 1 started before."
    assert len(started) == 3
    assert {run.labels["countersign.requester"] for run in started} == {"schedule:outreach-batch"}
    assert {run.parent_task_run_id for run in started} == {None}


def test_who_was_handled_lately_is_skipped_and_the_report_says_why(house: House, campaign: str) -> None:
    request = asked(house)
    house.approve(request, recall=0)
    listed(house, "halden.example,Halden", "kestrel.example,Kestrel")

    ended = house.call(outreach_batch, "", campaign)

    skipped, started = report(house)
    assert ended.message == "1 of 2 prospects started, 1 skipped."
    assert (skipped["prospect"], skipped["outcome"]) == ("Halden", "skipped")
    assert f"its letter was approved on {request.opened_at:%Y-%m-%d} ({request.id})" in skipped["why"]
    assert (started["prospect"], started["outcome"]) == ("Kestrel", "started")
    (run,) = runs(house, campaign)
    assert str(run.id) in started["run"]


def test_whose_run_was_called_off_begins_anew_and_once(house: House, campaign: str) -> None:
    listed(house, "halden.example,Halden")
    house.call(outreach_batch, "", campaign)
    request = asked(house, str(runs(house, campaign)[0].id))
    house.approvals.service.withdraw(request.id, "its run was cancelled")

    again, repeated = (house.call(outreach_batch, "", campaign) for _ in range(2))

    assert again.message == "1 of 1 prospects started."
    assert repeated.message == "0 of 1 prospects started, 1 started before."
    assert len(runs(house, campaign)) == 2


def test_companies_of_the_crm_are_a_source_too(house: House, campaign: str) -> None:
    from agents.changes import Create
    from flows import composition

    fields = {"name": "Orrin", "domain": "orrin.example", "country": "DE"}
    composition.agents().crm.apply(
        Create(object="company", key="co:orrin.example", fields=fields, why="a test"), by="t"
    )

    ended = house.call(outreach_batch, "crm:company?country=DE", campaign)

    (run,) = runs(house, campaign)
    assert ended.message == "1 of 1 prospects started."
    assert run.parameters["prospect"]["target"] == "orrin.example"


def test_a_batch_that_is_killed_half_way_and_run_again_starts_each_prospect_once(house: House, campaign: str) -> None:
    names = [f"company-{number}" for number in range(30)]
    listed(house, *(f"{name}.example,{name}" for name in names))
    flow_id = house.client.create_flow(outreach_batch)
    terms = {"entrypoint": "flows.outreach_batch.outreach_batch", "parameters": {"campaign": campaign}}
    deployed = house.client.create_deployment(flow_id, house.name, **terms)
    killed = house.client.create_flow_run_from_deployment(deployed)
    process = house.subprocess(str(killed.id))
    until(lambda: len(runs(house, campaign)) > 2, 60)

    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(runs(house, campaign))
    again = house.client.create_flow_run_from_deployment(deployed)
    assert house.execute(outreach_batch, str(again.id)).name == "Completed"

    targets = sorted(run.parameters["prospect"]["target"] for run in runs(house, campaign))
    assert 2 < before < len(names)
    assert targets == sorted(f"{name}.example" for name in names)


def test_without_a_file_there_is_nothing_to_do_and_a_named_file_must_be_there(house: House) -> None:
    nothing = house.call(outreach_batch)
    missing = house.call(outreach_batch, str(house.home / "nowhere.csv"))

    assert (nothing.type.value, nothing.name) == ("COMPLETED", "Nothing to do")
    assert missing.type.value == "FAILED"
    assert "nowhere.csv" in missing.message
