"""The API in process, and tokens for everybody who might call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from approvals.audit import verify
from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.metrics import Metrics
from approvals.ports import Store
from approvals.saved import SavedViews
from approvals.settings import Settings
from approvals.store import open_store
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
    gatekeeper: Any, ledger: Any, tokens: Tokens,
) -> Approvals:  # fmt: skip
    return Approvals(
        settings=Settings(home=tmp_path),
        store=store,
        directory=people,
        policies=policies,
        service=service,
        deadlines=deadlines,
        gatekeeper=gatekeeper,
        ledger=ledger,
        tokens=tokens,
        metrics=Metrics(store, clock),
        saved_views=SavedViews(store, service.authority),
        clock=clock,
    )


@pytest.fixture
def app(approvals: Approvals) -> FastAPI:
    return create_app(approvals)


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
