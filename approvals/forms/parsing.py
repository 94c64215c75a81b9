"""From what a browser sends back to the document: types kept, and nothing that was typed lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from approvals.editing import check_typed, parsed
from approvals.errors import ApprovalError, DocumentInvalid, FieldError
from approvals.forms import names
from approvals.forms.blanks import blank, ids_of
from approvals.forms.fitting import alternative_of
from approvals.forms.leaves import MARKS, normalised, read
from approvals.forms.shapes import Shape, shapes_of
from approvals.forms.tree import DEEPEST
from approvals.forms.unreadable import Unreadable

MOST_FIELDS = 100_000
"""Controls that a form may send."""

MOST_CHARACTERS = 16 * 1024 * 1024
"""Characters in all their names and values."""

_SLACK = 4


@dataclass(frozen=True)
class Act:
    """What a button in the form does to a row or field: `add`, `remove`, `up`, `down`, `set` or `clear`."""

    verb: str
    name: str
    alternative: int = 0


@dataclass(frozen=True)
class Typed:
    """What was typed: the document, what in it could not be read, and the path of what a button just changed.

    What could not be read stands in the document as text, as it was typed, so that nothing is lost and the document's
    class refuses it too.
    """

    document: Any
    errors: tuple[FieldError, ...] = ()
    focus: str | None = None


def parse(schema: Any, pairs: Sequence[tuple[str, str]], base: Any) -> Typed:
    """The document that a form holds, with its button's act done, if one was pressed.

    `base` is the document that the form showed; what the form does not mention stays as it is there.

    Raises:
        DocumentInvalid: there are more fields or characters than any form has, or the document is nested too deeply.
    """
    if len(pairs) > MOST_FIELDS:
        raise DocumentInvalid([FieldError("", f"{len(pairs)} fields were sent, and {MOST_FIELDS} is the most")])
    if sum(len(name) + len(value) for name, value in pairs) > MOST_CHARACTERS:
        raise DocumentInvalid([FieldError("", f"more than {MOST_CHARACTERS} characters were sent")])
    form = _Form(pairs, ids_of(base))
    document = form.at(shapes_of(schema).root, names.ROOT, base, "", 0)
    if document is ABSENT:
        raise DocumentInvalid([FieldError("", "the form holds no document")])
    check_typed(document)
    return Typed(document, tuple(form.errors), form.focus)


def act_of(pairs: Iterable[tuple[str, str]]) -> Act | None:
    """What the pressed button asks for; None where it asks for nothing that is done to a document."""
    pressed = next((value for name, value in pairs if name == names.ACT), "")
    verb, _, rest = pressed.partition(":")
    name, _, alternative = rest.partition(":")
    if verb not in _VERBS or not name:
        return None
    return Act(verb, name, int(alternative) if alternative.isdecimal() and len(alternative) < 4 else 0)


_VERBS = frozenset({"add", "remove", "up", "down", "set", "clear"})
ABSENT = object()
"""Where a document has nothing at all, not even null."""

_ANY = shapes_of({}).root


class _Row(NamedTuple):
    key: str
    name: str


class _Form:
    def __init__(self, pairs: Sequence[tuple[str, str]], known: frozenset[str]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in pairs:
            self._fields.setdefault(name, []).append(value)
        self._act = act_of(pairs)
        self._known = known
        self.errors: list[FieldError] = []
        self.focus: str | None = None

    def at(self, shape: Shape, name: str, base: Any, path: str, depth: int) -> Any:
        """The value at a name; `ABSENT` where there is none."""
        if self._does("set", name):
            self.focus = path
            return blank(shape, self._known, alternative=self._act.alternative if self._act else 0)
        if self._does("clear", name) and shape.nullable:
            self.focus = path
            return None
        if depth > DEEPEST + _SLACK:
            return base
        typed = self._one(names.mark(name, names.JSON))
        if typed is not None:
            return self._kept(read(_ANY, names.JSON, typed), path)
        if shape.kind == "union":
            shape = self._alternative(shape, name, base)
        lines = self._one(names.mark(name, names.LINES))
        if lines is not None:
            return [line for line in normalised(lines).split("\n") if line.strip()]
        match self._one(names.mark(name, names.IS)):
            case "object":
                return self._object(shape, name, base, path, depth)
            case "list":
                return self._list(shape, name, base, path, depth)
            case "map":
                return self._map(shape, name, base, path, depth)
            case "null":
                return None
        return self._leaf(shape, name, base, path)

    def _leaf(self, shape: Shape, name: str, base: Any, path: str) -> Any:
        if self._one(names.mark(name, names.BOX)) is not None:
            return self._one(name) is not None
        nothing = self._one(names.mark(name, names.NOTHING))
        for mark in MARKS.get(shape.kind, ("",)):
            typed = self._one(names.mark(name, mark) if mark else name)
            if typed is None:
                continue
            # Where nothing stood, words in the control mean more than a tick that was there before.
            if nothing is not None and not (nothing == "was" and typed):
                return None
            spelling = None if base is ABSENT else base
            return self._kept(read(shape, mark, typed, spelling), path)
        return base

    def _object(self, shape: Shape, name: str, base: Any, path: str, depth: int) -> dict[str, Any]:
        before = base if isinstance(base, dict) else {}
        found: dict[str, Any] = {}
        for key, field in shape.fields.items():
            place = f"{path}.{key}" if path else key
            value = self.at(field, names.member(name, key), before.get(key, ABSENT), place, depth + 1)
            if value is not ABSENT:
                found[key] = value
        for text in self._fields.get(names.mark(name, names.EXTRA), ()):
            key = self._json(text)
            if isinstance(key, str) and key not in found and not self._does("remove", names.member(name, key)):
                place = f"{path}.{key}" if path else key
                field = shape.rest or _ANY
                value = self.at(field, names.member(name, key), before.get(key, ABSENT), place, depth + 1)
                if value is not ABSENT:
                    found[key] = value
        return found

    def _list(self, shape: Shape, name: str, base: Any, path: str, depth: int) -> list[Any]:
        before = base if isinstance(base, list) else []
        found: list[Any] = []
        for row in self._rows(name, path):
            place = f"{path}.{len(found)}" if path else str(len(found))
            old = before[int(row.key)] if row.key.isdecimal() and int(row.key) < len(before) else ABSENT
            value = self.at(shape.item(len(found)), row.name, old, place, depth + 1)
            if value is ABSENT:
                continue
            if self._act is not None and self._act.name == row.name and self._act.verb in ("up", "down"):
                self.focus = place
            found.append(value)
        if self._does("add", name) and self._act is not None:
            self.focus = f"{path}.{len(found)}" if path else str(len(found))
            item = shape.item(len(found))
            found.append(blank(item, self._known | ids_of(found), alternative=self._act.alternative))
        return found

    def _map(self, shape: Shape, name: str, base: Any, path: str, depth: int) -> dict[str, Any]:
        before = list(base.items()) if isinstance(base, dict) else []
        found: dict[str, Any] = {}
        for row in self._rows(name, path):
            old = before[int(row.key)] if row.key.isdecimal() and int(row.key) < len(before) else ("", ABSENT)
            title = self._title(row, old)
            key = _free(title, found)
            place = f"{path}.{key}" if path else key
            value = self.at(shape.rest or _ANY, names.mark(row.name, names.VALUE), old[1], place, depth + 1)
            if value is ABSENT:
                continue
            if key != title:
                told = f"There are two entries called {title!r}; this one was kept as {key!r}. Rename or remove it."
                self.errors.append(FieldError(place, told))
            found[key] = value
        if self._does("add", name):
            key = _free("", found) if "" in found else ""
            self.focus = f"{path}.{key}" if path else key
            found[key] = blank(shape.rest or _ANY, self._known)
        return found

    def _title(self, row: _Row, old: tuple[str, Any]) -> str:
        typed = self._one(names.mark(row.name, f"{names.KEY}.{names.JSON}"))
        if typed is not None:
            told = self._json(typed)
            return told if isinstance(told, str) else typed
        typed = self._one(names.mark(row.name, names.KEY))
        return old[0] if typed is None else normalised(typed)

    def _rows(self, name: str, path: str) -> list[_Row]:
        """The rows in the order that is asked for, without what is to be removed."""
        keys = [
            key for key in dict.fromkeys(self._fields.get(names.mark(name, names.ROWS), ())) if names.ROW_KEY.match(key)
        ]
        rows = [_Row(key, f"{name}.{key}") for key in keys]
        act = self._act
        if act is None or not act.name.startswith(f"{name}."):
            return rows
        place = next((place for place, row in enumerate(rows) if row.name == act.name), None)
        if place is None:
            return rows
        if act.verb == "remove":
            self.focus = path
            del rows[place]
        elif act.verb in ("up", "down"):
            other = place + (1 if act.verb == "down" else -1)
            if 0 <= other < len(rows):
                rows[place], rows[other] = rows[other], rows[place]
        return rows

    def _alternative(self, shape: Shape, name: str, base: Any) -> Shape:
        told = self._one(names.mark(name, names.AS)) or ""
        place = int(told) if told.isdecimal() and len(told) < 4 else None
        if place is None or place >= len(shape.alternatives):
            place = alternative_of(shape, None if base is ABSENT else base) or 0
        return shape.alternatives[place]

    def _kept(self, value: Any, path: str) -> Any:
        if isinstance(value, Unreadable):
            self.errors.append(FieldError(path, value.message))
            return value.text
        return value

    def _json(self, text: str) -> Any:
        try:
            return parsed(text, "A name")
        except ApprovalError:
            return None

    def _one(self, name: str) -> str | None:
        found = self._fields.get(name)
        return found[0] if found else None

    def _does(self, verb: str, name: str) -> bool:
        return self._act is not None and self._act.verb == verb and self._act.name == name


def _free(title: str, taken: dict[str, Any]) -> str:
    """The title, or with the first number that makes it unlike those taken."""
    if title not in taken:
        return title
    # From the count on, so that a thousand entries of one name do not each try all numbers.
    number = len(taken) + 1
    while f"{title} ({number})" in taken:
        number += 1
    return f"{title} ({number})"
