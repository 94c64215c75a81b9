from __future__ import annotations

import pytest

from agents.changes import AddNote, Associate, Create, SetField
from agents.crm import open_crm
from agents.errors import CrmError
from agents.glance import Glance
from agents.ports import Crm

COMPANY = Create(object="company", key="co:halden.example", fields={"name": "Halden", "phone": "1"})
DEAL = Create(object="deal", key="dl:1", fields={"name": "Offer"})
LINK = Associate(object="deal", key="dl:1", to_object="company", to_key=COMPANY.key)
NOTE = AddNote(key="nt:1", object="deal", about="dl:1", body="words")


@pytest.fixture
def filled() -> Crm:
    crm = open_crm("embedded://?memory")
    for change in (COMPANY, DEAL, LINK, NOTE):
        crm.apply(change, by="bert")
    return crm


def test_it_is_a_crm_that_says_what_the_other_says(filled: Crm) -> None:
    glance = Glance(lambda: filled)

    assert isinstance(glance, Crm)
    assert (glance.address, glance.describe()) == (filled.address, filled.describe())
    assert glance.read("company", COMPANY.key) == filled.read("company", COMPANY.key)
    assert glance.note("nt:1") == filled.note("nt:1")
    assert glance.associations("deal", "dl:1") == filled.associations("deal", "dl:1")
    assert (glance.records("deal"), glance.notes("dl:1")) == (filled.records("deal"), filled.notes("dl:1"))
    assert glance.history("company", COMPANY.key) == filled.history("company", COMPANY.key)


def test_what_was_seen_once_stays_as_it_was_seen(filled: Crm) -> None:
    glance = Glance(lambda: filled)
    before = glance.read("company", COMPANY.key)

    change = SetField(object="company", key=COMPANY.key, field="phone", before="1", after="2")
    filled.apply(change, by="bert")

    assert glance.read("company", COMPANY.key) == before != filled.read("company", COMPANY.key)


def test_keys_that_are_about_to_be_made_up_are_not_looked_for() -> None:
    glance = Glance(lambda: pytest.fail("the CRM was opened"), fresh=frozenset({"dl:new", "nt:new"}))

    assert (glance.read("deal", "dl:new"), glance.note("nt:new")) == (None, None)
    assert glance.associations("deal", "dl:new") == ()


def test_it_writes_nothing(filled: Crm) -> None:
    with pytest.raises(CrmError, match="written through the CRM itself"):
        Glance(lambda: filled).apply(NOTE, by="bert")
