"""Whoever writes to a vendor's CRM may be killed at any point: what was signed is there once, the receipt is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import killing
import pytest
from servers import TOKEN, Server

from agents.ports import Crm

SEEDS = range(20)


@dataclass(frozen=True)
class Vendor:
    """A CRM as the test reads it, how the writing process reaches it, and how many things there are in it."""

    crm: Crm
    environment: Mapping[str, str] = field(default_factory=dict)
    counts: Callable[[], Mapping[str, int]] = dict
    expected: Mapping[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def launcher() -> Iterator[Any]:
    launcher = killing.Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def of_hubspot(hubspot: Crm, hubspot_server: Server) -> Vendor:
    environment = {"AGENTS_HUBSPOT_TOKEN": TOKEN, "AGENTS_HUBSPOT_URL": hubspot_server.url}
    expected = {"companies": 2, "contacts": 1, "deals": 1, "notes": 3, "links": 5}
    return Vendor(hubspot, environment, hubspot_server.counts, expected)


@pytest.fixture
def of_salesforce(salesforce: Crm, salesforce_server: Server) -> Vendor:
    environment = {
        "AGENTS_SALESFORCE_CLIENT_ID": "client-of-tests",
        "AGENTS_SALESFORCE_CLIENT_SECRET": "secret-of-tests",
        "AGENTS_SALESFORCE_URL": salesforce_server.url,
    }
    expected = {"Account": 2, "Contact": 1, "Opportunity": 1, "OpportunityContactRole": 0, "Countersign_Note__c": 3}
    return Vendor(salesforce, environment, salesforce_server.counts, expected)


@pytest.fixture
def of_csv(csv_folder: Crm) -> Vendor:
    return Vendor(csv_folder)


@pytest.fixture
def of_tryton(tryton: Any, tryton_process: Any) -> Vendor:
    def counts() -> dict[str, int]:
        database = tryton._database
        ours: dict[str, Any] = {
            "party.party": [["OR", ["code", "like", "co:%"], ["code", "like", "ct:%"]]],
            "sale.opportunity": [],
            "ir.note": [],
            "party.relation": [],
        }
        return {model: len(database.search(model, domain, ["id"])) for model, domain in ours.items()}

    expected = {"party.party": 3, "sale.opportunity": 1, "ir.note": 3, "party.relation": 1}
    return Vendor(tryton, {"AGENTS_TRYTON_KEY": tryton_process.key}, counts, expected)


@pytest.fixture(params=["of_csv", "of_hubspot", "of_salesforce", pytest.param("of_tryton", marks=pytest.mark.tryton)])
def vendor(request: pytest.FixtureRequest) -> Vendor:
    found: Vendor = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_killed_at_any_point_leaves_everything_written_once(
    launcher: Any, vendor: Vendor, tmp_path: Path, seed: int
) -> None:
    crm = vendor.crm
    crm.apply(killing.BEFOREHAND, by="somebody")
    ends = killing.endings(seed, killing.STAGES, seconds=0.02)
    signed = killing.signed(tmp_path / "home", crm.address)
    job = replace(signed, endings=ends, environment=vendor.environment)

    *killed, receipt = launcher.receipts(job)

    assert killed[0] is None, f"the process was to be killed, {ends[0]}"
    killing.assert_written_once(lambda: killing.told_by(crm), receipt, knows_writers=False)
    assert vendor.counts() == vendor.expected
    assert killing.entries(tmp_path / "home").count("permit.used") == 1
