"""Rows keep who they are when they are moved, taken out and added, with buttons alone or by a script."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.changes import SetField
from agents.documents import Claim, CrmUpdate, EntityRef, Proposal, Section, dump
from approvals.canonical import canonical
from approvals.differences import differences
from approvals.forms import nodes, ordered, parse

PROPOSAL = json.loads(canonical(ordered(Proposal.model_json_schema(mode="validation"))))
UPDATE = json.loads(canonical(ordered(CrmUpdate.model_json_schema(mode="validation"))))


def proposal() -> Any:
    claims = [Claim(id=f"c{number}", text=f"Claim {number} says this.", fact_ids=("f1", "f2")) for number in range(3)]
    section = Section(key="why", title="Why", claims=tuple(claims))
    return dump(
        Proposal(entity=EntityRef(name="Halden"), title="Offer", sections=(section,), currency="EUR", valid_days=30)
    )


@pytest.mark.parametrize(
    ("press", "order"),
    [
        ("up:d.sections.0.claims.1", [1, 0, 2]),
        ("down:d.sections.0.claims.1", [0, 2, 1]),
        ("remove:d.sections.0.claims.1", [0, 2]),
        ("remove:d.sections.0", None),
        ("save", [0, 1, 2]),
    ],
)
def test_a_button_moves_or_removes_its_row_alone(press, order, through_a_browser):
    document = proposal()

    typed = through_a_browser(PROPOSAL, document, press=press)

    expected = proposal()
    if order is None:
        expected["sections"] = []
    else:
        expected["sections"][0]["claims"] = [document["sections"][0]["claims"][place] for place in order]
    assert typed.document == expected


def test_taking_out_a_row_is_one_difference_and_moving_one_is_too(through_a_browser):
    document = proposal()

    without = through_a_browser(PROPOSAL, document, press="remove:d.sections.0.claims.0").document
    moved = through_a_browser(PROPOSAL, document, press="up:d.sections.0.claims.2").document

    assert [(one.change, one.path) for one in differences(document, without)] == [("removed", "sections.0.claims.0")]
    assert [(one.change, one.path) for one in differences(document, moved)] == [("moved", "sections.0.claims.1")]


def test_what_was_typed_before_a_button_was_pressed_is_kept(through_a_browser):
    fill = {"d.sections.0.claims.2.text": "New words."}

    typed = through_a_browser(PROPOSAL, proposal(), press="remove:d.sections.0.claims.0", fill=fill)

    assert [claim["text"] for claim in typed.document["sections"][0]["claims"]] == ["Claim 1 says this.", "New words."]


def test_a_new_row_has_a_name_of_its_own_and_no_figures(through_a_browser):
    document = proposal()

    once = through_a_browser(PROPOSAL, document, press="add:d.sections.0.claims", base=document)
    twice = through_a_browser(PROPOSAL, once.document, press="add:d.lines", base=once.document)

    assert once.document["sections"][0]["claims"][3] == {"id": "new-1", "text": "", "fact_ids": [], "catalogue_ids": []}
    assert once.focus == "sections.0.claims.3"
    line = twice.document["lines"][0]
    assert (line["id"], line["quantity"], line["unit_price"]) == ("new-2", "", "")
    assert canonical(through_a_browser(PROPOSAL, twice.document).document) == canonical(twice.document)


def test_a_new_row_of_a_union_is_of_the_kind_that_was_chosen(through_a_browser):
    change = SetField(object="deal", key="d1", field="stage", before=None, after="won")
    document = dump(CrmUpdate(crm="embedded://", entity=EntityRef(name="Halden"), changes=(change,)))
    list_of_changes = nodes(UPDATE, document).at("changes")
    assert list_of_changes is not None
    note = next(act.text for act in list_of_changes.additions if act.label == "Add add note")

    typed = through_a_browser(UPDATE, document, press=note)

    assert typed.document["changes"][0] == document["changes"][0]
    assert typed.document["changes"][1] | {"key": "k"} == {
        "kind": "add_note",
        "key": "k",
        "object": "",
        "about": "",
        "body": "",
        "why": "",
        "fact_ids": [],
        "apply": True,
    }


def test_nothing_can_be_set_and_cleared_again(through_a_browser):
    schema = {
        "type": "object",
        "properties": {"who": {"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}]}},
        "$defs": {"P": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    }

    there = through_a_browser(schema, {"who": None}, press="set:d.who")
    gone = through_a_browser(schema, there.document, press="clear:d.who")
    added = through_a_browser(schema, {}, press="set:d.who")

    assert there.document == added.document == {"who": {"name": ""}}
    assert gone.document == {"who": None}
    assert through_a_browser(schema, {}).document == {}


def test_entries_of_a_map_can_be_added_renamed_and_removed(through_a_browser):
    schema = {"type": "object", "additionalProperties": {"type": "string"}}

    more = through_a_browser(schema, {"a": "1", "b": "2"}, press="add:d").document
    named = through_a_browser(schema, more, fill={"d.2.__key": "c", "d.2.__value": "3"}).document
    fewer = through_a_browser(schema, named, press="remove:d.0").document

    assert more == {"a": "1", "b": "2", "": ""}
    assert named == {"a": "1", "b": "2", "c": "3"}
    assert fewer == {"b": "2", "c": "3"}


def test_two_entries_of_one_name_are_both_kept_and_told(through_a_browser):
    schema = {"type": "object", "additionalProperties": {"type": "string"}}

    typed = through_a_browser(schema, {"a": "1", "b": "2"}, fill={"d.1.__key": "a"})

    assert typed.document == {"a": "1", "a (2)": "2"}
    assert [one.path for one in typed.errors] == ["a (2)"]


def test_a_script_may_move_rows_by_their_keys_alone():
    """Row keys stand in every name, so moving a row in the page renames nothing."""
    document = proposal()
    pairs = [
        ("d.__is", "object"),
        ("d.sections.__is", "list"),
        ("d.sections.__k", "0"),
        ("d.sections.0.__is", "object"),
        ("d.sections.0.claims.__is", "list"),
        *[("d.sections.0.claims.__k", key) for key in ("2", "0", "n1", "2", "bad key", "1")],
        ("d.sections.0.claims.n1.__is", "object"),
        ("d.sections.0.claims.n1.id", "x"),
        ("d.sections.0.claims.n1.text", "Added."),
    ]

    typed = parse(PROPOSAL, pairs, document)

    claims = document["sections"][0]["claims"]
    assert typed.document["sections"][0]["claims"] == [claims[2], claims[0], {"id": "x", "text": "Added."}, claims[1]]
    assert typed.document["title"] == "Offer"


def test_what_a_form_does_not_mention_stays():
    document = proposal()

    typed = parse(PROPOSAL, [("d.__is", "object"), ("d.title", "New")], document)

    assert typed.document == {**document, "title": "New"}


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=30)
@given(data=st.data())
def test_any_order_of_buttons_is_what_it_does_to_a_list(data, through_a_browser):
    schema = {
        "type": "array",
        "items": {"type": "object", "properties": {"n": {"type": "integer"}, "t": {"type": "string"}}},
    }
    document = [{"n": number, "t": "x\ny"} for number in range(data.draw(st.integers(1, 4)))]
    expected = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 5))):
        if not expected:
            break
        place = data.draw(st.integers(0, len(expected) - 1))
        verb = data.draw(st.sampled_from(["up", "down", "remove"]))
        other = place + {"up": -1, "down": 1, "remove": 0}[verb]
        if not 0 <= other < len(expected):
            continue
        row = expected.pop(place)
        if verb != "remove":
            expected.insert(other, row)
        document = through_a_browser(schema, document, press=f"{verb}:d.{place}").document

    assert canonical(document) == canonical(expected)
