"""From what a model wrote to a proposal: the JSON in it found, each field checked, prices taken from the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.documents import Brief, Claim, Flag, PriceLine, Proposal, Section
from agents.ports import DraftingTask
from agents.providers.composing import clean
from agents.providers.fitting import quantity_of, usable_facts

_THOUGHT = re.compile(r"^\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"^.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_MOST_STARTS = 40
_MOST_CLAIMS = 60

Sentence = Annotated[str, Field(min_length=1, max_length=1_200)]
Ids = Annotated[tuple[str, ...], Field(max_length=40)]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class WrittenClaim(_Written):
    """One sentence, and what the model says it rests on."""

    text: Sentence
    facts: Ids
    offers: Ids


class WrittenSection(_Written):
    """A heading and its sentences."""

    title: Annotated[str, Field(min_length=1, max_length=300)]
    claims: Annotated[tuple[WrittenClaim, ...], Field(min_length=1, max_length=30)]


class WrittenLine(_Written):
    """An offer and its quantity."""

    offer: str
    quantity: int = Field(ge=1, le=1_000_000)


class WrittenProposal(_Written):
    """A proposal as a model writes it: without prices, which are not its to set."""

    title: Annotated[str, Field(min_length=1, max_length=300)]
    language: str = Field(pattern=r"^[a-z]{2}$")
    sections: Annotated[tuple[WrittenSection, ...], Field(min_length=1, max_length=12)]
    offers: Annotated[tuple[WrittenLine, ...], Field(max_length=40)]


class Reading(NamedTuple):
    """What came of an answer: the proposal, or what is wrong with it in sentences for the model."""

    proposal: Proposal | None
    problems: tuple[str, ...] = ()


def reading_of(text: str, task: DraftingTask, *, cut: bool = False) -> Reading:
    """The proposal in a model's answer, if it holds one that only cites what there is."""
    found = _object_in(text)
    if found is None:
        why = "it was cut off; write less" if cut else "there is no JSON object in it"
        return Reading(None, (why,))
    try:
        written = WrittenProposal.model_validate(found)
    except ValidationError as error:
        return Reading(None, tuple(_problem(dict(one)) for one in error.errors()[:8]))
    problems = tuple(dict.fromkeys(_problems(written, task)))[:12]
    return Reading(None, problems) if problems else Reading(_proposal(written, task))


def quantity_flags(proposal: Proposal, task: DraftingTask) -> Iterator[Flag]:
    """A flag for every quantity that no fact gives and no reviewer asked for."""
    facts = usable_facts(task.brief)
    asked = {re.sub(r"\D", "", number) for words in task.feedback for number in re.findall(r"\d[\d.,' ]*", words)}
    before = {line.offer: line.quantity for line in task.previous.lines} if task.previous else {}
    for line in proposal.lines:
        offer = task.catalogue.offer(line.offer)
        given = quantity_of(offer, facts) if offer else None
        if line.quantity in (before.get(line.offer), given.number if given else 1) or str(line.quantity) in asked:
            if given and given.fact is None and line.quantity == 1:
                yield Flag(
                    code="quantity_assumed",
                    message=f"No source says how many ({line.unit}): {line.name} is planned with a quantity of 1.",
                    severity="info",
                )
            continue
        yield Flag(
            code="quantity_assumed",
            message=f"No source says how many ({line.unit}): the quantity {line.quantity:,} of {line.name} is the "
            "model's own.",
        )


# -- finding it --------------------------------------------------------------------------------------------------


def _object_in(text: str) -> dict[str, Any] | None:
    """The first JSON object that has sections, else the first at all, after what the model thought aloud."""
    bare = text
    while (stripped := _THOUGHT.sub("", bare, count=1)) != bare:
        bare = stripped
    if (ended := _THOUGHT_END.match(bare)) and "{" in bare[ended.end() :]:
        bare = bare[ended.end() :]
    decoder = json.JSONDecoder()
    first: dict[str, Any] | None = None
    for number, match in enumerate(re.finditer(r"\{", bare)):
        if number >= _MOST_STARTS:
            break
        try:
            value, _ = decoder.raw_decode(bare, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "sections" in value:
            return value
        first = first if first is not None or not isinstance(value, dict) else value
    return first


# -- checking it -------------------------------------------------------------------------------------------------


def _problem(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the object"
    return f"{where}: {error['msg']}"


def _problems(written: WrittenProposal, task: DraftingTask) -> Iterator[str]:
    facts = {fact.id for fact in usable_facts(task.brief)}
    offers = {offer.id for offer in task.catalogue.offers}
    if sum(len(section.claims) for section in written.sections) > _MOST_CLAIMS:
        yield f"there are more than {_MOST_CLAIMS} claims; write fewer"
    for number, section in enumerate(written.sections):
        for place, claim in enumerate(section.claims):
            where = f"sections.{number}.claims.{place}"
            yield from (f"{where}.facts: there is no fact {one!r}" for one in claim.facts if one not in facts)
            yield from (f"{where}.offers: there is no offer {one!r}" for one in claim.offers if one not in offers)
            if clean(claim.text) == "–":
                yield f"{where}.text: there is nothing to read in it"
    named = [line.offer for line in written.offers]
    for one in dict.fromkeys(named):
        if one not in offers:
            yield f"offers: there is no offer {one!r}; there are {', '.join(sorted(offers))}"
        elif named.count(one) > 1:
            yield f"offers: {one!r} stands there more than once"


# -- building it -------------------------------------------------------------------------------------------------


def _proposal(written: WrittenProposal, task: DraftingTask) -> Proposal:
    brief: Brief = task.brief
    return Proposal(
        entity=brief.entity,
        title=clean(written.title),
        language=written.language,
        sections=tuple(
            Section(
                key=f"s{number}",
                title=clean(section.title),
                claims=tuple(
                    Claim(
                        id=f"s{number}.c{place}",
                        text=clean(claim.text),
                        fact_ids=tuple(dict.fromkeys(claim.facts)),
                        catalogue_ids=tuple(dict.fromkeys(claim.offers)),
                    )
                    for place, claim in enumerate(section.claims, 1)
                ),
            )
            for number, section in enumerate(written.sections, 1)
        ),
        lines=tuple(_line(line, task) for line in written.offers),
        currency=task.catalogue.currency,
        valid_days=task.catalogue.valid_days,
    )


def _line(line: WrittenLine, task: DraftingTask) -> PriceLine:
    offer = next(one for one in task.catalogue.offers if one.id == line.offer)
    return PriceLine(
        id=f"line.{offer.id}",
        offer=offer.id,
        name=offer.name,
        quantity=line.quantity,
        unit=offer.unit,
        unit_price=offer.unit_price,
    )
