"""What Prefect shows of the queue, on a real server."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import letters
import pytest
import yaml
from houses import ANNA, House, until
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.events.schemas.automations import AutomationCore

from approvals.decisions import SYSTEM
from flows.monitoring import Monitoring

AUTOMATIONS = sorted((Path(__file__).parents[2] / "docs" / "automations").glob("*.yaml"))


@pytest.fixture
def monitoring(house: House) -> Monitoring:
    return Monitoring(house.approvals, address="https://queue.example", settled=0)


def shown(monitoring: Monitoring) -> None:
    while monitoring.once():
        pass


def artifacts(house: House, run: str) -> dict[str, object]:
    of = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run)]))
    found = house.client.read_artifacts(artifact_filter=of, limit=100)
    return {artifact.key: artifact for artifact in sorted(found, key=lambda one: one.created)}


def events(house: House, request_id: str) -> list[dict[str, object]]:
    wanted = {"resource": {"id": [f"countersign.request.{request_id}"]}, "order": "ASC"}
    answer = house.client.request("POST", "/events/filter", json={"filter": wanted, "limit": 50})
    return list(answer.json()["events"])


def test_a_run_is_named_by_what_it_waits_for_and_then_by_what_came_of_it(house, monitoring):
    run = house.begin(letters.one_letter, to="halden")
    request = house.the_request(run)

    shown(monitoring)
    waiting = house.client.read_flow_run(UUID(run)).name
    house.approve(request)
    shown(monitoring)

    assert waiting == f"{request.run.flow} · {request.about or request.title} · letter waiting for sales"
    assert house.client.read_flow_run(UUID(run)).name.endswith("letter approved")


def test_the_draft_and_the_decision_lie_beside_the_run_with_a_link_to_the_request(house, monitoring):
    run = house.begin(letters.one_letter, to="halden")
    request = house.the_request(run)
    shown(monitoring)
    before = artifacts(house, run)
    house.reject(request, reason="The price is <b>last</b> year's.")

    shown(monitoring)

    draft, decision = f"letter-{request.id.lower()}", f"decision-{request.id.lower()}"
    after = artifacts(house, run)
    assert set(before) == {draft}
    assert f"(https://queue.example/r/{request.id})" in before[draft].data
    assert "<b>" not in after[draft].data
    (card,) = json.loads(after[decision].data)
    assert (card["decision"], card["by"], card["why"]) == ("rejected", ANNA.id, "The price is <b>last</b> year's.")


def test_without_documents_prefect_learns_who_decided_and_nothing_of_what(house):
    monitoring = Monitoring(house.approvals, documents=False, settled=0)
    run = house.begin(letters.one_letter, to="halden")
    request = house.the_request(run)
    house.reject(request, reason="Halden is bankrupt.")

    shown(monitoring)

    found = artifacts(house, run)
    assert set(found) == {f"decision-{request.id.lower()}"}
    assert "bankrupt" not in found[f"decision-{request.id.lower()}"].data


def test_what_is_erased_is_erased_beside_the_run_as_well(house, monitoring):
    run = house.begin(letters.one_letter, to="halden")
    request = house.the_request(run)
    house.approvals.service.withdraw(request.id, "no longer needed")
    shown(monitoring)
    assert artifacts(house, run)
    assert request.title in house.client.read_flow_run(UUID(run)).name

    house.approvals.service.erase(request.id, SYSTEM)
    shown(monitoring)

    assert artifacts(house, run) == {}
    assert request.title not in house.client.read_flow_run(UUID(run)).name


def test_what_prefect_refuses_keeps_nothing_else_from_being_shown(house, monitoring, monkeypatch):
    run = house.begin(letters.one_letter, to="halden")
    refused = house.the_request(run)
    other = house.begin(letters.one_letter, to="kestrel")
    request = house.the_request(other)
    drawn = monitoring._artifacts

    def misnamed(one):
        if one.id == refused.id:
            return iter([next(drawn(one)).model_copy(update={"key": "Not A Key"})])
        return drawn(one)

    monkeypatch.setattr(monitoring, "_artifacts", misnamed)

    shown(monitoring)

    assert artifacts(house, run) == {}
    assert set(artifacts(house, other)) == {f"letter-{request.id.lower()}"}


def test_each_act_is_one_event_of_prefect_however_often_it_is_sent(house, monitoring):
    run = house.begin(letters.one_letter, to="halden")
    request = house.the_request(run)
    shown(monitoring)
    house.approve(request)
    shown(monitoring)
    with house.approvals.store.begin() as transaction:
        transaction.tell_up_to(0, "monitoring")

    shown(monitoring)

    until(lambda: len(events(house, request.id)) >= 2, 20)
    found = events(house, request.id)
    assert [one["event"] for one in found] == ["countersign.request.opened", "countersign.request.approved"]
    assert f"prefect.flow-run.{run}" in [one["prefect.resource.id"] for one in found[0]["related"]]
    assert found[1]["payload"]["url"] == f"https://queue.example/r/{request.id}"


def test_while_prefect_is_away_nothing_is_lost(house, monitoring, monkeypatch):
    run = house.begin(letters.one_letter, to="halden")
    request = house.the_request(run)
    with monkeypatch.context() as patched:
        patched.setattr(monitoring, "_connected", lambda: (_ for _ in ()).throw(ConnectionError("away")))
        with pytest.raises(ConnectionError):
            monitoring.once()

    shown(monitoring)

    assert set(artifacts(house, run)) == {f"letter-{request.id.lower()}"}


def test_a_run_that_goes_on_is_left_alone_for_a_moment(house):
    monitoring = Monitoring(house.approvals, settled=60)
    run = house.begin(letters.one_letter, to="halden")

    assert monitoring.once() == 0
    assert artifacts(house, run) == {}


def test_what_happened_long_ago_is_passed_over(house, monitoring, monkeypatch):
    run = house.begin(letters.one_letter, to="halden")
    monkeypatch.setattr("flows.monitoring._OLD", timedelta(0))

    shown(monitoring)

    assert artifacts(house, run) == {}


@pytest.mark.parametrize("path", AUTOMATIONS, ids=lambda path: path.stem)
def test_the_automations_that_ship_are_what_prefect_takes(path):
    told = yaml.safe_load(path.read_text())

    AutomationCore.model_validate(told)

    acts = {"opened", "approved", "rejected", "returned", "expired", "withdrawn"}
    named = {*told["trigger"]["expect"], *told["trigger"].get("after", [])}
    assert named <= {f"countersign.request.{act}" for act in acts}
