"""Whatever a client sends and whatever a schema says, a form is drawn, and read or refused, and soon."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.documents import CrmUpdate, Proposal
from approvals.canonical import canonical
from approvals.errors import DocumentInvalid, FieldError
from approvals.forms import nodes, ordered, parse
from approvals.forms.parsing import ABSENT, MOST_FIELDS

TREE = {
    "$ref": "#/$defs/T",
    "$defs": {
        "T": {
            "type": "object",
            "required": ["t"],
            "properties": {
                "t": {"$ref": "#/$defs/T"},
                "l": {"type": "array", "items": {"$ref": "#/$defs/T"}},
                "n": {"type": "integer"},
            },
        }
    },
}
SCHEMAS = [ordered(Proposal.model_json_schema()), ordered(CrmUpdate.model_json_schema()), TREE, {}]
STEPS = [
    "d",
    "sections",
    "claims",
    "lines",
    "changes",
    "fields",
    "t",
    "l",
    "n",
    "0",
    "1",
    "n1",
    "kind",
    "__is",
    "__k",
    "__key",
    "__value",
    "__json",
    "__null",
    "__as",
    "__x",
    "__box",
    "unit_price",
    "quantity",
    "entity",
    "-1",
    "",
]
NAMES = st.lists(st.sampled_from(STEPS), max_size=6).map(lambda steps: ".".join(["d", *steps])) | st.text(max_size=5)
VALUES = st.sampled_from(
    ["object", "list", "map", "null", "0", "1", "99", "was", "[]", "{", '"a"', "1e999", "-0", "\x00", "٣"]
) | st.text(max_size=5)
ACTS = st.tuples(
    st.just("__do"),
    st.builds("{}:{}:{}".format, st.sampled_from(["add", "remove", "up", "set", "clear", "x"]), NAMES, VALUES),
)
LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(STEPS) | st.text(max_size=2), inner),
    max_leaves=8,
)
KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "enum",
        "const",
        "required",
        "additionalProperties",
        "prefixItems",
        "ui",
        "title",
        "description",
        "default",
        "discriminator",
        "format",
        "$defs",
        "minLength",
        "maxLength",
        "minimum",
        "pattern",
        "maxItems",
    ]
)
BROKEN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["string", "object", "array", "number", "null", "#", "#/$defs/x", "date"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=5),
    max_leaves=12,
)
SLOW = settings(suppress_health_check=list(HealthCheck), deadline=None)


@SLOW
@given(st.sampled_from(SCHEMAS), st.lists(st.tuples(NAMES, VALUES) | ACTS, max_size=25), LOOSE)
def test_any_pairs_are_read_or_refused(schema, pairs, base):
    try:
        typed = parse(schema, [("d.__is", "object"), *pairs], base)
    except DocumentInvalid:
        return

    canonical(typed.document)
    nodes(schema, typed.document, base, typed.errors)


@SLOW
@given(schema=BROKEN, value=LOOSE, original=LOOSE)
def test_any_schema_makes_some_form(schema, value, original, drawn, through_a_browser):
    drawn(nodes(ordered(schema), value, original, [FieldError("a.0", "Wrong.")]))

    assert canonical(through_a_browser(ordered(schema), value).document) == canonical(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        TREE,
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}]},
        False,
        None,
        [],
    ],
)
@pytest.mark.parametrize("value", [None, {}, {"t": {"t": {}}}, [1], "x"])
def test_a_schema_that_names_itself_ends(schema, value, drawn, through_a_browser):
    drawn(nodes(schema, value))

    assert canonical(through_a_browser(schema, value).document) == canonical(value)


def deep(levels: int) -> Any:
    value: Any = {"n": 1}
    for _ in range(levels):
        value = {"t": value}
    return value


def test_a_document_of_any_depth_is_drawn_and_comes_back(drawn, through_a_browser):
    value = deep(95)

    assert canonical(through_a_browser(TREE, value).document) == canonical(value)
    assert canonical(through_a_browser({}, value).document) == canonical(value)


def test_too_many_fields_are_refused():
    with pytest.raises(DocumentInvalid, match="is the most"):
        parse({}, [("d.a", "")] * (MOST_FIELDS + 1), None)


def test_too_deep_a_document_is_refused():
    with pytest.raises(DocumentInvalid, match="levels deep"):
        parse(TREE, [("d.__is", "object"), ("d.t.__is", "object"), ("d.t.l.__json", "[" * 99 + "]" * 99)], None)


def test_a_form_that_holds_no_document_is_refused():
    with pytest.raises(DocumentInvalid, match="holds no document"):
        parse({"type": "array"}, [], ABSENT)


MANY = 30_000


@pytest.mark.parametrize(
    ("schema", "pairs"),
    [
        (
            {"type": "array", "items": {"type": "integer"}},
            [("d.__k", str(n)) for n in range(MANY)] + [(f"d.{n}", "x") for n in range(MANY)],
        ),
        ({"type": "array"}, [("d.__k", "1")] * MANY * 2),
        (
            {"type": "object", "additionalProperties": True},
            [("d.__k", str(n)) for n in range(MANY)] + [(f"d.{n}.__value.__json", "1") for n in range(MANY)],
        ),
        (
            {"type": "object", "properties": {}, "additionalProperties": True, "required": ["x"]},
            [("d.__x", f'"{n}"') for n in range(MANY)],
        ),
        ({"type": "string"}, [("d", "a")] * MANY * 2),
        ({"type": "integer"}, [("d", "1" * 2_000_000)]),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, [("d", "1," * 500_000)]),
        ({}, [("d.__json", "[" * 1_000_000)]),
        ({}, [("d.__json", "9" * 1_000_000)]),
    ],
)
def test_large_forms_do_not_take_long(schema, pairs):
    structure = {"array": "list", "object": "map"}.get(schema.get("type"), "")
    begun = time.process_time()

    parse(schema, [("d.__is", structure if "properties" not in schema else "object"), *pairs], {})

    assert time.process_time() - begun < 3


def test_a_huge_document_is_still_drawn(drawn, through_a_browser):
    value = {"l": [{"t": {}, "n": number} for number in range(5_000)], "t": {"l": [{"t": {}} for _ in range(900)]}}
    begun = time.process_time()

    drawn(nodes(TREE, value, value))

    assert time.process_time() - begun < 8
    assert canonical(through_a_browser(TREE, value).document) == canonical(value)
