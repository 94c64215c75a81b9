"""The embedded CRM's file: opened safely by several processes at once, brought to the newest schema on first use."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool, StaticPool

from agents.crm.tables import HEAD, VERSION_TABLE
from agents.errors import CrmUnavailable

BUSY_SECONDS = 15.0
_BUSY = ("locked", "busy")


def engine_for(path: Path | None) -> Engine:
    """An engine on this file, or on memory; its transactions begin where the caller says `writing`."""
    if path is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        # No pool: a connection that lives on would be shared by processes that fork.
        engine = create_engine(
            f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS}
        )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see `_begin`
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    cursor.execute("PRAGMA foreign_keys = ON")
    _to_wal(cursor)
    cursor.close()


def _to_wal(cursor: sqlite3.Cursor) -> None:
    # SQLite does not wait for its busy timeout here when two processes open a new file at once.
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not any(word in str(error) for word in _BUSY) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads before it writes fails at once when another one wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """What SQLite raises, as sentences that name the file and the fix."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig)
        if any(word in text for word in _BUSY):
            raise CrmUnavailable(
                f"The CRM file {where!r} was busy for {BUSY_SECONDS:.0f} seconds. "
                "Find the process that holds it open, or try again."
            ) from error
        raise CrmUnavailable(
            f"The CRM file {where!r} cannot be used ({text}). "
            "Make it and its folder writable, or point COUNTERSIGN_HOME or AGENTS_CRM somewhere else."
        ) from error
    except DatabaseError as error:
        raise CrmUnavailable(
            f"The CRM file {where!r} is no usable SQLite file ({error.orig}). "
            "Restore it from a backup, or point AGENTS_CRM somewhere else."
        ) from error


# Alembic keeps what it works on in globals of the process.
_alembic = threading.Lock()


def migrate(engine: Engine, where: str) -> None:
    """Bring the schema to the newest version; processes that come at once wait for the first."""
    with translated(where), engine.connect() as reading:
        revision = _revision(reading)
    if revision == HEAD:
        return
    with translated(where), engine.connect().execution_options(writing=True) as connection, connection.begin():
        if _revision(connection) != HEAD:
            _upgrade(connection, where)


def _revision(connection: Connection) -> str | None:
    named = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?", (VERSION_TABLE,)
    )
    if named.first() is None:
        return None
    row = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").first()  # noqa: S608 - our constant
    return str(row[0]) if row else None


def _upgrade(connection: Connection, where: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        with _alembic:
            command.upgrade(config, "head")
    except CommandError as error:
        raise CrmUnavailable(
            f"The CRM file {where!r} was written by a newer Countersign ({error}). "
            "Update this one, or use another file."
        ) from error


def alembic_config() -> Any:
    """Alembic's configuration for the migrations that ship with this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
