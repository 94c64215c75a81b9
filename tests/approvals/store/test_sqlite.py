"""The store in a SQLite file: who can read it, what happens when it cannot be opened, and what a fork may not share."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from approvals.audit import Event, verify
from approvals.errors import StoreUnavailable
from approvals.ports import Token
from approvals.store import open_store

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EVENT = Event(name="noted", actor_kind="system", actor="test", via="system", at=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "deep" / "approvals.db"


@pytest.fixture
def store(path: Path):
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


def note(store) -> None:
    """Append an entry."""
    with store.begin() as transaction:
        transaction.record(EVENT)


def setting(store, name: str) -> object:
    """A PRAGMA of the store's connections."""
    with store._database.connected(writes=False) as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_only_its_owner_can_read_the_file_its_log_and_its_folder(store, path):
    note(store)

    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {
        "approvals.db": "0o600",
        "approvals.db-wal": "0o600",
        "approvals.db-shm": "0o600",
    }


def test_a_decision_survives_a_power_cut_and_readers_do_not_wait(store):
    assert setting(store, "journal_mode") == "wal"
    assert setting(store, "synchronous") == 2  # FULL
    assert setting(store, "foreign_keys") == 1
    assert setting(store, "busy_timeout") == 10_000
    assert setting(store, "secure_delete") == 1


def test_closing_leaves_one_file(store, path):
    note(store)

    store.close()

    assert [file.name for file in path.parent.iterdir()] == ["approvals.db"]


def test_what_was_written_is_there_after_opening_again(store, path):
    note(store)
    store.close()

    again = open_store(f"sqlite:///{path}")

    assert [entry.event for entry in again.entries()] == [EVENT]
    again.close()


def test_a_path_in_the_home_folder_and_a_relative_one_are_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    open_store("sqlite:///~/one.db").close()
    open_store("sqlite:///two.db").close()

    assert {file.name for file in tmp_path.iterdir()} == {"one.db", "two.db"}


@pytest.mark.parametrize("address", ["sqlite:", "sqlite://", "sqlite:///", "sqlite://host/x.db"])
def test_an_address_without_a_file_says_how_one_is_written(address):
    with pytest.raises(StoreUnavailable, match=r"names no file.*sqlite:///:memory:"):
        open_store(address)


def test_what_stands_in_the_way_is_named_with_the_fix(tmp_path):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "other.db").write_text("this is no database at all, only a text that is long enough" * 20)

    for name in ("file/below.db", "other.db", "."):
        with pytest.raises(StoreUnavailable) as refused:
            open_store(f"sqlite:///{tmp_path}/{name}")

        assert str(tmp_path) in str(refused.value)
        assert "APPROVALS_STORE" in str(refused.value)
    assert {file.name for file in tmp_path.iterdir()} == {"file", "other.db"}


def test_a_file_that_can_only_be_read_is_refused_for_writing(tmp_path, store, path):
    with store._database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    with pytest.raises(StoreUnavailable, match="readonly"):
        note(store)


def test_somebody_elses_lock_is_told_after_the_wait(store, path, monkeypatch):
    with store._database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="was busy for 10 seconds"):
        note(store)
    other.execute("ROLLBACK")
    other.close()

    note(store)


def test_who_may_write_is_settled_when_a_transaction_begins(store, path):
    other = sqlite3.connect(path, isolation_level=None, timeout=0)

    with store.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with store.read():
        other.execute("BEGIN IMMEDIATE")

    other.close()


@pytest.mark.parametrize("address", ["sqlite:///:memory:", "file"])
def test_a_transaction_inside_another_is_a_mistake_that_is_told_at_once(address, path):
    store = open_store(f"sqlite:///{path}" if address == "file" else address)

    with store.begin(), pytest.raises(RuntimeError, match="inside begin"), store.begin():
        pass

    note(store)
    store.close()


def test_every_store_in_memory_is_its_own_and_threads_share_it():
    one, other = open_store("sqlite:///:memory:"), open_store("sqlite:///:memory:")

    thread = threading.Thread(target=note, args=(one,))
    thread.start()
    thread.join()

    assert len(list(one.entries())) == 1
    assert list(other.entries()) == []
    one.close()
    other.close()


def test_what_was_erased_is_not_left_in_the_file_or_its_log(store, path):
    secret = "Northwind pays in gold"
    with store._database.connected(writes=True) as connection:
        insert = "INSERT INTO approvals_remembered VALUES ('k', 's', 'b', 200, ?, 'at')"
        connection.exec_driver_sql(insert, (f"7K2M9QX4TB {secret}",))

    with store.begin() as transaction:
        transaction.erase("7K2M9QX4TB")

    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize("forged", ["x'ff'", "CAST(x'ff' AS TEXT)", "9e999", "-1e300", "NULL", "'1'"])
@pytest.mark.parametrize("column", ["subject", "revoked_at", "scopes"])
def test_a_value_that_is_none_of_ours_is_named_by_the_record(column, forged, store):
    token = Token(
        id="T1", sha256="aa", subject="a", kind="agent", scopes=frozenset({"read"}), created_at=NOW, label="l"
    )
    with store.begin() as transaction:
        transaction.add_token(token.model_copy(update={"revoked_at": NOW}))
        transaction.record(EVENT)

    with store._database.connected(writes=True) as connection:
        connection.exec_driver_sql(f"UPDATE OR IGNORE approvals_token SET {column} = {forged}")
        changed = connection.exec_driver_sql(f"SELECT {column} IS {forged} FROM approvals_token").scalar()

    assert verify(store.entries(), store.rows()).entry == (1 if changed else None)


def test_content_that_is_no_text_is_named_by_the_record(store):
    with store.begin() as transaction:
        transaction.record(EVENT)
    with store._database.connected(writes=True) as connection:
        connection.exec_driver_sql("UPDATE approvals_audit SET details = CAST(x'7bff7d' AS TEXT), actor = x'00'")

    assert verify(store.entries(), store.rows()).problem == "Entry 1 (unreadable) was changed after it was written."


def test_an_old_sqlite_is_told_by_its_number(monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(StoreUnavailable, match=r"needs 3\.35\.0 or newer"):
        open_store("sqlite:///:memory:")


# -- forks -------------------------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], None]) -> int:
    """Run this in a forked process, and tell how it ended."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_can_write_and_the_parent_goes_on(store, path):
    note(store)

    assert in_a_child(lambda: note(store)) == 0
    note(store)
    assert in_a_child(lambda: note(open_store(f"sqlite:///{path}"))) == 0
    note(store)

    assert [entry.seq for entry in store.entries()] == [1, 2, 3, 4, 5]


def test_no_idle_connection_is_open_when_the_process_forks(store):
    note(store)
    pool = store._database._engine.pool
    before = pool.checkedin()

    def look() -> None:
        assert not [fd for fd in os.listdir("/proc/self/fd") if _leads_to(fd, str(store._database.path))]

    assert before > 0
    assert in_a_child(look) == 0


def _leads_to(descriptor: str, path: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(path)
    except OSError:
        return False


def test_a_store_in_memory_stays_with_its_process():
    store = open_store("sqlite:///:memory:")

    def use() -> None:
        with pytest.raises(StoreUnavailable, match="use a file"):
            note(store)

    assert in_a_child(use) == 0
    note(store)
    store.close()
