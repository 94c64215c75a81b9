"""Tags in the page's source with their exact positions, so that what stands in an attribute can be quoted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_NAMES = "meta|link|a|area|script|style|time|title|base|img"
# Possessive and bounded: a page of unclosed quotes costs no more than one of text.
_TAG = re.compile(
    r"<!--|<(?P<name>" + _NAMES + r")(?=[\s/>])"
    r"(?P<attrs>(?:[^>\"']{1,4000}+|\"[^\"]{0,20000}+\"|'[^']{0,20000}+'){0,60}+)>",
    re.IGNORECASE,
)
_ATTR = re.compile(
    r"(?P<name>[^\s=\"'/>]{1,80})\s{0,20}=\s{0,20}(?:\"(?P<dq>[^\"]*)\"|'(?P<sq>[^']*)'|(?P<bare>[^\s\"'>]+))"
)
MAX_TAGS = 60_000


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute's value, unescaped, and where its raw form stands in the source."""

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Tag:
    """An opening tag; for script, style and title, `inner` spans what it encloses."""

    name: str
    start: int
    end: int
    raw: str
    attrs_at: int
    inner: tuple[int, int] | None = None

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """Attributes by lower-case name; the first of a repeated one counts."""
        found: dict[str, Attribute] = {}
        for match in _ATTR.finditer(self.raw):
            group = "dq" if match["dq"] is not None else "sq" if match["sq"] is not None else "bare"
            start = self.attrs_at + match.start(group)
            value = html.unescape(match[group])
            found.setdefault(match["name"].lower(), Attribute(value, start, self.attrs_at + match.end(group)))
        return found

    def get(self, name: str) -> str:
        """The attribute's value, or an empty string."""
        attribute = self.attributes.get(name)
        return attribute.value if attribute else ""


def scan(markup: str) -> Iterator[Tag]:
    """The tags that facts can be quoted from, in order; nothing out of comments."""
    position = 0
    lowered = markup.lower()
    if len(lowered) != len(markup):  # some capitals grow when lowered; positions must not move
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in markup)
    for _ in range(MAX_TAGS):
        match = _TAG.search(markup, position)
        if match is None:
            return
        if match["name"] is None:
            closing = markup.find("-->", match.end() - 2)
            if closing < 0:
                return
            position = closing + 3
            continue
        name = match["name"].lower()
        inner = None
        position = match.end()
        if name in ("script", "style", "title"):
            closing = lowered.find(f"</{name}", position)
            if closing < 0:
                closing = markup.find("<", position) if name == "title" else len(markup)
            closing = len(markup) if closing < 0 else closing
            inner = (position, closing)
            position = closing
        yield Tag(name, match.start(), match.end(), match["attrs"], match.start("attrs"), inner)
