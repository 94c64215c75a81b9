"""One change of the embedded CRM, done or refused within one open transaction."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import Session, col

from agents.changes import AddNote, Associate, Change, Create, CrmObject, Dissociate, Remove, RemoveNote, SetField
from agents.crm.rows import TABLES, find, record_of, stored
from agents.crm.tables import AssociationRow, HistoryRow, NoteRow, RecordRow
from agents.errors import CrmError, UnknownObject
from agents.ports import Done


class Writer:
    """Does changes within one open transaction, in somebody's name."""

    def __init__(self, session: Session, *, at: str, by: str) -> None:
        self._session = session
        self._at = at
        self._by = by

    def do(self, change: Change) -> Done:
        """Do this change unless it is done already or the record moved."""
        match change:
            case Create():
                return self._create(change)
            case SetField():
                return self._set_field(change)
            case AddNote():
                return self._add_note(change)
            case Associate():
                return self._associate(change)
            case Remove():
                return self._remove(change)
            case RemoveNote():
                return self._remove_note(change)
            case Dissociate():
                return self._dissociate(change)

    # -- records -------------------------------------------------------------------------------------------------

    def _create(self, change: Create) -> Done:
        wanted = {field: stored(change.object, field, value) for field, value in change.fields.items()}
        row = find(self._session, change.object, change.key, archived=True)
        if row is not None and row.archived_at is None:
            now = record_of(self._session, row).fields
            if all(now.get(field) == value for field, value in wanted.items()):
                by = self._author(row, [field for field, value in wanted.items() if value is not None])
                return Done(outcome="already", detail="the record is there with these fields", by=by)
            return Done(
                outcome="conflict",
                detail="the record is there, with other fields",
                now={**now, **{field: now.get(field) for field in wanted}},
            )
        if row is None:
            row = RecordRow(object=change.object, key=change.key)
            self._session.add(row)
            self._session.flush()
            self._session.add(TABLES[change.object](record_id=row.id or 0, **wanted))
        else:
            self._bring_back(row, change.object, wanted)
        self._session.flush()
        for field, value in wanted.items():
            if value is not None:
                self._remember(row, field, None, value)
        return Done(outcome="written")

    def _bring_back(self, row: RecordRow, object: CrmObject, wanted: dict[str, str | None]) -> None:  # noqa: A002
        fields = self._session.get_one(TABLES[object], row.id)
        for field in type(fields).model_fields:
            if field != "record_id":
                setattr(fields, field, wanted.get(field))
        row.archived_at = row.archived_by = None
        row.version += 1
        self._session.add_all([fields, row])

    def _set_field(self, change: SetField) -> Done:
        after = stored(change.object, change.field, change.after)
        before = stored(change.object, change.field, change.before)
        row = self._existing(change.object, change.key)
        fields = self._session.get_one(TABLES[change.object], row.id)
        now = getattr(fields, change.field) or None
        if now == after:
            return Done(outcome="already", detail="the field holds this already", by=self._author(row, [change.field]))
        if now != before:
            return Done(outcome="conflict", detail="the field was changed since", now={change.field: now})
        setattr(fields, change.field, after)
        row.version += 1
        self._session.add_all([fields, row])
        self._remember(row, change.field, now, after)
        return Done(outcome="written")

    def _remove(self, change: Remove) -> Done:
        row = find(self._session, change.object, change.key, archived=True)
        if row is None or row.archived_at is not None:
            by = (row.archived_by or "") if row else ""
            return Done(outcome="already", detail="there is no such record any more", by=by)
        now: dict[str, str | None] = dict(record_of(self._session, row).fields)
        planned = {field: stored(change.object, field, value) for field, value in change.fields.items()}
        if now != {field: value for field, value in planned.items() if value is not None}:
            left = {**dict.fromkeys(planned), **now}
            return Done(outcome="conflict", detail="the record was changed since", now=left)
        if bears := self._bears(row):
            return Done(outcome="conflict", detail=f"the record bears {bears}", now=now)
        for field, value in now.items():
            self._remember(row, field, value, None)
        row.version += 1
        self._archive(row)
        return Done(outcome="written")

    def _bears(self, row: RecordRow) -> str:
        """What else hangs on a record, in words; empty where nothing does."""
        note = select(NoteRow).where(
            col(NoteRow.object) == row.object, col(NoteRow.about) == row.key, col(NoteRow.archived_at).is_(None)
        )
        if (found := self._session.scalars(note).first()) is not None:
            return f"the note {found.key!r}"
        one = col(AssociationRow.record_id) == row.id
        other = col(AssociationRow.to_record_id) == row.id
        link = select(AssociationRow).where(one | other, col(AssociationRow.archived_at).is_(None))
        return "a link to another record" if self._session.scalars(link).first() is not None else ""

    # -- notes ---------------------------------------------------------------------------------------------------

    def _add_note(self, change: AddNote) -> Done:
        note = self._note(change.key)
        if note is not None and note.archived_at is None:
            if (note.object, note.about, note.body) == (change.object, change.about, change.body):
                return Done(outcome="already", detail="the note is there with these words", by=note.by)
            return Done(
                outcome="conflict",
                detail="a note with this key is there, with other words",
                now={"body": note.body, "object": note.object, "about": note.about},
            )
        self._existing(change.object, change.about)
        note = note or NoteRow(key=change.key, object="", about="", body="", at="", by="")
        note.object, note.about, note.body = change.object, change.about, change.body
        note.at, note.by = self._at, self._by
        note.archived_at = note.archived_by = None
        self._session.add(note)
        return Done(outcome="written")

    def _remove_note(self, change: RemoveNote) -> Done:
        note = self._note(change.key)
        if note is None or note.archived_at is not None:
            by = (note.archived_by or "") if note else ""
            return Done(outcome="already", detail="there is no such note any more", by=by)
        if (note.object, note.about, note.body) != (change.object, change.about, change.body):
            now = {"body": note.body, "object": note.object, "about": note.about}
            return Done(outcome="conflict", detail="the note was changed since", now=now)
        self._archive(note)
        return Done(outcome="written")

    def _note(self, key: str) -> NoteRow | None:
        return self._session.scalars(select(NoteRow).where(col(NoteRow.key) == key)).first()

    # -- links ---------------------------------------------------------------------------------------------------

    def _associate(self, change: Associate) -> Done:
        one = self._existing(change.object, change.key)
        other = self._existing(change.to_object, change.to_key)
        if one.id == other.id:
            raise CrmError(f"The {change.object} {change.key!r} cannot be linked with itself.")
        link = self._link(one, other)
        if link is not None and link.archived_at is None:
            return Done(outcome="already", detail="the two are linked", by=link.by)
        link = link or AssociationRow(record_id=one.id or 0, to_record_id=other.id or 0, at="", by="")
        link.at, link.by = self._at, self._by
        link.archived_at = link.archived_by = None
        self._session.add(link)
        return Done(outcome="written")

    def _dissociate(self, change: Dissociate) -> Done:
        one = find(self._session, change.object, change.key, archived=True)
        other = find(self._session, change.to_object, change.to_key, archived=True)
        link = self._link(one, other) if one and other else None
        if link is None or link.archived_at is not None:
            by = (link.archived_by or "") if link else ""
            return Done(outcome="already", detail="the two are not linked any more", by=by)
        self._archive(link)
        return Done(outcome="written")

    def _link(self, one: RecordRow, other: RecordRow) -> AssociationRow | None:
        ours, theirs = col(AssociationRow.record_id), col(AssociationRow.to_record_id)
        found = select(AssociationRow).where(
            ((ours == one.id) & (theirs == other.id)) | ((ours == other.id) & (theirs == one.id))
        )
        return self._session.scalars(found).first()

    # -- all -----------------------------------------------------------------------------------------------------

    def _archive(self, row: RecordRow | NoteRow | AssociationRow) -> None:
        row.archived_at, row.archived_by = self._at, self._by
        self._session.add(row)

    def _existing(self, object: CrmObject, key: str) -> RecordRow:  # noqa: A002
        row = find(self._session, object, key)
        if row is None:
            raise UnknownObject(f"The CRM has no {object} {key!r}.", object=object, key=key)
        return row

    def _remember(self, row: RecordRow, field: str, before: str | None, after: str | None) -> None:
        self._session.add(
            HistoryRow(record_id=row.id or 0, field=field, before=before, after=after, at=self._at, by=self._by)
        )

    def _author(self, row: RecordRow, fields: Iterable[str]) -> str:
        """Who gave all these fields the value they have; nobody where it was more than one."""
        last: dict[str, str] = {}
        query = select(HistoryRow).where(col(HistoryRow.record_id) == row.id).order_by(col(HistoryRow.id))
        for change in self._session.scalars(query):
            last[change.field] = change.by
        authors = {last.get(field, "") for field in fields}
        return authors.pop() if len(authors) == 1 else ""
