"""What the record commits to: the digest of a row, and how a row keeps it when its content is erased.

Content enters a digest as a commitment, sha256 over the row's own random salt and the value. Once the content is
erased the commitment is kept and the salt is gone, so nobody can try out what might have stood there.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table

from approvals import permits, requests
from approvals.audit import Attested
from approvals.canonical import canonical, digest
from approvals.errors import NotCanonical
from approvals.store.rows import Row, stored
from approvals.store.tables import COMMENT, CONTENT, PERMIT, PREFIX, REQUEST, RULING, SIGNOFF, TOKEN

ATTESTED = (REQUEST, CONTENT, SIGNOFF, RULING, PERMIT, TOKEN, COMMENT)
"""The tables that the record commits to, row by row."""

OPERATIONAL: Mapping[Table, frozenset[str]] = {
    REQUEST: requests.OPERATIONAL,
    SIGNOFF: frozenset({"waits"}),
    PERMIT: permits.OPERATIONAL,
    TOKEN: frozenset({"last_used_at"}),
}
"""Columns that change without an entry."""

ERASABLE: Mapping[Table, Mapping[str, str | None]] = {
    REQUEST: {
        "title": "(erased)",
        "summary": "",
        "searched": "(erased)\n",
        "run_name": "",
        "about": None,
        "amount": None,
        "currency": None,
    },
    CONTENT: {
        "document": "{}",
        "document_schema": "{}",
        "evidence": "{}",
        "based_on": "{}",
        "moved": "[]",
        "flags": "[]",
    },
    RULING: {"document": None, "typed": None, "changes": "[]", "reason": None, "feedback": None},
    PERMIT: {"receipt": None},
    COMMENT: {"text": "", "mentions": "[]"},
}
"""Columns that hold content, and what stands there once it is erased."""


def short(table: Table) -> str:
    """A table's name as the record has it."""
    return table.name.removeprefix(PREFIX)


def key_of(table: Table, row: Mapping[str, Any]) -> str:
    """A row's key as the record has it, such as `7K2M9QX4TB/2`."""
    return "/".join(str(row[column.name]) for column in table.primary_key)


def salted(table: Table, row: Row) -> Row:
    """A new row with what an erasure will need."""
    return {**row, "salt": secrets.token_hex(16), "erased": None} if table in ERASABLE else row


def attested(table: Table, row: Mapping[str, Any]) -> Attested:
    """The row as it stands: its digest over every column but the operational ones."""
    return Attested(table=short(table), key=key_of(table, row), digest=_digest(table, row))


def _digest(table: Table, row: Mapping[str, Any]) -> str:
    blank, kept = ERASABLE.get(table, {}), _kept(row.get("erased"))
    left_out = OPERATIONAL.get(table, frozenset())
    body: dict[str, Any] = {}
    for column, value in row.items():
        if column in left_out or column in ("salt", "erased"):
            continue
        # A commitment counts only where the content is gone: it must not vouch for another one.
        if column in blank and column in kept and value == blank[column]:
            body[column] = kept[column]
        # An empty column has no part in it, so that a later migration can add one.
        elif value is not None:
            body[column] = _commitment(row["salt"], column, value) if column in blank else value
    if row.get("erased") is not None:
        body["erased"] = sorted(kept) or "unreadable"
    try:
        return digest(canonical(body))
    except NotCanonical:  # bytes, or a number no column of ours holds: somebody else wrote it
        return digest(ascii(sorted(body.items())))


def _commitment(salt: Any, column: str, value: Any) -> str:
    return digest(stored(f"{salt}:{column}:{value}"))


def _kept(erased: Any) -> dict[str, Any]:
    try:
        kept = json.loads(erased) if erased is not None else {}
    except (ValueError, TypeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def erasure(table: Table, row: Mapping[str, Any]) -> tuple[Row, tuple[str, ...]]:
    """The columns to write so that the row's content is gone and its commitments stay, and what was erased."""
    blank = ERASABLE[table]
    kept = {column: _commitment(row["salt"], column, row[column]) for column in blank if row[column] is not None}
    changes: Row = {column: blank[column] for column in kept}
    return {**changes, "salt": None, "erased": canonical(kept)}, tuple(f"{short(table)}.{column}" for column in kept)


def recorded(table: Table, columns: Iterable[str]) -> bool:
    """Whether a change of these columns must stand in the record."""
    return not set(columns) <= OPERATIONAL.get(table, frozenset())
