"""Verdicts that cannot be half, decisions that cannot be mistaken for a yes, and differences that miss nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from approvals.canonical import canonical
from approvals.decisions import (
    ACTION_OF,
    ALL_VERDICTS,
    SYSTEM,
    Actor,
    Approve,
    Approved,
    Edit,
    Expired,
    FieldDifference,
    Reject,
    Rejected,
    Return,
    Returned,
    SignOff,
    Undecidable,
    Verdict,
    Withdrawn,
    differences,
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


# -- differences -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": 1}, {"a": "1"}, [("a", 1, "1")]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": [0]}, {"a": [False]}, [("a.0", 0, False)]),
        ({"a": None}, {}, [("a", None, None)]),
        ({}, {"a": None}, [("a", None, None)]),
        ([1], [1, None], [("1", None, None)]),
        ([1, 2, 3], [1, 3], [("1", 2, 3), ("2", 3, None)]),
        ({"a": {"b": [{"c": "x"}]}}, {"a": {"b": [{"c": "y"}]}}, [("a.b.0.c", "x", "y")]),
        ({"a": {"b": 1}}, {"a": [1]}, [("a", {"b": 1}, [1])]),
        ("x", "y", [("", "x", "y")]),
    ],
)
def test_differences_are_told_leaf_by_leaf(before, after, expected):
    found = differences(before, after)

    assert found == tuple(FieldDifference(path=path, before=old, after=new) for path, old, new in expected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1.0]) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)


@given(JSON, JSON)
def test_two_values_differ_exactly_where_their_canonical_forms_do(before, after):
    """An edit that nobody is told of would be worse than none."""
    assert bool(differences(before, after)) == (canonical(before) != canonical(after))
