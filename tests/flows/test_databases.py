"""Databases that a start would stumble over are told in a sentence, and the others are passed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from flows.databases import check_postgres, check_prefect, prefect_database, prefect_url
from flows.errors import ServerError


def at(home: Path, revision: str | None) -> Path:
    """A database of Prefect's at this revision."""
    path = prefect_database(home)
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        if revision:
            database.execute("INSERT INTO alembic_version VALUES (?)", [revision])
        database.commit()
    return path


def test_a_home_without_a_database_and_one_with_an_empty_one_pass(tmp_path: Path) -> None:
    check_prefect(tmp_path)
    at(tmp_path, None)
    check_prefect(tmp_path)


def test_every_state_of_its_tables_that_prefect_knows_passes(tmp_path: Path) -> None:
    """Prefect's own list of them, held against what is read out of its files."""
    from alembic.script import ScriptDirectory
    from prefect.server.database.alembic_commands import alembic_config

    config = alembic_config()
    versions = Path(config.get_main_option("script_location") or "") / "versions" / "sqlite"
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    at(tmp_path, None)
    for revision in known:
        with closing(sqlite3.connect(prefect_database(tmp_path))) as database:
            database.execute("DELETE FROM alembic_version")
            database.execute("INSERT INTO alembic_version VALUES (?)", [revision])
            database.commit()
        check_prefect(tmp_path)

    assert len(known) > 100


def test_a_database_of_a_newer_prefect_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = at(tmp_path, "ffffffffffff")

    with pytest.raises(ServerError, match=r"at 'ffffffffffff', which Prefect 3\.\S+ does not know") as refused:
        check_prefect(tmp_path)

    assert str(path) in str(refused.value)
    assert "Install that version again, or move the file away" in str(refused.value)


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    path = prefect_database(tmp_path)
    path.parent.mkdir()
    path.write_text("not a database, whatever its name says\n" * 50)

    with pytest.raises(ServerError, match="is not a database"):
        check_prefect(tmp_path)


# -- PostgreSQL --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["mysql://127.0.0.1/x", "postgresql://127.0.0.1", "countersign", "sqlite:///x.db"])
def test_an_address_that_is_none_of_postgresql_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ServerError, match="--postgres wants postgresql://") as refused:
        check_postgres(address)

    assert address not in str(refused.value)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ServerError, match=r"queue@127\.0\.0\.1 cannot be used") as refused:
        check_postgres("postgresql://sam:secret@127.0.0.1:1/queue")

    assert "secret" not in str(refused.value)


def test_a_server_without_trigrams_is_refused_with_what_to_install(empty_postgresql_address: str) -> None:
    with pytest.raises(ServerError, match=r"does not have the extension pg_trgm.*APPROVALS_STORE"):
        check_postgres(empty_postgresql_address)


@pytest.fixture
def with_trigrams(empty_postgresql_address: str) -> str:
    """A database on a server that says it has the extension: its table is all that is asked."""
    with psycopg.connect(empty_postgresql_address, autocommit=True) as connection:
        schema = "CREATE SCHEMA shadow CREATE TABLE pg_extension (extname text)"
        connection.execute(schema)
        connection.execute("INSERT INTO shadow.pg_extension VALUES ('pg_trgm')")
    separator = "&" if "?" in empty_postgresql_address else "?"
    return f"{empty_postgresql_address}{separator}options=-csearch_path%3Dshadow,pg_catalog,public"


def test_tables_of_a_newer_prefect_on_postgresql_are_named(with_trigrams: str) -> None:
    check_postgres(with_trigrams)
    with psycopg.connect(with_trigrams, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.alembic_version (version_num text)")
        connection.execute("INSERT INTO public.alembic_version VALUES ('ffffffffffff')")

    with pytest.raises(ServerError, match="another version of Prefect, probably a newer one"):
        check_postgres(with_trigrams)


def test_prefect_is_given_the_same_address_for_its_own_driver() -> None:
    given = "postgresql://sam:p%40ss@db.example:5433/queue?sslmode=require"

    assert prefect_url(given) == "postgresql+asyncpg://sam:p%40ss@db.example:5433/queue?ssl=require"
