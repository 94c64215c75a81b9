"""Which requests to show, to lapse, to wake and to look after: one predicate for a list and for its count."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, literal, or_, select, tuple_

from approvals.errors import NotFound
from approvals.lifecycle import OPEN
from approvals.ports import PageOf, Wanted
from approvals.requests import Request
from approvals.store.rows import content_of, folded, instant, request_of, ruling_of, stored
from approvals.store.tables import CONTENT, REQUEST, RULING

_EARLIER = RULING.alias("earlier")
# Correlated by hand: the latest ruling that nobody took back.
_STANDING = (
    select(func.max(_EARLIER.c.seq))
    .where(_EARLIER.c.request_id == REQUEST.c.id, _EARLIER.c.recalled == 0)
    .correlate(REQUEST)
    .scalar_subquery()
)
_WHOLE = select(*REQUEST.columns, *CONTENT.columns, *RULING.columns).select_from(
    REQUEST.join(CONTENT, and_(CONTENT.c.request_id == REQUEST.c.id, CONTENT.c.version == REQUEST.c.version)).outerjoin(
        RULING, and_(RULING.c.request_id == REQUEST.c.id, RULING.c.seq == _STANDING)
    )
)
_WIDTHS = (len(REQUEST.columns), len(REQUEST.columns) + len(CONTENT.columns))
_NAMES = tuple([column.name for column in table.columns] for table in (REQUEST, CONTENT, RULING))


def requests(
    connection: Connection,
    *where: ColumnElement[bool],
    order: tuple[ColumnElement[Any], ...] = (),
    limit: int | None = None,
) -> tuple[Request, ...]:
    """The requests that fit, each with its current content and the ruling that stands."""
    found = connection.execute(_WHOLE.where(*where).order_by(*order).limit(limit))
    return tuple(_request(tuple(row)) for row in found)


def _request(row: tuple[Any, ...]) -> Request:
    first, second = _WIDTHS
    request, content, ruling = (
        dict(zip(names, part, strict=True))
        for names, part in zip(_NAMES, (row[:first], row[first:second], row[second:]), strict=True)
    )
    answered = ruling["request_id"] is not None
    return request_of(request, content_of(content), ruling_of(ruling) if answered else None)


def occurs(connection: Connection, text: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the text stands somewhere in the column, letter for letter; no character is special."""
    position = func.strpos if connection.dialect.name == "postgresql" else func.instr
    return position(column, stored(text)) > 0


def page(connection: Connection, wanted: Wanted, limit: int, after: str | None) -> PageOf:
    """A page of requests, soonest due first, with the count of all that fit."""
    fits = _predicate(connection, wanted)
    total = connection.execute(select(func.count()).select_from(REQUEST).where(*fits)).scalar_one()
    place = tuple_(REQUEST.c.due_at, REQUEST.c.id)
    from_here = [*fits, place > tuple_(*(literal(part) for part in _place_of(after)))] if after is not None else fits
    # Places first, then whole requests: sorting should not carry documents.
    chosen = select(REQUEST.c.id).where(*from_here).order_by(REQUEST.c.due_at, REQUEST.c.id).limit(limit + 1)
    ids = list(connection.execute(chosen).scalars())
    shown = requests(connection, REQUEST.c.id.in_(ids[:limit]), order=(REQUEST.c.due_at, REQUEST.c.id))
    more = len(ids) > limit and shown
    return PageOf(requests=shown, total=total, next=_cursor(shown[-1]) if more else None)


def _predicate(connection: Connection, wanted: Wanted) -> list[ColumnElement[bool]]:
    fits: list[ColumnElement[bool]] = []
    if wanted.states is not None:
        fits.append(REQUEST.c.state.in_(sorted(wanted.states)))
    if wanted.groups is not None:
        turns = [occurs(connection, f"|{group}|", REQUEST.c.asked) for group in sorted(wanted.groups)]
        fits.append(or_(*turns) if turns else false())
    for column, value in (("gate", wanted.gate), ("run", wanted.run), ("requester", wanted.requester)):
        if value is not None:
            fits.append(REQUEST.c[column] == stored(value))
    if wanted.text and (text := folded(wanted.text).strip()):
        fits.append(occurs(connection, text, REQUEST.c.searched))
    return fits


def _cursor(request: Request) -> str:
    place = json.dumps([instant(request.due_at), request.id])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place_of(cursor: str) -> tuple[str, str]:
    try:
        due_at, request_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(due_at, str) and isinstance(request_id, str):
            return stored(due_at), stored(request_id)
    except (ValueError, TypeError, binascii.Error):
        pass
    raise NotFound(f"There is no page {cursor!r}; begin with the first.")


def overdue(connection: Connection, now: datetime, limit: int) -> tuple[str, ...]:
    """Ids of open requests whose deadline has come, oldest first."""
    late = select(REQUEST.c.id).where(REQUEST.c.state.in_(sorted(OPEN)), REQUEST.c.due_at <= instant(now))
    return tuple(connection.execute(late.order_by(REQUEST.c.due_at, REQUEST.c.id).limit(limit)).scalars())


def to_wake(connection: Connection, now: datetime, limit: int) -> tuple[Request, ...]:
    """Answered requests whose answer counts and was not taken up, oldest first."""
    return requests(
        connection,
        REQUEST.c.wake_since.is_not(None),
        REQUEST.c.taken_up_at.is_(None),
        REQUEST.c.effective_at <= instant(now),
        order=(REQUEST.c.wake_since, REQUEST.c.id),
        limit=limit,
    )


def untaken(connection: Connection, run: str) -> tuple[Request, ...]:
    """The requests of a run whose answer was not taken up yet, open ones included, by id."""
    return requests(connection, REQUEST.c.run == stored(run), REQUEST.c.taken_up_at.is_(None), order=(REQUEST.c.id,))


def waiting(connection: Connection, limit: int, after: str | None) -> tuple[Request, ...]:
    """Open requests by id, after this one."""
    where = [REQUEST.c.state.in_(sorted(OPEN))]
    if after is not None:
        where.append(REQUEST.c.id > stored(after))
    return requests(connection, *where, order=(REQUEST.c.id,), limit=limit)
