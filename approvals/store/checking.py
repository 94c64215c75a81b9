"""Whether what the record says of a request's rows is still true: nothing is built upon what somebody wrote by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Executable, Table, select

from approvals.errors import RecordBroken
from approvals.store import prepared
from approvals.store.attesting import attested
from approvals.store.recording import Recorder
from approvals.store.rows import stored
from approvals.store.tables import (
    AUDIT,
    COMMENT,
    CONTENT,
    HEAD_OF_RECORD,
    PERMIT,
    REQUEST,
    RULING,
    SIGNOFF,
    TOKEN,
)

_BROKEN = "Somebody changed the database by hand: nothing was done. `countersign audit verify` tells more."
_OF_A_REQUEST = (REQUEST, CONTENT, SIGNOFF, RULING, PERMIT, COMMENT)


def check_whole(rows: Recorder, request_id: str | None) -> None:
    """Nothing, if every row of the request is as the record has it; with None, every token.

    Raises:
        RecordBroken: one is not; the message names it.
    """
    if rows.writes:
        _lock(rows, request_id)
    latest = _latest(rows, request_id)
    for table in (TOKEN,) if request_id is None else _OF_A_REQUEST:
        for row in _written(rows, table, request_id):
            stands = attested(table, row)
            known, seq = latest.pop((stands.table, stands.key), (None, 0))
            if known is None:
                raise RecordBroken(f"The {stands.table} {stands.key} was written past the record. {_BROKEN}")
            if known != stands.digest:
                raise RecordBroken(
                    f"The {stands.table} {stands.key} is not as entry {seq} of the record has it. {_BROKEN}"
                )
    for (name, key), (_, seq) in latest.items():
        raise RecordBroken(f"The {name} {key} that entry {seq} of the record has is gone. {_BROKEN}")


def _lock(rows: Recorder, request_id: str | None) -> None:
    # One at a time: between two of the reads another transaction might commit, and look like somebody's hand. What
    # only reads sees one moment.
    lock, of = (HEAD_OF_RECORD, 1) if request_id is None else (REQUEST, stored(request_id))

    def made() -> Executable:
        return select(lock.c.id).where(lock.c.id == prepared.given("of")).with_for_update()

    prepared.ask(rows.connection, ("lock", lock.name), made, {"of": of}).all()


def _written(rows: Recorder, table: Table, request_id: str | None) -> list[Mapping[str, Any]]:
    if request_id is None:
        return rows.all(table)
    of: Column[str] = table.c.id if table is REQUEST else table.c.request_id
    return rows.all_of(table, of, stored(request_id))


def _latest(rows: Recorder, request_id: str | None) -> dict[tuple[str, str], tuple[str, int]]:
    """What the record has of each row last: its digest, and in which entry."""
    ours = AUDIT.c.request_id.is_(None) if request_id is None else AUDIT.c.request_id == prepared.given("of")

    def made() -> Executable:
        return select(AUDIT.c.seq, AUDIT.c.rows).where(ours, AUDIT.c.rows != "[]").order_by(AUDIT.c.seq)

    entries = prepared.ask(rows.connection, ("entries", request_id is None), made, {"of": stored(request_id)})
    latest: dict[tuple[str, str], tuple[str, int]] = {}
    try:
        for seq, written in entries:
            latest |= {(table, key): (digest, seq) for table, key, digest in json.loads(written)}
    except (ValueError, TypeError) as error:
        raise RecordBroken(f"An entry of the record cannot be read. {_BROKEN}") from error
    return latest
