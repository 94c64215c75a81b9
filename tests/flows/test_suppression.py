"""Whoever is on the suppression list never reaches the queue, and nothing of theirs is written; on a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import pytest
from test_outreach import PAGE, answer
from test_outreach_batch import campaign, listed, report, runs

from agents.ports import Suppression
from agents.suppressing import subject_of
from flows import composition
from flows.outreach import outreach
from flows.outreach_batch import outreach_batch

__all__ = ["campaign"]  # a fixture

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

PROSPECT = {"target": PAGE, "name": "Tern Haulage", "source_url": "https://tern-haulage.example/"}


def suppress(*texts: str) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    subjects = [subject_of(text) for text in texts]
    composition.agents().suppressed.add([Suppression(sha256=one.sha256, kind=one.kind, at=at) for one in subjects])


@pytest.fixture(autouse=True)
def _shipped_policies(house, monkeypatch):
    monkeypatch.delenv("APPROVALS_POLICIES")
    composition.reset()


def until_gate(house, run, name):
    """Execute the run until it waits at this gate, approving what comes before."""
    state = house.execute(outreach, run)
    while house.the_request(run).identity.gate != name:
        answer(house, run)
        state = house.go_on(outreach, run)
    assert state.name == "Suspended"
    return house.the_request(run)


def test_a_suppressed_company_is_not_researched_and_nobody_is_asked(house):
    suppress("tern-haulage.example")
    run = house.start(outreach, prospect=PROSPECT)

    state = house.execute(outreach, run)

    assert (state.type.value, state.name) == ("COMPLETED", "Suppressed")
    assert "tern-haulage.example is on the suppression list since 2026-03-02" in state.message
    assert house.requests() == []


def test_a_company_that_only_research_recognises_is_not_asked_about_either(house):
    suppress("tern-haulage.example")
    run = house.start(outreach, prospect={"target": PAGE})

    state = house.execute(outreach, run)

    assert state.name == "Suppressed"
    assert house.requests() == []


def test_a_list_that_does_not_read_lets_nobody_through(house):
    (house.home / "suppressed.csv").write_text("no list\nat all\n")
    run = house.start(outreach, prospect=PROSPECT)

    state = house.execute(outreach, run)

    assert (state.type.value, state.name) == ("FAILED", "Suppression list unusable")
    assert "Nobody is approached until it does" in state.message
    assert house.requests() == []


def test_a_company_that_is_listed_before_the_draft_is_not_drafted_for(house, monkeypatch):
    shipped = resources.files("approvals").joinpath("policies.toml").read_text()
    (house.home / "asking.toml").write_text(shipped.replace('ask_when = "flagged"', ""))
    monkeypatch.setenv("APPROVALS_POLICIES", str(house.home / "asking.toml"))
    composition.reset()
    run = house.start(outreach, prospect=PROSPECT)
    until_gate(house, run, "brief")
    answer(house, run)
    suppress("tern-haulage.example")

    state = house.go_on(outreach, run)

    assert state.name == "Suppressed"
    assert [request.identity.gate for request in house.requests()] == ["brief"]


def test_a_company_that_is_listed_after_the_signature_is_not_written(house):
    run = house.start(outreach, prospect=PROSPECT)
    until_gate(house, run, "crm_update")
    answer(house, run)
    suppress("tern-haulage.example")

    state = house.go_on(outreach, run)

    assert (state.type.value, state.name) == ("COMPLETED", "Suppressed")
    assert composition.agents().crm.records() == ()
    assert "permit.used" not in house.events()


def test_what_waits_for_a_company_that_was_listed_since_cannot_be_approved(house):
    run = house.start(outreach, prospect=PROSPECT)
    request = until_gate(house, run, "crm_update")
    suppress("tern-haulage.example")

    examination = house.approvals.service.examine(request)

    assert [error.path for error in examination.errors] == ["entity.domain"]
    assert "Reject this." in examination.errors[0].message


def test_a_suppressed_person_stands_in_no_request_and_not_in_the_crm(house):
    suppress("hello@tern-haulage.example")
    run = house.start(outreach, prospect=PROSPECT)
    until_gate(house, run, "crm_update")
    answer(house, run)

    state = house.go_on(outreach, run)

    crm = composition.agents().crm
    assert state.name == "Completed"
    assert crm.records("contact") == ()
    assert crm.records("company")
    assert all("hello@" not in request.content.document for request in house.requests(run))


def test_a_batch_skips_whoever_is_listed_and_says_so(house, campaign):
    suppress("halden.example")
    listed(house, "https://www.halden.example/,Halden", "kestrel.example,Kestrel")

    ended = house.call(outreach_batch, "", campaign)

    skipped, started = report(house)
    assert ended.message == "1 of 2 prospects started, 1 skipped."
    assert (skipped["prospect"], skipped["outcome"]) == ("Halden", "skipped")
    assert "www.halden.example is on the suppression list" in skipped["why"]
    assert started["outcome"] == "started"
    assert len(runs(house, campaign)) == 1
