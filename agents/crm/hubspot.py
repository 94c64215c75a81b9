"""HubSpot: every record and note of ours has a unique property of ours, so that writing twice writes once.

`hubspot://PORTAL` names the account and refuses a token of another; `hubspot:` takes whichever the token opens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from agents.changes import AddNote, Change, CrmObject
from agents.crm import changing
from agents.crm.access import Access
from agents.crm.changing import Held, HeldNote, Taken
from agents.crm.hubspot_history import author_of, changes_of
from agents.crm.hubspot_notes import to_html, to_words
from agents.crm.hubspot_portal import Portal
from agents.crm.hubspot_setup import ABOUT, BY, KEY, KINDS, NOTES, set_up
from agents.crm.mapping import OBJECTS, FieldMap, version_of
from agents.errors import CrmError, CrmUnavailable
from agents.ports import Capabilities, Clock, Done, FieldHistory, Link, Note, Record

_ADDRESS = re.compile(r"hubspot:(?://(\d*))?")
_NOTE_PROPERTIES = (KEY, ABOUT, BY, "hs_note_body", "hs_timestamp")


def portal_number(address: str) -> str | None:
    """The account that an address names; None for `hubspot:`.

    Raises:
        CrmUnavailable: it is no address of HubSpot's.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise CrmUnavailable(f"{address!r} is no HubSpot account. Write hubspot://12345678 (its Hub ID), or hubspot:.")
    return match[1] or None


class HubspotCrm:
    """A `Crm` on HubSpot's API."""

    def __init__(self, address: str, portal: Portal, fields: FieldMap, *, clock: Clock) -> None:
        self._address = address
        self._number = portal_number(address)
        self._portal = portal
        self._fields = fields
        self._clock = clock
        self._is_right_account = self._number is None

    @classmethod
    def open(cls, address: str, access: Access) -> HubspotCrm:
        """The account at this address, with the token of the settings. Nothing is asked of it yet."""
        portal_number(address)
        token = access.needed(
            access.hubspot_token(), "AGENTS_HUBSPOT_TOKEN", "the access token of a private app of your HubSpot account"
        )
        portal = Portal(token, url=access.hubspot_url, version=access.hubspot_version, patience=access.patience)
        return cls(address, portal, FieldMap.read("hubspot", access.fields), clock=access.clock)

    @property
    def address(self) -> str:
        """How it was opened; the target of permits."""
        return self._address

    @property
    def capabilities(self) -> Capabilities:
        """Archived records stay in HubSpot's bin for 90 days; what is created again under a key is a new record."""
        return Capabilities(compares=False)

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has: those of the field map."""
        return self._fields.fields()

    def set_up(self) -> tuple[str, ...]:
        """Make the properties that are missing; what was done, a sentence each."""
        self._check_account()
        return set_up(self._portal, self._fields)

    def close(self) -> None:
        """Let go of the connections."""
        self._portal.caller.close()

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002
        """The record under this external key; None where there is none, or where it was archived."""
        held = self.find(object, key)
        return _record(held) if held else None

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record with a key of ours, or those of one object, by object and key."""
        self._check_account()
        found = [
            _record(Held(str(one["id"]), kind, key, self._fields.incoming(kind, one["properties"])))
            for kind in ([object] if object else OBJECTS)
            for one in self._portal.each(KINDS[kind], self._properties(kind))
            if (key := one["properties"].get(KEY))
        ]
        return tuple(sorted(found, key=lambda record: (record.object, record.key)))

    def note(self, key: str) -> Note | None:
        """The note under this external key; None where there is none, or where it was taken away."""
        self._check_account()
        found = self._portal.get(NOTES, key, by=KEY, properties=_NOTE_PROPERTIES)
        return _note(found["properties"]) if found else None

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note with a key of ours, or those of the records under one key, oldest first."""
        self._check_account()
        if about is None:
            found = list(self._portal.each(NOTES, _NOTE_PROPERTIES))
        else:
            ids = [
                note_id
                for kind in OBJECTS
                if (held := self.find(kind, about))
                for note_id in self._portal.linked(KINDS[kind], held.id, NOTES)
            ]
            found = self._portal.read(NOTES, ids, _NOTE_PROPERTIES)
        ours = [one for one in found if one["properties"].get(KEY)]
        ours.sort(key=lambda one: (one["properties"].get("hs_timestamp") or "", int(one["id"])))
        return tuple(_note(one["properties"]) for one in ours)

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Each change of each field of a record that HubSpot kept, oldest first."""
        found = self._with_history(object, key, self._fields.properties(object))
        return changes_of(found, object, self._fields) if found else ()

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records with keys of ours that this one is linked with, by object and key."""
        held = self.find(object, key)
        if held is None:
            return ()
        links = {
            Link(object=kind, key=linked["properties"][KEY])
            for kind in OBJECTS
            if (ids := self._portal.linked(KINDS[object], held.id, KINDS[kind]))
            for linked in self._portal.read(KINDS[kind], ids, [KEY])
            if linked["properties"].get(KEY)
        }
        return tuple(sorted(links, key=lambda link: (link.object, link.key)))

    # -- writing -------------------------------------------------------------------------------------------------

    def apply(self, change: Change, *, by: str) -> Done:
        """Do one change unless it is done already or the record moved since it was planned."""
        return changing.do(change, self, by=by)

    def canonical(self, kind: CrmObject, field: str, value: str | None) -> str | None:
        """The value as it reads back; None for an empty one."""
        return self._fields.canonical(kind, field, value)

    def find(self, kind: CrmObject, key: str) -> Held | None:
        """The record under this key; a contact without one is found by its e-mail address, which is unique too."""
        self._check_account()
        properties = self._properties(kind)
        found = self._portal.get(KINDS[kind], key, by=KEY, properties=properties)
        if found is None and kind == "contact" and key.startswith("ct:"):
            found = self._portal.get(KINDS[kind], key.removeprefix("ct:"), by="email", properties=properties)
            if found is not None and found["properties"].get(KEY):
                return None  # it is another record of ours, which took this address
        if found is None:
            return None
        return Held(str(found["id"]), kind, key, self._fields.incoming(kind, found["properties"]))

    def insert(self, kind: CrmObject, key: str, fields: Mapping[str, str | None], *, by: str) -> None:
        """Make the record by an upsert on our unique property."""
        given = {field: value for field, value in fields.items() if value is not None}
        self._upsert(KINDS[kind], key, {**self._fields.outgoing(kind, given), BY: by})

    def write(self, held: Held, field: str, value: str | None, *, by: str) -> None:
        """Let one field hold this value. The key goes along, for a contact that has none yet."""
        properties = self._fields.outgoing(held.object, {field: value})
        self._portal.update(KINDS[held.object], held.id, {**properties, KEY: held.key, BY: by})

    def archive(self, held: Held, *, by: str) -> None:
        """Put the record into HubSpot's bin."""
        self._portal.archive(KINDS[held.object], held.id)

    def author(self, held: Held, fields: Iterable[str]) -> str:
        """Who gave all these fields the value they have."""
        properties = [name for field in fields for name in self._fields.property_of(held.object, field)]
        found = self._with_history(held.object, held.key, properties)
        return author_of(found, properties) if found else ""

    def bears(self, held: Held) -> str:
        """What hangs on the record, in words."""
        if self._portal.linked(KINDS[held.object], held.id, NOTES):
            return "a note"
        for kind in OBJECTS:
            if self._portal.linked(KINDS[held.object], held.id, KINDS[kind]):
                return "a link to another record"
        return ""

    def find_note(self, key: str) -> HeldNote | None:
        """The note under this key."""
        self._check_account()
        found = self._portal.get(NOTES, key, by=KEY, properties=_NOTE_PROPERTIES)
        if found is None:
            return None
        note = _note(found["properties"])
        by = found["properties"].get(BY) or ""
        return HeldNote(str(found["id"]), note.key, note.object, note.about, note.body, by=by)

    def insert_note(self, note: AddNote, about: Held, *, by: str) -> None:
        """Make the note by an upsert on our unique property, then link it to its record."""
        properties = {
            "hs_timestamp": self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "hs_note_body": to_html(note.body),
            ABOUT: f"{note.object} {note.about}",
            BY: by,
        }
        made = self._upsert(NOTES, note.key, properties)
        self._portal.link(NOTES, str(made["id"]), KINDS[about.object], about.id)

    def attached(self, note: HeldNote) -> bool:
        """Whether the note is linked with its record."""
        held = self.find(note.object, note.about)
        return held is not None and held.id in self._portal.linked(NOTES, note.id, KINDS[note.object])

    def attach(self, note: HeldNote, about: Held) -> None:
        """Link the note with its record."""
        self._portal.link(NOTES, note.id, KINDS[about.object], about.id)

    def archive_note(self, note: HeldNote, *, by: str) -> None:
        """Put the note into HubSpot's bin."""
        self._portal.archive(NOTES, note.id)

    def linked(self, one: Held, other: Held) -> bool:
        """Whether the two are linked; HubSpot shows a link from both ends."""
        return other.id in self._portal.linked(KINDS[one.object], one.id, KINDS[other.object])

    def link(self, one: Held, other: Held, *, by: str) -> None:
        """Link the two by the default association, which links once."""
        self._portal.link(KINDS[one.object], one.id, KINDS[other.object], other.id)

    def unlink(self, one: Held, other: Held, *, by: str) -> None:
        """Take their associations away."""
        self._portal.unlink(KINDS[one.object], one.id, KINDS[other.object], other.id)

    # -- all -----------------------------------------------------------------------------------------------------

    def _upsert(self, kind: str, key: str, properties: Mapping[str, str]) -> dict[str, Any]:
        made = self._portal.upsert(kind, {key: {**properties, KEY: key}}, by=KEY)[key]
        if isinstance(made, CrmError | Taken):
            raise made
        return made

    def _properties(self, kind: CrmObject) -> tuple[str, ...]:
        return (KEY, *self._fields.properties(kind))

    def _with_history(self, kind: CrmObject, key: str, properties: Iterable[str]) -> dict[str, Any] | None:
        names = [*properties, BY]
        return self._portal.get(KINDS[kind], key, by=KEY, properties=(KEY,), history=names)

    def _check_account(self) -> None:
        """What is planned and signed names the account; a token of another one must neither read nor write for it."""
        if self._is_right_account:
            return
        number = self._portal.number()
        if number is not None and number != self._number:
            raise CrmUnavailable(
                f"AGENTS_HUBSPOT_TOKEN opens the account {number}, and {self._address!r} was asked for. "
                "Set the token of that account, or AGENTS_CRM to this one."
            )
        self._is_right_account = True


def _record(held: Held) -> Record:
    return Record(object=held.object, key=held.key, fields=dict(held.fields), version=version_of(held.fields))


def _note(properties: Mapping[str, str | None]) -> Note:
    kind, _, about = (properties.get(ABOUT) or "").partition(" ")
    at = properties.get("hs_timestamp")
    return Note(
        key=properties.get(KEY) or "",
        object=next((known for known in OBJECTS if known == kind), "company"),
        about=about,
        body=to_words(properties.get("hs_note_body") or ""),
        at=datetime.fromisoformat(at) if at else datetime.fromtimestamp(0, UTC),
    )
