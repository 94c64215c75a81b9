"""How the embedded CRM's rows read as records and notes, and how a value is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlmodel import Session, col

from agents.changes import CrmObject
from agents.crm.tables import CompanyRow, ContactRow, DealRow, NoteRow, RecordRow
from agents.errors import CrmError, UnknownObject
from agents.ports import Note, Record
from agents.values import Money

TABLES: dict[CrmObject, type[CompanyRow | ContactRow | DealRow]] = {
    "company": CompanyRow,
    "contact": ContactRow,
    "deal": DealRow,
}
FIELDS: dict[CrmObject, tuple[str, ...]] = {
    name: tuple(field for field in table.model_fields if field != "record_id") for name, table in TABLES.items()
}
_MONEY = {("deal", "amount")}
_AMOUNT: TypeAdapter[Any] = TypeAdapter(Money)


def object_named(name: str) -> CrmObject:
    """The object of this name.

    Raises:
        UnknownObject: there is none.
    """
    for known in get_args(CrmObject):
        if name == known:
            return known
    raise UnknownObject(f"The CRM has no object {name!r}. It has: {', '.join(FIELDS)}.")


def find(session: Session, object: CrmObject, key: str, *, archived: bool = False) -> RecordRow | None:  # noqa: A002
    """The row under this key; one in the archive only where that is asked for."""
    query = select(RecordRow).where(col(RecordRow.object) == object_named(object), col(RecordRow.key) == key)
    if not archived:
        query = query.where(col(RecordRow.archived_at).is_(None))
    return session.scalars(query).first()


def record_of(session: Session, row: RecordRow) -> Record:
    """The record as the rest of the code sees it."""
    object_ = object_named(row.object)
    values = session.get_one(TABLES[object_], row.id)
    fields = {field: getattr(values, field) for field in FIELDS[object_]}
    return Record(
        object=object_,
        key=row.key,
        fields={field: value for field, value in fields.items() if value},
        version=str(row.version),
    )


def note_of(row: NoteRow) -> Note:
    """The note as the rest of the code sees it."""
    return Note(
        key=row.key, object=object_named(row.object), about=row.about, body=row.body, at=datetime.fromisoformat(row.at)
    )


def stored(object: CrmObject, field: str, value: str | None) -> str | None:  # noqa: A002
    """The value as it is stored: nothing for an empty one, two decimals for an amount."""
    if field not in FIELDS[object_named(object)]:
        raise UnknownObject(
            f"A {object} has no field {field!r} in this CRM. It has: {', '.join(FIELDS[object])}.",
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
