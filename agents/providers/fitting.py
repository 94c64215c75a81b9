"""Which offers fit a brief, and in what quantity: by the catalogue's words and the numbers that sources give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agents.catalogue import Catalogue, Offer
from agents.documents import Brief, Fact, FactKey, contradictions

_TELLING = (
    FactKey.DESCRIPTION,
    FactKey.SERVICE,
    FactKey.PRODUCT,
    FactKey.NEWS,
    FactKey.JOB,
    FactKey.EMPLOYEES,
    FactKey.LOCATION,
    FactKey.NAME,
    FactKey.LEGAL_NAME,
)
"""What a company says of itself; its customers' trade says nothing of its own."""

_COUNTED = {
    "vehicle": r"vehicles?|trucks?|lorr(?:y|ies)|vans?|fahrzeugen?|lkws?|lastwagen|transporter",
    "machine": r"machines?|production lines?|maschinen?|anlagen|fertigungslinien?",
    "seat": r"seats?|agents|arbeitsplätzen?",
    "site": r"sites?|depots?|locations?|standorten?|niederlassungen",
    "employee": r"employees|people|staff|mitarbeiter\w*|beschäftigten?|mitarbeitenden?",
    "user": r"users?|nutzer\w*",
}


_NUMBER = r"\d{1,3}(?:[.,' ]\d{3})+|\d{1,6}"


class Fit(NamedTuple):
    """An offer, and the fact whose words it fits (None for the offer that always goes along)."""

    offer: Offer
    fact: Fact | None


class Quantity(NamedTuple):
    """How many, and the fact that says so (None where nobody says)."""

    number: int
    fact: Fact | None


def usable_facts(brief: Brief) -> tuple[Fact, ...]:
    """The facts a draft may use: from pages about this company, and surer than not."""
    theirs = {
        source.id
        for source in brief.sources
        if source.subject_match == "match" or (source.subject_match == "unknown" and source.kind != "site")
    }
    return tuple(fact for fact in brief.facts if fact.source_id in theirs and fact.confidence >= 0.5)


def default_offer(catalogue: Catalogue) -> Offer:
    """The offer that fits everyone: the first one without keywords, else the least expensive."""
    without = [offer for offer in catalogue.offers if not offer.keywords]
    return without[0] if without else min(catalogue.offers, key=lambda offer: offer.unit_price)


def fitting_offers(facts: tuple[Fact, ...], catalogue: Catalogue) -> tuple[Fit, ...]:
    """Offers whose keywords occur in what the company says of itself, the best match first.

    An offer that shares far fewer words than the best one is left out: `service` alone fits everybody.
    """
    scored: list[tuple[int, int, Fit]] = []
    for place, offer in enumerate(catalogue.offers):
        hits: set[str] = set()
        telling: tuple[int, Fact | None] = (0, None)
        for fact in sorted((fact for fact in facts if fact.key in _TELLING), key=lambda one: _TELLING.index(one.key)):
            here = {keyword for keyword in offer.keywords if occurs(keyword, f"{fact.value}\n{fact.quote}")}
            hits |= here
            if len(here) > telling[0]:
                telling = (len(here), fact)
        if telling[1] is not None:
            scored.append((-len(hits), place, Fit(offer, telling[1])))
    scored.sort(key=lambda entry: entry[:2])
    best = -scored[0][0] if scored else 0
    return tuple(fit for score, _, fit in scored if -score * 3 > best * 2)


def occurs(keyword: str, text: str) -> bool:
    """Whether the word stands in the text, also as the head of a compound (`Spedition` in `Speditionsflotte`)."""
    ending = r"\w*" if len(keyword) >= 6 else r"(?:e?s|en?)?\b"
    return re.search(rf"\b{re.escape(keyword)}{ending}", text, re.IGNORECASE) is not None


_DENIED = re.compile(
    r"\b(?:no|not|never|without|formerly|once|used to|kein\w*|nicht|ohne|früher|einst)\b[^.;:!?]*$", re.IGNORECASE
)
_LONG_AGO = re.compile(r"[^.;:!?,]{0,30}?\b(?:in|by|until|im jahr|bis)\s+(?:19|20)\d\d\b", re.IGNORECASE)
"""What makes of a count a count of the past, or of what is not."""


def quantity_of(offer: Offer, facts: tuple[Fact, ...]) -> Quantity | None:
    """How many of the offer's unit a fact names; None where the unit is nothing that can be counted in a text."""
    noun = offer.unit.split()[0].lower()
    if noun not in _COUNTED:
        return None
    against = contradictions(facts)
    for fact in facts:
        if fact.id in against:
            continue
        numbers = set(_numbers_of(noun, fact))
        if len(numbers) > 1:
            return Quantity(1, None)  # "not 20 but 7": which of them holds is for a person to ask
        for number in numbers:
            return Quantity(number, fact)
    return Quantity(1, None)


def _numbers_of(noun: str, fact: Fact) -> Iterator[int]:
    number_then_noun = rf"({_NUMBER})(?![.,]?\d)\s+(?:[^\W\d]\w*\s+){{0,2}}?(?:{_COUNTED[noun]})\b"
    pattern = re.compile(rf"(?<![\w.,]){number_then_noun}", re.IGNORECASE)
    for text in (fact.value, fact.quote):
        for match in pattern.finditer(text):
            number = int(re.sub(r"\D", "", match[1]))
            before = text[: match.start()]
            if 1900 <= number < 2100 and re.search(r"\b(?:in|since|seit|until|bis|by)\s*$", before, re.IGNORECASE):
                continue  # a year, as in “since 2019 trucks have …”
            if _DENIED.search(before) or _LONG_AGO.match(text[match.end() :]):
                continue
            if 1 <= number <= 1_000_000 and not re.match(r"\s+(?:and|und)\b", text[match.end(1) :]):
                yield number
    if noun == "employee" and fact.key is FactKey.EMPLOYEES:
        bare = re.fullmatch(r"\d{1,3}(?:[.,' ]\d{3})*|\d+", fact.value.strip())
        if bare:
            yield int(re.sub(r"\D", "", bare[0]))
