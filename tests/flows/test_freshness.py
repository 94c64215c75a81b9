"""Another hand changes what a draft rests on, before the signature and after it: all three values are told, and nothing
is overwritten. With the agents that ship, on a real Prefect server."""

from __future__ import annotations

from importlib import resources

import pytest
from test_outreach import PAGE, answer

from agents.changes import Create, SetField
from approvals.errors import StaleDecision
from flows import composition
from flows.outreach import outreach

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

PROSPECT = {"target": PAGE, "name": "Tern Haulage", "source_url": "https://tern-haulage.example/"}
COMPANY = "co:tern-haulage.example"
HELD = {"name": "Tern Haulage", "email": "old@tern-haulage.example"}


@pytest.fixture
def run(house, monkeypatch):
    """A run, and a CRM that knows the company already."""
    monkeypatch.delenv("APPROVALS_POLICIES")
    composition.reset()
    composition.agents().crm.apply(Create(object="company", key=COMPANY, fields=HELD), by="somebody")
    return house.start(outreach, prospect=PROSPECT)


def until_gate(house, run, name):
    house.execute(outreach, run)
    while house.the_request(run).identity.gate != name:
        answer(house, run)
        house.go_on(outreach, run)
    return house.the_request(run)


def change_email(before, after):
    change = SetField(object="company", key=COMPANY, field="email", before=before, after=after)
    composition.agents().crm.apply(change, by="somebody else")


def moved(house, request):
    """What the page shows in its three columns."""
    effects = house.approvals.service.examine(house.approvals.service.get(request.id)).effects
    return [(one.field, one.base, one.now, one.after) for one in effects if one.moved and not one.rests_on]


def email_now():
    return composition.agents().crm.read("company", COMPANY).fields["email"]


def test_a_record_that_moves_before_the_signature_is_decided_on_anew_and_after_it_asked_again(house, run):
    request = until_gate(house, run, "crm_update")
    before = moved(house, request)
    change_email("old@tern-haulage.example", "boss@tern-haulage.example")

    with pytest.raises(StaleDecision, match="changed since it was made"):
        answer(house, run)
    revised = house.the_request(run)
    told = moved(house, revised)

    assert before == []
    assert revised.version == 2
    assert [one.address for one in revised.content.moved] == [f"{composition.crm_address()}company/{COMPANY}"]
    assert told == [
        ("Email", "old@tern-haulage.example", "boss@tern-haulage.example", "hello@tern-haulage.example"),
    ]  # fmt: skip

    answer(house, run)
    change_email("boss@tern-haulage.example", "chief@tern-haulage.example")
    state = house.go_on(outreach, run)
    successor = house.the_request(run)

    assert state.name == "Suspended"
    assert successor.supersedes == revised.id
    assert email_now() == "chief@tern-haulage.example"
    assert moved(house, successor) == [
        ("Email", "old@tern-haulage.example", "chief@tern-haulage.example", "hello@tern-haulage.example"),
    ]  # fmt: skip

    house.reject(successor)
    ended = house.go_on(outreach, run)

    assert ended.name == "Rejected"
    assert email_now() == "chief@tern-haulage.example"
    assert composition.agents().crm.records("deal")


def test_a_catalogue_that_changes_before_the_signature_is_told_with_both_prices(house, run, monkeypatch):
    prices = house.home / "catalogue.toml"
    shipped = resources.files("agents").joinpath("catalogue.toml").read_text()
    prices.write_text(shipped)
    monkeypatch.setenv("AGENTS_CATALOGUE", str(prices))
    composition.reset()
    request = until_gate(house, run, "proposal")
    line = request.content.value()["lines"][0]
    prices.write_text(shipped.replace(f'"{line["unit_price"]}"', '"9999.00"'))
    composition.reset()

    # Its prices are no longer the catalogue's, so somebody would have to answer for them.
    found = house.approvals.service.examine(request).findings
    vouched = tuple(one.claim_id for one in found if one.support == "unsupported")
    with pytest.raises(StaleDecision):
        house.approve(request, vouched=vouched)
    revised = house.the_request(run)
    effects = house.approvals.service.examine(revised).effects
    (price,) = [one for one in effects if one.rests_on and line["name"] in one.record]

    assert [one.address for one in revised.content.moved] == ["catalogue:"]
    assert price.rests_on == "catalogue:"
    assert price.base == price.after
    assert "9,999.00" in price.now
