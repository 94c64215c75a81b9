"""The migrations that ship: they make the tables the code has, and refuse a database of a later Countersign."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Text, inspect
from sqlmodel import SQLModel

from approvals.errors import StoreUnavailable
from approvals.store import open_store
from approvals.store.migrating import alembic_config, bring_up_to_date, revision_of
from approvals.store.searching import is_index
from approvals.store.tables import HEAD, METADATA, VERSION_TABLE


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path, tables_from_scratch) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/approvals.db"
    found: str = request.getfixturevalue("empty_postgresql_address")
    return found


@pytest.fixture
def database(address: str) -> Iterator:
    store = open_store(address)
    yield store._database
    store.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(database):
    with database.connected(writes=False) as connection:
        options = {
            "compare_type": True,
            "version_table": VERSION_TABLE,
            "render_as_batch": True,
            "include_name": lambda name, kind, _: not is_index(name),
        }
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, METADATA) == []


def test_head_names_the_newest_migration(database):
    with database.connected(writes=False) as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD
        assert revision_of(connection) == HEAD


def test_going_back_removes_every_table_and_forth_makes_them_again(database):
    with database.connected(writes=True) as connection:
        command.downgrade(alembic_config(connection), "base")
        left = set(inspect(connection).get_table_names())
    bring_up_to_date(database)

    with database.connected(writes=False) as connection:
        assert left == {VERSION_TABLE}
        found = {name for name in inspect(connection).get_table_names() if not is_index(name)}
        assert found == {VERSION_TABLE, *METADATA.tables}


def test_what_happened_before_anybody_could_be_told_is_no_news(address, database):
    with database.connected(writes=True) as connection:
        command.downgrade(alembic_config(connection), "0003")
        connection.exec_driver_sql("UPDATE approvals_head SET seq = 41")
    bring_up_to_date(database)

    with database.connected(writes=False) as connection:
        assert connection.exec_driver_sql("SELECT name, seq FROM approvals_cursor").all() == [("notifications", 41)]
    with database.connected(writes=True) as connection:
        connection.exec_driver_sql("UPDATE approvals_head SET seq = 0")


def test_a_store_of_a_newer_countersign_is_not_opened(address, database):
    with database.connected(writes=True) as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(StoreUnavailable, match=r"written by a newer Countersign.*'9999'.*Update"):
        open_store(address)

    with database.connected(writes=False) as connection:
        assert revision_of(connection) == "9999"


def test_the_tables_are_our_own(database):
    assert not set(METADATA.tables) & set(SQLModel.metadata.tables)
    assert all(name.startswith("approvals_") for name in METADATA.tables)


def test_documents_are_text_on_every_database(database):
    with database.connected(writes=False) as connection:
        kinds = {column["name"]: column["type"] for column in inspect(connection).get_columns("approvals_content")}

    assert all(isinstance(kinds[name], Text) for name in ("document", "document_schema", "evidence"))


def test_the_migrations_are_part_of_the_package():
    folder = resources.files("approvals.store") / "migrations"

    assert (folder / "script.py.mako").is_file()
    assert (folder / "env.py").is_file()
    assert (folder / "versions" / "0001_first_tables.py").is_file()
