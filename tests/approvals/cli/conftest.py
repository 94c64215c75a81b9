"""The command line on a queue of one's own, as in a terminal: every command opens the store anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from approvals.accounts import Accounts
from approvals.audit import verify
from approvals.bootstrap import Approvals
from approvals.cli import commands
from approvals.deadlines import Deadlines
from approvals.gatekeeping import Gatekeeper
from approvals.identities import Cost
from approvals.ledger import Ledger
from approvals.metrics import Metrics
from approvals.ports import Store
from approvals.reverts import Reverts
from approvals.saved import SavedViews
from approvals.service import ApprovalService
from approvals.sessions import Sessions
from approvals.settings import Settings
from approvals.store import open_store
from approvals.tickets import Tickets
from approvals.tokens import Tokens


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store)
    yield store
    verification = verify(store.entries(), store.rows())
    store.close()
    assert verification.ok, verification.problem


@pytest.fixture
def compose(people: Any, clock: Any, examiner: Any, policies: Any, messages: Any) -> Callable[[Settings], Approvals]:
    """Put a queue together on a store of its own connection."""

    def composed(settings: Settings) -> Approvals:
        store = open_store(settings.store)
        service, ledger = ApprovalService(store, people, clock, examiner), Ledger(store, clock)
        return Approvals(
            settings=settings,
            store=store,
            directory=people,
            policies=policies,
            service=service,
            deadlines=Deadlines(service, ledger),
            gatekeeper=Gatekeeper(ledger, people, policies, examiner),
            ledger=ledger,
            tokens=Tokens(store, people, clock),
            accounts=Accounts(store, people, clock, cost=Cost(n=2, r=1, p=1)),
            tickets=Tickets(store, people, clock),
            sessions=Sessions(store, people, clock),
            metrics=Metrics(store, clock),
            saved_views=SavedViews(store, service.authority),
            **messages(store),
            reverts=Reverts(ledger, service.authority, policies, {}, None),
            clock=clock,
        )

    return composed


@pytest.fixture
def run(settings: Settings, store: Store, compose: Callable[[Settings], Approvals]) -> Callable[..., Result]:
    """Type a command: `run("approve", request.id, who="ben@acme.example")`."""

    def typed(
        *words: str, who: str | None = None, settings: Settings = settings, render: Any = None, **more: Any
    ) -> Result:
        app = commands(lambda: compose(settings), render=render)
        named = ["--as", who] if who else []
        # An exception that nobody turned into a sentence is a failure of the test.
        return CliRunner().invoke(app, [*words, *named], catch_exceptions=False, **more)

    return typed
