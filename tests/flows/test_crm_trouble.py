"""A CRM that is away or refuses: the run waits, or fails under a name with a sentence, and tells what was done."""

from __future__ import annotations

import json

import pytest
from prefect import task
from prefect.states import Scheduled
from test_monitoring import artifacts
from test_revert import CHANGES, OLD, plan

from agents.crm import CRMS, open_crm
from agents.documents import CrmUpdate
from agents.errors import CrmError, CrmUnavailable
from flows import composition
from flows.gates import effected, flow, reviewed
from flows.steps import CRM_UPDATE, apply_update, gated

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

AT_ONCE = {"retry_delay_seconds": 0}


class Shaky:
    """The embedded CRM behind a line that is cut after so many changes, for so many times."""

    def __init__(self, crm, address):
        self._crm, self.address = crm, address
        self.left, self.outages = 10_000, 0
        self.refuses = False
        self.tries = 0

    def __getattr__(self, name):
        return getattr(self._crm, name)

    def apply(self, change, *, by):
        if self.refuses:
            raise CrmError("Shaky refuses all of it.")
        if self.left == 0:
            self.outages -= 1
            self.tries += 1
            if self.outages == 0:
                self.left = 10_000
            # Done, and yet no answer: the worst of cases.
            self._crm.apply(change, by=by)
            raise CrmUnavailable("Shaky answered 401: the token counts no more. Set SHAKY_TOKEN to another.")
        self.left -= 1
        return self._crm.apply(change, by=by)


@flow(gates=[CRM_UPDATE])
async def writing(name: str) -> object:
    """Only the last part of an outreach, without the minutes between tries."""
    update = await reviewed(CRM_UPDATE, plan, name)
    return await effected(CRM_UPDATE, apply_update.with_options(**AT_ONCE), update)


@task(**gated)
async def read(name: str) -> CrmUpdate:
    """Plans nothing: the CRM is away."""
    raise CrmUnavailable("Shaky does not answer. Look whether it runs.")


@flow(gates=[CRM_UPDATE])
async def reading_only(name: str) -> object:
    """Comes no further than planning."""
    return await reviewed(CRM_UPDATE, read, name)


@pytest.fixture
def crm(house, monkeypatch):
    found = Shaky(open_crm("embedded://", home=house.home), "shaky://")
    monkeypatch.setitem(CRMS, "shaky", lambda *_args, **_terms: found)
    monkeypatch.setenv("AGENTS_CRM", "shaky://")
    monkeypatch.delenv("APPROVALS_POLICIES")
    composition.reset()
    found._crm.apply(OLD, by="somebody")
    return found


def signed(house):
    run = house.begin(writing, name="Halden")
    house.approve(house.the_request(run))
    return run


def assert_written_once(crm):
    assert [record.key for record in crm.records()] == [OLD.key, "co:halden.example", "dl:1"]
    assert [note.key for note in crm.notes()] == ["nt:1"]
    assert len(crm.associations("deal", "dl:1")) == 1


def test_an_outage_in_the_middle_is_waited_for_and_everything_is_written_once(house, crm):
    run = signed(house)
    crm.left, crm.outages = 2, 1

    state = house.go_on(writing, run)

    assert state.name == "Completed"
    assert crm.tries == 1
    assert {one["outcome"] for one in house.result(run)["applied"]} == {"written"}
    assert_written_once(crm)


def test_an_outage_that_lasts_fails_under_its_name_and_tells_what_was_done(house, crm):
    run = signed(house)
    crm.left, crm.outages = 2, 100

    state = house.go_on(writing, run)

    laid_out = json.loads(artifacts(house, run)["done-so-far"].data)
    assert (state.type.value, state.name) == ("FAILED", "CRM unavailable")
    assert "the token counts no more. Set SHAKY_TOKEN to another." in state.message
    assert "This try came through 0 of 5 changes; what was done stays done" in state.message
    assert len(laid_out) == 2
    assert crm.tries == 3
    assert "permit.used" not in house.events()
    assert {one["outcome"] for one in laid_out} == {"written"}


def test_once_it_answers_the_run_goes_on_where_it_stopped(house, crm):
    run = signed(house)
    crm.left, crm.outages = 2, 100
    house.go_on(writing, run)
    crm.left = 10_000

    house.client.set_flow_run_state(run, Scheduled(), force=True)
    state = house.execute(writing, run)

    assert state.name == "Completed"
    assert house.events().count("permit.used") == 1
    assert len(house.requests(run)) == 1
    assert_written_once(crm)


def test_a_crm_that_cannot_be_read_asks_nobody(house, crm):
    state = house.call(reading_only, "Halden")

    assert (state.type.value, state.name) == ("FAILED", "CRM unavailable")
    assert state.message == "Shaky does not answer. Look whether it runs."
    assert house.requests() == []


def test_what_the_crm_refuses_is_asked_again_and_not_tried_for_minutes(house, crm):
    run = signed(house)
    crm.refuses = True

    state = house.go_on(writing, run)
    successor = house.the_request(run)

    assert state.name == "Suspended"
    assert len(successor.content.value()["changes"]) == len(CHANGES)
