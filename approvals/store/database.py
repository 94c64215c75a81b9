"""The store on any database: what opens, commits and streams. What differs between databases is behind `Database`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from approvals.audit import Attested, Entry
from approvals.requests import Request
from approvals.store.transaction import SqlTransaction

T = TypeVar("T")


class Database(Protocol):
    """One database, opened."""

    where: str
    streams: bool
    """Whether somebody may read on while others, or they themselves, begin something else."""

    def connected(self, *, writes: bool) -> AbstractContextManager[Connection]:
        """A connection in a transaction that commits at the end of the block, or in one consistent view."""
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Keep other processes from changing the tables until this transaction ends."""
        ...

    def after_erasure(self) -> None:
        """Make sure that nothing of what was erased stays behind in a log."""
        ...

    def backup(self, path: str) -> None:
        """Write a copy that can be opened as a store."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


class SqlStore:
    """Keeps requests, permits and the record in SQL tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._views = threading.local()
        self._told: Callable[[Request], None] | None = None

    def on_answer(self, told: Callable[[Request], None]) -> None:
        """Call this, here in this process, after each commit by which a request was answered; it must not raise."""
        self._told = told

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        """A transaction that writes. It commits at the end of the block and rolls back on an exception.

        Raises:
            StoreUnavailable: the database cannot be reached.
            Overtaken: it chose another of two transactions that stood in each other's way; read again.
            RuntimeError: rows were written and not recorded, or this thread is inside `view`.
        """
        if self._shared is not None:
            raise RuntimeError("view() only looks: what is read in it stands still. Write before it, or after.")
        with self._database.connected(writes=True) as connection:
            transaction = SqlTransaction(connection, writes=True)
            yield transaction
            transaction.check_recorded()
        if transaction.erased:
            self._database.after_erasure()
        if self._told is not None:
            for request in transaction.answered:
                self._told(request)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """A transaction that only reads, on one consistent view."""
        if self._shared is not None:
            yield self._shared
            return
        with self._database.connected(writes=False) as connection:
            yield SqlTransaction(connection, writes=False)

    @contextmanager
    def view(self) -> Iterator[None]:
        """All that this thread reads inside is of one moment, however often it asks."""
        with self.read() as transaction:
            outer, self._views.shared = self._shared, transaction
            try:
                yield
            finally:
                self._views.shared = outer

    @property
    def _shared(self) -> SqlTransaction | None:
        return getattr(self._views, "shared", None)

    def entries(self, *, request_id: str | None = None, after: int = 0) -> Iterator[Entry]:
        """The record in order, read as it is consumed."""
        return self._streamed(lambda transaction: transaction.entries(request_id=request_id, after=after))

    def rows(self) -> Iterator[Attested]:
        """Every row the record commits to, as it stands now, read as it is consumed."""
        return self._streamed(SqlTransaction.rows)

    def _streamed(self, read: Callable[[SqlTransaction], Iterator[T]]) -> Iterator[T]:
        with self.read() as transaction:
            if self._database.streams:
                yield from read(transaction)
                return
            found = tuple(read(transaction))
        yield from found

    def backup(self, path: str) -> None:
        """Write a consistent copy that can be opened as a store; refuses to overwrite.

        Raises:
            StoreUnavailable: there is something at the path, or it cannot be written.
        """
        self._database.backup(path)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
