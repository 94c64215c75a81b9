"""Amounts are read as they were meant, or not at all."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.forms.amounts import amount_read, equal_amounts, grouped, number_read, number_shown
from approvals.forms.unreadable import Unreadable


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1150", "1150"),
        ("1,150.00", "1150.00"),
        ("1 150.5", "1150.5"),
        ("1\u202f150", "1150"),
        ("1'150.00", "1150.00"),
        ("-1,150", "-1150"),
        ("−5", "-5"),
        ("+5.5", "5.5"),
        (" 0.125 ", "0.125"),
        ("1,234,567.89", "1234567.89"),
        ("007", "007"),
    ],
)
def test_what_is_clear_is_read(typed, amount):
    assert amount_read(typed) == amount


@pytest.mark.parametrize(
    "typed",
    [
        "1,15",
        "1150,00",
        "1.150",
        "1.150,00",
        "1,150,00",
        "1,15,000",
        "12,34",
        ",5",
        "5.",
        ".5",
        "1,,000",
        "1 15",
        "1,150 000",
        "$5",
        "5 EUR",
        "1e3",
        "٣",
        "",
        "-",
        "(5)",
        "1.2.3",
        "9" * 500,
    ],
)
def test_what_could_be_another_amount_is_refused(typed):
    found = amount_read(typed)

    assert isinstance(found, Unreadable)
    assert found.text == typed


def test_what_could_be_two_amounts_names_both():
    found = amount_read("1.150")

    assert isinstance(found, Unreadable)
    assert "1150 or 1.15" in found.message


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_an_amount_is_read_as_it_is_shown(amount):
    assert amount_read(grouped(str(amount))) == str(amount)


@given(st.text(st.sampled_from(list("0123456789,.' -+")), max_size=9))
def test_no_amount_becomes_another(typed):
    """Whatever is read has just the digits that were typed, and a point where a point was typed."""
    found = amount_read(typed)

    if isinstance(found, str):
        assert [sign for sign in found if sign.isdigit()] == [sign for sign in typed if sign.isdigit()]
        assert (found.rpartition(".")[2] if "." in found else "") == (
            typed.strip().rpartition(".")[2] if "." in typed else ""
        )


@given(st.decimals(-(10**6), 10**6, places=3), st.decimals(-(10**6), 10**6, places=1))
def test_equal_amounts_are_equal_numbers(one, other):
    assert equal_amounts(str(one), str(other)) == (one == other)
    assert equal_amounts(str(one), f"{one}00")


@given(st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_is_shown(number):
    assert number_read(number_shown(number), whole=False) == number


@given(st.text(max_size=8))
def test_only_numbers_are_read_as_numbers(typed):
    found = number_read(typed, whole=False)

    if not isinstance(found, Unreadable):
        try:
            assert Decimal(typed.strip().replace("−", "-")) == Decimal(str(found)) or isinstance(found, float)
        except InvalidOperation:
            pytest.fail(f"{typed!r} was read as {found}")
