"""Rows of a list and the counts of the views, from what the queue reads today."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from approvals.authority import same_person
from approvals.decisions import Actor, UtcDatetime, Value
from approvals.lifecycle import OPEN, State
from approvals.reading import Reading
from approvals.requests import Request

Sort = Literal["due", "newest", "value"]


class Filters(Value):
    """Which requests to list."""

    view: str = "mine"
    gate: str | None = None
    text: str | None = None
    sort: Sort = "due"
    requester: str | None = None
    claimed_by: str | None = None


class Listed(Value):
    """One row."""

    id: str
    title: str
    summary: str
    about: str
    amount: str | None
    currency: str | None
    gate: str
    kind: str
    state: State
    version: int
    risk: Literal["low", "medium", "high"]
    checks: int
    priority: str
    requester: str
    round: int
    opened_at: UtcDatetime
    due_at: UtcDatetime
    claimed_by: str | None
    claimed_until: UtcDatetime | None
    escalated: bool
    effective_at: UtcDatetime | None
    decided_by: str | None
    edited: bool


class ListOf(NamedTuple):
    """A page of rows."""

    rows: tuple[Listed, ...]
    total: int
    exact: bool
    next: str | None


def listed(reading: Reading, by: Actor, filters: Filters, *, limit: int, after: str | None = None) -> ListOf:
    """The rows of a view."""
    decided = filters.view == "decided"
    if filters.view in ("snoozed", "others"):
        return ListOf((), 0, True, None)
    page = reading.page(
        by,
        states=frozenset(State) - OPEN if decided else OPEN,
        gate=filters.gate,
        text=filters.text,
        mine=filters.view == "mine",
        limit=200,
        after=None,
    )
    rows = [as_row(request) for request in page.requests]
    if filters.view == "high":
        rows = [row for row in rows if row.risk == "high"]
    if filters.sort == "newest":
        rows.sort(key=lambda row: row.opened_at, reverse=True)
    if filters.sort == "value":
        rows.sort(key=lambda row: float(row.amount or 0), reverse=True)
    start = int(after or 0)
    following = str(start + limit) if start + limit < len(rows) else None
    return ListOf(tuple(rows[start : start + limit]), len(rows), True, following)


def counts(reading: Reading, by: Actor, views: tuple[str, ...]) -> dict[str, int]:
    """How many each view holds."""
    return {view: listed(reading, by, Filters(view=view), limit=1).total for view in views}


def as_row(request: Request) -> Listed:
    """The row of a request."""
    ruling = request.ruling if not request.is_open else None
    same = {"id", "title", "summary", "kind", "state", "version", "priority", "requester", "opened_at", "due_at"}
    same |= {"claimed_by", "claimed_until", "escalated", "effective_at"}
    return Listed(
        **{name: getattr(request, name) for name in same},
        about=about(request),
        amount=getattr(request, "amount", None),
        currency=getattr(request, "currency", None),
        gate=request.identity.gate,
        risk=risk(request),
        checks=checks(request),
        round=request.identity.round,
        decided_by=ruling.by.id if ruling else None,
        edited=bool(ruling and ruling.edited),
    )


def about(request: Request) -> str:
    """The company."""
    return str(getattr(request, "about", "") or "")


def risk(request: Request) -> Literal["low", "medium", "high"]:
    """How much attention it asks for."""
    found: Literal["low", "medium", "high"] | None = getattr(request, "risk", None)
    if found is not None:
        return found
    content = request.content
    if any(flag.severity == "high" for flag in content.flags):
        return "high"
    return "medium" if checks(request) else "low"


def checks(request: Request) -> int:
    """How many things there are to look at."""
    content = request.content
    return (
        sum(flag.severity != "info" for flag in content.flags)
        + sum(finding.support in ("unsupported", "partly") for finding in content.evidence.findings)
        + len(content.moved)
    )


def claimed(row: Listed, now: datetime) -> str | None:
    """Who holds it now."""
    held = row.claimed_by and row.claimed_until and row.claimed_until > now and row.state is State.CLAIMED
    return row.claimed_by if held else None


def is_mine(row: Listed, by: Actor, now: datetime) -> bool:
    """Whether this person holds it."""
    holder = claimed(row, now)
    return holder is not None and same_person(holder, by.id)
