"""One finding for every claim and every price line of a proposal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agents.catalogue import Catalogue, Offer
from agents.documents import Claim, Fact, Finding, PriceLine, Proposal, Source, contradictions
from agents.grounding.judging import Basis, Rest, judged, unsupported
from agents.texts import number_text


def check(
    proposal: Proposal, *, sources: Sequence[Source], facts: Sequence[Fact], catalogue: Catalogue
) -> tuple[Finding, ...]:
    """What supports each claim and each price line, in the order they stand.

    Every number, amount, percentage, date, address and name of a claim must stand in a fact or an offer it cites.
    The title and the headings are checked too; they get a finding, `title` or `heading:<section>`, only where
    nothing supports them.
    """
    return tuple(_Checker(proposal, sources, facts, catalogue).findings())


class _Checker:
    """A proposal and everything it may rest on."""

    def __init__(
        self, proposal: Proposal, sources: Sequence[Source], facts: Sequence[Fact], catalogue: Catalogue
    ) -> None:
        self._proposal = proposal
        self._sources = {source.id: source for source in sources}
        self._facts = {fact.id: fact for fact in facts}
        self._against = contradictions(facts)
        self._catalogue = catalogue
        entity = proposal.entity
        self._customer = tuple(name for name in (entity.name, entity.legal_name, *entity.aliases) if name)
        self._ours = (catalogue.seller, *(offer.name for offer in catalogue.offers))

    def findings(self) -> Iterator[Finding]:
        """The title and headings nothing supports, then one finding per claim and per price line."""
        offers = tuple(line.offer for line in self._proposal.lines)
        headings = [("title", self._proposal.title)]
        headings += [(f"heading:{section.key}", section.title) for section in self._proposal.sections]
        for heading_id, text in headings:
            heading = Claim(id=heading_id, text=text, fact_ids=tuple(self._facts), catalogue_ids=offers)
            finding = self._claim(heading, heading=True)
            if finding.support == "unsupported":
                yield finding
        for claim in self._proposal.claims:
            yield self._other_quantity(claim) or self._claim(claim)
        for line in self._proposal.lines:
            yield self._line(line)

    def _other_quantity(self, claim: Claim) -> Finding | None:
        """Unsupported, where the sentence on an offer's quantity tells another one than its price line."""
        sentence, _, offer = claim.id.partition(".")
        line = next((line for line in self._proposal.lines if line.offer == offer), None)
        if line is None or not sentence.startswith("quantity_"):
            return None
        spellings = {str(line.quantity), number_text(line.quantity), number_text(line.quantity, "de")}
        if any(re.search(rf"(?<![\d.,]){re.escape(one)}(?!\d|[.,]\d)", claim.text) for one in spellings):
            return None
        told = f"the price line of {line.name} has the quantity {line.quantity}"
        return Finding(claim_id=claim.id, support="unsupported", reasons=(told,))

    # -- price lines ---------------------------------------------------------------------------------------------

    def _line(self, line: PriceLine) -> Finding:
        offer = self._catalogue.offer(line.offer)
        if offer is None:
            return unsupported(line.id, [f"the catalogue has no offer {line.offer!r}"])
        reasons = []
        if line.unit_price != offer.unit_price:
            reasons.append(f"the catalogue says {offer.unit_price}")
        if line.name != offer.name:
            reasons.append(f"the catalogue calls it {offer.name!r}")
        if line.unit != offer.unit:
            reasons.append(f"the catalogue sells it per {offer.unit!r}")
        if self._proposal.currency != self._catalogue.currency:
            reasons.append(f"the catalogue's prices are in {self._catalogue.currency}")
        return unsupported(line.id, reasons) if reasons else Finding(claim_id=line.id, support="supported")

    # -- claims --------------------------------------------------------------------------------------------------

    def _claim(self, claim: Claim, *, heading: bool = False) -> Finding:
        facts = tuple(self._facts[fact_id] for fact_id in claim.fact_ids if fact_id in self._facts)
        offers = [offer for one in claim.catalogue_ids if (offer := self._catalogue.offer(one)) is not None]
        entity, seller = self._proposal.entity, self._catalogue.seller
        rest = Rest(
            own=(*self._customer, seller, entity.domain or "", entity.country or ""),
            facts=facts,
            offer_names=tuple(offer.name for offer in offers),
            offer_texts=tuple(text for offer in offers for text in self._offer_texts(offer)),
            total=self._total_text() if offers else "",
        )
        basis = Basis(
            claim=claim,
            heading=heading,
            language=self._proposal.language,
            valid_days=self._proposal.valid_days,
            customer=self._customer,
            ours=self._ours,
            rest=rest,
            bad_citations=() if heading else tuple(self._bad_citations(claim)),
            doubts=tuple(self._doubts(claim, facts)),
        )
        return judged(basis)

    def _bad_citations(self, claim: Claim) -> Iterator[str]:
        for fact_id in claim.fact_ids:
            fact = self._facts.get(fact_id)
            if fact is None:
                yield f"there is no fact {fact_id!r}"
            elif not fact.quote.strip():
                yield f"the fact {fact_id!r} quotes nothing"
            elif fact.source_id not in self._sources:
                yield f"the fact {fact_id!r} names a source that is not there"
            elif self._sources[fact.source_id].subject_match == "other":
                yield f"the source of the fact {fact_id!r} is about someone else"
        for offer_id in claim.catalogue_ids:
            if self._catalogue.offer(offer_id) is None:
                yield f"the catalogue has no offer {offer_id!r}"

    def _offer_texts(self, offer: Offer) -> Iterator[str]:
        currency = self._catalogue.currency
        yield offer.name
        yield offer.description
        yield from offer.languages.values()
        yield f"{offer.unit_price} {currency} per {offer.unit}"
        yield from (f"{offer.unit_price} {currency} je {unit}" for unit in offer.units.values())
        for line in self._proposal.lines:
            # Only at the catalogue's price: a lowered line must not lend its amount to a sentence.
            if line.offer == offer.id and line.unit_price == offer.unit_price:
                yield f"{line.quantity} {line.unit}"
                yield f"{line.amount} {currency}"

    def _total_text(self) -> str:
        honest = all(
            (offer := self._catalogue.offer(line.offer)) is not None and offer.unit_price == line.unit_price
            for line in self._proposal.lines
        )
        return f"{self._proposal.total} {self._catalogue.currency}" if honest else ""

    def _doubts(self, claim: Claim, facts: tuple[Fact, ...]) -> Iterator[str]:
        for fact in facts:
            against = sorted(self._against.get(fact.id, frozenset()) - set(claim.fact_ids))
            said = ", ".join(sorted({self._facts[one].value for one in against if one in self._facts}))
            if against:
                yield f"another source contradicts the fact {fact.id!r}{f': {said}' if said else ''}"
            source = self._sources.get(fact.source_id)
            if source and source.kind == "site" and source.subject_match == "unknown":
                yield f"the source of the fact {fact.id!r} may be about someone else"
