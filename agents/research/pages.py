"""A page as a person sees it: its visible text in lines, each with its place in the text and in the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from agents.research.markup import Tag

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


@dataclass(slots=True)
class Line:
    """One line of the visible text and the element it stands in."""

    start: int
    end: int
    text: str
    tag: str
    parent: int = 0
    region: str = "main"
    path: tuple[str, ...] = ()
    level: int = 0
    heading: int = -1
    row: int = -1
    cell: int = -1
    items: tuple[int, ...] = ()
    quoted: bool = False
    excluded: bool = False
    when: str = ""

    @property
    def item(self) -> int:
        """The innermost list item or card the line stands in, or -1."""
        return self.items[-1] if self.items else -1

    @property
    def is_heading(self) -> bool:
        """Whether the line is a heading, by its tag or by standing alone like one."""
        return self.level > 0


@dataclass(frozen=True, slots=True)
class Link:
    """A visible link: where it points, its words, and which line they begin in."""

    href: str
    text: str
    start: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A visible picture with a description, and the line it stands before."""

    alt: str
    line: int
    region: str


@dataclass(frozen=True, slots=True)
class Property:
    """A microdata property: its item's type and path, and its value in the text or in an attribute."""

    item: int
    type: str
    parent_property: str
    parent_item: int
    name: str
    value: str
    start: int
    end: int
    in_text: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that are not in the visible text: what they are and where they came from."""

    channel: str
    text: str


@dataclass
class ReadPage:
    """Everything later rules look at, none of it decided yet."""

    address: str
    markup: str
    text: str
    lines: list[Line]
    tags: list[Tag]
    title: str = ""
    language: str | None = None
    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    hidden_characters: int = 0
    truncated: bool = False
    is_html: bool = True

    @cached_property
    def metas(self) -> dict[str, Tag]:
        """Meta tags by name or property, lower case; the first counts."""
        found: dict[str, Tag] = {}
        for tag in self.tags:
            if tag.name == "meta" and "content" in tag.attributes:
                key = (tag.get("property") or tag.get("name")).strip().lower()
                if key:
                    found.setdefault(key, tag)
        return found

    @cached_property
    def rows(self) -> list[list[int]]:
        """Table rows as lists of line indexes, in order."""
        rows: dict[int, list[int]] = {}
        for index, line in enumerate(self.lines):
            if line.row >= 0:
                rows.setdefault(line.row, []).append(index)
        return list(rows.values())

    def part(self, name: str) -> str:
        """The text that offsets of this part are counted in."""
        return self.text if name == "text" else self.markup

    def heading_of(self, index: int) -> str:
        """The words of the heading above a line, or an empty string."""
        heading = self.lines[index].heading
        return self.lines[heading].text if heading >= 0 else ""

    def headings_above(self, index: int) -> Sequence[int]:
        """Indexes of the headings a line stands under, nearest first, each of a higher rank than the last."""
        found: list[int] = []
        current = self.lines[index].heading
        while current >= 0 and len(found) < 7:
            found.append(current)
            current = self.lines[current].heading
        return found

    def quote_of_attribute(self, tag_names: tuple[str, ...], attribute: str, value: str) -> tuple[int, int] | None:
        """Where an attribute with this value stands in the source."""
        found = self._attribute_places.get((attribute, value))
        if found is not None and found[0] in tag_names:
            return found[1], found[2]
        return None

    @cached_property
    def _attribute_places(self) -> dict[tuple[str, str], tuple[str, int, int]]:
        places: dict[tuple[str, str], tuple[str, int, int]] = {}
        for tag in self.tags:
            for name in ("href", "alt", "datetime", "content"):
                attribute = tag.attributes.get(name) if tag.raw else None
                if attribute is not None and attribute.value:
                    places.setdefault((name, attribute.value), (tag.name, attribute.start, attribute.end))
        return places
