"""The document of a request as a form, read back from one, and its changes word by word."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from approvals.decisions import differences
from approvals.editing import parsed
from approvals.requests import Request
from approvals.web.pages.looks import place
from approvals.web.pages.visit import Form


class Segment(NamedTuple):
    """A stretch of text that stayed, went or came."""

    kind: str
    text: str
    paragraphs: int = 0


class Change(NamedTuple):
    """One place that differs, in words."""

    path: str
    name: str
    change: str
    segments: tuple[Segment, ...]


def changes(before: Any, after: Any) -> tuple[Change, ...]:
    """Where a document differs from another, for a reader."""
    return tuple(
        Change(one.path, place(one.path), "changed", _segments(one.before, one.after))
        for one in differences(before, after)
    )


def read(form: Form, request: Request) -> Any:
    """The document that was sent; the draft itself where the form carries none."""
    text = form.get("document")
    return parsed(text, "What you typed") if text.strip() else request.content.value()


def _segments(before: Any, after: Any) -> tuple[Segment, ...]:
    old, new = _text(before).split(" "), _text(after).split(" ")
    found = []
    for tag, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            found.append(Segment("same", " ".join(old[i:j]) + " "))
        else:
            found += [Segment("deleted", " ".join(old[i:j]) + " ")] if j > i else []
            found += [Segment("inserted", " ".join(new[k:m]) + " ")] if m > k else []
    return tuple(found)


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
