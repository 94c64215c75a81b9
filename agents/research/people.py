"""Whom one can speak to: people named with their office, and nobody who is only quoted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey as K
from agents.research.candidates import Candidate, in_line
from agents.research.labelled import Pair
from agents.research.pages import Line, ReadPage
from agents.research.sentences import about_somebody_else, sentences
from agents.research.vocabulary import GENDERED

_LED_BY = re.compile(
    r"\b(?:Geschäftsführer(?:in|innen|ung)?|Managing Directors?|Directors?|CEO|Inhaber(?:in)?"
    r"|Owners?|Vorstand|Gérante?s?|Gerentes?|Founders?|Founded by|gegründet von|fondée? par"
    r"|fundada por)(?: and (?:CEO|founder|owner))?\s?[:,]?\s(?P<people>.{4,120})"
)
PERSON = re.compile(
    r"(?:(?:Dr|Prof|Dipl|Ing|Mag|M\.?Sc|B\.?Sc|Mr|Mrs|Ms|Herrn?|Frau|Mme|M|Sr|Sra|D"
    r"|Dª)\.?[ -]?(?:-?Ing\."
    r"|h\.\s?c\.)?\s*)*(?P<name>[A-ZÄÖÜÁÉÍÓÚŁŠŽØÅ][\w'’À-ž]+(?:-[A-ZÄÖÜ][\w'’À-ž]+)?(?:\s(?:[A-Z]\."
    r"|von|van|de|del|de la|der|den|la|zu|af|Mc"
    r"|O['’])){0,2}(?:\s[A-ZÄÖÜÁÉÍÓÚŁŠŽØÅ][\w'’À-ž]+(?:-[A-ZÄÖÜÁÉÍÓÚ][\w'’À-ž]+)?){1,3})(?=$"
    r"|[\s,.;(–|-])"
)
NOT_PERSON = re.compile(
    r"\b(?:GmbH|Ltd|Inc|AG|LLC|Team|Office|Department|Street|Sales|Support|Email|Phone|The|Our|We"
    r"|Contact|Managing|Director|Manager|Company|Center|Centre|Service|Services|University|Head"
    r"|Chief|Officer|Vice|President)\b"
)
_ROLE = re.compile(
    r"\b(?:CEO|CTO|CFO|COO|CMO|Chief [A-Z]\w+ Officer|Managing Director|(?:Co-?)?[Ff]ounder|Owner"
    r"|Head of [A-Z]\w+|(?:Sales|Operations|Office|General|Plant|Account) Manager"
    r"|Geschäftsführer(?:in)?|Inhaber(?:in)?|Gründer(?:in)?|Vertriebsleiter(?:in)?"
    r"|Leiter(?:in)? \w+|Gérante?|Directeur \w+|Directrice \w+|PDG|Président[e]?|Gerente"
    r"|Director(?:a)? \w+|Fundador(?:a)?|Director|President|Chairman)\b"
)


def people(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """People the page names with what they do at the company."""
    for pair in pairs:
        if pair.key is K.CONTACT_PERSON:
            yield from _labelled(pair)
    for index, line in enumerate(page.lines):
        if line.excluded or line.quoted or len(line.text) >= 90 or GENDERED.search(line.text):
            continue
        if (role := _ROLE.search(line.text)) is not None:
            yield from _person_with_role(page, line, index, role)
    yield from _leaders(page)


def _labelled(pair: Pair) -> Iterator[Candidate]:
    """The people an office is labelled with, as far as one reads like the other."""
    cursor = 0
    for piece in re.split(r",\s|\n|\s(?:und|and|et|y|&|/)\s", pair.value[:200]):
        at = pair.value.find(piece, cursor)
        match = PERSON.match(piece)
        if at < 0 or match is None or NOT_PERSON.search(match["name"]):
            return
        cursor = at + match.end()
        yield Candidate(K.CONTACT_PERSON, match["name"], "text", pair.start, pair.value_start + cursor, "rule", 0.85)


def _leaders(page: ReadPage) -> Iterator[Candidate]:
    """People named behind their office: `the managing directors Ole Petersen and Silke Brandt`."""
    for sentence in sentences(page):
        if (
            sentence.line.quoted
            or about_somebody_else(sentence.text)
            or (match := _LED_BY.search(sentence.text[:600])) is None
        ):
            continue
        cursor = match.start("people")
        for piece in re.split(r",\s|\s(?:und|and|et|y|&)\s", match["people"]):
            at = sentence.text.find(piece, cursor)
            person = PERSON.match(piece)
            if at < 0 or person is None or NOT_PERSON.search(person["name"]):
                break
            cursor = at + person.end()
            span = (sentence.at + match.start(), sentence.at + cursor)
            yield in_line(sentence.line, K.CONTACT_PERSON, person["name"], span, 0.75)


def _person_with_role(page: ReadPage, line: Line, index: int, role: re.Match[str]) -> Iterator[Candidate]:
    match = PERSON.match(line.text)
    if match and match.end() <= role.start() and not NOT_PERSON.search(match["name"]):
        yield in_line(line, K.CONTACT_PERSON, match["name"], (0, role.end()), 0.75)
    elif role.start() <= 2 and index and len(page.lines[index - 1].text) < 45:
        above = page.lines[index - 1]
        if (match := PERSON.fullmatch(above.text)) and not NOT_PERSON.search(match["name"]) and not above.excluded:
            yield Candidate(K.CONTACT_PERSON, match["name"], "text", above.start, line.start + role.end(), "rule", 0.75)
