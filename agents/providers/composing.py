"""Puts a proposal together from facts, offers and wishes. Which sentence stands where; the words are templates'."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from agents.catalogue import Catalogue, Offer
from agents.documents import Brief, Claim, Fact, FactKey, PriceLine, Proposal, Section, contradictions
from agents.providers.fitting import Fit, Quantity, default_offer, fitting_offers, quantity_of, usable_facts
from agents.providers.wishes import Wish
from agents.texts import money_text, number_text

LANGUAGES = ("en", "de")
_LONGEST = 240
_LISTED = 4
_LISTS = {
    FactKey.PRODUCT: "product",
    FactKey.SERVICE: "service",
    FactKey.LOCATION: "location",
    FactKey.CUSTOMER: "customer",
    FactKey.PARTNER: "partner",
    FactKey.CERTIFICATION: "certification",
    FactKey.JOB: "job",
}
_ASKED_WHERE_MISSING = {
    FactKey.EMPLOYEES: "question_employees",
    FactKey.LOCATION: "question_location",
    FactKey.PRODUCT: "question_product",
    FactKey.CUSTOMER: "question_customer",
    FactKey.CONTACT_PERSON: "question_contact_person",
}
_NAMED_IN_QUESTIONS = {FactKey.FOUNDED, FactKey.EMPLOYEES, FactKey.ADDRESS, FactKey.REVENUE}
_LIMITS: tuple[dict[str, int], ...] = (
    {"opening": 9, "understood": 9, "fit": 3, "questions": 5},
    {"opening": 3, "understood": 2, "fit": 1, "questions": 2},
    {"opening": 2, "understood": 1, "fit": 0, "questions": 1},
    {"opening": 1, "understood": 0, "fit": 0, "questions": 0},
)
"""How many claims a section keeps, by how often a reviewer asked for less."""


class Say(Protocol):
    """Says a sentence by its template's name."""

    def __call__(self, language: str, sentence: str, **values: object) -> str: ...


class Composed(NamedTuple):
    """A proposal, and what was assumed on the way."""

    proposal: Proposal
    assumed: tuple[Offer, ...]
    nothing_fits: bool


def compose(brief: Brief, catalogue: Catalogue, wishes: tuple[Wish, ...], say: Say) -> Composed:
    """The proposal that these wishes make of this brief; the same input gives the same proposal."""
    return _Composer(brief, catalogue, wishes, say).compose()


class _Composer:
    def __init__(self, brief: Brief, catalogue: Catalogue, wishes: tuple[Wish, ...], say: Say) -> None:
        self._brief = brief
        self._catalogue = catalogue
        self._wishes = wishes
        self._say_in = say
        self._facts = usable_facts(brief)
        self._against = contradictions(self._facts)
        self._entity = clean(brief.entity.name)
        asked = [wish.value for wish in wishes if wish.kind == "language"]
        self._language = asked[-1] if asked else brief.language if brief.language in LANGUAGES else "en"
        tones = [wish.kind for wish in wishes if wish.kind in ("formal", "informal")]
        self._formal = bool(tones) and tones[-1] == "formal"
        shorter = sum(wish.kind == "shorter" for wish in wishes)
        self._limits = _LIMITS[min(shorter, len(_LIMITS) - 1)]
        self._fits = self._chosen()
        self._quantities = {fit.offer.id: self._quantity(fit.offer) for fit in self._fits}

    def compose(self) -> Composed:
        sections = {
            "opening": self._opening(),
            "understood": self._understood(),
            "offer": self._offer(),
            "fit": self._fit(),
            "questions": self._questions(),
            "next": self._next(),
        }
        built = [
            Section(key=key, title=self._heading(key), claims=tuple(self._limited(key, list(claims))))
            for key, claims in sections.items()
        ]
        proposal = Proposal(
            entity=self._brief.entity,
            title=self._say("title", entity=self._entity, offers=self._joined([fit.offer.name for fit in self._fits]))[
                :500
            ],
            language=self._language,
            sections=tuple(section for section in self._wished(built) if section.claims),
            lines=tuple(self._line(fit.offer) for fit in self._fits),
            currency=self._catalogue.currency,
            valid_days=self._catalogue.valid_days,
        )
        assumed = tuple(
            fit.offer
            for fit in self._fits
            if (quantity := self._quantities[fit.offer.id])
            and quantity.fact is None
            and not self._set_by_hand(fit.offer)
        )
        return Composed(proposal, assumed, not any(fit.fact for fit in self._fits))

    # -- offers --------------------------------------------------------------------------------------------------

    def _chosen(self) -> tuple[Fit, ...]:
        default = default_offer(self._catalogue)
        chosen = {fit.offer.id: fit for fit in fitting_offers(self._facts, self._catalogue)}
        chosen.setdefault(default.id, Fit(default, None))
        for wish in self._wishes:
            if wish.kind == "drop_offer":
                chosen.pop(wish.value, None)
            elif wish.kind == "add_offer" and (offer := self._catalogue.offer(wish.value)):
                chosen.setdefault(offer.id, Fit(offer, None))
        return tuple(sorted(chosen.values(), key=lambda fit: fit.offer.id == default.id))

    def _quantity(self, offer: Offer) -> Quantity | None:
        wished = self._set_by_hand(offer)
        return Quantity(wished, None) if wished else quantity_of(offer, self._facts)

    def _set_by_hand(self, offer: Offer) -> int:
        main = self._fits[0].offer.id if self._fits else ""
        numbers = [
            wish.number
            for wish in self._wishes
            if wish.kind == "quantity" and (wish.value or main) == offer.id and 1 <= wish.number <= 1_000_000
        ]
        return numbers[-1] if numbers else 0

    def _line(self, offer: Offer) -> PriceLine:
        quantity = self._quantities[offer.id]
        return PriceLine(
            id=f"line.{offer.id}",
            offer=offer.id,
            name=offer.name,
            quantity=quantity.number if quantity else 1,
            unit=offer.unit,
            unit_price=offer.unit_price,
        )

    # -- sections ------------------------------------------------------------------------------------------------

    def _opening(self) -> Iterator[Claim]:
        yield Claim(id="greeting", text=self._say("greeting", entity=self._entity, formal=self._formal))
        for fact in self._certain(FactKey.DESCRIPTION)[:1]:
            yield self._told("description", fact, entity=self._entity, value=self._value(fact))
        for fact in self._certain(FactKey.FOUNDED)[:1]:
            value = self._value(fact)
            is_year = re.fullmatch(r"1[5-9]\d\d|20\d\d", value) is not None
            yield self._told("founded", fact, entity=self._entity, value=value, is_year=is_year)
        for fact in self._certain(FactKey.EMPLOYEES)[:1]:
            value = self._value(fact)
            is_number = re.fullmatch(r"\d+(?:[., ]\d{3})*", value) is not None
            yield self._told("employees", fact, value=value, is_number=is_number)
        for fact in self._certain(FactKey.REVENUE)[:1]:
            yield self._told("revenue", fact, value=self._value(fact))

    def _understood(self) -> Iterator[Claim]:
        for key, sentence in _LISTS.items():
            facts = _distinct(self._certain(key))[:_LISTED]
            if facts:
                values = self._joined([self._value(fact) for fact in facts])
                yield Claim(
                    id=sentence, text=self._say(sentence, values=values), fact_ids=tuple(fact.id for fact in facts)
                )
        for fact in self._certain(FactKey.NEWS)[:2]:
            yield self._told("news", fact, value=self._value(fact))

    def _offer(self) -> Iterator[Claim]:
        if not self._fits:
            yield Claim(id="no_offer", text=self._say("no_offer"))
            return
        default = default_offer(self._catalogue)
        if [fit.offer for fit in self._fits] == [default]:
            yield self._offered("no_fit", default, name=default.name)
        for fit in self._fits:
            offer, quantity = fit.offer, self._quantities[fit.offer.id]
            yield self._offered("offer_what", offer, name=offer.name, description=offer.described(self._language))
            price = money_text(offer.unit_price, self._catalogue.currency, self._language)
            yield self._offered("offer_price", offer, name=offer.name, price=price, unit=offer.sold_per(self._language))
            if quantity is None:
                continue
            number = number_text(quantity.number, self._language)
            if quantity.fact:
                quote = _around(quantity.fact.quote, str(quantity.number))
                claim = self._offered("quantity_found", offer, name=offer.name, quantity=number, quote=quote)
                yield claim.model_copy(update={"fact_ids": (quantity.fact.id,)})
            else:
                sentence = "quantity_set" if self._set_by_hand(offer) else "quantity_assumed"
                yield self._offered(sentence, offer, name=offer.name, quantity=number)
        lines = [self._line(fit.offer) for fit in self._fits]
        total = sum((line.amount for line in lines), lines[0].amount - lines[0].amount)
        yield Claim(
            id="total",
            text=self._say("total", amount=money_text(total, self._catalogue.currency, self._language)),
            catalogue_ids=tuple(fit.offer.id for fit in self._fits),
        )

    def _fit(self) -> Iterator[Claim]:
        for fit in self._fits:
            if fit.fact is None:
                continue
            keyword = next((one for one in fit.offer.keywords if one.casefold() in fit.fact.quote.casefold()), "")
            claim = self._offered("fit", fit.offer, name=fit.offer.name, quote=_around(fit.fact.quote, keyword))
            yield claim.model_copy(update={"fact_ids": (fit.fact.id,)})

    def _questions(self) -> Iterator[Claim]:
        seen: set[str] = set()
        for fact in self._facts:
            against = [other for other in self._facts if other.id in self._against.get(fact.id, ())]
            if not against or fact.id in seen:
                continue
            group = [fact, *against]
            seen |= {one.id for one in group}
            what = self._say(f"what_{fact.key}" if fact.key in _NAMED_IN_QUESTIONS else "what_other")
            values = self._joined([self._value(one) for one in _distinct(group)])
            yield Claim(
                id=f"question_conflict.{fact.id}",
                text=self._say("question_conflict", what=what, values=values),
                fact_ids=tuple(one.id for one in group),
            )
        for fit in self._fits:
            quantity = self._quantities[fit.offer.id]
            if quantity and quantity.fact is None and not self._set_by_hand(fit.offer):
                unit = fit.offer.sold_per(self._language)
                yield self._offered("question_quantity", fit.offer, name=fit.offer.name, unit=unit)
        held = {fact.key for fact in self._facts}
        for key, sentence in _ASKED_WHERE_MISSING.items():
            if key not in held:
                yield Claim(id=sentence, text=self._say(sentence, entity=self._entity))
        yield Claim(id="question_goal", text=self._say("question_goal"))

    def _next(self) -> Iterator[Claim]:
        yield Claim(id="next_call", text=self._say("next_call", formal=self._formal))
        if self._fits:
            yield Claim(id="next_quantities", text=self._say("next_quantities"))
            yield Claim(id="next_valid", text=self._say("next_valid", days=self._catalogue.valid_days))

    # -- wishes --------------------------------------------------------------------------------------------------

    def _limited(self, key: str, claims: list[Claim]) -> list[Claim]:
        limit = self._limits.get(key)
        if limit is None:
            return claims
        kept = limit + (key == "opening")  # the greeting is not counted
        return claims[:kept]

    def _wished(self, sections: list[Section]) -> list[Section]:
        for wish in self._wishes:
            if wish.kind == "mention":
                sections = self._mentioning(sections, wish.value)
            elif wish.kind == "remove":
                sections = without(sections, wish.value)
            elif wish.kind == "drop_discount":
                sections = without(sections, "discount", "rabatt")
        return sections

    def _mentioning(self, sections: list[Section], words: str) -> list[Section]:
        if any(holds(claim.text, words) for section in sections for claim in section.claims):
            return sections
        fact = fact_saying(words, self._facts)
        if fact is None:
            return sections
        quote = _around(fact.quote if holds(fact.quote, words) else fact.value, words)
        claim = self._told("mention", fact, quote=quote)
        if any(one.id == claim.id for section in sections for one in section.claims):
            return sections
        return [
            section.model_copy(update={"claims": (*section.claims, claim)}) if section.key == "understood" else section
            for section in sections
        ]

    # -- words ---------------------------------------------------------------------------------------------------

    def _say(self, sentence: str, **values: object) -> str:
        return self._say_in(self._language, sentence, **values)

    def _heading(self, key: str) -> str:
        return self._say("heading_opening", entity=self._entity) if key == "opening" else self._say(f"heading_{key}")

    def _joined(self, values: list[str]) -> str:
        return self._say("joined", values=values)

    def _told(self, sentence: str, fact: Fact, **values: object) -> Claim:
        return Claim(id=f"{sentence}.{fact.id}", text=self._say(sentence, **values), fact_ids=(fact.id,))

    def _offered(self, sentence: str, offer: Offer, **values: object) -> Claim:
        return Claim(id=f"{sentence}.{offer.id}", text=self._say(sentence, **values), catalogue_ids=(offer.id,))

    def _certain(self, key: FactKey) -> list[Fact]:
        """The facts under this key that no other contradicts, the surest first."""
        facts = [fact for fact in self._facts if fact.key is key and fact.id not in self._against]
        return sorted(facts, key=lambda fact: -fact.confidence)

    @staticmethod
    def _value(fact: Fact) -> str:
        return shortened(clean(fact.value)).rstrip(".;,")


def clean(text: str) -> str:
    """One line without characters a reader would not see."""
    visible = (" " if unicodedata.category(one) == "Cc" else one for one in text if unicodedata.category(one) != "Cf")
    return " ".join("".join(visible).split()) or "–"


def shortened(text: str) -> str:
    """The text, cut at a word where it is long."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST].rsplit(' ', 1)[0]} …"


def _around(quote: str, word: str) -> str:
    """The part of a long quote in which the word stands."""
    text = clean(quote)
    if len(text) <= _LONGEST:
        return text
    place = text.casefold().find(word.casefold()) if word else 0
    start = max(0, min(place - _LONGEST // 2, len(text) - _LONGEST)) if place > 0 else 0
    if start:
        start = text.find(" ", start) + 1
    return shortened(text[start:])


def holds(text: str, words: str) -> bool:
    """Whether these words stand in the text, whatever their case."""
    return f" {_flat(words)} " in f" {_flat(text)} " if _flat(words) else False


def fact_saying(words: str, facts: tuple[Fact, ...]) -> Fact | None:
    """The fact that says this: the words themselves, or else every longer word of them in one fact."""
    for fact in facts:
        if holds(fact.value, words) or holds(fact.quote, words):
            return fact
    telling = [word for word in _flat(words).split() if len(word) >= 4 or word.isdigit()]
    for fact in facts:
        if telling and all(holds(f"{fact.value} {fact.quote}", word) for word in telling):
            return fact
    return None


def without(sections: list[Section], *phrases: str) -> list[Section]:
    """The sections without the one these words name, or else without the claims they stand in."""
    named = [
        section for section in sections if any(_flat(one) in (section.key, _flat(section.title)) for one in phrases)
    ]
    if named:
        return [section for section in sections if section not in named]
    return [
        section.model_copy(
            update={
                "claims": tuple(one for one in section.claims if not any(holds(one.text, word) for word in phrases))
            }
        )
        for section in sections
    ]


def _distinct(facts: list[Fact]) -> list[Fact]:
    seen: dict[str, Fact] = {}
    for fact in facts:
        seen.setdefault(_flat(fact.value), fact)
    return list(seen.values())


def _flat(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
