"""Numbers, amounts, percentages, dates and phone numbers in a text, brought to one form so that they compare."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal, NamedTuple

from agents.grounding.number_words import number_words

Kind = Literal["number", "money", "percent"]

_CURRENCIES = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR",
    "$": "USD", "usd": "USD", "us$": "USD", "dollar": "USD", "dollars": "USD",
    "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "pfund": "GBP",
    "chf": "CHF", "franken": "CHF", "francs": "CHF",
    "sek": "SEK", "nok": "NOK", "dkk": "DKK", "pln": "PLN", "jpy": "JPY", "¥": "JPY",
}  # fmt: skip
_MULTIPLIERS = {
    "k": 1_000, "tsd": 1_000, "thousand": 1_000, "tausend": 1_000,
    "m": 1_000_000, "mn": 1_000_000, "mio": 1_000_000, "million": 1_000_000, "millions": 1_000_000,
    "millionen": 1_000_000,
    "bn": 1_000_000_000, "mrd": 1_000_000_000, "billion": 1_000_000_000, "milliarde": 1_000_000_000,
    "milliarden": 1_000_000_000, "millones": 1_000_000, "millón": 1_000_000, "milliard": 1_000_000_000,
    "milliards": 1_000_000_000,
}  # fmt: skip
_MEASURES = {
    "people": r"employees?|people|persons?|staff|colleagues|workers?|team members|mitarbeiter\w*|beschäftigte\w*"
    r"|mitarbeitende\w*|personen|menschen|kolleg\w+|angestellte\w*|headcount|workforce|belegschaft"
    r"|salariée?s|employée?s|personnes|collaborat(?:eurs|rices)|personas|emplead[ao]s|trabajador(?:es|as)",
    "vehicles": r"vehicles?|trucks?|lorr(?:y|ies)|vans?|cars?|trailers?|fahrzeuge?n?|lkws?|lastwagen|transporter|pkws?"
    r"|zugmaschinen|véhicules?|camions?|camionnettes?|vehículos?|camion(?:es)?|furgonetas?",
    "sites": r"sites?|locations?|depots?|offices?|branch(?:es)?|warehouses?|clinics?|hospitals?|plants?|factor(?:y|ies)"
    r"|hotels?|hubs?|standorte?n?|niederlassung\w*|filialen?|lager|kliniken?|werke?n?|büros?|häuser"
    r"|usines?|agences?|entrepôts?|magasins?|cliniques?|fábricas?|sedes?|plantas?|almacen(?:es)?|almacén|tiendas?",
    "customers": r"customers?|clients?|patients?|guests?|kund(?:e|en|innen)|patient\w+|gäste|clientes?|pacientes?",
    "machines": r"machines?|production lines?|robots?|maschinen?|anlagen?|fertigungslinien?|roboter|máquinas?",
    "years": r"years?|jahre?n?|ans|années?|años?",
    "months": r"months?|monate?n?|mois|meses",
    "weeks": r"weeks?|wochen?|semaines?|semanas?",
    "days": r"days?|tage?n?|jours?|días?",
    "hours": r"hours?|stunden?|heures?|horas?",
    "drivers": r"drivers?|fahrern?|fahrerinnen",
    "countries": r"countr(?:y|ies)|ländern?|staaten",
    "rooms": r"rooms?|beds?|zimmern?|betten",
    "area": r"square met(?:re|er)s?|m2|quadratmetern?",
    "orders": r"orders?|shipments?|deliver(?:y|ies)|parcels?|aufträge?n?|sendungen|lieferungen|pakete?n?",
}
_MONTHS = (
    "january|januar|jänner|janvier|enero", "february|februar|février|febrero", "march|märz|mars|marzo",
    "april|avril|abril", "may|mai|mayo", "june|juni|juin|junio", "july|juli|juillet|julio", "august|août|agosto",
    "september|septembre|septiembre", "october|oktober|octobre|octubre", "november|novembre|noviembre",
    "december|dezember|décembre|diciembre",
)  # fmt: skip

MONTHS = "|".join(_MONTHS)
"""The months' names in every language that is read, for a pattern."""

_CURRENCY = r"€|US\$|\$|£|¥|\b(?:EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|JPY)\b"
_CURRENCY_AFTER = rf"{_CURRENCY}|\b(?:euros?|dollars?|pounds?|pfund|franken|francs)\b"
_CORE = r"\d{1,3}(?:[ '’]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*"
_FIGURE = re.compile(
    rf"(?:(?P<before>{_CURRENCY})\s?)?(?<![\w.,])[+−-]?(?P<core>{_CORE})"
    r"(?:\s?(?P<times>(?:thousand|tausend|tsd|million(?:s|en)?|mill(?:ones|ón)|mio|mn|billion|milliarden?|milliards?|mrd|bn)\b\.?|[kKmM]\b))?"
    rf"(?:\s?(?P<percent>%|(?:percent|per cent|prozent|pct)\b)|\s?(?P<after>{_CURRENCY_AFTER}))?",
    re.IGNORECASE,
)
_SHARED_SCALE = re.compile(
    r"\s?(?:auf|to|bis|bis zu|à|a|–|-)\s?\d+(?:[.,]\d+)?\s(?P<times>million(?:s|en)?|mill(?:ones|ón)|mio|mrd)\b",
    re.IGNORECASE,
)
"""“from 28 to 31 million”: the scale of the second number is the first one's too."""
_WEB = re.compile(r"https?://[^\s<>\"“”»«]+|www\.[^\s<>\"“”»«]+", re.IGNORECASE)
# Repetitions are bounded: a claim of 200,000 letters must not keep anybody waiting.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DOMAIN = re.compile(r"(?<![\w-])(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b(?:/[^\s<>\"“”»«]*)?", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)\d[\d\s()/.-]{5,24}\d|(?<![\w.])\(?0\d{1,5}\)?[\s/-]\d[\d\s/-]{3,20}\d")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})(?:-(\d{2}))?(?!\d)")
_DAY_DATE = re.compile(r"(?<!\d)(\d{1,2})([./])\s?(\d{1,2})\2\s?(\d{4})(?!\d)")
_BLANK = "\u2007"
"""Stands for what was taken out: it keeps offsets, and is no space between two words."""
_DECADE = re.compile(r"(?<!\w)(\d{3}0)(?:s|er|ern)\b")
_MONTH = re.compile(
    rf"(?P<cue>\b(?:in|since|im|seit|ab|until|bis|of|on|am|by|en|de|depuis|desde|hasta|au)\s+|\d\.?\s+)?\b(?P<month>{MONTHS})\b"
    r"(?P<after>\s+\d)?",
    re.IGNORECASE,
)
_MEASURE = re.compile("|".join(rf"(?P<{name}>\b(?:{words})\b)" for name, words in _MEASURES.items()), re.IGNORECASE)
_LONGEST = 40


class Figure(NamedTuple):
    """One number as written and as it counts; `measures` is what it counts, where the next words say so."""

    kind: Kind
    amount: Decimal
    currency: str
    measures: frozenset[str]
    written: str
    start: int


class Readings(NamedTuple):
    """Everything in a text that can be looked up."""

    text: str
    figures: tuple[Figure, ...]
    addresses: frozenset[str]
    phones: frozenset[str]
    dates: frozenset[tuple[int, int, int]]
    months: frozenset[int]
    decades: frozenset[int]
    masked: str
    """The text with everything above blanked out, for names to be looked for in."""


def plain(text: str) -> str:
    """The text with look-alike digits, odd spaces and invisible characters brought to their ordinary form."""
    folded = unicodedata.normalize("NFKC", text)
    visible = "".join(
        letter for letter in folded if unicodedata.category(letter) not in {"Cf", "Cc"} or letter in "\n\t"
    )
    ascii_digits = "".join(
        str(unicodedata.digit(letter)) if unicodedata.category(letter) == "Nd" else letter for letter in visible
    )
    return re.sub(r"[ \t]+", " ", ascii_digits)


def read(text: str, *, measure: str = "", loose: bool = False) -> Readings:
    """What can be looked up in this text. `loose` is for evidence: `one` counts, and dates give their parts too.

    The same few texts are read again with every examination; short ones are remembered, up to a bound.
    """
    return (_remembered if len(text) <= _SHORT else _read)(text, measure, loose)


def _read(text: str, measure: str, loose: bool) -> Readings:
    text = plain(text)
    masked, addresses = _take(text, (_WEB, _EMAIL, _DOMAIN), _address)
    masked, phones = _take(masked, (_PHONE,), digits)
    dates = frozenset(_dates(masked))
    months = set(_month_numbers(masked, loose=loose))
    parts: list[Figure] = []
    if loose:
        months |= {month for _, month, _ in dates}
        parts = [
            Figure("number", Decimal(part), "", frozenset(), "", 0)
            for date in dates
            for part in (date[0], date[2])
            if part
        ]
    masked = _DAY_DATE.sub(_blank, _ISO_DATE.sub(_blank, masked))
    decades = frozenset(int(match[1]) for match in _DECADE.finditer(masked))
    masked = _DECADE.sub(_blank, masked)
    found = [*_figures(masked, measure), *_in_words(masked, measure, loose=loose), *parts]
    letters = list(masked)
    for figure in found:
        letters[figure.start : figure.start + len(figure.written)] = _BLANK * len(figure.written)
    return Readings(text, tuple(found), addresses, phones, dates, frozenset(months), decades, "".join(letters))


_SHORT = 1_000
_remembered = lru_cache(maxsize=4_096)(_read)


def digits(written: str) -> str:
    """Only the digits of a phone number, without the international prefix."""
    return re.sub(r"\D", "", written).removeprefix("00")


def same_phone(one: str, other: str) -> bool:
    """Whether two numbers are one, with or without the country code."""
    short, long = sorted((one.lstrip("0"), other.lstrip("0")), key=len)
    return len(short) >= 6 and long.endswith(short) and len(long) - len(short) <= 3


def _take(text: str, patterns: tuple[re.Pattern[str], ...], form: Callable[[str], str]) -> tuple[str, frozenset[str]]:
    taken: set[str] = set()
    for pattern in patterns:
        for match in pattern.finditer(text):
            taken.add(form(match[0]))
        text = pattern.sub(_blank, text)
    return text, frozenset(taken)


def _blank(match: re.Match[str]) -> str:
    return _BLANK * len(match[0])


def _address(written: str) -> str:
    bare = re.sub(r"^https?://", "", written.lower().rstrip(".,;:!?)'\""))
    return bare.removeprefix("www.").rstrip("/")


def _dates(text: str) -> Iterator[tuple[int, int, int]]:
    for match in _ISO_DATE.finditer(text):
        yield int(match[1]), int(match[2]), int(match[3] or 0)
    for match in _DAY_DATE.finditer(text):
        yield int(match[4]), int(match[3]), int(match[1])


def _month_numbers(text: str, *, loose: bool) -> Iterator[int]:
    for match in _MONTH.finditer(text):
        if loose or match["cue"] or match["after"]:
            word = match["month"].lower()
            yield next(number for number, words in enumerate(_MONTHS, 1) if word in words.split("|"))


def _figures(text: str, measure: str) -> Iterator[Figure]:
    for match in _FIGURE.finditer(text):
        following = text[match.end("core") : match.end("core") + 1]
        if match["times"] is None and following.isalpha() and not match["after"]:
            continue  # a code such as 3D or 5th, which is looked up as a word
        amount = _amount(match["core"])
        if amount is None:
            continue
        shared = None if match["times"] else _SHARED_SCALE.match(text, match.end("core"))
        times = (match["times"] or (shared["times"] if shared else "")).lower().rstrip(".")
        currency = _CURRENCIES.get((match["before"] or match["after"] or "").lower(), "")
        if times in {"m", "k"} and not currency and text[match.end("core")] == " ":
            times = ""  # 45 m is a length
        kind: Kind = "percent" if match["percent"] else "money" if currency else "number"
        yield Figure(
            kind,
            amount * _MULTIPLIERS.get(times, 1),
            currency,
            _measures(text, match.start(), match.end(), several=kind == "money") or _one(measure),
            match[0].strip(),
            match.start() + len(match[0]) - len(match[0].lstrip()),
        )


def _in_words(text: str, measure: str, *, loose: bool) -> Iterator[Figure]:
    for word in number_words(text):
        if word.amount == 1 and not loose:
            continue
        tail = text[word.end : word.end + 24]
        percent = re.match(r"\s?(?:percent|per cent|prozent)\b", tail, re.IGNORECASE)
        money = re.match(rf"\s?(?P<code>{_CURRENCY_AFTER})", tail, re.IGNORECASE)
        kind: Kind = "percent" if percent else "money" if money else "number"
        currency = _CURRENCIES.get(money["code"].lower(), "") if money else ""
        counted = _measures(text, word.start, word.end, several=kind == "money") or _one(measure)
        yield Figure(kind, Decimal(word.amount), currency, counted, text[word.start : word.end], word.start)


def _amount(core: str) -> Decimal | None:
    bare = re.sub(r"[ '’]", "", core)
    if len(bare) > _LONGEST:
        return Decimal(-1)  # no source gives such a number
    marks = re.findall(r"[.,]", bare)
    if len(set(marks)) == 2:
        decimal_mark = marks[-1]
        bare = bare.replace("," if decimal_mark == "." else ".", "").replace(decimal_mark, ".")
    elif marks:
        groups = re.split(r"[.,]", bare)
        grouped = all(len(group) == 3 for group in groups[1:]) and 1 <= len(groups[0]) <= 3 and groups[0] != "0"
        # One mark before three digits separates thousands: 1.200 and 1,200 are the same amount in both languages.
        bare = "".join(groups) if grouped else bare.replace(",", ".")
    try:
        return Decimal(bare)
    except InvalidOperation:
        return None


def _measures(text: str, start: int, end: int, *, several: bool) -> frozenset[str]:
    """What the number counts: the first noun after it, for an amount all of `per vehicle per year`."""
    sentence = re.split(r"[.;!?](?:\s|$)|\n", text[end : end + 60])[0]
    words = re.match(r"(?:[\s,-]*[^\W\d][\w-]*){0,6}" if several else r"(?:[\s,-]*[^\W\d][\w-]*){0,3}", sentence)
    found = [match.lastgroup or "" for match in _MEASURE.finditer(words[0] if words else "")]
    if not found:
        before = re.search(r"(?P<noun>[^\W\d][\w-]*)[^\d:.;]{0,30}:\s*$", text[max(0, start - 60) : start])
        found = [match.lastgroup or "" for match in _MEASURE.finditer(before[0])] if before else []
    return frozenset(found if several else found[:1])


def _one(measure: str) -> frozenset[str]:
    return frozenset({measure}) if measure else frozenset()
