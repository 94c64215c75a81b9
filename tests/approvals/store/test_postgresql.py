"""The store on PostgreSQL: what its refusals mean, and what its address may show."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy.engine import make_url

from approvals.audit import Event
from approvals.errors import Overtaken, StoreUnavailable
from approvals.store import open_store

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EVENT = Event(name="noted", actor_kind="system", actor="test", via="system", at=NOW)


@pytest.fixture
def store(postgresql_address):
    store = open_store(postgresql_address)
    yield store
    store.close()


def note(store) -> None:
    """Append an entry."""
    with store.begin() as transaction:
        transaction.record(EVENT)


def test_a_server_that_is_down_is_told_without_the_password():
    with pytest.raises(StoreUnavailable) as refused:
        open_store("postgresql://anna:secret@127.0.0.1:1/approvals?connect_timeout=2")

    assert "approvals@127.0.0.1:1" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "APPROVALS_STORE" in str(refused.value)


def test_a_database_that_is_not_there_is_named(postgresql_address):
    with pytest.raises(StoreUnavailable, match='database "nowhere" does not exist'):
        open_store(neighbour(postgresql_address, "nowhere"))


def neighbour(address: str, name: str) -> str:
    """The address of another database on the same server."""
    return make_url(address).set(database=name).render_as_string(hide_password=False)


def test_an_address_that_cannot_be_read_is_told_without_the_password():
    with pytest.raises(StoreUnavailable, match="cannot be read") as refused:
        open_store("postgresql://anna:secret@host:port/x")

    assert "secret" not in str(refused.value)


def test_a_database_that_cannot_hold_every_text_is_refused(postgresql_address):
    with psycopg.connect(postgresql_address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE old ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")

    try:
        with pytest.raises(StoreUnavailable, match="encoded in LATIN1"):
            open_store(neighbour(postgresql_address, "old"))
    finally:
        with psycopg.connect(postgresql_address, autocommit=True) as connection:
            connection.execute("DROP DATABASE old")


def test_two_changes_that_wait_for_each_other_end_with_one_that_is_told_to_read_again(store):
    start = threading.Barrier(2)
    told: list[type[BaseException] | None] = []

    def take(first: str, second: str) -> None:
        try:
            with store.begin() as transaction:
                transaction.take_lease(first, first, NOW, NOW)
                start.wait()
                transaction.take_lease(second, first, NOW, NOW)
            told.append(None)
        except Exception as error:
            told.append(type(error))

    with store.begin() as transaction:
        transaction.take_lease("a", "x", NOW, NOW)
        transaction.take_lease("b", "x", NOW, NOW)
    threads = [threading.Thread(target=take, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told, key=str) == sorted([None, Overtaken], key=str)


def test_a_lock_that_somebody_keeps_is_told_after_the_wait(store, postgresql_address):
    with psycopg.connect(postgresql_address) as other:
        other.execute("SELECT * FROM approvals_head FOR UPDATE")

        with pytest.raises(StoreUnavailable, match="was busy for 10 seconds"), store.begin() as transaction:  # noqa: PT012
            transaction._connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            transaction.record(EVENT)

        other.rollback()
    note(store)


def test_a_connection_that_the_server_ended_is_replaced(store, postgresql_address):
    note(store)
    with psycopg.connect(postgresql_address, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    note(store)

    assert [entry.seq for entry in store.entries()] == [1, 2]


def session_of(store) -> int:
    """The server's process behind the store's next transaction."""
    with store._database.connected(writes=False) as connection:
        return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()


def test_a_forked_child_uses_its_own_connections(store):
    note(store)
    session = session_of(store)

    child = os.fork()
    if child == 0:
        try:
            assert session_of(store) != session
            note(store)
            store.close()
        except BaseException:
            os._exit(1)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    note(store)

    assert ended == 0
    assert session_of(store) == session
    assert [entry.seq for entry in store.entries()] == [1, 2, 3]
