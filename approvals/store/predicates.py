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
    bindparam,
    func,
    literal,
    not_,
    select,
    tuple_,
    union,
    union_all,
)

from approvals.errors import NotFound
from approvals.ports import Sort, Wanted
from approvals.requests import Request
from approvals.store import prepared, searching
from approvals.store.facets import Facet, fitting
from approvals.store.rows import folded, instant, stored, worth
from approvals.store.tables import REQUEST, SIGNOFF, SNOOZE

SNOOZED = REQUEST.alias("snoozed")
_ALONG = 120
"""Facets that are walked one by one; of more, the database sorts what fits."""


_COUNTED = 100
"""Matches of common words that are counted: whoever finds so many narrows the search, and reads no number."""


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

    def __init__(self, connection: Connection, wanted: Wanted, known: Sequence[Facet]) -> None:
        self._connection = connection
        self._wanted = wanted
        self._facets = fitting(known, wanted)
        self._exact = True
        self._gathered = False
        self._narrowing = self._narrowed()

    # -- how many ------------------------------------------------------------------------------------------------

    def total(self) -> tuple[int, bool]:
        """How many there are, and whether that is exact: of a search for common words it is `_COUNTED` or more."""
        if not self._facets:
            return 0, True
        if not self._narrowing:
            return sum(facet.n for facet in self._facets) - self._number_left_out(), True
        if self._plain_others():
            names = [f"facet_{number}" for number in range(len(self._facets))]
            person = stored(self._wanted.awaited_by)
            values = {"person": person, "asker": stored((self._wanted.awaited_by or "").casefold())}
            values |= {name: facet.key for name, facet in zip(names, self._facets, strict=True)}
            counted = prepared.ask(self._connection, ("others", len(names)), lambda: _of_others(names), values)
            return int(counted.scalar()), True
        fits = select(literal(1)).where(self._among(self._facets), *self._narrowing, *self._unless())
        if self._exact:
            return self._connection.execute(select(func.count()).select_from(fits.subquery())).scalar_one(), True
        capped = fits.limit(_COUNTED).subquery()
        found = self._connection.execute(select(func.count()).select_from(capped)).scalar_one()
        return found, found < _COUNTED

    def _plain_others(self) -> bool:
        """Whether nothing but whom others keep waiting narrows what is wanted: what every page counts."""
        return self._wanted.awaited_by is not None and len(self._narrowing) == 1 and self._wanted.turn_of is None

    def _number_left_out(self) -> int:
        """How many are not this person's turn: what they signed or snoozed, and what they asked for themselves."""
        person = self._wanted.turn_of
        if person is None:
            return 0
        among, apart = ({one.key for one in self._facets if one.apart >= least} for least in (False, True))
        asker = stored(person.casefold())
        own = prepared.ask(self._connection, "asked", _asked_by, {"asker": asker})
        asked = sum(n for facet, n in own if facet in apart)
        values = {"person": stored(person), "now": self._now()}
        put_by = prepared.ask(self._connection, "put by", _put_by, values)
        return asked + sum(facet in among and not (by == asker and facet in apart) for _, facet, by in put_by)

    # -- which ---------------------------------------------------------------------------------------------------

    def ids(self, sort: Sort, limit: int, after: str | None) -> tuple[list[str], str | None]:
        """The ids of a page in this order, and the place where the next one begins."""
        place = None if after is None else _place_of(after, sort)
        if not self._facets:
            return [], None
        found = self._walked(sort, limit, place)
        following = _cursor(sort, found[limit - 1]) if len(found) > limit else None
        return [str(row[0]) for row in found[:limit]], following

    def around(self, sort: Sort, key: Any, request_id: str) -> tuple[str | None, str | None]:
        """The ids before and after a request of this key; of one that is not in the list, only the first of all."""
        if not self._facets:
            return None, None
        place = (key, stored(request_id))
        here = self._walked(sort, 1, place, including=True)
        if not here or here[0][0] != place[1]:
            first = self._walked(sort, 0, None)
            return None, str(first[0][0]) if first else None
        before = self._walked(sort, 0, place, backwards=True)
        return str(before[0][0]) if before else None, str(here[1][0]) if len(here) > 1 else None

    def _walked(
        self,
        sort: Sort,
        limit: int,
        place: tuple[Any, str] | None,
        *,
        backwards: bool = False,
        including: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Ids and keys from a place on, up to one more than the limit."""
        along = self._narrowing == [] and len(self._facets) <= _ALONG
        way = _Way(sort, place is not None, backwards, including)
        if along:
            facets = sorted(self._facets, key=lambda facet: facet.apart)
            person = self._wanted.turn_of
            values: dict[str, Any] = {f"facet_{number}": facet.key for number, facet in enumerate(facets)}
            values |= {"most": limit + 1}
            if place is not None:
                values |= {"key": place[0], "of": place[1]}
            if person is not None:
                values |= {"person": stored(person), "asker": stored(person.casefold()), "now": self._now()}
            apart = tuple(facet.apart for facet in facets)
            known = ("walk", way, apart, person is not None)
            return [
                tuple(row)
                for row in prepared.ask(self._connection, known, lambda: _along(way, apart, person is not None), values)
            ]
        chosen = select(REQUEST.c.id, way.key).where(*self._narrowing, *self._unless())
        if place is not None:
            chosen = chosen.where(way.beyond(*(literal(part) for part in place)))
        if len(self._facets) <= _ALONG and not self._gathered:
            walks = [
                chosen.where(REQUEST.c.facet == facet.key)
                .order_by(*way.ordered(way.key, REQUEST.c.id))
                .limit(limit + 1)
                .subquery()
                for facet in self._facets
            ]
            chosen = _joined(way, walks)
        else:
            chosen = chosen.where(self._among(self._facets)).order_by(*way.ordered(way.key, REQUEST.c.id))
        return [tuple(row) for row in self._connection.execute(chosen.limit(limit + 1))]

    # -- the terms -----------------------------------------------------------------------------------------------

    def _among(self, chosen: Sequence[Facet]) -> ColumnElement[bool]:
        return REQUEST.c.facet.in_([facet.key for facet in chosen])

    def _narrowed(self) -> list[ColumnElement[bool]]:
        """What facets cannot tell."""
        wanted, fits = self._wanted, list[ColumnElement[bool]]()
        if wanted.due_by is not None:
            fits.append(REQUEST.c.due_at <= instant(wanted.due_by))
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
        # Few beside those that wait: they are gathered along indexes of their own, and then sorted.
        if wanted.awaited_by is not None:
            own = select(REQUEST.c.id).where(REQUEST.c.asker == stored(wanted.awaited_by.casefold()))
            own = own.where(self._among(self._facets))
            fits.append(REQUEST.c.id.in_(_signed(literal(stored(wanted.awaited_by))).union(own)))
        if wanted.snoozed_by is not None:
            fits.append(REQUEST.c.id.in_(_snoozed(literal(stored(wanted.snoozed_by)), literal(self._now()))))
        self._gathered |= any(one is not None for one in (wanted.awaited_by, wanted.snoozed_by, wanted.run))
        return fits

    def _with_words(self, beginnings: tuple[str, ...]) -> ColumnElement[bool]:
        if searching.are_few(self._connection, beginnings):
            self._gathered = True
            return searching.among(self._connection, beginnings)
        self._exact = False
        return searching.begins(self._connection, beginnings)

    def _unless(self) -> list[ColumnElement[bool]]:
        """What leaves out what is not this person's turn."""
        person = self._wanted.turn_of
        if person is None:
            return []
        terms = [*_not_put_by(literal(stored(person)), literal(self._now()))]
        if apart := [facet for facet in self._facets if facet.apart]:
            own = REQUEST.c.asker == stored(person.casefold())
            terms.append(not_(and_(own, self._among(apart))))
        return terms

    def _now(self) -> str:
        return "" if self._wanted.now is None else instant(self._wanted.now)


# -- statements ----------------------------------------------------------------------------------------------------


class _Way(NamedTuple):
    """In which order, from where and in which direction a list is walked."""

    sort: Sort
    from_a_place: bool
    backwards: bool
    including: bool

    @property
    def key(self) -> ColumnElement[Any]:
        return REQUEST.c[_ORDERS[self.sort].column]

    def ordered(self, *columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        descending = _ORDERS[self.sort].descending != self.backwards
        return [column.desc() if descending else column for column in columns]

    def beyond(self, key: ColumnElement[Any], of: ColumnElement[Any]) -> ColumnElement[bool]:
        here, there = tuple_(self.key, REQUEST.c.id), tuple_(key, of)
        if _ORDERS[self.sort].descending != self.backwards:
            return here <= there if self.including else here < there
        return here >= there if self.including else here > there


def _along(way: _Way, apart: tuple[bool, ...], turn: bool) -> Select[Any]:
    """The first of each facet in the order of its index, and of these the first of all: nothing else is read."""
    chosen = select(REQUEST.c.id, way.key)
    if way.from_a_place:
        chosen = chosen.where(way.beyond(bindparam("key"), bindparam("of")))
    if turn:
        chosen = chosen.where(*_not_put_by(bindparam("person"), bindparam("now")))
    walks = []
    for number, of_others in enumerate(apart):
        walk = chosen.where(REQUEST.c.facet == bindparam(f"facet_{number}"))
        if turn and of_others:
            walk = walk.where(REQUEST.c.asker != bindparam("asker"))
        walks.append(walk.order_by(*way.ordered(way.key, REQUEST.c.id)).limit(bindparam("most")).subquery())
    return _joined(way, walks).limit(bindparam("most"))


def _joined(way: _Way, walks: Sequence[Any]) -> Select[Any]:
    whole = walks[0] if len(walks) == 1 else union_all(*(select(*walk.c) for walk in walks)).subquery()
    first, second = whole.c
    return select(first, second).order_by(*way.ordered(second, first))


def _of_others(facets: Sequence[str]) -> Select[Any]:
    among = REQUEST.c.facet.in_([bindparam(name) for name in facets])
    own = select(REQUEST.c.id).where(REQUEST.c.asker == bindparam("asker"), among)
    ids = _signed(bindparam("person")).union(own)
    return select(func.count()).select_from(REQUEST).where(among, REQUEST.c.id.in_(ids))


def _asked_by() -> Select[Any]:
    asked = select(REQUEST.c.facet, func.count()).where(REQUEST.c.asker == bindparam("asker"))
    return asked.group_by(REQUEST.c.facet)


def _put_by() -> Any:
    person: ColumnElement[Any] = bindparam("person")
    now: ColumnElement[Any] = bindparam("now")
    shown = select(REQUEST.c.id, REQUEST.c.facet, REQUEST.c.asker)
    both = (_signed(person), _snoozed(person, now))
    return union(*(shown.where(REQUEST.c.id.in_(ids)) for ids in both))


def _signed(person: ColumnElement[Any]) -> Select[Any]:
    """Ids of open requests that this person has signed."""
    return select(SIGNOFF.c.request_id).where(SIGNOFF.c.person == person, SIGNOFF.c.waits == 1, SIGNOFF.c.voided == 0)


def _snoozed(person: ColumnElement[Any], now: ColumnElement[Any]) -> Select[Any]:
    """Ids of requests that this person does not want to see yet."""
    of, version = SNOOZED.c.id, SNOOZED.c.version
    return (
        select(SNOOZE.c.request_id)
        .join(SNOOZED, of == SNOOZE.c.request_id)
        .where(SNOOZE.c.person == person, SNOOZE.c.until > now, SNOOZE.c.version == version)
    )


def _not_put_by(person: ColumnElement[Any], now: ColumnElement[Any]) -> tuple[ColumnElement[bool], ...]:
    return (REQUEST.c.id.not_in(_signed(person)), REQUEST.c.id.not_in(_snoozed(person, now)))


def place_of(request: Request, sort: Sort) -> Any:
    """Where this request stands in this order."""
    match sort:
        case "value":
            return worth(request)
        case "newest":
            return instant(request.opened_at)
        case "decided":
            return instant(request.effective_at) if request.effective_at else ""
        case _:
            return instant(request.due_at)


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
