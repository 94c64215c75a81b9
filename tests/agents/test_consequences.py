from __future__ import annotations

import asyncio

import pytest

from agents.catalogue import Catalogue
from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.consequences import MOST, consequences
from agents.documents import Brief, CrmUpdate, EntityRef, Proposal, Prospect
from agents.drafting import draft_proposal
from agents.ports import Capabilities, Crm, Model

ENTITY = EntityRef(name="Halden Freight", domain="halden.example")
DEAL = "dl:halden.example:run-1"


ENDS = "The run writes exactly this, once, and ends there."


def of(*changes: Change, crm: Crm) -> tuple[str, ...]:
    return consequences(CrmUpdate(crm=crm.address, entity=ENTITY, changes=changes), crm=crm)


@pytest.fixture
def proposal(halden: Brief, model: Model, catalogue: Catalogue) -> Proposal:
    return asyncio.run(draft_proposal(halden, model=model, catalogue=catalogue)).document


def test_a_brief_leads_to_a_draft_and_to_nothing_else(halden: Brief, crm: Crm) -> None:
    assert consequences(halden, crm=crm) == (
        "The run goes on to draft a proposal for Halden Freight from 13 facts of 1 source.",
        "The proposal waits for its own approval.",
        "Nothing is sent to anyone and nothing is written to the CRM.",
    )


def test_a_proposal_names_every_line_and_the_total(proposal: Proposal, crm: Crm) -> None:
    said = consequences(proposal, crm=crm)

    assert said[0] == ("Offers Halden Freight Route Insight: 120 × 86.00 EUR (vehicle per year) = 10,320.00 EUR.")
    goes_on = (
        "The run goes on to plan the CRM update from this text, with the total of 15,120.00 EUR as the deal amount."
    )
    assert goes_on in said
    assert "The CRM update waits for its own approval; until then nothing is written." in said
    assert "Nothing is sent to the customer." in said


def test_the_sentences_follow_the_document_as_it_was_edited(proposal: Proposal, crm: Crm) -> None:
    line = proposal.lines[0].model_copy(update={"quantity": 10})
    edited = proposal.model_copy(update={"lines": (line, *proposal.lines[1:])})

    said = " ".join(consequences(edited, crm=crm))

    assert "10 × 86.00 EUR" in said
    assert "5,660.00 EUR" in said
    assert "15,120.00" not in said


def test_a_field_tells_what_it_holds_now(crm: Crm) -> None:
    crm.apply(Create(object="deal", key=DEAL, fields={"name": "Offer", "currency": "EUR"}), by="bert")
    change = SetField(object="deal", key=DEAL, field="amount", before=None, after="12340.00")

    assert of(change, crm=crm) == ("Sets the deal amount of Halden Freight to 12,340.00 EUR (now empty).", ENDS)

    crm.apply(change, by="bert")
    more = change.model_copy(update={"before": "12340.00", "after": "12000"})
    assert of(more, crm=crm) == ("Sets the deal amount of Halden Freight to 12,000.00 EUR (now 12,340.00 EUR).", ENDS)


def test_clearing_a_field_is_called_that(crm: Crm) -> None:
    crm.apply(Create(object="company", key="co:halden.example", fields={"name": "Halden", "phone": "1"}), by="bert")
    change = SetField(object="company", key="co:halden.example", field="phone", before="1", after="")

    assert of(change, crm=crm) == ("Clears the company phone of Halden (now 1).", ENDS)


def test_creating_noting_and_linking_are_said_with_names(crm: Crm) -> None:
    said = of(
        Create(object="company", key="co:halden.example", fields={"name": "Halden Freight", "phone": "1"}),
        Create(object="deal", key=DEAL, fields={"name": "Offer", "amount": "10.00", "currency": "EUR"}),
        AddNote(key="nt:1", object="deal", about=DEAL, body="x" * 1234),
        Associate(object="deal", key=DEAL, to_object="company", to_key="co:halden.example"),
        crm=crm,
    )

    assert said == (
        "Creates the company Halden Freight with phone 1.",
        "Creates the deal Offer with amount 10.00 EUR, currency EUR.",
        "Adds a note of 1,234 characters to the deal of Halden Freight.",
        "Links the deal of Halden Freight with the company Halden Freight.",
        ENDS,
    )


def test_what_is_unticked_is_counted_and_not_told(crm: Crm) -> None:
    create = Create(object="company", key="co:halden.example", fields={"name": "Halden"})
    note = AddNote(key="nt:1", object="company", about="co:halden.example", body="x", apply=False)

    assert of(create, note, crm=crm) == ("Leaves out 1 unticked change.", "Creates the company Halden.", ENDS)
    assert of(note, crm=crm) == ("Nothing is written to the CRM: every change is unticked.", "The run ends there.")


def test_an_update_for_another_crm_leads_to_nothing(crm: Crm) -> None:
    update = CrmUpdate(crm="embedded:///elsewhere", entity=ENTITY, changes=())

    assert "Nothing is written" in consequences(update, crm=crm)[0]


def test_many_changes_are_cut_with_their_number(crm: Crm) -> None:
    notes = [AddNote(key=f"nt:{n}", object="company", about="co:halden.example", body="x") for n in range(30)]

    said = of(*notes, crm=crm)

    assert len(said) == MOST
    assert said[-2:] == ("And 20 more changes, listed in the document.", ENDS)


def test_reading_consequences_writes_nothing(proposal: Proposal, crm: Crm) -> None:
    of(Create(object="company", key="co:halden.example", fields={"name": "Halden"}), crm=crm)

    assert crm.records() == ()


def test_other_documents_have_none(crm: Crm) -> None:
    assert consequences(Prospect(target="halden.example"), crm=crm) == ()  # type: ignore[arg-type]


def test_what_is_taken_away_is_named_and_whether_it_can_come_back(crm: Crm) -> None:
    company = Create(object="company", key="co:halden.example", fields={"name": "Halden"})
    deal = Create(object="deal", key=DEAL, fields={"name": "Offer"})
    for change in (company, deal):
        crm.apply(change, by="bert")
    removal = Remove(object="company", key=company.key, fields=company.fields)

    said = of(
        removal,
        RemoveNote(key="nt:1", object="deal", about=DEAL, body="Signed."),
        Dissociate(object="deal", key=DEAL, to_object="company", to_key=company.key),
        crm=crm,
    )

    assert said == (
        "Archives the company Halden; it can be brought back.",
        "Takes a note of 7 characters away from the deal of Halden Freight.",
        "Takes the link between the deal of Halden Freight and the company Halden away.",
        ENDS,
    )


def test_a_crm_that_brings_nothing_back_says_so(crm: Crm) -> None:
    class Final:
        """A CRM without an archive that gives anything back."""

        capabilities = Capabilities(restores=False)

        def __getattr__(self, name: str) -> object:
            return getattr(crm, name)

    removal = Remove(object="company", key="co:halden.example", fields={})

    said = of(removal, crm=Final())  # type: ignore[arg-type]

    assert said[0] == "Archives the company co:halden.example, for good as far as this CRM says."
