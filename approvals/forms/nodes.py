"""One place of a document on a page: what its control shows, what it is called, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from approvals.characters import Suspicion, spelled, suspicious
from approvals.forms import names
from approvals.forms.amounts import grouped
from approvals.forms.leaves import raw
from approvals.forms.marks import Mark
from approvals.forms.shapes import Option, Shape

STRUCTURES = frozenset({"object", "map", "items", "table", "cards"})


@dataclass(frozen=True, slots=True)
class Node:
    """One place of a document on a page.

    `kind` says how it is drawn: as a structure (`object`, `map`, `items`, `table`, `cards`), as a control (`text`,
    `lines`, `markdown`, `integer`, `number`, `amount`, `date`, `moment`, `boolean`, `choice`, `raw`), or as what is
    not typed (`fixed`, `hidden`, `nothing`, `absent`). What is `readonly` is plain text; where the form carries its
    value along, it is `carried`.
    """

    kind: str
    shape: Shape
    path: str
    name: str
    label: str
    mark: str = ""
    text: str = ""
    value: Any = None
    change: str = ""
    errors: tuple[str, ...] = ()
    claim: Mark | None = None
    readonly: bool = False
    carried: bool = False
    children: tuple[Node, ...] = ()
    rows: tuple[Row, ...] = ()
    removed: int = 0
    alternative: int | None = None
    union: Shape | None = None

    @property
    def id(self) -> str:
        """The id of its control or group."""
        return f"f-{self.name}"

    @property
    def control(self) -> str:
        """The name of its control."""
        return names.mark(self.name, self.mark) if self.mark else self.name

    @property
    def json(self) -> str:
        """The value as JSON, for a control that nobody sees."""
        return raw(self.value).text

    @property
    def classes(self) -> str:
        """The classes that say how it stands."""
        told = " field-edited" if self.change else ""
        if self.errors:
            told += " field-error"
        if self.claim is not None:
            told += f" claim claim-{self.claim.standing}"
        return told

    @property
    def is_structure(self) -> bool:
        """Whether it has others below it."""
        return self.kind in STRUCTURES

    @property
    def edited(self) -> bool:
        """Whether anything here differs from the original."""
        return bool(self.change)

    @property
    def told(self) -> str:
        """What the class says of it and demands, in sentences."""
        about = self.shape if self.union is None or not self.union.hint else self.union
        hint = _sentence(about.hint) if self.path else ""
        if self.kind not in _DEMANDING:
            return hint
        if self.kind == "listed":
            more = "One per line."
        elif self.kind == "raw":
            more = "" if self.shape.kind == "any" else "This is shown as JSON, because the form does not fit it."
        else:
            more = _demand(self.shape.constraints)
        return f"{hint} {more}".strip()

    def described(self, beside: bool) -> str:
        """The ids of what describes its control; `beside`: whether its hint is drawn too."""
        parts = {"hint": beside and self.told, "error": self.errors, "characters": self.suspicions}
        return " ".join(f"{self.id}-{part}" for part, drawn in parts.items() if drawn)

    @property
    def height(self) -> int:
        """Lines that its control shows at first."""
        lines = self.text.count("\n") + 1 + len(self.text) // 90
        return min(max(lines, 2), 24)

    @property
    def extra_keys(self) -> tuple[str, ...]:
        """The keys of an object that its class does not know, as JSON."""
        known = self.shape.fields
        return tuple(raw(key).text for key in self.value if key not in known) if isinstance(self.value, dict) else ()

    @property
    def has_nothing_box(self) -> bool:
        """Whether nothing and an empty text are two answers here."""
        return self.shape.kind == "text" and self.shape.nullable and self.kind != "raw"

    @property
    def is_nothing(self) -> bool:
        """Whether nothing stands here, which is not an empty text."""
        return self.value is None

    @property
    def required(self) -> bool:
        """Whether something must be typed here."""
        if self.is_optional or self.kind in ("boolean", "raw", "listed"):
            return False
        return self.shape.kind != "text" or self.shape.constraints.get("minLength", 0) > 0

    @property
    def is_optional(self) -> bool:
        """Whether nothing may stand here."""
        return (self.union or self.shape).nullable

    @property
    def attributes(self) -> dict[str, str]:
        """What the schema demands, as attributes of the control."""
        demanded = self.shape.constraints
        told: dict[str, str] = {}
        if self.kind in ("text", "lines", "markdown"):
            longest = demanded.get("maxLength")
            # Browsers count in UTF-16 and would cut what is allowed; beyond the plain planes the class alone counts.
            if isinstance(longest, int) and (self.text.isascii() or len(self.text) * 2 <= longest):
                told["maxlength"] = str(longest)
        if self.kind in ("integer", "number", "amount"):
            told["inputmode"] = "numeric" if self.kind == "integer" else "decimal"
        if self.kind == "text" and self.shape.format in _INPUT_MODES:
            told["inputmode"] = _INPUT_MODES[self.shape.format]
        return told

    @property
    def options(self) -> tuple[Option, ...]:
        """What can be chosen, and what stands here where that is none of it."""
        offered = self.shape.options
        if self.shape.nullable:
            offered = (Option("", "Not set"), *offered)
        if any(option.text == self.text for option in offered):
            return offered
        stray = "Choose one" if self.value == "" else f"{self.value} (not offered)"
        return (Option(self.text, stray), *offered)

    @property
    def said(self) -> str:
        """The value in words, for a page on which nothing is typed."""
        if self.value is None:
            return "Not set"
        if self.kind in ("choice", "boolean"):
            return next((option.label for option in self.shape.options if option.text == self.text), self.text)
        if self.kind == "amount" and isinstance(self.value, str):
            return grouped(self.value)
        if self.kind == "moment":
            return self.text.replace("T", " ") + (" UTC" if self.mark == names.UTC else "")
        return self.text or ("Empty" if self.kind != "hidden" else "")

    @property
    def suspicions(self) -> tuple[Suspicion, ...]:
        """What a reader must be told of this text."""
        return suspicious(self.value) if isinstance(self.value, str) else ()

    @property
    def spelled(self) -> str:
        """The raw view of this text."""
        return spelled(self.value) if isinstance(self.value, str) else self.text

    @property
    def groups(self) -> tuple[Group, ...]:
        """An object's children under the headings that its class gives, in the order of their first."""
        found: dict[str, list[Node]] = {}
        for child in self.children:
            found.setdefault(child.shape.group, []).append(child)
        return tuple(Group(heading, tuple(inside)) for heading, inside in found.items())

    @property
    def columns(self) -> tuple[Node, ...]:
        """The cells of a table's first row, which name its columns."""
        return self.rows[0].cells if self.rows else ()

    @property
    def switches(self) -> tuple[Option, ...]:
        """The alternatives that a control of one line can become by choosing; none where it is not that simple."""
        union = self.union
        if union is None or not all(one.kind in _SWITCHABLE for one in union.alternatives):
            return ()
        return tuple(Option(str(place), one.label) for place, one in enumerate(union.alternatives))

    @property
    def additions(self) -> tuple[Option, ...]:
        """What can be added to this list or map, or set where nothing stands: the act and its label."""
        shape = self.shape.item(len(self.rows)) if self.kind in _LISTS else self.union or self.shape
        verb = "add" if self.kind in (*_LISTS, "map") else "set"
        if self.kind == "map":
            return (Option(f"add:{self.name}", "Add an entry"),)
        if shape.kind == "union":
            named = enumerate(shape.alternatives)
            return tuple(Option(f"{verb}:{self.name}:{place}", f"Add {_lowered(one.label)}") for place, one in named)
        label = shape.label or self.label if verb == "add" else self.label
        return (Option(f"{verb}:{self.name}", f"Add {_lowered(label)}"),)

    @property
    def grows(self) -> bool:
        """Whether rows can be added and taken away."""
        return self.shape.fixed_length is None

    def walk(self) -> Iterable[Node]:
        """This node and all below it, in the order of the page."""
        yield self
        for child in self.children:
            yield from child.walk()
        for row in self.rows:
            yield from row.node.walk()

    def at(self, path: str) -> Node | None:
        """The node of this path, or the nearest one above it that is shown."""
        best: Node | None = None
        for node in self.walk():
            if node.path == path:
                return node
            if (not node.path or path.startswith(f"{node.path}.")) and node.kind != "hidden":
                best = node
        return best


class Row(NamedTuple):
    """One row of a list or map."""

    key: str
    node: Node
    label: str
    change: str = ""
    title: str = ""
    """A map's key, as its control holds it."""
    title_mark: str = names.KEY

    @property
    def cells(self) -> tuple[Node, ...]:
        """What is seen of it in a table."""
        return tuple(child for child in self.node.children if child.kind != "hidden")


class Group(NamedTuple):
    """Fields under one heading."""

    heading: str
    nodes: tuple[Node, ...]


_LISTS = ("items", "table", "cards")
_DEMANDING = frozenset({"integer", "number", "amount", "listed", "raw"})
_INPUT_MODES = {"email": "email", "uri": "url"}
_SWITCHABLE = frozenset({"text", "integer", "number", "amount"})


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text else ""


def _lowered(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _demand(demanded: Mapping[str, Any]) -> str:
    low, high = _plain(demanded.get("minimum")), _plain(demanded.get("maximum"))
    if low and high:
        return f"From {low} to {high}."
    return f"At least {low}." if low else f"At most {high}." if high else ""


def _plain(bound: object) -> str:
    return f"{bound:,}" if isinstance(bound, int | float) else ""
