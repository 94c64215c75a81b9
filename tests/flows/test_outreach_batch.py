"""A batch: one run for each prospect of a file, once per campaign."""

from __future__ import annotations

import pytest
from houses import House
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

from flows.outreach import outreach
from flows.outreach_batch import outreach_batch

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]


def test_each_prospect_is_started_once_per_campaign(house: House) -> None:
    flow_id = house.client.create_flow(outreach)
    house.client.create_deployment(flow_id, "outreach", entrypoint="flows.outreach.outreach")
    (house.home / "prospects.csv").write_text("target,name\nhalden.example,Halden\nkestrel.example,Kestrel\n")
    campaign = str(house.home)

    first = house.call(outreach_batch, "", campaign)
    (house.home / "prospects.csv").write_text("target,name\nkestrel.example,Kestrel\norrin.example,Orrin\n")
    house.call(outreach_batch, "", campaign)

    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"campaign:{campaign}"]))
    runs = house.client.read_flow_runs(flow_run_filter=tagged)
    assert first.message == "2 of 2 prospects started."
    assert len(runs) == 3
    assert {run.labels["countersign.requester"] for run in runs} == {"schedule:outreach-batch"}
    assert {run.parent_task_run_id for run in runs} == {None}


def test_without_a_file_there_is_nothing_to_do_and_a_named_file_must_be_there(house: House) -> None:
    nothing = house.call(outreach_batch)
    missing = house.call(outreach_batch, str(house.home / "nowhere.csv"))

    assert (nothing.type.value, nothing.name) == ("COMPLETED", "Nothing to do")
    assert missing.type.value == "FAILED"
    assert "nowhere.csv" in missing.message
