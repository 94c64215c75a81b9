"""Sentences that a proposal may not say by itself: guarantees, refunds, certificates, rankings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

_DENIED = re.compile(
    r"\b(?:do|does|did|can|will|is|are)(?: not|n['’]t)(?: \w+){0,2} $|\bcannot(?: \w+)? $|\bnicht (?:\w+ )?$"
    r"|\bkeine?n? $|\bwithout $|\bohne $|\bne (?:\w+ )?$|\bno $|\bsans $|\bsin $",
    re.IGNORECASE,
)
_WE = re.compile(r"\b(?:we|our|ours|us|wir|unser\w*|uns|nous|notre|nos|nuestr[oa]s?|nosotros|somos)\b", re.IGNORECASE)
_DENIABLE = {"guarantee", "compliance"}


class _Rule(NamedTuple):
    id: str
    says: str
    catalogue_only: bool
    by_speaker: bool
    pattern: re.Pattern[str]


class _Rules(NamedTuple):
    rules: tuple[_Rule, ...]
    assertions: re.Pattern[str]
    up: re.Pattern[str]
    down: re.Pattern[str]
    moved: re.Pattern[str]


@cache
def _rules() -> _Rules:
    data = tomllib.loads(resources.files("agents.grounding").joinpath("promises.toml").read_text("utf-8"))
    rules = tuple(
        _Rule(
            rule["id"],
            rule["says"],
            rule["rests_on"] == "catalogue",
            bool(rule.get("speaker", False)),
            re.compile("|".join(rule["patterns"]), re.IGNORECASE),
        )
        for rule in data["rules"]
    )
    return _Rules(
        rules,
        re.compile("|".join(data["assertions"]["patterns"]), re.IGNORECASE),
        re.compile(data["directions"]["up"], re.IGNORECASE),
        re.compile(data["directions"]["down"], re.IGNORECASE),
        re.compile(data["directions"]["moved"], re.IGNORECASE),
    )


def broken_rules(text: str, *, facts: str, offers: str, ours: tuple[str, ...]) -> Iterator[str]:
    """What this sentence promises or praises that neither the cited facts nor the cited offers say, as reasons."""
    about_us = bool(_WE.search(text)) or any(name.casefold() in text.casefold() for name in ours if name)
    for rule in _rules().rules:
        # First the sentence: it is short, and most of them break no rule.
        if not rule.pattern.search(text):
            continue
        # What is true of the customer (they are certified) is not thereby true of the seller.
        evidence = offers if rule.catalogue_only or (rule.by_speaker and about_us) else f"{facts}\n{offers}"
        if rule.pattern.search(evidence):
            continue
        for match in rule.pattern.finditer(text):
            before = text[max(0, match.start() - 60) : match.start()]
            if rule.id not in _DENIABLE or not _DENIED.search(before):
                yield f"“{match[0].strip()}” {rule.says}"
                break


def turned_round(text: str, facts: str, *, compares: bool) -> Iterator[str]:
    """Whether the sentence says `fell` where the cited facts only say `grew`, or the other way round, as reasons.

    Where it says that something moved, a fact must say so, or give both figures that the sentence `compares`.
    """
    rules = _rules()
    for one, other in ((rules.up, rules.down), (rules.down, rules.up)):
        said = one.search(text)
        if said and not one.search(facts) and other.search(facts):
            yield f"“{said[0]}” is the opposite of what the cited facts say"
    moved = rules.moved.search(text)
    if moved and facts and not compares and not rules.up.search(facts) and not rules.down.search(facts):
        yield f"“{moved[0]}”: no cited fact says that anything moved"


def asserts_of_customer(text: str, names: tuple[str, ...]) -> bool:
    """Whether the sentence says something of the customer, as far as its first words tell; a question does not."""
    if text.rstrip(' "”“»«)').endswith("?"):
        return False
    if _rules().assertions.search(text):
        return True
    return any(re.match(rf"{re.escape(name)}(?:['’]s)?\s+[a-zß-ÿ]", text) for name in names if name)
