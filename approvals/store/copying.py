"""Backups: a new file that is whole or not there, and the copying of every table."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from approvals.errors import StoreUnavailable
from approvals.store.relisting import relist
from approvals.store.tables import CURSOR, HEAD_OF_RECORD, METADATA

_AT_ONCE = 500


@contextmanager
def new_file(path: str) -> Iterator[Path]:
    """A path to write to; what stands there at the end of the block appears at `path` at once, for its owner only.

    Raises:
        StoreUnavailable: there is something at `path`, or its folder cannot be written.
    """
    final = Path(path).expanduser()
    if final.exists() or final.is_symlink():
        raise _taken(final)
    partial = final.with_name(f".{final.name}.{secrets.token_hex(4)}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise _unwritable(final, error) from error
    try:
        yield partial
        _appear(partial, final)
    except FileExistsError as error:
        raise _taken(final) from error
    except OSError as error:
        raise _unwritable(final, error) from error
    finally:
        for left in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(f"{partial}{left}")


def _appear(partial: Path, final: Path) -> None:
    _flush(partial)
    os.link(partial, final)  # unlike a rename, a link does not replace what came there in between
    _flush(final.parent)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _taken(path: Path) -> StoreUnavailable:
    return StoreUnavailable(f"There is something at {str(path)!r} already; a backup replaces nothing. Name a new file.")


def _unwritable(path: Path, error: OSError) -> StoreUnavailable:
    why = error.strerror or str(error)
    return StoreUnavailable(
        f"The backup {str(path)!r} cannot be written ({why}). Name a file in a folder you can write."
    )


def copy_tables(source: Connection, target: Connection) -> None:
    """Copy every row of every table into a fresh database."""
    for seeded in (HEAD_OF_RECORD, CURSOR):
        target.execute(delete(seeded))
    for table in METADATA.sorted_tables:
        with source.execute(select(table), execution_options={"yield_per": _AT_ONCE}) as found:
            for rows in found.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in rows])
    relist(target)  # a search index stays behind with its database
