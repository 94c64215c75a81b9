"""A request as a value: what it says of itself at a moment."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from pydantic import ValidationError

from approvals.canonical import canonical, digest
from approvals.lifecycle import State
from approvals.requests import DERIVED, OPERATIONAL, Fact, Identity, Request, new_id


def test_ids_can_be_read_aloud_and_do_not_repeat():
    ids = {new_id() for _ in range(2_000)}

    assert len(ids) == 2_000
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{10}", one) for one in ids)
    assert len(new_id(16)) == 16


@pytest.mark.parametrize("wrong", [{"run": ""}, {"gate": ""}, {"key": ""}, {"round": 0}, {"succession": -1}])
def test_an_identity_names_everything_that_tells_requests_apart(wrong):
    with pytest.raises(ValidationError):
        Identity(**{"run": "r", "gate": "g", "key": "k", **wrong})


def test_the_first_version_is_the_agents_draft_in_canonical_form(propose, make_offer, clock):
    content = propose(document=make_offer(title="Ünï")).content(clock())

    assert content.document == canonical(make_offer(title="Ünï"))
    assert content.sha256 == digest(content.document)
    assert content.value() == make_offer(title="Ünï")
    assert (content.version, content.author, content.at) == (1, "agent", clock())


@pytest.mark.parametrize("verdicts", [(), ("reject",), ("reject", "return")])
def test_a_gate_that_nobody_could_pass_is_not_proposed(propose, verdicts):
    with pytest.raises(ValidationError, match="nobody could ever let anything through it"):
        propose(verdicts=verdicts)


def test_what_an_agent_knows_beyond_the_fields_of_a_fact_is_kept(propose):
    fact = Fact(id="f1", key="shops", value="40", quote="40 shops", source_id="s1", offsets=[3, 11])  # type: ignore[call-arg]

    assert Fact.model_validate_json(fact.model_dump_json()) == fact
    assert fact.model_dump()["offsets"] == [3, 11]


def test_a_request_has_no_unknown_fields(open_request):
    request = open_request()

    with pytest.raises(ValidationError):
        Request.model_validate({**request.model_dump(), "status": "approved"})


def test_a_claim_counts_until_its_lease_lapses(open_request, service, clock, ANNA):
    claimed = service.claim(open_request(terms={"claim": 60}).id, ANNA)

    assert claimed.claimed_at(clock()) == "Anna.Berg@acme.example"
    assert claimed.claimed_at(clock() + timedelta(seconds=59)) == "Anna.Berg@acme.example"
    assert claimed.claimed_at(clock() + timedelta(seconds=60)) is None


@pytest.mark.parametrize("state", State)
def test_a_request_is_answered_once_it_is_closed_and_its_answer_counts(open_request, clock, state):
    request = open_request().model_copy(update={"state": state, "effective_at": clock()})
    closed = state not in (State.PENDING, State.CLAIMED)

    assert request.is_open is not closed
    assert request.answered(clock()) is closed
    assert not request.answered(clock() - timedelta(microseconds=1))
    assert not request.model_copy(update={"effective_at": None}).answered(clock())


def test_operational_columns_are_fields_of_a_request_or_made_of_them():
    assert set(Request.model_fields) >= OPERATIONAL - DERIVED


def test_what_a_person_decides_on_is_no_operational_column():
    assert OPERATIONAL.isdisjoint(
        {"state", "version", "policy", "taken_up_at", "effective_at", "verdicts", "claimed_by"}
    )
