"""Tryton, on a real server: what is linked how, what is refused, and that several writers make one of each."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest
from vendors import QUICK, open_tryton

from agents.applying import apply_update
from agents.changes import AddNote, Associate, Create, Remove, SetField
from agents.crm import open_crm
from agents.crm.access import Access
from agents.crm.tryton import TrytonCrm
from agents.crm.tryton_api import place_of
from agents.documents import CrmReceipt, CrmUpdate, EntityRef
from agents.errors import CrmError, CrmUnavailable, UnknownObject

HALDEN = Create(
    object="company",
    key="co:halden.example",
    fields={"name": "Halden Freight", "domain": "halden.example", "email": "office@halden.example"},
)
OTHER = Create(object="company", key="co:other.example", fields={"name": "Other"})
ANNA = Create(object="contact", key="ct:anna@halden.example", fields={"name": "Anna", "email": "anna@halden.example"})
DEAL = Create(object="deal", key="dl:r1", fields={"name": "Offer", "amount": "12340.50", "currency": "EUR"})
OWNS = Associate(object="deal", key=DEAL.key, to_object="company", to_key=HALDEN.key)
WORKS = Associate(object="contact", key=ANNA.key, to_object="company", to_key=HALDEN.key)
NOTE = AddNote(key="nt:100%_\\r1", object="deal", about=DEAL.key, body="Was signed.\n\ncountersign it is.")
CHANGES = (HALDEN, ANNA, DEAL, OWNS, WORKS, NOTE)


# -- addresses ---------------------------------------------------------------------------------------------------


def test_a_server_elsewhere_is_spoken_to_over_https() -> None:
    assert place_of("tryton://erp.example/sales") == "https://erp.example/sales/rest/model"
    assert place_of("tryton://127.0.0.1:8000/sales") == "http://127.0.0.1:8000/sales/rest/model"


@pytest.mark.parametrize("address", ["tryton:", "tryton://erp.example", "tryton://erp.example/a/b"])
def test_an_address_without_a_database_is_refused(address: str) -> None:
    with pytest.raises(CrmUnavailable, match=r"tryton://host:port/database"):
        open_crm(address, access=Access(tryton_key=lambda: "k"))


def test_without_a_key_the_variable_is_named() -> None:
    with pytest.raises(CrmUnavailable, match="AGENTS_TRYTON_KEY is not set"):
        open_crm("tryton://erp.example/sales")


# -- a real server -----------------------------------------------------------------------------------------------


def opened(address: str, key: str) -> TrytonCrm:
    crm = open_crm(address, access=Access(tryton_key=lambda: key, patience=QUICK))
    assert isinstance(crm, TrytonCrm)
    return crm


@pytest.mark.tryton
def test_everything_stands_there_as_it_was_written(tryton: TrytonCrm) -> None:
    for change in CHANGES:
        assert tryton.apply(change, by="anna").outcome == "written"

    for create in (HALDEN, ANNA, DEAL):
        record = tryton.read(create.object, create.key)
        assert record is not None
        assert record.fields == create.fields
    note = tryton.note(NOTE.key)
    assert note is not None
    assert (note.body, note.about) == (NOTE.body, DEAL.key)
    assert [link.key for link in tryton.associations("company", HALDEN.key)] == [ANNA.key, DEAL.key]
    assert tryton.apply(NOTE, by="bert").by == "anna"


@pytest.mark.tryton
def test_setting_up_twice_makes_the_relation_once(tryton: TrytonCrm) -> None:
    said = [tryton.set_up(), tryton.set_up()]

    assert all("is there" in sentence for sentences in said for sentence in sentences)


@pytest.mark.tryton
def test_a_wrong_key_names_the_setting(tryton_process: Any) -> None:
    crm = opened(tryton_process.address, "wrong")

    with pytest.raises(CrmUnavailable, match="AGENTS_TRYTON_KEY"):
        crm.apply(HALDEN, by="anna")

    crm.close()


@pytest.mark.tryton
def test_a_database_that_is_not_there_is_told(tryton_process: Any) -> None:
    crm = opened(tryton_process.address.replace("/crm", "/nothing"), tryton_process.key)

    with pytest.raises(CrmUnavailable, match="host and database of AGENTS_CRM"):
        crm.read("company", HALDEN.key)

    crm.close()


def test_a_network_that_is_gone_says_that_nothing_was_sent() -> None:
    crm = opened("tryton://127.0.0.1:9/crm", "key")

    with pytest.raises(CrmUnavailable, match=r"cannot be reached.*nothing was sent"):
        crm.apply(HALDEN, by="anna")


@pytest.mark.tryton
def test_a_deal_belongs_to_one_party(tryton: TrytonCrm) -> None:
    for change in (*CHANGES, OTHER):
        tryton.apply(change, by="anna")

    with pytest.raises(CrmError, match="belongs to another party"):
        tryton.apply(OWNS.model_copy(update={"to_key": OTHER.key}), by="anna")

    assert [link.key for link in tryton.associations("deal", DEAL.key)] == [HALDEN.key]


@pytest.mark.tryton
def test_what_tryton_has_no_place_for_is_refused(tryton: TrytonCrm) -> None:
    with pytest.raises(UnknownObject, match="has no field 'stage'"):
        tryton.apply(DEAL.model_copy(update={"fields": {"stage": "won"}}), by="anna")
    with pytest.raises(CrmError, match="no currency 'XXX'"):
        tryton.apply(DEAL.model_copy(update={"fields": {"name": "x", "currency": "XXX"}}), by="anna")

    assert tryton.records() == ()


@pytest.mark.tryton
def test_a_party_that_was_put_away_comes_back_as_it_is_created(tryton: TrytonCrm) -> None:
    tryton.apply(HALDEN, by="anna")
    tryton.apply(Remove(object="company", key=HALDEN.key, fields=HALDEN.fields), by="anna")
    again = HALDEN.model_copy(update={"fields": {"name": "Halden", "phone": "+49 1"}})

    done = tryton.apply(again, by="anna")

    record = tryton.read("company", HALDEN.key)
    assert done.outcome == "written"
    assert record is not None
    assert record.fields == again.fields


@pytest.mark.tryton
def test_a_deal_that_people_cancelled_is_still_found(tryton: TrytonCrm) -> None:
    tryton.apply(DEAL, by="anna")
    number = int(tryton._records.look("deal", DEAL.key).id)  # type: ignore[union-attr]
    tryton._database.press("sale.opportunity", number, "cancel")

    assert tryton.apply(DEAL, by="anna").outcome == "already"


@pytest.mark.tryton
def test_a_field_changed_by_another_hand_is_a_conflict(tryton: TrytonCrm) -> None:
    tryton.apply(HALDEN, by="anna")
    number = int(tryton._records.look("company", HALDEN.key).id)  # type: ignore[union-attr]
    tryton._database.write("party.party", number, {"name": "Halden AG"})

    done = tryton.apply(
        SetField(object="company", key=HALDEN.key, field="name", before="Halden Freight", after="Halden GmbH"), by="b"
    )

    assert (done.outcome, done.now) == ("conflict", {"name": "Halden AG"})


class Losing(httpx.HTTPTransport):
    """Carries requests to the real server, and loses the answers to some writes after it has committed them."""

    def __init__(self, lost: set[int], how: str) -> None:
        super().__init__()
        self._lost = lost
        self._how = how
        self.writes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "GET":
            return response
        self.writes += 1
        if self.writes not in self._lost:
            return response
        response.read()
        response.close()
        if self._how == "500":
            return httpx.Response(500, text="<h1>Internal Server Error</h1>", request=request)
        raise httpx.ReadTimeout("no answer in time", request=request)


@pytest.mark.tryton
@pytest.mark.parametrize("how", ["500", "timeout"])
@pytest.mark.parametrize("seed", range(5))
def test_an_answer_that_is_lost_after_the_commit_is_found_out_by_reading(
    tryton: TrytonCrm, how: str, seed: int
) -> None:
    update = CrmUpdate(crm=tryton.address, entity=EntityRef(name="Halden", domain="halden.example"), changes=CHANGES)
    losing = Losing(set(random.Random(seed).sample(range(1, 10), 4)), how)
    tryton.close()
    tryton._database.caller._client = httpx.Client(transport=losing)

    result: Any = None
    for _ in range(10):
        try:
            result = asyncio.run(apply_update(update, crm=tryton, by="run 1"))
            break
        except CrmUnavailable:
            continue  # its task tries again, minutes later

    assert isinstance(result, CrmReceipt)
    assert {one.outcome for one in result.applied} <= {"written", "already"}
    assert losing.writes >= len(CHANGES)
    for model, many in {"sale.opportunity": 1, "ir.note": 1, "party.relation": 1}.items():
        assert len(tryton._database.search(model, [], ["id"])) == many, model
    assert [record.key for record in tryton.records()] == [HALDEN.key, ANNA.key, DEAL.key]
    assert [link.key for link in tryton.associations("company", HALDEN.key)] == [ANNA.key, DEAL.key]


@pytest.mark.tryton
def test_writers_at_once_make_one_of_each(tryton: TrytonCrm, tryton_process: Any) -> None:
    """Nothing in Tryton refuses a second deal, note or relation: the connector takes the second one back."""
    update = CrmUpdate(crm=tryton.address, entity=EntityRef(name="Halden", domain="halden.example"), changes=CHANGES)
    crms = [open_tryton(tryton_process) for _ in range(3)]

    async def all_at_once() -> list[Any]:
        return list(await asyncio.gather(*(apply_update(update, crm=crm, by="anna") for crm in crms)))

    results = asyncio.run(all_at_once())
    for crm in crms:
        crm.close()

    assert all(isinstance(result, CrmReceipt) for result in results)
    for model, many in {"sale.opportunity": 1, "ir.note": 1, "party.relation": 1}.items():
        assert len(tryton._database.search(model, [], ["id"])) == many, model
    assert [record.key for record in tryton.records()] == [HALDEN.key, ANNA.key, DEAL.key]
