"""Sentences of a line, and what makes one speak of somebody else or of nothing certain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.research.candidates import folded
from agents.research.pages import Line, ReadPage

MAX_LINE = 6_000
_END = re.compile(r"(?<=[.!?])[\"”»)]?\s+(?=[\"„“«(¿¡]?[A-ZÄÖÜÉÈÀÁÍÓÚÑ0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Nr|No|Inc|Ltd|Co|Corp|Tel|Fax|Str|ca|bzw|inkl|Mio|Mrd|approx"
    r"|est|vs|Hr|Fr|Sr|Sra|Av|Avda|Bd|Art|Abs|z\.\s?B|u\.\s?a|d\.\s?h|e\.g|i\.e|S\.[AL]|\d)"
    r"|\b[A-Z])\.$"
)

# What the company is said about here is another one, or a wish, or a denial.
_OTHERS = re.compile(
    r"\b(?:not (?:to be confused|affiliated|associated|connected|related)|no (?:connection"
    r"|relation|affiliation) (?:with|to)|unrelated to|not the same (?:company|as)|do not confuse"
    r"|should not be confused"
    r"|nicht (?:zu verwechseln|verwandt|verbunden|identisch)|keine verbindung|ne pas confondre"
    r"|sans (?:lien|rapport) avec|aucun lien|no confundir|sin relación|ajen[ao] a"
    r"|(?:our|a|the|its|their) (?:customer|client|competitor|rival|supplier|landlord|investor"
    r"|neighbou?r|namesake|host|web ?host|bank|insurer)[ ,]|unser kunde|unser wettbewerber"
    r"|notre client|nuestro cliente)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, the line it stands in and where it begins there."""

    line: Line
    index: int
    at: int
    text: str


def sentences(page: ReadPage) -> Iterator[Sentence]:
    """Every sentence of every line a rule may read from."""
    for index, line in enumerate(page.lines):
        if not line.excluded:
            yield from sentences_of(line, index)


def sentences_of(line: Line, index: int) -> Iterator[Sentence]:
    """The sentences of one line."""
    text = line.text[:MAX_LINE]
    start = 0
    for match in _END.finditer(text):
        piece = text[start : match.start()]
        if _ABBREVIATION.search(piece[-12:]):
            continue
        yield Sentence(line, index, start, text[start : match.start()])
        start = match.end()
    if start < len(text):
        yield Sentence(line, index, start, text[start:])


def about_somebody_else(text: str) -> bool:
    """Whether a sentence says that it speaks of another company, or sets one apart."""
    return _OTHERS.search(text) is not None


_LEADING = re.compile(r"^(?:\W*)((?:[A-ZÄÖÜÉ][\w&'’-]*\s){1,5})")
_OF_OURS = re.compile(
    r"^\W*(?:our|unser|notre|nuestr[oa]) (?:\w+ )?(?:partner|sister company|parent"
    r"|mother company|socio|partenaire)s?,?\s[A-Z]",
    re.IGNORECASE,
)
_COMMON = frozenset(
    {
        *("our", "the", "we", "a", "an", "this", "at", "in", "with", "since", "today", "company", "group"),
        *(
            "das",
            "die",
            "der",
            "ein",
            "eine",
            "unser",
            "unsere",
            "heute",
            "bei",
            "mit",
            "im",
            "wir",
            "es",
            "unternehmen",
        ),
        *("firma", "gruppe", "team", "mitarbeiter", "insgesamt", "rund", "etwa"),
        *(
            "notre",
            "nos",
            "la",
            "le",
            "les",
            "l",
            "une",
            "avec",
            "dans",
            "nuestra",
            "nuestro",
            "el",
            "los",
            "las",
            "con",
        ),
    }
)


def has_other_subject(text: str, names: frozenset[str]) -> bool:
    """Whether a sentence begins with a name of several words that shares none with the company's."""
    if _OF_OURS.match(text):
        return True
    match = _LEADING.match(text)
    words = [folded(word) for word in match[1].split()] if match else []
    foreign = [word for word in words if word and word not in _COMMON]
    return bool(names) and len(foreign) >= 2 and not set(foreign) & names


# "Redfork, a company founded in 1977", "Balanza S.A., established in 1958": what follows is said of the name before it.
_NAMED = r"(?P<name>[A-ZÄÖÜÉ][\w&'’.-]+(?:\s[A-ZÄÖÜÉ&][\w&'’.-]*){0,5})"
_APPOSED = re.compile(_NAMED + r",\s(?:an?|eine?|une?|una?)\s[^,;.]{3,60}$")
_RIGHT_BEFORE = re.compile(_NAMED + r"\s?[,(]\s*$")
_NO_NAME = frozenset(("in", "today", "heute", "since", "seit", "depuis", "desde", "originally", "first", "ursprünglich",
    "now", "and", "und", "the", "as", "im", "en", "gmbh", "ltd", "inc", "limited"))  # fmt: skip


def said_of_another(before: str, names: frozenset[str], *, at_once: bool = False) -> bool:
    """Whether what follows these words is said of another name than the company's, which they put in apposition.

    With `at_once` a name and a comma are enough, as before a bare participle.
    """
    match = _APPOSED.search(before) or (_RIGHT_BEFORE.search(before) if at_once else None)
    if match is None or not names:
        return False
    words = {folded(part) for part in re.split(r"[\s&.,'’–-]+", match["name"])} - {""}
    return bool(words - _NO_NAME) and not words & names
