"""One change at a CRM that keeps no transaction of ours: read it, compare, and only then write.

Every vendor's connector is a `Remote` of small acts; what makes a change done, to be written or a conflict stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agents.changes import AddNote, Associate, Change, Create, CrmObject, Dissociate, Remove, RemoveNote, SetField
from agents.errors import CrmError, CrmUnavailable, UnknownObject
from agents.ports import Done


@dataclass(frozen=True)
class Held:
    """A record as the other side holds it now."""

    id: str
    object: CrmObject
    key: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class HeldNote:
    """A note as the other side holds it now."""

    id: str
    key: str
    object: CrmObject
    about: str
    body: str
    by: str = ""


_ATTEMPTS = 3


class Taken(Exception):
    """Somebody made or changed the record in between, or another has its e-mail address. Leaves no connector."""


class Remote(Protocol):
    """What a connector does at the other side. Nothing here decides; each write is safe to lose sight of."""

    def canonical(self, kind: CrmObject, field: str, value: str | None) -> str | None:
        """The value as it would read back; None for an empty one."""
        ...

    def find(self, kind: CrmObject, key: str) -> Held | None:
        """The record under this key, read now and not from an index that lags."""
        ...

    def insert(self, kind: CrmObject, key: str, fields: Mapping[str, str | None], *, by: str) -> None:
        """Make the record.

        Raises:
            Taken: there is one meanwhile.
        """
        ...

    def write(self, held: Held, field: str, value: str | None, *, by: str) -> None:
        """Let one field hold this value."""
        ...

    def archive(self, held: Held, *, by: str) -> None:
        """Take the record out of sight."""
        ...

    def author(self, held: Held, fields: Iterable[str]) -> str:
        """Who gave all these fields the value they have; empty where that is not known or was more than one."""
        ...

    def bears(self, held: Held) -> str:
        """What hangs on the record, in words; empty where nothing does."""
        ...

    def find_note(self, key: str) -> HeldNote | None:
        """The note under this key."""
        ...

    def insert_note(self, note: AddNote, about: Held, *, by: str) -> None:
        """Make the note, and attach it to its record."""
        ...

    def attached(self, note: HeldNote) -> bool:
        """Whether the note stands on its record; false where whoever made it was stopped in between."""
        ...

    def attach(self, note: HeldNote, about: Held) -> None:
        """Attach a note that was made and never attached."""
        ...

    def archive_note(self, note: HeldNote, *, by: str) -> None:
        """Take the note away."""
        ...

    def linked(self, one: Held, other: Held) -> bool:
        """Whether the two are linked, in either direction."""
        ...

    def link(self, one: Held, other: Held, *, by: str) -> None:
        """Link the two."""
        ...

    def unlink(self, one: Held, other: Held, *, by: str) -> None:
        """Take their link away."""
        ...


def do(change: Change, remote: Remote, *, by: str) -> Done:
    """Do this change unless it is done already or the record moved.

    Raises:
        UnknownObject: the CRM has no such object, field or record.
        CrmUnavailable: the CRM does not answer; nothing is known of the write.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _once(change, remote, by)
        except Taken as taken:
            last = taken  # read again, and compare with what is there now
    raise CrmError(f"{last} It cannot be found under its key: if it is a record of yours, give that record this key.")


def _once(change: Change, remote: Remote, by: str) -> Done:
    match change:
        case Create():
            return _create(change, remote, by)
        case SetField():
            return _set_field(change, remote, by)
        case AddNote():
            return _add_note(change, remote, by)
        case Associate():
            return _associate(change, remote, by)
        case Remove():
            return _remove(change, remote, by)
        case RemoveNote():
            return _remove_note(change, remote, by)
        case Dissociate():
            return _dissociate(change, remote, by)


# -- records -----------------------------------------------------------------------------------------------------


def _create(change: Create, remote: Remote, by: str) -> Done:
    wanted = {field: remote.canonical(change.object, field, value) for field, value in change.fields.items()}
    held = remote.find(change.object, change.key)
    if held is None:
        remote.insert(change.object, change.key, wanted, by=by)
        return Done(outcome="written")
    now: dict[str, str | None] = {**held.fields, **{field: held.fields.get(field) for field in wanted}}
    if all(now[field] == value for field, value in wanted.items()):
        author = remote.author(held, [field for field, value in wanted.items() if value is not None])
        return Done(outcome="already", detail="the record is there with these fields", by=author)
    return Done(outcome="conflict", detail="the record is there, with other fields", now=now)


def _set_field(change: SetField, remote: Remote, by: str) -> Done:
    after = remote.canonical(change.object, change.field, change.after)
    before = remote.canonical(change.object, change.field, change.before)
    held = _existing(remote, change.object, change.key)
    now = held.fields.get(change.field)
    if now == after:
        author = remote.author(held, [change.field])
        return Done(outcome="already", detail="the field holds this already", by=author)
    if now != before:
        return Done(outcome="conflict", detail="the field was changed since", now={change.field: now})
    remote.write(held, change.field, after, by=by)
    return Done(outcome="written")


def _remove(change: Remove, remote: Remote, by: str) -> Done:
    planned = {field: remote.canonical(change.object, field, value) for field, value in change.fields.items()}
    held = remote.find(change.object, change.key)
    if held is None:
        return Done(outcome="already", detail="there is no such record any more")
    if dict(held.fields) != {field: value for field, value in planned.items() if value is not None}:
        now = {**dict.fromkeys(planned), **held.fields}
        return Done(outcome="conflict", detail="the record was changed since", now=now)
    if bears := remote.bears(held):
        return Done(outcome="conflict", detail=f"the record bears {bears}", now=dict(held.fields))
    remote.archive(held, by=by)
    return Done(outcome="written")


# -- notes -------------------------------------------------------------------------------------------------------


def _add_note(change: AddNote, remote: Remote, by: str) -> Done:
    note = remote.find_note(change.key)
    if note is None:
        remote.insert_note(change, _existing(remote, change.object, change.about), by=by)
        return Done(outcome="written")
    if (note.object, note.about, note.body) != (change.object, change.about, change.body):
        now: dict[str, str | None] = {"body": note.body, "object": note.object, "about": note.about}
        return Done(outcome="conflict", detail="a note with this key is there, with other words", now=now)
    if remote.attached(note):
        return Done(outcome="already", detail="the note is there with these words", by=note.by)
    remote.attach(note, _existing(remote, change.object, change.about))
    return Done(outcome="written", detail="the note was there, without its link to the record")


def _remove_note(change: RemoveNote, remote: Remote, by: str) -> Done:
    note = remote.find_note(change.key)
    if note is None:
        return Done(outcome="already", detail="there is no such note any more")
    if (note.object, note.about, note.body) != (change.object, change.about, change.body):
        now: dict[str, str | None] = {"body": note.body, "object": note.object, "about": note.about}
        return Done(outcome="conflict", detail="the note was changed since", now=now)
    remote.archive_note(note, by=by)
    return Done(outcome="written")


# -- links -------------------------------------------------------------------------------------------------------


def _associate(change: Associate, remote: Remote, by: str) -> Done:
    one = _existing(remote, change.object, change.key)
    other = _existing(remote, change.to_object, change.to_key)
    if one.id == other.id and one.object == other.object:
        raise CrmError(f"The {change.object} {change.key!r} cannot be linked with itself.")
    if remote.linked(one, other):
        return Done(outcome="already", detail="the two are linked")
    remote.link(one, other, by=by)
    return Done(outcome="written")


def _dissociate(change: Dissociate, remote: Remote, by: str) -> Done:
    one = remote.find(change.object, change.key)
    other = remote.find(change.to_object, change.to_key)
    if one is None or other is None or not remote.linked(one, other):
        return Done(outcome="already", detail="the two are not linked any more")
    remote.unlink(one, other, by=by)
    return Done(outcome="written")


def _existing(remote: Remote, kind: CrmObject, key: str) -> Held:
    held = remote.find(kind, key)
    if held is None:
        raise UnknownObject(f"The CRM has no {kind} {key!r}.", object=kind, key=key)
    return held


def unanswered(vendor: str, what: str, trace: str = "") -> CrmUnavailable:
    """Nothing is known of a write: the sentence that says so, and what happens next."""
    return CrmUnavailable(
        f"{vendor} gave no answer to {what}: whether it was written is unknown. Running it again reads first and "
        f"writes only what is missing.{trace}"
    )
