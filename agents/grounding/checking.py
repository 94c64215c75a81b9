"""One finding for every claim and every price line of a proposal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from agents.catalogue import Catalogue, Offer
from agents.documents import Claim, Fact, FactKey, Finding, PriceLine, Proposal, Source, contradictions
from agents.grounding.figures import Figure, Readings, plain, read, same_phone
from agents.grounding.names import Known, is_german, unknown_names
from agents.grounding.promises import asserts_of_customer, broken_rules, turned_round
from agents.texts import number_text

_FOUNDING = re.compile(
    r"\b(?:found(?:ed|ing|ation)|established|incorporated|since|dates? back|started in"
    r"|gegründet|gründung\w*|seit|besteht)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[“„\"»«]([^“”„\"»«]{3,})[”“\"«»]")
_NAMING = {FactKey.LOCATION, FactKey.CUSTOMER, FactKey.PARTNER, FactKey.CONTACT_PERSON, FactKey.PRODUCT}
_MEASURED_KEYS = {FactKey.EMPLOYEES: "people"}


class _Rest(NamedTuple):
    """What a claim rests on."""

    own: tuple[str, ...]
    facts: tuple[Fact, ...]
    offer_names: tuple[str, ...]
    offer_texts: tuple[str, ...]
    total: str


class _Basis(NamedTuple):
    """One claim and everything its finding depends on, and nothing else: equal ones have the same finding."""

    claim: Claim
    heading: bool
    language: str
    valid_days: int
    customer: tuple[str, ...]
    ours: tuple[str, ...]
    rest: _Rest
    bad_citations: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def size(self) -> int:
        """Characters in it, about."""
        return len(self.claim.text) + sum(len(fact.quote) + len(fact.value) for fact in self.rest.facts)


class _Evidence(NamedTuple):
    """What one claim rests on, read."""

    figures: tuple[Figure, ...]
    founding: frozenset[int]
    readings: tuple[Readings, ...]
    known: Known
    fact_text: str
    offer_text: str


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
            return _unsupported(line.id, [f"the catalogue has no offer {line.offer!r}"])
        reasons = []
        if line.unit_price != offer.unit_price:
            reasons.append(f"the catalogue says {offer.unit_price}")
        if line.name != offer.name:
            reasons.append(f"the catalogue calls it {offer.name!r}")
        if line.unit != offer.unit:
            reasons.append(f"the catalogue sells it per {offer.unit!r}")
        if self._proposal.currency != self._catalogue.currency:
            reasons.append(f"the catalogue's prices are in {self._catalogue.currency}")
        return _unsupported(line.id, reasons) if reasons else Finding(claim_id=line.id, support="supported")

    # -- claims --------------------------------------------------------------------------------------------------

    def _claim(self, claim: Claim, *, heading: bool = False) -> Finding:
        facts = tuple(self._facts[fact_id] for fact_id in claim.fact_ids if fact_id in self._facts)
        offers = [offer for one in claim.catalogue_ids if (offer := self._catalogue.offer(one)) is not None]
        entity, seller = self._proposal.entity, self._catalogue.seller
        rest = _Rest(
            own=(*self._customer, seller, entity.domain or "", entity.country or ""),
            facts=facts,
            offer_names=tuple(offer.name for offer in offers),
            offer_texts=tuple(text for offer in offers for text in self._offer_texts(offer)),
            total=self._total_text() if offers else "",
        )
        basis = _Basis(
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


# -- one claim, by itself ----------------------------------------------------------------------------------------


def judged(basis: _Basis) -> Finding:
    """The finding of one claim. An edit changes few claims, so those judged before are remembered, up to a bound."""
    if basis.size <= _REMEMBERED:
        return _judged(basis)
    return _judge(basis, _evidence(basis.rest))


def _judge(basis: _Basis, evidence: _Evidence) -> Finding:
    claim, heading = basis.claim, basis.heading
    reasons = list(basis.bad_citations)
    whole = plain(claim.text)
    # What is quoted word for word is said by the source: the customer's boasts are not ours.
    text = _unquoted(whole, evidence.fact_text)
    readings = read(text)
    german = is_german(text, basis.language)
    missing = [
        *_missing_figures(readings, evidence, basis.valid_days),
        *_missing_addresses(readings, evidence),
        *(f"the name “{name}” {_NOWHERE}" for name in unknown_names(readings.masked, evidence.known, german=german)),
        *broken_rules(text, facts=evidence.fact_text, offers=evidence.offer_text, ours=basis.ours),
    ]
    if readings.figures and not heading:
        missing += turned_round(text, evidence.fact_text)
    cited = bool(claim.fact_ids or claim.catalogue_ids)
    if missing and not cited:
        missing.append("the claim cites nothing")
    if not cited and not missing and asserts_of_customer(text, basis.customer):
        missing = ["the claim says something of the customer and cites nothing"]
    reasons += missing
    if reasons:
        return _unsupported(claim.id, reasons)
    if not cited:
        return Finding(claim_id=claim.id, support="not_applicable", reasons=("nothing in it can be looked up",))
    doubts = list(basis.doubts) + ([] if text != whole else list(_unrelated(readings, evidence)))
    return Finding(claim_id=claim.id, support="partly" if doubts else "supported", reasons=tuple(doubts))


_REMEMBERED = 20_000
"""Characters of a claim and what it cites, beyond which its finding is not remembered."""


@lru_cache(maxsize=2_048)
def _judged(basis: _Basis) -> Finding:
    return _judge(basis, _evidence_of(basis.rest))


def _evidence(rest: _Rest) -> _Evidence:
    readings: list[Readings] = []
    founding: set[int] = set()
    for fact in rest.facts:
        parts = [
            read(fact.value, measure=_MEASURED_KEYS.get(fact.key, ""), loose=True),
            read(fact.quote, loose=True),
        ]
        if fact.as_of:
            parts.append(read(fact.as_of, loose=True))
        if fact.key is FactKey.FOUNDED or _FOUNDING.search(fact.quote):
            founding |= {int(figure.amount) for part in parts[:2] for figure in part.figures}
        readings += parts
    readings += [read(text, loose=True) for text in rest.offer_texts]
    if rest.offer_names:
        readings.append(read(rest.total, loose=True))
    readings.append(read(" | ".join(rest.own), loose=True))
    names = (*rest.own, *rest.offer_names, *(fact.value for fact in rest.facts if fact.key in _NAMING))
    fact_text = plain("\n".join(f"{fact.value}\n{fact.quote}" for fact in rest.facts))
    offer_text = plain("\n".join(rest.offer_texts))
    return _Evidence(
        tuple(figure for part in readings for figure in part.figures),
        frozenset(founding),
        tuple(readings),
        Known((fact_text, offer_text), names),
        fact_text,
        offer_text,
    )


_evidence_of = lru_cache(maxsize=256)(_evidence)


def _missing_figures(readings: Readings, evidence: _Evidence, valid_days: int) -> Iterator[str]:
    for figure in readings.figures:
        # The days an offer stands are a field of the document, so a sentence may repeat them.
        if figure.measures == {"days"} and figure.amount == valid_days:
            continue
        alike = [one for one in evidence.figures if _comparable(figure, one)]
        if not alike:
            yield f"“{figure.written}” {_NOWHERE}"
            continue
        counted = frozenset[str]().union(*(one.measures for one in alike))
        if all(one.measures for one in alike) and figure.measures - counted:
            yield f"“{figure.written}” counts {' or '.join(sorted(counted))} where it comes from"
        elif _is_founding(figure, readings.masked) and int(figure.amount) not in evidence.founding:
            yield f"no cited fact says that it was founded in {figure.written}"


def _missing_addresses(readings: Readings, evidence: _Evidence) -> Iterator[str]:
    addresses = frozenset[str]().union(*(one.addresses for one in evidence.readings))
    phones = frozenset[str]().union(*(one.phones for one in evidence.readings))
    digits = [re.sub(r"\D", "", one.text) for one in evidence.readings]
    dates = frozenset[tuple[int, int, int]]().union(*(one.dates for one in evidence.readings))
    months = frozenset[int]().union(*(one.months for one in evidence.readings))
    years = {int(figure.amount) for one in evidence.readings for figure in one.figures if figure.kind == "number"}
    for decade in sorted(readings.decades):
        if not any(decade <= year < decade + 10 for year in years):
            yield f"“{decade}s” {_NOWHERE}"
    for address in sorted(readings.addresses - addresses):
        yield f"the address {address!r} {_NOWHERE}"
    for phone in sorted(readings.phones):
        if not any(same_phone(phone, one) for one in phones) and not any(phone in one for one in digits):
            yield f"the phone number {phone!r} {_NOWHERE}"
    for year, month, day in sorted(readings.dates - dates):
        if not any((one[:2] == (year, month) and day == 0) for one in dates):
            written = f"{year}-{month:02}-{day:02}" if day else f"{year}-{month:02}"
            if not _spelled(year, month, day, evidence):
                yield f"the date {written} {_NOWHERE}"
    for month in sorted(readings.months - months):
        yield f"the month {month} {_NOWHERE}"


_REASONS = 12
_NOWHERE = "does not stand in what the claim cites"


def _unsupported(claim_id: str, reasons: list[str]) -> Finding:
    distinct = list(dict.fromkeys(reasons))
    told = distinct[:_REASONS]
    if len(distinct) > _REASONS:
        told.append(f"and {len(distinct) - _REASONS} more")
    return Finding(claim_id=claim_id, support="unsupported", reasons=tuple(told))


def _comparable(figure: Figure, other: Figure) -> bool:
    if figure.amount != other.amount:
        return False
    if figure.kind == "number" and other.kind == "money":
        return not figure.measures
    return figure.kind == other.kind and figure.currency == other.currency


def _is_founding(figure: Figure, text: str) -> bool:
    if figure.kind != "number" or not 1500 <= figure.amount <= 2100 or figure.measures:
        return False
    return bool(_FOUNDING.search(text[max(0, figure.start - 30) : figure.start]))


def _spelled(year: int, month: int, day: int, evidence: _Evidence) -> bool:
    """Whether one source gives the date with the month as a word."""
    return any(
        month in one.months
        and any(figure.amount == year for figure in one.figures)
        and (not day or any(figure.amount == day for figure in one.figures))
        for one in evidence.readings
    )


def _unquoted(text: str, fact_text: str) -> str:
    """The text without what it quotes word for word from a cited fact."""
    flat = " ".join(fact_text.split()).casefold()
    return _QUOTED.sub(
        lambda match: " " if " ".join(match[1].rstrip("… ").split()).casefold() in flat else match[0], text
    )


def _unrelated(readings: Readings, evidence: _Evidence) -> Iterator[str]:
    """A claim without anything to look up must at least share a word with what it cites."""
    if readings.figures or readings.addresses or readings.phones:
        return
    claim_words = {word[:5] for word in re.findall(r"\w{4,}", readings.text.casefold())}
    cited = {word[:5] for word in re.findall(r"\w{4,}", f"{evidence.fact_text} {evidence.offer_text}".casefold())}
    if not claim_words & cited:
        yield "no word of the claim stands in what it cites"
