from __future__ import annotations

import json

import pytest

from approvals.receipts import counted, items

APPLIED = [
    {"index": 0, "outcome": "written", "record": "company co:1", "detail": ""},
    {"index": 1, "outcome": "already", "record": "note nt:1", "detail": "the note is there"},
    {"index": 2, "outcome": "conflict", "record": "deal dl:1", "detail": "the field was changed since"},
    {"index": 3, "outcome": "skipped", "record": "contact ct:1", "detail": "unticked by the reviewer"},
]


def test_each_item_says_what_became_of_it() -> None:
    found = items(json.dumps({"crm": "embedded://", "applied": APPLIED}))

    assert [(one.record, one.sentence) for one in found] == [
        ("company co:1", "written"),
        ("note nt:1", "was so already (the note is there)"),
        ("deal dl:1", "not done (the field was changed since)"),
        ("contact ct:1", "not done (unticked by the reviewer)"),
    ]
    assert counted(found) == "1 written, 1 already, 1 conflict, 1 skipped"


def test_the_receipt_of_a_conflict_is_the_one_inside_it() -> None:
    assert items(json.dumps({"receipt": {"applied": APPLIED[:1]}, "remaining": {}})) == items(
        json.dumps({"applied": APPLIED[:1]})
    )


@pytest.mark.parametrize("kept", [None, "null", '"sent"', "[]", "{}", '{"applied": 3}', '{"applied": [3]}'])
def test_a_receipt_that_lists_nothing_has_no_items(kept: str | None) -> None:
    assert items(kept) == ()
    assert counted(()) == ""
