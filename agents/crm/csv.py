"""CSV files in a folder, for every CRM that can export and import: `csv:///folder`.

Companies, contacts and deals have a column `key`; where it is empty a company goes by its domain and a contact by its
e-mail address. Notes, links, the history and what was archived have files of their own beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from agents.changes import AddNote, Change, CrmObject
from agents.crm import changing
from agents.crm.access import Access
from agents.crm.changing import Held, HeldNote
from agents.crm.csv_tables import Changed, Folder, Row, Table
from agents.crm.mapping import OBJECTS, FieldMap, version_of
from agents.errors import CrmUnavailable
from agents.ports import Capabilities, Clock, Done, FieldHistory, Link, Note, Record

_Answer = TypeVar("_Answer")
FILES: dict[CrmObject, str] = {"company": "companies", "contact": "contacts", "deal": "deals"}
_NOTES = ("key", "object", "about", "body", "at", "by")
_LINKS = ("object", "key", "to_object", "to_key", "at", "by")
_HISTORY = ("object", "key", "field", "before", "after", "at", "by")
_ARCHIVED = ("kind", "key", "at", "by", "row")
_ATTEMPTS = 5


class CsvCrm:
    """A `Crm` in a folder of CSV files."""

    def __init__(self, address: str, folder: Folder, fields: FieldMap, *, clock: Clock) -> None:
        self._address = address
        self._folder = folder
        self._fields = fields
        self._clock = clock
        self._headings: dict[str, tuple[str, ...]] = {
            **{FILES[kind]: ("key", *fields.properties(kind)) for kind in OBJECTS},
            "notes": _NOTES,
            "associations": _LINKS,
            "history": _HISTORY,
            "archived": _ARCHIVED,
        }

    @classmethod
    def open(cls, address: str, access: Access) -> CsvCrm:
        """The folder at this address; it and its files are made when something is written."""
        path = address.removeprefix("csv:").removeprefix("//")
        if not path.startswith(("/", "~")):
            raise CrmUnavailable(f"{address!r} names no folder. Write csv:///path/of/the/folder.")
        fields = FieldMap.read("csv", access.fields)
        return cls(address, Folder(Path(path).expanduser()), fields, clock=access.clock)

    @property
    def address(self) -> str:
        """How it was opened; the target of permits."""
        return self._address

    @property
    def capabilities(self) -> Capabilities:
        """Our processes wait for each other; a spreadsheet waits for nobody."""
        return Capabilities(compares=False)

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has: those of the field map."""
        return self._fields.fields()

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002
        """The record under this external key, or None."""
        held = self._within(lambda sheets: sheets.find(object, key))
        return _record(held) if held else None

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record, or those of one object, by object and key."""
        kinds = [object] if object else OBJECTS
        found = self._within(lambda sheets: [held for kind in kinds for held in sheets.each(kind)])
        return tuple(sorted(map(_record, found), key=lambda record: (record.object, record.key)))

    def note(self, key: str) -> Note | None:
        """The note under this external key, or None."""
        return next((note for note in self._notes() if note.key == key), None)

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note, or those of the records under one key, oldest first."""
        return tuple(note for note in self._notes() if about in (None, note.about))

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Each change of each field that was made through Countersign, oldest first."""
        rows = self._within(lambda sheets: sheets.past(object, key))
        return tuple(
            FieldHistory(
                field=row["field"],
                before=row["before"] or None,
                after=row["after"] or None,
                at=_moment(row["at"]),
                by=row["by"],
            )
            for row in rows
        )

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records this one is linked with, in either direction, by object and key."""
        links = {Link(object=kind, key=other) for kind, other in self._within(lambda sheets: sheets.ends(object, key))}
        return tuple(sorted(links, key=lambda link: (link.object, link.key)))

    def apply(self, change: Change, *, by: str) -> Done:
        """Do one change while holding the folder's lock; what it touches is replaced together."""
        return self._within(lambda sheets: changing.do(change, sheets, by=by))

    def _notes(self) -> list[Note]:
        rows = self._within(lambda sheets: list(sheets.notes.rows))
        return [
            Note(
                key=row["key"], object=_kind(row["object"]), about=row["about"], body=row["body"], at=_moment(row["at"])
            )
            for row in rows
        ]

    def _within(self, act: Callable[[Sheets], _Answer]) -> _Answer:
        for _ in range(_ATTEMPTS):
            try:
                with self._folder.tables(self._headings) as tables:
                    return act(Sheets(tables, self._fields, self._clock().astimezone(UTC).isoformat()))
            except Changed:
                continue  # somebody saved a file: read it again and compare anew
        raise CrmUnavailable(f"The files of {self._address!r} are saved over and over by another program. Try again.")


class Sheets:
    """The tables while their lock is held, as the small acts of which a change is made."""

    def __init__(self, tables: Mapping[str, Table], fields: FieldMap, at: str) -> None:
        self._tables = tables
        self._fields = fields
        self._at = at
        self.notes = tables["notes"]
        self._links = tables["associations"]

    # -- records -------------------------------------------------------------------------------------------------

    def canonical(self, kind: CrmObject, field: str, value: str | None) -> str | None:
        return self._fields.canonical(kind, field, value)

    def each(self, kind: CrmObject) -> list[Held]:
        """Every record of an object that has a key, or a domain or address to go by."""
        return [self._held(kind, key, row) for row in self._tables[FILES[kind]].rows if (key := self._key(kind, row))]

    def find(self, kind: CrmObject, key: str) -> Held | None:
        row = self._row(kind, key)
        return self._held(kind, key, row) if row else None

    def insert(self, kind: CrmObject, key: str, fields: Mapping[str, str | None], *, by: str) -> None:
        given = {field: value for field, value in fields.items() if value is not None}
        self._tables[FILES[kind]].add(key=key, **self._fields.outgoing(kind, given))
        for field, value in given.items():
            self._remember(kind, key, field, None, value, by)

    def write(self, held: Held, field: str, value: str | None, *, by: str) -> None:
        row = self._row(held.object, held.key)
        if row is None:
            raise Changed
        for heading, cell in {"key": held.key, **self._fields.outgoing(held.object, {field: value})}.items():
            row[heading] = cell
        self._tables[FILES[held.object]].changed = True
        self._remember(held.object, held.key, field, held.fields.get(field), value, by)

    def archive(self, held: Held, *, by: str) -> None:
        row = self._row(held.object, held.key)
        if row is None:
            raise Changed
        for field, value in held.fields.items():
            self._remember(held.object, held.key, field, value, None, by)
        self._put_away(held.object, held.key, self._tables[FILES[held.object]], row, by)

    def author(self, held: Held, fields: Iterable[str]) -> str:
        last = {row["field"]: row["by"] for row in self.past(held.object, held.key)}
        authors = {last.get(field, "") for field in fields}
        return authors.pop() if len(authors) == 1 else ""

    def past(self, kind: CrmObject, key: str) -> list[Row]:
        """The rows of one record's history, oldest first; none where there is no record."""
        if self._row(kind, key) is None:
            return []
        return [row for row in self._tables["history"].rows if (row["object"], row["key"]) == (kind, key)]

    def bears(self, held: Held) -> str:
        for row in self.notes.rows:
            if (row["object"], row["about"]) == (held.object, held.key):
                return f"the note {row['key']!r}"
        return "a link to another record" if self.ends(held.object, held.key) else ""

    # -- notes ---------------------------------------------------------------------------------------------------

    def find_note(self, key: str) -> HeldNote | None:
        row = next((row for row in self.notes.rows if row["key"] == key), None)
        return HeldNote(key, key, _kind(row["object"]), row["about"], row["body"], by=row["by"]) if row else None

    def insert_note(self, note: AddNote, about: Held, *, by: str) -> None:
        self.notes.add(key=note.key, object=note.object, about=note.about, body=note.body, at=self._at, by=by)

    def attached(self, note: HeldNote) -> bool:
        return True  # a note and what it is about are one row

    def attach(self, note: HeldNote, about: Held) -> None:
        """Nothing to do: see `attached`."""

    def archive_note(self, note: HeldNote, *, by: str) -> None:
        for row in [row for row in self.notes.rows if row["key"] == note.key]:
            self._put_away("note", note.key, self.notes, row, by)

    # -- links ---------------------------------------------------------------------------------------------------

    def ends(self, kind: str, key: str) -> list[tuple[CrmObject, str]]:
        """The other ends of a record's links."""
        there = [((row["object"], row["key"]), (row["to_object"], row["to_key"])) for row in self._links.rows]
        found = [other for one, other in there if one == (kind, key)] + [
            one for one, other in there if other == (kind, key)
        ]
        return [(_kind(other), its_key) for other, its_key in found]

    def linked(self, one: Held, other: Held) -> bool:
        return (other.object, other.key) in self.ends(one.object, one.key)

    def link(self, one: Held, other: Held, *, by: str) -> None:
        self._links.add(object=one.object, key=one.key, to_object=other.object, to_key=other.key, at=self._at, by=by)

    def unlink(self, one: Held, other: Held, *, by: str) -> None:
        ends = {(one.object, one.key), (other.object, other.key)}
        for row in list(self._links.rows):
            if {(row["object"], row["key"]), (row["to_object"], row["to_key"])} == ends:
                self._put_away("link", f"{one.key} {other.key}", self._links, row, by)

    # -- all -----------------------------------------------------------------------------------------------------

    def _held(self, kind: CrmObject, key: str, row: Row) -> Held:
        held = {heading: row[heading] for heading in self._fields.properties(kind)}
        return Held(key, kind, key, self._fields.incoming(kind, held))

    def _row(self, kind: CrmObject, key: str) -> Row | None:
        rows = [row for row in self._tables[FILES[kind]].rows if self._key(kind, row) == key]
        if len(rows) > 1:
            raise CrmUnavailable(f"{FILES[kind]}.csv has {len(rows)} rows for {key!r}. Leave one of them.")
        return rows[0] if rows else None

    def _key(self, kind: CrmObject, row: Row) -> str:
        if key := row["key"]:
            return key
        field, prefix = {"company": ("domain", "co:"), "contact": ("email", "ct:"), "deal": ("", "")}[kind]
        if field not in self._fields.fields()[kind]:
            return ""
        value = row[self._fields.property_of(kind, field)[0]].strip().lower()
        return f"{prefix}{value}" if value else ""

    def _remember(self, kind: str, key: str, field: str, before: str | None, after: str | None, by: str) -> None:
        self._tables["history"].add(
            object=kind, key=key, field=field, before=before or "", after=after or "", at=self._at, by=by
        )

    def _put_away(self, kind: str, key: str, table: Table, row: Row, by: str) -> None:
        whole = json.dumps({heading: row[heading] for heading in table.headings}, ensure_ascii=False)
        self._tables["archived"].add(kind=kind, key=key, at=self._at, by=by, row=whole)
        table.remove(row)


def _record(held: Held) -> Record:
    return Record(object=held.object, key=held.key, fields=dict(held.fields), version=version_of(held.fields))


def _kind(word: str) -> CrmObject:
    for known in OBJECTS:
        if known == word:
            return known
    raise CrmUnavailable(
        f"{word!r} stands as an object in notes.csv or associations.csv. It is one of {', '.join(OBJECTS)}."
    )


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
