from __future__ import annotations

import pytest

from agents.changes import Associate, Change, Create, SetField
from agents.documents import CrmUpdate, EntityRef
from agents.ports import Crm
from agents.records import Records, count, short, words

ENTITY = EntityRef(name="Halden Freight", domain="halden.example")
COMPANY = "co:halden.example"
DEAL = "dl:halden.example:run-1"


def records(crm: Crm, *changes: Change) -> Records:
    return Records(CrmUpdate(crm=crm.address, entity=ENTITY, changes=changes), crm)


def test_records_are_called_by_their_names(crm: Crm) -> None:
    crm.apply(Create(object="company", key=COMPANY, fields={"name": "Halden Freight B.V."}), by="bert")
    made = Create(object="contact", key="ct:a@halden.example", fields={"name": "Mara Lindqvist"})
    known = records(crm, made)

    assert known.called("company", COMPANY) == "company Halden Freight B.V."
    assert known.called("contact", made.key) == "contact Mara Lindqvist"
    assert known.the("deal", DEAL) == "the deal of Halden Freight"
    assert known.called("deal", "dl:other.example:1") == "deal dl:other.example:1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((Create(object="deal", key=DEAL, fields={"currency": "SEK"}),), "12,340.00 SEK"),
        ((SetField(object="deal", key=DEAL, field="currency", before=None, after="GBP"),), "12,340.00 GBP"),
        ((), "12,340.00"),
    ],
)
def test_the_amount_of_a_deal_has_the_currency_it_will_have(crm: Crm, changes: tuple[Change, ...], said: str) -> None:
    assert records(crm, *changes).value("deal", DEAL, "amount", "12340") == said


def test_what_is_no_amount_is_shown_as_it_stands(crm: Crm) -> None:
    assert records(crm).value("deal", DEAL, "amount", "about ten") == "about ten"
    assert records(crm).value("company", COMPANY, "phone", " 1\n2 ") == "1 2"


def test_whether_a_record_will_be_there(crm: Crm) -> None:
    made = Create(object="company", key=COMPANY, fields={"name": "Halden"})

    assert records(crm, made).will_be("company", COMPANY)
    assert not records(crm, made.model_copy(update={"apply": False})).will_be("company", COMPANY)
    crm.apply(made, by="bert")
    assert records(crm).will_be("company", COMPANY)


def test_whether_two_are_linked(crm: Crm) -> None:
    for change in (
        Create(object="company", key=COMPANY, fields={"name": "Halden"}),
        Create(object="deal", key=DEAL, fields={"name": "Offer"}),
    ):
        crm.apply(change, by="bert")
    before = records(crm).linked("deal", DEAL, "company", COMPANY)
    crm.apply(Associate(object="deal", key=DEAL, to_object="company", to_key=COMPANY), by="bert")

    assert not before
    assert records(crm).linked("deal", DEAL, "company", COMPANY)


def test_words_for_people() -> None:
    assert (words("legal_name"), count(1, "fact"), count(1200, "fact")) == ("legal name", "1 fact", "1,200 facts")
    assert short("x" * 100) == "x" * 79 + "…"
