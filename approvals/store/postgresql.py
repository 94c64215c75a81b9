"""The store on PostgreSQL, through psycopg 3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import QueuePool

from approvals.errors import NotFound, Overtaken, StoreUnavailable
from approvals.store.copying import copy_tables, new_file
from approvals.store.database import SqlStore
from approvals.store.migrating import bring_up_to_date
from approvals.store.sqlite import SqliteDatabase

_BUSY_SECONDS = 10
_SCHEMA_LOCK = 0x61707072  # "appr": any number that nobody else's advisory lock has


def open_postgresql(address: str) -> SqlStore:
    """The store in the database that the address names.

    Raises:
        StoreUnavailable: the server or the database cannot be reached.
    """
    database = PostgresqlDatabase(address)
    try:
        database.check_encoding()
        bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


class PostgresqlDatabase:
    """A database on a PostgreSQL server."""

    streams = True

    def __init__(self, address: str) -> None:
        try:
            url = make_url(address).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError) as error:
            raise StoreUnavailable(
                "The address of the approval store cannot be read. Write postgresql://user:password@host:5432/name, "
                "with special characters in the password percent-encoded."
            ) from error
        host = url.host or url.query.get("host") or "localhost"
        self.where = f"{url.database or ''!s}@{host}" + (f":{url.port}" if url.port else "")
        self._engine = create_engine(
            url,
            connect_args={} if "connect_timeout" in url.query else {"connect_timeout": _BUSY_SECONDS},
            isolation_level="READ COMMITTED",
            poolclass=QueuePool,
            pool_size=8,
            max_overflow=24,
            pool_timeout=_BUSY_SECONDS,
            pool_pre_ping=True,
        )
        event.listen(self._engine, "connect", _connected)
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._process = os.getpid()
        self._inherited: list[Any] = []

    @contextmanager
    def connected(self, *, writes: bool) -> Iterator[Connection]:
        """A connection in a transaction; readers see the state at their beginning."""
        self._leave_parents_connections()
        with self._translated(), (self._engine if writes else self._reading).begin() as connection:
            yield connection

    def check_encoding(self) -> None:
        """Nothing, if the database holds any text.

        Raises:
            StoreUnavailable: its encoding is another than UTF-8.
        """
        with self.connected(writes=False) as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise StoreUnavailable(
                f"The database {self.where} is encoded in {encoding}, which cannot hold every text. "
                "Create one with ENCODING 'UTF8'."
            )

    def lock_schema(self, connection: Connection) -> None:
        """Wait for other processes that make or change the tables."""
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))

    def after_erasure(self) -> None:
        """Nothing to do: old row versions go with the server's own VACUUM, its logs with their rotation."""

    def backup(self, path: str) -> None:
        """Copy every table as of now into a new SQLite file, which opens as a store."""
        with new_file(path) as target:
            copy = SqliteDatabase(target)
            try:
                copy.prepare()
                bring_up_to_date(copy)
                with self.connected(writes=False) as source, copy.connected(writes=True) as connection:
                    copy_tables(source, connection)
            finally:
                copy.close()

    def close(self) -> None:
        """Close every connection."""
        if os.getpid() == self._process:
            self._engine.dispose()

    def _leave_parents_connections(self) -> None:
        if os.getpid() == self._process:
            return
        self._inherited.append(self._engine.pool)  # kept, because collecting it would end what the parent uses
        self._engine.dispose(close=False)
        self._process = os.getpid()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except NoConnection as error:
            raise self._busy() from error
        except DBAPIError as error:
            raise self._told(error) from error

    def _told(self, error: DBAPIError) -> Exception:
        if isinstance(error.orig, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)):
            return Overtaken("Another change stood in the way of this one; look at it again and repeat.")
        if isinstance(error.orig, psycopg.errors.ForeignKeyViolation):
            return NotFound("There is no such request.")
        if isinstance(error.orig, (psycopg.errors.LockNotAvailable, psycopg.errors.TooManyConnections)):
            return self._busy()
        if isinstance(error, (OperationalError, InterfaceError)):
            why = str(error.orig).strip().partition("\n")[0]
            return StoreUnavailable(
                f"The approval store {self.where} cannot be reached ({why}). "
                "Check that PostgreSQL runs there, and the user, password and database in APPROVALS_STORE."
            )
        return error

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"The approval store {self.where} was busy for {_BUSY_SECONDS} seconds. "
            "Find the session that holds a lock, allow more connections, or try again."
        )


def _connected(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
    connection.commit()
