"""Reads JSON-LD as pages really hold it, and remembers where each value stands so that it can be quoted.

Lenient where authors err: comments, trailing commas, raw line breaks, single quotes, unquoted keys, a missing end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

MAX_DEPTH = 40
MAX_KEY = 60
MAX_VALUES = 20_000
_SPACE = re.compile(r"(?:\s+|/\*(?:[^*]|\*(?!/)){0,20000}\*/|//[^\n]{0,2000}|<!--|-->|<!\[CDATA\[|\]\]>)+")
_BARE = re.compile(r"[^\s,:{}\[\]\"']{1,200}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT = {"n": "\n", "t": "\t", "r": "", "b": "", "f": ""}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number or word, with the span of its raw form, and of the pair it is the value of."""

    text: str
    start: int
    end: int
    pair_start: int = -1
    pair_end: int = -1

    @property
    def quote(self) -> tuple[int, int]:
        """The span to quote: `"foundingDate": "1987"` where the value stands right behind its key."""
        near = self.pair_start >= 0 and self.start - self.pair_start <= MAX_KEY
        return (self.pair_start, self.pair_end) if near else (self.start, self.end)


@dataclass(slots=True)
class Node:
    """A JSON object: values by key, lists flattened to tuples."""

    fields: dict[str, tuple[Value, ...]] = field(default_factory=dict)

    def scalars(self, *names: str) -> list[Scalar]:
        """The plain values under these keys; an object's `@value` or `name` counts."""
        found: list[Scalar] = []
        for name in names:
            for value in self.fields.get(name, ()):
                if isinstance(value, Scalar):
                    if value.text:
                        found.append(value)
                else:
                    found.extend(value.scalars("@value", "name")[:1])
        return found

    def first(self, *names: str) -> Scalar | None:
        """The first plain value under any of these keys."""
        return next(iter(self.scalars(*names)), None)

    def nodes(self, *names: str) -> list[Node]:
        """The objects under these keys."""
        return [value for name in names for value in self.fields.get(name, ()) if isinstance(value, Node)]

    @property
    def types(self) -> tuple[str, ...]:
        """`@type` without its prefix or address."""
        return tuple(re.split(r"[/#:]", scalar.text.strip())[-1] for scalar in self.scalars("@type", "type"))


Value = Scalar | Node


class _Reader:
    def __init__(self, source: str, start: int, end: int) -> None:
        self.source, self.at, self.end = source, start, end
        self.values = 0

    def skip(self) -> None:
        if (match := _SPACE.match(self.source, self.at, self.end)) is not None:
            self.at = match.end()

    def peek(self) -> str:
        return self.source[self.at] if self.at < self.end else ""

    def value(self, depth: int = 0) -> list[Value]:
        """One value; a list comes back flattened."""
        self.skip()
        self.values += 1
        char = self.peek()
        if not char or depth > MAX_DEPTH or self.values > MAX_VALUES:
            self.at = self.end
            return []
        if char == "{":
            return [self._object(depth)]
        if char == "[":
            return self._list(depth)
        if char in "\"'":
            return [self._string(char)]
        if (match := _BARE.match(self.source, self.at, self.end)) is not None:
            self.at = match.end()
            return [] if match[0] in ("null", "undefined") else [Scalar(match[0], match.start(), match.end())]
        self.at += 1
        return []

    def _object(self, depth: int) -> Node:
        node = Node()
        self.at += 1
        while True:
            self.skip()
            char, key_at = self.peek(), self.at
            if not char or char == "}":
                self.at += 1
                return node
            if char in "\"'":
                key = self._string(char).text
            elif (match := _BARE.match(self.source, self.at, self.end)) is not None:
                key, self.at = match[0], match.end()
            else:
                self.at += 1  # commas, and what does not belong here
                continue
            self.skip()
            if self.peek() != ":":
                continue
            self.at += 1
            self.skip()
            listed = self.peek() == "["
            values = self.value(depth + 1)
            if len(values) == 1 and isinstance(only := values[0], Scalar) and not listed:
                values = [replace(only, pair_start=key_at, pair_end=min(self.at, self.end))]
            node.fields[key] = node.fields.get(key, ()) + tuple(values)

    def _list(self, depth: int) -> list[Value]:
        values: list[Value] = []
        self.at += 1
        while True:
            self.skip()
            char = self.peek()
            if not char or char == "]":
                self.at += 1
                return values
            if char == "}":  # a list nobody closed
                return values
            if char == ",":
                self.at += 1
                continue
            before = self.at
            values.extend(self.value(depth + 1))
            self.at = max(self.at, before + 1)

    def _string(self, mark: str) -> Scalar:
        start = self.at + 1
        cursor = start
        while cursor < self.end and self.source[cursor] != mark:
            cursor += 2 if self.source[cursor] == "\\" else 1
        stop = min(cursor, self.end)
        self.at = stop + 1
        raw = self.source[start:stop]
        text = html.unescape(_ESCAPE.sub(_unescape, raw)) if "\\" in raw or "&" in raw else raw
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = " ".join(text.split())
        lead = len(raw) - len(raw.lstrip())
        tail = len(raw) - len(raw.rstrip())
        return Scalar(text, start + lead, max(start + lead, stop - tail))


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _SHORT.get(match[2], match[2])


def read_json_ld(source: str, start: int, end: int) -> list[Node]:
    """The objects of one script, whatever its author did wrong, with references by `@id` joined to what they name."""
    reader = _Reader(source, start, end)
    roots: list[Node] = []
    while reader.at < reader.end and reader.values <= MAX_VALUES:
        before = reader.at
        roots.extend(value for value in reader.value() if isinstance(value, Node))
        reader.at = max(reader.at, before + 1)
    return roots


def join(roots: list[Node]) -> list[Node]:
    """Top-level objects and members of graphs, with `@id` references replaced by the object they name."""
    tops: list[Node] = []
    for root in roots:
        graph = root.nodes("@graph", "graph")
        tops.extend(graph if graph else [root])
        if graph and root.types:
            tops.append(root)
    by_id: dict[str, Node] = {}
    for node in walk(tops):
        for scalar in node.scalars("@id"):
            if len(node.fields) > len(by_id.get(scalar.text, Node()).fields):
                by_id[scalar.text] = node
    for node in list(walk(tops)):
        for key, values in node.fields.items():
            if key in ("@id", "@graph"):
                continue
            node.fields[key] = tuple(_resolved(value, by_id) for value in values)
    return tops


def _resolved(value: Value, by_id: dict[str, Node]) -> Value:
    if isinstance(value, Node) and len(value.fields) == 1 and (scalar := value.first("@id")) is not None:
        return by_id.get(scalar.text, value)
    return value


def walk(nodes: list[Node]) -> Iterator[Node]:
    """Every object once, outermost first, whatever circles the references make."""
    seen: set[int] = set()
    queue: list[Node] = list(nodes)
    while queue and len(seen) < MAX_VALUES:
        node = queue.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        for values in node.fields.values():
            queue.extend(value for value in values if isinstance(value, Node))
