"""HubSpot answers late, twice, wrongly or not at all: everything is written once, and what is unknown is said to be."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest
from servers import Server
from vendors import QUICK, hubspot_access, open_hubspot

from agents.applying import apply_update
from agents.changes import AddNote, Associate, Create, SetField
from agents.crm import open_crm
from agents.crm.http import Patience
from agents.crm.hubspot import HubspotCrm
from agents.documents import CrmReceipt, CrmUpdate, EntityRef
from agents.errors import CrmUnavailable

HALDEN = Create(object="company", key="co:halden.example", fields={"name": "Halden Freight"})
DEAL = Create(object="deal", key="dl:halden.example:r1", fields={"name": "Offer", "amount": "100.00"})
NOTE = AddNote(key="nt:r1:proposal", object="deal", about=DEAL.key, body="Was signed.")
LINK = Associate(object="deal", key=DEAL.key, to_object="company", to_key=HALDEN.key)
RENAME = SetField(object="company", key=HALDEN.key, field="name", before="Halden Freight", after="Halden GmbH")
UPDATE = CrmUpdate(
    crm="hubspot:", entity=EntityRef(name="Halden", domain="halden.example"), changes=(HALDEN, DEAL, LINK, NOTE)
)
ONCE = {"companies": 1, "contacts": 0, "deals": 1, "notes": 1, "links": 2}

WRITES = {
    "the upsert of a company": "POST .*companies/batch/upsert",
    "the upsert of a deal": "POST .*deals/batch/upsert",
    "the upsert of a note": "POST .*notes/batch/upsert",
    "the link of two records": "PUT .*deals/.*associations/default/companies",
    "the link of a note": "PUT .*notes/.*associations/default/deals",
}
FAULTS = ["500_before", "500_after", "timeout_before", "timeout_after", "429"]


def opened(server: Server, patience: Patience = QUICK) -> HubspotCrm:
    return open_hubspot(server, "hubspot:", patience=replace(patience, timeout=0.3))  # type: ignore[arg-type]


@pytest.mark.parametrize("do", FAULTS)
@pytest.mark.parametrize("on", WRITES.values(), ids=WRITES)
def test_whatever_becomes_of_a_write_running_again_ends_with_everything_once(
    hubspot_server: Server, on: str, do: str
) -> None:
    hubspot_server.reset(hang=0.6)
    crm = opened(hubspot_server)
    hubspot_server.fault(on, do)
    unknown = 0

    for _ in range(3):
        try:
            result = asyncio.run(apply_update(UPDATE, crm=crm, by="permit-1"))
            break
        except CrmUnavailable:
            unknown += 1
    crm.close()

    assert isinstance(result, CrmReceipt)
    assert {one.outcome for one in result.applied} <= {"written", "already"}
    assert hubspot_server.counts() == ONCE
    # A write that may have arrived is never repeated by itself, unless doing it twice does nothing.
    assert unknown == (1 if "upsert" in on and do != "429" else 0)


@pytest.mark.parametrize("do", ["500_after", "timeout_after"])
def test_a_change_of_a_field_that_was_lost_sight_of_is_seen_to_be_done(hubspot_server: Server, do: str) -> None:
    hubspot_server.reset(hang=0.6)
    crm = opened(hubspot_server)
    crm.apply(HALDEN, by="anna")
    hubspot_server.fault("PATCH", do)

    says = r"unknown.*reads first" + (r".*correlationId: [0-9a-f-]{36}" if do == "500_after" else "")
    with pytest.raises(CrmUnavailable, match=says):
        crm.apply(RENAME, by="permit-1")

    done = crm.apply(RENAME, by="permit-1")
    crm.close()
    assert (done.outcome, done.by) == ("already", "permit-1")
    assert len([call for call in hubspot_server.calls() if "PATCH" in call]) == 1


def test_reads_are_repeated_within_seconds(hubspot_server: Server) -> None:
    hubspot_server.reset(hang=0.6)
    crm = opened(hubspot_server)
    crm.apply(HALDEN, by="anna")
    for do in ("timeout_before", "500_before", "429"):
        hubspot_server.fault("GET .*companies", do)

    record = crm.read("company", HALDEN.key)
    crm.close()

    assert record is not None


def test_a_note_whose_link_was_lost_gets_it_when_run_again(hubspot_server: Server) -> None:
    crm = opened(hubspot_server, Patience(attempts=1))
    crm.apply(DEAL, by="anna")
    hubspot_server.fault("PUT .*notes", "500_before")

    with pytest.raises(CrmUnavailable):
        crm.apply(NOTE, by="anna")
    assert hubspot_server.counts()["links"] == 0

    done = crm.apply(NOTE, by="anna")
    crm.close()
    assert done.outcome == "written"
    assert hubspot_server.counts() == {"companies": 0, "contacts": 0, "deals": 1, "notes": 1, "links": 1}


# -- limits ------------------------------------------------------------------------------------------------------


def test_an_interval_that_is_used_up_is_waited_for_and_no_request_is_refused(hubspot_server: Server) -> None:
    """The account allows 20 requests in half a second; the client is told so by each answer."""
    crm = opened(hubspot_server)
    hubspot_server.reset(limit=20, interval=0.5)
    crm = opened(hubspot_server)

    for number in range(30):
        crm.apply(HALDEN.model_copy(update={"key": f"co:{number}.example"}), by="anna")
    crm.close()

    calls = hubspot_server.calls()
    assert len(calls) > 60
    assert not [call for call in calls if call.startswith("429")]
    assert crm._portal.caller.waited > 0


def test_a_429_is_waited_for_as_long_as_it_says(hubspot_server: Server) -> None:
    slept: list[float] = []
    crm = opened(hubspot_server)
    crm._portal.caller.sleep = slept.append
    hubspot_server.fault("POST .*upsert", "429", times=2)

    done = crm.apply(HALDEN, by="anna")
    crm.close()

    assert done.outcome == "written"
    assert slept == [1.0, 1.0]
    assert hubspot_server.counts()["companies"] == 1


def test_a_limit_that_lasts_longer_than_is_waited_for_is_said(hubspot_server: Server) -> None:
    slept: list[float] = []
    crm = opened(hubspot_server)
    crm._portal.caller.sleep = slept.append
    hubspot_server.fault("POST .*upsert", "429", times=100)

    with pytest.raises(CrmUnavailable, match=r"too many requests.*later"):
        crm.apply(HALDEN, by="anna")
    crm.close()

    assert len(slept) == QUICK.attempts - 1
    assert hubspot_server.counts()["companies"] == 0


def test_an_address_where_no_hubspot_is_says_so(hubspot_server: Server) -> None:
    """Whatever stands at the address is not HubSpot."""
    access = hubspot_access(hubspot_server)
    crm = open_crm("hubspot:", access=replace(access, hubspot_url=hubspot_server.url + "/_fake/nothing"))

    with pytest.raises(CrmUnavailable, match="AGENTS_HUBSPOT_URL"):
        crm.read("company", "co:x")


def test_two_writers_of_one_update_at_once_write_it_once(hubspot_server: Server) -> None:
    crms = [opened(hubspot_server) for _ in range(4)]

    async def all_at_once() -> list[object]:
        return list(await asyncio.gather(*(apply_update(UPDATE, crm=crm, by="anna") for crm in crms)))

    results = asyncio.run(all_at_once())
    for crm in crms:
        crm.close()

    assert all(isinstance(result, CrmReceipt) for result in results)
    assert hubspot_server.counts() == ONCE
    assert httpx.get(f"{hubspot_server.url}/_fake/counts").json() == ONCE
