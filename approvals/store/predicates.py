"""What is wanted, as SQL: where a list begins and goes on, and how many there are of it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    union,
    union_all,
)

from approvals.errors import NotFound
from approvals.ports import Sort, Wanted
from approvals.store import searching
from approvals.store.facets import Facet, every, fitting
from approvals.store.rows import folded, instant, stored
from approvals.store.tables import REQUEST, SIGNOFF, SNOOZE

_ALONG = 120
"""Facets that are walked one by one; of more, the database sorts what fits."""


class _Order(NamedTuple):
    column: str
    descending: bool


_ORDERS: dict[Sort, _Order] = {
    "due": _Order("due_at", descending=False),
    "newest": _Order("opened_at", descending=True),
    "value": _Order("worth", descending=True),
    "decided": _Order("effective_at", descending=True),
}


def occurs(connection: Connection, text: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the text stands somewhere in the column, letter for letter; no character is special."""
    position = func.strpos if connection.dialect.name == "postgresql" else func.instr
    return position(column, stored(text)) > 0


class Chosen:
    """The requests that one reader wants: the same for the page and for the count."""

    def __init__(self, connection: Connection, wanted: Wanted, known: Sequence[Facet] | None = None) -> None:
        self._connection = connection
        self._wanted = wanted
        self._facets = fitting(every(connection) if known is None else known, wanted)
        self._exact = True
        self._narrowing = self._narrowed()
        self._left_out = self._leaving_out()

    # -- how many ------------------------------------------------------------------------------------------------

    def total(self) -> tuple[int, bool]:
        """How many there are, and whether that is exact: of a search for common words it is `MOST` or more."""
        if not self._facets:
            return 0, True
        if not self._narrowing:
            return sum(facet.n for facet in self._facets) - self._number_left_out(), True
        fits = select(literal(1)).where(self._among(self._facets), *self._narrowing, *self._unless())
        if self._exact:
            return self._connection.execute(select(func.count()).select_from(fits.subquery())).scalar_one(), True
        capped = fits.limit(searching.MOST).subquery()
        found = self._connection.execute(select(func.count()).select_from(capped)).scalar_one()
        return found, found < searching.MOST

    def _number_left_out(self) -> int:
        if not self._left_out:
            return 0
        ids = union(*self._left_out).subquery()
        return int(self._connection.execute(select(func.count()).select_from(ids)).scalar_one())

    # -- which ---------------------------------------------------------------------------------------------------

    def ids(self, sort: Sort, limit: int, after: str | None) -> tuple[list[str], str | None]:
        """The ids of a page in this order, and the place where the next one begins."""
        place = None if after is None else _place_of(after, sort)
        if not self._facets:
            return [], None
        column, descending = _ORDERS[sort]
        key = REQUEST.c[column]
        fits = [*self._narrowing, *self._unless()]
        if place is not None:
            here, there = tuple_(key, REQUEST.c.id), tuple_(*(literal(part) for part in place))
            fits.append(here < there if descending else here > there)
        chosen = select(REQUEST.c.id, key).where(*fits)
        if len(self._facets) <= _ALONG:
            chosen = self._along(chosen, key, descending, limit)
        else:
            chosen = chosen.where(self._among(self._facets)).order_by(*_ordered(key, REQUEST.c.id, descending))
        found = [tuple(row) for row in self._connection.execute(chosen.limit(limit + 1))]
        following = _cursor(sort, found[limit - 1]) if len(found) > limit else None
        return [str(row[0]) for row in found[:limit]], following

    def _along(self, chosen: Select[Any], key: ColumnElement[Any], descending: bool, limit: int) -> Select[Any]:
        """The first of each facet in the order of its index, and of these the first of all: nothing else is read."""
        walks = [
            chosen.where(REQUEST.c.facet == facet.key)
            .order_by(*_ordered(key, REQUEST.c.id, descending))
            .limit(limit + 1)
            .subquery()
            for facet in self._facets
        ]
        whole = walks[0] if len(walks) == 1 else union_all(*(select(*walk.c) for walk in walks)).subquery()
        first, second = whole.c
        return select(first, second).order_by(*_ordered(second, first, descending))

    # -- the terms -----------------------------------------------------------------------------------------------

    def _among(self, chosen: Sequence[Facet]) -> ColumnElement[bool]:
        return REQUEST.c.facet.in_([facet.key for facet in chosen])

    def _narrowed(self) -> list[ColumnElement[bool]]:
        """What facets cannot tell."""
        wanted, fits = self._wanted, list[ColumnElement[bool]]()
        for column, value in (("run", wanted.run), ("claimed_by", wanted.claimed_by)):
            if value is not None:
                fits.append(REQUEST.c[column] == stored(value))
        if wanted.requester is not None:
            fits.append(REQUEST.c.requester == stored(wanted.requester))
            fits.append(REQUEST.c.asker == stored(wanted.requester.casefold()))
        if wanted.text and (text := folded(wanted.text).strip()):
            fits.append(occurs(self._connection, text, REQUEST.c.searched))
        if wanted.words and (beginnings := searching.asked(wanted.words)):
            fits.append(self._with_words(beginnings))
        if wanted.awaited_by is not None:
            signed = exists().where(*self._signed_by(wanted.awaited_by)).correlate(REQUEST)
            fits.append(or_(signed, REQUEST.c.asker == stored(wanted.awaited_by.casefold())))
        if wanted.snoozed_by is not None:
            fits.append(exists().where(*self._snoozed_by(wanted.snoozed_by)).correlate(REQUEST))
        return fits

    def _with_words(self, beginnings: tuple[str, ...]) -> ColumnElement[bool]:
        found = searching.found(self._connection, beginnings)
        if len(found) <= searching.MOST:
            return REQUEST.c.id.in_(found)
        self._exact = False
        return searching.begins(self._connection, beginnings)

    def _leaving_out(self) -> list[Select[Any]]:
        """What is not this person's turn, as selections of ids: each is read along an index of its own."""
        person = self._wanted.turn_of
        if person is None or not self._facets:
            return []
        among = self._among(self._facets)
        selections = [
            select(REQUEST.c.id)
            .join(SIGNOFF, SIGNOFF.c.request_id == REQUEST.c.id)
            .where(among, SIGNOFF.c.person == stored(person), SIGNOFF.c.voided == 0),
            select(REQUEST.c.id)
            .join(SNOOZE, SNOOZE.c.request_id == REQUEST.c.id)
            .where(among, *self._snoozed_by(person)[1:]),
        ]
        if apart := [facet for facet in self._facets if facet.apart]:
            asker = REQUEST.c.asker == stored(person.casefold())
            selections.append(select(REQUEST.c.id).where(asker, self._among(apart)))
        return selections

    def _unless(self) -> list[ColumnElement[bool]]:
        """The same, as terms of a walk."""
        person = self._wanted.turn_of
        if person is None:
            return []
        terms = [
            not_(exists().where(*self._signed_by(person)).correlate(REQUEST)),
            not_(exists().where(*self._snoozed_by(person)).correlate(REQUEST)),
        ]
        if apart := [facet for facet in self._facets if facet.apart]:
            own = REQUEST.c.asker == stored(person.casefold())
            terms.append(not_(and_(own, self._among(apart))))
        return terms

    def _signed_by(self, person: str) -> tuple[ColumnElement[bool], ...]:
        return (SIGNOFF.c.request_id == REQUEST.c.id, SIGNOFF.c.person == stored(person), SIGNOFF.c.voided == 0)

    def _snoozed_by(self, person: str) -> tuple[ColumnElement[bool], ...]:
        now = "" if self._wanted.now is None else instant(self._wanted.now)
        return (
            SNOOZE.c.request_id == REQUEST.c.id,
            SNOOZE.c.person == stored(person),
            SNOOZE.c.until > now,
            SNOOZE.c.version == REQUEST.c.version,
        )


def _ordered(key: ColumnElement[Any], last: ColumnElement[Any], descending: bool) -> tuple[ColumnElement[Any], ...]:
    return (key.desc(), last.desc()) if descending else (key, last)


def _cursor(sort: Sort, row: tuple[Any, ...]) -> str:
    place = json.dumps([sort, row[1], row[0]])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place_of(cursor: str, sort: Sort) -> tuple[Any, str]:
    try:
        of, key, request_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error):
        of, key, request_id = None, None, None
    whole = sort == "value"
    fits = type(key) is int and abs(key) < 2**63 if whole else isinstance(key, str)
    if of == sort and fits and isinstance(request_id, str):
        return (stored(key), stored(request_id))
    raise NotFound(f"There is no page {cursor!r}; begin with the first.")
