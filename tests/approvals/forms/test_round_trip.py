"""What nobody touched comes back from a browser as it was, whatever the document and its schema."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.canonical import canonical
from approvals.forms import ordered

TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\n\nx",
        "a\r\nb",
        "\r",
        "\x00",
        "\t",
        "a\nb",
        "</textarea>",
        '"><script>',
        "null",
        "1,150.00",
        "1150.00",
        "-0.00",
        "0.125",
        "1.150",
        "007",
        "1e3",
        "+5",
        "true",
        "\u202e",
        "e\u0301",
        "&amp;",
        "\x0b",
        "\x85",
        "\ufffe",
        "2026-03-02",
        "2026-02-30",
        "0000-01-01",
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:30",
        "2026-03-02T12:00:00.5Z",
        "x" * 120,
    ]
)
KEYS = st.sampled_from(
    [
        "a",
        "b",
        "id",
        "key",
        "text",
        "unit_price",
        "a.b",
        "_x",
        "__k",
        "__is",
        "",
        "ä ö",
        "a[0]",
        "0",
        "~",
        "d",
        "\n",
        "properties",
    ]
)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.integers(-3, 3)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
HINTS = st.fixed_dictionaries(
    {},
    optional={
        "widget": st.sampled_from(["markdown", "lines", "line"]),
        "hidden": st.booleans(),
        "readonly": st.booleans(),
        "label": st.just("Say"),
        "group": st.sampled_from(["The offer", "Rest"]),
    },
)


@st.composite
def leaves(draw: st.DrawFn) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
    kind = draw(
        st.sampled_from(
            ["text", "date", "moment", "integer", "number", "boolean", "enum", "const", "decimal", "any", "null"]
        )
    )
    match kind:
        case "text":
            return {"type": "string", "maxLength": draw(st.sampled_from([3, 500, 9000]))}, TEXT
        case "date":
            return {"type": "string", "format": "date"}, TEXT | st.dates().map(str)
        case "moment":
            return {"type": "string", "format": "date-time"}, TEXT | st.datetimes().map(lambda at: at.isoformat() + "Z")
        case "integer":
            return {"type": "integer"}, INTEGERS
        case "number":
            return {"type": "number"}, FLOATS | INTEGERS
        case "boolean":
            return {"type": "boolean"}, st.booleans()
        case "enum":
            values = draw(st.lists(TEXT | st.none() | INTEGERS | st.booleans(), min_size=1, max_size=4, unique_by=repr))
            return {"enum": values}, st.sampled_from(values)
        case "const":
            value = draw(TEXT | INTEGERS)
            return {"const": value}, st.just(value)
        case "decimal":
            amounts = st.decimals(allow_nan=False, allow_infinity=False).map(str) | TEXT
            pattern = draw(st.sampled_from([{}, {"pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]))
            return {"anyOf": [{"type": "number"}, {"type": "string", **pattern}]}, amounts | FLOATS
        case "null":
            return {"type": "null"}, st.none()
        case _:
            return {}, JSON


def compounds(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    @st.composite
    def made(draw: st.DrawFn) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
        kind = draw(
            st.sampled_from(
                ["object", "object", "list", "list", "map", "tuple", "union", "optional", "hinted", "ref", "allof"]
            )
        )
        schema, values = draw(inner)
        match kind:
            case "object":
                fields = draw(st.dictionaries(KEYS, inner, max_size=5))
                required = [key for key in fields if draw(st.booleans())]
                open_ended = draw(st.sampled_from([{}, {"additionalProperties": False}]))
                made = st.fixed_dictionaries(
                    {key: fields[key][1] for key in required},
                    optional={key: fields[key][1] for key in fields if key not in required},
                )
                properties = {key: field[0] for key, field in fields.items()}
                return {"type": "object", "properties": properties, "required": required, **open_ended}, made
            case "list":
                unique = draw(st.booleans())
                return {"type": "array", "items": schema, "uniqueItems": unique}, st.lists(values, max_size=4)
            case "map":
                return {"type": "object", "additionalProperties": schema}, st.dictionaries(
                    KEYS | TEXT, values, max_size=4
                )
            case "tuple":
                other, others = draw(inner)
                both = {"type": "array", "prefixItems": [schema, other], "minItems": 2, "maxItems": 2}
                return both, st.tuples(values, others).map(list)
            case "union":
                other, others = draw(inner)
                return {draw(st.sampled_from(["anyOf", "oneOf"])): [schema, other]}, values | others
            case "optional":
                return {"anyOf": [schema, {"type": "null"}], "default": None}, values | st.none()
            case "hinted":
                return {**schema, "ui": draw(HINTS), "title": "Some Title", "description": "what it is"}, values
            case "allof":
                return {"allOf": [schema], "description": "x"}, values
            case _:
                return {"$defs": {"T": schema}, "_ref": True, "allOf": [schema]}, values

    return made()


CASES = st.recursive(leaves(), compounds, max_leaves=6).flatmap(
    lambda case: st.tuples(st.just(case[0]), case[1] | JSON)
)


def is_document(value: Any) -> bool:
    try:
        canonical(value)
    except Exception:
        return False
    return True


SLOW = settings(suppress_health_check=list(HealthCheck), deadline=None)


@SLOW
@given(case=CASES)
def test_an_untouched_form_is_the_document(case, through_a_browser):
    schema, value = case
    if not is_document(value):
        return

    typed = through_a_browser(json.loads(json.dumps(ordered(schema))), value)

    assert canonical(typed.document) == canonical(value)
