"""The databases that `up` starts on: which they are, and whether what is installed here can use them.

Looked at before anything starts, without importing Prefect, so that what is in the way is one sentence and no log.
"""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from contextlib import closing
from importlib import metadata
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from flows.errors import ServerError

_TRIGRAMS = "pg_trgm"
_REVISION = re.compile(r"^revision(?:: str)? = ['\"](\w+)['\"]", re.MULTILINE)


def prefect_database(home: Path) -> Path:
    """Where Prefect keeps its database in a home, unless it is on PostgreSQL."""
    return home / "prefect" / "prefect.db"


def prefect_url(postgres: str) -> str:
    """The address of a PostgreSQL database as Prefect's server wants it."""
    parts = urlsplit(postgres)
    # Another driver, which calls the same thing otherwise.
    query = {("ssl" if name == "sslmode" else name): value for name, value in parse_qsl(parts.query)}
    return parts._replace(scheme="postgresql+asyncpg", query=urlencode(query)).geturl()


def check_prefect(home: Path) -> None:
    """Nothing, if Prefect's SQLite database in this home is absent or one that the installed Prefect can use.

    Raises:
        ServerError: a newer Prefect made it, or it is none; the message names the file and the way out.
    """
    path = prefect_database(home)
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
            if connection.execute(named).fetchone() is None:
                return
            found = [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]
    except sqlite3.OperationalError as error:
        raise ServerError(f"Prefect's database {str(path)!r} cannot be opened ({error}).") from error
    except sqlite3.DatabaseError as error:
        raise ServerError(
            f"{str(path)!r} is not a database ({error}). Move it away to let Prefect begin anew, or restore a copy."
        ) from error
    _check_revision(found, "sqlite", f"Prefect's database {str(path)!r}", "move the file away to begin anew")


def check_postgres(address: str) -> None:
    """Nothing, if the installed Prefect can keep its tables in this PostgreSQL database, beside the queue's.

    Raises:
        ServerError: it is no such address, cannot be reached, lacks `pg_trgm`, or a newer Prefect made its tables.
    """
    import psycopg

    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ServerError("--postgres wants postgresql://user:password@host:5432/name, and that it is not.")
    where = f"{parts.path.strip('/')}@{parts.hostname or 'this machine'}"
    try:
        with psycopg.connect(address, connect_timeout=10, autocommit=True) as connection:
            _check_trigrams(connection, where)
            if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
                return
            found = [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version").fetchall()]
    except psycopg.Error as error:
        why = str(error).strip().partition("\n")[0]
        raise ServerError(
            f"The PostgreSQL database {where} cannot be used ({why}). "
            "Check that the server runs there, and the user, password and name in the address."
        ) from error
    _check_revision(found, "postgresql", f"Prefect's tables in {where}", "name another database")


def _check_trigrams(connection: object, where: str) -> None:
    import psycopg

    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - for the type alone
    if connection.execute("SELECT 1 FROM pg_extension WHERE extname = %s", [_TRIGRAMS]).fetchone():
        return
    offered = "SELECT 1 FROM pg_available_extensions WHERE name = %s"
    if not connection.execute(offered, [_TRIGRAMS]).fetchone():
        raise ServerError(
            f"The PostgreSQL server of {where} does not have the extension {_TRIGRAMS}, which Prefect needs. "
            "Install its contrib package (Debian's `postgresql` has it), or leave --postgres out and set "
            "APPROVALS_STORE, which puts the queue alone there."
        )
    try:
        connection.execute(f"CREATE EXTENSION IF NOT EXISTS {_TRIGRAMS}")
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServerError(
            f"This user may not add the extension {_TRIGRAMS}, which Prefect needs, to {where}. "
            f"Have its owner run `CREATE EXTENSION {_TRIGRAMS}` there once."
        ) from error


def _check_revision(found: list[str], dialect: str, what: str, otherwise: str) -> None:
    unknown = sorted(set(found) - _known(dialect))
    if unknown:
        raise ServerError(
            f"{what} was made by another version of Prefect, probably a newer one: it is at {unknown[0]!r}, which "
            f"Prefect {metadata.version('prefect')} does not know. Install that version again, or {otherwise}."
        )


def _known(dialect: str) -> set[str]:
    """The states of its tables that the installed Prefect knows, by its migrations."""
    spec = importlib.util.find_spec("prefect")
    if spec is None or spec.origin is None:
        raise ServerError("Prefect is not installed here. Run `make install`.")
    folder = Path(spec.origin).parent / "server" / "database" / "_migrations" / "versions" / dialect
    return {one for path in folder.glob("*.py") for one in _REVISION.findall(path.read_text(encoding="utf-8"))}
