"""Numbers written as words: `twenty-five`, `zwei Millionen`; of French and Spanish the short ones, as `veinte`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_UNITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_DOZEN = {"dozen": 12, "dutzend": 12}

_DE_UNITS = {
    "ein": 1, "eins": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9,
    "zehn": 10, "elf": 11, "zwölf": 12, "dreizehn": 13, "vierzehn": 14, "fünfzehn": 15, "sechzehn": 16,
    "siebzehn": 17, "achtzehn": 18, "neunzehn": 19,
}  # fmt: skip
_DE_TENS = {
    "zwanzig": 20, "dreißig": 30, "dreissig": 30, "vierzig": 40, "fünfzig": 50, "sechzig": 60, "siebzig": 70,
    "achtzig": 80, "neunzig": 90,
}  # fmt: skip
_DE_SCALES = {"million": 1_000_000, "millionen": 1_000_000, "milliarde": 1_000_000_000, "milliarden": 1_000_000_000}

# What is a word of another language too is left out: French `sept` and `neuf`, Spanish `once`.
_ROMANCE = {
    "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "huit": 8, "dix": 10, "onze": 11, "douze": 12, "treize": 13,
    "quatorze": 14, "quinze": 15, "seize": 16, "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50,
    "soixante": 60,
    "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10, "doce": 12,
    "trece": 13, "catorce": 14, "quince": 15, "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50,
    "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90,
}  # fmt: skip
_ROMANCE_WORD = re.compile(
    rf"\b(?:{'|'.join(sorted(_ROMANCE, key=len, reverse=True))})\b(?![\s-]+(?:et|y)\b)", re.IGNORECASE
)

_DE_UNIT = "|".join(sorted(_DE_UNITS, key=len, reverse=True))
_DE_TEN = "|".join(_DE_TENS)
_DE_BELOW_100 = rf"(?:(?:(?:{_DE_UNIT})und)?(?:{_DE_TEN})|{_DE_UNIT})"
_DE_BELOW_1000 = rf"(?:(?:(?:{_DE_UNIT})?hundert(?:und)?)?(?:{_DE_BELOW_100})|(?:{_DE_UNIT})?hundert)"
_GERMAN = re.compile(
    rf"\b(?:(?P<thousands>{_DE_BELOW_1000})?(?P<tausend>tausend)(?:und)?)?(?P<rest>{_DE_BELOW_1000})?\b"
    rf"(?:\s(?P<scale>{'|'.join(sorted(_DE_SCALES, key=len, reverse=True))})\b)?",
    re.IGNORECASE,
)
_ENGLISH_WORD = "|".join(sorted([*_UNITS, *_TENS, *_SCALES, *_DOZEN], key=len, reverse=True))
_ENGLISH = re.compile(rf"\b(?:{_ENGLISH_WORD})(?:(?:[\s-]|\sand\s)(?:{_ENGLISH_WORD}))*\b", re.IGNORECASE)


class NumberWord(NamedTuple):
    """A number in words, and where it stands."""

    amount: int
    start: int
    end: int


def number_words(text: str) -> Iterator[NumberWord]:
    """Every number written as words; a bare scale word after digits (`3 million`) belongs to the digits."""
    for match in _ENGLISH.finditer(text):
        if _follows_digits(text, match.start()):
            continue
        yield NumberWord(_english(match[0]), match.start(), match.end())
    for match in _GERMAN.finditer(text):
        written = match[0].strip().lower()
        # `ein` is an article; a scale without a number is a word such as in “millions of”.
        if not (match["tausend"] or match["rest"]) or written in {"ein", "tausend"}:
            continue
        if not _follows_digits(text, match.start()):
            yield NumberWord(_german(match), match.start(), match.end())

    for match in _ROMANCE_WORD.finditer(text):
        yield NumberWord(_ROMANCE[match[0].lower()], match.start(), match.end())


def _follows_digits(text: str, start: int) -> bool:
    return bool(re.search(r"\d\s?$", text[max(0, start - 2) : start]))


def _english(words: str) -> int:
    total = group = 0
    for word in re.split(r"[\s-]+", words.lower()):
        if word in _UNITS or word in _TENS:
            group += _UNITS.get(word, 0) + _TENS.get(word, 0)
        elif word in _DOZEN:
            group = max(group, 1) * 12
        elif word == "hundred":
            group = max(group, 1) * 100
        elif word in _SCALES:
            total += max(group, 1) * _SCALES[word]
            group = 0
    return total + group


def _german(match: re.Match[str]) -> int:
    amount = 0
    if match["tausend"]:
        amount += (_german_below_1000(match["thousands"]) or 1) * 1_000
    amount += _german_below_1000(match["rest"])
    scale = (match["scale"] or "").lower()
    return (amount or 1) * _DE_SCALES[scale] if scale else amount


def _german_below_1000(word: str | None) -> int:
    if not word:
        return 0
    rest, amount = word.lower(), 0
    if "hundert" in rest:
        count, _, rest = rest.partition("hundert")
        amount = _DE_UNITS.get(count, 1) * 100
        rest = rest.removeprefix("und")
    if rest in _DE_UNITS:
        return amount + _DE_UNITS[rest]
    for ten, value in _DE_TENS.items():
        if rest.endswith(ten):
            return amount + value + _DE_UNITS.get(rest.removesuffix(ten).removesuffix("und"), 0)
    return amount
