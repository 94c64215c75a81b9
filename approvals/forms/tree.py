"""A document as a tree of nodes, compared with what it was, and with its errors where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from approvals.differences import matches, same
from approvals.errors import FieldError
from approvals.forms import names
from approvals.forms.fitting import alternative_of
from approvals.forms.leaves import is_showable, raw, shown
from approvals.forms.marks import Mark
from approvals.forms.misplaced import Errors, sorted_out
from approvals.forms.nodes import STRUCTURES, Node, Row
from approvals.forms.shapes import LEAVES, Shape, shapes_of

MOST_ROWS = 1_000
"""Rows of one list that are shown as controls; a longer one is shown as JSON."""

MOST_NODES = 20_000
"""Nodes of one form, about; what comes after is shown as JSON."""

DEEPEST = 24
"""Structures within each other that are shown as controls; what is deeper is shown as JSON."""

_MOST_COLUMNS = 7
_LONGEST_LINE = 120
_LONGEST_CELL = 60


class _Unknown:
    """Nothing to compare with."""


UNKNOWN = _Unknown()
MISSING = object()
_ANY = shapes_of({}).root


def nodes(
    schema: Any,
    value: Any,
    original: Any = None,
    errors: Sequence[FieldError] = (),
    *,
    marks: Mapping[str, Mark] | None = None,
    readonly: bool = False,
) -> Node:
    """The document as a tree of nodes.

    `original` is what edits are measured against, such as the agent's draft; None compares with nothing. Each error
    goes to the node of its path, or to the nearest one above that is shown. `marks` are claims by the path of their
    text. Never fails: what a schema does not tell how to show is shown as JSON.
    """
    tree = _Tree(marks or {})
    compared = UNKNOWN if original is None else original
    wrong = [(error.path, error.message) for error in errors]
    place = _Place(path="", name=names.ROOT, label="", errors=wrong, depth=0, readonly=readonly)
    return tree.node(shapes_of(schema).root, value, compared, place)


class _Place(NamedTuple):
    """Where a node stands, and what is known of it from outside."""

    path: str
    name: str
    label: str
    errors: Errors
    depth: int
    readonly: bool
    union: Shape | None = None
    alternative: int | None = None

    def path_of(self, key: str | int) -> str:
        return f"{self.path}.{key}" if self.path else str(key)


class _Tree:
    def __init__(self, marks: Mapping[str, Mark]) -> None:
        self._marks = marks
        self._made = 0

    def node(self, shape: Shape, value: Any, original: Any, place: _Place) -> Node:
        self._made += 1
        if value is MISSING:
            return self._bare("absent", shape, MISSING, original, place)
        if shape.is_hidden:
            return self._bare("hidden", shape, value, original, place)
        if shape.kind == "union" and value is not None:
            chosen = alternative_of(shape, value)
            if chosen is None:
                return self._bare("raw", shape, value, original, place)
            place = place._replace(union=shape, alternative=chosen)
            shape = shape.alternatives[chosen]
        if shape.kind in LEAVES:
            return self._leaf(shape, value, original, place)
        if value is None and shape.nullable:
            return self._bare("nothing", shape, None, original, place)
        if place.depth < DEEPEST and self._made < MOST_NODES:
            if isinstance(value, dict) and shape.kind == "object":
                return self._object(shape, value, original, place)
            if isinstance(value, dict) and shape.kind == "map" and len(value) <= MOST_ROWS:
                return self._map(shape, value, original, place)
            if isinstance(value, list) and shape.kind == "list" and len(value) <= MOST_ROWS:
                return self._list(shape, value, original, place)
        return self._bare("raw", place.union or shape, value, original, place._replace(union=None, alternative=None))

    # -- what has nothing below it -------------------------------------------------------------------------------

    def _leaf(self, shape: Shape, value: Any, original: Any, place: _Place) -> Node:
        if shape.kind == "fixed":
            as_it_must = same(value, shape.schema.get("const")) and is_showable(str(value))
            return self._bare("fixed" if as_it_must else "raw", shape, value, original, place)
        found = shown(shape, value)
        change = _change(value, original)
        return self._made_of(found.control, shape, value, place, change, mark=found.mark, text=found.text)

    def _bare(self, kind: str, shape: Shape, value: Any, original: Any, place: _Place) -> Node:
        change = _change(value, original)
        if value is MISSING or kind == "nothing":
            return self._made_of(kind, shape, None, place, change)
        return self._made_of(kind, shape, value, place, change, mark=names.JSON, text=raw(value).text)

    def _made_of(
        self,
        kind: str,
        shape: Shape,
        value: Any,
        place: _Place,
        change: str,
        *,
        mark: str = "",
        text: str = "",
        errors: tuple[str, ...] | None = None,
        children: tuple[Node, ...] = (),
        rows: tuple[Row, ...] = (),
        removed: int = 0,
    ) -> Node:
        readonly = place.readonly or (place.union or shape).is_readonly or shape.is_readonly
        return Node(
            kind=kind,
            shape=shape,
            path=place.path,
            name=place.name,
            label=place.label or shape.label,
            mark=mark,
            text=text,
            value=value,
            change=change,
            errors=_messages(place.errors) if errors is None else errors,
            claim=self._marks.get(place.path) if self._marks else None,
            readonly=readonly,
            carried=readonly and not place.readonly and kind != "absent",
            children=children,
            rows=rows,
            removed=removed,
            alternative=place.alternative,
            union=place.union,
        )

    # -- what has --------------------------------------------------------------------------------------------------

    def _object(self, shape: Shape, value: dict[str, Any], original: Any, place: _Place) -> Node:
        before = original if isinstance(original, dict) else None
        keys = [*shape.fields, *(key for key in value if key not in shape.fields)]
        own, below = sorted_out(place.errors, keys)
        readonly = place.readonly or shape.is_readonly
        children: list[Node] = []
        for key in keys:
            field = shape.fields.get(key)
            inner = _Place(
                path=place.path_of(key),
                name=names.member(place.name, key),
                label=field.label if field is not None else key or "(no name)",
                errors=below.get(key, []),
                depth=place.depth + 1,
                readonly=readonly,
            )
            old = UNKNOWN if before is None else before.get(key, MISSING)
            children.append(self.node(field or shape.rest or _ANY, value.get(key, MISSING), old, inner))
        removed = len(before.keys() - value.keys()) if before is not None else 0
        return self._made_of(
            "object",
            shape,
            value,
            place,
            _change_of(value, original, any(child.change for child in children) or removed > 0),
            errors=_with_hidden(own, ((child.label, child) for child in children)),
            children=tuple(children),
        )

    def _map(self, shape: Shape, value: dict[str, Any], original: Any, place: _Place) -> Node:
        before = original if isinstance(original, dict) else None
        own, below = sorted_out(place.errors, list(value) if place.errors else [])
        rows: list[Row] = []
        for number, (key, entry) in enumerate(value.items()):
            inner = _Place(
                path=place.path_of(key),
                name=f"{place.name}.{number}.{names.VALUE}",
                label=key or "(empty)",
                errors=below.get(key, []),
                depth=place.depth + 1,
                readonly=place.readonly or shape.is_readonly,
            )
            old = UNKNOWN if before is None else before.get(key, MISSING)
            node = self.node(shape.rest or _ANY, entry, UNKNOWN if old is MISSING else old, inner)
            plain = is_showable(key) and "\n" not in key
            title, mark = (key, names.KEY) if plain else (raw(key).text, f"{names.KEY}.{names.JSON}")
            change = "added" if old is MISSING else node.change
            rows.append(Row(str(number), node, key or f"Entry {number + 1}", change, title, mark))
        removed = len(before.keys() - value.keys()) if before is not None else 0
        return self._rows("map", shape, value, original, place, rows, removed, own)

    def _list(self, shape: Shape, value: list[Any], original: Any, place: _Place) -> Node:
        if _is_lines(shape, value):
            text = "\n".join(value)
            return self._made_of("listed", shape, value, place, _change(value, original), mark=names.LINES, text=text)
        before = original if isinstance(original, list) else None
        found = {match.after: match for match in matches(before, value)} if before is not None else {}
        own, below = sorted_out(place.errors, list(map(str, range(len(value)))) if place.errors else [])
        rows: list[Row] = []
        for number, entry in enumerate(value):
            match = found.get(number)
            inner = _Place(
                path=place.path_of(number),
                name=f"{place.name}.{number}",
                label="",
                errors=below.get(str(number), []),
                depth=place.depth + 1,
                readonly=place.readonly or shape.is_readonly,
            )
            old = UNKNOWN if match is None or before is None else before[match.before]
            node = self.node(shape.item(number), entry, old, inner)
            change = node.change
            if before is not None and match is None:
                change = "added"
            elif match is not None and match.moved:
                change = "moved"
            rows.append(Row(str(number), node, _row_label(node, number), change))
        kind = "cards" if any(row.node.kind in STRUCTURES for row in rows) else "items"
        removed = len(before) - len(found) if before is not None else 0
        return self._rows(
            "table" if _is_table(shape, rows) else kind, shape, value, original, place, rows, removed, own
        )

    def _rows(
        self,
        kind: str,
        shape: Shape,
        value: Any,
        original: Any,
        place: _Place,
        rows: list[Row],
        removed: int,
        own: Errors,
    ) -> Node:
        return self._made_of(
            kind,
            shape,
            value,
            place,
            _change_of(value, original, removed > 0 or any(row.change for row in rows)),
            errors=_with_hidden(own, ((row.label, row.node) for row in rows)),
            rows=tuple(rows),
            removed=removed,
        )


def _change(value: Any, original: Any) -> str:
    if original is UNKNOWN:
        return ""
    if original is MISSING:
        return "" if value is MISSING else "added"
    return "" if value is not MISSING and same(value, original) else "changed"


def _change_of(value: Any, original: Any, inside: bool) -> str:
    if original is UNKNOWN:
        return ""
    if original is MISSING:
        return "added"
    return "changed" if inside or type(value) is not type(original) else ""


def _messages(errors: Errors) -> tuple[str, ...]:
    return tuple(dict.fromkeys(message for _, message in errors)) if errors else ()


def _with_hidden(own: Errors, inside: Iterable[tuple[str, Node]]) -> tuple[str, ...]:
    # What is wrong with something that nobody sees is told where somebody does.
    hidden = [f"{label}: {message}" for label, node in inside if node.kind == "hidden" for message in node.errors]
    return (*_messages(own), *hidden)


def _row_label(node: Node, number: int) -> str:
    kind = node.label if node.kind in STRUCTURES and node.label else "Row"
    return f"{kind} {number + 1}"


def _is_lines(shape: Shape, value: list[Any]) -> bool:
    """Whether this is a list of short texts, which people type one a line."""
    item = shape.item(0)
    if item.kind != "text" or item.nullable or item.hints or shape.fixed_length is not None:
        return False
    return all(
        isinstance(one, str) and len(one) <= _LONGEST_LINE and one.strip() and "\n" not in one and is_showable(one)
        for one in value
    )


def _is_table(shape: Shape, rows: list[Row]) -> bool:
    if not rows or shape.fixed_length is not None:
        return False
    names_of_cells = [tuple(cell.name.rpartition(".")[2] for cell in row.cells) for row in rows]
    if len(set(names_of_cells)) > 1 or not 1 < len(names_of_cells[0]) <= _MOST_COLUMNS:
        return False
    return all(row.node.kind == "object" and row.node.union is None for row in rows) and all(
        cell.kind in _CELLS and len(cell.text) <= _LONGEST_CELL for row in rows for cell in row.cells
    )


_CELLS = frozenset({"text", "integer", "number", "amount", "date", "moment", "boolean", "choice", "fixed"})
