from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from agents.crm.sqlite import alembic_config, engine_for, migrate
from agents.crm.tables import HEAD, METADATA, VERSION_TABLE


def test_the_migrations_make_exactly_the_tables_that_the_models_describe(tmp_path: Path) -> None:
    engine = engine_for(tmp_path / "crm.sqlite")

    migrate(engine, "crm.sqlite")

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_newest_migration_is_the_one_the_tables_name() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = engine_for(tmp_path / "crm.sqlite")
    migrate(engine, "crm.sqlite")
    before = (tmp_path / "crm.sqlite").stat().st_size

    migrate(engine, "crm.sqlite")

    assert (tmp_path / "crm.sqlite").stat().st_size == before


def test_the_way_back_leaves_no_table(tmp_path: Path) -> None:
    from alembic import command

    engine = engine_for(tmp_path / "crm.sqlite")
    migrate(engine, "crm.sqlite")
    config = alembic_config()

    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    assert left == [VERSION_TABLE]


def test_the_tables_stay_out_of_the_global_metadata() -> None:
    assert not set(METADATA.tables) & set(SQLModel.metadata.tables)
    assert METADATA.tables


@pytest.mark.parametrize("pragma", [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 15000)])
def test_a_file_is_opened_for_several_processes(tmp_path: Path, pragma: tuple[str, object]) -> None:
    name, value = pragma

    with engine_for(tmp_path / "crm.sqlite").connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value
