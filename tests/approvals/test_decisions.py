"""Verdicts that cannot be half, and decisions that cannot be mistaken for a yes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from approvals.decisions import (
    ACTION_OF,
    ALL_VERDICTS,
    SYSTEM,
    Actor,
    Approve,
    Approved,
    Edit,
    Expired,
    Reject,
    Rejected,
    Return,
    Returned,
    SignOff,
    Undecidable,
    Verdict,
    Withdrawn,
)
from approvals.lifecycle import Action

VERDICT = TypeAdapter(Verdict)
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Offer(BaseModel):
    title: str


DECISIONS = [
    Approved(Offer(title="x"), None, edited=False, by=("anna@acme.example",), request_id="R1", at=AT),
    Rejected("too dear", "price", ("anna@acme.example",), "R1"),
    Returned("shorter", ("anna@acme.example",), "R1"),
    Expired("R1"),
    Withdrawn("R1"),
]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: type(decision).__name__)
def test_no_decision_has_a_truth_value(decision):
    with pytest.raises(Undecidable, match="Match on it"):
        bool(decision)
    with pytest.raises(TypeError):
        _ = decision and "approved by accident"


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"kind": "approve"}, Approve()),
        ({"kind": "approve", "vouched": ["c1"]}, Approve(vouched=("c1",))),
        ({"kind": "edit", "document": {"title": "y"}}, Edit(document={"title": "y"})),
        ({"kind": "reject", "reason": "too dear", "code": "price"}, Reject(reason="too dear", code="price")),
        ({"kind": "return", "feedback": "shorter"}, Return(feedback="shorter")),
    ],
)
def test_a_verdict_is_read_by_its_kind(given, verdict):
    assert VERDICT.validate_python(given) == verdict


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "yes"},
        {"kind": "approve", "document": {"title": "y"}},
        {"kind": "approve", "status": "approved"},
        {"kind": "edit"},
        {"kind": "edit", "document": None},
        {"kind": "reject"},
        {"kind": "reject", "reason": ""},
        {"kind": "reject", "reason": " \n\t "},
        {"kind": "reject", "reason": "x" * 4_001},
        {"kind": "reject", "reason": "\ud800"},
        {"kind": "reject", "reason": "too dear", "code": "Price!"},
        {"kind": "reject", "reason": "too dear", "code": "price\n"},
        {"kind": "return"},
        {"kind": "return", "feedback": ""},
        {"kind": "return", "feedback": "\u00a0\u3000"},
        {"kind": "return", "feedback": "x" * 20_001},
    ],
    ids=lambda given: repr(given)[:60],
)
def test_half_a_verdict_is_none(given):
    with pytest.raises(ValidationError):
        VERDICT.validate_python(given)


def test_what_a_person_wrote_is_kept_as_written():
    assert Reject(reason="  two lines\n  of reason ").reason == "  two lines\n  of reason "


def test_every_verdict_has_its_action_and_an_edit_is_an_approval():
    assert set(ACTION_OF) == set(ALL_VERDICTS)
    assert ACTION_OF["edit"] is ACTION_OF["approve"] is Action.APPROVE


def test_values_are_frozen_and_know_no_other_fields():
    actor = Actor(kind="person", id="anna@acme.example", via="session")

    with pytest.raises(ValidationError):
        actor.id = "ben@acme.example"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Actor(kind="person", id="anna@acme.example", via="session", admin=True)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Actor(kind="person", id="", via="session")


def test_the_machinery_has_no_scope_to_decide():
    assert SYSTEM.scopes == frozenset()
    assert str(SYSTEM) == "system:countersign"
    assert str(Actor(kind="person", id="anna@acme.example", via="session")) == "anna@acme.example"


def test_instants_are_kept_in_utc_and_never_without_a_zone():
    berlin = AT.astimezone(timezone(timedelta(hours=1)))

    signoff = SignOff(person="anna@acme.example", sha256="0" * 64, version=1, at=berlin, via="session")

    assert signoff.at.tzinfo is UTC
    assert signoff.at == AT
    with pytest.raises(ValidationError):
        SignOff(person="a@b", sha256="0" * 64, version=1, at=AT.replace(tzinfo=None), via="session")
