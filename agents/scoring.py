"""The lead score: what a brief is worth against the ideal customer, each point with the facts it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agents.documents import Brief, Fact, FactKey, ScorePoint, contradictions
from agents.profile import Profile, Rule

_NUMBER = re.compile(r"\d{1,3}(?:[.,' \u00a0]\d{3})+|\d+")
_WHERE = (FactKey.ADDRESS, FactKey.LOCATION, FactKey.LEGAL_NAME, FactKey.PHONE)
_LEAST_CONFIDENCE = 0.5


def scored(brief: Brief, profile: Profile) -> Brief:
    """The brief with one point for every rule of the profile, those included that nothing bears out.

    What a source contradicts, or is less sure than not, gives no point.
    """
    against = contradictions(brief.facts)
    theirs = {source.id for source in brief.sources if source.subject_match == "match"}
    sure = [
        fact
        for fact in brief.facts
        if fact.source_id in theirs and fact.confidence >= _LEAST_CONFIDENCE and fact.id not in against
    ]
    return brief.model_copy(update={"score": tuple(_point(rule, brief, sure) for rule in profile.rules)})


def _point(rule: Rule, brief: Brief, facts: Iterable[Fact]) -> ScorePoint:
    if rule.countries:
        fits = brief.entity.country in rule.countries
        bearing = [fact.id for fact in facts if fact.key in _WHERE][:3] if fits else []
    else:
        bearing = [fact.id for fact in facts if fact.key in rule.facts and _bears(rule, fact)]
        fits = bool(bearing)
    return ScorePoint(
        rule=rule.id, says=rule.says, points=rule.points if fits else 0, out_of=rule.points, fact_ids=tuple(bearing)
    )


def _bears(rule: Rule, fact: Fact) -> bool:
    if rule.words and not any(_occurs(word, f"{fact.value}\n{fact.quote}") for word in rule.words):
        return False
    if rule.at_least is None and rule.at_most is None:
        return True
    numbers = [int(re.sub(r"\D", "", written)) for written in _NUMBER.findall(fact.value)[:2]]
    # Of a range such as `50-100` both ends must fit; a value without a number fits nowhere.
    return bool(numbers) and all(
        (rule.at_least is None or number >= rule.at_least) and (rule.at_most is None or number <= rule.at_most)
        for number in numbers
    )


def _occurs(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?:e?[sn]|en|in|innen)?(?!\w)", text, re.IGNORECASE) is not None
