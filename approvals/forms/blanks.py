"""What a new row or field holds before anybody typed into it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from approvals.forms.shapes import Shape

_DEEPEST = 6
_NAMES = ("id", "key")


def blank(shape: Shape, known: frozenset[str] = frozenset(), *, alternative: int = 0) -> Any:
    """A value to begin with: what the class has as default, nothing, or empty; never a figure that nobody typed.

    `known` are the ids that the document has; a new thing that must have one is called `new-1` or so.
    """
    return _blank(shape, known, alternative, 0, top=True)


def ids_of(document: Any) -> frozenset[str]:
    """Every text under `id` or `key` in a document."""
    return frozenset(_ids(document, 0))


def _blank(shape: Shape, known: frozenset[str], alternative: int, depth: int, *, top: bool = False) -> Any:
    default = shape.schema.get("default")
    if "default" in shape.schema and not (top and default is None):
        return copy.deepcopy(default)
    if shape.nullable and not top:
        return None
    match shape.kind:
        case "object":
            return _blank_object(shape, known, depth)
        case "list":
            length = shape.fixed_length or 0
            return [
                _blank(shape.item(place), known, 0, depth + 1) for place in range(length if depth < _DEEPEST else 0)
            ]
        case "map":
            return {}
        case "union":
            chosen = shape.alternatives[alternative if alternative < len(shape.alternatives) else 0]
            return _blank(chosen, known, 0, depth + 1) if depth < _DEEPEST else None
        case "fixed":
            return copy.deepcopy(shape.schema.get("const"))
        case "boolean":
            return False
        case "any":
            return None
        case _:
            return ""


def _blank_object(shape: Shape, known: frozenset[str], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if depth >= _DEEPEST:
        return made
    for key, field in shape.fields.items():
        if key in _NAMES and field.kind == "text" and key in shape.required and "default" not in field.schema:
            made[key] = _new_id(known)
        elif key in shape.required or "default" in field.schema:
            made[key] = _blank(field, known, 0, depth + 1)
    return made


def _new_id(known: frozenset[str]) -> str:
    number = 1
    while f"new-{number}" in known:
        number += 1
    return f"new-{number}"


def _ids(value: Any, depth: int) -> Iterator[str]:
    if depth > 100:
        return
    if isinstance(value, dict):
        yield from (value[name] for name in _NAMES if isinstance(value.get(name), str))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        if isinstance(one, dict | list):
            yield from _ids(one, depth + 1)
