"""The API in process, and tokens for everybody who might call it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from selectolax.lexbor import LexborHTMLParser

from approvals.accounts import Accounts
from approvals.audit import verify
from approvals.bootstrap import Approvals
from approvals.decisions import SYSTEM, Actor
from approvals.identities import Cost
from approvals.metrics import Metrics
from approvals.ports import KnownRun, Store
from approvals.requests import RunReference
from approvals.saved import SavedViews
from approvals.sessions import Sessions
from approvals.settings import Settings
from approvals.store import open_store
from approvals.tickets import Tickets
from approvals.tokens import Tokens
from approvals.web import create_app

ADMIN = Actor(kind="person", id="ada@acme.example", via="embedded", scopes=frozenset({"read", "admin"}))


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    """A file, as a server has it: its threads need connections of their own."""
    store = open_store(f"sqlite:///{tmp_path}/approvals.sqlite")
    yield store
    verification = verify(store.entries(), store.rows())
    store.close()
    assert verification.ok, verification.problem


@pytest.fixture
def tokens(store: Store, people: Any, clock: Any) -> Tokens:
    return Tokens(store, people, clock)


@pytest.fixture
def approvals(
    tmp_path: Any, store: Store, people: Any, clock: Any, policies: Any, service: Any, deadlines: Any,
    gatekeeper: Any, ledger: Any, tokens: Tokens, messages: Any, reverts: Any,
) -> Approvals:  # fmt: skip
    return Approvals(
        settings=Settings(home=tmp_path, public_url="http://queue.test"),
        store=store,
        directory=people,
        policies=policies,
        service=service,
        deadlines=deadlines,
        gatekeeper=gatekeeper,
        ledger=ledger,
        tokens=tokens,
        accounts=Accounts(store, people, clock, cost=Cost(n=2, r=1, p=1)),
        tickets=Tickets(store, people, clock),
        sessions=Sessions(store, people, clock),
        metrics=Metrics(store, clock),
        saved_views=SavedViews(store, service.authority),
        **messages(store),
        reverts=reverts,
        clock=clock,
    )


class Records:
    """A Prefect that knows one run, of the work pool `letters`."""

    def known(self, run_id: str) -> KnownRun | None:
        if run_id != "run-1":
            return None
        run = RunReference(id=run_id, name="outreach run-1", flow="outreach")
        return KnownRun(run=run, requester="rita@acme.example", pool="letters", ended=False)


class Kept(list[bytes]):
    """Pages that were handed in."""

    def put(self, body: bytes) -> str:
        self.append(body)
        return hashlib.sha256(body).hexdigest()


@pytest.fixture
def pages() -> Kept:
    return Kept()


@pytest.fixture
def app(approvals: Approvals, pages: Kept) -> FastAPI:
    return create_app(approvals, records=Records(), pages=pages)


@pytest.fixture
def token(tokens: Tokens) -> Callable[..., str]:
    """The secret of a new token: `token("ben@acme.example", "read")`; without scopes, of all that they may have."""

    def make(subject: str, *scopes: Any, kind: Any = "person") -> str:
        usual = {"person": ("read", "decide"), "agent": ("read", "gate"), "worker": ("read", "gate")}[kind]
        return tokens.create(subject, ADMIN, kind=kind, scopes=scopes or usual).secret

    return make


class Client:
    """Calls the application in process, from any thread."""

    def __init__(self, app: FastAPI, *, raising: bool = True) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=raising)

    def request(self, method: str, path: str, **terms: Any) -> httpx.Response:
        """What the application answers."""

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://queue.test") as client:
                return await client.request(method, path, **terms)

        return asyncio.run(asked())

    def get(self, path: str, **terms: Any) -> httpx.Response:
        """What the application answers to a GET."""
        return self.request("GET", path, **terms)

    def post(self, path: str, **terms: Any) -> httpx.Response:
        """What the application answers to a POST."""
        return self.request("POST", path, **terms)


class Caller:
    """Somebody who calls the API."""

    def __init__(self, client: Client, secret: str | None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def get(self, path: str, **terms: Any) -> Any:
        """Read something below /api/v1."""
        return self.client.get(f"/api/v1{path}", headers=self.headers, params=terms)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Do something below /api/v1."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # Escaped, so that a lone surrogate can be sent too.
        content = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json", **named}
        return self.client.request(method, f"/api/v1{path}", content=content, headers=headers)

    def decide(self, request: Any, verdict: dict[str, Any], *, version: int | None = None, **more: Any) -> Any:
        """Hand in a verdict."""
        recall = more.pop("recall", 0)
        body = {"verdict": verdict, "version": version or request.version, "recall": recall}
        return self.send("POST", f"/requests/{request.id}/verdicts", body, **more)


@pytest.fixture
def client(app: FastAPI) -> Client:
    return Client(app)


@pytest.fixture
def make_client() -> type[Client]:
    """A client of another application, or one that is answered with a 500: `make_client(app, raising=False)`."""
    return Client


@pytest.fixture
def call(client: Client, token: Callable[..., str]) -> Callable[..., Caller]:
    """`call("ben@acme.example")` calls as Ben; `call(None)` as nobody."""
    return lambda subject, *scopes, kind="person": Caller(
        client, token(subject, *scopes, kind=kind) if subject else None
    )


@pytest.fixture
def ben(call: Callable[..., Caller]) -> Caller:
    return call("ben@acme.example")


@pytest.fixture
def ada(call: Callable[..., Caller]) -> Caller:
    return call("ada@acme.example", "read", "admin")


# -- browsers ----------------------------------------------------------------------------------------------------


class Browser:
    """A browser in process: keeps cookies, follows nothing by itself, and says where its requests come from."""

    def __init__(
        self, app: FastAPI, *, base: str = "http://queue.test", peer: str = "127.0.0.1", agent: str = "Firefox"
    ) -> None:
        self.base = base
        self.cookies = httpx.Cookies()
        self.headers = {"Accept": "text/html", "User-Agent": agent}
        self._transport = httpx.ASGITransport(app, client=(peer, 50_000))

    def request(self, method: str, path: str, **terms: Any) -> httpx.Response:
        """What the queue answers."""
        headers = {**self.headers, **terms.pop("headers", {})}
        sent = {name: value for name, value in headers.items() if value is not None}

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=self.base, cookies=self.cookies) as client:
                response = await client.request(method, path, headers=sent, **terms)
                self.cookies = client.cookies
                return response

        return asyncio.run(asked())

    def get(self, path: str, **terms: Any) -> httpx.Response:
        """Open a page."""
        return self.request("GET", path, **terms)

    def post(self, path: str, fields: Any = (), *, csrf: str | None = None, **terms: Any) -> httpx.Response:
        """Send a form as a page of the queue would, with the token of the last page unless another is given."""
        pairs = [*(fields.items() if isinstance(fields, dict) else fields)]
        if csrf is not None:
            pairs.append(("csrf", csrf))
        headers = {
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
            **terms.pop("headers", {}),
        }
        return self.request("POST", path, content=urlencode(pairs), headers=headers, **terms)

    def send(self, page: str, path: str, fields: Any = (), **terms: Any) -> httpx.Response:
        """Open a page and send a form with its token."""
        return self.post(path, fields, csrf=csrf_of(self.get(page)), **terms)

    def sign_in(self, email: str, password: str, **fields: str) -> httpx.Response:
        """Fill in the sign-in form."""
        return self.send("/login", "/login", {"email": email, "password": password, **fields})


def csrf_of(response: httpx.Response) -> str:
    """The token that the forms of a page carry."""
    found = LexborHTMLParser(response.text).css_first("input[name=csrf]")
    assert found is not None, response.text
    return str(found.attributes["value"])


@pytest.fixture
def csrf() -> Callable[[httpx.Response], str]:
    return csrf_of


@pytest.fixture
def make_browser(app: FastAPI) -> Callable[..., Browser]:
    """`make_browser()`, or one of another application: `make_browser(app, base="https://queue.test")`."""
    return lambda other=None, **terms: Browser(other or app, **terms)


@pytest.fixture
def browser(make_browser: Callable[..., Browser]) -> Browser:
    """A browser in which nobody has signed in."""
    return make_browser()


@pytest.fixture
def signed_in(approvals: Approvals, make_browser: Callable[..., Browser]) -> Callable[..., Browser]:
    """`signed_in("ben@acme.example")`: a browser in which Ben has just used a sign-in link."""

    def make(email: str = "ben@acme.example", *, of: Approvals | None = None, **terms: Any) -> Browser:
        queue = of or approvals
        browser = make_browser(**terms)
        link = queue.tickets.make(email, SYSTEM).path
        assert browser.send(link, link).status_code == 303
        return browser

    return make
