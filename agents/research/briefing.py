"""From candidates to facts: placeholders dropped, the same thing said twice told once, contradictions side by side."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

from agents.documents import Brief, EntityRef, Fact, FactKey, Flag, Source
from agents.research.candidates import Candidate, folded
from agents.research.contacts import host_of
from agents.research.identity import similar
from agents.research.naming import without_form
from agents.research.pages import ReadPage
from agents.research.placeholders import is_placeholder
from agents.research.targets import is_home

_ORDER = {key: number for number, key in enumerate(FactKey)}
_SINGLE = (FactKey.FOUNDED, FactKey.EMPLOYEES, FactKey.REVENUE)
_CAPS = {
    FactKey.NAME: 3,
    FactKey.LEGAL_NAME: 3,
    FactKey.DESCRIPTION: 6,
    FactKey.ADDRESS: 12,
    FactKey.WEBSITE: 3,
    FactKey.SOCIAL: 12,
    FactKey.FOUNDED: 5,
    FactKey.EMPLOYEES: 5,
    FactKey.REVENUE: 5,
}
_CAP = 40
_EXPECTED = (FactKey.DESCRIPTION, FactKey.ADDRESS, FactKey.PHONE, FactKey.EMAIL, FactKey.FOUNDED, FactKey.EMPLOYEES,
    FactKey.REVENUE, FactKey.PRODUCT, FactKey.SERVICE, FactKey.CUSTOMER, FactKey.PARTNER, FactKey.CERTIFICATION,
    FactKey.LOCATION, FactKey.JOB, FactKey.NEWS, FactKey.CONTACT_PERSON)  # fmt: skip
_QUESTIONS = {
    FactKey.DESCRIPTION: "What does {name} do, in its own words?",
    FactKey.FOUNDED: "When was {name} founded?",
    FactKey.EMPLOYEES: "How many people work at {name}?",
    FactKey.REVENUE: "What is the revenue of {name}, and in which year?",
    FactKey.CUSTOMER: "Which customers does {name} serve?",
    FactKey.CONTACT_PERSON: "Who decides at {name}?",
    FactKey.ADDRESS: "Where is {name} located?",
    FactKey.PRODUCT: "Which products or services does {name} sell?",
}


@dataclass(frozen=True, slots=True)
class Sourced:
    """A candidate and the page it came from."""

    candidate: Candidate
    source: Source
    page: ReadPage
    order: int

    @property
    def quote(self) -> str:
        """The words at its place."""
        return self.page.part(self.candidate.part)[self.candidate.start : self.candidate.end]


def brief(entity: EntityRef, sources: tuple[Source, ...], found: list[Sourced]) -> tuple[Brief, list[Flag]]:
    """The brief of these findings, and flags for what contradicts itself."""
    kept = _without_repetition([one for one in found if _usable(one)])
    kept.sort(key=lambda one: (_ORDER[one.candidate.key], _rank(one), one.order))
    facts: list[Fact] = []
    counts: Counter[FactKey] = Counter()
    for one in kept:
        key = one.candidate.key
        counts[key] += 1
        if counts[key] <= _CAPS.get(key, _CAP):
            facts.append(_fact(one, f"f{len(facts) + 1}"))
    facts, flags = _side_by_side(facts)
    present = {fact.key for fact in facts}
    missing = tuple(key for key in _EXPECTED if key not in present)
    if not any(source.subject_match == "match" for source in sources):
        missing = tuple(key for key in FactKey if key not in present)
    questions = [
        words.format(name=entity.name)
        for key, words in _QUESTIONS.items()
        if key in missing and not (key is FactKey.PRODUCT and FactKey.SERVICE in present)
    ]
    questions += [
        _which(facts, key) for key in _SINGLE if any(fact.key is key and fact.conflicts_with for fact in facts)
    ]
    languages = Counter(source.language for source in sources if source.language and source.subject_match == "match")
    return (
        Brief(
            entity=entity, language=languages.most_common(1)[0][0] if languages else "en", sources=sources,
                facts=tuple(facts),
            open_questions=tuple(questions), not_found=missing,
        ),
        flags,
    )  # fmt: skip


def _rank(one: Sourced) -> float:
    """Descriptions come surest first, those of the home page before others; everything else as it was found."""
    if one.candidate.key is not FactKey.DESCRIPTION:
        return 0.0
    return -round(one.candidate.confidence + (0.1 if is_home(one.source.address) else 0.0), 2)


def _usable(one: Sourced) -> bool:
    candidate = one.candidate
    quote = one.quote
    if not quote.strip() or not candidate.value.strip() or is_placeholder(candidate.key, candidate.value):
        return False
    if re.search(r"\{\{|\}\}|\{%", quote) or "\x00" in quote or "\ufffd" in candidate.value:
        return False
    if candidate.key in (FactKey.EMPLOYEES,) and (
        int(re.sub(r"\D", "", candidate.value)[:9] or 0) == 1 and not re.search(r"[A-Za-z]{4}", candidate.value)
    ):
        return False
    return not (candidate.key is FactKey.FOUNDED and int(candidate.value[:4]) > one.source.fetched_at.year)


def sameness(candidate: Candidate) -> str:
    """What two candidates share when they say the same thing."""
    key, value = candidate.key, candidate.value
    if key is FactKey.PHONE:
        return re.sub(r"\D", "", value.replace("(0)", ""))[-8:]
    if key is FactKey.EMAIL:
        return value.lower()
    if key is FactKey.JOB:
        return folded(re.sub(r"(?i)\([mwdfhx/ ]+\)|\b(?:h/f|f/h|m/w/d|w/m/d)\b", "", value))
    if key is FactKey.WEBSITE:
        return host_of(value)
    if key is FactKey.SOCIAL:
        return re.sub(r"^https?:", "", value.lower()).replace("www.", "").rstrip("/")
    if key is FactKey.NAME:
        return folded(without_form(value))
    if key is FactKey.EMPLOYEES:
        return re.sub(r"[.,'’\s](?=\d{3}\b)", "", value).strip("+ ").split()[-1].lower()
    if key is FactKey.NEWS:
        return folded(value)[:50]
    if key is FactKey.ADDRESS:
        street = re.match(r"[^,\d]{3,60}\d{1,5}\w?|\d{1,6}\w?[\s,]+[^,]{3,40}", value)
        return folded(street[0] if street else value)[:28].replace("strasse", "str").replace("street", "st")
    if key is FactKey.CERTIFICATION:
        return re.sub(
            r"iec|din|en(?=iso)|bs(?=en|iso)|certified|certification|zertifiziert|(?<=\d)(?:19|20)\d\d$",
            "",
            folded(value),
        ) or folded(value)
    return folded(value)


def _without_repetition(found: list[Sourced]) -> list[Sourced]:
    best: dict[tuple[FactKey, str], Sourced] = {}
    for one in found:
        identity = (one.candidate.key, sameness(one.candidate))
        if not identity[1]:
            continue
        known = best.get(identity)
        if known is None:
            best[identity] = one
        elif _better(one, known):
            best[identity] = replace(one, order=known.order)
    kept = list(best.values())
    kept = _one_of_nested(kept, FactKey.DESCRIPTION, FactKey.NEWS, FactKey.ADDRESS)
    names = {
        folded(without_form(one.candidate.value))
        for one in kept
        if one.candidate.key in (FactKey.NAME, FactKey.LEGAL_NAME)
    }
    titles = {
        folded(one.candidate.value)
        for one in kept
        if one.candidate.key in (FactKey.CERTIFICATION, FactKey.JOB, FactKey.NEWS)
    }
    return [
        one for one in _confident(kept)
        if not (one.candidate.key in (FactKey.PRODUCT, FactKey.SERVICE, FactKey.CUSTOMER, FactKey.PARTNER,
            FactKey.LOCATION, FactKey.CONTACT_PERSON) and folded(one.candidate.value) in names | titles)
    ]  # fmt: skip


def _better(one: Sourced, other: Sourced) -> bool:
    """The surer one wins; of two about as sure, the one in the visible text, then the longer, then the earlier."""
    gap = one.candidate.confidence - other.candidate.confidence
    if (
        one.candidate.key is FactKey.ADDRESS
        and abs(gap) < 0.2
        and len(one.candidate.value) != len(other.candidate.value)
    ):
        if one.candidate.part != other.candidate.part:
            shown = one if one.candidate.part == "text" else other
            whole = re.search(r"\d{4}|[A-Z]{1,2}\d", shown.candidate.value.split(",", 1)[-1]) is not None
            return (one is shown) == whole
        return len(one.candidate.value) > len(other.candidate.value)
    if abs(gap) > 0.12:
        return gap > 0
    if one.candidate.part != other.candidate.part:
        return one.candidate.part == "text"
    if one.candidate.key in (FactKey.PHONE, FactKey.NAME, FactKey.EMAIL) or abs(gap) > 0.001:
        return gap > 0.001
    return one.candidate.as_of is not None and other.candidate.as_of is None


def _one_of_nested(found: list[Sourced], *keys: FactKey) -> list[Sourced]:
    """Of texts that contain each other, the surer or longer one."""
    dropped: set[int] = set()
    for key in keys:
        group = [(folded(one.candidate.value), one) for one in found if one.candidate.key is key]
        for text, one in group[:200]:
            for other_text, other in group[:200]:
                if one is not other and len(text) < len(other_text) and text in other_text and id(other) not in dropped:
                    dropped.add(id(one))
                    break
    return [one for one in found if id(one) not in dropped]


def _confident(found: list[Sourced]) -> list[Sourced]:
    """Where one thing can only have one value, a weak hint does not stand beside a clear statement."""
    best: dict[FactKey, float] = defaultdict(float)
    for one in found:
        best[one.candidate.key] = max(best[one.candidate.key], one.candidate.confidence)
    if best[FactKey.NAME] >= 0.5:
        found = [one for one in found if one.candidate.key is not FactKey.NAME or one.candidate.confidence >= 0.5]
    if best[FactKey.DESCRIPTION] >= 0.55:
        found = [
            one for one in found if one.candidate.key is not FactKey.DESCRIPTION or one.candidate.confidence >= 0.55
        ]
    return [
        one
        for one in found
        if one.candidate.key not in _SINGLE or one.candidate.confidence >= best[one.candidate.key] - 0.12
    ]


def _fact(one: Sourced, identity: str) -> Fact:
    candidate = one.candidate
    return Fact(
        id=identity, key=candidate.key, value=candidate.value.strip(), quote=one.quote, source_id=one.source.id,
            part=candidate.part,
        start=candidate.start, end=candidate.end, method=candidate.method, confidence=round(candidate.confidence, 2),
            as_of=candidate.as_of,
    )  # fmt: skip


def _side_by_side(facts: list[Fact]) -> tuple[list[Fact], list[Flag]]:
    flags: list[Flag] = []
    against: dict[str, tuple[str, ...]] = {}
    for key in (*_SINGLE, FactKey.LEGAL_NAME):
        group = [fact for fact in facts if fact.key is key]
        for fact in group:
            others = tuple(other.id for other in group if other is not fact and _contradict(fact, other))
            if others:
                against[fact.id] = others
        said = [fact for fact in group if fact.id in against]
        if said:
            values = ", ".join(f"{fact.value} (“{_short(fact.quote)}”, {fact.source_id})" for fact in said)
            code, noun = (
                ("contradictory_founding", "founding years")
                if key is FactKey.FOUNDED
                else ("conflicting_facts", key.value.replace("_", " "))
            )
            flags.append(
                Flag(
                    code=code,
                    message=f"The sources contradict each other on {noun}: {values}. None was chosen.",
                    severity="high" if key is FactKey.FOUNDED else "warning",
                )
            )
    return [
        fact.model_copy(update={"conflicts_with": against[fact.id]}) if fact.id in against else fact for fact in facts
    ], flags


def _contradict(one: Fact, other: Fact) -> bool:
    if one.key is FactKey.EMPLOYEES:
        first, second = _range(one.value), _range(other.value)
        return first[1] < second[0] or second[1] < first[0]
    if one.key is FactKey.REVENUE:
        return one.as_of == other.as_of and _range(one.value) != _range(other.value)
    if one.key is FactKey.LEGAL_NAME:
        return (
            not similar(one.value, other.value)
            and one.source_id == other.source_id
            and min(one.confidence, other.confidence) >= 0.9
        )
    return one.value != other.value


def _range(value: str) -> tuple[float, float]:
    plain = re.sub(r"(?<=\d)[.,'’ \u00a0](?=\d{3}\b)", "", value)
    numbers = [float(number.replace(",", ".")) for number in re.findall(r"\d+(?:[.,]\d+)?", plain)]
    if not numbers:
        return (0.0, float("inf"))
    low, high = min(numbers), max(numbers)
    if re.search(r"\+|more|over|mehr|über|plus|más|least|mindestens|>", value):
        return (low, low * 1.5)
    if re.search(
        r"about|around|approx|rund|etwa|ca|circa|knapp|gut|fast|nearly|almost|environ|près|unos"
        r"|cerca|~|≈|under|some|roughly",
        value,
    ):
        return (low * 0.85, high * 1.15)
    return (low, high)


def _which(facts: list[Fact], key: FactKey) -> str:
    values = " or ".join(dict.fromkeys(fact.value for fact in facts if fact.key is key))
    return f"Which is right for {key.value.replace('_', ' ')}: {values}?"


def _short(quote: str) -> str:
    words = " ".join(quote.split())
    return words if len(words) <= 90 else words[:90].rsplit(" ", 1)[0] + " …"
