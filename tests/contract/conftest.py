"""The implementations that one contract is held against, and short ways to make what they keep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "agents" / "providers"))

from model_servers import ModelServer, model_server
from sqlalchemy import text

from approvals.audit import Event, verify
from approvals.decisions import ALL_VERDICTS, Actor, Ruling, SignOff
from approvals.lifecycle import Action, State
from approvals.permits import Permit, PermitState
from approvals.policies import Policy
from approvals.ports import Store
from approvals.requests import Comment, Content, Evidence, Fact, Flag, Identity, Moved, Request, RunReference, Source
from approvals.store import open_store

sys.path += [str(Path(__file__).parents[1] / "agents" / "crm"), str(Path(__file__).parent)]

from vendors import (  # noqa: F401
    csv_folder,
    hubspot,
    hubspot_process,
    hubspot_server,
    hubspot_v3,
    salesforce,
    salesforce_process,
    salesforce_server,
    tryton,
    tryton_process,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new store of each kind."""
    if request.param == "memory":
        return "sqlite:///:memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/approvals.db"
    address: str = request.getfixturevalue("postgresql_address")
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new store that several processes can open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/approvals.db"
    address: str = request.getfixturevalue("postgresql_address")
    return address


@pytest.fixture
def store(store_address: str) -> Iterator[Store]:
    store = open_store(store_address)
    yield store
    store.close()


@pytest.fixture
def shared_store(shared_address: str) -> Iterator[Store]:
    store = open_store(shared_address)
    yield store
    store.close()


class Made:
    """Values with usual terms; every function takes those that a test cares about."""

    now = NOON

    def request(self, number: str = "7K2M9QX4TB", /, **terms: Any) -> Request:
        usual: dict[str, Any] = {
            "id": number,
            "identity": Identity(run="run-1", gate="proposal", key=number),
            "kind": "tests:Offer",
            "action": "offer.send",
            "target": "mail://northwind.example",
            "title": "Offer for Northwind",
            "summary": "1200.00 for 40 shops",
            "about": "Northwind",
            "amount": "1200.00",
            "currency": "EUR",
            "requester": "rita@acme.example",
            "run": RunReference(id="run-1", name="outreach northwind", flow="outreach"),
            "policy": self.policy(),
            "priority": "normal",
            "opened_at": NOON,
            "due_at": NOON + timedelta(days=3),
            "verdicts": ALL_VERDICTS,
            "content": self.content(),
        }
        return Request(**{**usual, **terms})

    def policy(self, **terms: Any) -> Policy:
        return Policy(**{"name": "offer", "version": "1a2b3c", "groups": ("sales",), "on_timeout": "expire", **terms})

    def content(self, **terms: Any) -> Content:
        usual: dict[str, Any] = {
            "version": 1,
            "document": '{"amount":"1200.00","title":"Offer"}',
            "document_schema": '{"type":"object"}',
            "evidence": Evidence(
                sources=(Source(id="s1", address="https://northwind.example/about"),),
                facts=(Fact(id="f1", key="shops", value="40", quote="40 shops", source_id="s1"),),
            ),
            "based_on": {"crm:northwind": "v1"},
            "moved": (Moved(address="crm:northwind", was="v0", now="v1"),),
            "flags": (Flag(code="large", message="larger than usual"),),
            "author": "agent",
            "at": NOON,
        }
        return Content(**{**usual, **terms})

    def ruling(self, action: Action = Action.APPROVE, /, **terms: Any) -> Ruling:
        usual: dict[str, Any] = {
            "seq": 1,
            "action": action,
            "by": Actor(kind="person", id="anna.berg@acme.example", via="session"),
            "at": NOON,
            "effective_at": NOON + timedelta(seconds=8),
            "version": 1,
            "document": '{"amount":"1100.00","title":"Offer"}',
            "sha256": "ab" * 32,
            "edited": True,
            "typed": '{"amount": "1100.00"}',
            "vouched": ("c1",),
        }
        return Ruling(**{**usual, **terms})

    def signoff(self, **terms: Any) -> SignOff:
        usual: dict[str, Any] = {
            "person": "anna.berg@acme.example",
            "sha256": "ab" * 32,
            "version": 1,
            "at": NOON,
            "via": "session",
        }
        return SignOff(**{**usual, **terms})

    def comment(self, **terms: Any) -> Comment:
        usual: dict[str, Any] = {
            "place": 1,
            "person": "anna.berg@acme.example",
            "text": "The price is last year's, @ben@acme.example.",
            "mentions": ("ben@acme.example",),
            "at": NOON,
        }
        return Comment(**{**usual, **terms})

    def permit(self, request: Request, **terms: Any) -> Permit:
        usual: dict[str, Any] = {
            "id": f"P{request.id}",
            "request_id": request.id,
            "run_id": request.identity.run,
            "action": "offer.send",
            "target": "mail://northwind.example",
            "sha256": "ab" * 32,
            "policy": "offer",
            "policy_version": "1a2b3c",
            "minted_at": NOON,
        }
        return Permit(**{**usual, **terms})

    def event(self, name: str = "request.changed", /, **terms: Any) -> Event:
        usual: dict[str, Any] = {
            "name": name,
            "actor_kind": "person",
            "actor": "anna.berg@acme.example",
            "via": "session",
            "at": NOON,
        }
        return Event(**{**usual, **terms})


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
def opened(made: Made) -> Callable[..., Request]:
    """Keep a new request: `opened(store, "ID", title=…)`."""

    def open_request(store: Store, number: str = "7K2M9QX4TB", /, **terms: Any) -> Request:
        request = made.request(number, **terms)
        with store.begin() as transaction:
            transaction.add_request(request)
            transaction.record(made.event("request.opened", request_id=number))
        return request

    return open_request


@pytest.fixture
def answered(made: Made, opened: Callable[..., Request]) -> Callable[[Store], Request]:
    """Keep a request with a row in every attested table: signed, approved, with a permit that was used."""

    def answer(store: Store) -> Request:
        request = opened(store)
        with store.begin() as transaction:
            transaction.add_signoff(request.id, made.signoff())
            transaction.add_comment(request.id, made.comment())
            transaction.add_ruling(request.id, made.ruling())
            approved = request.model_copy(
                update={"state": State.APPROVED, "effective_at": NOON, "ruling": made.ruling()}
            )
            written = transaction.change(request, approved, Action.APPROVE)
            transaction.record(made.event("request.approved", request_id=request.id))
        permit = made.permit(request)
        with store.begin() as transaction:
            transaction.add_permit(permit)
            transaction.record(made.event("request.taken_up", request_id=request.id))
        with store.begin() as transaction:
            used = permit.model_copy(update={"state": PermitState.USED, "receipt": '{"sent":true}', "used_at": NOON})
            transaction.change_permit(permit, used)
            transaction.record(made.event("permit.used", request_id=request.id))
        return written

    return answer


@pytest.fixture
def by_hand() -> Callable[..., int]:
    """Do with SQL what nobody should, and tell how many rows it hit."""

    def execute(store: Any, statement: str, **terms: Any) -> int:
        with store._database.connected(writes=True) as connection:
            return connection.execute(text(statement), terms).rowcount

    return execute


@pytest.fixture
def verified() -> Callable[[Store], Any]:
    """What verifying a store shows."""
    return lambda store: verify(store.entries(), store.rows())


@pytest.fixture(scope="session")
def models() -> Iterator[ModelServer]:
    """The fake OpenAI-compatible server, one process for all tests."""
    with model_server() as server:
        yield server
