"""One look at a page: who looks, in which theme, and what stands around everything they see."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import Depends
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response

from approvals.canonical import digest
from approvals.decisions import Actor
from approvals.errors import NotPermitted
from approvals.filters import Filters
from approvals.ports import Person
from approvals.web import looks, words
from approvals.web.answering import Answer
from approvals.web.assets import has_asset
from approvals.web.callers import AtDesk, Desk
from approvals.web.doors import here
from approvals.web.headers import PAGE_HEADERS
from approvals.web.problems import request_id_of
from approvals.web.templating import rendered
from approvals.web.visitors import Fields, Visiting, Visitor
from approvals.web.walls import theme_of

_OWN = 16_000
"""Characters of an address that we send somebody to: it may name all that they have just approved together."""
_WAITING = {"mine": ("Mine", "inbox"), "all": ("Everyone", "people"), "high": ("High risk", "risk")}
_TITLES = {
    "mine": "Waiting for you",
    "all": "Waiting for everyone",
    "high": "High risk",
    "others": "Waiting on others",
    "snoozed": "Snoozed",
    "decided": "Decided",
}


class NavItem(NamedTuple):
    """One entry of the navigation."""

    key: str
    label: str
    icon: str
    href: str
    number: int | None
    urgent: bool


class Who(NamedTuple):
    """A person as a page names them."""

    name: str
    initials: str
    hue: int
    detail: str


@dataclass(frozen=True)
class Shell:
    """What every page has around its own part."""

    who: Who
    csrf: str
    theme: str
    here: str
    waiting: tuple[NavItem, ...]
    history: tuple[NavItem, ...]
    saved: tuple[NavItem, ...]
    path: str
    script: bool
    request_id: str
    last: int
    """Number of the last thing that happened before this was read."""


@dataclass(frozen=True)
class Visit:
    """What a handler of a page works with."""

    http: HttpRequest
    at: Desk
    visitor: Visiting

    @property
    def by(self) -> Actor:
        """Who looks, as the service knows them."""
        return self.visitor.actor

    @property
    def now(self) -> datetime:
        """The queue's time."""
        return self.at.approvals.clock()

    def one_moment(self) -> AbstractContextManager[None]:
        """What a page reads inside is of one moment: its list, its counts and its preview agree."""
        return self.at.approvals.store.view()

    def named(self, email: str | None) -> str:
        """The name of a person, or what stands for one."""
        person = self.at.approvals.directory.person(email) if email else None
        return (person.name or person.email) if person else email or ""

    def who(self, email: str) -> Who:
        """A person as a page names them."""
        return who(self.at.approvals.directory.person(email), email)

    def known(self, email: str | None) -> Who | None:
        """The person of this address; None where it is nobody's."""
        person = self.at.approvals.directory.person(email) if email else None
        return who(person, person.email) if person else None

    def shell(self, here: str) -> Shell:
        """The shell around a page; `here` is the entry of the navigation that it belongs to."""
        person = self.visitor.person
        return Shell(
            who=who(person, person.email),
            csrf=self.visitor.csrf,
            theme=theme_of(self.http),
            here=here,
            waiting=self._waiting(),
            history=_history(person),
            saved=self._saved(),
            path=_path(self.http),
            script=has_asset("app.js"),
            request_id=request_id_of(self.http),
            last=self.at.live.head(),
        )

    def page(self, template: str, here: str, /, *, status: int = 200, **context: Any) -> Response:
        """A whole page."""
        return self.fragment(template, status=status, shell=self.shell(here), **context)

    def fragment(self, template: str, /, *, status: int = 200, **context: Any) -> Response:
        """A part of a page, as scripts ask for it."""
        return answered(self.http, rendered(template, now=self.now, **context), status)

    def moved(self, address: str, **told: str) -> Response:
        """Go and look there; a script is told where, with whatever else it should know as headers."""
        if "x-fragment" not in self.http.headers:
            return moved_to(address)
        headers = {"Cache-Control": "no-store", "X-Location": _spelled(here(address, longest=_OWN))}
        headers |= {f"X-{name.title()}": text for name, text in told.items()}
        return Response(status_code=204, headers=headers)

    def once(self, form: Form, act: Callable[[], str]) -> Answer:
        """What `act` answers, or what it answered when this very form was sent before.

        A form counts as the same if it goes to the same address and says the same under the same key; without a key no
        two do.

        Raises:
            KeyReused: another form was sent under its key.
        """
        key = form.get("key")
        if not key:
            return Answer(act(), 200, repeated=False)
        said = [pair for pair in form.pairs if pair[0] not in ("csrf", "key")]
        body = json.dumps([self.http.scope["path"], said], ensure_ascii=True)
        # A digest: what comes with a form may be longer than a row's key can be.
        return self.at.answering.once(f"form:{digest(key)}", self.by, body, act)

    def _saved(self) -> tuple[NavItem, ...]:
        try:
            views = self.at.approvals.saved_views.listed(self.by)
        except NotPermitted:
            return ()  # somebody who may read nothing sees their settings all the same
        return tuple(
            NavItem(view.id, view.name, "keep", f"/queue?{view.query}".rstrip("?"), None, urgent=False)
            for view in views
        )

    def _waiting(self) -> tuple[NavItem, ...]:
        groups = tuple(f"group:{group}" for group in sorted(self.visitor.person.groups))
        keys = ("mine", "all", "high", "others", *groups)
        try:
            counts = self.at.reading.counts(self.by, keys)
        except NotPermitted:
            # Whoever may read nothing can still settle their own account.
            counts = {}
        items = []
        for key in keys:
            name, icon = _WAITING.get(key, ("Waiting on others", "hourglass"))
            if key.startswith("group:"):
                name, icon = looks.label(key[6:]), looks.group_icon(key)
            urgent = key == "high" and counts.get(key, 0) > 0
            items.append(NavItem(key, name, icon, list_address(Filters(view=key)), counts.get(key), urgent))
        return tuple(items)


async def visit(http: HttpRequest, at: AtDesk, visitor: Visitor) -> Visit:
    """The look that this HTTP request takes."""
    return Visit(http, at, visitor)


Visited = Annotated[Visit, Depends(visit)]


class Form:
    """The fields of a form: the queue's own by name, and all of them in order."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = list(pairs)

    def get(self, name: str, default: str = "") -> str:
        """The last value under this name."""
        return next((value for key, value in reversed(self.pairs) if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value under this name."""
        return tuple(value for key, value in self.pairs if key == name)


async def form(pairs: Fields) -> Form:
    """The form that was sent."""
    return Form(pairs)


Sent = Annotated[Form, Depends(form)]


def answered(http: HttpRequest, html: str, status: int = 200) -> Response:
    """HTML as a response, packed where the browser takes it."""
    body = html.encode("utf-8", "replace")
    headers = {**PAGE_HEADERS, "Vary": "Accept-Encoding, Cookie"}
    if "gzip" in http.headers.get("accept-encoding", "") and len(body) > 1_000:
        body = gzip.compress(body, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status, headers)


def moved_to(address: str) -> Response:
    """Go and look there."""
    return RedirectResponse(here(address, longest=_OWN), 303, headers={"Cache-Control": "no-store"})


def _spelled(address: str) -> str:
    """The address in the letters that a header can hold; what is escaped already stays so."""
    return quote(address, safe="%/:=&?~#+!$,;'@()*[]")


def list_address(filters: Filters, *, after: str | None = None, **changes: Any) -> str:
    """The list under these filters; what does not narrow it is left out."""
    shown = Filters.model_validate({**filters.model_dump(), **changes})
    page = "/queue"
    if shown.view == "decided":
        page, shown = "/decided", shown.model_copy(update={"view": "mine"})
    query = "&".join(part for part in (shown.query(), urlencode({"after": after}) if after else "") if part)
    return f"{page}?{query}" if query else page


def title_of(view: str) -> str:
    """The heading of a view."""
    return f"Waiting for {looks.label(view[6:])}" if view.startswith("group:") else _TITLES.get(view, "Waiting")


def new_key() -> str:
    """What makes one rendered form the same form when it is sent twice."""
    return secrets.token_urlsafe(12)


def who(person: Person | None, email: str) -> Who:
    """A person as a page names them."""
    name = (person.name if person else "") or email
    groups = [looks.label(group) for group in person.groups] if person else []
    detail = words.listed(groups) or (looks.label(person.role) if person else "")
    return Who(name, looks.initials(name), looks.hue(email), detail)


def _path(http: HttpRequest) -> str:
    query = http.url.query
    return f"{http.url.path}?{query}" if query else http.url.path


def _history(person: Person) -> tuple[NavItem, ...]:
    items = [
        NavItem("snoozed", "Snoozed", "clock", list_address(Filters(view="snoozed")), None, urgent=False),
        NavItem("decided", "Decided", "check", "/decided", None, urgent=False),
        NavItem("insights", "Insights", "bars", "/insights", None, urgent=False),
    ]
    if person.role == "admin":
        items.append(NavItem("audit", "Audit", "record", "/audit", None, urgent=False))
    return tuple(items)
