"""Numbers and amounts as people read and write them, and never another number than was meant."""

from __future__ import annotations

import re

import rfc8785

from approvals.forms.unreadable import Unreadable

MOST_DIGITS = 400
"""Signs of a number; nobody types more, and reading more takes longer than it should."""

_SPACES = re.compile("[ \u00a0\u2009\u202f]")
_GROUPED = re.compile(r"([+-]?)(\d{1,3}(?:([,'’ ])\d{3})(?:\3\d{3})*)(\.\d+)?", re.ASCII)
_PLAIN = re.compile(r"([+-]?)(\d+)(\.\d+)?", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LOOKS_LIKE_AMOUNT = re.compile(r"[+-]?[\d.,'’ ]*\d[\d.,'’ ]*", re.ASCII)
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)

_INTEGER = re.compile(r"-?\d+", re.ASCII)
_LARGEST = 2**53 - 1
_LARGEST_FLOAT = 1.7976931348623157e308

HOW_TO_WRITE = "Write it like 1,150.00, with a point before the decimals."


# -- amounts: decimals as text -----------------------------------------------------------------------------------


def grouped(amount: str) -> str:
    """The amount with a comma between thousands; anything else as it is."""
    found = _PLAIN.fullmatch(amount)
    if found is None:
        return amount
    sign, whole, decimals = found.groups()
    return f"{sign}{_thousands(whole)}{decimals or ''}"


def amount_read(typed: str, *, exact: bool = False) -> str | Unreadable:
    """The amount that was typed, as a plain decimal with the decimals that were typed.

    A comma, blank or apostrophe counts only between groups of three digits, and a point only before decimals. `exact`
    says that three decimals are ordinary here, so that `1.150` is not mistaken for a thousand.
    """
    text = _trimmed(typed)
    if len(text) > MOST_DIGITS:
        return Unreadable(typed, f"This is too long for a number. {HOW_TO_WRITE}")
    if _AMBIGUOUS.fullmatch(text) and not exact:
        whole, _, decimals = text.partition(".")
        short = f"{whole}.{decimals.rstrip('0') or '0'}"
        return Unreadable(typed, f"This could be {whole}{decimals} or {short}. Write the one that is meant.")
    if found := _PLAIN.fullmatch(text):
        sign, whole, decimals = found.groups()
    elif found := _GROUPED.fullmatch(text):
        sign, whole, _, decimals = found.groups()
        whole = re.sub(r"\D", "", whole)
    else:
        return Unreadable(typed, f"This cannot be read as an amount. {HOW_TO_WRITE}")
    return f"{sign.replace('+', '')}{whole}{decimals or ''}"


def is_amount(value: object) -> bool:
    """Whether this is a plain decimal as text."""
    return isinstance(value, str) and len(value) <= MOST_DIGITS and _PLAIN.fullmatch(value) is not None


def is_exact(amount: str) -> bool:
    """Whether a point in this amount could be mistaken for one between thousands."""
    return len(amount.partition(".")[2]) > 2


def looks_like_amount(typed: str) -> bool:
    """Whether somebody meant a number, well written or not."""
    text = _trimmed(typed)
    return len(text) <= MOST_DIGITS and _LOOKS_LIKE_AMOUNT.fullmatch(text) is not None


def equal_amounts(one: str, other: str) -> bool:
    """Whether two plain decimals are the same number: 1150, 1150.0 and 1150.00 are."""
    return _bare(one) == _bare(other)


def _bare(amount: str) -> tuple[bool, str, str]:
    whole, _, decimals = amount.lstrip("+-").partition(".")
    whole, decimals = whole.lstrip("0"), decimals.rstrip("0")
    return amount.startswith("-") and bool(whole or decimals), whole, decimals


# -- numbers: as JSON has them -----------------------------------------------------------------------------------


def number_shown(number: float) -> str:
    """The number as canonical JSON writes it."""
    return rfc8785.dumps(number).decode()


def number_read(typed: str, *, whole: bool) -> int | float | Unreadable:
    """The number that was typed; `whole` reads `1,000` as a thousand and refuses what has decimals."""
    text = _trimmed(typed)
    what = "a whole number" if whole else "a number"
    if len(text) > MOST_DIGITS:
        return Unreadable(typed, f"This is too long for {what}.")
    if whole and (found := _GROUPED.fullmatch(text)) and not found[4]:
        text = found[1] + re.sub(r"\D", "", found[2])
    if whole and _AMBIGUOUS.fullmatch(text):
        return Unreadable(typed, f"This is not {what}. Write it without points.")
    text = text.removeprefix("+")
    if _JSON_NUMBER.fullmatch(text) is None:
        example = "12" if whole else "0.75"
        return Unreadable(typed, f"This is not {what}, such as {example}.")
    number: int | float = int(text) if _INTEGER.fullmatch(text) else float(text)
    if not whole and abs(number) > _LARGEST and text == _floating(text):
        return float(text)  # canonical JSON writes it without a point
    if abs(number) > (_LARGEST if isinstance(number, int) else _LARGEST_FLOAT):
        return Unreadable(typed, "This number is larger than a document can hold exactly.")
    if isinstance(number, float) and number.is_integer() and abs(number) <= _LARGEST:
        number = int(number)
    if whole and not isinstance(number, int):
        return Unreadable(typed, f"This is not {what}.")
    return number


def _floating(text: str) -> str:
    number = float(text)
    return number_shown(number) if abs(number) <= _LARGEST_FLOAT else ""


def _trimmed(typed: str) -> str:
    return _SPACES.sub(" ", typed).strip().replace("−", "-")


def _thousands(digits: str) -> str:
    head = len(digits) % 3
    groups = [digits[:head]] if head else []
    return ",".join([*groups, *(digits[place : place + 3] for place in range(head, len(digits), 3))])
