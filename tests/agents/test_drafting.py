from __future__ import annotations

import asyncio

import pytest

from agents.catalogue import Catalogue
from agents.documents import Brief, Claim, Cost, Draft, EntityRef, Proposal, Section, dump
from agents.drafting import draft_proposal
from agents.errors import DraftingError
from agents.ports import Drafted, DraftingTask, Model


class Scripted:
    """A model that hands in what it was given."""

    name = "scripted:"

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal
        self.tasks: list[DraftingTask] = []

    async def draft(self, task: DraftingTask) -> Drafted:
        self.tasks.append(task)
        return Drafted(proposal=self._proposal, cost=Cost(model=self.name, tokens=7))


def drafted(brief: Brief, model: Model, catalogue: Catalogue, *feedback: str, **more: object) -> Draft[Proposal]:
    return asyncio.run(draft_proposal(brief, model=model, catalogue=catalogue, feedback=feedback, **more))  # type: ignore[arg-type]


def with_claim(brief: Brief, text: str, *fact_ids: str) -> Proposal:
    claim = Claim(id="c1", text=text, fact_ids=fact_ids)
    return Proposal(
        entity=brief.entity,
        title=brief.entity.name,
        language=brief.language,
        sections=(Section(key="opening", title="–", claims=(claim,)),),
        currency="EUR",
        valid_days=30,
    )


def test_a_draft_comes_with_its_evidence_findings_and_what_it_is_based_on(
    halden: Brief, model: Model, catalogue: Catalogue
) -> None:
    draft = drafted(halden, model, catalogue)

    cited = {fact_id for claim in draft.document.claims for fact_id in claim.fact_ids}
    assert {fact.id for fact in draft.facts} == cited
    assert draft.sources == halden.sources
    assert {finding.claim_id for finding in draft.findings} == {
        *(claim.id for claim in draft.document.claims),
        *(line.id for line in draft.document.lines),
    }
    assert draft.based_on == {"catalogue:": catalogue.version}
    assert draft.cost == Cost(model="offline:")
    assert draft.summary == (
        "Route Insight × 120, Guided onboarding × 1: 15,120.00 EUR. 18 of 18 claims and prices are supported."
    )


def test_the_same_brief_gives_the_same_draft(halden: Brief, model: Model, catalogue: Catalogue) -> None:
    assert dump(drafted(halden, model, catalogue)) == dump(drafted(halden, model, catalogue))


def test_facts_that_nothing_cites_stay_away(halden: Brief, catalogue: Catalogue) -> None:
    draft = drafted(halden, Scripted(with_claim(halden, "Founded in 1987.", "f2")), catalogue)

    assert [fact.id for fact in draft.facts] == ["f2"]


def test_open_contradictions_go_along_and_are_flagged(brueckner: Brief, catalogue: Catalogue) -> None:
    draft = drafted(brueckner, Scripted(with_claim(brueckner, "Guten Tag")), catalogue)

    assert [fact.id for fact in draft.facts] == ["f2", "f3"]
    assert [flag.message for flag in draft.flags] == ["The sources contradict each other on founded: 1962 and 1964."]


def test_an_unsupported_claim_is_a_high_flag_with_the_reason(halden: Brief, catalogue: Catalogue) -> None:
    draft = drafted(halden, Scripted(with_claim(halden, "Founded in 1978.", "f2")), catalogue)

    (flag,) = draft.flags
    assert (flag.code, flag.severity) == ("unsupported_claims", "high")
    assert "“1978” does not stand in what the claim cites" in flag.message


def test_the_model_gets_the_feedback_the_previous_draft_and_the_round(halden: Brief, catalogue: Catalogue) -> None:
    previous = with_claim(halden, "Hello.")
    model = Scripted(with_claim(halden, "Good day."))

    drafted(halden, model, catalogue, "kinder", previous=previous, round=2)

    (task,) = model.tasks
    assert (task.feedback, task.previous, task.round) == (("kinder",), previous, 2)


def test_a_draft_that_reads_as_before_is_flagged(halden: Brief, catalogue: Catalogue) -> None:
    previous = with_claim(halden, "Hello.")

    draft = drafted(halden, Scripted(previous), catalogue, "kinder", previous=previous, round=2)

    assert [(flag.code, flag.severity) for flag in draft.flags] == [("unchanged", "high")]


def test_a_draft_for_another_company_is_refused(halden: Brief, catalogue: Catalogue) -> None:
    other = with_claim(halden, "Hello.").model_copy(update={"entity": EntityRef(name="Velmar")})

    with pytest.raises(DraftingError, match="drafted for 'Velmar'"):
        drafted(halden, Scripted(other), catalogue)


def test_what_a_model_costs_stands_on_the_draft(halden: Brief, catalogue: Catalogue) -> None:
    draft = drafted(halden, Scripted(with_claim(halden, "Hello.")), catalogue)

    assert draft.cost == Cost(model="scripted:", tokens=7)
