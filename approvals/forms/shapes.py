"""What a JSON Schema says of a place in a document, in the words of a form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from approvals.canonical import canonical
from approvals.errors import NotCanonical
from approvals.forms.names import in_words
from approvals.forms.ordering import in_order

ShapeKind = Literal[
    "object", "map", "list", "text", "integer", "number", "amount", "date", "moment", "boolean", "choice", "fixed",
    "union", "any",
]  # fmt: skip

LEAVES = frozenset({"text", "integer", "number", "amount", "date", "moment", "boolean", "choice", "fixed"})

_MOST_HOPS = 32
_LONG = 200
_CONSTRAINTS = ("minLength", "maxLength", "minimum", "maximum")


@dataclass(frozen=True)
class Option:
    """One of the values that may stand at a place: as JSON text, and in words."""

    text: str
    label: str


@dataclass(frozen=True, eq=False)
class Shape:
    """What may stand at one place. Shapes below it are made when asked for, so that a class may hold itself."""

    schema: dict[str, Any]
    kind: ShapeKind
    nullable: bool
    label: str
    hint: str
    hints: dict[str, Any]
    alternatives_of: tuple[dict[str, Any], ...]
    shapes: Shapes = field(repr=False)

    @property
    def is_hidden(self) -> bool:
        """Whether the class asks that reviewers do not see this."""
        return self.hints.get("hidden") is True

    @property
    def is_readonly(self) -> bool:
        """Whether the class asks that this is shown and not typed."""
        return self.hints.get("readonly") is True

    @property
    def group(self) -> str:
        """The heading that this stands under, if any."""
        found = self.hints.get("group")
        return found if isinstance(found, str) else ""

    @property
    def is_markdown(self) -> bool:
        """Whether this text is Markdown."""
        return self.kind == "text" and self.hints.get("widget") == "markdown"

    @property
    def format(self) -> str:
        """The kind of text, such as `email`."""
        return _text(self.schema.get("format"))

    @property
    def is_long(self) -> bool:
        """Whether this text may have several lines."""
        widget = self.hints.get("widget")
        if self.kind != "text" or widget == "line":
            return False
        longest = self.schema.get("maxLength")
        return widget in ("lines", "markdown") or (isinstance(longest, int) and longest > _LONG * 5)

    @cached_property
    def constraints(self) -> dict[str, Any]:
        """What the schema demands, by its own keywords."""
        found = {key: self.schema.get(key) for key in _CONSTRAINTS}
        return {key: demand for key, demand in found.items() if _is_number(demand)}

    @cached_property
    def fields(self) -> dict[str, Shape]:
        """An object's fields, in the order in which its class names them."""
        found = self.schema.get("properties")
        fields = found if isinstance(found, dict) else {}
        return {key: self.shapes.of(fields[key], key) for key in in_order(self.schema, self.hints)}

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields that an object must have."""
        found = self.schema.get("required")
        return frozenset(key for key in found if isinstance(key, str)) if isinstance(found, list) else frozenset()

    @cached_property
    def rest(self) -> Shape | None:
        """What stands under keys that are no fields; None where the class knows no others."""
        found = self.schema.get("additionalProperties", True)
        return None if found is False else self.shapes.of(found, "")

    def item(self, place: int) -> Shape:
        """What stands at this place of a list."""
        first = self.schema.get("prefixItems")
        if isinstance(first, list) and place < len(first):
            return self.shapes.of(first[place], "")
        return self.shapes.of(self.schema.get("items", True), "")

    @property
    def fixed_length(self) -> int | None:
        """How many items a tuple has; None where a list may have any number."""
        first = self.schema.get("prefixItems")
        if not isinstance(first, list):
            return None
        open_ended = self.schema.get("items", self.schema.get("maxItems") != len(first)) is not False
        return None if open_ended else len(first)

    @cached_property
    def alternatives(self) -> tuple[Shape, ...]:
        """What a union may be, each with its name as label."""
        return tuple(self.shapes.alternative(one) for one in self.alternatives_of)

    @cached_property
    def discriminator(self) -> tuple[str, dict[str, int]] | None:
        """The member that says which alternative an object is, and the place of each by that member's value."""
        found = self.schema.get("discriminator")
        if not isinstance(found, dict) or not isinstance(found.get("propertyName"), str):
            return None
        mapping = found.get("mapping")
        known = mapping.items() if isinstance(mapping, dict) else ()
        places: dict[str, int] = {}
        for tag, reference in known:
            meant = self.shapes.resolved({"$ref": reference})
            for place, one in enumerate(self.alternatives_of):
                if one == meant and isinstance(tag, str):
                    places[tag] = place
        return found["propertyName"], places

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """The values that may be chosen."""
        if self.kind == "boolean":
            return (Option("true", "Yes"), Option("false", "No"))
        values = self.schema.get("enum", [self.schema.get("const")])
        return tuple(_options(values if isinstance(values, list) else []))


class Shapes:
    """The shapes of one schema; each is made once."""

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._made: dict[tuple[int, str], Shape] = {}

    @cached_property
    def root(self) -> Shape:
        """What the whole document is."""
        return self.of(self._root, "")

    def of(self, schema: Any, key: str) -> Shape:
        """The shape of a part of the schema, named by the key it stands under."""
        place = (id(schema), key)
        found = self._made.get(place)
        if found is None:
            found = self._made[place] = self._shape(schema, key)
        return found

    def alternative(self, schema: Any) -> Shape:
        """The shape of one alternative of a union, named for itself."""
        shape = self._shape(schema, "")
        return shape if shape.label else replace(shape, label=_KINDS.get(shape.kind, shape.kind))

    def _shape(self, schema: Any, key: str) -> Shape:
        resolved = self.resolved(schema)
        options, nullable = self._options(resolved)
        kind: ShapeKind
        if len(options) == 1 and options[0] is not resolved:
            beside = {name: value for name, value in resolved.items() if name not in _UNIONS}
            resolved = {**options[0], **beside, "ui": {**_hints(options[0]), **_hints(beside)}}
        if len(options) > 1:
            kinds = {_kind(option) for option in options}
            kind = "amount" if kinds == {"number", "text"} and _is_decimal(options) else "union"
        else:
            kind = _kind(resolved) if options else "fixed"
        hints = _hints(resolved)
        return Shape(
            schema=resolved,
            kind=kind,
            nullable=nullable and kind not in ("any", "fixed"),
            label=_label(schema, resolved, hints, key),
            hint=_text(resolved.get("description")),
            hints=hints,
            alternatives_of=tuple(options) if kind == "union" else (),
            shapes=self,
        )

    def _options(self, resolved: dict[str, Any], seen: set[int] | None = None) -> tuple[list[dict[str, Any]], bool]:
        """The alternatives that a schema gives, those within alternatives too, and whether nothing is one of them."""
        given = next((resolved[name] for name in _UNIONS if isinstance(resolved.get(name), list)), None)
        kinds = resolved.get("type")
        if given is None and isinstance(kinds, list):
            given = [{**resolved, "type": kind} for kind in kinds]
        if given is None:
            return [resolved], False
        # A union that holds itself, or one twice, offers nothing new the second time.
        seen = set() if seen is None else seen
        if id(given) in seen:
            return [], False
        seen.add(id(given))
        found: list[dict[str, Any]] = []
        nullable = False
        for one in given:
            option = self.resolved(one)
            if _is_null(option):
                nullable = True
                continue
            inner, nothing = self._options(option, seen)
            found += inner
            nullable = nullable or nothing
        return found, nullable

    def resolved(self, schema: Any) -> dict[str, Any]:
        """The schema with its references followed; what stands beside a reference counts more."""
        if not isinstance(schema, dict):
            return {} if schema is not False else {"not": {}}
        for _ in range(_MOST_HOPS):
            reference, parts = schema.get("$ref"), schema.get("allOf")
            if isinstance(reference, str):
                beside = {name: value for name, value in schema.items() if name != "$ref"}
                schema = {**self._at(reference), **beside}
            elif isinstance(parts, list) and parts:
                beside = {name: value for name, value in schema.items() if name != "allOf"}
                schema = {**_merged([part for part in parts if isinstance(part, dict)]), **beside}
            else:
                return schema
        return {}

    def _at(self, reference: str) -> dict[str, Any]:
        place: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, dict) else None
        return place if isinstance(place, dict) and reference.startswith("#") else {}


def shapes_of(schema: Any) -> Shapes:
    """The shapes of a schema, or the same again."""
    return schema if isinstance(schema, Shapes) else Shapes(schema)


_UNIONS = ("anyOf", "oneOf")
_KINDS: dict[str, str] = {
    "text": "Text",
    "integer": "Whole number",
    "number": "Number",
    "amount": "Amount",
    "date": "Date",
    "moment": "Date and time",
    "boolean": "Yes or no",
    "choice": "Choice",
    "list": "List",
    "map": "Names and values",
    "object": "Fields",
    "any": "Anything",
}
_TYPES: dict[str, ShapeKind] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "null": "fixed",
}
_FORMATS: dict[str, ShapeKind] = {"date": "date", "date-time": "moment"}


def _kind(schema: dict[str, Any]) -> ShapeKind:
    if "const" in schema:
        return "fixed"
    if isinstance(schema.get("enum"), list):
        return "choice"
    kind = schema.get("type")
    if kind == "string":
        return _FORMATS.get(_text(schema.get("format")), "text")
    if isinstance(kind, str) and kind in _TYPES:
        return _TYPES[kind]
    if kind == "object" or isinstance(schema.get("properties"), dict):
        return "object" if schema.get("properties") or schema.get("additionalProperties") is False else "map"
    if isinstance(schema.get("prefixItems"), list) or "items" in schema:
        return "list"
    return "any"


def _is_null(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "null" or ("const" in schema and schema["const"] is None)


def _is_decimal(options: list[Any]) -> bool:
    # How pydantic writes a decimal: a number, or a text that holds one. A text with demands of its own is a text.
    texts = [option for option in options if isinstance(option, dict) and option.get("type") == "string"]
    return len(options) == 2 and len(texts) == 1 and set(texts[0]) <= {"type", "pattern", "title"}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        both: dict[str, Any] = {
            name: {**merged[name], **part[name]}
            for name in ("properties", "ui")
            if isinstance(merged.get(name), dict) and isinstance(part.get(name), dict)
        }
        if isinstance(merged.get("required"), list) and isinstance(part.get("required"), list):
            both["required"] = [*merged["required"], *part["required"]]
        merged = {**merged, **part, **both}
    return merged


def _hints(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema.get("ui")
    return found if isinstance(found, dict) else {}


def _label(schema: Any, resolved: dict[str, Any], hints: dict[str, Any], key: str) -> str:
    told = _text(hints.get("label"))
    if told:
        return told
    title = _text(schema.get("title")) if isinstance(schema, dict) else ""
    if key:
        # pydantic makes a title of each name; only one that somebody wrote says more than the name.
        made = title in (key.replace("_", " ").title(), key)
        return title if title and not made and "$ref" not in schema else in_words(key)
    named = title or _text(resolved.get("title"))
    return in_words(named) if named else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _options(values: list[Any]) -> Iterator[Option]:
    for value in values:
        try:
            text = canonical(value)
        except NotCanonical:
            continue
        yield Option(text, _spoken(value))


def _spoken(value: Any) -> str:
    if value is True or value is False:
        return "Yes" if value else "No"
    if value is None:
        return "Nothing"
    if isinstance(value, str):
        plain = value.isascii() and value.replace("_", "").isalnum() and value == value.lower()
        return in_words(value) if plain and not value[:1].isdigit() else value or "(empty)"
    return canonical(value)
