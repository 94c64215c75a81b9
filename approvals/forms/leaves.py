"""Single values as text in a control, and back: what nobody touched comes back as it was, or is not shown that way."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any, NamedTuple

from approvals.canonical import canonical
from approvals.characters import NAMED
from approvals.differences import same
from approvals.editing import parsed
from approvals.errors import ApprovalError
from approvals.forms import names
from approvals.forms.amounts import (
    amount_read,
    equal_amounts,
    grouped,
    is_amount,
    is_exact,
    looks_like_amount,
    number_read,
    number_shown,
)
from approvals.forms.shapes import Shape
from approvals.forms.unreadable import Unreadable

# HTML turns a carriage return into a line feed and NUL into another sign, and has no half of a surrogate pair; the
# other controls nobody could see, let alone type.
_NOT_IN_HTML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_UNSEEN = re.compile(f"{_NOT_IN_HTML.pattern}|{NAMED.pattern}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WALL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_WALL_TYPED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(?:\.0{1,3})?", re.ASCII)


_SEVERAL_LINES = ("lines", "markdown")


class Shown(NamedTuple):
    """How a value is shown: in which control, under which mark, as which text."""

    control: str
    mark: str
    text: str


MARKS = {
    "text": ("",),
    "integer": ("",),
    "number": ("",),
    "amount": ("", names.EXACT),
    "date": ("",),
    "moment": ("", names.UTC, names.WALL),
    "choice": ("",),
    "fixed": (),
    "boolean": ("",),
}
"""The marks under which a leaf's text may come back; raw JSON may come under any name."""


def shown(shape: Shape, value: Any) -> Shown:
    """How this value is shown, so that `read` gives it back exactly; as raw JSON where nothing else does."""
    found = _shown(shape, value)
    if found is not None and _comes_back(shape, found, value):
        return found
    return raw(value)


def raw(value: Any) -> Shown:
    """The value as JSON text, all of whose signs can be seen."""
    text = json.dumps(value, ensure_ascii=False, indent=None if _is_flat(value) else 2)
    return Shown("raw", names.JSON, _UNSEEN.sub(_escape, text))


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if ord(match[0]) != 0x7F else "\\u007f"


def read(shape: Shape, mark: str, text: str, base: Any = None) -> Any:
    """The value that a control's text means, or `Unreadable`; a number typed as it stood keeps its spelling."""
    if mark == names.JSON:
        return _raw_read(text)
    match shape.kind:
        case "integer" | "number":
            if not text.strip() and shape.nullable:
                return None
            return number_read(text, whole=shape.kind == "integer")
        case "amount":
            return _amount_read(shape, mark, text, base)
        case "moment" if mark:
            return _moment_read(mark, text, shape)
        case "date" | "moment":
            return None if not text.strip() and shape.nullable else text
        case "choice" | "boolean":
            return None if not text and shape.nullable else _choice_read(shape, text)
        case _:
            return normalised(text)


def normalised(text: str) -> str:
    """The text with line feeds alone, as documents have it; browsers send another kind of line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_showable(text: str) -> bool:
    """Whether a control can hold this text and give it back."""
    return _NOT_IN_HTML.search(text) is None


# -- showing -----------------------------------------------------------------------------------------------------


def _shown(shape: Shape, value: Any) -> Shown | None:
    if value is None:
        return _nothing_shown(shape)
    match shape.kind:
        case "text" if isinstance(value, str):
            long = shape.is_long or "\n" in value or len(value) > 90
            return Shown("markdown" if shape.is_markdown else "lines" if long else "text", "", value)
        case "integer" | "number":
            if isinstance(value, str):
                return Shown(shape.kind, "", value)
            return Shown(shape.kind, "", number_shown(value)) if _is_number(value) else None
        case "amount" if isinstance(value, str):
            exact = is_amount(value) and is_exact(value)
            return Shown("amount", names.EXACT if exact else "", value if exact else grouped(value))
        case "date" if isinstance(value, str):
            return Shown("date" if not value or _is_date(value) else "text", "", value)
        case "moment" if isinstance(value, str):
            return _moment_shown(value)
        case "choice":
            return Shown("choice", "", canonical(value))
        case "boolean" if isinstance(value, bool):
            return Shown("choice" if shape.nullable else "boolean", "", canonical(value))
    return None


def _nothing_shown(shape: Shape) -> Shown | None:
    if not shape.nullable:
        return Shown("choice", "", "null") if shape.kind == "choice" else None
    match shape.kind:
        case "text":
            return Shown("markdown" if shape.is_markdown else "lines" if shape.is_long else "text", "", "")
        case "boolean":
            return Shown("choice", "", "")
        case "moment":
            return Shown("moment", names.UTC, "")
        case kind:
            return Shown(kind, "", "")


def _moment_shown(value: str) -> Shown:
    wall = value.removesuffix("Z")
    if not value:
        return Shown("moment", names.UTC, "")
    if _WALL.fullmatch(wall) and _is_date(wall[:10]) and _is_time(wall):
        return Shown("moment", names.UTC if value.endswith("Z") else names.WALL, wall)
    return Shown("text", "", value)


def _comes_back(shape: Shape, found: Shown, value: Any) -> bool:
    if not is_showable(found.text) or (found.control not in _SEVERAL_LINES and "\n" in found.text):
        return False
    if shape.kind == "text":
        return True  # letter for letter; that it is nothing, a tick box beside it says
    again = read(shape, found.mark, found.text)
    if isinstance(again, Unreadable):
        # What was typed and refused is shown again as it was typed.
        again = again.text
    return same(again, value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < (2**53 if isinstance(value, int) else float("inf"))


def _is_flat(value: Any) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return len(value) < 6 and not any(isinstance(one, dict | list) and one for one in inner)
    return True


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_time(wall: str) -> bool:
    try:
        datetime.fromisoformat(wall)
    except ValueError:
        return False
    return True


# -- reading -----------------------------------------------------------------------------------------------------


def _raw_read(text: str) -> Any:
    try:
        return parsed(text, "This")
    except ApprovalError as error:
        return Unreadable(normalised(text), str(error))


def _amount_read(shape: Shape, mark: str, text: str, base: Any) -> Any:
    if not text.strip():
        return None if shape.nullable else Unreadable(text, "An amount is missing here.")
    amount = amount_read(text, exact=mark == names.EXACT)
    if isinstance(amount, Unreadable):
        # A text may stand here too, unless the class says how it must look; what looks like a number must be one.
        free = not looks_like_amount(text) and not _demands(shape)
        return normalised(text) if free else amount
    return base if is_amount(base) and equal_amounts(amount, base) else amount


def _demands(shape: Shape) -> bool:
    return any("pattern" in option for option in shape.schema.get("anyOf", ()) if isinstance(option, dict))


def _moment_read(mark: str, text: str, shape: Shape) -> Any:
    if not text.strip() and shape.nullable:
        return None
    found = _WALL_TYPED.fullmatch(text.strip())
    if found is None:
        return normalised(text)
    return f"{found[1]}{found[2] or ':00'}{'Z' if mark == names.UTC else ''}"


def _choice_read(shape: Shape, text: str) -> Any:
    value = _raw_read(text) if text else Unreadable(text, "Choose one.")
    if isinstance(value, Unreadable):
        offered = ", ".join(option.label for option in shape.options[:10])
        return Unreadable(value.text, f"Choose one of: {offered}.")
    return value
