"""Holds the changes of a CRM update against the facts they name."""

from __future__ import annotations

from collections.abc import Iterator

from agents.changes import Change, Create, SetField
from agents.documents import CrmUpdate, Fact, Finding
from agents.fields import Fields, read_fields
from agents.grounding.standing import Library, LookedUp
from agents.planning import alike


def looked_up_update(update: CrmUpdate, library: Library, fields: Fields | None = None) -> LookedUp:
    """One finding, `changes.<index>`, for every ticked change that names facts: whether they say what it writes."""
    fields = fields or read_fields()
    findings, citations = [], []
    for index, change in enumerate(update.changes):
        if not change.apply or not change.fact_ids:
            continue
        place = f"changes.{index}"
        facts = [library.facts[one] for one in dict.fromkeys(change.fact_ids) if one in library.facts]
        missing = [f"there is no fact {one!r}" for one in change.fact_ids if one not in library.facts]
        unlike = [] if missing else list(_unlike(change, facts, fields))
        support = "unsupported" if unlike else "partly" if missing else "supported"
        told = Finding.model_validate({"claim_id": place, "support": support, "reasons": (*missing, *unlike)})
        findings.append(library.standing(told, change.fact_ids))
        citations += [library.citation(place, fact) for fact in facts]
    return LookedUp(tuple(findings), tuple(citations))


def _unlike(change: Change, facts: list[Fact], fields: Fields) -> Iterator[str]:
    """What the change writes and the facts it names do not say, as reasons."""
    if isinstance(change, SetField):
        if change.after and not any(_says(fact, change.after) for fact in facts):
            yield f"“{change.after}” does not stand in what the change names"
    elif isinstance(change, Create):
        for fact in facts:
            for field, rule in fields.of(change.object).items():
                written = change.fields.get(field) if rule.source == fact.key else None
                if written and not _says(fact, written):
                    name = field.replace("_", " ")
                    yield f"the {name} is “{written}”, and the fact {fact.id!r} says “{fact.value}”"


def _says(fact: Fact, written: str) -> bool:
    return alike(fact.value, written.removeprefix("mailto:")) or written.casefold() in fact.quote.casefold()
