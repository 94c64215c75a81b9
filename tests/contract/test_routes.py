"""Every address that the queue answers, asked by everybody who should not get anything there.

The addresses are the application's own: one that is new is covered, or fails here until it is classified.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi.routing import APIRoute, APIRouter
from starlette.routing import Route as Plain

from approvals.bootstrap import Approvals, build
from approvals.decisions import SYSTEM, Actor
from approvals.requests import Identity, Proposed, Request, RunReference
from approvals.sessions import form_token
from approvals.settings import Settings
from approvals.web import account, admin, api, gates, linked, lists, signin
from approvals.web.app import create_app
from approvals.web.callers import PREFIX
from approvals.web.pages.routes import routers

NOON = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
TITLE = "Zanzibar harbour cranes"

PEOPLE = """
[[people]]
email = "nils@copperleaf.example"
groups = ["sales"]

[[people]]
email = "gone@copperleaf.example"
groups = ["sales"]

[[people]]
email = "stranger@copperleaf.example"

[[people]]
email = "root@copperleaf.example"
role = "admin"
"""

POLICIES = """
[policies.letter]
groups = ["sales"]
due = "3d"
on_timeout = "expire"
"""


class Route(NamedTuple):
    """One method at one address."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _of(router: APIRouter) -> Iterator[Route]:
    for one in router.routes:
        assert isinstance(one, APIRoute)
        yield from (Route(method, one.path) for method in sorted(one.methods))


PAGES = tuple(route for router in (*routers, account.router) for route in _of(router))
DOORS = tuple(route for router in (signin.router, linked.router) for route in _of(router))
CALLS = tuple(route for router in (api.router, lists.router, admin.router, gates.router) for route in _of(router))

OPEN_TO_ALL = {
    Route("GET", "/static/{digest}/{name}"): "what ships",
    Route("GET", "/"): "leads to the list, which asks",
}
"""Pages that ask nobody who they are, and why."""

DOORWAYS = {
    Route("GET", "/login"), Route("POST", "/login"), Route("POST", "/logout"), Route("GET", "/login/oidc"),
    Route("GET", "/login/oidc/callback"), Route("GET", "/login/{secret}"), Route("POST", "/login/{secret}"),
    Route("GET", "/d/{token}"), Route("HEAD", "/d/{token}"), Route("GET", "/d/r/{handle}"),
    Route("HEAD", "/d/r/{handle}"), Route("POST", "/d/r/{handle}"),
}  # fmt: skip
"""Ways in: each asks for a secret of its own, and their own tests are in test_signin and test_linked."""

SURROUNDINGS = {Route("GET", "/healthz"), Route("GET", "/api/openapi.json"), Route("HEAD", "/api/openapi.json")}
"""What says nothing of anybody."""

ADMINISTRATION = re.compile(r"/audit|/tokens|/deliveries|/settings/(tokens|links)")
"""What only an administrator may."""

GUARDED_PAGES = tuple(route for route in PAGES if route not in OPEN_TO_ALL)


# -- the queue ---------------------------------------------------------------------------------------------------


class Clock:
    """Stands where it is put."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def approvals(tmp_path: Path, clock: Clock) -> Iterator[Approvals]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "people.toml").write_text(PEOPLE)
    (home / "policies.toml").write_text(POLICIES)
    built = build(Settings(home=home, policies=home / "policies.toml"), clock=clock)
    yield built
    built.close()


@pytest.fixture
def opened(approvals: Approvals) -> Request:
    proposed = Proposed(
        identity=Identity(run="run-1", gate="letter", key="k"),
        kind="tests:Letter",
        title=TITLE,
        document={"text": TITLE},
        document_schema={"type": "object", "properties": {"text": {"type": "string"}}},
        requester="schedule:letters",
        run=RunReference(id="run-1"),
        policy="letter",
    )
    return approvals.gatekeeper.open(proposed, Actor(kind="worker", id="letters", via="flow"))


@pytest.fixture
def state(approvals: Approvals, opened: Request) -> Callable[[], Any]:
    """Everything that somebody could have changed: every row that the record knows, and every entry of it."""

    def told() -> Any:
        with approvals.store.read() as transaction:
            return (
                transaction.request(opened.id),
                transaction.comments(opened.id),
                transaction.head(),
                transaction.saved_views("nils@copperleaf.example"),
                [(token.id, token.revoked_at) for token in transaction.tokens()],
            )

    return told


class NoRuns:
    """A Prefect that knows no run."""

    def known(self, run_id: str) -> None:
        return None


class Visitor:
    """Asks for one address after another."""

    def __init__(self, approvals: Approvals, opened: Request, headers: dict[str, str]) -> None:
        self._app = create_app(approvals, records=NoRuns())
        self._opened = opened
        self._headers = headers

    def ask(self, route: Route, form: dict[str, str] | None = None, body: Any = None, **headers: str) -> httpx.Response:
        """What is answered there, about the request that waits."""
        named = {"request_id": self._opened.id, "digest": "0", "name": "app.css"}
        path = re.sub(r"\{(\w+)\}", lambda found: named.get(found[1], "0123456789abcdef"), route.path)
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=sent) as client:
                if body is not None:
                    return await client.request(route.method, path, json=body)
                return await client.request(route.method, path, data=form)

        return asyncio.run(asked())


FORM = {
    "version": "1", "verdict": "reject", "reason": "No.", "text": "Hello", "until": "2026-03-03T12:00:00+00:00",
    "subject": "nils@copperleaf.example", "scope": "read", "email": "nils@copperleaf.example", "theme": "dark",
    "session": "others", "new": "a long new password", "again": "a long new password",
}  # fmt: skip
"""What every form of the pages could carry."""

BODIES: dict[str, Any] = {
    "verdicts": {"verdict": {"kind": "reject", "reason": "No."}, "version": 1},
    "working-copy": {"document": {"text": "x"}, "version": 1},
    "examination": {"document": {"text": "x"}},
    "comments": {"text": "Hello"},
    "snooze": {"until": "2026-03-03T12:00:00+00:00"},
    "withdraw": {"reason": "No."},
    "views": {"name": "Mine", "query": "view=all"},
    "approvals": {"items": [{"id": "X", "version": 1}]},
    "recalls": {"ids": ["X"]},
    "tokens": {"subject": "nils@copperleaf.example"},
    "enter": {"policies": ["letter"]},
    "redemptions": {"permit": None, "action": "a", "target": "t", "sha256": "0" * 64, "holder": "h", "lease": 5},
    "answer": {"mint": True},
    "lease": {"holder": "h", "seconds": 5, "fence": 1, "lease": 5},
    "receipt": {"fence": 1, "receipt": None},
}


def _body(route: Route) -> Any:
    return (
        None
        if route.method in ("GET", "DELETE") or "pages" in route.path
        else BODIES.get(route.path.rpartition("/")[2], {})
    )


def _named(routes: tuple[Route, ...]) -> Any:
    return pytest.mark.parametrize("route", routes, ids=[str(route).replace(" ", "-") for route in routes])


# -- what there is -----------------------------------------------------------------------------------------------


def test_every_address_of_the_application_is_classified(approvals: Approvals) -> None:
    app = create_app(approvals)
    served = {Route(method, one.path) for one in app.routes if isinstance(one, Plain) for method in one.methods or ()}
    known = {*PAGES, *DOORS, *CALLS, *SURROUNDINGS}

    assert all(isinstance(one, Plain) for one in app.routes)
    assert served == known
    assert all(route.path.startswith(PREFIX) for route in CALLS)
    assert set(DOORS) == DOORWAYS
    assert OPEN_TO_ALL.keys() <= set(PAGES)
    assert {route.method for route in known} <= {"GET", "HEAD", "POST", "PUT", "DELETE"}


# -- pages -------------------------------------------------------------------------------------------------------


def _secret(approvals: Approvals, who: str, clock: Clock) -> str:
    """A session's secret that opens nothing, or the bearer's word of a token."""
    nils = approvals.directory.person("nils@copperleaf.example")
    assert nils is not None
    begun = approvals.sessions.begin(nils, "password")
    match who:
        case "altered":
            return ("A" if begun.secret[0] != "A" else "B") + begun.secret[1:]
        case "expired":
            clock.now = NOON + timedelta(days=8)
        case "idle":
            clock.now = NOON + timedelta(hours=13)
        case "ended":
            approvals.sessions.revoke(begun.session.id, SYSTEM)
        case "disabled":
            listed, gone = approvals.settings.people, 'email = "nils@copperleaf.example"'
            listed.write_text(listed.read_text().replace(gone, f"{gone}\nactive = false"))
        case "removed":
            listed = approvals.settings.people
            listed.write_text(listed.read_text().replace("nils@", "other@"))
        case "nobody":
            return ""
    return begun.secret


NOBODIES = ("nobody", "altered", "expired", "idle", "ended", "disabled", "removed")
MACHINES = ("agent", "worker")


@pytest.mark.parametrize("who", NOBODIES)
def test_no_page_shows_or_does_anything_for_somebody_without_a_session(
    approvals: Approvals, opened: Request, state: Callable[[], Any], clock: Clock, who: str
) -> None:
    secret = _secret(approvals, who, clock)
    visitor = Visitor(approvals, opened, {"Cookie": f"session={secret}", "Accept": "text/html"})
    form, before = {**FORM, "csrf": form_token(secret)}, state()

    for route in GUARDED_PAGES:
        answer = visitor.ask(route, form if route.method == "POST" else None, Sec_Fetch_Site="same-origin")

        assert answer.status_code == 303, route
        assert answer.headers["location"].startswith("/login"), route
        assert TITLE not in answer.text, route
    assert state() == before


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machines_token_opens_no_page(
    approvals: Approvals, opened: Request, state: Callable[[], Any], kind: Any
) -> None:
    secret = approvals.tokens.create("drafter", SYSTEM, kind=kind, scopes=("read", "gate")).secret
    visitor = Visitor(approvals, opened, {"Authorization": f"Bearer {secret}", "Cookie": f"session={secret}"})
    before = state()

    for route in GUARDED_PAGES:
        answer = visitor.ask(route, FORM if route.method == "POST" else None, Sec_Fetch_Site="same-origin")

        assert answer.status_code == 401, route
        assert TITLE not in answer.text, route
    assert state() == before


FORGERIES: dict[str, tuple[dict[str, str], bool]] = {
    "no token": ({"Sec_Fetch_Site": "same-origin"}, False),
    "another site": ({"Sec_Fetch_Site": "cross-site"}, True),
    "a sibling": ({"Sec_Fetch_Site": "same-site"}, True),
    "an address bar": ({"Sec_Fetch_Site": "none"}, True),
    "another origin": ({"Origin": "https://evil.example"}, True),
    "a hidden origin": ({"Origin": "null"}, True),
    "nothing that tells": ({}, True),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=[name.replace(" ", "-") for name in FORGERIES])
def test_no_form_acts_that_no_page_of_the_session_sent(
    approvals: Approvals, opened: Request, state: Callable[[], Any], clock: Clock, forgery: Any
) -> None:
    nils = approvals.directory.person("nils@copperleaf.example")
    assert nils is not None
    secret = approvals.sessions.begin(nils, "password").secret
    headers, with_token = forgery
    visitor = Visitor(approvals, opened, {"Cookie": f"session={secret}", "Accept": "text/html"})
    form, before = {**FORM, **({"csrf": form_token(secret)} if with_token else {})}, state()

    for route in (*PAGES, *DOORS):
        if route.method == "POST":
            # Behind a link the cookie of that link is asked for as well.
            refused = (403, 404) if route.path.startswith("/d/") else (403,)
            assert visitor.ask(route, form, **headers).status_code in refused, route
    assert state() == before


@pytest.mark.parametrize("who", ["stranger@copperleaf.example", "nils@copperleaf.example"])
def test_administration_is_for_administrators(
    approvals: Approvals, opened: Request, state: Callable[[], Any], who: str
) -> None:
    person = approvals.directory.person(who)
    assert person is not None
    session = approvals.sessions.begin(person, "password").secret
    token = approvals.tokens.create(who, SYSTEM, scopes=("read", "decide")).secret
    page = Visitor(approvals, opened, {"Cookie": f"session={session}", "Sec-Fetch-Site": "same-origin"})
    call = Visitor(approvals, opened, {"Authorization": f"Bearer {token}"})
    form, before = {**FORM, "csrf": form_token(session)}, state()

    for route in (*PAGES, *CALLS):
        if ADMINISTRATION.search(route.path):
            of_page = form if route.method == "POST" else None
            is_call = route.path.startswith(PREFIX)
            answer = call.ask(route, body=_body(route)) if is_call else page.ask(route, of_page)
            assert answer.status_code == 403, route
    assert state() == before


def test_a_stranger_with_a_session_reads_nothing_of_it_and_changes_nothing(
    approvals: Approvals, opened: Request
) -> None:
    person = approvals.directory.person("stranger@copperleaf.example")
    assert person is not None
    secret = approvals.sessions.begin(person, "password").secret
    visitor = Visitor(approvals, opened, {"Cookie": f"session={secret}", "Accept": "text/html"})
    form = {**FORM, "csrf": form_token(secret), "pick": f"{opened.id}.1", "id": opened.id}

    for route in GUARDED_PAGES:
        if route.path == "/events":
            continue  # never ends; see test_live
        answer = visitor.ask(route, form if route.method == "POST" else None, Sec_Fetch_Site="same-origin")

        assert TITLE not in answer.text, route
        assert answer.status_code < 500, route
        if "{request_id}" in route.path:
            assert answer.status_code == 404, route
    assert approvals.service.get(opened.id) == opened
    assert approvals.service.comments(opened.id, SYSTEM) == ()


# -- calls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["nobody", "a session", "an unknown token", "a revoked token", "a disabled person"])
def test_no_call_is_answered_without_a_token_that_counts(
    approvals: Approvals, opened: Request, state: Callable[[], Any], who: str
) -> None:
    nils = approvals.directory.person("nils@copperleaf.example")
    assert nils is not None
    headers, status = {}, 401
    match who:
        case "a session":
            headers = {"Cookie": f"session={approvals.sessions.begin(nils, 'password').secret}"}
        case "an unknown token":
            headers = {"Authorization": f"Bearer cs_{'A' * 40}"}
        case "a revoked token":
            minted = approvals.tokens.create(nils.email, SYSTEM, scopes=("read", "decide"))
            approvals.tokens.revoke(minted.token.id, SYSTEM)
            headers = {"Authorization": f"Bearer {minted.secret}"}
        case "a disabled person":
            minted = approvals.tokens.create("gone@copperleaf.example", SYSTEM, scopes=("read", "decide"))
            listed, gone = approvals.settings.people, 'email = "gone@copperleaf.example"'
            listed.write_text(listed.read_text().replace(gone, f"{gone}\nactive = false"))
            headers, status = {"Authorization": f"Bearer {minted.secret}"}, 403
    caller, before = Visitor(approvals, opened, headers), state()

    for route in CALLS:
        answer = caller.ask(route, body=_body(route))
        assert answer.status_code == status, route
        assert TITLE not in answer.text, route
    assert state() == before


READS_OF_A_WORKER = re.compile(rf"{PREFIX}/(me|metrics|requests|queue|events)")


@pytest.mark.parametrize("who", ["agent", "worker", "stranger"])
def test_who_holds_the_wrong_token_changes_nothing_and_reads_no_more_than_is_theirs(
    approvals: Approvals, opened: Request, who: Any
) -> None:
    subject = "stranger@copperleaf.example" if who == "stranger" else "drafter"
    kind, scopes = ("person", ("read", "decide")) if who == "stranger" else (who, ("read", "gate"))
    secret = approvals.tokens.create(subject, SYSTEM, kind=kind, scopes=scopes).secret
    caller = Visitor(approvals, opened, {"Authorization": f"Bearer {secret}"})

    for route in CALLS:
        answer = caller.ask(route, body=_body(route))

        assert answer.status_code < 500 or route.path.endswith("/examination"), route  # nobody examines here
        if who != "worker" or not READS_OF_A_WORKER.match(route.path) or route.method != "GET":
            assert TITLE not in answer.text, route
        if "{request_id}" in route.path and (who != "worker" or route.method != "GET"):
            allowed = (503,) if (who, route.path.rpartition("/")[2]) == ("worker", "examination") else (403, 404)
            assert answer.status_code in allowed, route
    assert approvals.service.get(opened.id) == opened
    assert approvals.service.comments(opened.id, SYSTEM) == ()
