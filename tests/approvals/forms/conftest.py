"""The form as its template draws it, and a double of the browser that sends it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jinja2
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

import approvals.web
from approvals.forms import Node, Typed, nodes, parse
from approvals.web.markdown import equip

Pairs = list[tuple[str, str]]


def _environment() -> jinja2.Environment:
    templates = Path(approvals.web.__file__).parent / "templates"
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates), autoescape=True, undefined=jinja2.StrictUndefined
    )
    equip(made)
    return made


_FORM = _environment().from_string(
    '{% from "form.html" import document %}<form method="post">{{ document(node) }}</form>'
)


def draw(node: Node) -> str:
    """The node as HTML."""
    return _FORM.render(node=node)


def send(html: str, press: str | None = None, fill: dict[str, str | None] | None = None) -> Pairs:
    """What the server reads when the form is sent: `fill` types into controls, `press` names the button by its value.

    As HTML says: controls that count, values as each control cleans them, line ends as url-encoding has them.
    """
    tree = LexborHTMLParser(html.replace("\r\n", "\n").replace("\r", "\n"))
    typed = dict(fill or {})
    sent: Pairs = []
    for control in tree.css("input, textarea, select, button"):
        name = control.attributes.get("name")
        if not name or "disabled" in control.attributes:
            continue
        sent += [(name, value) for value in _values(control, press, typed)]
    assert not typed, f"no control is called {list(typed)}"
    lines = [tuple(re.sub(r"\r\n|\r|\n", "\r\n", part) for part in pair) for pair in sent]
    return parse_qsl(urlencode(lines), keep_blank_values=True)


def _values(control: LexborNode, press: str | None, typed: dict[str, str | None]) -> list[str]:
    attributes, name = control.attributes, control.attributes["name"]
    assert name is not None
    kind = attributes.get("type") or "text"
    if control.tag == "button":
        return [press] if press is not None and attributes.get("value") == press else []
    if kind == "checkbox":
        ticked = typed.pop(name) is not None if name in typed else "checked" in attributes
        return [attributes.get("value") or "on"] if ticked else []
    if control.tag == "select":
        return [_chosen(control, typed.pop(name, None))]
    if control.tag == "textarea":
        text = typed.pop(name) if name in typed else control.text()
        return [text or ""]
    written = (typed.pop(name) if kind != "hidden" and name in typed else attributes.get("value")) or ""
    return [_cleaned(kind, written)]


def _chosen(select: LexborNode, typed: str | None) -> str:
    options = select.css("option")
    values = [option.attributes.get("value") or "" for option in options]
    if typed is not None:
        assert typed in values, f"{typed!r} is not offered: {values}"
        return typed
    marked = [value for option, value in zip(options, values, strict=True) if "selected" in option.attributes]
    return marked[-1] if marked else values[0]


def _cleaned(kind: str, text: str) -> str:
    if kind == "hidden":
        return text
    text = text.replace("\n", "").replace("\r", "")
    if kind == "date":
        return text if re.fullmatch(r"\d{4,}-\d\d-\d\d", text) and _is(date, text) else ""
    if kind == "datetime-local":
        if not re.fullmatch(r"\d{4,}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?", text) or not _is(datetime, text):
            return ""
        text = text.replace(" ", "T")
        return re.sub(r"(T\d\d:\d\d):00(\.0+)?$", r"\1", text)
    assert kind == "text", kind
    return text


def _is(kind: type[date], text: str) -> bool:
    try:
        kind.fromisoformat(text)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="session")
def drawn() -> Callable[..., str]:
    return draw


@pytest.fixture(scope="session")
def sent() -> Callable[..., Pairs]:
    return send


@pytest.fixture(scope="session")
def through_a_browser() -> Callable[..., Typed]:
    """The value shown, filled in and sent, read again; without a `base`, the form alone must say everything."""

    def through(
        schema: Any,
        value: Any,
        *,
        press: str | None = None,
        fill: dict[str, str | None] | None = None,
        base: Any = None,
    ) -> Typed:
        html = draw(nodes(schema, value, value))
        return parse(schema, send(html, press, fill), base)

    return through
