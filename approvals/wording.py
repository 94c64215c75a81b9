"""How a text was worded before and is worded now: which words stayed, went and came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal, NamedTuple

from approvals.aligning import aligned

SegmentKind = Literal["same", "folded", "deleted", "inserted"]


class Segment(NamedTuple):
    """A stretch of text; what is folded stayed as it was, and counts the paragraphs that need no reading."""

    kind: SegmentKind
    text: str
    paragraphs: int = 0


# A number is one word with its separators; of scripts without blanks each sign is one.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# What belongs to the sign before it: accents, variation selectors, joiners and what they join, skin tones.
_CLINGING = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u20d0-\u20f0"
    "\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
)
_WORDS = re.compile(
    rf"\n|[^\S\n]+|\d+(?:[.,:]\d+)*|[{_UNSPACED}][{_CLINGING}]*"
    rf"|[^\W\d{_UNSPACED}](?:[\w{_CLINGING}'’](?<![{_UNSPACED}]))*"
    rf"|.(?:[{_CLINGING}]|\u200d.)*",
    re.DOTALL,
)
_PARAGRAPHS = re.compile(r"[^\n]*(?:\n+|\Z)")


def word_diff(before: Any, after: Any, *, fold: bool = True) -> tuple[Segment, ...]:
    """The segments that lead from one text to the other.

    Without the inserted ones they read as `before`, without the deleted ones as `after`, sign for sign. With `fold`,
    whole paragraphs (lines) that nobody touched and that are away from a change are folded. Where one side is not
    text, it is shown as JSON and replaced as a whole; null reads `nothing`.
    """
    if not (isinstance(before, str) and isinstance(after, str)):
        return _plain(before, after)
    old, new = _paragraphs(before), _paragraphs(after)
    segments = _tidied(_walked(old, new))
    return tuple(_folded(segments) if fold else segments)


def _plain(before: Any, after: Any) -> tuple[Segment, ...]:
    old, new = json.dumps(before, sort_keys=True), json.dumps(after, sort_keys=True)
    if old == new:
        return (Segment("same", _said(before)),)
    return (Segment("deleted", _said(before)), Segment("inserted", _said(after)))


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _paragraphs(text: str) -> list[str]:
    return [one for one in _PARAGRAPHS.findall(text) if one]


def _walked(old: list[str], new: list[str]) -> Iterator[tuple[SegmentKind, str]]:
    i, j = 0, 0
    for next_i, next_j in [*aligned(old, new), (len(old), len(new))]:
        if i < next_i or j < next_j:
            yield from _words("".join(old[i:next_i]), "".join(new[j:next_j]))
        if next_i < len(old):
            yield "same", old[next_i]
        i, j = next_i + 1, next_j + 1


def _words(before: str, after: str) -> Iterator[tuple[SegmentKind, str]]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    i, j = 0, 0
    for next_i, next_j in [*aligned(old, new), (len(old), len(new))]:
        if i < next_i:
            yield "deleted", "".join(old[i:next_i])
        if j < next_j:
            yield "inserted", "".join(new[j:next_j])
        if next_i < len(old):
            yield "same", old[next_i]
        i, j = next_i + 1, next_j + 1


def _tidied(steps: Iterator[tuple[SegmentKind, str]]) -> list[Segment]:
    """Neighbours of one kind joined; blanks between two replaced words replaced with them, as a reader sees it."""
    joined = [(kind, "".join(text for _, text in run)) for kind, run in groupby(steps, key=lambda step: step[0])]
    segments: list[Segment] = []
    deleted, inserted = "", ""
    for place, (kind, text) in enumerate(joined):
        if kind == "deleted":
            deleted += text
        elif kind == "inserted":
            inserted += text
        elif deleted and inserted and place + 1 < len(joined) and not text.strip() and "\n" not in text:
            deleted, inserted = deleted + text, inserted + text
        else:
            segments += _changed(deleted, inserted)
            deleted, inserted = "", ""
            segments.append(Segment("same", text))
    return segments + _changed(deleted, inserted)


def _changed(deleted: str, inserted: str) -> list[Segment]:
    return [*([Segment("deleted", deleted)] if deleted else []), *([Segment("inserted", inserted)] if inserted else [])]


def _folded(segments: list[Segment]) -> Iterator[Segment]:
    """The segments with the untouched paragraphs of each folded; the one around a change stays readable."""
    for place, segment in enumerate(segments):
        if segment.kind != "same":
            yield segment
            continue
        first, last = place == 0, place == len(segments) - 1
        # Up to the end of the paragraph that a change stands in, and from the beginning of the next one that has one.
        head = 0 if first else segment.text.find("\n") + 1 or len(segment.text)
        tail = len(segment.text) if last else max(segment.text.rfind("\n") + 1, head)
        if first and last:
            tail = len(segment.text)
        middle = segment.text[head:tail]
        count = sum(1 for line in middle.split("\n") if line.strip())
        if not count:
            yield segment
            continue
        if segment.text[:head]:
            yield Segment("same", segment.text[:head])
        yield Segment("folded", middle, count)
        if segment.text[tail:]:
            yield Segment("same", segment.text[tail:])
