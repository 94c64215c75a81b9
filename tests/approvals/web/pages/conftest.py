"""A browser without script: it reads pages, and sends their forms as they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.sessions import form_token


class Page:
    """What came back, as a reader sees it."""

    def __init__(self, answer: Any) -> None:
        self.status: int = answer.status_code
        self.headers = answer.headers
        self.text: str = answer.text
        self.tree = LexborHTMLParser(answer.text)

    @property
    def address(self) -> str:
        """Where the answer sends the browser; empty where it stays."""
        return str(self.headers.get("location", ""))

    def all(self, selector: str) -> list[LexborNode]:
        """Every element of this selector."""
        return self.tree.css(selector)

    def one(self, selector: str) -> LexborNode:
        """The one element of this selector."""
        found = self.tree.css(selector)
        assert len(found) == 1, f"{len(found)} elements are {selector!r}"
        return found[0]

    def said(self, selector: str = "main") -> str:
        """The text of the first such element, on one line."""
        found = self.tree.css_first(selector)
        return " ".join(found.text(separator=" ").split()) if found else ""

    def verdicts(self) -> set[str]:
        """The verdicts that buttons of this page hand in."""
        return {str(one.attributes["value"]) for one in self.all("button[name=verdict]")} - {"save"}


class Browser:
    """Somebody who signed in, without script."""

    def __init__(self, client: Any, secret: str) -> None:
        self._client = client
        self._cookies = {"Cookie": f"session={secret}"}
        self.csrf = form_token(secret)

    def get(self, path: str, **headers: str) -> Page:
        """Open an address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Page(self._client.get(path, headers={"Accept": "text/html", **self._cookies, **named}))

    def post(self, path: str, fields: list[tuple[str, str]], **headers: str) -> Page:
        """Send these fields."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", **self._cookies, **named}
        sent |= {"Sec-Fetch-Site": "same-origin", "Origin": "http://queue.test"}
        return Page(self._client.post(path, content=urlencode(fields).encode(), headers=sent))

    def submit(self, page: Page, form: str, *pressed: tuple[str, str], **typed: str) -> Page:
        """Send a form as it stands, with what was typed, and the button that was pressed."""
        node = page.one(form)
        fields = fields_of(page, node)
        for name, value in typed.items():
            at = [place for place, (key, _) in enumerate(fields) if key == name]
            assert at, f"the form has no field {name!r}"
            fields[at[-1]] = (name, value)
        return self.post(str(node.attributes["action"]), [*fields, *pressed])


def fields_of(page: Page, form: LexborNode) -> list[tuple[str, str]]:
    """What a browser would send of this form, buttons apart."""
    inside = form.css("input, select, textarea")
    if form.attributes.get("id"):
        inside += page.all(f"[form={form.attributes['id']}]")
    fields: list[tuple[str, str]] = []
    for one in inside:
        name, kind = one.attributes.get("name"), one.attributes.get("type")
        if not name or one.tag == "button" or "disabled" in one.attributes:
            continue
        if kind in ("checkbox", "radio") and "checked" not in one.attributes:
            continue
        if one.tag == "textarea":
            fields.append((name, one.text().removeprefix("\n").replace("\n", "\r\n")))
        elif one.tag == "select":
            chosen = one.css_first("option[selected]") or one.css_first("option")
            fields.append((name, str(chosen.attributes.get("value") or "") if chosen else ""))
        else:
            fields.append((name, str(one.attributes.get("value") or "")))
    return fields


@pytest.fixture
def browse(approvals: Approvals, client: Any) -> Callable[[Actor], Browser]:
    """`browse(BEN)` looks at the pages as Ben, who signed in with a password."""

    def signed_in(actor: Actor) -> Browser:
        person = approvals.directory.person(actor.id)
        assert person is not None
        begun = approvals.sessions.begin(person, "password", via="session", agent="a test")
        return Browser(client, begun.secret)

    return signed_in
