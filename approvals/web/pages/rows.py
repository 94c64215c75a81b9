"""The rows of a list as they are shown, under the headings of their deadlines."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from approvals.filters import Filters
from approvals.lifecycle import State, is_open
from approvals.ports import Listed
from approvals.web import words
from approvals.web.looks import Look, gate
from approvals.web.pages.visit import Visit, Who

_OUTCOMES = {
    State.APPROVED: ("Approved", "ok"),
    State.REJECTED: ("Rejected", "no"),
    State.RETURNED: ("Sent back", "wa"),
    State.EXPIRED: ("Expired", ""),
    State.WITHDRAWN: ("Withdrawn", ""),
}


class Row(NamedTuple):
    """One request in a list."""

    id: str
    version: int
    href: str
    title: str
    about: str
    summary: str
    look: Look
    due: words.Due
    due_at: datetime
    money: str
    amount: str
    currency: str
    risk: str
    checks: int
    round: int
    holder: Who | None
    outcome: tuple[str, str] | None
    bulk: bool


class Group(NamedTuple):
    """Rows under one heading."""

    heading: str
    late: bool
    rows: tuple[Row, ...]


def context_of(filters: Filters) -> str:
    """The list that a request was opened from, as the end of an address."""
    query = filters.query()
    return f"?{query}" if query else ""


def row(visit: Visit, listed: Listed, context: str, now: datetime) -> Row:
    """The row of a request."""
    opened = is_open(listed.state)
    holder = claimed(listed, now)
    decider = None if opened else listed.decided_by
    outcome = None if opened else _OUTCOMES[listed.state]
    if outcome and listed.edited and listed.state is State.APPROVED:
        outcome = ("Approved with edits", "acc")
    return Row(
        id=listed.id,
        version=listed.version,
        href=f"/r/{listed.id}{context}",
        title=listed.title,
        # Said once: a title that names the company needs no second naming.
        about="" if listed.about.casefold() in listed.title.casefold() else listed.about,
        summary=listed.summary,
        look=gate(listed.gate),
        due=words.due(listed.due_at, now) if opened else words.Due(_decided(listed, now), ""),
        due_at=listed.due_at if opened else listed.effective_at or listed.due_at,
        money=words.money(listed.amount, listed.currency),
        amount=listed.amount or "",
        currency=listed.currency or "",
        risk=listed.risk,
        checks=listed.checks,
        round=listed.round,
        holder=visit.known(holder or decider),
        outcome=outcome,
        bulk=opened and listed.risk == "low",
    )


def grouped(visit: Visit, rows: tuple[Listed, ...], filters: Filters) -> tuple[Group, ...]:
    """The rows under their headings: deadlines, or days where they were decided; none where sorted otherwise."""
    now, context = visit.now, context_of(filters)

    def heading(listed: Listed) -> str:
        if filters.view == "decided":
            return words.day(listed.effective_at or listed.due_at, now)
        if filters.order == "due":
            return words.group(listed.due_at, now)
        return "Newest first" if filters.order == "newest" else "Highest value first"

    return tuple(
        Group(name, name == "Overdue", tuple(row(visit, one, context, now) for one in ones))
        for name, ones in groupby(rows, key=heading)
    )


def _decided(listed: Listed, now: datetime) -> str:
    return words.ago(min(listed.effective_at, now), now) if listed.effective_at else ""


def claimed(listed: Listed, now: datetime) -> str | None:
    """Who holds it now."""
    held = listed.state is State.CLAIMED and listed.claimed_until is not None and listed.claimed_until > now
    return listed.claimed_by if held else None
