"""The document of a request as a form, read back from one, and its changes word by word."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from approvals.canonical import canonical, digest
from approvals.decisions import FieldDifference
from approvals.differences import differences
from approvals.errors import FieldError, StaleDecision
from approvals.forms import Node, Typed, names, nodes, parse
from approvals.forms.marks import marks
from approvals.requests import Content, Finding
from approvals.web.looks import label
from approvals.wording import Segment, word_diff

_TITLES = ("title", "name", "subject")
_MACHINERY = ("id", "key", "fact_ids", "catalogue_ids")


class Change(NamedTuple):
    """One place that differs, in words."""

    path: str
    name: str
    change: str
    segments: tuple[Segment, ...]


@lru_cache(maxsize=64)
def _schema(text: str) -> Any:
    # One gate has one schema, and making its shapes anew for every page would take longer than drawing them.
    return json.loads(text)


def tree(
    content: Content,
    document: Any,
    *,
    errors: Iterable[FieldError] = (),
    findings: Iterable[Finding] = (),
    numbers: Mapping[str, tuple[int, ...]] | None = None,
    facts: Mapping[str, tuple[str, ...]] | None = None,
    readonly: bool,
) -> Node:
    """The document as a form shows it, measured against the draft; `numbers` and `facts` are the sources that each
    claim cites, and what it cites in them.
    """
    standings = {finding.claim_id: finding.standing for finding in findings}
    original = None if readonly else content.value()
    marked = {
        path: mark._replace(sources=(numbers or {}).get(mark.claim_id, ()), facts=(facts or {}).get(mark.claim_id, ()))
        for path, mark in marks(document, standings).items()
    }
    return nodes(_schema(content.document_schema), document, original, tuple(errors), marks=marked, readonly=readonly)


def read(pairs: list[tuple[str, str]], content: Content, kept: Any = None) -> Typed:
    """The document that was sent: the draft where the form carries none; `kept` is what its sender typed before.

    What a form does not carry is taken from the document that it showed: the draft, or what was kept. Which of the two
    it was, the form says itself, for another tab may have kept something else since.

    Raises:
        StaleDecision: it showed neither.
    """
    draft = content.value()
    if not any(name == names.ROOT or name.startswith(f"{names.ROOT}.") for name, _ in pairs):
        return Typed(draft)
    return parse(_schema(content.document_schema), pairs, _showed(pairs, draft, kept))


def based(document: Any) -> str:
    """By what a form knows again which document it showed: by all of it, and by its rows where words change."""
    return f"{digest(canonical(document))[:16]}.{digest(canonical(_rows(document)))[:16]}"


def _showed(pairs: list[tuple[str, str]], draft: Any, kept: Any) -> Any:
    said = dict(pairs).get("base", "")
    if kept is None or not said:
        return draft
    known = [(document, based(document)) for document in (draft, kept)]
    for document, token in known:
        if said == token:
            return document
    # The words of what was kept change with every save of the same form; its rows do not.
    for document, token in reversed(known):
        if said.partition(".")[2] == token.partition(".")[2]:
            return document
    raise StaleDecision("You changed this in another tab since this page was loaded.")


def _rows(value: Any, key: str = "") -> Any:
    """The document without its words: what stands where, and by which id."""
    if isinstance(value, dict):
        return {name: _rows(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rows(inner, key) for inner in value]
    return value if key in _MACHINERY else None


def changes(before: Any, after: Any) -> tuple[Change, ...]:
    """Where a document differs from another, for a reader."""
    return tuple(_change(one, before, after) for one in differences(before, after))


def recorded(found: Iterable[FieldDifference], before: Any, after: Any) -> tuple[Change, ...]:
    """Changes as a decision recorded them."""
    return tuple(_change(one, before, after) for one in found)


def place(path: str, document: Any) -> str:
    """`sections.0.claims.1.text` as people find it: titles for what has one, numbers for what has none."""
    words: list[str] = []
    value: Any = document
    parts = path.split(".") if path else []
    for number, part in enumerate(parts):
        inner = _inner(value, part)
        if isinstance(value, list) and part.isdigit():
            title = next((inner[key] for key in _TITLES if isinstance(inner, dict) and inner.get(key)), None)
            if title is not None:
                words[-1:] = [str(title)]
            elif words:
                words[-1] = f"{words[-1]} {int(part) + 1}"
        elif not (part in ("text", "body") and number == len(parts) - 1 and words and number > 0):
            words.append(label(part))
        value = inner
    return " · ".join(words) or "The document"


def _inner(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return None


def _change(one: FieldDifference, before: Any, after: Any) -> Change:
    name = place(one.path, before if one.change == "removed" else after)
    if one.change == "moved":
        return Change(one.path, name, one.change, (Segment("same", f"From place {one.before + 1} to {one.after + 1}"),))
    if one.change == "added":
        return Change(one.path, name, one.change, (Segment("inserted", said(one.after)),))
    if one.change == "removed":
        return Change(one.path, name, one.change, (Segment("deleted", said(one.before)),))
    plain = isinstance(one.before, str) and isinstance(one.after, str)
    segments = word_diff(one.before, one.after) if plain else word_diff(said(one.before), said(one.after))
    return Change(one.path, name, one.change, segments)


def said(value: Any) -> str:
    """A value in one line for a reader."""
    if isinstance(value, dict):
        return " · ".join(text for key, inner in value.items() if key not in _MACHINERY and (text := said(inner)))
    if isinstance(value, list):
        return ", ".join(text for inner in value if (text := said(inner)))
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "nothing" if value is None else str(value)
