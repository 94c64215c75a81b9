"""What people type."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.editing import MAX_DEPTH, check_typed, parsed, with_field
from approvals.errors import ApprovalError, DocumentInvalid, NotCanonical

DOCUMENT = {
    "title": "Offer",
    "count": 3,
    "amount": "1200.00",
    "note": None,
    "lines": [{"name": "Desk", "quantity": 2}, {"name": "Lamp", "quantity": 1}],
    "tags": [],
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("path", "typed", "now"),
    [
        ("count", "4", 4),
        ("count", "four", "four"),
        ("count", "1e3", 1000.0),
        ("note", "7", 7),
        ("note", '"7"', "7"),
        ("note", "call first", "call first"),
        ("tags", '["a"]', ["a"]),
        ("lines", "[]", []),
    ],
)
def test_what_is_json_is_taken_as_json_where_no_text_stands(path, typed, now):
    assert with_field(DOCUMENT, path, typed)[path] == now


@given(typed=st.text(st.characters(codec="utf-8")))
def test_where_text_stands_what_was_typed_stays_letter_for_letter(typed):
    assert with_field(DOCUMENT, "title", typed) == {**DOCUMENT, "title": typed}


def test_a_path_leads_into_lists_and_changes_nothing_else():
    before = copy.deepcopy(DOCUMENT)

    changed = with_field(DOCUMENT, "lines.1.quantity", "5")

    assert changed["lines"] == [{"name": "Desk", "quantity": 2}, {"name": "Lamp", "quantity": 5}]
    assert before == DOCUMENT


def test_a_key_can_be_added_to_a_mapping():
    assert with_field(DOCUMENT, "valid_until", "2026-06-01")["valid_until"] == "2026-06-01"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("titel", "Did you mean 'title'"),
        ("lines.2.name", "it has 2 entries, counted from 0"),
        ("lines.-1.name", "no entry '-1'"),
        ("lines.x", "no entry 'x' in 'lines'"),
        ("lines.00000000000.name", "no entry"),
        ("tags.0", "it is empty"),
        ("title.x", "nothing below 'title'"),
        ("nowhere.x", "no 'nowhere' in the document. It has: title"),
        ("lines.0.quantty", "Did you mean 'quantity'"),
    ],
)
def test_a_path_that_leads_nowhere_names_what_there_is(path, sentence):
    with pytest.raises(ApprovalError, match=sentence):
        with_field(DOCUMENT, path, "1")


@pytest.mark.parametrize("typed", ["NaN", "Infinity", '{"a": 1, "a": 2}'])
def test_what_only_looks_like_json_stays_text(typed):
    assert with_field(DOCUMENT, "count", typed)["count"] == typed


def test_a_number_that_cannot_be_signed_is_refused():
    with pytest.raises(NotCanonical):
        with_field(DOCUMENT, "count", str(2**60))


@given(document=JSON)
def test_whatever_json_says_reads_back(document):

    assert parsed(json.dumps(document), "it") == document


def test_the_depth_of_a_document_has_an_end():
    deep = []
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    check_typed(deep)

    with pytest.raises(DocumentInvalid, match="nested"):
        check_typed([[[deep]]])
