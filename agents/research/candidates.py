"""What a rule proposes: a value, where its quote stands, and how sure the method is. Not yet a fact."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

from agents.documents import FactKey
from agents.research.pages import Line, ReadPage

Method = Literal["jsonld", "microdata", "opengraph", "link", "rule"]
Part = Literal["text", "markup"]

MAX_VALUE = 400
MAX_QUOTE = 600


@dataclass(frozen=True, slots=True)
class Candidate:
    """One value a rule found on one page; its quote is whatever stands at [start:end]."""

    key: FactKey
    value: str
    part: Part
    start: int
    end: int
    method: Method
    confidence: float
    as_of: str | None = None
    about: str = ""


def squeezed(value: str) -> str:
    """The value on one line, line breaks read as commas."""
    lines = [" ".join(line.split()).strip(" ,;") for line in value.split("\n")]
    return ", ".join(line for line in lines if line)


def folded(value: str) -> str:
    """Letters and digits alone, lower case, without accents: for comparing, never for showing."""
    plain = unicodedata.normalize("NFKD", value.replace("ß", "ss").replace("ø", "o").replace("Ø", "O").casefold())
    return "".join(char for char in plain if char.isalnum())


def words_of(value: str) -> tuple[str, ...]:
    """The folded words of a name."""
    return tuple(word for word in (folded(part) for part in re.split(r"[\s\-–/&,.+]+", value)) if word)


def in_line(
    line: Line,
    key: FactKey,
    value: str,
    span: tuple[int, int],
    confidence: float,
    *,
    as_of: str | None = None,
    method: Method = "rule",
) -> Candidate:
    """A candidate whose quote is `span` of this line."""
    # By the line's own words: a description stands in the page's source, beyond the end of its text.
    first, last = span
    while first < last and line.text[first].isspace():
        first += 1
    while last > first and line.text[last - 1].isspace():
        last -= 1
    start, end = line.start + first, line.start + last
    if end - start > MAX_QUOTE:
        end = start + MAX_QUOTE
    return Candidate(key, squeezed(value)[:MAX_VALUE].strip(), "text", start, end, method, confidence, as_of)


def preferring_text(page: ReadPage, candidate: Candidate) -> Candidate:
    """The same value quoted from the visible text, where its words stand there too: people can look that up."""
    if candidate.part == "text" or len(candidate.value) < 6 or candidate.value.isdigit():
        return candidate  # a bare number would be quoted from wherever it first stands
    at = page.text.find(candidate.value)
    if at < 0:
        return candidate
    before, after = page.text[at - 1 : at], page.text[at + len(candidate.value) : at + len(candidate.value) + 1]
    if before.isalnum() or after.isalnum():
        return candidate
    return replace(candidate, part="text", start=at, end=at + len(candidate.value))
