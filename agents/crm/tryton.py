"""Tryton over its REST API: `tryton://host:port/database`.

Companies and contacts are parties whose unique code is our key; deals are sale opportunities with our key as reference.
References, notes and relations are not unique in Tryton, so after making one, the first of several stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agents.changes import AddNote, Change, CrmObject
from agents.crm import changing
from agents.crm.access import Access
from agents.crm.changing import Held, HeldNote
from agents.crm.mapping import FieldMap, version_of
from agents.crm.tryton_api import Database
from agents.crm.tryton_notes import NoteRow, Notes
from agents.crm.tryton_records import PREFIXES, Records, Seen, seen
from agents.crm.tryton_ties import Ties
from agents.errors import CrmError
from agents.ports import Capabilities, Done, FieldHistory, Link, Note, Record


class TrytonCrm:
    """A `Crm` on a Tryton database."""

    def __init__(self, address: str, database: Database, fields: FieldMap) -> None:
        self._address = address
        self._database = database
        self._fields = fields
        self._records = Records(database, fields)
        self._notes = Notes(database)
        self._ties = Ties(database)

    @classmethod
    def open(cls, address: str, access: Access) -> TrytonCrm:
        """The database at this address, with the key of the settings. Nothing is asked of it yet."""
        key = access.needed(
            access.tryton_key(), "AGENTS_TRYTON_KEY", "the key of a user application for Tryton's REST API"
        )
        return cls(address, Database(address, key, patience=access.patience), FieldMap.read("tryton", access.fields))

    @property
    def address(self) -> str:
        """How it was opened; the target of permits."""
        return self._address

    @property
    def capabilities(self) -> Capabilities:
        """A party's past Tryton does not keep, and its REST API takes no time of reading along with a change."""
        return Capabilities(compares=False, history=False)

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has: those of the field map."""
        return self._fields.fields()

    def set_up(self) -> tuple[str, ...]:
        """Make the type of relation by which contacts are linked with companies; what was done, a sentence each."""
        if not self._database.search("company.company", [], ["id"]):
            raise CrmError("Tryton shows this user no company. Make one, and add it to the user's companies.")
        return (self._ties.set_up(),)

    def close(self) -> None:
        """Let go of the connections."""
        self._database.caller.close()

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002
        """The record under this external key; None where there is none, or where it was archived."""
        held = self._records.look(object, key)
        return _record(held) if held else None

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record with a key of ours, or those of one object, by object and key."""
        found = [_record(one) for kind in ([object] if object else PREFIXES) for one in self._records.ours(kind)]
        return tuple(sorted(found, key=lambda record: (record.object, record.key)))

    def note(self, key: str) -> Note | None:
        """The note under this external key; None where there is none, or where it was taken away."""
        row = self._notes.under(key)
        return self._told([row])[0] if row else None

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note with a key of ours, or those of the records under one key, oldest first."""
        if about is None:
            return self._told(self._notes.on(None))
        held = [one for kind in PREFIXES if (one := self._records.look(kind, about))]
        return self._told(self._notes.on([_resource(one) for one in held]))

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Nothing: Tryton keeps no past of a party."""
        return ()

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records with keys of ours that this one is linked with, by object and key."""
        held = self._records.look(object, key)
        ends = self._ties.keys(self._ties.of(held)).values() if held else ()
        return tuple(
            sorted((Link(object=kind, key=other) for kind, other in ends), key=lambda one: (one.object, one.key))
        )

    # -- writing -------------------------------------------------------------------------------------------------

    def apply(self, change: Change, *, by: str) -> Done:
        """Do one change unless it is done already or the record moved since it was planned."""
        return changing.do(change, self, by=by)

    def canonical(self, kind: CrmObject, field: str, value: str | None) -> str | None:
        """The value as it reads back; None for an empty one."""
        return self._fields.canonical(kind, field, value)

    def find(self, kind: CrmObject, key: str) -> Held | None:
        """The record under this key."""
        return self._records.look(kind, key)

    def insert(self, kind: CrmObject, key: str, fields: Mapping[str, str | None], *, by: str) -> None:
        """Make the record."""
        if kind == "deal":
            self._records.insert_deal(key, fields)
        else:
            self._records.insert_party(kind, key, fields)

    def write(self, held: Held, field: str, value: str | None, *, by: str) -> None:
        """Let one field hold this value, and no other."""
        self._records.write(seen(held), field, value)

    def archive(self, held: Held, *, by: str) -> None:
        """Take the record out of sight."""
        self._records.archive(seen(held))

    def author(self, held: Held, fields: Iterable[str]) -> str:
        """Not known: Tryton knows the user of the key."""
        return ""

    def bears(self, held: Held) -> str:
        """What hangs on the record, in words."""
        if self._notes.are_on(_resource(seen(held))):
            return "a note"
        return "a link to another record" if self._ties.of(seen(held)) else ""

    def find_note(self, key: str) -> HeldNote | None:
        """The note under this key."""
        row = self._notes.under(key)
        if row is None:
            return None
        note = self._told([row])[0]
        return HeldNote(str(row.number), key, note.object, note.about, note.body, by=row.by)

    def insert_note(self, note: AddNote, about: Held, *, by: str) -> None:
        """Make the note on its record."""
        self._notes.insert(_resource(seen(about)), note.key, note.body, by=by)

    def attached(self, note: HeldNote) -> bool:
        """Always: a note and what it is about are one row."""
        return True

    def attach(self, note: HeldNote, about: Held) -> None:
        """Nothing to do: see `attached`."""

    def archive_note(self, note: HeldNote, *, by: str) -> None:
        """Take the note away."""
        self._notes.delete(int(note.id))

    def linked(self, one: Held, other: Held) -> bool:
        """Whether the two are linked, in either direction."""
        return (seen(other).model, seen(other).number) in self._ties.of(seen(one))

    def link(self, one: Held, other: Held, *, by: str) -> None:
        """Link the two."""
        self._ties.link(seen(one), seen(other))

    def unlink(self, one: Held, other: Held, *, by: str) -> None:
        """Take the link away."""
        self._ties.unlink(seen(one), seen(other))

    def _told(self, rows: list[NoteRow]) -> tuple[Note, ...]:
        keys = self._ties.keys({row.place for row in rows})
        told = [(row, *keys.get(row.place, ("company", ""))) for row in rows]
        return tuple(Note(key=row.key, object=kind, about=about, body=row.body, at=row.at) for row, kind, about in told)


def _record(held: Seen) -> Record:
    return Record(object=held.object, key=held.key, fields=dict(held.fields), version=version_of(held.fields))


def _resource(held: Seen) -> str:
    return f"{held.model},{held.id}"
