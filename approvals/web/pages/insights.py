"""How the queue fares, in pictures: what waits, how fast it is decided, what people correct."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from math import ceil
from typing import NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from approvals.lifecycle import State
from approvals.requests import Request
from approvals.web import looks, words
from approvals.web.pages.visit import Visit, Visited

router = APIRouter(include_in_schema=False)

DAYS = 28
_STEP, _BAR = 10, 6
_MOST = 5_000
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


@router.get("/insights")
def insights(visit: Visited) -> Response:
    """The last four weeks of what this person may see."""
    found = _decided(visit)
    since = visit.now - timedelta(days=DAYS)
    recent = [one for one in found if one.ruling and one.ruling.at >= since]
    return visit.page(
        "insights.html",
        "insights",
        days=DAYS,
        figures=_figures(visit, recent),
        chart=_chart(recent, visit.now),
        corrected=_corrected(recent),
        fares=_fares(recent),
        people=_people(visit, recent),
        exact=len(found) < _MOST,
    )


def _decided(visit: Visit) -> list[Request]:
    """What people decided, newest first, as far as this person sees it."""
    states = frozenset({State.APPROVED, State.REJECTED, State.RETURNED})
    page = visit.at.reading.page(visit.by, states=states, limit=200)
    found = list(page.requests)
    while page.next is not None and len(found) < _MOST:
        page = visit.at.reading.page(visit.by, states=states, limit=200, after=page.next)
        found += page.requests
    return [one for one in found if one.ruling is not None and one.ruling.by.kind == "person"]


def _figures(visit: Visit, recent: list[Request]) -> tuple[Figure, ...]:
    waiting = visit.at.reading.counts(visit.by, ("all",))["all"]
    late = visit.at.reading.overdue(visit.by)
    waits = sorted((one.ruling.at - one.opened_at).total_seconds() for one in recent if one.ruling)
    middle = waits[len(waits) // 2] if waits else None
    number, unit = words.lasting(middle)
    plain = sum(_kind(one) == 0 for one in recent)
    share = f"{round(100 * plain / len(recent))}" if recent else "–"
    returned = sum(one.state is State.RETURNED for one in recent)
    again = f"{round(100 * returned / len(recent))}" if recent else "–"
    overdue = f"{late} overdue" if late else "none overdue"
    of = f"of {words.several(len(recent), 'decision')}"
    return (
        Figure("Waiting now", f"{waiting:,}", "", overdue, "no" if late else ""),
        Figure("Median time to decide", number, unit, "from request to decision"),
        Figure("Approved unchanged", share, "%" if recent else "", of),
        Figure("Sent back", again, "%" if recent else "", of),
    )


def _kind(one: Request) -> int:
    if one.state is not State.APPROVED:
        return 2
    return 1 if one.ruling and one.ruling.edited else 0


def _chart(recent: list[Request], now: datetime) -> Chart:
    first = (now - timedelta(days=DAYS - 1)).date()
    counted: dict[date, list[int]] = {first + timedelta(days=index): [0, 0, 0] for index in range(DAYS)}
    for one in recent:
        if one.ruling and one.ruling.at.date() in counted:
            counted[one.ruling.at.date()][_kind(one)] += 1
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


def _corrected(recent: list[Request]) -> tuple[Meter, ...]:
    of_gate = Counter(one.identity.gate for one in recent if one.state is State.APPROVED)
    touched: Counter[tuple[str, str]] = Counter()
    for one in recent:
        if one.ruling and one.state is State.APPROVED:
            fields = {_field(change.path) for change in one.ruling.changes}
            touched.update((one.identity.gate, field) for field in fields)
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


def _fares(recent: list[Request]) -> tuple[Meter, ...]:
    counted: dict[str, list[int]] = {}
    for one in recent:
        counted.setdefault(one.identity.gate, [0, 0, 0])[_kind(one)] += 1
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


class Reviewer(NamedTuple):
    """What one person decided."""

    name: str
    decided: int
    median: str
    edited: str
    refused: str


def _people(visit: Visit, recent: list[Request]) -> tuple[Reviewer, ...]:
    by: dict[str, list[Request]] = {}
    for one in recent:
        if one.ruling:
            by.setdefault(one.ruling.by.id.casefold(), []).append(one)
    rows = []
    for email, ones in sorted(by.items(), key=lambda item: -len(item[1])):
        waits = sorted((one.ruling.at - one.opened_at).total_seconds() for one in ones if one.ruling)
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
