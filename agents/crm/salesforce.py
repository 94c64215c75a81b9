"""Salesforce: records of ours have an external id of ours, so that writing twice writes once. `salesforce://MYDOMAIN`.

Notes are a custom object, because Salesforce's own take no external id. A contact and a deal have one account each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.changes import AddNote, Change, CrmObject
from agents.crm import changing
from agents.crm.access import Access
from agents.crm.changing import Held, HeldNote
from agents.crm.mapping import OBJECTS, FieldMap, version_of
from agents.crm.salesforce_org import Org, equals, url_of, within
from agents.crm.salesforce_setup import ABOUT, BODY, BY, KEY, KINDS, LOOKUPS, NOTES, ROLES, set_up
from agents.errors import CrmError
from agents.ports import Capabilities, Clock, Done, FieldHistory, Link, Note, Record

_NOTE_FIELDS = ("Id", KEY, ABOUT, BODY, BY, "CreatedDate")
_OPEN_DAYS = 90


class SalesforceCrm:
    """A `Crm` on Salesforce's REST API."""

    def __init__(self, address: str, org: Org, fields: FieldMap, *, clock: Clock) -> None:
        self._address = address
        self._org = org
        self._fields = fields
        self._clock = clock

    @classmethod
    def open(cls, address: str, access: Access) -> SalesforceCrm:
        """The organisation at this address, with the client app of the settings. Nothing is asked of it yet."""
        url = access.salesforce_url or url_of(address)
        what = "what the external client app in Salesforce shows"
        client = access.needed(access.salesforce_client_id, "AGENTS_SALESFORCE_CLIENT_ID", what)
        access.needed(access.salesforce_client_secret(), "AGENTS_SALESFORCE_CLIENT_SECRET", what)
        org = Org(
            url,
            client,
            access.salesforce_client_secret,
            version=access.salesforce_version,
            patience=access.patience,
        )
        return cls(address, org, FieldMap.read("salesforce", access.fields), clock=access.clock)

    @property
    def address(self) -> str:
        """How it was opened; the target of permits."""
        return self._address

    @property
    def capabilities(self) -> Capabilities:
        """What is deleted stays in the recycle bin for a while; the past of a field is kept where somebody asked."""
        return Capabilities(compares=False, history=False)

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has: those of the field map."""
        return self._fields.fields()

    def set_up(self) -> tuple[str, ...]:
        """Look whether every field that is needed is there; Salesforce has an administrator make them."""
        return set_up(self._org, self._fields)

    def close(self) -> None:
        """Let go of the connections."""
        self._org.caller.close()

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002
        """The record under this external key; None where there is none, or where it was archived."""
        held = self.find(object, key)
        return _record(held) if held else None

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record with a key of ours, or those of one object, by object and key."""
        found = [
            _record(self._held(kind, row))
            for kind in ([object] if object else OBJECTS)
            for row in self._org.select(KINDS[kind], self._selected(kind), equals(KEY, None))
        ]
        return tuple(sorted(found, key=lambda record: (record.object, record.key)))

    def note(self, key: str) -> Note | None:
        """The note under this external key; None where there is none, or where it was taken away."""
        row = self._org.get(NOTES, KEY, key, _NOTE_FIELDS)
        return _note(row) if row else None

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note with a key of ours, or those of the records under one key, oldest first."""
        where = equals(KEY, None) if about is None else within(ABOUT, [f"{kind} {about}" for kind in OBJECTS])
        rows = self._org.select(NOTES, _NOTE_FIELDS, where, order="CreatedDate, Id")
        return tuple(_note(row) for row in rows)

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Nothing: Salesforce tracks the past of those fields alone for which somebody switched it on."""
        return ()

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records with keys of ours that this one is linked with, by object and key."""
        held = self.find(object, key)
        ends = self._ends(held) if held else {}
        return tuple(
            sorted(
                {Link(object=kind, key=its) for kind, its in ends.values() if its},
                key=lambda one: (one.object, one.key),
            )
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
        row = self._org.get(KINDS[kind], KEY, key, self._selected(kind))
        return self._held(kind, row) if row else None

    def insert(self, kind: CrmObject, key: str, fields: Mapping[str, str | None], *, by: str) -> None:
        """Make the record by an upsert on our external id, with what Salesforce takes no record without."""
        given = self._outgoing(kind, {field: value for field, value in fields.items() if value is not None})
        self._org.upsert(KINDS[kind], KEY, key, {**self._required(kind, key), **given, BY: by})

    def write(self, held: Held, field: str, value: str | None, *, by: str) -> None:
        """Let one field hold this value."""
        self._org.update(KINDS[held.object], held.id, {**self._outgoing(held.object, {field: value}), BY: by})

    def archive(self, held: Held, *, by: str) -> None:
        """Put the record into the recycle bin."""
        self._org.delete(KINDS[held.object], held.id)

    def author(self, held: Held, fields: Iterable[str]) -> str:
        """Not known: Salesforce knows the user that the client app runs as."""
        return ""

    def bears(self, held: Held) -> str:
        """What hangs on the record, in words."""
        if self._org.select(NOTES, ["Id"], equals(LOOKUPS[held.object], held.id)):
            return "a note"
        return "a link to another record" if self._ends(held) else ""

    def find_note(self, key: str) -> HeldNote | None:
        """The note under this key."""
        row = self._org.get(NOTES, KEY, key, _NOTE_FIELDS)
        if row is None:
            return None
        note = _note(row)
        return HeldNote(str(row["Id"]), key, note.object, note.about, note.body, by=str(row.get(BY) or ""))

    def insert_note(self, note: AddNote, about: Held, *, by: str) -> None:
        """Make the note on its record, in one write."""
        values = {BODY: note.body, ABOUT: f"{note.object} {note.about}", LOOKUPS[note.object]: about.id, BY: by}
        self._org.upsert(NOTES, KEY, note.key, values)

    def attached(self, note: HeldNote) -> bool:
        """Always: a note and what it is about are one row."""
        return True

    def attach(self, note: HeldNote, about: Held) -> None:
        """Nothing to do: see `attached`."""

    def archive_note(self, note: HeldNote, *, by: str) -> None:
        """Put the note into the recycle bin."""
        self._org.delete(NOTES, note.id)

    # -- links ---------------------------------------------------------------------------------------------------

    def linked(self, one: Held, other: Held) -> bool:
        """Whether the two are linked, in either direction."""
        return other.id in self._ends(one)

    def link(self, one: Held, other: Held, *, by: str) -> None:
        """Give a contact or a deal its account; a contact has a role in a deal."""
        ends = {held.object: held for held in (one, other)}
        if ends.keys() == {"contact", "deal"}:
            contact, deal = ends["contact"], ends["deal"]
            values = {"ContactId": contact.id, "OpportunityId": deal.id}
            self._org.upsert(ROLES, KEY, f"{deal.key} {contact.key}", values)
            return
        if one.object == other.object:
            raise CrmError(f"Salesforce links no {one.object} with a {other.object}. Untick the change.")
        belongs = next(held for kind, held in ends.items() if kind != "company")
        if account := self._account_of(belongs):
            raise CrmError(f"The {belongs.object} {belongs.key!r} has another account in Salesforce ({account}).")
        self._org.update(KINDS[belongs.object], belongs.id, {"AccountId": ends["company"].id})

    def unlink(self, one: Held, other: Held, *, by: str) -> None:
        """Take the link away."""
        ends = {held.object: held for held in (one, other)}
        if "company" in ends:
            belongs = next(held for kind, held in ends.items() if kind != "company")
            self._org.update(KINDS[belongs.object], belongs.id, {"AccountId": None})
            return
        where = f"{equals('ContactId', ends['contact'].id)} AND {equals('OpportunityId', ends['deal'].id)}"
        for row in self._org.select(ROLES, ["Id"], where):
            self._org.delete(ROLES, str(row["Id"]))

    def _ends(self, held: Held) -> dict[str, tuple[CrmObject, str]]:
        """Id -> object and key of all that a record is linked with; the key is empty where it is none of ours."""
        found: dict[str, tuple[CrmObject, str]] = {}
        here = held.id
        if held.object == "company":
            for kind in (one for one in OBJECTS if one != "company"):
                for row in self._org.select(KINDS[kind], ["Id", KEY], equals("AccountId", here)):
                    found[str(row["Id"])] = (kind, str(row.get(KEY) or ""))
            return found
        for row in self._org.select(KINDS[held.object], ["AccountId", f"Account.{KEY}"], equals("Id", here)):
            if row.get("AccountId"):
                found[str(row["AccountId"])] = ("company", str((row.get("Account") or {}).get(KEY) or ""))
        other: CrmObject = "deal" if held.object == "contact" else "contact"
        ours, theirs = KINDS[held.object], KINDS[other]
        for row in self._org.select(ROLES, [f"{theirs}Id", f"{theirs}.{KEY}"], equals(f"{ours}Id", here)):
            found[str(row[f"{theirs}Id"])] = (other, str((row.get(theirs) or {}).get(KEY) or ""))
        return found

    def _account_of(self, held: Held) -> str:
        rows = self._org.select(KINDS[held.object], ["AccountId"], equals("Id", held.id))
        return str(rows[0].get("AccountId") or "") if rows else ""

    # -- how values stand there ----------------------------------------------------------------------------------

    def _selected(self, kind: CrmObject) -> tuple[str, ...]:
        return ("Id", KEY, *self._fields.properties(kind))

    def _held(self, kind: CrmObject, row: Mapping[str, Any]) -> Held:
        key = str(row[KEY])
        ours = self._required(kind, key)
        # What we filled in only because Salesforce takes no record without it counts as empty.
        held = {name: _text(row.get(name)) for name in self._fields.properties(kind) if row.get(name) != ours.get(name)}
        return Held(str(row["Id"]), kind, key, self._fields.incoming(kind, held))

    def _outgoing(self, kind: CrmObject, values: Mapping[str, str | None]) -> dict[str, Any]:
        """Salesforce wants an amount as a number, and nothing as null."""
        amounts = self._fields.property_of("deal", "amount") if kind == "deal" and "amount" in values else ()
        given = self._fields.outgoing(kind, values)
        return {name: (float(value) if name in amounts else value) if value else None for name, value in given.items()}

    def _required(self, kind: CrmObject, key: str) -> dict[str, Any]:
        if kind == "contact":
            return {"LastName": key.partition(":")[2] or key}
        if kind == "company":
            return {"Name": key.partition(":")[2] or key}
        closing = (self._clock().astimezone(UTC) + timedelta(days=_OPEN_DAYS)).date().isoformat()
        return {"Name": key.partition(":")[2] or key, "StageName": "Prospecting", "CloseDate": closing}


def _record(held: Held) -> Record:
    return Record(object=held.object, key=held.key, fields=dict(held.fields), version=version_of(held.fields))


def _note(row: Mapping[str, Any]) -> Note:
    kind, _, about = str(row.get(ABOUT) or "").partition(" ")
    return Note(
        key=str(row[KEY]),
        object=next((known for known in OBJECTS if known == kind), "company"),
        about=about,
        body=str(row.get(BODY) or ""),
        at=datetime.fromisoformat(str(row["CreatedDate"])),
    )


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None
