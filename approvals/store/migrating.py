"""Brings the tables to the newest version when a store is opened, once, however many processes open it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from approvals.errors import StoreUnavailable
from approvals.store.database import Database
from approvals.store.relisting import relist
from approvals.store.tables import HEAD, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic keeps what it works on in globals of the process.
_alembic = threading.Lock()
_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String))


def bring_up_to_date(database: Database) -> None:
    """Make or change the tables as the migrations that ship say; processes that come at once wait for the first.

    Raises:
        StoreUnavailable: a newer Countersign has changed them.
    """
    with database.connected(writes=False) as connection:
        if revision_of(connection) == HEAD:
            return
    with database.connected(writes=True) as connection:
        database.lock_schema(connection)
        if revision_of(connection) != HEAD:
            _upgrade(connection, database.where)


def revision_of(connection: Connection) -> str | None:
    """The migration the tables are at; None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()


def _upgrade(connection: Connection, where: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision_of(connection)
    if found is not None and found not in known:
        raise StoreUnavailable(
            f"The approval store {where} was written by a newer Countersign (its tables are at {found!r}, this one "
            f"knows up to {HEAD!r}). Update Countersign, or open a backup from before."
        )
    with _alembic:
        command.upgrade(config, "head")
    relist(connection)  # what an older version wrote has nothing that lists are told by


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the migrations that ship with this package, on this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "approvals.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
