"""Who was handled: told from the requests that a flow has asked, and from nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from houses import House

from agents.documents import Brief, EntityRef, Prospect
from approvals.decisions import Actor
from approvals.requests import Identity, Proposed, Request, RunReference
from flows.handled import Handled

WORKER = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))
HALDEN = Prospect(target="https://www.halden.example/")


def asked(house: House, run: str = "r1", *, flow: str = "outreach", gate: str = "letter", **entity: Any) -> Request:
    about = EntityRef(**{"name": "Halden Freight", "domain": "halden.example", **entity})
    return house.approvals.gatekeeper.open(
        Proposed(
            identity=Identity(run=run, gate=gate, key="1"),
            kind="agents.documents:Brief",
            title="A letter",
            about=about.name,
            document=Brief(entity=about, sources=(), facts=()).model_dump(mode="json"),
            document_schema=Brief.model_json_schema(mode="validation"),
            requester="rita@acme.example",
            run=RunReference(id=run, name=run, flow=flow),
            policy="letter",
        ),
        WORKER,
    )


def handled(house: House, days: float = 90, later: float = 0) -> Handled:
    now = house.approvals.clock() + timedelta(days=later)
    return Handled(house.approvals.store, "outreach", days=days, now=now)


def test_nobody_is_handled_where_nothing_was_asked(at_home: House) -> None:
    assert handled(at_home).before(HALDEN) == (None, "")


def test_a_company_whose_request_waits_is_left_alone_however_old_it_is(at_home: House) -> None:
    request = asked(at_home)

    found = handled(at_home, days=1, later=400).before(HALDEN)

    assert found.reason is not None
    assert found.reason.startswith("its letter waits for review since")
    assert request.id in found.reason


def test_a_company_that_was_decided_on_is_left_alone_for_so_many_days(at_home: House) -> None:
    request = asked(at_home)
    at_home.reject(request)

    within, after = (handled(at_home, days=30, later=later).before(HALDEN) for later in (29, 31))

    assert within.reason is not None
    assert "its letter was rejected" in within.reason
    assert "less than 30 days ago" in within.reason
    assert after == (None, request.id)


def test_a_run_that_was_called_off_counts_for_nothing_and_what_it_let_through_neither(at_home: House) -> None:
    at_home.approve(asked(at_home, "r1", gate="twice"))
    withdrawn = asked(at_home, "r1")
    at_home.approvals.service.withdraw(withdrawn.id, "its run was cancelled")

    found = handled(at_home).before(HALDEN)

    assert found.reason is None
    assert found.last == withdrawn.id, "or the batch would take the run that was called off for the one it wants"


def test_a_run_that_was_called_off_does_not_hide_one_that_was_not(at_home: House) -> None:
    at_home.approve(asked(at_home, "r1"))
    at_home.approvals.service.withdraw(asked(at_home, "r2").id, "its run was cancelled")

    assert handled(at_home).before(HALDEN).reason is not None


@pytest.mark.parametrize(
    ("prospect", "same"),
    [
        (Prospect(target="halden.example"), True),
        (Prospect(target="kestrel.example", name="Halden Freight"), False),
        (Prospect(target="text: we move timber", name="halden  freight"), True),
        (Prospect(target="text: we move timber", name="Halden"), False),
        (Prospect(target="text: Halden Freight"), False),
    ],
    ids=["its domain", "its name at another domain", "its name", "another name", "neither"],
)
def test_a_company_is_the_same_by_its_domain_or_where_one_is_not_known_by_its_name(
    at_home: House, prospect: Prospect, same: bool
) -> None:
    asked(at_home)

    assert (handled(at_home).before(prospect).reason is not None) is same


def test_what_another_flow_asked_counts_for_nothing(at_home: House) -> None:
    asked(at_home, flow="renewal")

    assert handled(at_home).before(HALDEN) == (None, "")
