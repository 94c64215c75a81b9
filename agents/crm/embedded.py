"""The CRM that ships: SQLite tables in one file (or in memory), safe with several processes at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlmodel import Session, col

from agents.changes import Change, CrmObject
from agents.crm.rows import FIELDS, find, note_of, object_named, record_of
from agents.crm.sqlite import engine_for, migrate, translated
from agents.crm.tables import AssociationRow, HistoryRow, NoteRow, RecordRow
from agents.crm.writer import Writer
from agents.errors import CrmUnavailable
from agents.ports import Capabilities, Clock, Done, FieldHistory, Link, Note, Record


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

    @property
    def capabilities(self) -> Capabilities:
        """All there is."""
        return Capabilities()

    def close(self) -> None:
        """Let go of what memory holds; a file needs no closing."""
        self._engine.dispose()

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has."""
        return dict(FIELDS)

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002
        """The record under this external key, or None."""
        with self._session() as session:
            row = find(session, object, key)
            return record_of(session, row) if row else None

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record, or those of one object, by object and key."""
        with self._session() as session:
            there = select(RecordRow).where(col(RecordRow.archived_at).is_(None))
            query = there.order_by(col(RecordRow.object), col(RecordRow.key))
            if object is not None:
                query = query.where(col(RecordRow.object) == object)
            return tuple(record_of(session, row) for row in session.scalars(query))

    def note(self, key: str) -> Note | None:
        """The note under this external key, or None."""
        with self._session() as session:
            there = select(NoteRow).where(col(NoteRow.key) == key, col(NoteRow.archived_at).is_(None))
            row = session.scalars(there).first()
            return note_of(row) if row else None

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note, or those of the records under one key, oldest first."""
        with self._session() as session:
            query = select(NoteRow).where(col(NoteRow.archived_at).is_(None)).order_by(col(NoteRow.id))
            if about is not None:
                query = query.where(col(NoteRow.about) == about)
            return tuple(note_of(row) for row in session.scalars(query))

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Each change of each field of a record, oldest first."""
        with self._session() as session:
            row = find(session, object, key)
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
            row = find(session, object, key)
            if row is None:
                return ()
            ours, theirs = col(AssociationRow.record_id), col(AssociationRow.to_record_id)
            there = col(AssociationRow.archived_at).is_(None)
            linked = [
                *session.scalars(select(theirs).where(ours == row.id, there)),
                *session.scalars(select(ours).where(theirs == row.id, there)),
            ]
            others = session.scalars(select(RecordRow).where(col(RecordRow.id).in_(linked)))
            links = {Link(object=object_named(other.object), key=other.key) for other in others}
            return tuple(sorted(links, key=lambda link: (link.object, link.key)))

    # -- writing -------------------------------------------------------------------------------------------------

    def apply(self, change: Change, *, by: str) -> Done:
        """Do one change in one transaction, unless it is done already or the record moved since it was planned."""
        with self._session(writing=True) as session:
            return Writer(session, at=self._clock().astimezone(UTC).isoformat(), by=by).do(change)

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
