"""What approving a document changes, field by field, with what the CRM holds now."""

from __future__ import annotations

import asyncio

import pytest

from agents.catalogue import Catalogue
from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Brief, CrmUpdate, EntityRef, Proposal
from agents.drafting import draft_proposal
from agents.effects import PREVIEW, Effect, effects
from agents.ports import Crm, Model

ENTITY = EntityRef(name="Halden Freight", domain="halden.example")
COMPANY = "co:halden.example"
DEAL = "dl:halden.example:run-1"
AMOUNT = SetField(object="deal", key=DEAL, field="amount", before="42000.00", after="55000.00", why="The lines say so.")


@pytest.fixture
def filled(crm: Crm) -> Crm:
    crm.apply(Create(object="company", key=COMPANY, fields={"name": "Halden Freight", "phone": "1"}), by="bert")
    fields = {"name": "Offer", "amount": "42000.00", "currency": "EUR"}
    crm.apply(Create(object="deal", key=DEAL, fields=fields), by="bert")
    return crm


def of(crm: Crm, catalogue: Catalogue, *changes: Change) -> tuple[Effect, ...]:
    return effects(CrmUpdate(crm=crm.address, entity=ENTITY, changes=changes), crm=crm, catalogue=catalogue)


def test_a_field_is_told_in_words_with_its_tick_box(filled: Crm, catalogue: Catalogue) -> None:
    assert of(filled, catalogue, AMOUNT) == (
        Effect(
            record="Deal of Halden Freight",
            field="Deal amount",
            before="42,000.00 EUR",
            after="55,000.00 EUR",
            why="The lines say so.",
            path="changes.0.apply",
        ),
    )


def test_what_somebody_changed_since_is_said(filled: Crm, catalogue: Catalogue) -> None:
    moved = SetField(object="deal", key=DEAL, field="amount", before="42000.00", after="51000.00")
    filled.apply(moved, by="bert")

    (effect,) = of(filled, catalogue, AMOUNT)

    assert (effect.before, effect.after) == ("42,000.00 EUR", "55,000.00 EUR")
    assert effect.note == "changed to 51,000.00 EUR since this was planned"
    assert (effect.moved, effect.base, effect.now) == (True, "42,000.00 EUR", "51,000.00 EUR")


def test_asked_again_it_is_told_what_it_was_is_and_will_be(filled: Crm, catalogue: Catalogue) -> None:
    again = AMOUNT.model_copy(update={"base": "40000.00"})

    (effect,) = of(filled, catalogue, again)

    assert (effect.moved, effect.base, effect.now, effect.after) == (
        True,
        "40,000.00 EUR",
        "42,000.00 EUR",
        "55,000.00 EUR",
    )
    assert effect.note == ""


def test_what_is_as_it_was_planned_on_has_not_moved(filled: Crm, catalogue: Catalogue) -> None:
    create = Create(object="company", key="co:other.example", fields={"name": "Other"})
    removed = Remove(object="company", key=COMPANY, fields={"name": "Halden Freight", "phone": "1"})

    found = of(filled, catalogue, AMOUNT, create, removed)

    assert not [effect for effect in found if effect.moved]


def test_a_record_that_somebody_made_meanwhile_is_held_against_the_proposed_one(
    filled: Crm, catalogue: Catalogue
) -> None:
    create = Create(object="company", key=COMPANY, fields={"name": "Halden", "phone": "1", "email": "a@halden.example"})

    found = {effect.field: effect for effect in of(filled, catalogue, create)}

    assert [field for field, effect in found.items() if effect.moved] == ["Name"]
    assert (found["Name"].base, found["Name"].now, found["Name"].after) == (None, "Halden Freight", "Halden")


def test_what_is_to_be_taken_away_tells_what_it_takes_and_what_moved(filled: Crm, catalogue: Catalogue) -> None:
    note = AddNote(key="nt:1", object="company", about=COMPANY, body="Signed.")
    link = Associate(object="deal", key=DEAL, to_object="company", to_key=COMPANY)
    for change in (note, link):
        filled.apply(change, by="bert")

    archived, phone, unlinked, forgotten = of(
        filled,
        catalogue,
        Remove(object="company", key=COMPANY, fields={"name": "Halden Freight", "phone": "9"}),
        Dissociate(object="deal", key=DEAL, to_object="company", to_key=COMPANY),
        RemoveNote(key="nt:1", object="company", about=COMPANY, body="Signed."),
    )

    assert (archived.record, archived.before, archived.after) == (
        "Archived: Company Halden Freight",
        "Halden Freight",
        None,
    )
    assert archived.note == "changed since this was planned, so it is not archived"
    assert (phone.moved, phone.base, phone.now) == (True, "9", "1")
    assert (unlinked.field, unlinked.before, unlinked.note) == ("Link", "Company Halden Freight", "")
    assert (forgotten.field, forgotten.before, forgotten.note) == ("Note", "7 characters: Signed.", "")


def test_a_price_that_the_catalogue_says_otherwise_is_held_against_it(
    crm: Crm, halden: Brief, model: Model, catalogue: Catalogue
) -> None:
    proposal = asyncio.run(draft_proposal(halden, model=model, catalogue=catalogue)).document
    line = proposal.lines[0]
    dearer = catalogue.model_copy(
        update={
            "offers": tuple(
                offer.model_copy(update={"unit_price": line.unit_price + 10}) if offer.id == line.offer else offer
                for offer in catalogue.offers
            )
        }
    )

    same = [effect for effect in effects(proposal, crm=crm, catalogue=catalogue) if effect.moved]
    (moved,) = [effect for effect in effects(proposal, crm=crm, catalogue=dearer) if effect.moved]

    assert same == []
    assert moved.rests_on == "catalogue:"
    assert moved.base == moved.after != moved.now


def test_emptied_done_already_and_gone_are_said_too(filled: Crm, catalogue: Catalogue) -> None:
    phone = SetField(object="company", key=COMPANY, field="phone", before="1", after="2")
    emptied = SetField(object="company", key=COMPANY, field="phone", before="1", after="")
    gone = SetField(object="company", key="co:gone.example", field="phone", before="1", after="2")

    filled.apply(emptied, by="bert")
    (after_emptying,) = of(filled, catalogue, phone)
    filled.apply(phone.model_copy(update={"before": None}), by="bert")
    (done,) = of(filled, catalogue, phone)
    (missing,) = of(filled, catalogue, gone)

    assert after_emptying.note == "emptied since this was planned"
    assert done.note == "the CRM holds this already"
    assert missing.note == "there is no such record now, so nothing is written"


def test_an_edit_is_what_is_told(filled: Crm, catalogue: Catalogue) -> None:
    (effect,) = of(filled, catalogue, AMOUNT.model_copy(update={"after": "77518.00"}))

    assert effect.after == "77,518.00 EUR"


def test_unticked_is_told_and_does_not_apply(filled: Crm, catalogue: Catalogue) -> None:
    note = AddNote(key="nt:1", object="deal", about=DEAL, body="words")

    first, second = of(filled, catalogue, AMOUNT.model_copy(update={"apply": False}), note)

    assert (first.applies, first.path) == (False, "changes.0.apply")
    assert (second.applies, second.path) == (True, "changes.1.apply")


def test_a_new_record_is_told_field_by_field(crm: Crm, catalogue: Catalogue) -> None:
    create = Create(object="company", key=COMPANY, fields={"name": "Halden Freight", "phone": "1"}, why="It is new.")

    name, phone = of(crm, catalogue, create)

    assert (name.record, name.field, name.before, name.after, name.why) == (
        "New company Halden Freight", "Name", None, "Halden Freight", "It is new.",
    )  # fmt: skip
    assert (phone.field, phone.after, phone.path) == ("Phone", "1", "changes.0.apply")

    crm.apply(create, by="bert")
    assert of(crm, catalogue, create)[0].note == "it is in the CRM by now; only an equal record counts as done"


def test_notes_and_links_are_told(filled: Crm, catalogue: Catalogue) -> None:
    note = AddNote(key="nt:1", object="deal", about=DEAL, body="Proposal\nfor Halden")
    link = Associate(object="deal", key=DEAL, to_object="company", to_key=COMPANY)

    before = of(filled, catalogue, note, link)
    for change in (note, link):
        filled.apply(change, by="bert")
    after = of(filled, catalogue, note, link, note.model_copy(update={"body": "Other words"}))

    assert [(one.record, one.field, one.after, one.note) for one in before] == [
        ("Deal of Halden Freight", "Note", "19 characters: Proposal for Halden", ""),
        ("Deal of Halden Freight", "Link", "Company Halden Freight", ""),
    ]
    assert [one.note for one in after] == [
        "this note is there already",
        "the two are linked already",
        "a note with other words is there already",
    ]


def test_what_hangs_on_an_unticked_record_is_not_written(crm: Crm, catalogue: Catalogue) -> None:
    create = Create(object="deal", key=DEAL, fields={"name": "Offer"}, apply=False)
    note = AddNote(key="nt:1", object="deal", about=DEAL, body="words")
    link = Associate(object="deal", key=DEAL, to_object="company", to_key=COMPANY)

    _, noted, linked = of(crm, catalogue, create, note, link)

    assert noted.note == "its record is not made, so nothing is written"
    assert linked.note == "one of the two is not made, so nothing is written"


def test_an_update_for_another_crm_changes_nothing(crm: Crm, catalogue: Catalogue) -> None:
    update = CrmUpdate(crm="embedded:///elsewhere", entity=ENTITY, changes=(AMOUNT,))

    assert effects(update, crm=crm, catalogue=catalogue) == ()


@pytest.fixture
def proposal(halden: Brief, model: Model, catalogue: Catalogue) -> Proposal:
    return asyncio.run(draft_proposal(halden, model=model, catalogue=catalogue)).document


def told(proposal: Proposal, crm: Crm, catalogue: Catalogue) -> dict[tuple[str, str], str | None]:
    return {(one.record, one.field): one.after for one in effects(proposal, crm=crm, catalogue=catalogue)}


def test_a_proposal_shows_what_its_crm_update_would_write(proposal: Proposal, crm: Crm, catalogue: Catalogue) -> None:
    found = effects(proposal, crm=crm, catalogue=catalogue)
    after = told(proposal, crm, catalogue)

    assert found[0].note == PREVIEW
    assert {one.path for one in found} == {""}
    assert after["New deal of Halden Freight", "Deal amount"] == "15,120.00 EUR"
    assert after["New deal of Halden Freight", "Stage"] == "Proposal approved"
    assert after["New company Halden Freight", "Domain"] == "halden.example"
    assert (after["Deal of Halden Freight", "Note"] or "").partition(" ")[2].startswith("characters: ")


def test_the_preview_follows_the_edited_price(proposal: Proposal, crm: Crm, catalogue: Catalogue) -> None:
    line = proposal.lines[0].model_copy(update={"quantity": 10})
    edited = proposal.model_copy(update={"lines": (line, *proposal.lines[1:])})

    assert told(edited, crm, catalogue)["New deal of Halden Freight", "Deal amount"] == "5,660.00 EUR"


def test_a_company_that_is_known_is_not_made_anew(proposal: Proposal, filled: Crm, catalogue: Catalogue) -> None:
    after = told(proposal, filled, catalogue)

    assert ("Company Halden Freight", "Domain") in after
    assert not any(record == "New company Halden Freight" for record, _ in after)


def test_previewing_writes_nothing(proposal: Proposal, crm: Crm, catalogue: Catalogue) -> None:
    effects(proposal, crm=crm, catalogue=catalogue)

    assert (crm.records(), crm.notes()) == ((), ())


def test_a_brief_changes_nothing(halden: Brief, crm: Crm, catalogue: Catalogue) -> None:
    assert effects(halden, crm=crm, catalogue=catalogue) == ()
