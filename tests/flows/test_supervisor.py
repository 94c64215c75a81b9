"""Starting and stopping the parts, as far as it can be told without them; `tests/e2e/test_up.py` starts them all."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from approvals.errors import StoreUnavailable
from approvals.store import open_store
from flows.errors import ServerError
from flows.prefect_server import Addresses
from flows.premises import running
from flows.supervisor import Supervisor

HERE = Addresses(prefect="http://127.0.0.1:4200", queue="http://127.0.0.1:4280", home="/h", pid=1)


def test_a_port_that_is_taken_is_named_with_the_setting_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with (
            pytest.raises(ServerError, match=rf"Port {port} for Prefect's server .* FLOWS_PREFECT_PORT"),
            Supervisor(tmp_path, prefect_port=port, queue_port=0),
        ):
            pass

    assert running(tmp_path) is None


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")

    with pytest.raises(ServerError, match="COUNTERSIGN_HOME"), Supervisor(tmp_path / "file" / "home"):
        pass


def test_a_second_start_on_the_same_home_says_that_it_runs(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "up.json").write_text(json.dumps({**HERE.__dict__, "home": str(tmp_path)}), encoding="utf-8")
    with (tmp_path / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        found = running(tmp_path)
        with pytest.raises(ServerError, match=r"runs on .* already: Prefect at http://127.0.0.1:4200"):
            Supervisor(tmp_path).__enter__()

    assert found is not None
    assert found.queue == HERE.queue


def test_the_environment_of_the_caller_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_MODEL", "offline:")

    environment = Supervisor(tmp_path).environment(HERE)

    assert "APPROVALS_STORE" not in environment
    assert environment["AGENTS_MODEL"] == "offline:"
    assert environment["PATH"] == os.environ["PATH"]


def test_a_database_of_a_newer_prefect_stops_the_start_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    with closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
        database.commit()
    told: list[str] = []

    with pytest.raises(ServerError, match="another version of Prefect"):
        Supervisor(tmp_path, prefect_port=0, queue_port=0, tell=told.append).__enter__()

    assert told == []
    assert running(tmp_path) is None


def test_a_queue_of_a_newer_countersign_stops_the_start_before_anything_runs(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/approvals.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "approvals.sqlite")) as database:
        database.execute("UPDATE approvals_alembic_version SET version_num = '9999'")
        database.commit()
    told: list[str] = []

    with pytest.raises(StoreUnavailable, match="written by a newer Countersign"):
        Supervisor(tmp_path, prefect_port=0, queue_port=0, tell=told.append).__enter__()

    assert told == []


def test_a_postgresql_server_without_trigrams_is_refused_with_the_way_out(
    tmp_path: Path, empty_postgresql_address: str
) -> None:
    """The server of these tests is one: Prefect could not make its tables there."""
    with pytest.raises(ServerError, match=r"does not have the extension pg_trgm.*Debian's `postgresql`"):
        Supervisor(tmp_path, prefect_port=0, queue_port=0, postgres=empty_postgresql_address).__enter__()


def test_on_postgresql_every_part_is_told_of_the_queues_store_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    addresses = replace(HERE, home=str(tmp_path), store="postgresql://queue:secret@127.0.0.1/countersign")

    environment = Supervisor(tmp_path).environment(addresses)
    addresses.write()

    assert environment["APPROVALS_STORE"] == addresses.store
    assert (tmp_path / "up.json").stat().st_mode & 0o077 == 0
    assert "secret" not in repr(addresses)


def test_whoever_is_stopped_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, prefect_port=0, queue_port=0, stopped=lambda: True)

    with pytest.raises(KeyboardInterrupt):
        supervisor.__enter__()

    assert supervisor.standings() == ()
    assert running(tmp_path) is None
