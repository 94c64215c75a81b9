"""What documents are made of: amounts, moments, hints for forms, and the frozen classes that they derive from."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

MAX_MONEY = Decimal("1e12")


def _to_cents(value: object) -> object:
    """Bring an amount to two decimals; refuse what would lose a digit, and what is not a plain number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("an amount is a number such as 1150.00")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("an amount is a number such as 1150.00") from None
    if not amount.is_finite():
        raise ValueError("an amount is a finite number")
    if abs(amount) >= MAX_MONEY:
        raise ValueError("an amount is below one trillion")
    cents = amount.quantize(Decimal("0.01"))
    if cents != amount:
        raise ValueError("an amount has at most two decimals")
    return cents + 0  # -0.00 becomes 0.00


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Money = Annotated[Decimal, BeforeValidator(_to_cents)]
"""An amount with exactly two decimals, in the currency that its document names; `1e3` reads as `1000.00`."""

UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment in UTC; any offset is accepted and dumped as `Z`."""

Spend = Annotated[Decimal, Field(ge=0, lt=MAX_MONEY, max_digits=18, decimal_places=6)]
"""What something has cost, to the millionth: one call of a model is often below a cent."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Line = Annotated[str, Field(min_length=1, max_length=500)]


def ui(**hints: Any) -> dict[str, Any]:
    """Hints for the form a reviewer sees, which change nothing of what is valid or signed.

    `hidden` keeps a field without showing it, `readonly` shows it without a control, `widget` is `lines` or
    `markdown`, `group` a heading, `label` another name, `currency` the field that names an amount's currency, and
    `order` the fields of a class as they are to stand.
    """
    return {"ui": hints}


HIDDEN = ui(hidden=True)
READONLY = ui(readonly=True)
LINES = ui(widget="lines")


class Value(BaseModel):
    """A frozen value without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Worth(NamedTuple):
    """What is at stake in a document."""

    amount: Decimal
    currency: str


class Document(Value):
    """A value that can stand before a gate and be signed.

    A class may say whom it is about and what is at stake, as `about` (a string) and `worth` (a `Worth`, or None): the
    queue lists and sorts by them.
    """
