"""Notes in Tryton: rows on a record, with our key and who approved in their last line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.crm.changing import Taken
from agents.crm.tryton_api import Database

_NOTE = "ir.note"
_TRAILER = "\n\ncountersign "


@dataclass(frozen=True)
class NoteRow:
    """One note as it stands: on which record, such as `party.party,5`, and what its last line says."""

    number: int
    resource: str
    key: str
    body: str
    by: str
    at: datetime

    @property
    def place(self) -> tuple[str, int]:
        """Model and number of the record it is on."""
        model, _, number = self.resource.partition(",")
        return model, int(number)


class Notes:
    """The notes that have a key of ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def under(self, key: str) -> NoteRow | None:
        """The first note under this key, or None."""
        marked = f"%{_exactly(json.dumps({'key': key}, ensure_ascii=False)[:-1])}%"
        rows = [row for row in self._search([["message", "like", marked]]) if row.key == key]
        return rows[0] if rows else None

    def on(self, resources: list[str] | None) -> list[NoteRow]:
        """Those on these records, or all of them, oldest first; of several with one key the first."""
        domain: list[Any] = [["message", "like", f"%{_exactly(_TRAILER.strip())}%"]]
        if resources is not None:
            domain.append(["resource", "in", resources])
        found: dict[str, NoteRow] = {}
        for row in self._search(domain):
            found.setdefault(row.key, row)
        return list(found.values())

    def are_on(self, resource: str) -> bool:
        """Whether there is any note on a record, ours or not."""
        return bool(self._database.search(_NOTE, [["resource", "=", resource]], ["id"]))

    def insert(self, resource: str, key: str, body: str, *, by: str) -> None:
        """Make a note.

        Raises:
            Taken: another writer made it in between; ours is gone again.
        """
        message = f"{body}{_TRAILER}{json.dumps({'key': key, 'by': by}, ensure_ascii=False)}"
        made = self._database.create(_NOTE, {"resource": resource, "message": message})
        first = self.under(key)
        if first is not None and first.number != made:
            self._database.delete(_NOTE, made)
            raise Taken("Another writer made the note in between.")

    def delete(self, number: int) -> None:
        """Take a note away; Tryton has no bin for notes."""
        self._database.delete(_NOTE, number)

    def _search(self, domain: list[Any]) -> list[NoteRow]:
        rows = self._database.search(_NOTE, domain, ["id", "resource", "message", "create_date"])
        return [row for one in rows if (row := _read(one))]


def _read(row: Mapping[str, Any]) -> NoteRow | None:
    body, found, trailer = str(row.get("message") or "").rpartition(_TRAILER)
    try:
        told = json.loads(trailer) if found else None
    except ValueError:
        return None
    if not isinstance(told, dict) or not told.get("key"):
        return None
    by, at = str(told.get("by", "")), _moment(row["create_date"])
    return NoteRow(int(row["id"]), str(row["resource"]), str(told["key"]), body, by, at)


def _exactly(text: str) -> str:
    """The text as a pattern that fits itself alone."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _moment(value: Mapping[str, Any]) -> datetime:
    year, month, day, hour, minute, second, micro = (
        int(value.get(name) or 0) for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")
    )
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
