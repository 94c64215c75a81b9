"""What may be spent on a model, and the book in which every call stands before it is made.

A call is entered with the most it can cost, and refused where that would go over a budget. Once its answer came, the
entry says what it did cost. A process that is killed in between leaves the most standing: too much rather than too
little. The book is a SQLite file in the home, so that all processes of a machine spend from one budget.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from agents.errors import BudgetSpent
from agents.ports import Clock

_MICRO = 1_000_000
_PATIENCE_SECONDS = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    day TEXT NOT NULL,
    run TEXT NOT NULL,
    model TEXT NOT NULL,
    currency TEXT NOT NULL,
    micros INTEGER,
    state TEXT NOT NULL,
    tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    milliseconds INTEGER NOT NULL DEFAULT 0,
    request_sha256 TEXT NOT NULL,
    response_sha256 TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS calls_by_day ON calls (day, currency);
CREATE INDEX IF NOT EXISTS calls_by_run ON calls (run, currency);
"""


@dataclass(frozen=True)
class Budget:
    """The most that may be spent in one run and on one day (UTC); None is no limit."""

    run: Decimal | None = None
    day: Decimal | None = None

    def __bool__(self) -> bool:
        return self.run is not None or self.day is not None


class SpendBook:
    """Every call of a model on this machine: what it may cost, then what it did."""

    def __init__(self, path: Path, budget: Budget, currency: str, clock: Clock) -> None:
        self.budget = budget
        self.currency = currency
        self._path = path
        self._clock = clock

    def enter(self, run: str, model: str, most: Decimal | None, request_sha256: str) -> int:
        """Enter a call that can cost at most so much (None: its price is not known); returns the entry's number.

        Raises:
            BudgetSpent: with it, more could be spent than the run or the day may; nothing was entered.
        """
        now = self._clock()
        day = now.date().isoformat()
        with self._writing() as book:
            if most is not None:
                limits = (
                    ("run", self.budget.run, "run", run, "AGENTS_MODEL_RUN_BUDGET"),
                    ("day", self.budget.day, "day", day, "AGENTS_MODEL_DAY_BUDGET"),
                )
                for noun, limit, column, value, variable in limits:
                    if limit is not None:
                        self._within(noun, limit, self._sum(book, column, value), most, variable)
            entry = book.execute(
                "INSERT INTO calls (at, day, run, model, currency, micros, state, request_sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, 'open', ?)",
                (now.isoformat(), day, run, model, self.currency, _micros(most), request_sha256),
            ).lastrowid
        return int(entry or 0)

    def close(
        self,
        entry: int,
        amount: Decimal | None,
        *,
        tokens_in: int = 0,
        tokens_out: int = 0,
        milliseconds: int = 0,
        response_sha256: str = "",
    ) -> None:
        """Say what an entered call did cost, and what came of it."""
        with self._writing() as book:
            book.execute(
                "UPDATE calls SET micros = ?, state = 'closed', tokens_in = ?, tokens_out = ?, milliseconds = ?,"
                " response_sha256 = ? WHERE id = ?",
                (_micros(amount), tokens_in, tokens_out, milliseconds, response_sha256, entry),
            )

    def strike(self, entry: int) -> None:
        """Take out a call that was not answered with anything that costs."""
        with self._writing() as book:
            book.execute("DELETE FROM calls WHERE id = ?", (entry,))

    def spent_today(self) -> Decimal:
        """What was spent on this day (UTC), counting calls still open with the most they can cost."""
        with self._writing() as book:
            return self._sum(book, "day", self._clock().date().isoformat())

    def _within(self, noun: str, limit: Decimal, spent: Decimal, most: Decimal, variable: str) -> None:
        if spent + most > limit:
            raise BudgetSpent(
                f"The model was not asked: this {noun} has spent {spent.normalize():f} of {limit:f} {self.currency}, "
                f"and the next call can cost up to {most.normalize():f}. {variable} says what a {noun} may spend."
            )

    def _sum(self, book: sqlite3.Connection, column: str, value: str) -> Decimal:
        statement = f"SELECT COALESCE(SUM(micros), 0) FROM calls WHERE {column} = ? AND currency = ?"  # noqa: S608
        (total,) = book.execute(statement, (value, self.currency)).fetchone()
        return Decimal(total) / _MICRO

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that no other process stands in meanwhile."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_PATIENCE_SECONDS, isolation_level=None)) as book:
            book.executescript(_TABLES)
            book.execute("BEGIN IMMEDIATE")
            try:
                yield book
            except BaseException:
                book.execute("ROLLBACK")
                raise
            book.execute("COMMIT")


def _micros(amount: Decimal | None) -> int | None:
    return None if amount is None else int((amount * _MICRO).to_integral_value())
