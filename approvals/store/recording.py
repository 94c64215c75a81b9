"""Rows in and out of one connection, and the entry that commits to all that were written since the one before."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from approvals.audit import Attested, Entry, Event, sealed
from approvals.errors import Overtaken, StoreUnavailable
from approvals.store import prepared
from approvals.store.attesting import ATTESTED, attested, recorded, salted
from approvals.store.rows import Row, entry_row
from approvals.store.tables import AUDIT, HEAD_OF_RECORD

_STREAMED = 500
_READS = "read() only reads; write inside begin()."


class Recorder:
    """Writes rows and remembers those that the record must commit to."""

    def __init__(self, connection: Connection, *, writes: bool) -> None:
        self.connection = connection
        self.insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
        self.writes = writes
        self._unrecorded: dict[tuple[str, str], Attested] = {}

    # -- reading -------------------------------------------------------------------------------------------------

    def one(self, table: Table, *where: ColumnElement[bool]) -> Mapping[str, Any] | None:
        """The row, if there is one."""
        return next(iter(self.all(table, *where)), None)

    def all(
        self, table: Table, *where: ColumnElement[bool], order: ColumnElement[Any] | None = None
    ) -> list[Mapping[str, Any]]:
        """The rows that fit, by `order` or by key."""
        by = (order,) if order is not None else tuple(table.primary_key)
        terms = prepared.Terms.of(where)
        if terms is None or not isinstance(by[0], Column):
            return [dict(row) for row in self.connection.execute(select(table).where(*where).order_by(*by)).mappings()]

        def made() -> Executable:
            return select(table).where(*terms.columns).order_by(*by)

        known = ("rows", table.name, terms.key, by[0].name)
        return [*prepared.ask(self.connection, known, made, terms.values).mappings()]

    def all_of(self, table: Table, column: Column[Any], value: Any) -> list[Mapping[str, Any]]:
        """The rows whose column is this value, by key; as `all`, for who asks it all the time."""

        def made() -> Executable:
            return select(table).where(column == prepared.given("of")).order_by(*table.primary_key)

        return [*prepared.ask(self.connection, ("all of", table.name, column.name), made, {"of": value}).mappings()]

    def stream(self, statement: Executable) -> Iterator[Mapping[str, Any]]:
        """The rows of a statement, fetched as they are consumed."""
        with self.connection.execute(statement, execution_options={"yield_per": _STREAMED}) as found:
            yield from cast("Iterator[Mapping[str, Any]]", found.mappings())

    # -- writing -------------------------------------------------------------------------------------------------

    def execute(self, statement: Executable) -> Any:
        """Carry out a statement that writes, in a transaction that may."""
        if not self.writes:
            raise RuntimeError(_READS)
        return self.connection.execute(statement)

    def write(self, key: Hashable, make: Callable[[], Executable], values: Mapping[str, Any]) -> prepared.Found:
        """Carry out a statement that writes and is asked all the time; see `prepared.ask`."""
        if not self.writes:
            raise RuntimeError(_READS)
        return prepared.ask(self.connection, key, make, values)

    def add(self, table: Table, row: Row, told: str) -> None:
        """Write a new row.

        Raises:
            Overtaken: there is one of this key; `told` is the message.
        """
        row = salted(table, row)

        def made() -> Executable:
            # Not an IntegrityError: that would end a PostgreSQL transaction, and the caller may have more to do in it.
            new = self.insert(table).values({column: prepared.given(f"to_{column}") for column in row})
            added: Executable = new.on_conflict_do_nothing().returning(*table.primary_key)
            return added

        values = {f"to_{column}": value for column, value in row.items()}
        if self.write(("add", table.name, tuple(row)), made, values).first() is None:
            raise Overtaken(told)
        if table in ATTESTED:
            self._note(table, row)

    def update(self, table: Table, columns: Row, *where: ColumnElement[bool]) -> int:
        """Write these columns of the rows that fit, and tell how many there were."""
        terms = prepared.Terms.of(where)
        if terms is None or any(isinstance(value, ColumnElement) for value in columns.values()):
            new = update(table).where(*where).values(columns).returning(*table.columns)
            written: Sequence[Mapping[str, Any]] = self.execute(new).mappings().all()
        else:
            here = terms.columns

            def made() -> Executable:
                new: Row = {column: prepared.given(f"to_{column}") for column in columns}
                return update(table).where(*here).values(new).returning(*table.columns)

            values = {**terms.values, **{f"to_{column}": value for column, value in columns.items()}}
            written = self.write(("update", table.name, tuple(columns), terms.key), made, values).mappings()
        if table in ATTESTED and recorded(table, columns):
            for row in written:
                self._note(table, row)
        return len(written)

    def _note(self, table: Table, row: Mapping[str, Any]) -> None:
        noted = attested(table, row)
        self._unrecorded[noted.table, noted.key] = noted

    # -- the record ----------------------------------------------------------------------------------------------

    def record(self, event: Event) -> Entry:
        """Append an entry that commits to every row written since the last one."""
        head = self.write("head of the record", _head, {}).first()
        if head is None:
            raise StoreUnavailable(
                "The head of the record is gone from the approval store, so nothing can be recorded. "
                "Somebody removed it; restore a backup."
            )
        settled = Event.model_validate_json(event.model_dump_json())
        seq, before = head
        entry = sealed(seq + 1, settled, self._unrecorded.values(), before)
        self.write("enter into the record", _entered, {f"to_{name}": value for name, value in entry_row(entry).items()})
        self.write("move the head of the record", _moved, {"to_seq": entry.seq, "to_hash": entry.hash})
        self._unrecorded.clear()
        return entry

    def check(self) -> None:
        """Nothing, if every row that was written stands in the record.

        Raises:
            RuntimeError: the caller forgot to record; nothing of the transaction may stay.
        """
        if self._unrecorded:
            told = ", ".join(f"{row.table} {row.key}" for row in self._unrecorded.values())
            raise RuntimeError(f"Written without an entry in the record: {told}. Call record() after the change.")


def _head() -> Executable:
    return select(HEAD_OF_RECORD.c.seq, HEAD_OF_RECORD.c.hash).where(HEAD_OF_RECORD.c.id == 1).with_for_update()


def _entered() -> Executable:
    return insert(AUDIT).values({column.name: prepared.given(f"to_{column.name}") for column in AUDIT.columns})


def _moved() -> Executable:
    moved = update(HEAD_OF_RECORD).where(HEAD_OF_RECORD.c.id == 1)
    return moved.values(seq=prepared.given("to_seq"), hash=prepared.given("to_hash"))
