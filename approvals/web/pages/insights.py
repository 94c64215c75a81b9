"""How the queue fares, in pictures: what waits, how fast it is decided, what people correct."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from math import ceil
from typing import NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from approvals.lifecycle import State
from approvals.ports import Decided
from approvals.web import looks, words
from approvals.web.pages.visit import Visit, Visited

router = APIRouter(include_in_schema=False)

DAYS = 28
_STEP, _BAR = 10, 6
_FRESH = 60.0
_KINDS = ("approved", "edited", "refused")


class Figure(NamedTuple):
    """One number that matters."""

    name: str
    value: str
    unit: str
    told: str
    tone: str = ""


class Bar(NamedTuple):
    """One part of a day's bar."""

    x: float
    y: float
    width: float
    height: float
    kind: int
    title: str


class Day(NamedTuple):
    """What was decided on one day."""

    name: str
    approved: int
    edited: int
    refused: int
    mark: str


class Chart(NamedTuple):
    """Decisions per day."""

    width: int
    bars: tuple[Bar, ...]
    scale: tuple[str, ...]
    table: tuple[Day, ...]
    told: str


class Meter(NamedTuple):
    """A share, drawn as a bar of a hundred."""

    name: str
    note: str
    parts: tuple[tuple[int, float, float], ...]
    value: str
    title: str


class Reviewer(NamedTuple):
    """What one person decided."""

    name: str
    decided: int
    median: str
    edited: str
    refused: str


@router.get("/insights")
def insights(visit: Visited) -> Response:
    """The last four weeks of what this person may see."""
    with visit.one_moment():
        read = _read(visit)
        waiting = visit.at.reading.counts(visit.by, ("all",))["all"]
        late = visit.at.reading.overdue(visit.by)
        overdue = f"{late} overdue" if late else "none overdue"
        now_waiting = Figure("Waiting now", f"{waiting:,}", "", overdue, "no" if late else "")
        return visit.page(
            "insights.html",
            "insights",
            days=DAYS,
            figures=(now_waiting, *read.figures),
            chart=read.chart,
            corrected=read.corrected,
            fares=read.fares,
            people=read.people,
        )


class _Read(NamedTuple):
    """What was read for everybody of the same groups; four weeks do not change by the second."""

    at: float
    figures: tuple[Figure, ...]
    chart: Chart
    corrected: tuple[Meter, ...]
    fares: tuple[Meter, ...]
    people: tuple[Reviewer, ...]


def _read(visit: Visit) -> _Read:
    """The figures of these days, from at most a minute ago."""
    person = visit.visitor.person
    key = None if person.role in ("admin", "viewer") else frozenset(person.groups)
    kept: dict[frozenset[str] | None, _Read] = visit.at.insights
    read, now = kept.get(key), visit.now.timestamp()
    if read is None or not 0 <= now - read.at < _FRESH:
        recent = list(visit.at.reading.decided(visit.by, visit.now - timedelta(days=DAYS)))
        pictures = (_chart(recent, visit.now), _corrected(recent), _fares(recent), _people(visit, recent))
        read = kept[key] = _Read(now, _figures(recent), *pictures)
    return read


def _figures(recent: list[Decided]) -> tuple[Figure, ...]:
    waits = sorted(one.seconds for one in recent)
    middle = waits[len(waits) // 2] if waits else None
    number, unit = words.lasting(middle)
    plain = sum(_kind(one) == 0 for one in recent)
    share = f"{round(100 * plain / len(recent))}" if recent else "–"
    returned = sum(one.state is State.RETURNED for one in recent)
    again = f"{round(100 * returned / len(recent))}" if recent else "–"
    of = f"of {words.several(len(recent), 'decision')}"
    return (
        Figure("Median time to decide", number, unit, "from request to decision"),
        Figure("Approved unchanged", share, "%" if recent else "", of),
        Figure("Sent back", again, "%" if recent else "", of),
    )


def _kind(one: Decided) -> int:
    if one.state is not State.APPROVED:
        return 2
    return 1 if one.edited else 0


def _chart(recent: list[Decided], now: datetime) -> Chart:
    first = (now - timedelta(days=DAYS - 1)).date()
    counted: dict[date, list[int]] = {first + timedelta(days=index): [0, 0, 0] for index in range(DAYS)}
    for one in recent:
        if one.at.date() in counted:
            counted[one.at.date()][_kind(one)] += 1
    top = _round_up(max((sum(counts) for counts in counted.values()), default=0))
    bars: list[Bar] = []
    table: list[Day] = []
    for index, (at, counts) in enumerate(counted.items()):
        name = f"{at.day} {at:%b}"
        table.append(Day(f"{at:%a} {name}", counts[0], counts[1], counts[2], name if at.weekday() == 0 else ""))
        x, y = _STEP * index + (_STEP - _BAR) / 2, 100.0
        for kind, number in enumerate(counts):
            height = 100 * number / top
            y -= height
            if number:
                title = f"{at:%A} {name}: {number} {_NAMES[kind]}"
                bars.append(Bar(x, round(y, 2), _BAR, round(max(height - 0.6, 0.5), 2), kind + 1, title))
    total = words.several(sum(map(sum, counted.values())), "decision")
    return Chart(
        width=_STEP * DAYS,
        bars=tuple(bars),
        scale=tuple(f"{top * part // 4:,}" for part in (4, 3, 2, 1)),
        table=tuple(table),
        told=f"{total} in {DAYS} days, at most {max(map(sum, counted.values()))} a day",
    )


_NAMES = ("approved unchanged", "approved with edits", "rejected or sent back")


def _round_up(number: int) -> int:
    """The next number that four steps divide."""
    step = 10 ** max(0, len(str(max(number, 1))) - 2) * 4
    return max(4, ceil(number / step) * step)


def _corrected(recent: list[Decided]) -> tuple[Meter, ...]:
    of_gate = Counter(one.gate for one in recent if one.state is State.APPROVED)
    touched: Counter[tuple[str, str]] = Counter()
    for one in recent:
        if one.state is State.APPROVED:
            touched.update((one.gate, field) for field in {_field(path) for path in one.paths})
    shares = sorted(((n / of_gate[gate], gate, field, n) for (gate, field), n in touched.items()), reverse=True)
    most = shares[0][0] if shares else 1
    return tuple(
        Meter(
            f"{looks.gate(gate).label} · {field}",
            "",
            ((2, 0.0, round(100 * share / most, 1)),),
            f"{round(100 * share)} %",
            f"{number} of {of_gate[gate]} approved",
        )
        for share, gate, field, number in shares[:8]
    )


def _field(path: str) -> str:
    parts = [part for part in path.split(".") if not part.isdigit()]
    return looks.label(parts[0] if len(parts) < 2 else f"{parts[0]} {parts[-1]}") if parts else "The document"


def _fares(recent: list[Decided]) -> tuple[Meter, ...]:
    counted: dict[str, list[int]] = {}
    for one in recent:
        counted.setdefault(one.gate, [0, 0, 0])[_kind(one)] += 1
    rows = sorted(counted.items(), key=lambda item: -item[1][0] / sum(item[1]))
    return tuple(_fare(looks.gate(gate).label, counts) for gate, counts in rows)


def _fare(name: str, counts: list[int]) -> Meter:
    total, x, parts = sum(counts), 0.0, []
    for kind, number in enumerate(counts):
        width = 100 * number / total
        parts.append((kind + 1, round(x, 2), round(width, 2)))
        x += width
    title = ", ".join(f"{number} {_NAMES[kind]}" for kind, number in enumerate(counts))
    return Meter(name, f"{total:,}", tuple(parts), f"{round(100 * counts[0] / total)} %", title)


def _people(visit: Visit, recent: list[Decided]) -> tuple[Reviewer, ...]:
    by: dict[str, list[Decided]] = {}
    for one in recent:
        by.setdefault(one.person.casefold(), []).append(one)
    rows = []
    for email, ones in sorted(by.items(), key=lambda item: -len(item[1])):
        waits = sorted(one.seconds for one in ones)
        kinds = Counter(map(_kind, ones))
        rows.append(
            Reviewer(
                visit.named(email),
                len(ones),
                words.span(waits[len(waits) // 2]),
                f"{round(100 * kinds[1] / len(ones))} %",
                f"{round(100 * kinds[2] / len(ones))} %",
            )
        )
    return tuple(rows)
