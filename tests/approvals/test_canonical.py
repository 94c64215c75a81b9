"""One form for one value, or a refusal; never two forms."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError, field_validator

from approvals.canonical import _quickly, canonical, digest, settled
from approvals.errors import NotCanonical


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (4.50, "4.5"),
        (2e-3, "0.002"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (333333333.33333329, "333333333.3333333"),
        (2**53 - 1, "9007199254740991"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_numbers_are_written_as_the_standard_says(number, text):
    assert canonical(number) == text


def test_keys_are_sorted_by_their_utf16_units():
    # U+1F600 is a surrogate pair (D83D…) in UTF-16, so it comes before U+FB33, though its code point is larger.
    value = {"\ufb33": 1, "\U0001f600": 2, "\r": 3, "1": 4, "\u20ac": 5, "\u0080": 6, "\u00f6": 7}

    assert list(json.loads(canonical(value))) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_written_as_it_is_but_for_what_json_must_escape():
    assert canonical('<script> "é" \u2028 \u200b \x07\n') == '"<script> \\"é\\" \u2028 \u200b \\u0007\\n"'


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        2**53,
        -(2**53),
        10**400,
        "\ud800",
        ["fine", {"deep": "\udfff"}],
        {"\ud800": 1},
        {1: "a number as a key"},
        {None: 1},
        {"a set"},
        b"bytes",
        Decimal("1.10"),
        date(2026, 3, 2),
        pytest.param(object(), id="an object"),
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused_with_a_sentence(value):
    with pytest.raises(NotCanonical, match=r"cannot be written as canonical JSON: .+"):
        canonical(value)


def test_a_value_nested_without_end_is_refused_not_a_crash():
    value: list = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(NotCanonical):
        canonical(value)


def test_a_document_with_a_number_that_json_lacks_is_refused():
    class Measured(BaseModel):
        share: float

    with pytest.raises(NotCanonical, match="nan"):
        canonical(Measured(share=math.nan))


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    # Between 2**53 and 1e21 a float is written with the digits of an integer, which the next writing refuses.
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-(2**53) + 1, 2**53 - 1)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_reading_a_canonical_text_and_writing_it_again_changes_nothing(value):
    text = canonical(value)

    assert canonical(json.loads(text)) == text


@given(st.dictionaries(st.text("abcé\U0001f600", max_size=3), JSON, min_size=2, max_size=5), st.randoms())
def test_the_order_of_keys_does_not_count(value, random):
    keys = list(value)
    random.shuffle(keys)

    assert canonical({key: value[key] for key in keys}) == canonical(value)


def test_a_digest_is_over_the_utf8_bytes():
    assert digest("é") == hashlib.sha256("é".encode()).hexdigest()


class Quoted(BaseModel):
    name: str
    amount: Decimal = Decimal("0.00")

    @field_validator("name")
    @classmethod
    def _trimmed(cls, name: str) -> str:
        return " ".join(name.split())


def test_settling_gives_the_form_that_no_further_reading_changes():
    once = settled(Quoted, {"name": "  Blue   Harbour ", "amount": "1200.00"})

    assert canonical(once) == '{"amount":"1200.00","name":"Blue Harbour"}'
    assert settled(Quoted, once.model_dump(mode="json")) == once
    assert settled(Quoted, once) == once


def test_two_spellings_of_an_amount_are_two_documents():
    """A decimal keeps its zeros: nothing is rounded behind the signer's back."""
    assert canonical(settled(Quoted, {"name": "x", "amount": "1.5"})) != canonical(
        settled(Quoted, {"name": "x", "amount": "1.50"})
    )


class Restless(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def _longer(cls, name: str) -> str:
        return f"{name}!"


def test_a_class_that_changes_its_own_dump_cannot_be_signed():
    with pytest.raises(NotCanonical, match="Restless reads its own dump differently"):
        settled(Restless, {"name": "x"})


def test_what_does_not_fit_the_class_is_refused_by_the_class():
    with pytest.raises(ValidationError):
        settled(Quoted, {"amount": "many"})


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet='\ud800\u2028\x7f\x00"\\/é😀'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(_ANYTHING)
def test_the_quick_way_writes_what_the_standard_says_or_leaves_it_alone(value):
    quick = _quickly(value)

    if quick is not None:
        assert quick == rfc8785.dumps(value).decode()
