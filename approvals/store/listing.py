"""Which requests to show, to lapse, to wake and to look after: one predicate for a list and for its count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Executable, and_, bindparam, func, or_, select

from approvals.lifecycle import OPEN, State
from approvals.ports import Decided, Listed, ListOf, PageOf, Sort, Wanted
from approvals.requests import Request
from approvals.store import facets, prepared
from approvals.store.predicates import Chosen, place_of
from approvals.store.rows import (
    actor_of,
    content_of,
    instant,
    listed_of,
    plain,
    request_of,
    ruling_of,
    stored,
    unstored,
)
from approvals.store.tables import CONTENT, REQUEST, RULING

Known = Sequence[facets.Facet]
"""Every facet that some request has now."""

_EARLIER = RULING.alias("earlier")
# Correlated by hand: the latest ruling that nobody took back.
_STANDING = (
    select(func.max(_EARLIER.c.seq))
    .where(_EARLIER.c.request_id == REQUEST.c.id, _EARLIER.c.recalled == 0)
    .correlate(REQUEST)
    .scalar_subquery()
)
_RULED = and_(RULING.c.request_id == REQUEST.c.id, RULING.c.seq == _STANDING)
_WHOLE = select(*REQUEST.columns, *CONTENT.columns, *RULING.columns).select_from(
    REQUEST.join(CONTENT, and_(CONTENT.c.request_id == REQUEST.c.id, CONTENT.c.version == REQUEST.c.version)).outerjoin(
        RULING, _RULED
    )
)
_WIDTHS = (len(REQUEST.columns), len(REQUEST.columns) + len(CONTENT.columns))
_NAMES = tuple([column.name for column in table.columns] for table in (REQUEST, CONTENT, RULING))
_SLIM = tuple(
    REQUEST.c[name]
    for name in (
        "id", "title", "summary", "about", "amount", "currency", "gate", "kind", "state", "version", "risk", "checks",
        "priority", "requester", "round", "run_flow", "opened_at", "due_at", "claimed_by", "claimed_until",
        "escalated", "effective_at", "taken_up_at",
    )
)  # fmt: skip
_LISTED_NAMES = (*(column.name for column in _SLIM), "actor", "edited")
_LISTED = select(*_SLIM, RULING.c.actor.label("actor"), RULING.c.edited.label("edited")).select_from(
    REQUEST.outerjoin(RULING, _RULED)
)


def requests(
    connection: Connection,
    *where: ColumnElement[bool],
    order: tuple[ColumnElement[Any], ...] = (),
    limit: int | None = None,
) -> tuple[Request, ...]:
    """The requests that fit, each with its current content and the ruling that stands."""
    terms = prepared.Terms.of(where) if limit is None and all(isinstance(one, Column) for one in order) else None
    if terms is None:
        found = connection.execute(_WHOLE.where(*where).order_by(*order).limit(limit))
        return tuple(_request(tuple(row)) for row in found)
    known = ("requests", terms.key, tuple(str(one) for one in order))

    def made() -> Executable:
        return _WHOLE.where(*terms.columns).order_by(*order)

    return tuple(_request(row) for row in prepared.ask(connection, known, made, terms.values).all())


def request(connection: Connection, request_id: str) -> Request | None:
    """The request of this id."""
    asked = {"of": stored(request_id)}
    row = prepared.ask(connection, "request", lambda: _WHOLE.where(REQUEST.c.id == bindparam("of")), asked).first()
    return None if row is None else _request(tuple(row))


def _request(row: tuple[Any, ...]) -> Request:
    first, second = _WIDTHS
    request, content, ruling = (
        dict(zip(names, part, strict=True))
        for names, part in zip(_NAMES, (row[:first], row[first:second], row[second:]), strict=True)
    )
    answered = ruling["request_id"] is not None
    return request_of(request, content_of(content), ruling_of(ruling) if answered else None)


def page(connection: Connection, known: Known, wanted: Wanted, limit: int, after: str | None) -> PageOf:
    """A page of whole requests, soonest due first, with the count of all that fit."""
    chosen = Chosen(connection, wanted, known)
    ids, following = chosen.ids("due", limit, after)
    shown = requests(connection, REQUEST.c.id.in_(ids), order=(REQUEST.c.due_at, REQUEST.c.id)) if ids else ()
    return PageOf(requests=shown, total=chosen.total()[0], next=following)


def listed(connection: Connection, known: Known, wanted: Wanted, sort: Sort, limit: int, after: str | None) -> ListOf:
    """A page of rows in this order, with the count of all that fit."""
    chosen = Chosen(connection, wanted, known)
    ids, following = chosen.ids(sort, limit, after)
    found = _rows_of(connection, ids)
    total, exact = chosen.total()
    return ListOf(rows=tuple(found[one] for one in ids), total=total, exact=exact, next=following)


def around(
    connection: Connection, known: Known, wanted: Wanted, sort: Sort, of: Request
) -> tuple[Listed | None, Listed | None]:
    """The rows before and after a request in this list; of one that is not in it, only the first of all."""
    before, after = Chosen(connection, wanted, known).around(sort, place_of(of, sort), of.id)
    found = _rows_of(connection, [one for one in (before, after) if one is not None])
    return found.get(before or ""), found.get(after or "")


def _rows_of(connection: Connection, ids: Sequence[str]) -> dict[str, Listed]:
    found: dict[str, Listed] = {}
    if ids:
        asked = {f"id_{number}": one for number, one in enumerate(ids)}
        these = REQUEST.c.id.in_([bindparam(name) for name in asked])
        for row in prepared.ask(connection, ("listed", len(ids)), lambda: _LISTED.where(these), asked).all():
            found[row[0]] = listed_of(dict(zip(_LISTED_NAMES, row, strict=True)))
    return found


def counts(connection: Connection, known: Known, wanted: Sequence[Wanted]) -> tuple[int, ...]:
    """How many each of these fits."""
    return tuple(Chosen(connection, one, known).total()[0] for one in wanted)


def decided(connection: Connection, known: Known, wanted: Wanted, since: datetime) -> Iterator[Decided]:
    """What people decided since then and what stands, of these groups' requests."""
    among = [facet.key for facet in facets.fitting(known, wanted)]
    if not among:
        return
    asked = {"since": instant(since), **{f"facet_{number}": key for number, key in enumerate(among)}}
    these = REQUEST.c.facet.in_([bindparam(name) for name in asked if name != "since"])
    columns = (
        REQUEST.c.gate, REQUEST.c.state, REQUEST.c.opened_at, RULING.c.actor, RULING.c.at, RULING.c.edited,
        RULING.c.changes,
    )  # fmt: skip

    def made() -> Executable:
        return (
            select(*columns)
            .join(REQUEST, REQUEST.c.id == RULING.c.request_id)
            .where(RULING.c.at >= bindparam("since"), RULING.c.recalled == 0, these)
        )

    for gate, state, opened_at, actor, at, edited, changes in prepared.ask(
        connection, ("decided", len(among)), made, asked
    ):
        by = actor_of(actor)
        if by.kind == "person":
            when = datetime.fromisoformat(at)
            paths = tuple(change["path"] for change in json.loads(changes)) if edited else ()
            waited = (when - datetime.fromisoformat(opened_at)).total_seconds()
            yield Decided(str(unstored({"": gate})[""]), State(state), by.id, when, waited, bool(edited), paths)


def overdue(connection: Connection, now: datetime, limit: int) -> tuple[str, ...]:
    """Ids of open requests whose deadline has come, oldest first."""
    late = select(REQUEST.c.id).where(REQUEST.c.state.in_(sorted(OPEN)), REQUEST.c.due_at <= instant(now))
    return tuple(connection.execute(late.order_by(REQUEST.c.due_at, REQUEST.c.id).limit(limit)).scalars())


def to_wake(connection: Connection, now: datetime, limit: int, after: Request | None) -> tuple[Request, ...]:
    """Answered requests whose answer counts and was not taken up, oldest first, after this one."""
    later = []
    if after is not None and after.wake_since is not None:
        since = instant(after.wake_since)
        same = and_(REQUEST.c.wake_since == since, REQUEST.c.id > stored(after.id))
        later.append(or_(REQUEST.c.wake_since > since, same))
    return requests(
        connection,
        *later,
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
    return requests(connection, *_waiting(after), order=(REQUEST.c.id,), limit=limit)


def waiting_runs(connection: Connection, limit: int, after: str | None) -> tuple[tuple[str, str], ...]:
    """The same as (id, run)."""
    query = select(REQUEST.c.id, REQUEST.c.run_id).where(*_waiting(after)).order_by(REQUEST.c.id).limit(limit)
    return tuple((request_id, plain(run)) for request_id, run in connection.execute(query))


def _waiting(after: str | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [REQUEST.c.state.in_(sorted(OPEN))]
    if after is not None:
        where.append(REQUEST.c.id > stored(after))
    return where
