"""The embedded CRM's tables. Private to this package; the rest of the code sees `Record` and `Note`."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

VERSION_TABLE = "agents_crm_version"
HEAD = "0002"
"""The newest migration, so that an up-to-date file opens without Alembic; a test compares."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# A registry of its own: SQLModel's is global, and another package's tables would end up in our migrations.
class _Table(SQLModel, registry=registry(metadata=METADATA)):
    metadata = METADATA


class _Archived(_Table):
    """What is taken away stays, with when and by whom, and is not read any more."""

    archived_at: str | None = None
    archived_by: str | None = None


class RecordRow(_Archived, table=True):
    """What every record has: its object, its own external key and a version that counts its changes."""

    __tablename__ = "crm_record"
    __table_args__ = (UniqueConstraint("object", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    object: str
    key: str
    version: int = 1


class CompanyRow(_Table, table=True):
    """The fields of a company."""

    __tablename__ = "crm_company"

    record_id: int = Field(primary_key=True, foreign_key="crm_record.id")
    name: str | None = None
    legal_name: str | None = None
    domain: str | None = None
    website: str | None = None
    country: str | None = None
    address: str | None = None
    phone: str | None = None
    email: str | None = None
    founded: str | None = None
    employees: str | None = None
    revenue: str | None = None
    description: str | None = None


class ContactRow(_Table, table=True):
    """The fields of a contact."""

    __tablename__ = "crm_contact"

    record_id: int = Field(primary_key=True, foreign_key="crm_record.id")
    email: str | None = None
    name: str | None = None
    role: str | None = None
    phone: str | None = None


class DealRow(_Table, table=True):
    """The fields of a deal; `amount` is canonical text, since SQLite would give a decimal back with ten digits."""

    __tablename__ = "crm_deal"

    record_id: int = Field(primary_key=True, foreign_key="crm_record.id")
    name: str | None = None
    amount: str | None = None
    currency: str | None = None
    stage: str | None = None


class NoteRow(_Archived, table=True):
    """A note on a record, unique by its own key."""

    __tablename__ = "crm_note"
    __table_args__ = (
        UniqueConstraint("key"),
        ForeignKeyConstraint(["object", "about"], ["crm_record.object", "crm_record.key"]),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str
    object: str
    about: str
    body: str
    at: str
    by: str


class AssociationRow(_Archived, table=True):
    """A link between two records, once in this direction."""

    __tablename__ = "crm_association"
    __table_args__ = (UniqueConstraint("record_id", "to_record_id"),)

    id: int | None = Field(default=None, primary_key=True)
    record_id: int = Field(foreign_key="crm_record.id")
    to_record_id: int = Field(foreign_key="crm_record.id")
    at: str
    by: str


class HistoryRow(_Table, table=True):
    """One change of one field of a record."""

    __tablename__ = "crm_field_history"
    __table_args__ = (Index(None, "record_id"),)

    id: int | None = Field(default=None, primary_key=True)
    record_id: int = Field(foreign_key="crm_record.id")
    field: str
    before: str | None = None
    after: str | None = None
    at: str
    by: str
