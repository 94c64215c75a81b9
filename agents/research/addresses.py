"""Postal addresses: a street with its postcode and town, as one writes them in Europe and North America."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey
from agents.research.candidates import Candidate
from agents.research.countries import COUNTRY_NAME
from agents.research.labelled import Pair, is_private
from agents.research.pages import ReadPage
from agents.research.postcodes import by_postcode
from agents.research.vocabulary import PRIVATE

_POSTCODE = re.compile(
    r"\b(?:(?:D|A|CH|F|E|DE|AT|FR|ES|B|L|NL|DK|S|N|PL)[- ])?\d{4,5}\s[A-ZÄÖÜÉÈÁÍÓÚ][\w'’À-ÿ.-]+"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b|\b[A-Z]{2}\s\d{5}(?:-\d{4})?\b"
    r"|\b\d{4}\s?[A-Z]{2}\s[A-Z][a-z]+|\b[A-Z]\d[A-Z]\s?\d[A-Z]\d\b|\b\d{2}-\d{3}\s[A-Z]"
    r"|\b\d{3}\s\d{2}\s[A-ZÅÄÖ]|\b[A-Z][a-z]+,?\s(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT)\s\d{4}\b"
)
_STREET = re.compile(
    r"\b(?:(?:Groß|Klein|Alt|Neu|Ober|Unter|Hoh|Lang|Breit|Vorder"
    r"|Hinter)e[nrms]?\s)?(?:[A-ZÄÖÜ][\wäöüß.-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ring"
    r"|damm|ufer|hof|markt|chaussee|graben|kai|steig|brücke|berg|feld|wall|tor|park|gaten|gata"
    r"|gatan|vej|veien|straat|laan|kade|gracht)|(?:[A-ZÄÖÜ][\wäöüß-]+[ -]){1,3}(?:Straße|Strasse"
    r"|Str\.|Weg|Platz|Allee|Gasse|Ring|Damm|Ufer|Chaussee|Markt)|(?:Am|Im|An der|An den|Auf der"
    r"|Auf dem|Zum|Zur|Alte[rs]?|Neue[rs]?|Unter den|Hinter der|In der"
    r"|Beim) [A-ZÄÖÜ][\wäöüß -]{2,30}) \d{1,4}\s?[a-zA-Z]?(?:\s?[-–/+]\s?\d{1,4}\s?[a-z]?)?\b"
    r"|\b(?:[A-Z][\w'’.-]+\s){1,3}(?:Street|Avenue|Road|Lane|Drive|Way|Square|Quay|Terrace|Row"
    r"|Close|Park)\s\d{1,4}[A-Za-z]?\b"
    r"|\b(?:Unit|Suite|Floor|Level|\d{1,6}[A-Za-z]?(?:[-–]\d{1,5})?)[,\s]+(?:[NSEW]\.?\s|North "
    r"|South |East |West )?(?:[A-Z0-9][\w'’.-]*\s){1,5}?(?:Street|St\.?|Avenue|Ave\.?|Road|Rd\.?"
    r"|Lane|Ln\.?|Boulevard|Blvd\.?|Drive|Dr\.?|Way|Court|Ct\.?|Square|Sq\.?|Place|Pl\.?|Quay"
    r"|Parkway|Pkwy|Terrace|Row|Close|Wharf|Yard|Mews|Crescent|Highway|Hwy|Estate|Park|House"
    r"|Gardens|Hill|Walk|Gate|Dock|Embankment|Broadway|Plaza|Circle|Trail|Pike|Alley|Loop|Mill"
    r"|Works)\b"
    r"|\b\d{1,4}\s?(?:bis|ter)?,?\s(?:rue|avenue|av\.|boulevard|bd\.?|place|quai|chemin|allée"
    r"|impasse|cours|route|passage|square|esplanade|faubourg|zone|parc)\s[\w'’À-ÿ .-]{2,50}"
    r"|\b(?:Calle|C/|Avenida|Avda?\.|Av\.|Plaza|Pza\.|Paseo|Pº|Carrer|Ronda|Camino"
    r"|Polígono(?: Industrial)?|Pol\. Ind\.|Travesía|Gran Vía|Rúa|Rambla|Via|Viale|Piazza|Corso"
    r"|Rua|ul\.)\s?[\w'’À-ÿ .]{2,45}?,?\s?(?:n[º°.]\s?)?\d{1,4}\b"
    r"|\bP\.?\s?O\.? Box \d{1,6}|\bPostfach \d[\d ]{1,8}|\bBP \d{1,5}\b",
)
_TOWN = (
    r"(?P<town>[A-ZÄÖÜÉÈÁÍÓÚ][\w'’À-ÿ.-]*(?:[ -](?:am|an|der|im|de|la|le|les|sur|en|del|of"
    r"|upon|[A-ZÄÖÜÉÁÍÓ][\w'’À-ÿ.-]*)){0,3})"
)
_TOWNS = (
    re.compile(r"\b(?P<code>\d{4,5})\s" + _TOWN + r"(?=\s*(?:$|[\n,.;|·(–-]))"),
    re.compile(_TOWN + r",?\s[A-Z]{2}\s\d{5}\b"),
    re.compile(r"(?:^|[\n,]\s?)" + _TOWN + r",?\s[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b"),
)
_REST = re.compile(r"^(?:[A-Z]{1,3}[- ])?[\w'’À-ÿ .,()/–-]{2,60}$")
_COUNTRY = re.compile("^" + COUNTRY_NAME + r"\.?$")


def addresses(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Postal addresses: labelled, in an address element, or a street with its town."""
    used = -1
    taken: list[tuple[int, int]] = []
    for found in by_postcode(page, _STREET):
        taken.append((found.start, found.end))
        value = _tidy(page.text[found.start : found.end])
        yield Candidate(FactKey.ADDRESS, value, "text", found.start, found.end, "rule", 0.87)
        if found.town is not None:
            start, end = found.town
            yield Candidate(FactKey.LOCATION, page.text[start:end], "text", start, end, "rule", 0.7)
    for pair in pairs:
        if (
            pair.key is FactKey.ADDRESS
            and re.search(r"\d", pair.value)
            and not PRIVATE.search(pair.label)
            and "@" not in pair.value
            and len(pair.value) < 200
            and (_STREET.search(pair.value) or _POSTCODE.search(pair.value))
            and not any(pair.value_start < end and start < pair.end for start, end in taken)
        ):
            yield Candidate(FactKey.ADDRESS, _tidy(pair.value), "text", pair.value_start, pair.end, "rule", 0.88)
    for index, line in enumerate(page.lines):
        if line.excluded or index <= used or len(line.text) > 1_500 or is_private(page, index):
            continue
        for street in _STREET.finditer(line.text[:1_500]):
            at = line.start + street.start()
            if re.search(r"©|opyright|(?:19|20)\d\d[-–]$", line.text[: street.start() + 5]) and street[0][:1] in "12":
                continue  # the years of a copyright note
            if any(at < end and start < line.start + street.end() for start, end in taken):
                continue
            start, end, last = _around(page, index, street)
            value = page.text[start:end]
            yield from _town(page.text[line.start + street.end() : end], line.start + street.end())
            if _POSTCODE.search(value):
                yield Candidate(FactKey.ADDRESS, _tidy(value), "text", start, end, "rule", 0.86)
            elif len(line.text) <= street.end() - street.start() + 40:
                yield Candidate(FactKey.ADDRESS, _tidy(value), "text", start, end, "rule", 0.65)
            used = last


def _town(value: str, start: int) -> Iterator[Candidate]:
    """The town of an address, where its place beside the postcode tells it."""
    for pattern in _TOWNS:
        if (match := pattern.search(value)) is not None:
            yield Candidate(
                FactKey.LOCATION,
                match["town"].strip(),
                "text",
                start + match.start(1),
                start + match.end(),
                "rule",
                0.7,
            )
            return


def _around(page: ReadPage, index: int, street: re.Match[str]) -> tuple[int, int, int]:
    """The street, the rest of its line as far as it is an address, and the lines below that finish it."""
    line = page.lines[index]
    start, stop = street.start(), street.end()
    rest = line.text[stop : stop + 90]
    taken = re.match(
        r"[\s,;|·•–-]*(?:[\w'’À-ÿ /-]{1,30}[.,|·•–-]\s*){0,3}?(?:[A-ZÄÖÜÉ][\w'’À-ÿ -]{1,30}\s)?(?:"
        + _POSTCODE.pattern
        + r")[\w'’À-ÿ /()-]*(?:,\s*(?:Germany|Deutschland|France|España|Spain|UK|United Kingdom"
        r"|USA|Austria|Österreich|Switzerland|Schweiz|Netherlands|England|Scotland|Denmark"
        r"|Sweden|Norway|Canada|Australia|Ireland|Belgium))?",
        rest,
    )
    if taken:
        cut = re.search(r"\s(?:Tel|Telefon|Phone|Fax|E-?Mail|Mail|Call|Tél|Web)\b|\s[-–]\s", taken[0][3:])
        stop += cut.start() + 3 if cut else taken.end()
        return line.start + start, line.start + stop, index
    if re.match(r",\s*[A-Z][\w'’À-ÿ .-]{2,40}(?:,\s*[A-Z][\w .-]{1,30})?$", rest.rstrip(".")):
        stop = len(line.text.rstrip("."))
    last, end = index, line.start + stop
    if stop >= len(line.text.rstrip(" ,")) - 1 or len(line.text) - stop < 25:
        for number in range(index + 1, min(index + 4, len(page.lines))):
            other = page.lines[number]
            town = _POSTCODE.search(other.text)
            if other.excluded or other.level or len(other.text) > 70 or not _REST.match(other.text.rstrip(".")):
                break
            if (
                (town and town.start() <= 30)
                or _COUNTRY.match(other.text)
                or (
                    other.parent == line.parent
                    and last == number - 1
                    and number < index + 3
                    and not re.search(r"\d{5,}|@|:", other.text)
                    and _later_town(page, number)
                )
            ):
                end, last = other.end, number
            else:
                break
    return line.start + start, end, last


def _later_town(page: ReadPage, number: int) -> bool:
    following = page.lines[number + 1] if number + 1 < len(page.lines) else None
    return (
        following is not None
        and following.parent == page.lines[number].parent
        and _POSTCODE.search(following.text) is not None
    )


def _tidy(value: str) -> str:
    parts = [" ".join(part.split()).strip(" ,;|·•–-") for part in re.split(r"\n|\s[|·•]\s", value)]
    return ", ".join(part for part in parts if part)
