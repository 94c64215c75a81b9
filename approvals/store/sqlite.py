"""The store on SQLite: one file that several processes share, or memory."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import QueuePool, StaticPool

from approvals.errors import NotFound, StoreUnavailable
from approvals.store.copying import new_file
from approvals.store.database import SqlStore
from approvals.store.migrating import bring_up_to_date

_BUSY_SECONDS = 10.0
_MEMORY = ":memory:"
_OLDEST = (3, 35, 0)
"""The first SQLite that returns the rows it changed."""
_OPEN: WeakSet[SqliteDatabase] = WeakSet()


def open_sqlite(address: str) -> SqlStore:
    """The store in the file, or the memory, that the address names.

    Raises:
        StoreUnavailable: the file cannot be made or opened.
    """
    _, _, name = address.partition("sqlite:///")
    if not name:
        raise StoreUnavailable(
            f"The address {address!r} names no file. Write sqlite:///relative/path.db, sqlite:////absolute/path.db "
            "or sqlite:///:memory:."
        )
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StoreUnavailable(
            f"Python's SQLite is {sqlite3.sqlite_version}, and the approval store needs "
            f"{'.'.join(map(str, _OLDEST))} or newer. Use a newer Python, or set APPROVALS_STORE to PostgreSQL."
        )
    database = SqliteDatabase(None if name == _MEMORY else Path(name).expanduser())
    try:
        database.prepare()
        bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


class SqliteDatabase:
    """A SQLite file in WAL mode; or one connection to memory, which its users take in turns."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.where = str(path or _MEMORY)
        self.streams = path is not None
        self._engine = _engine(path)
        self._writing = self._engine.execution_options(writes=True)
        self._turns = threading.Lock()
        self._writer: int | None = None
        self._shared: Connection | None = None
        self._process = os.getpid()
        self._inherited: list[Any] = []
        _OPEN.add(self)

    def prepare(self) -> None:
        """Make the file, readable for nobody else, and let readers and a writer work side by side."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._unavailable(error.strerror or str(error)) from error
        with self._translated(), self._engine.connect() as connection:
            _to_wal(connection.connection.cursor())

    @contextmanager
    def connected(self, *, writes: bool) -> Iterator[Connection]:
        """A connection in a transaction; one writer at a time, and readers see the state at their beginning."""
        self._leave_parents_connections()
        if not writes and self._shared is not None and self._writer == threading.get_ident():
            yield self._shared  # memory has one connection: who reads while reading shares the view
            return
        turn = self._turn() if writes or self.path is None else nullcontext()
        with turn, self._translated(), (self._writing if writes else self._engine).begin() as connection:
            self._shared = connection if self.path is None else None
            try:
                yield connection
            finally:
                self._shared = None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # SQLite lets waiting writers poll, which starves some of them; in one process they queue here instead.
        if self._writer == threading.get_ident():
            raise RuntimeError("begin() was called inside begin() of the same store; the inner one would wait forever.")
        if not self._turns.acquire(timeout=_BUSY_SECONDS):
            raise self._busy()
        self._writer = threading.get_ident()
        try:
            yield
        finally:
            self._writer = None
            self._turns.release()

    def lock_schema(self, connection: Connection) -> None:
        """Nothing to do: a transaction that writes is alone."""

    def after_erasure(self) -> None:
        """Empty the log; what was deleted in the file itself is overwritten (`secure_delete`)."""
        if self.path is not None:
            # It is done already; where somebody reads on for long, the log is emptied when they are through.
            with suppress(StoreUnavailable), self._translated(), self._engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def backup(self, path: str) -> None:
        """Copy the file as of now, while others go on writing."""
        with new_file(path) as target, self.connected(writes=False) as connection:
            copy = sqlite3.connect(target)
            try:
                source: Any = connection.connection.driver_connection
                source.backup(copy)
                # One file, not three, until somebody opens it.
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()

    def close(self) -> None:
        """Close every connection; the last one to leave a file puts its log away."""
        _OPEN.discard(self)
        if os.getpid() == self._process:
            self._engine.dispose()

    def before_fork(self) -> None:
        """Close what is idle: SQLite's locks do not survive a fork, and the child would believe it holds them."""
        if self.path is not None and os.getpid() == self._process:
            self._engine.dispose()

    def _leave_parents_connections(self) -> None:
        if os.getpid() == self._process:
            return
        if self.path is None:
            raise StoreUnavailable("A store in memory stays with the process that opened it; use a file to share it.")
        self._inherited.append(self._engine.pool)  # kept, because collecting it would close what the parent uses
        self._engine.dispose(close=False)
        self._turns, self._writer, self._process = threading.Lock(), None, os.getpid()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            if "FOREIGN KEY" in str(error.orig):
                raise NotFound("There is no such request.") from error
            raise
        except NoConnection as error:
            raise self._busy() from error
        except DatabaseError as error:
            if _busy(error.orig):
                raise self._busy() from error
            if not isinstance(error, OperationalError):
                raise self._unsound(str(error.orig)) from error
            raise self._unavailable(str(error.orig)) from error
        except sqlite3.Error as error:
            raise self._unavailable(str(error)) from error

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"The approval store {self.where!r} was busy for {_BUSY_SECONDS:.0f} seconds. "
            "Find the process that keeps it locked, or try again."
        )

    def _unsound(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"The approval store {self.where!r} is no sound SQLite file ({why}). "
            "Restore a backup in its place, or set APPROVALS_STORE to another address."
        )

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"The approval store {self.where!r} cannot be used ({why}). "
            "Make the file and its folder writable for this user, or set APPROVALS_STORE to another address."
        )


def _engine(path: Path | None) -> Engine:
    if path is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False),
            poolclass=QueuePool,
            pool_size=8,
            max_overflow=56,
            pool_timeout=_BUSY_SECONDS,
        )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begin)
    return engine


def _connected(connection: sqlite3.Connection, _record: Any) -> None:
    connection.text_factory = _text
    connection.isolation_level = None  # transactions begin where we say, see `_begin`
    for setting in (
        f"busy_timeout = {int(_BUSY_SECONDS * 1000)}",
        "foreign_keys = ON",
        "synchronous = FULL",  # a decision survives a power cut
        "secure_delete = ON",  # an erasure leaves nothing in free pages
    ):
        connection.execute(f"PRAGMA {setting}").close()


def _text(raw: bytes) -> str:
    # What no text is was written by hand: the record names it, if only it can be read.
    return raw.decode("utf-8", "surrogateescape")


def _begin(connection: Connection) -> None:
    # A transaction that reads before it writes fails at once where another one wrote in between: so writers begin
    # as writers.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _to_wal(cursor: Any) -> None:
    # SQLite does not wait here when two processes open a new file at once.
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            # An answer that was not fetched is a statement in progress, and nothing can be committed beside it.
            cursor.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if not _busy(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _busy(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(word in str(error) for word in ("locked", "busy"))


def _before_fork() -> None:
    for database in list(_OPEN):
        database.before_fork()


os.register_at_fork(before=_before_fork)
