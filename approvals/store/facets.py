"""How requests stand alike: the few values that lists are narrowed by, and the count of each combination.

A list and its count are told by the same facets: the count is the sum of their tallies, the list a walk along each of
them in the order of an index. So neither reads the requests that are not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from approvals.canonical import canonical
from approvals.policies import groups_asked
from approvals.ports import Wanted
from approvals.requests import Request
from approvals.store import prepared
from approvals.store.tables import REQUEST, TALLY


class Facet(NamedTuple):
    """One combination, and how many requests have it."""

    state: str
    asked: str
    gate: str
    risk: str
    apart: bool
    n: int = 0

    @classmethod
    def of(cls, request: Request) -> Facet:
        """Where this request stands."""
        return cls(
            state=request.state.value,
            asked=f"|{'|'.join(groups_asked(request.policy, request.escalated))}|",
            gate=request.identity.gate,
            risk=request.risk,
            apart=request.policy.separation_of_duties,
        )

    @classmethod
    def read(cls, key: str) -> Facet:
        """The facet of a key."""
        state, asked, gate, risk, apart = json.loads(key)
        return cls(state, asked, gate, risk, bool(apart))

    @property
    def key(self) -> str:
        """The facet as a row names it."""
        return canonical([self.state, self.asked, self.gate, self.risk, int(self.apart)])

    def fits(self, wanted: Wanted) -> bool:
        """Whether its requests are among those that are wanted, as far as facets can tell."""
        return (
            (wanted.states is None or self.state in wanted.states)
            and (wanted.groups is None or not wanted.groups.isdisjoint(self.asked.strip("|").split("|")))
            and (wanted.gate is None or wanted.gate == self.gate)
            and (wanted.risk is None or wanted.risk == self.risk)
        )


def every(connection: Connection) -> tuple[Facet, ...]:
    """Every combination that some request has."""
    return tuple(_facets(connection))


def fitting(facets: Iterable[Facet], wanted: Wanted) -> tuple[Facet, ...]:
    """Those whose requests are wanted."""
    return tuple(facet for facet in facets if facet.fits(wanted))


def _facets(connection: Connection) -> Iterator[Facet]:
    columns = (TALLY.c.state, TALLY.c.asked, TALLY.c.gate, TALLY.c.risk, TALLY.c.apart, TALLY.c.n)
    found = prepared.ask(connection, "tallies", lambda: select(*columns).where(TALLY.c.n > 0), {})
    for state, asked, gate, risk, apart, n in found:
        yield Facet(state, asked, gate, risk, bool(apart), n)


def count(connection: Connection, changes: Mapping[str, int]) -> None:
    """Add these differences, in one order for everybody; only whoever holds the head of the record does."""
    upsert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]

    def made() -> Executable:
        added = upsert(TALLY).values({column.name: prepared.given(f"to_{column.name}") for column in TALLY.columns})
        more = {"n": TALLY.c.n + added.excluded.n}
        counted: Executable = added.on_conflict_do_update(index_elements=[TALLY.c.facet], set_=more)
        return counted

    for key, difference in sorted(changes.items()):
        if difference:
            row = {f"to_{name}": value for name, value in _row(key, difference).items()}
            prepared.ask(connection, "count", made, row)


def recount(connection: Connection) -> int:
    """Count anew from the requests themselves; tells how many tallies were wrong."""
    counted = select(REQUEST.c.facet, func.count()).where(REQUEST.c.facet.is_not(None)).group_by(REQUEST.c.facet)
    there = dict(connection.execute(counted).tuples().all())
    noted = dict(connection.execute(select(TALLY.c.facet, TALLY.c.n)).tuples().all())
    wrong = [key for key in there.keys() | noted.keys() if there.get(key, 0) != noted.get(key, 0)]
    for key in wrong:
        connection.execute(delete(TALLY).where(TALLY.c.facet == key))
        if key in there:
            connection.execute(insert(TALLY).values(_row(key, there[key])))
    return len(wrong)


def _row(key: str, n: int) -> dict[str, Any]:
    facet = Facet.read(key)
    return {**facet._asdict(), "apart": int(facet.apart), "facet": key, "n": n}
