"""A document as labelled lines, for where it is only to be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from approvals.characters import visible

_DEEPEST = 6


class Line(NamedTuple):
    """One label and what stands there; a label without text heads those below it that lie deeper."""

    depth: int
    label: str
    text: tuple[str, ...]


def outline(value: Any) -> tuple[Line, ...]:
    """Every leaf of a JSON value in order, its characters all visible."""
    return tuple(_lines("", value, 0)) if isinstance(value, dict | list) else (Line(0, "", _said(value)),)


def _lines(label: str, value: Any, depth: int) -> Iterator[Line]:
    if not isinstance(value, dict | list) or not value:
        yield Line(min(depth, _DEEPEST), label, _said(value))
        return
    if label:
        yield Line(min(depth, _DEEPEST), label, ())
    for name, inner in _parts(value):
        yield from _lines(name, inner, depth + bool(label))


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((visible(str(key)).replace("_", " "), inner) for key, inner in value.items())
    return ((f"{place}.", inner) for place, inner in enumerate(value, start=1))


def _said(value: Any) -> tuple[str, ...]:
    if value is None or value in ("", [], {}):
        return ("nothing",)
    text = value if isinstance(value, str) else json.dumps(value)
    return tuple(visible(text, multiline=True).split("\n"))
