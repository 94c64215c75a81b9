"""Addresses found from their postcode: the town beside it, and the street before it in the line or the lines above."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.research.countries import COUNTRY_NAME, STATES
from agents.research.labelled import is_private
from agents.research.naming import FORM
from agents.research.pages import ReadPage

_LINES_ABOVE = 5
_CAPITAL = "A-ZÄÖÜÉÈÊÀÁÂÍÎÓÔÚÅØÆŒÑÇŁŚŻŠŽČ"
_STOP = (
    r"(?=\s*(?:$|[\n,;|·•(/]|\.(?:\s|$)|[–—-]\s|\s(?:Tel|Tél|Telefon|Telephone|Phone|Fax|E-?[Mm]ail|Mail|Call|T|P|Web)"
    r"\b|\s?" + COUNTRY_NAME + r"\b))"
)
_TOWN = (
    r"(?P<town>(?:'[st][ -])?[" + _CAPITAL + r"][\w'’À-ž.-]*(?:[ /](?:am|an|auf|der|die|dem|im|in|de|den|del|della|di"
    r"|du|la|le|les|sur|sous|en|et|of|on|upon|by|the|bei|ob|a\.\s?d\.|i\.\s?d\.|v\.\s?d\.|[" + _CAPITAL + r"]"
    r"[\w'’À-ž.-]*)){0,4}?)(?:\s[Cc][Ee][Dd][Ee][Xx](?:\s\d{1,2})?)?" + _STOP
)
_WORDS = r"(?P<town>[A-Z][\w.'’-]+(?:\s[A-Z][\w.'’-]+){0,3})"
# Whether the format is sure to be a postcode: elsewhere four or five digits may be a year or a quantity.
_ANCHORS: tuple[tuple[bool, re.Pattern[str]], ...] = (
    (True, re.compile(_WORDS + r",?\s" + STATES + r"\.?,?\s+\d{5}(?:-\d{4})?\b")),
    (True, re.compile(
        _WORDS + r",?\s\(?(?:ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|Ontario|Qu[eé]bec|British Columbia|Alberta)\)?,?\s+"
        r"[A-Z]\d[A-Z]\s?\d[A-Z]\d\b")),
    (True, re.compile(_WORDS + r",?\s(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT)\s\d{4}\b")),
    (True, re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2}\b")),
    (True, re.compile(r"\b[AC-FHKNPRTV-Y]\d[\dW]\s[0-9AC-FHKNPRTV-Y]{4}\b")),
    (True, re.compile(
        r"\b(?:NL[- ]?)?[1-9]\d{3}\s?(?!(?:NE|NW|SE|SW)\s[\w ]{2,30}\b(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Dr|Way)\b)"
        r"[A-Z]{2}[\s,]+" + _TOWN)),
    (True, re.compile(
        r"\b(?:DE?|AT?|CH|FL|FR?|ES?|IT?|BE?|LU?|DK|SE?|NO?|FIN?|PL|CZ)[-–]\s?(?:\d{4,5}|\d{3}\s\d{2})[\s,]+"
        + _TOWN)),
    (False, re.compile(r"(?<![\w.,+/-])\d{4}-\d{3}\s+" + _TOWN)),
    (False, re.compile(r"(?<![\w.,+/-])\d{2}-\d{3}\s+" + _TOWN)),
    (False, re.compile(r"(?<![\w.,+/-])\d{4,5}\s+" + _TOWN)),
    (False, re.compile(r"(?<![\w.,+/-])(?<!\d\s)\d{3}\s\d{2}\s+" + _TOWN)),
)  # fmt: skip
_TAIL = re.compile(r"\s?\([A-Z]{2}\)|\s\((?=[^()]{3,30}\))[^()\d]+\)")
_NATION = re.compile(r"\s*[,·|•–-]?\s*" + COUNTRY_NAME + r"\b(?![\w-])")
_SEPARATOR = re.compile(r"\n|,\s*|\s[|·•–—-]\s|\s?[|·•]\s?|;\s*")
# What ends an address backwards: a label's colon, the end of a sentence, a legal form in running text.
_HARD = re.compile(
    r":\s*|(?<=[a-zà-ž]{4})[.!?]\s+(?=["
    + _CAPITAL
    + r"])|(?<![\w-])"
    + FORM
    + r"(?![\w-])[.,]?\s+(?:[|·•–—-]\s+)?(?=\S)"
)
_SEGMENT = re.compile(r"[\w'’\"À-ž&/.()+ º°#ªn-]{1,60}")
_NUMBER_LAST = re.compile(r".*[^\W\d_]{2}.*?[\s.]\d{1,4}\s?[a-zA-Z]?(?:\s?[-–/+]\s?\d{1,4}\s?[a-zA-Z]?)?")
_NUMBER_FIRST = re.compile(
    r"(?:[NSEW]?\d{1,5}[a-zA-Z]?(?:\s?[-–/]\s?\d{1,4}[a-z]?)?|\d{1,4}\s?(?:bis|ter))\s[^\W\d_].{2,}"
)
_BARE_NUMBER = re.compile(r"(?:n[º°.]\s?)?\d{1,4}\s?[a-zA-Zº°ª]?|s/n", re.IGNORECASE)
_UNIT = re.compile(
    r"(?:Unit|Suite|Ste\.?|Floor|Level|Flat|Block|Building|Bldg|Office|Room|Studio|The\s[A-Z]|Haus|Gebäude|Aufgang|Bât"
    r"|Bâtiment|Immeuble|Résidence|Z\.?A\.?(?:C\.?)?|Z\.?I\.?|Zone|Parc|Polígono|Pol\.|Nave|Local|Edificio|Planta"
    r"|Loc\.|Zona|Industriepark|(?:Industrie|Gewerbe)gebiet|(?:Gewerbe|Technologie)park|Bus|Postbus|Postfach"
    r"|PO Box)\b.+"
    r"|\d{1,2}(?:st|nd|rd|th|\.|e|er|º|ª)?\s?(?:Floor|floor|OG|Stock|Etage|étage|planta|piso|sal|tv|th|etage|tr)\b.*"
    r"|.*\b(?:House|Mill|Building|Centre|Center|Park|Estate|Court|Works|Wharf|Barn|Farm|Business Park|Trading Estate)"
)  # fmt: skip
_BARE_UNIT = re.compile(
    r"(?:Unit|Suite|Ste\.?|Floor|Level|Flat|Block|Office|Room)\s\w{1,4}|\d{1,2}\S*\s?[A-Za-zé]{2,6}"
)
_ENDS_IN_FORM = re.compile(r"(?<![\w-])" + FORM + r"$")
_STREET_WORD = re.compile(
    r".*\b(?:Street|St|Road|Rd|Lane|Way|Close|Yard|Quay|Row|Hill|Avenue|Drive|Terrace|Square|Mews|Approach|Parade|Walk"
    r"|Gardens|Green|Crescent|Place|Grove|Wharf|Dock|Bridge|Gate)\.?",
)
_NAMED_STREET = re.compile(
    r"(?:rue|route|avenue|chemin|place|quai|boulevard|allée|impasse|lieu-dit|hameau|le bourg|via|viale|piazza|calle"
    r"|plaza"
    r"|carretera|ctra\.|polígono|paseo|avenida|camino)\s[\w'’À-ž .-]{3,45}|[A-ZÄÖÜ][\w-]+(?:straße|strasse|weg|platz"
    r"|gasse)",
    re.IGNORECASE,
)
_YEAR_LAST = re.compile(r".*\b(?:19|20)\d\d")
_LEAD_IN = re.compile(r"^.*?\b(?:at|bei|à|au|en|op|på|in|sita en|sise?)\s(?=\d|[" + _CAPITAL + r"])")
_LEADS_IN = re.compile(r"\W*(?:visit|find|we|our|you|located|based|besuchen|sie|wir|nous|situé|siège)", re.IGNORECASE)
_TALK = re.compile(
    r"@|https?:|www\.|\d{6,}|\b(?:tel|fax|phone|mobile?|vat|ust|kvk|cvr|iban|uid|email|e-mail|seit|since|depuis|desde"
    r"|founded|company|number|copyright|©)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """An address in the visible text, and where its town stands."""

    start: int
    end: int
    town: tuple[int, int] | None


def by_postcode(page: ReadPage, street: re.Pattern[str]) -> Iterator[Found]:
    """Every address of the page that has a postcode with a street before it."""
    for index, line in enumerate(page.lines):
        if line.excluded or len(line.text) > 1_500 or not any(char.isdigit() for char in line.text):
            continue
        if is_private(page, index):
            continue
        cursor = 0
        while (anchored := _anchor(line.text, cursor)) is not None:
            match, sure = anchored
            begin = _start(page, index, match.start(), street, sure=sure, floor=line.start + cursor)
            cursor = match.end()
            if begin is None:
                continue
            end = _end(page, index, line.start + match.end())
            town = match.span("town") if "town" in match.re.groupindex else _town_before(line.text, match.start())
            yield Found(begin, end, (line.start + town[0], line.start + town[1]) if town else None)


def _town_before(text: str, at: int) -> tuple[int, int] | None:
    """The town in front of a British postcode, where it is the last thing before it."""
    match = re.search(r"(?:^|[,;|·•]\s?)(?P<town>[A-Z][A-Za-z'’ -]{2,30}),?\s$", text[:at])
    return match.span("town") if match else None


def _anchor(text: str, at: int) -> tuple[re.Match[str], bool] | None:
    """The first postcode from here on; of two at one place, the more telling format."""
    best: tuple[re.Match[str], bool] | None = None
    for sure, pattern in _ANCHORS:
        match = pattern.search(text, at)
        if match is not None and (best is None or match.start() < best[0].start()):
            best = match, sure
    return best


def _start(page: ReadPage, index: int, at: int, street: re.Pattern[str], *, sure: bool, floor: int) -> int | None:
    """Where the street before a postcode begins; None where nothing there reads like one."""
    line = page.lines[index]
    begin = _block(page, index) if floor == line.start else floor
    context = page.text[begin : line.start + at]
    hard = 0
    for match in _HARD.finditer(context):
        hard = match.end()
    pieces = _pieces(context, hard)
    chosen: int | None = None
    seen_street = False
    number = len(pieces)
    while number > max(0, len(pieces) - 5):
        number -= 1
        offset, words = pieces[number]
        if not _SEGMENT.fullmatch(words) or _TALK.search(words) or _ENDS_IN_FORM.search(words):
            break
        if _BARE_NUMBER.fullmatch(words) and number > 0 and re.search(r"[^\W\d_]{3}", pieces[number - 1][1]):
            if seen_street:
                break
            number -= 1  # a number behind its street's comma
            chosen, seen_street = pieces[number][0], True
            continue
        unit = _UNIT.fullmatch(words) is not None
        a_street = _reads_like_street(words, street, sure=sure)
        if seen_street and not (unit or (sure and a_street)):
            break
        if a_street or unit:
            chosen = offset
            seen_street = seen_street or (a_street and not (unit and _BARE_UNIT.fullmatch(words)))
    if chosen is None or not (seen_street or sure):
        return None
    return begin + chosen + _lead(context[chosen:], street)


def _block(page: ReadPage, index: int) -> int:
    """Where the lines begin that may belong to an address ending in this one."""
    line = page.lines[index]
    first = index
    while first > 0 and index - first < _LINES_ABOVE:
        above = page.lines[first - 1]
        apart = above.parent != line.parent and above.row != line.row
        if above.excluded or above.level or apart or above.region != line.region or len(above.text) > 80:
            break
        first -= 1
    return page.lines[first].start


def _reads_like_street(words: str, street: re.Pattern[str], *, sure: bool) -> bool:
    if street.search(words):
        return True
    if len(words.split()) > 7 or (words[:1].islower() and words.count(" ") > 3):
        return False
    if _NAMED_STREET.fullmatch(words):
        return True
    if _NUMBER_LAST.fullmatch(words):
        return not _YEAR_LAST.fullmatch(words)
    if sure and _NUMBER_FIRST.fullmatch(words):
        return not re.match(r"(?:19|20)\d\d\s", words)
    return sure and _STREET_WORD.fullmatch(words) is not None


def _pieces(context: str, start: int) -> list[tuple[int, str]]:
    """What stands between separators, with its place."""
    found: list[tuple[int, str]] = []
    cursor = start
    for match in [*_SEPARATOR.finditer(context, start), None]:
        stop = match.start() if match else len(context)
        raw = context[cursor:stop]
        if raw.strip():
            found.append((cursor + len(raw) - len(raw.lstrip()), raw.strip()))
        cursor = match.end() if match else stop
    return found


def _lead(text: str, street: re.Pattern[str]) -> int:
    """How much of the first words leads in to an address, such as `Visit us at`."""
    words = _SEPARATOR.split(text, maxsplit=1)[0]
    inside = street.search(words)
    if inside is not None and inside.start() and re.search(r"\b[a-zà-ž]{2,}\s", words[: inside.start()]):
        return inside.start()
    lead = _LEAD_IN.match(words)
    if lead is not None and _LEADS_IN.match(words):
        return lead.end()
    return 0


def _end(page: ReadPage, index: int, end: int) -> int:
    """The end of an address: with the province in brackets and the country, in this line or alone in the next."""
    line = page.lines[index]
    rest = page.text[end : line.end]
    if (tail := _TAIL.match(rest)) is not None:
        end += tail.end()
        rest = page.text[end : line.end]
    if (nation := _NATION.match(rest)) is not None:
        return end + nation.end()
    if index + 1 < len(page.lines) and not rest.strip(" ,."):
        below = page.lines[index + 1]
        if not below.excluded and below.parent == line.parent and re.fullmatch(COUNTRY_NAME + r"\.?", below.text):
            return below.end
    return end
