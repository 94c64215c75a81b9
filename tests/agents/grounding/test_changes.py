"""The changes of a CRM update, held against the facts they name."""

from __future__ import annotations

import asyncio

import pytest

from agents.catalogue import Catalogue
from agents.changes import Create, SetField
from agents.documents import Brief, CrmUpdate, Finding
from agents.drafting import draft_proposal
from agents.grounding import Library, looked_up_update
from agents.planning import plan_update
from agents.ports import Crm, Model
from agents.research import StoredPages
from agents.web import MemorySnapshots


@pytest.fixture
def quoted(halden: Brief) -> tuple[Brief, StoredPages]:
    """A brief whose quotes stand, one after the other, in the one page that was kept."""
    snapshots = MemorySnapshots()
    text = "\n".join(dict.fromkeys(fact.quote for fact in halden.facts))
    source = halden.sources[0].model_copy(update={"text_sha256": snapshots.put(text.encode())})
    facts = tuple(
        fact.model_copy(update={"start": text.index(fact.quote), "end": text.index(fact.quote) + len(fact.quote)})
        for fact in halden.facts
    )
    return halden.model_copy(update={"sources": (source,), "facts": facts}), StoredPages(snapshots)


@pytest.fixture
def update(quoted: tuple[Brief, StoredPages], model: Model, catalogue: Catalogue, crm: Crm) -> CrmUpdate:
    crm.apply(
        Create(object="company", key="co:halden.example", fields={"name": "Halden", "founded": "1986"}), by="bert"
    )
    brief, _ = quoted
    proposal = asyncio.run(draft_proposal(brief, model=model, catalogue=catalogue)).document
    return asyncio.run(plan_update(proposal, brief, crm=crm, catalogue=catalogue, run_key="run-1")).document


def findings(update: CrmUpdate, quoted: tuple[Brief, StoredPages]) -> dict[str, Finding]:
    brief, pages = quoted
    looked = looked_up_update(update, Library(brief.sources, brief.facts, pages))
    return {finding.claim_id: finding for finding in looked.findings}


def place(update: CrmUpdate, field: str) -> str:
    return next(
        f"changes.{index}"
        for index, change in enumerate(update.changes)
        if isinstance(change, SetField) and change.field == field
    )


def replaced(update: CrmUpdate, at: str, **fields: object) -> CrmUpdate:
    index = int(at.partition(".")[2])
    changes = list(update.changes)
    changes[index] = changes[index].model_copy(update=fields)
    return update.model_copy(update={"changes": tuple(changes)})


def test_every_change_that_names_facts_has_a_finding(update: CrmUpdate, quoted: tuple[Brief, StoredPages]) -> None:
    found = findings(update, quoted)

    named = {f"changes.{index}" for index, change in enumerate(update.changes) if change.fact_ids}
    assert set(found) == named
    assert {(finding.support, finding.standing) for finding in found.values()} == {("supported", "quoted")}


def test_a_change_of_what_is_written_is_not_what_the_source_says(
    update: CrmUpdate, quoted: tuple[Brief, StoredPages]
) -> None:
    at = place(update, "founded")

    finding = findings(replaced(update, at, after="1990"), quoted)[at]

    assert (finding.support, finding.standing) == ("unsupported", "cited")
    assert finding.reasons == ("“1990” does not stand in what the change names",)


def test_a_new_record_may_not_say_otherwise_than_its_facts(
    update: CrmUpdate, quoted: tuple[Brief, StoredPages]
) -> None:
    index = next(n for n, change in enumerate(update.changes) if isinstance(change, Create) and change.fact_ids)
    change = update.changes[index]
    assert isinstance(change, Create)
    at = f"changes.{index}"

    finding = findings(replaced(update, at, fields={**change.fields, "email": "somebody@else.example"}), quoted)[at]

    assert finding.support == "unsupported"
    assert "somebody@else.example" in finding.reasons[0]


def test_what_is_unticked_is_not_looked_up(update: CrmUpdate, quoted: tuple[Brief, StoredPages]) -> None:
    at = place(update, "founded")

    assert at not in findings(replaced(update, at, apply=False, after="1990"), quoted)


def test_a_fact_that_is_not_there_leaves_a_doubt(update: CrmUpdate, quoted: tuple[Brief, StoredPages]) -> None:
    brief, pages = quoted

    looked = looked_up_update(update, Library(brief.sources, (), pages))

    assert {(finding.support, finding.standing) for finding in looked.findings} == {("partly", "cited")}
    assert looked.citations == ()
