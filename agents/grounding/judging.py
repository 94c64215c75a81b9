"""The finding of one claim, from all that it rests on and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from agents.documents import Claim, Fact, FactKey, Finding
from agents.grounding.counting import counted_up
from agents.grounding.figures import MONTHS, Figure, Readings, plain, read, same_phone
from agents.grounding.names import Known, is_german, unknown_names
from agents.grounding.pricing import strange_prices
from agents.grounding.promises import asserts_of_customer, broken_rules, turned_round

_FOUNDING = re.compile(
    r"\b(?:found(?:ed|ing|ation)|established|incorporated|since|dates? back|started in"
    r"|gegründet|gründung\w*|seit|besteht|fondée?s?|fondation|créée?s?|création|depuis|existe"
    r"|fundad[ao]s?|fundación|cread[ao]s?|desde)\b",
    re.IGNORECASE,
)
_SINCE = re.compile(rf"\b(?:since|seit|depuis|desde)\s+(?:{MONTHS})\s+(?:de\s+)?$", re.IGNORECASE)
"""Something since a month of a year: that is hardly how a founding is told."""

_QUOTED = re.compile(r"[“„\"»«]([^“”„\"»«]{3,})[”“\"«»]")
_IN_LIST = re.compile(r"(?:,|\b(?:and|und|et|y|sowie))\s+([A-ZÄÖÜÉ][\w-]{2,})")
_NAMING = {FactKey.LOCATION, FactKey.CUSTOMER, FactKey.PARTNER, FactKey.CONTACT_PERSON, FactKey.PRODUCT}
_MEASURED_KEYS = {FactKey.EMPLOYEES: "people"}


class Rest(NamedTuple):
    """What a claim rests on."""

    own: tuple[str, ...]
    facts: tuple[Fact, ...]
    offer_names: tuple[str, ...]
    offer_texts: tuple[str, ...]
    total: str


class Basis(NamedTuple):
    """One claim and everything its finding depends on, and nothing else: equal ones have the same finding."""

    claim: Claim
    heading: bool
    language: str
    valid_days: int
    customer: tuple[str, ...]
    ours: tuple[str, ...]
    rest: Rest
    bad_citations: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def size(self) -> int:
        """Characters in it, about."""
        return len(self.claim.text) + sum(len(fact.quote) + len(fact.value) for fact in self.rest.facts)


class _Evidence(NamedTuple):
    """What one claim rests on, read."""

    figures: tuple[Figure, ...]
    offered: tuple[Figure, ...]
    founding: frozenset[int]
    readings: tuple[Readings, ...]
    known: Known
    fact_text: str
    offer_text: str


def judged(basis: Basis) -> Finding:
    """The finding of one claim. An edit changes few claims, so those judged before are remembered, up to a bound."""
    if basis.size <= _REMEMBERED:
        return _judged(basis)
    return _judge(basis, _evidence(basis.rest))


def _judge(basis: Basis, evidence: _Evidence) -> Finding:
    claim, heading = basis.claim, basis.heading
    reasons = list(basis.bad_citations)
    whole = plain(claim.text)
    # What is quoted word for word is said by the source: the customer's boasts are not ours.
    text = _unquoted(whole, evidence.fact_text)
    readings = read(text)
    german = is_german(text, basis.language)
    missing = [
        *_missing_figures(readings, evidence, basis),
        *_missing_addresses(readings, evidence),
        *(f"the name “{name}” {_NOWHERE}" for name in unknown_names(readings.masked, evidence.known, german=german)),
        *strange_prices(text, readings.figures, evidence.offered, basis.ours),
        *broken_rules(text, facts=evidence.fact_text, offers=evidence.offer_text, ours=basis.ours),
    ]
    if readings.figures and not heading:
        several = len({(one.kind, one.amount) for one in readings.figures if one.amount > _YEARS}) > 1
        missing += turned_round(text, evidence.fact_text, compares=several)
    cited = bool(claim.fact_ids or claim.catalogue_ids)
    if missing and not cited:
        missing.append("the claim cites nothing")
    if not cited and not missing and asserts_of_customer(text, basis.customer):
        missing = ["the claim says something of the customer and cites nothing"]
    reasons += missing
    if reasons:
        return unsupported(claim.id, reasons)
    if not cited:
        return Finding(claim_id=claim.id, support="not_applicable", reasons=("nothing in it can be looked up",))
    doubts = list(basis.doubts) + ([] if text != whole else list(_unrelated(readings, evidence)))
    return Finding(claim_id=claim.id, support="partly" if doubts else "supported", reasons=tuple(doubts))


_YEARS = 2_100
"""The greatest number that may be a year."""

_REMEMBERED = 20_000
"""Characters of a claim and what it cites, beyond which its finding is not remembered."""


@lru_cache(maxsize=2_048)
def _judged(basis: Basis) -> Finding:
    return _judge(basis, _evidence_of(basis.rest))


def _evidence(rest: Rest) -> _Evidence:
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
    offers = [read(text, loose=True) for text in rest.offer_texts]
    if rest.offer_names:
        offers.append(read(rest.total, loose=True))
    readings += offers
    readings.append(read(" | ".join(rest.own), loose=True))
    named = [fact for fact in rest.facts if fact.key in _NAMING]
    listed = (name for fact in named for name in _IN_LIST.findall(fact.quote))
    names = (*rest.own, *rest.offer_names, *(fact.value for fact in named), *listed)
    fact_text = plain("\n".join(f"{fact.value}\n{fact.quote}" for fact in rest.facts))
    offer_text = plain("\n".join(rest.offer_texts))
    return _Evidence(
        tuple(figure for part in readings for figure in part.figures),
        tuple(figure for part in offers for figure in part.figures),
        frozenset(founding),
        tuple(readings),
        Known((fact_text, offer_text), names),
        fact_text,
        offer_text,
    )


_evidence_of = lru_cache(maxsize=256)(_evidence)


def _missing_figures(readings: Readings, evidence: _Evidence, basis: Basis) -> Iterator[str]:
    rest = basis.rest
    for figure in readings.figures:
        # The days an offer stands are a field of the document, so a sentence may repeat them.
        if figure.measures == {"days"} and figure.amount == basis.valid_days:
            continue
        alike = [one for one in evidence.figures if _comparable(figure, one)]
        if not alike and counted_up(figure, readings.text, rest.facts, len(rest.offer_names)):
            continue
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


def unsupported(claim_id: str, reasons: list[str]) -> Finding:
    """A finding that nothing supports the claim, for these reasons."""
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
    before = text[max(0, figure.start - 30) : figure.start]
    return bool(_FOUNDING.search(before)) and not _SINCE.search(before)


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
