"""What a CRM update wrote is taken back on a real Prefect server: asked for, signed by somebody else, done once."""

from __future__ import annotations

import json

import pytest
from houses import ANNA, BEN
from prefect import task
from test_monitoring import artifacts, shown

from agents.changes import AddNote, Associate, Create, SetField
from agents.documents import CrmUpdate, EntityRef
from approvals.errors import CannotActOnOwnRequest
from approvals.reverts import Reverts
from flows import composition
from flows.gates import effected, flow, reviewed
from flows.monitoring import Monitoring
from flows.revert import revert
from flows.steps import CRM_UPDATE, apply_update, gated

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

OLD = Create(object="company", key="co:arden.example", fields={"name": "Arden", "phone": "1"})
CHANGES = (
    Create(object="company", key="co:halden.example", fields={"name": "Halden"}),
    Create(object="deal", key="dl:1", fields={"name": "Offer", "amount": "10.00", "currency": "EUR"}),
    SetField(object="company", key=OLD.key, field="phone", before="1", after="2"),
    AddNote(key="nt:1", object="deal", about="dl:1", body="Signed."),
    Associate(object="deal", key="dl:1", to_object="company", to_key="co:halden.example"),
)


@task(**gated)
async def plan(name: str) -> CrmUpdate:
    entity = EntityRef(name=name, domain="halden.example")
    return CrmUpdate(crm=composition.crm_address(), entity=entity, changes=CHANGES)


@flow(gates=[CRM_UPDATE])
async def writing(name: str) -> object:
    """Only the last part of an outreach."""
    update = await reviewed(CRM_UPDATE, plan, name)
    return await effected(CRM_UPDATE, apply_update, update)


@pytest.fixture
def crm(house, monkeypatch):
    monkeypatch.delenv("APPROVALS_POLICIES")  # those that ship
    composition.reset()
    crm = composition.agents().crm
    crm.apply(OLD, by="somebody")
    return crm


@pytest.fixture
def reverts(house, crm):
    approvals = house.approvals
    house.deploy(revert)
    ways = {name: way._replace(deployment=f"revert/{house.name}") for name, way in composition.WAYS_BACK.items()}
    return Reverts(approvals.ledger, approvals.service.authority, approvals.policies, ways, composition._Starter())


def written(house):
    """A request whose update was written, and its run."""
    run = house.begin(writing, name="Halden")
    request = house.approve(house.the_request(run))
    assert house.go_on(writing, run).name == "Completed"
    return request, run


def held(crm):
    return [(record.key, record.fields) for record in crm.records()], crm.notes()


def test_an_update_is_taken_back_once_somebody_else_has_signed_it(house, crm, reverts):
    before = held(crm)
    request, _ = written(house)
    run = reverts.ask(request.id, BEN)

    state = house.execute(revert, run.id)
    asked = house.the_request(run.id)
    after_asking = crm.read("company", OLD.key).fields["phone"]
    with pytest.raises(CannotActOnOwnRequest):
        house.approve(asked, BEN)
    house.approve(asked, ANNA)
    ended = house.go_on(revert, run.id)

    assert state.name == "Suspended"
    assert (asked.identity.gate, asked.action, asked.requester) == ("crm_revert", "crm.revert", BEN.id)
    assert after_asking == "2"
    assert ended.name == "Completed"
    assert {one["outcome"] for one in house.result(run.id)["applied"]} == {"written"}
    assert held(crm) == before
    assert house.events(request)[-1] == "effect.revert_asked"


def test_what_was_taken_back_can_be_put_there_again_by_its_run(house, crm, reverts):
    _, wrote = written(house)
    after = held(crm)
    first = reverts.ask(wrote, BEN)
    house.execute(revert, first.id)
    house.approve(house.the_request(first.id))
    house.go_on(revert, first.id)

    second = reverts.ask(first.id, BEN)
    house.execute(revert, second.id)
    house.approve(house.the_request(second.id))
    ended = house.go_on(revert, second.id)

    assert ended.name == "Completed"
    assert held(crm)[0] == after[0]
    assert [note.key for note in crm.notes()] == ["nt:1"]


def test_where_nothing_is_left_of_it_the_run_says_so_and_asks_nobody(house, crm, reverts):
    request, _ = written(house)
    for field, before, after in (("phone", "2", "3"),):
        crm.apply(SetField(object="company", key=OLD.key, field=field, before=before, after=after), by="somebody")
    first = reverts.ask(request.id, BEN)
    house.execute(revert, first.id)
    house.approve(house.the_request(first.id))
    house.go_on(revert, first.id)

    again = reverts.ask(request.id, BEN)
    state = house.execute(revert, again.id)

    assert again.id != first.id
    assert (state.type.value, state.name) == ("COMPLETED", "Nothing to revert")
    assert "phone of company co:arden.example: it was changed to '3' since." in state.message
    assert house.open_requests() == []


def test_what_was_done_stands_beside_the_run_item_by_item(house, crm):
    monitoring = Monitoring(house.approvals, settled=0)
    request, run = written(house)

    shown(monitoring)

    rows = json.loads(artifacts(house, run)[f"receipt-{request.id.lower()}"].data)
    assert len(rows) == len(CHANGES)
    assert rows[0] == {"outcome": "written", "record": "company co:halden.example", "what happened": "written"}


def test_without_documents_it_says_only_how_much_was_done(house, crm):
    monitoring = Monitoring(house.approvals, documents=False, settled=0)
    request, run = written(house)

    shown(monitoring)

    kept = artifacts(house, run)[f"receipt-{request.id.lower()}"]
    assert json.loads(kept.data) == [{"outcome": "5 written"}]
    assert "halden" not in kept.data
