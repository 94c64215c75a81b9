"""Differences that miss nothing, name each item wherever it went, and lead from one document to the other."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.canonical import canonical
from approvals.decisions import FieldDifference
from approvals.differences import differences, matches, same

ONE, TWO, THREE = ({"id": name, "text": f"This is {name}."} for name in ("c1", "c2", "c3"))


def told(before: Any, after: Any) -> list[tuple[str, str, Any, Any]]:
    return [(one.change, one.path, one.before, one.after) for one in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [("changed", "a", 1, 2)]),
        ({"a": 1}, {"a": "1"}, [("changed", "a", 1, "1")]),
        ({"a": 1}, {"a": True}, [("changed", "a", 1, True)]),
        ({"a": [0]}, {"a": [False]}, [("changed", "a.0", 0, False)]),
        ({"a": None}, {}, [("removed", "a", None, None)]),
        ({}, {"a": None}, [("added", "a", None, None)]),
        ({"a": {"b": [{"c": "x"}]}}, {"a": {"b": [{"c": "y"}]}}, [("changed", "a.b.0.c", "x", "y")]),
        ({"a": {"b": 1}}, {"a": [1]}, [("changed", "a", {"b": 1}, [1])]),
        ("x", "y", [("changed", "", "x", "y")]),
        ([1], [1, None], [("added", "1", None, None)]),
        ([1, 2, 3], [1, 3], [("removed", "1", 2, None)]),
        ([], [{}], [("added", "0", None, {})]),
        (["aa", "bb", "cc"], ["cc", "aa", "bb"], [("moved", "0", 2, 0)]),
        ([1, 2], [2, 1], [("removed", "1", 2, None), ("added", "0", None, 2)]),
        ([ONE, TWO, THREE], [TWO, THREE], [("removed", "0", ONE, None)]),
        ([ONE, TWO, THREE], [ONE, THREE, TWO], [("moved", "1", 2, 1)]),
        ([ONE, TWO], [ONE, THREE, TWO], [("added", "1", None, THREE)]),
        ([ONE, TWO], [{**TWO, "text": "b"}], [("removed", "0", ONE, None), ("changed", "0.text", "This is c2.", "b")]),
    ],
)
def test_differences_are_told_leaf_by_leaf(before, after, expected):
    assert told(before, after) == expected


def test_a_named_item_that_moved_and_changed_tells_both():
    found = told([ONE, TWO, THREE], [{**THREE, "text": "New."}, ONE, TWO])

    assert found == [("moved", "0", 2, 0), ("changed", "0.text", "This is c3.", "New.")]


def test_without_names_an_item_is_paired_with_what_is_most_like_it():
    before = [{"text": "one two three four", "n": 1}, {"text": "five six seven eight", "n": 2}]
    after = [{"text": "five six seven nine", "n": 2}]

    assert told(before, after) == [
        ("removed", "0", before[0], None),
        ("changed", "0.text", "five six seven eight", "five six seven nine"),
    ]


def test_where_two_items_share_a_name_names_do_not_count():
    before = [{"key": "co", "field": "a", "after": "1"}, {"key": "co", "field": "b", "after": "2"}]

    assert told(before, before[1:]) == [("removed", "0", before[0], None)]


def test_a_difference_stored_before_there_were_kinds_is_read_as_changed():
    assert FieldDifference.model_validate_json('{"path": "a", "before": 1, "after": 2}').change == "changed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1.0]) | st.sampled_from(["", "x", "y z"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "id", "key"]), inner),
    max_leaves=12,
)


@given(JSON, JSON)
def test_two_values_differ_exactly_where_their_canonical_forms_do(before, after):
    """An edit that nobody is told of would be worse than none."""
    assert bool(differences(before, after)) == (canonical(before) != canonical(after))
    assert same(before, after) == (canonical(before) == canonical(after))


@given(JSON, JSON)
def test_differences_lead_from_one_document_to_the_other(before, after):
    found = differences(before, after)

    assert canonical(applied(before, found)) == canonical(after)


@given(JSON, st.data())
def test_differences_lead_through_small_edits_too(before, data):
    after = edited(copy.deepcopy(before), data)

    assert canonical(applied(before, differences(before, after))) == canonical(after)


@given(st.lists(st.integers(0, 3).map(lambda n: {"id": n}) | JSON), st.lists(JSON))
def test_each_item_is_matched_at_most_once(before, after):
    found = matches(before, after)

    assert len({one.before for one in found}) == len({one.after for one in found}) == len(found)
    assert [one.after for one in found] == sorted(one.after for one in found)
    staying = [one.before for one in found if not one.moved]
    assert staying == sorted(staying)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (list(range(40_000)), list(range(0, 40_000, 3))[::-1]),
        ([{"a": n} for n in range(8_000)], [{"a": n, "b": 1} for n in range(8_000)]),
        ([{"id": n} for n in range(20_000)], [{"id": n} for n in reversed(range(20_000))]),
        (["x"] * 30_000, ["y", "x"] * 15_000),
        ([{"a": [n, n]} for n in range(10_000)], [{"a": [n, n + 1]} for n in range(9_999)]),
    ],
)
def test_big_lists_do_not_take_long(before, after):
    begun = time.process_time()

    differences(before, after)

    assert time.process_time() - begun < 4


def edited(value: Any, data: st.DataObject) -> Any:
    """The value with one thing changed, somewhere."""
    act = data.draw(st.sampled_from(["deeper", "deeper", "replace", "drop", "insert", "swap"]))
    if isinstance(value, list) and value and act != "replace":
        place = data.draw(st.integers(0, len(value) - 1))
        match act:
            case "drop":
                del value[place]
            case "insert":
                value.insert(place, data.draw(JSON))
            case "swap":
                value.append(value.pop(place))
            case _:
                value[place] = edited(value[place], data)
        return value
    if isinstance(value, dict) and value and act != "replace":
        key = data.draw(st.sampled_from(sorted(value)))
        value[key] = edited(value[key], data)
        return value
    return data.draw(JSON)


# -- what the record means, by its own words -------------------------------------------------------------------------


def applied(before: Any, found: tuple[FieldDifference, ...]) -> Any:
    """What `found` makes of `before`: paths of removals are read on the old side, all others on the new."""
    removed = {one.path for one in found if one.change == "removed"}
    others = {(one.change, one.path): one for one in found if one.change != "removed"}
    return _applied(before, "", "", removed, others)


def _applied(value: Any, old: str, new: str, removed: set[str], others: dict[tuple[str, str], FieldDifference]) -> Any:
    changed = others.get(("changed", new))
    if changed is not None:
        assert same(changed.before, value)
        return changed.after
    if isinstance(value, dict):
        kept = {
            key: _applied(inner, _at(old, key), _at(new, key), removed, others)
            for key, inner in value.items()
            if _at(old, key) not in removed
        }
        added = {path: one for (change, path), one in others.items() if change == "added"}
        kept |= {path[len(_at(new, "")) :]: one.after for path, one in added.items() if _parent(path) == new}
        return kept
    if isinstance(value, list):
        return _applied_to_list(value, old, new, removed, others)
    return value


def _applied_to_list(value: list[Any], old: str, new: str, removed: set[str], others: Any) -> list[Any]:
    here = {
        int(path.rpartition(".")[2]): (change, one)
        for (change, path), one in others.items()
        if change in ("added", "moved") and _parent(path) == new
    }
    moved = {one.before for change, one in here.values() if change == "moved"}
    staying = [n for n in range(len(value)) if _at(old, n) not in removed and n not in moved]
    made: list[Any] = []
    while len(made) in here or staying:
        place = len(made)
        if place in here:
            change, one = here[place]
            if change == "added":
                made.append(one.after)
                continue
            source = one.before
        else:
            source = staying.pop(0)
        made.append(_applied(value[source], _at(old, source), _at(new, place), removed, others))
    return made


def _at(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _parent(path: str) -> str | None:
    head, dot, _ = path.rpartition(".")
    return head if dot else "" if path else None


def test_applying_is_by_the_words_of_the_record_alone():
    before = {"a": [ONE, TWO, THREE]}
    after = {"a": [THREE, {**ONE, "text": "New."}], "b": 1}

    stored = json.loads(json.dumps([one.model_dump() for one in differences(before, after)]))

    assert applied(before, tuple(FieldDifference.model_validate(one) for one in stored)) == after
