"""Where claims stand: the quote is looked up in the page that was kept, and three states say what came of it."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.catalogue import Catalogue
from agents.documents import Brief, Claim, Finding, Proposal, Prospect
from agents.drafting import draft_proposal
from agents.grounding import Library, LookedUp, check, looked_up, looked_up_brief
from agents.ports import Model
from agents.research import StoredPages, research
from agents.web import MemorySnapshots, open_web

PAGE = """<!doctype html><html lang="en"><head><title>Halden Freight</title>
<script type="application/ld+json">{"@type": "Organization", "name": "Halden Freight", "foundingDate": "1987",
"url": "https://halden.example/"}</script></head><body>
<h1>Halden Freight</h1><p>Halden Freight moves chilled food between Kiel and Oslo, with a fleet of 120 trucks.</p>
<p>Today 420 people work with us.</p><p>Write to dispatch@halden.example or call +49 431 5550100.</p></body></html>"""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def snapshots() -> MemorySnapshots:
    return MemorySnapshots()


@pytest.fixture
def brief(snapshots: MemorySnapshots, tmp_path: Path) -> Brief:
    (tmp_path / "page.html").write_text(PAGE)
    prospect = Prospect(target=str(tmp_path / "page.html"), source_url="https://halden.example/")
    found = research(prospect, web=open_web("offline:"), snapshots=snapshots, now=lambda: NOW)
    return asyncio.run(found).document


@pytest.fixture
def proposal(brief: Brief, model: Model, catalogue: Catalogue) -> Proposal:
    return asyncio.run(draft_proposal(brief, model=model, catalogue=catalogue)).document


class Desk:
    """Looks a proposal up with what a brief found."""

    def __init__(self, brief: Brief, snapshots: MemorySnapshots, catalogue: Catalogue) -> None:
        self.brief, self.snapshots, self.catalogue = brief, snapshots, catalogue

    def look_up(self, proposal: Proposal, brief: Brief | None = None) -> LookedUp:
        brief = brief or self.brief
        library = Library(brief.sources, brief.facts, StoredPages(self.snapshots))
        findings = check(proposal, sources=brief.sources, facts=brief.facts, catalogue=self.catalogue)
        return looked_up(proposal, findings, library=library, catalogue=self.catalogue)


@pytest.fixture
def desk(brief: Brief, snapshots: MemorySnapshots, catalogue: Catalogue) -> Desk:
    return Desk(brief, snapshots, catalogue)


def with_claim(proposal: Proposal, claim: Claim) -> Proposal:
    first, *others = proposal.sections
    kept = tuple(one for one in first.claims if one.id != claim.id)
    return proposal.model_copy(update={"sections": (first.model_copy(update={"claims": (*kept, claim)}), *others)})


def of(looked: LookedUp, claim_id: str) -> Finding:
    return next(finding for finding in looked.findings if finding.claim_id == claim_id)


def fact_saying(brief: Brief, words: str) -> str:
    return next(fact.id for fact in brief.facts if words in fact.quote)


def test_what_an_honest_draft_cites_is_found_word_for_word(proposal: Proposal, desk: Desk) -> None:
    looked = desk.look_up(proposal)

    assert {finding.standing for finding in looked.findings} == {"quoted", "none"}
    assert looked.citations
    assert all(citation.found for citation in looked.citations)


def test_a_quote_is_shown_with_what_stands_around_it_and_where(proposal: Proposal, desk: Desk, brief: Brief) -> None:
    fact_id = fact_saying(brief, "420 people")
    claim = Claim(id="people", text="420 people work at Halden Freight.", fact_ids=(fact_id,))

    looked = desk.look_up(with_claim(proposal, claim))

    (citation,) = [one for one in looked.citations if one.claim_id == "people"]
    assert (citation.title, citation.found) == ("Halden Freight", True)
    assert citation.address.endswith("page.html")
    shown = f"{citation.before}{citation.quote}{citation.after}"
    assert "Today 420 people work with us. Write to dispatch@halden.example" in shown
    assert max(len(citation.before), len(citation.after)) <= 120


def test_markup_is_shown_as_text_too(desk: Desk, brief: Brief, proposal: Proposal) -> None:
    fact = next(fact for fact in brief.facts if fact.part == "markup")
    claim = Claim(id="marked", text=f"{fact.value} stands on your page.", fact_ids=(fact.id,))

    looked = desk.look_up(with_claim(proposal, claim))

    (citation,) = [one for one in looked.citations if one.claim_id == "marked"]
    assert citation.found
    assert citation.quote == fact.quote


def test_a_claim_that_says_what_its_source_does_not_is_cited_only(proposal: Proposal, desk: Desk, brief: Brief) -> None:
    claim = Claim(id="c", text="900 people work at Halden Freight.", fact_ids=(fact_saying(brief, "420 people"),))

    finding = of(desk.look_up(with_claim(proposal, claim)), "c")

    assert (finding.support, finding.standing) == ("unsupported", "cited")
    assert "“900”" in finding.reasons[0]


def test_a_claim_that_states_something_and_cites_nothing_is_unsourced(proposal: Proposal, desk: Desk) -> None:
    claim = Claim(id="c", text="Halden Freight doubled its fleet.")

    finding = of(desk.look_up(with_claim(proposal, claim)), "c")

    assert (finding.support, finding.standing) == ("unsupported", "unsourced")


def test_a_claim_with_nothing_to_look_up_has_no_standing(proposal: Proposal, desk: Desk) -> None:
    finding = of(desk.look_up(with_claim(proposal, Claim(id="c", text="Shall we talk next week?"))), "c")

    assert (finding.support, finding.standing) == ("not_applicable", "none")


def test_a_quote_that_its_page_does_not_hold_supports_nothing(proposal: Proposal, desk: Desk, brief: Brief) -> None:
    fact_id = fact_saying(brief, "420 people")
    made_up = tuple(
        fact.model_copy(update={"value": "900", "quote": "Today 900 people work with us"})
        if fact.id == fact_id
        else fact
        for fact in brief.facts
    )
    claim = Claim(id="c", text="900 people work at Halden Freight.", fact_ids=(fact_id,))

    looked = desk.look_up(with_claim(proposal, claim), brief.model_copy(update={"facts": made_up}))

    finding = of(looked, "c")
    assert (finding.support, finding.standing) == ("unsupported", "cited")
    assert finding.reasons == ("“Today 900 people work with us” does not stand in the stored page “Halden Freight”",)
    assert [one.found for one in looked.citations if one.claim_id == "c"] == [False]


def test_a_value_that_its_own_quote_does_not_say_supports_nothing(proposal: Proposal, desk: Desk, brief: Brief) -> None:
    fact_id = fact_saying(brief, "420 people")
    twisted = tuple(fact.model_copy(update={"value": "900"}) if fact.id == fact_id else fact for fact in brief.facts)
    claim = Claim(id="c", text="900 people work at Halden Freight.", fact_ids=(fact_id,))

    finding = of(desk.look_up(with_claim(proposal, claim), brief.model_copy(update={"facts": twisted})), "c")

    assert (finding.support, finding.standing) == ("unsupported", "cited")
    assert "does not say “900”" in finding.reasons[0]


def test_where_the_page_is_not_kept_nobody_claims_that_it_was_quoted(
    proposal: Proposal, brief: Brief, catalogue: Catalogue
) -> None:
    claim = Claim(id="c", text="420 people work at Halden Freight.", fact_ids=(fact_saying(brief, "420 people"),))

    looked = Desk(brief, MemorySnapshots(), catalogue).look_up(with_claim(proposal, claim))

    finding = of(looked, "c")
    assert (finding.support, finding.standing) == ("supported", "cited")
    assert finding.reasons == ("the page “Halden Freight” is not kept here, so its words cannot be looked up",)
    assert "quoted" not in {of(looked, one.id).standing for one in proposal.claims if one.fact_ids}


def test_a_contradicted_claim_is_not_called_quoted(proposal: Proposal, desk: Desk, brief: Brief) -> None:
    fact_id = fact_saying(brief, "420 people")
    other = next(fact.id for fact in brief.facts if fact.id != fact_id)
    torn = tuple(
        fact.model_copy(update={"conflicts_with": (other,)}) if fact.id == fact_id else fact for fact in brief.facts
    )
    claim = Claim(id="c", text="420 people work at Halden Freight.", fact_ids=(fact_id,))

    finding = of(desk.look_up(with_claim(proposal, claim), brief.model_copy(update={"facts": torn})), "c")

    assert (finding.support, finding.standing) == ("partly", "cited")


def test_a_price_counts_as_quoted_where_the_catalogue_has_exactly_that(proposal: Proposal, desk: Desk) -> None:
    line = proposal.lines[0]
    cheaper = proposal.model_copy(
        update={"lines": (line.model_copy(update={"unit_price": line.unit_price - 1}), *proposal.lines[1:])}
    )

    honest, lowered = of(desk.look_up(proposal), line.id), of(desk.look_up(cheaper), line.id)

    assert (honest.support, honest.standing) == ("supported", "quoted")
    assert honest.reasons == ("the catalogue has exactly this: Route Insight, 86.00 EUR per vehicle per year",)
    assert (lowered.support, lowered.standing) == ("unsupported", "cited")


def test_an_offer_is_cited_from_the_catalogue_with_its_words(proposal: Proposal, desk: Desk) -> None:
    looked = desk.look_up(proposal)

    (citation,) = [one for one in looked.citations if one.claim_id == proposal.lines[0].id]
    assert (citation.source_id, citation.fact_id, citation.found) == ("catalogue:", "route-insight", True)
    assert citation.title == "Catalogue of Brightwater Signals"
    assert "86.00 EUR" in citation.quote


def test_a_heading_that_nothing_supports_is_unsourced(proposal: Proposal, desk: Desk) -> None:
    looked = desk.look_up(proposal.model_copy(update={"title": "An offer for the 7,000 lorries of Halden Freight"}))

    assert (of(looked, "title").support, of(looked, "title").standing) == ("unsupported", "unsourced")


def test_hidden_characters_of_a_quote_stay_in_it(snapshots: MemorySnapshots, brief: Brief) -> None:
    text = "Founded in 19\u200b87 by \u202etwo\u202c drivers."
    source = brief.sources[0].model_copy(update={"text_sha256": snapshots.put(text.encode())})
    fact = brief.facts[0].model_copy(
        update={"quote": text[8:19], "value": "Founded", "start": 8, "end": 19, "part": "text"}
    )
    library = Library((source,), (fact,), StoredPages(snapshots))

    citation = library.citation("c", fact)

    assert citation.found
    assert citation.quote == text[8:19]
    assert "\u202e" in citation.after


def test_a_brief_has_a_finding_for_every_fact(brief: Brief, snapshots: MemorySnapshots) -> None:
    kept = looked_up_brief(brief, StoredPages(snapshots))
    lost = looked_up_brief(brief, StoredPages(MemorySnapshots()))

    assert [finding.claim_id for finding in kept.findings] == [fact.id for fact in brief.facts]
    assert {(finding.support, finding.standing) for finding in kept.findings} == {("supported", "quoted")}
    assert {(finding.support, finding.standing) for finding in lost.findings} == {("partly", "cited")}


def test_a_fact_that_somebody_changed_is_unsupported(brief: Brief, snapshots: MemorySnapshots) -> None:
    fact = next(fact for fact in brief.facts if "420 people" in fact.quote)
    facts = tuple(one.model_copy(update={"value": "4200"}) if one is fact else one for one in brief.facts)

    looked = looked_up_brief(brief.model_copy(update={"facts": facts}), StoredPages(snapshots))

    assert (of(looked, fact.id).support, of(looked, fact.id).standing) == ("unsupported", "cited")
    assert sum(finding.support == "unsupported" for finding in looked.findings) == 1


def test_the_page_that_counts_is_the_one_with_the_digest(proposal: Proposal, desk: Desk, brief: Brief) -> None:
    other = hashlib.sha256(b"another page").hexdigest()
    sources = tuple(source.model_copy(update={"text_sha256": other, "sha256": other}) for source in brief.sources)

    looked = desk.look_up(proposal, brief.model_copy(update={"sources": sources}))

    assert not any(one.found for one in looked.citations if one.source_id != "catalogue:")
