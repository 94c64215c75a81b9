"""The flow that ships, with the real agents, on a real Prefect server: the world moves after the signature."""

from __future__ import annotations

import pytest

from agents.changes import Create, SetField
from flows import composition
from flows.outreach import outreach

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

PAGE = """text:Tern Haulage
Tern Haulage is a freight company. Tern Haulage runs 64 lorries from 3 depots.
Contact: hello@tern-haulage.example
https://tern-haulage.example/
"""


def answer(house, run):
    """Approve what waits, answering for what no source supports."""
    request = house.the_request(run)
    findings = request.content.evidence.findings
    vouched = tuple(finding.claim_id for finding in findings if finding.support == "unsupported")
    return house.approve(request, vouched=vouched)


def test_a_record_that_moves_after_the_signature_is_asked_again_and_both_receipts_are_returned(house, monkeypatch):
    monkeypatch.delenv("APPROVALS_POLICIES")  # those that ship
    prospect = {"target": PAGE, "name": "Tern Haulage", "source_url": "https://tern-haulage.example/"}
    run = house.start(outreach, prospect=prospect)
    state = house.execute(outreach, run)
    while house.the_request(run).identity.gate != "crm_update":
        answer(house, run)
        state = house.go_on(outreach, run)
        assert state.name == "Suspended"
    update = house.the_request(run)
    company = next(one for one in update.content.value()["changes"] if one["object"] == "company")
    answer(house, run)
    # Somebody makes the same company, with another name, before the run comes to it.
    crm = composition.agents().crm
    crm.apply(Create(object="company", key=company["key"], fields={"name": "Tern Haulage Ltd"}), by="somebody")

    assert house.go_on(outreach, run).name == "Suspended"
    successor = house.the_request(run)
    answer(house, run)
    state = house.go_on(outreach, run)

    changes = successor.content.value()["changes"]
    record = crm.read("company", company["key"])
    assert state.name == "Completed"
    assert (successor.supersedes, successor.identity.succession) == (update.id, 1)
    renamed = SetField.model_validate(next(one for one in changes if one.get("field") == "name"))
    assert (renamed.before, renamed.after) == ("Tern Haulage Ltd", company["fields"]["name"])
    assert record.fields["name"] == company["fields"]["name"]
    assert house.events().count("permit.used") == 2
    outcomes = [one["outcome"] for one in house.result(run)["applied"]]
    assert "written" in outcomes
