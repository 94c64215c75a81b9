"""Finding requests by words: each word typed is the beginning of a word in title, company, summary, gate or id.

SQLite has an FTS5 table of its own beside the requests, PostgreSQL an index on the column of words; both hold the same
words, made here, so that a search finds the same on either.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    column,
    func,
    literal_column,
    select,
    table,
    text,
)

from approvals.store.tables import REQUEST

FTS = "approvals_words"
MOST = 1_500
"""Found requests that are sorted as they are; of more, the list is walked in its order instead."""

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 40
_READ = 4_000
"""Characters of each text that are searched."""
_WORDS_ASKED = 8
_SECURE_DELETE = (3, 42, 0)


def folded_words(given: str) -> list[str]:
    """The words of a text as they are compared: case, width and accents do not count."""
    if given.isascii():
        plain = given.lower()
    else:
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", given).casefold())
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [word[:_LONGEST] for word in _WORD.findall(plain)]


def words_of(*texts: str) -> str:
    """The words of these texts, each after a blank."""
    return "".join(f" {word}" for given in texts for word in folded_words(given[:_READ]))


def asked(words: str) -> tuple[str, ...]:
    """The beginnings that a search asks for."""
    return tuple(dict.fromkeys(folded_words(words)))[:_WORDS_ASKED]


def begins(connection: Connection, beginnings: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether each of these begins a word of a request, read from its row."""
    position = func.strpos if connection.dialect.name == "postgresql" else func.instr
    return and_(*(position(REQUEST.c.words, f" {beginning}") > 0 for beginning in beginnings))


def are_few(connection: Connection, beginnings: tuple[str, ...]) -> bool:
    """Whether no more than `MOST` requests have such words."""
    if connection.dialect.name == "postgresql":
        matching = select(REQUEST.c.id).where(among(connection, beginnings))
    else:
        matching = _matched(beginnings)
    counted = select(func.count()).select_from(matching.limit(MOST + 1).subquery())
    return bool(connection.execute(counted).scalar_one() <= MOST)


def among(connection: Connection, beginnings: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether a request has such words, found by the index of words."""
    if connection.dialect.name == "postgresql":
        words = func.to_tsvector(literal_column("'simple'"), REQUEST.c.words)
        asked: ColumnElement[Any] = func.to_tsquery(literal_column("'simple'"), _tsquery(beginnings))
        return words.op("@@", is_comparison=True)(asked)
    return REQUEST.c.id.in_(_matched(beginnings))


_INDEX = table(FTS, column("id"), column(FTS))


def _matched(beginnings: tuple[str, ...]) -> Select[Any]:
    return select(_INDEX.c.id).where(_INDEX.c[FTS].op("MATCH", is_comparison=True)(_match(beginnings)))


def _match(beginnings: tuple[str, ...]) -> str:
    # Letters and digits only, so nothing in a quoted word is special.
    return " AND ".join(f'"{beginning}" *' for beginning in beginnings)


def _tsquery(beginnings: tuple[str, ...]) -> str:
    return " & ".join(f"'{beginning}':*" for beginning in beginnings)


# -- the index of SQLite -----------------------------------------------------------------------------------------


def make(connection: Connection) -> None:
    """Make the index; on PostgreSQL on the column itself."""
    connection.exec_driver_sql(_MADE[connection.dialect.name])
    if connection.dialect.name == "sqlite" and sqlite3.sqlite_version_info >= _SECURE_DELETE:
        connection.exec_driver_sql(f"INSERT INTO {FTS}({FTS}, rank) VALUES ('secure-delete', 1)")  # noqa: S608


def unmake(connection: Connection) -> None:
    """Remove the index."""
    dropped = f"DROP TABLE {FTS}" if connection.dialect.name == "sqlite" else f"DROP INDEX {_GIN}"
    connection.exec_driver_sql(dropped)


def is_index(name: str | None) -> bool:
    """Whether a table or index of the database is part of this, and so of no model."""
    return name is not None and (name in (FTS, _GIN) or name.startswith(f"{FTS}_"))


_GIN = "ix_approvals_request_words"
_MADE = {
    # Accents are folded before: the index must not fold otherwise than we do.
    "sqlite": f"CREATE VIRTUAL TABLE {FTS} USING fts5(words, id UNINDEXED, "
    "tokenize = \"unicode61 remove_diacritics 0\", prefix = '2 3')",
    "postgresql": f"CREATE INDEX {_GIN} ON approvals_request USING gin (to_tsvector('simple', words))",
}


def enter(connection: Connection, request_id: str, words: str) -> int | None:
    """Put a request's words into the index; returns its row there, on SQLite."""
    if connection.dialect.name != "sqlite":
        return None
    added = connection.execute(_ENTERED, {"words": words, "id": request_id})
    return int(added.lastrowid)


_ENTERED = text(f"INSERT INTO {FTS}(words, id) VALUES (:words, :id)")  # noqa: S608, a constant


def leave(connection: Connection, place: int | None) -> None:
    """Take a request's words out of the index, and leave nothing of them behind."""
    if connection.dialect.name != "sqlite" or place is None:
        return
    connection.exec_driver_sql(f"DELETE FROM {FTS} WHERE rowid = ?", (place,))  # noqa: S608
    if sqlite3.sqlite_version_info < _SECURE_DELETE:
        # What was deleted stays in the index's segments until they are merged.
        connection.exec_driver_sql(f"INSERT INTO {FTS}({FTS}) VALUES ('optimize')")  # noqa: S608
