"""What happened and when: dated entries of news lists, articles and time elements. No date is ever guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from agents.documents import FactKey
from agents.research.candidates import Candidate, in_line
from agents.research.pages import Line, ReadPage
from agents.research.vocabulary import heading_key

_NAMES = {
    1: "january|jan|januar|jänner|janvier|janv|enero|ene", 2: "february|feb|februar|février|févr|febrero",
        3: "march|mar|märz|mär|mars|marzo",
    4: "april|apr|avril|avr|abril|abr", 5: "may|mai|mayo", 6: "june|jun|juni|juin|junio",
        7: "july|jul|juli|juillet|juil|julio",
    8: "august|aug|août|agosto|ago", 9: "september|sept|sep|septembre|septiembre",
        10: "october|oct|oktober|okt|octobre|octubre",
    11: "november|nov|novembre|noviembre", 12: "december|dec|dezember|dez|décembre|déc|diciembre|dic",
}  # fmt: skip
_MONTH = {name: number for number, names in _NAMES.items() for name in names.split("|")}
_ANY_MONTH = "|".join(sorted(_MONTH, key=len, reverse=True))
_DATES = (
    re.compile(r"\b(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?:T[\d:.+Z-]*)?\b"),
    re.compile(
        r"\b(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s(?:de |of )?(?P<n>"
        + _ANY_MONTH
        + r")\.?,?\s(?:de |del )?(?P<y>(?:19|20)\d\d)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?P<n>" + _ANY_MONTH + r")\.?\s(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s(?P<y>(?:19|20)\d\d)\b", re.IGNORECASE
    ),
    re.compile(r"\b(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>(?:19|20)\d\d)\b"),
    re.compile(r"\b(?P<n>" + _ANY_MONTH + r")\.?\s(?:de |del )?(?P<y>(?:19|20)\d\d)\b", re.IGNORECASE),
)
_ONLY_YEAR = re.compile(r"^(?P<y>(?:19|20)\d\d)\s?[:–—-]\s")
_BARE = re.compile(
    r"^\W*(?:posted|published|updated|date|veröffentlicht|publié|publicado)?(?: on| am| le| el)?\W*$", re.IGNORECASE
)
_NOT_NEWS = re.compile(
    r"©|copyright|all rights|last (?:updated|modified)|stand:|version|opening|privacy|terms|cookie"
    r"|valid until|expires|born|deadline|apply by|gültig|\b(?:hrb|register)\b|effective date",
    re.IGNORECASE,
)


def news(page: ReadPage) -> Iterator[Candidate]:
    """Dated entries: a date with the title beside, above or below it in the same entry."""
    used: set[int] = set()
    for index, line in enumerate(page.lines):
        if line.excluded or line.quoted or index in used or line.region == "nav" or _NOT_NEWS.search(line.text[:200]):
            continue
        below_news = any(heading_key(page.lines[h].text) is FactKey.NEWS for h in page.headings_above(index))
        found = date_in(line.text[:200])
        if found is None and below_news and (only := _ONLY_YEAR.match(line.text)):
            found = (only["y"], only.span())
        if found is not None:
            yield from _dated(page, index, found, below_news, used)
        elif line.when and line.item >= 0 and (when := iso_date(line.when)) and line.level:
            used.add(index)
            yield in_line(line, FactKey.NEWS, line.text, (0, len(line.text)), 0.75, as_of=when)


def _dated(
    page: ReadPage, index: int, found: tuple[str, tuple[int, int]], below_news: bool, used: set[int]
) -> Iterator[Candidate]:
    line = page.lines[index]
    when, (start, end) = found
    rest = (line.text[:start] + line.text[end:]).strip(" ,.:;|–—-·•()")
    if len(rest) >= 8 and not _BARE.match(rest):
        at_edge = start <= 3 or end >= len(line.text) - 2
        if (
            not (below_news and at_edge)
            and not (at_edge and line.tag == "li" and start <= 3)
            and not (line.when and at_edge)
        ):
            return
        after = line.text[end:].strip(" ,.:;|–—-·•()")
        title = after if len(after) >= 8 else line.text[:start].strip(" ,.:;|–—-·•()")
        used.add(index)
        yield in_line(
            line,
            FactKey.NEWS,
            _title(title),
            (0, min(len(line.text), 500)),
            0.78 if below_news else 0.65,
            as_of=when,
        )
        return
    if not (below_news or line.when or line.item >= 0):
        return
    other = _partner(page, index, line)
    if other is None or other in used:
        return
    used.update((index, other))
    first, last = sorted((index, other))
    yield Candidate(
        FactKey.NEWS,
        _title(page.lines[other].text),
        "text",
        page.lines[first].start,
        page.lines[last].end,
        "rule",
        0.78 if below_news else 0.68,
        when,
    )


def _partner(page: ReadPage, index: int, line: Line) -> int | None:
    """The title that belongs to a date standing alone: the heading of its entry, else the line below it."""
    same = [
        n
        for n in range(max(0, index - 3), min(len(page.lines), index + 4))
        if n != index and line.item >= 0 and page.lines[n].item == line.item
    ]
    near = same or ([index + 1] if index + 1 < len(page.lines) else [])
    if not same and line.row >= 0:
        near = [n for n in (index + 1, index - 1) if 0 <= n < len(page.lines) and page.lines[n].row == line.row]
    elif (
        not same
        and line.heading == index - 1
        and heading_key(page.lines[index - 1].text) is None
        and page.lines[index - 1].level > 1
    ):
        near = [index - 1]
    ranked = sorted(near, key=lambda n: (not page.lines[n].level, abs(n - index)))
    for number in ranked:
        text = page.lines[number].text
        if (
            8 <= len(text) <= 300
            and date_in(text) is None
            and not page.lines[number].excluded
            and heading_key(text) is not FactKey.NEWS
        ):
            return number
    return None


def _title(text: str) -> str:
    if len(text) <= 160:
        return text
    stop = re.search(r"[.!?]\s", text[:300])
    return text[: stop.start() + 1] if stop else text[:160].rsplit(" ", 1)[0]


def date_in(text: str) -> tuple[str, tuple[int, int]] | None:
    """The first date of a text as ISO (day or month), and where it stands; of 03/04/2026 only the year is sure."""
    best: tuple[str, tuple[int, int]] | None = None
    for pattern in _DATES:
        match = pattern.search(text)
        if match is None or (best is not None and match.start() >= best[1][0]):
            continue
        groups = match.groupdict()
        month = int(groups["m"]) if groups.get("m") else _MONTH.get((groups.get("n") or "").lower(), 0)
        day = int(groups["d"]) if groups.get("d") else 0
        if month > 12 >= day > 0:  # the American order
            month, day = day, month
        elif pattern is _DATES[3] and "/" in match[0] and day <= 12 and day != month:
            best = (groups["y"], match.span())
            continue
        if (iso := _iso(int(groups["y"]), month, day)) is not None:
            best = (iso, match.span())
    return best


def iso_date(value: str) -> str | None:
    """An ISO date or month at the beginning of a machine-readable value."""
    match = re.match(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?=$|T|\s)", value.strip())
    if match is None:
        return None
    return _iso(int(match[1]), int(match[2] or 0), int(match[3] or 0)) if match[2] else match[1]


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        date(year, month, day or 1)
    except ValueError:
        return None
    return f"{year:04d}-{month:02d}-{day:02d}" if day else f"{year:04d}-{month:02d}"
