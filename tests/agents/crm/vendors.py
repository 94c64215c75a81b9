"""Vendors' CRMs as fixtures, each on a server of this machine, for the tests beside this file and the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tryton_environment
from servers import TOKEN, Server

from agents.crm import open_crm
from agents.crm.access import Access
from agents.crm.http import Patience
from agents.crm.hubspot import HubspotCrm
from agents.crm.salesforce import SalesforceCrm
from agents.crm.tryton import TrytonCrm
from agents.ports import Crm

QUICK = Patience(timeout=5.0, pause=0.01)


@pytest.fixture(scope="session")
def hubspot_process() -> Iterator[Server]:
    server = Server("hubspot_fake.py")
    yield server
    server.stop()


@pytest.fixture
def hubspot_server(hubspot_process: Server) -> Server:
    """A HubSpot account as it is before Countersign was set up in it."""
    hubspot_process.reset()
    return hubspot_process


def hubspot_access(
    server: Server, *, version: str = "2026-03", token: str = TOKEN, patience: Patience = QUICK
) -> Access:
    """How the fake is reached."""
    return Access(hubspot_token=lambda: token, hubspot_url=server.url, hubspot_version=version, patience=patience)


def open_hubspot(server: Server, address: str = "hubspot://12345678", **terms: str) -> HubspotCrm:
    """An account that was set up."""
    crm = open_crm(address, access=hubspot_access(server, **terms))  # type: ignore[arg-type]
    assert isinstance(crm, HubspotCrm)
    crm.set_up()
    return crm


@pytest.fixture
def hubspot(hubspot_server: Server) -> Iterator[Crm]:
    crm = open_hubspot(hubspot_server)
    yield crm
    crm.close()


@pytest.fixture
def hubspot_v3(hubspot_server: Server) -> Iterator[Crm]:
    crm = open_hubspot(hubspot_server, "hubspot:", version="v3")
    yield crm
    crm.close()


@pytest.fixture(scope="session")
def tryton_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tryton_environment.Tryton]:
    if not tryton_environment.is_built():
        pytest.skip("there is no Tryton here: make test-tryton makes one")
    server = tryton_environment.start(tmp_path_factory.mktemp("tryton"))
    yield server
    server.stop()


@pytest.fixture
def tryton(tryton_process: tryton_environment.Tryton) -> Iterator[TrytonCrm]:
    """A Tryton database as it is once Countersign was set up in it."""
    crm = open_tryton(tryton_process)
    empty(crm)
    yield crm
    crm.close()


def open_tryton(server: tryton_environment.Tryton) -> TrytonCrm:
    """The database of this server, set up."""
    access = Access(tryton_key=lambda: server.key, patience=QUICK)
    crm = open_crm(server.address, access=access)
    assert isinstance(crm, TrytonCrm)
    crm.set_up()
    return crm


def empty(crm: TrytonCrm) -> None:
    """Delete what tests left."""
    database = crm._database
    ever = ["active", "in", [True, False]]
    for row in database.search("ir.note", [], ["id"]):
        database.delete("ir.note", row["id"])
    for row in database.search("party.relation", [], ["id"]):
        database.delete("party.relation", row["id"])
    for row in database.search("sale.opportunity", [], ["id", "state"]):
        if row["state"] in ("lead", "opportunity"):
            database.press("sale.opportunity", row["id"], "cancel")
        database.delete("sale.opportunity", row["id"])
    ours = ["OR", ["code", "like", "co:%"], ["code", "like", "ct:%"]]
    for row in database.search("party.party", [ours, ever], ["id"]):
        database.delete("party.party", row["id"])


@pytest.fixture(scope="session")
def salesforce_process() -> Iterator[Server]:
    server = Server("salesforce_fake.py")
    yield server
    server.stop()


@pytest.fixture
def salesforce_server(salesforce_process: Server) -> Server:
    """A Salesforce organisation with the fields that Countersign needs and nothing in it."""
    salesforce_process.reset()
    return salesforce_process


def open_salesforce(server: Server, *, secret: str = "secret-of-tests", patience: Patience = QUICK) -> SalesforceCrm:
    """The organisation of this server."""
    access = Access(
        salesforce_client_id="client-of-tests",
        salesforce_client_secret=lambda: secret,
        salesforce_url=server.url,
        patience=patience,
    )
    crm = open_crm("salesforce://acme", access=access)
    assert isinstance(crm, SalesforceCrm)
    return crm


@pytest.fixture
def salesforce(salesforce_server: Server) -> Iterator[SalesforceCrm]:
    crm = open_salesforce(salesforce_server)
    yield crm
    crm.close()


@pytest.fixture
def csv_folder(tmp_path: Path) -> Crm:
    return open_crm(f"csv://{tmp_path}/crm")
