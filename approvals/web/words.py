"""How times, amounts and counts read to a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

Tone = Literal["", "soon", "late"]

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CHF": "CHF ", "SEK": "SEK ", "AUD": "A$", "CAD": "C$"}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Due(NamedTuple):
    """A deadline in words, and whether it asks for attention."""

    text: str
    tone: Tone


def due(at: datetime, now: datetime) -> Due:
    """`42 min overdue`, `in 26 min` (soon), `in 4 h`, `in 3 days`."""
    seconds = (at - now).total_seconds()
    if seconds <= 0:
        return Due("due now" if seconds > -_MINUTE else f"{span(-seconds)} overdue", "late")
    return Due("in under 1 min" if seconds < _MINUTE else f"in {span(seconds)}", "soon" if seconds < _HOUR else "")


def ago(at: datetime, now: datetime) -> str:
    """`just now`, `2 min ago`, `3 h ago`, `5 days ago`."""
    seconds = (now - at).total_seconds()
    return "just now" if seconds < _MINUTE else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """A duration in its largest fitting unit."""
    if seconds < 90 * _MINUTE:
        return f"{max(1, int(seconds // _MINUTE))} min"
    if seconds < 48 * _HOUR:
        return f"{int(seconds // _HOUR)} h"
    if seconds < 21 * _DAY:
        return f"{int(seconds // _DAY)} days"
    return f"{int(seconds // (7 * _DAY))} weeks"


def lasting(seconds: float | None) -> tuple[str, str]:
    """A duration as number and unit, for a figure."""
    if seconds is None:
        return "–", ""
    if seconds < _MINUTE:
        return f"{seconds:.0f}", "s"
    number, unit = span(seconds).split(" ")
    return number, unit


def moment(at: datetime) -> str:
    """`2 Mar 2026, 12:04 UTC`."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def day(at: datetime, now: datetime) -> str:
    """`Today`, `Yesterday`, or the date."""
    days = (now.date() - at.date()).days
    if days <= 0:
        return "Today"
    return "Yesterday" if days == 1 else f"{at:%A}, {at.day} {at:%B}" if days < 7 else f"{at.day} {at:%B %Y}"


def group(at: datetime, now: datetime) -> str:
    """The heading under which a deadline stands."""
    left = at - now
    if left <= timedelta():
        return "Overdue"
    if left <= timedelta(hours=1):
        return "Within the hour"
    if left <= timedelta(days=1):
        return "Next 24 hours"
    return "This week" if left <= timedelta(days=7) else "Later"


def money(amount: str | None, currency: str | None) -> str:
    """`$78,070`, `€1,150.50`; whole amounts without cents, nothing where there is none."""
    if not amount:
        return ""
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return amount
    if not value.is_finite():
        return amount
    digits = f"{abs(value):,.0f}" if value == value.to_integral_value() else f"{abs(value):,.2f}"
    sign = _SIGNS.get(currency or "", f"{currency} " if currency else "")
    return f"{'−' if value < 0 else ''}{sign}{digits}"


def count(number: int) -> str:
    """`7,075`, and from ten thousand on `11.2k`."""
    if number < 10_000:
        return f"{number:,}"
    if number < 99_950:
        return f"{number / 1_000:.1f}k"
    return f"{number / 1_000:.0f}k" if number < 999_500 else f"{number / 1_000_000:.1f}M"


def several(number: int, one: str, many: str | None = None) -> str:
    """`1 request`, `2 requests`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
