"""Looks every citation up again where it is said to stand, and says of each claim which of three honest states it has.

`quoted`: all it says is in what it cites, and that stands in the stored source word for word. `cited`: it cites
something, and that is not so. `unsourced`: it states something and cites nothing. `none`: nothing can be looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agents.catalogue import Catalogue, Offer
from agents.documents import Brief, Claim, Fact, Finding, PriceLine, Proposal, Source, Standing
from agents.grounding.figures import read
from agents.research.stored import StoredPages
from agents.texts import money_text
from agents.values import Value

CONTEXT = 120
"""Characters of its surroundings that are shown on either side of a quote."""

CATALOGUE = "catalogue:"


class Citation(Value):
    """What one claim cites: the words, what stands around them, and whether they are there at all."""

    claim_id: str
    source_id: str
    fact_id: str
    title: str = ""
    address: str = ""
    quote: str
    before: str = ""
    after: str = ""
    found: bool


class LookedUp(NamedTuple):
    """The findings with where each claim stands, and everything they cite."""

    findings: tuple[Finding, ...]
    citations: tuple[Citation, ...]


class _Place(NamedTuple):
    """Where a fact's quote is: found or not, its surroundings, and what is to be said if it is not there."""

    found: bool
    before: str = ""
    after: str = ""
    told: str = ""
    lost: bool = False
    """The stored page itself cannot be read: nobody can say whether the quote stood there."""


class Library:
    """The facts and sources of one request, and the stored pages they can be looked up in."""

    def __init__(self, sources: Sequence[Source], facts: Sequence[Fact], pages: StoredPages) -> None:
        self.facts: Mapping[str, Fact] = {fact.id: fact for fact in facts}
        self._sources = {source.id: source for source in sources}
        self._pages = pages
        self._places: dict[str, _Place] = {}

    def place(self, fact: Fact) -> _Place:
        """Where this fact's quote stands; looked up once."""
        if fact.id not in self._places:
            self._places[fact.id] = self._look_up(fact)
        return self._places[fact.id]

    def citation(self, claim_id: str, fact: Fact) -> Citation:
        """That this claim cites this fact, with the quote as its page has it."""
        place, source = self.place(fact), self._sources.get(fact.source_id)
        return Citation(
            claim_id=claim_id,
            source_id=fact.source_id,
            fact_id=fact.id,
            title=source.title if source else "",
            address=source.address if source else "",
            quote=fact.quote,
            before=place.before,
            after=place.after,
            found=place.found,
        )

    def standing(self, finding: Finding, fact_ids: Iterable[str]) -> Finding:
        """The finding of something that cites facts, with where it stands: support that is not there is none."""
        places = [self.place(self.facts[one]) for one in dict.fromkeys(fact_ids) if one in self.facts]
        absent = tuple(dict.fromkeys(place.told for place in places if place.told))
        if finding.support == "supported" and not absent:
            return finding.model_copy(update={"standing": "quoted"})
        made_up = any(place.told and not place.lost for place in places)
        return finding.model_copy(
            update={
                "support": "unsupported" if made_up else finding.support,
                "standing": "cited",
                "reasons": (*finding.reasons, *absent),
            }
        )

    def _look_up(self, fact: Fact) -> _Place:
        source = self._sources.get(fact.source_id)
        if source is None:
            return _Place(found=False, told=f"the source of the fact {fact.id!r} is not there", lost=True)
        text = self._pages.text(source, fact.part)
        named = source.title or source.address
        if text is None:
            told = f"the page “{named}” is not kept here, so its words cannot be looked up"
            return _Place(found=False, told=told, lost=True)
        start = fact.start if text[fact.start : fact.end] == fact.quote else text.find(fact.quote)
        if start < 0 or not fact.quote.strip():
            return _Place(found=False, told=f"“{_short(fact.quote)}” does not stand in the stored page “{named}”")
        end = start + len(fact.quote)
        before, after = _flat(text[max(0, start - CONTEXT) : start]), _flat(text[end : end + CONTEXT])
        if missing := _not_in_its_quote(fact):
            told = f"the quote of the fact {fact.id!r} does not say “{missing}”"
            return _Place(found=True, before=before, after=after, told=told)
        return _Place(True, before, after)


def looked_up(proposal: Proposal, findings: Sequence[Finding], *, library: Library, catalogue: Catalogue) -> LookedUp:
    """What `check` found of a proposal, with where each claim stands and what it cites."""
    claims = {claim.id: claim for claim in proposal.claims}
    lines = {line.id: line for line in proposal.lines}
    told: list[Finding] = []
    citations: list[Citation] = []
    for finding in findings:
        if claim := claims.get(finding.claim_id):
            told.append(_of_claim(finding, claim, library))
            cited = (library.facts[one] for one in dict.fromkeys(claim.fact_ids) if one in library.facts)
            citations += [library.citation(claim.id, fact) for fact in cited]
            citations += _of_offers(claim.id, claim.catalogue_ids, proposal, catalogue)
        elif line := lines.get(finding.claim_id):
            told.append(_of_line(finding, line, catalogue))
            citations += _of_offers(line.id, (line.offer,), proposal, catalogue)
        else:  # a title or heading, which cites nothing of its own
            told.append(finding.model_copy(update={"standing": "unsourced"}))
    return LookedUp(tuple(told), tuple(citations))


def looked_up_brief(brief: Brief, pages: StoredPages) -> LookedUp:
    """One finding for every fact of a brief: whether its quote stands in the stored page."""
    library = Library(brief.sources, brief.facts, pages)
    findings = []
    for fact in brief.facts:
        place = library.place(fact)
        told = Finding(claim_id=fact.id, support="partly" if place.lost else "supported")
        findings.append(library.standing(told, (fact.id,)))
    return LookedUp(tuple(findings), tuple(library.citation(fact.id, fact) for fact in brief.facts))


def _of_claim(finding: Finding, claim: Claim, library: Library) -> Finding:
    if claim.fact_ids or claim.catalogue_ids:
        return library.standing(finding, claim.fact_ids)
    standing: Standing = "none" if finding.support == "not_applicable" else "unsourced"
    return finding.model_copy(update={"standing": standing})


def _of_line(finding: Finding, line: PriceLine, catalogue: Catalogue) -> Finding:
    if finding.support != "supported":
        return finding.model_copy(update={"standing": "cited"})
    exactly = f"the catalogue has exactly this: {_entry(line.offer, catalogue)}"
    return finding.model_copy(update={"standing": "quoted", "reasons": (*finding.reasons, exactly)})


def _of_offers(claim_id: str, offers: Sequence[str], proposal: Proposal, catalogue: Catalogue) -> Iterable[Citation]:
    for offer_id in dict.fromkeys(offers):
        offer = catalogue.offer(offer_id)
        yield Citation(
            claim_id=claim_id,
            source_id=CATALOGUE,
            fact_id=offer_id,
            title=f"Catalogue of {catalogue.seller}",
            address=CATALOGUE,
            quote=_words(offer, catalogue, proposal.language) if offer else offer_id,
            found=offer is not None,
        )


def _entry(offer_id: str, catalogue: Catalogue) -> str:
    offer = catalogue.offer(offer_id)
    return f"{offer.name}, {money_text(offer.unit_price, catalogue.currency)} per {offer.unit}" if offer else offer_id


def _words(offer: Offer, catalogue: Catalogue, language: str) -> str:
    price = money_text(offer.unit_price, catalogue.currency, language)
    return f"{offer.name}: {offer.described(language)} {price} / {offer.sold_per(language)}"


def _not_in_its_quote(fact: Fact) -> str:
    """The first figure of a fact's value that its own quote does not give; an empty string where there is none."""
    quoted = {figure.amount for figure in read(fact.quote, loose=True).figures}
    for figure in read(fact.value).figures:
        if figure.amount not in quoted and figure.written not in fact.quote:
            return figure.written
    return ""


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= CONTEXT else f"{words[:CONTEXT]}…"
