"""The CRM that ships: SQLite tables in one file (or in memory), safe with several processes at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine, select
from sqlmodel import Session, col

from agents.crm.sqlite import engine_for, migrate, translated
from agents.crm.tables import AssociationRow, CompanyRow, ContactRow, DealRow, HistoryRow, NoteRow, RecordRow
from agents.documents import AddNote, Associate, Change, Create, CrmObject, Money, SetField
from agents.errors import CrmError, CrmUnavailable, UnknownObject
from agents.ports import Clock, Done, FieldHistory, Link, Note, Record

_TABLES: dict[CrmObject, type[CompanyRow | ContactRow | DealRow]] = {
    "company": CompanyRow,
    "contact": ContactRow,
    "deal": DealRow,
}
_FIELDS: dict[CrmObject, tuple[str, ...]] = {
    name: tuple(field for field in table.model_fields if field != "record_id") for name, table in _TABLES.items()
}
_MONEY = {("deal", "amount")}
_AMOUNT: TypeAdapter[Any] = TypeAdapter(Money)


def _now() -> datetime:
    return datetime.now(UTC)


class EmbeddedCrm:
    """Records with unique external keys in SQLite; each change is one transaction."""

    def __init__(self, address: str, engine: Engine, *, where: str, clock: Clock = _now) -> None:
        self._address = address
        self._engine = engine
        self._where = where
        self._clock = clock
        self._ready = False
        # One connection serves memory, so threads take turns; a file gives each its own.
        self._turn = threading.RLock()

    @classmethod
    def open(cls, address: str, *, home: Path | None = None, clock: Clock = _now) -> EmbeddedCrm:
        """The CRM in `<home>/crm.sqlite`, in the file that the address names, or in memory (`embedded://?memory`)."""
        rest = address.removeprefix("embedded:").removeprefix("//")
        if rest == "?memory":
            return cls(address, engine_for(None), where="memory", clock=clock)
        if rest.startswith("?"):
            raise CrmUnavailable(
                f"{address!r} is not an embedded CRM. Write embedded://, embedded:///path or embedded://?memory."
            )
        if not rest and home is None:
            raise CrmUnavailable(
                f"{address!r} keeps its file in Countersign's home, and none was given. Name a file: embedded:///path."
            )
        path = Path(rest) if rest else (home or Path()) / "crm.sqlite"
        return cls(address, engine_for(path), where=str(path), clock=clock)

    @property
    def address(self) -> str:
        """How it was opened; the target of permits."""
        return self._address

    def close(self) -> None:
        """Let go of what memory holds; a file needs no closing."""
        self._engine.dispose()

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has."""
        return dict(_FIELDS)

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002
        """The record under this external key, or None."""
        with self._session() as session:
            row = _find(session, object, key)
            return _record(session, row) if row else None

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record, or those of one object, by object and key."""
        with self._session() as session:
            query = select(RecordRow).order_by(col(RecordRow.object), col(RecordRow.key))
            if object is not None:
                query = query.where(col(RecordRow.object) == object)
            return tuple(_record(session, row) for row in session.scalars(query))

    def note(self, key: str) -> Note | None:
        """The note under this external key, or None."""
        with self._session() as session:
            row = session.scalars(select(NoteRow).where(col(NoteRow.key) == key)).first()
            return _note(row) if row else None

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note, or those of the records under one key, oldest first."""
        with self._session() as session:
            query = select(NoteRow).order_by(col(NoteRow.id))
            if about is not None:
                query = query.where(col(NoteRow.about) == about)
            return tuple(_note(row) for row in session.scalars(query))

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Each change of each field of a record, oldest first."""
        with self._session() as session:
            row = _find(session, object, key)
            if row is None:
                return ()
            query = select(HistoryRow).where(col(HistoryRow.record_id) == row.id).order_by(col(HistoryRow.id))
            return tuple(
                FieldHistory(
                    field=change.field,
                    before=change.before,
                    after=change.after,
                    at=datetime.fromisoformat(change.at),
                    by=change.by,
                )
                for change in session.scalars(query)
            )

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records this one is linked with, in either direction, by object and key."""
        with self._session() as session:
            row = _find(session, object, key)
            if row is None:
                return ()
            ours, theirs = col(AssociationRow.record_id), col(AssociationRow.to_record_id)
            linked = [
                *session.scalars(select(theirs).where(ours == row.id)),
                *session.scalars(select(ours).where(theirs == row.id)),
            ]
            others = session.scalars(select(RecordRow).where(col(RecordRow.id).in_(linked)))
            links = {Link(object=_object(other.object), key=other.key) for other in others}
            return tuple(sorted(links, key=lambda link: (link.object, link.key)))

    # -- writing -------------------------------------------------------------------------------------------------

    def apply(self, change: Change, *, by: str) -> Done:
        """Do one change in one transaction, unless it is done already or the record moved since it was planned."""
        with self._session(writing=True) as session:
            writer = _Writer(session, at=self._clock().astimezone(UTC).isoformat(), by=by)
            if isinstance(change, Create):
                return writer.create(change)
            if isinstance(change, SetField):
                return writer.set_field(change)
            if isinstance(change, AddNote):
                return writer.add_note(change)
            return writer.associate(change)

    @contextmanager
    def _session(self, *, writing: bool = False) -> Iterator[Session]:
        with self._turn:
            if not self._ready:
                self._prepare()
            with (
                translated(self._where),
                self._engine.connect().execution_options(writing=writing) as connection,
                connection.begin(),
                Session(connection) as session,
            ):
                yield session
                session.flush()

    def _prepare(self) -> None:
        if self._where != "memory":
            folder = Path(self._where).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CrmUnavailable(
                    f"The folder {str(folder)!r} for the CRM file cannot be made ({error.strerror}). "
                    "Point COUNTERSIGN_HOME or AGENTS_CRM to a place you may write to."
                ) from error
        migrate(self._engine, self._where)
        self._ready = True


class _Writer:
    """One change within one open transaction."""

    def __init__(self, session: Session, *, at: str, by: str) -> None:
        self._session = session
        self._at = at
        self._by = by

    def create(self, change: Create) -> Done:
        wanted = {field: _canonical(change.object, field, value) for field, value in change.fields.items()}
        row = _find(self._session, change.object, change.key)
        if row is not None:
            now = _record(self._session, row).fields
            if all(now.get(field) == value for field, value in wanted.items()):
                return Done(outcome="already", detail="the record is there with these fields")
            return Done(
                outcome="conflict",
                detail="the record is there, with other fields",
                now={**now, **{field: now.get(field) for field in wanted}},
            )
        row = RecordRow(object=change.object, key=change.key)
        self._session.add(row)
        self._session.flush()
        record_id = row.id or 0
        table = _TABLES[change.object]
        self._session.add(table(record_id=record_id, **wanted))
        self._session.flush()
        for field, value in wanted.items():
            if value is not None:
                self._remember(record_id, field, None, value)
        return Done(outcome="written")

    def set_field(self, change: SetField) -> Done:
        after = _canonical(change.object, change.field, change.after)
        before = _canonical(change.object, change.field, change.before)
        row = self._existing(change.object, change.key)
        fields = self._session.get_one(_TABLES[change.object], row.id)
        now = getattr(fields, change.field) or None
        if now == after:
            return Done(outcome="already", detail="the field holds this already")
        if now != before:
            return Done(outcome="conflict", detail="the field was changed since", now={change.field: now})
        setattr(fields, change.field, after)
        row.version += 1
        self._session.add_all([fields, row])
        self._remember(row.id or 0, change.field, now, after)
        return Done(outcome="written")

    def add_note(self, change: AddNote) -> Done:
        note = self._session.scalars(select(NoteRow).where(col(NoteRow.key) == change.key)).first()
        if note is not None:
            if (note.object, note.about, note.body) == (change.object, change.about, change.body):
                return Done(outcome="already", detail="the note is there with these words")
            return Done(
                outcome="conflict",
                detail="a note with this key is there, with other words",
                now={"body": note.body, "object": note.object, "about": note.about},
            )
        self._existing(change.object, change.about)
        self._session.add(
            NoteRow(
                key=change.key, object=change.object, about=change.about, body=change.body, at=self._at, by=self._by
            )
        )
        return Done(outcome="written")

    def associate(self, change: Associate) -> Done:
        one = self._existing(change.object, change.key)
        other = self._existing(change.to_object, change.to_key)
        if one.id == other.id:
            raise CrmError(f"The {change.object} {change.key!r} cannot be linked with itself.")
        ours, theirs = col(AssociationRow.record_id), col(AssociationRow.to_record_id)
        found = select(AssociationRow).where(
            ((ours == one.id) & (theirs == other.id)) | ((ours == other.id) & (theirs == one.id))
        )
        if self._session.scalars(found).first() is not None:
            return Done(outcome="already", detail="the two are linked")
        self._session.add(AssociationRow(record_id=one.id or 0, to_record_id=other.id or 0, at=self._at, by=self._by))
        return Done(outcome="written")

    def _existing(self, object: CrmObject, key: str) -> RecordRow:  # noqa: A002
        row = _find(self._session, object, key)
        if row is None:
            raise UnknownObject(f"The CRM has no {object} {key!r}.", object=object, key=key)
        return row

    def _remember(self, record_id: int, field: str, before: str | None, after: str | None) -> None:
        self._session.add(
            HistoryRow(record_id=record_id, field=field, before=before, after=after, at=self._at, by=self._by)
        )


def _object(name: str) -> CrmObject:
    for known in get_args(CrmObject):
        if name == known:
            return known
    raise UnknownObject(f"The CRM has no object {name!r}. It has: {', '.join(_FIELDS)}.")


def _find(session: Session, object: CrmObject, key: str) -> RecordRow | None:  # noqa: A002
    query = select(RecordRow).where(col(RecordRow.object) == _object(object), col(RecordRow.key) == key)
    return session.scalars(query).first()


def _record(session: Session, row: RecordRow) -> Record:
    object_ = _object(row.object)
    values = session.get_one(_TABLES[object_], row.id)
    fields = {field: getattr(values, field) for field in _FIELDS[object_]}
    return Record(
        object=object_,
        key=row.key,
        fields={field: value for field, value in fields.items() if value},
        version=str(row.version),
    )


def _note(row: NoteRow) -> Note:
    return Note(
        key=row.key, object=_object(row.object), about=row.about, body=row.body, at=datetime.fromisoformat(row.at)
    )


def _canonical(object: CrmObject, field: str, value: str | None) -> str | None:  # noqa: A002
    """The value as it is stored: nothing for an empty one, two decimals for an amount."""
    if field not in _FIELDS[_object(object)]:
        raise UnknownObject(
            f"A {object} has no field {field!r} in this CRM. It has: {', '.join(_FIELDS[object])}.",
            object=object,
            field=field,
        )
    if not value:
        return None
    if (object, field) in _MONEY:
        try:
            return str(_AMOUNT.validate_python(value))
        except ValidationError:
            raise CrmError(f"The {field} of a {object} is a number such as 1150.00, and {value!r} is not.") from None
    return value
