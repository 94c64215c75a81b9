"""Whether a value is what a shape says, and which alternative of a union it is."""

from __future__ import annotations

from typing import Any

from approvals.canonical import canonical
from approvals.errors import NotCanonical
from approvals.forms.amounts import is_amount
from approvals.forms.shapes import Shape

_DEEPEST = 12
_MOST_ITEMS = 50
_MOST_LOOKS = 2_000


def alternative_of(shape: Shape, value: Any) -> int | None:
    """The place of the alternative that the value is: as its discriminator says, else the first that it fits."""
    told = shape.discriminator
    if told is not None and isinstance(value, dict):
        tag = value.get(told[0])
        if isinstance(tag, str) and tag in told[1]:
            return told[1][tag]
    glance = _Glance()
    return next((place for place, one in enumerate(shape.alternatives) if glance.fits(one, value)), None)


class _Glance:
    """A look at a value that ends, however often a class's unions meet: what it could not look at, fits."""

    def __init__(self) -> None:
        self._left = _MOST_LOOKS

    def fits(self, shape: Shape, value: Any, depth: int = 0) -> bool:
        """Whether the value has this shape, as far as a form needs to know; constraints are the class's to check."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST or shape.kind == "any":
            return True
        if value is None and shape.nullable:
            return True
        match shape.kind:
            case "fixed" | "choice":
                return _is_offered(shape, value)
            case "object" | "map":
                return isinstance(value, dict) and self._fits_object(shape, value, depth)
            case "list":
                return isinstance(value, list) and self._fits_list(shape, value, depth)
            case "union":
                return any(self.fits(one, value, depth + 1) for one in shape.alternatives)
            case "amount":
                return is_amount(value) or _is_number(value)
            case kind:
                return _is_of(kind, value)

    def _fits_list(self, shape: Shape, value: list[Any], depth: int) -> bool:
        if shape.fixed_length not in (None, len(value)):
            return False
        seen = enumerate(value[:_MOST_ITEMS])
        return all(self.fits(shape.item(place), one, depth + 1) for place, one in seen)

    def _fits_object(self, shape: Shape, value: dict[str, Any], depth: int) -> bool:
        if not shape.required <= value.keys():
            return False
        for key, inner in value.items():
            inner_shape = shape.fields.get(key, shape.rest)
            if inner_shape is None or not self.fits(inner_shape, inner, depth + 1):
                return False
        return True


def _is_of(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return _is_number(value) and value == int(value)
    return _is_number(value) if kind == "number" else isinstance(value, str)


def _is_offered(shape: Shape, value: Any) -> bool:
    try:
        text = canonical(value)
    except NotCanonical:
        return False
    return any(option.text == text for option in shape.options)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
