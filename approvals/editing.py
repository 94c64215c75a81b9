"""What a person typed: read from JSON text or set field by field, and refused where no document could hold it."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterable
from typing import Any, NoReturn

from approvals.canonical import canonical
from approvals.errors import ApprovalError, DocumentInvalid, FieldError

MAX_DEPTH = 100
"""Levels of lists and objects within each other; beyond it comparing and checking would run out of stack."""


def check_typed(document: Any) -> None:
    """Nothing, if this could be a document.

    Raises:
        DocumentInvalid: it is nested too deeply. NotCanonical: it holds what JSON cannot say.
    """
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            canonical(document)
            return
    raise DocumentInvalid([FieldError("", f"it is nested more than {MAX_DEPTH} levels deep")])


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def parsed(text: str, source: str) -> Any:
    """The JSON values of a text that somebody wrote.

    Raises:
        ApprovalError: it is not JSON, or says one key twice; the message names the source and the place.
    """
    try:
        document = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        told = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise ApprovalError(f"{source} is not JSON: {told}.") from error
    except RecursionError:
        raise ApprovalError(f"{source} is nested too deeply.") from None
    except ValueError as error:
        raise ApprovalError(f"{source} cannot be a document: {error}.") from error
    check_typed(document)
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values for one key only the last would be signed, and nobody would see the first.
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"it says {key!r} twice")
        seen.add(key)
    return dict(pairs)


def with_field(document: Any, path: str, typed: str) -> Any:
    """The document with the value at a path such as `sections.0.claims.1.text` replaced by what was typed.

    Where text stands now, what was typed stays text, letter for letter; elsewhere it is taken as JSON if it is JSON.

    Raises:
        ApprovalError: nothing is at the path; the message names what there is.
    """
    changed = copy.deepcopy(document)
    *steps, last = path.split(".")
    place = changed
    for number, step in enumerate(steps):
        place = place[_key(place, step, ".".join(steps[:number]))]
    before = ".".join(steps)
    if isinstance(place, dict) and last not in place and not _near(last, place):
        place[last] = _value(typed)  # a key of an open mapping; where the class has none, it will say so
    else:
        key = _key(place, last, before)
        place[key] = typed if isinstance(place[key], str) else _value(typed)
    check_typed(changed)
    return changed


def _key(place: Any, step: str, before: str) -> Any:
    where = f"{before!r}" if before else "the document"
    if isinstance(place, dict):
        if step in place:
            return step
        near = _near(step, place)
        hint = f"Did you mean {near!r}?" if near else f"It has: {', '.join(map(str, place)) or 'nothing'}."
        raise ApprovalError(f"There is no {step!r} in {where}. {hint}")
    if isinstance(place, list):
        if step.isdecimal() and step.isascii() and len(step) < 10 and int(step) < len(place):
            return int(step)
        held = f"it has {len(place)} entries, counted from 0" if place else "it is empty"
        raise ApprovalError(f"There is no entry {step!r} in {where}: {held}.")
    raise ApprovalError(f"There is nothing below {where}, so no {step!r} either.")


def _near(step: str, place: dict[str, Any]) -> str | None:
    return next(iter(difflib.get_close_matches(step, place, n=1)), None)


def _value(typed: str) -> Any:
    try:
        return json.loads(typed, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return typed
