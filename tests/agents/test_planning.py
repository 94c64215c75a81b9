from __future__ import annotations

import asyncio

import pytest

from agents.applying import apply_update
from agents.catalogue import Catalogue
from agents.changes import AddNote, Associate, Create, SetField
from agents.documents import Brief, CrmUpdate, Draft, FactKey, Proposal, dump
from agents.drafting import draft_proposal
from agents.planning import moved, plan_update, render_text
from agents.ports import Crm, Model

COMPANY = "co:halden.example"
CONTACT = "ct:dispatch@halden.example"
DEAL = "dl:halden.example:run-1"


@pytest.fixture
def proposal(halden: Brief, model: Model, catalogue: Catalogue) -> Proposal:
    return asyncio.run(draft_proposal(halden, model=model, catalogue=catalogue)).document


def plan(proposal: Proposal, brief: Brief, crm: Crm, catalogue: Catalogue, **more: tuple[str, ...]) -> Draft[CrmUpdate]:
    return asyncio.run(plan_update(proposal, brief, crm=crm, catalogue=catalogue, run_key="run-1", **more))


def creations(update: CrmUpdate) -> dict[str, Create]:
    return {change.key: change for change in update.changes if isinstance(change, Create)}


def settings(update: CrmUpdate) -> dict[str, SetField]:
    return {change.field: change for change in update.changes if isinstance(change, SetField)}


def test_an_empty_crm_gets_company_contact_deal_note_and_links(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    update = plan(proposal, halden, crm, catalogue).document

    created = creations(update)
    assert list(created) == [COMPANY, CONTACT, DEAL]
    assert created[COMPANY].fields["founded"] == "1987"
    assert created[COMPANY].fields["domain"] == "halden.example"
    assert created[CONTACT].fields == {"email": "dispatch@halden.example", "name": "Mara Lindqvist"}
    assert created[DEAL].fields == {
        "name": proposal.title,
        "amount": "15120.00",
        "currency": "EUR",
        "stage": "Proposal approved",
    }
    note = next(change for change in update.changes if isinstance(change, AddNote))
    assert (note.key, note.about) == ("nt:run-1:proposal", DEAL)
    links = [(one.key, one.to_key) for one in update.changes if isinstance(one, Associate)]
    assert links == [(DEAL, COMPANY), (CONTACT, COMPANY)]
    assert all(change.why for change in update.changes)


def test_the_note_is_the_whole_signed_proposal_with_its_total(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    note = next(one for one in plan(proposal, halden, crm, catalogue).document.changes if isinstance(one, AddNote))

    assert note.body == render_text(proposal)
    assert all(claim.text in note.body for claim in proposal.claims)
    assert "Total: 15,120.00 EUR" in note.body


def test_planning_reads_and_writes_nothing(proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue) -> None:
    plan(proposal, halden, crm, catalogue)

    assert crm.records() == ()
    assert crm.notes() == ()


def test_planning_twice_gives_the_same_plan(proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue) -> None:
    assert dump(plan(proposal, halden, crm, catalogue)) == dump(plan(proposal, halden, crm, catalogue))


def test_what_was_applied_needs_no_second_change_but_the_links_and_the_note(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    asyncio.run(apply_update(plan(proposal, halden, crm, catalogue).document, crm=crm, by="anna"))

    again = plan(proposal, halden, crm, catalogue).document

    assert {type(change) for change in again.changes} == {AddNote, Associate}
    receipt = asyncio.run(apply_update(again, crm=crm, by="bert"))
    assert {one.outcome for one in receipt.applied} == {"already"}  # type: ignore[union-attr]


def test_empty_fields_are_filled_and_a_different_value_is_changed_only_on_a_sure_fact(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    held = {
        "name": "HALDEN FREIGHT Ltd",
        "phone": "+49 431 999",
        "description": "Our best friends",
        "domain": "halden.example",
    }
    crm.apply(Create(object="company", key=COMPANY, fields=held), by="bert")

    draft = plan(proposal, halden, crm, catalogue)

    changed = settings(draft.document)
    assert changed["phone"].before == "+49 431 999"
    assert changed["phone"].after == "+49 431 5550100"
    assert "“Call us: +49 431 5550100”" in changed["phone"].why
    assert changed["phone"].fact_ids == ("f11",)
    assert changed["founded"].before is None
    assert not {"name", "description", "domain"} & set(changed)
    assert [flag.code for flag in draft.flags] == ["crm_overwrite"]


def test_an_unsure_fact_changes_nothing_somebody_wrote(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    unsure = halden.model_copy(
        update={"facts": tuple(fact.model_copy(update={"confidence": 0.6}) for fact in halden.facts)}
    )
    crm.apply(Create(object="company", key=COMPANY, fields={"name": "Halden Freight", "phone": "112"}), by="bert")

    changed = settings(plan(proposal, unsure, crm, catalogue).document)

    assert "phone" not in changed
    assert "founded" in changed


@pytest.mark.parametrize("held", ["+49 (431) 5550100", "+49-431-555-0100"])
def test_another_spelling_of_the_same_value_is_left_alone(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue, held: str
) -> None:
    crm.apply(Create(object="company", key=COMPANY, fields={"name": "Halden Freight", "phone": held}), by="bert")

    assert "phone" not in settings(plan(proposal, halden, crm, catalogue).document)


def test_a_contradicted_fact_is_not_planned_and_says_so(
    brueckner: Brief, model: Model, crm: Crm, catalogue: Catalogue
) -> None:
    proposal = asyncio.run(draft_proposal(brueckner, model=model, catalogue=catalogue)).document

    draft = plan(proposal, brueckner, crm, catalogue)

    assert "founded" not in creations(draft.document)["co:brueckner.example"].fields
    assert [flag.message for flag in draft.flags] == [
        "The company's founded is left alone: the sources contradict each other (1962 and 1964)."
    ]


def test_an_e_mail_address_makes_a_contact_in_lower_case_without_guessing_a_person(
    brueckner: Brief, model: Model, crm: Crm, catalogue: Catalogue
) -> None:
    proposal = asyncio.run(draft_proposal(brueckner, model=model, catalogue=catalogue)).document

    contact = creations(plan(proposal, brueckner, crm, catalogue).document)["ct:info@brueckner.example"]

    assert contact.fields == {"email": "info@brueckner.example", "name": "Brückner Präzision (info)"}


def test_without_an_address_there_is_no_contact(pond: Brief, model: Model, crm: Crm, catalogue: Catalogue) -> None:
    proposal = asyncio.run(draft_proposal(pond, model=model, catalogue=catalogue)).document

    update = plan(proposal, pond, crm, catalogue).document

    assert not [key for key in creations(update) if key.startswith("ct:")]
    assert len([one for one in update.changes if isinstance(one, Associate)]) == 1


def test_facts_of_a_page_about_someone_else_stay_out_of_the_crm(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    source = halden.sources[0].model_copy(update={"subject_match": "other"})
    other = halden.model_copy(update={"sources": (source,)})

    created = creations(plan(proposal, other, crm, catalogue).document)

    assert created[COMPANY].fields == {"name": "Halden Freight", "domain": "halden.example"}


def test_only_cited_facts_go_along(proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue) -> None:
    draft = plan(proposal, halden, crm, catalogue)

    cited = {fact_id for change in draft.document.changes for fact_id in change.fact_ids}
    assert {fact.id for fact in draft.facts} == cited
    assert FactKey.CUSTOMER not in {fact.key for fact in draft.facts}


def test_feedback_that_planning_cannot_follow_is_quoted(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    draft = plan(proposal, halden, crm, catalogue, feedback=("leave the phone alone",))

    assert [flag.code for flag in draft.flags] == ["feedback_not_followed"]
    assert "“leave the phone alone”" in draft.flags[0].message


def test_nothing_moved_while_everything_is_as_it_was_read(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    based_on = plan(proposal, halden, crm, catalogue).based_on

    assert set(based_on.values()) == {"absent", catalogue.version}
    assert moved(based_on, crm=crm, catalogue=catalogue) == {}


def test_what_moved_is_named_with_both_versions(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    based_on = plan(proposal, halden, crm, catalogue).based_on
    crm.apply(Create(object="company", key=COMPANY, fields={"name": "Halden"}), by="bert")
    newer = catalogue.model_copy(update={"version": "next"})

    assert moved(based_on, crm=crm, catalogue=newer) == {
        f"embedded://?memorycompany/{COMPANY}": ("absent", "1"),
        "catalogue:": (catalogue.version, "next"),
    }


def test_a_record_of_another_crm_counts_as_moved(crm: Crm, catalogue: Catalogue) -> None:
    address = "elsewhere://company/co:halden.example"

    assert set(moved({address: "3"}, crm=crm, catalogue=catalogue)) == {address}
