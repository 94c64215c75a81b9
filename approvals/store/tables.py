"""The store's tables. Private to this package; the rest of the code sees values.

Instants are UTC text of one width, which sorts as it reads; amounts and documents are text. So a row is the same on
every database, and so is its digest.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Index, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

PREFIX = "approvals_"
VERSION_TABLE = "approvals_alembic_version"
HEAD = "0005"
"""The newest migration, so that an up-to-date database opens without Alembic; a test compares."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_OF_REQUEST = "approvals_request.id"


# A registry of its own: SQLModel's is global, and another package's tables would end up in our migrations.
class _Table(SQLModel, registry=registry(metadata=METADATA)):
    metadata = METADATA


def _long(**terms: Any) -> Any:
    return Field(sa_type=Text, **terms)


class RequestRow(_Table, table=True):
    """A request without its content. `asked` and `searched` are derived; from `facet` on they are for lists alone."""

    __tablename__ = "approvals_request"
    __table_args__ = (
        UniqueConstraint("run", "gate", "key", "round", "succession"),
        Index(None, "state", "due_at", "id"),
        Index(None, "wake_since"),
        Index(None, "facet", "due_at", "id"),
        Index(None, "facet", "opened_at", "id"),
        Index(None, "facet", "worth", "id"),
        Index(None, "facet", "effective_at", "id"),
        Index(None, "asker", "facet"),
    )

    id: str = Field(primary_key=True)
    run: str
    gate: str
    key: str
    round: int
    succession: int
    kind: str
    action: str | None
    target: str | None
    title: str = _long()
    summary: str = _long()
    searched: str = _long(description="title and summary, folded for finding")
    requester: str
    run_id: str
    run_name: str
    run_flow: str
    run_deployment: str | None
    run_url: str | None
    policy: str = _long(description="canonical JSON, as it read when the request opened")
    asked: str = Field(description="whose turn it is: |group|group|")
    state: str
    version: int
    revision: int = Field(sa_type=BigInteger)
    priority: str
    opened_at: str
    due_at: str
    verdicts: str = Field(description="canonical JSON")
    supersedes: str | None
    claimed_by: str | None
    claimed_until: str | None
    escalated: int
    effective_at: str | None
    taken_up_at: str | None
    wake_since: str | None
    attempt: int
    holder: str | None
    held_until: str | None
    salt: str | None
    erased: str | None = _long(description="canonical JSON: column -> commitment that is kept")
    about: str | None = _long()
    amount: str | None
    currency: str | None
    run_gates: str | None = _long(description="canonical JSON: the gates of the flow")
    facet: str | None = Field(description="what lists are narrowed by: the key of a tally")
    risk: str | None
    checks: int | None
    worth: int | None = Field(sa_type=BigInteger, description="the amount in hundredths, to sort by")
    asker: str | None = Field(description="the requester, in lower case")
    words: str | None = _long(description="what a search finds: each word after a blank, folded")
    place: int | None = Field(sa_type=BigInteger, description="row of the search index, on SQLite")


class TallyRow(_Table, table=True):
    """How many requests stand alike: the counts beside lists, kept with every change."""

    __tablename__ = "approvals_tally"

    facet: str = Field(primary_key=True)
    state: str
    asked: str
    gate: str
    risk: str
    apart: int = Field(description="1 where the requester may not decide")
    n: int = Field(sa_type=BigInteger)


class CommentRow(_Table, table=True):
    """What somebody said beside a request; `place` counts those of a request."""

    __tablename__ = "approvals_comment"

    request_id: str = Field(primary_key=True, foreign_key=_OF_REQUEST)
    place: int = Field(primary_key=True)
    person: str
    text: str = _long()
    mentions: str = _long()
    at: str
    salt: str | None
    erased: str | None = _long()


class SnoozeRow(_Table, table=True):
    """A request that one person does not want to see for a while."""

    __tablename__ = "approvals_snooze"

    person: str = Field(primary_key=True)
    request_id: str = Field(primary_key=True, foreign_key=_OF_REQUEST)
    version: int
    until: str


class SavedViewRow(_Table, table=True):
    """A list that somebody keeps; of everybody where it has no owner."""

    __tablename__ = "approvals_saved_view"
    __table_args__ = (Index(None, "owner"),)

    id: str = Field(primary_key=True)
    owner: str | None
    name: str = _long()
    query: str = _long()


class ContentRow(_Table, table=True):
    """One version of what is to be signed."""

    __tablename__ = "approvals_content"

    request_id: str = Field(primary_key=True, foreign_key=_OF_REQUEST)
    version: int = Field(primary_key=True)
    document: str = _long()
    document_schema: str = _long()
    evidence: str = _long()
    based_on: str = _long()
    moved: str = _long()
    flags: str = _long()
    cost_amount: str
    cost_currency: str
    cost_tokens: int = Field(sa_type=BigInteger)
    cost_model: str
    author: str
    at: str
    salt: str | None
    erased: str | None = _long()


class SignOffRow(_Table, table=True):
    """One person's yes; `place` counts those of a request."""

    __tablename__ = "approvals_signoff"
    __table_args__ = (Index(None, "person", "waits"),)

    request_id: str = Field(primary_key=True, foreign_key=_OF_REQUEST)
    place: int = Field(primary_key=True)
    person: str
    sha256: str
    version: int
    at: str
    via: str
    vouched: str = _long()
    voided: int
    waits: int | None = Field(description="1 while the request is open; derived, for lists alone")


class RulingRow(_Table, table=True):
    """The act that closed a request."""

    __tablename__ = "approvals_ruling"
    __table_args__ = (Index(None, "at"),)

    request_id: str = Field(primary_key=True, foreign_key=_OF_REQUEST)
    seq: int = Field(primary_key=True)
    action: str
    actor: str = _long(description="canonical JSON of who, and how they were authenticated")
    at: str
    effective_at: str
    version: int
    document: str | None = _long()
    sha256: str | None
    edited: int
    typed: str | None = _long()
    changes: str = _long()
    vouched: str = _long()
    reason: str | None = _long()
    code: str | None
    feedback: str | None = _long()
    rule: str | None = _long()
    examination: str | None
    recalled: int
    tags: str | None = _long(description="canonical JSON; nothing where there are none")
    salt: str | None
    erased: str | None = _long()


class WorkingCopyRow(_Table, table=True):
    """What one person has typed so far on one version."""

    __tablename__ = "approvals_working_copy"

    request_id: str = Field(primary_key=True, foreign_key=_OF_REQUEST)
    person: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    document: str = _long()
    at: str


class PermitRow(_Table, table=True):
    """The right to carry out what was signed."""

    __tablename__ = "approvals_permit"
    __table_args__ = (UniqueConstraint("request_id"),)

    id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key=_OF_REQUEST)
    run_id: str
    action: str
    target: str
    sha256: str
    policy: str
    policy_version: str
    state: str
    minted_at: str
    receipt: str | None = _long()
    used_at: str | None
    holder: str | None
    lease_until: str | None
    fence: int = Field(sa_type=BigInteger)
    salt: str | None
    erased: str | None = _long()


class TokenRow(_Table, table=True):
    """A bearer token's digest."""

    __tablename__ = "approvals_token"
    __table_args__ = (UniqueConstraint("sha256"),)

    id: str = Field(primary_key=True)
    sha256: str
    subject: str
    kind: str
    scopes: str
    label: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class AccountRow(_Table, table=True):
    """A password's hash. Like what follows up to the people, no part of the record: what is done with it is."""

    __tablename__ = "approvals_account"

    person: str = Field(primary_key=True)
    hash: str
    salt: str
    n: int
    r: int
    p: int
    changed_at: str


class TriesRow(_Table, table=True):
    """How often somebody, or some address, tried to sign in."""

    __tablename__ = "approvals_tries"
    __table_args__ = (Index(None, "since"),)

    key: str = Field(primary_key=True, description="digest of who or where")
    count: int
    since: str


class TicketRow(_Table, table=True):
    """A sign-in link's digest."""

    __tablename__ = "approvals_ticket"
    __table_args__ = (UniqueConstraint("sha256"), Index(None, "expires_at"))

    id: str = Field(primary_key=True)
    sha256: str
    person: str
    purpose: str
    created_at: str
    expires_at: str
    used_at: str | None


class SessionRow(_Table, table=True):
    """A browser in which somebody signed in."""

    __tablename__ = "approvals_session"
    __table_args__ = (UniqueConstraint("sha256"), Index(None, "person"), Index(None, "expires_at"))

    id: str = Field(primary_key=True)
    sha256: str
    person: str
    via: str
    proof: str
    agent: str
    created_at: str
    seen_at: str
    expires_at: str
    revoked_at: str | None


class KnownPersonRow(_Table, table=True):
    """Somebody as an identity provider described them."""

    __tablename__ = "approvals_known_person"

    email: str = Field(primary_key=True, description="folded")
    written: str = Field(description="the e-mail as the provider writes it")
    name: str
    groups: str = _long(description="canonical JSON")
    role: str | None
    issuer: str
    subject: str
    seen_at: str


class RememberedRow(_Table, table=True):
    """An answer given under an Idempotency-Key."""

    __tablename__ = "approvals_remembered"

    key: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    body_sha256: str
    status: int
    answer: str = _long()
    at: str


class LeaseRow(_Table, table=True):
    """Who leads, and until when."""

    __tablename__ = "approvals_lease"

    name: str = Field(primary_key=True)
    holder: str
    until: str


class AuditRow(_Table, table=True):
    """An entry of the record."""

    __tablename__ = "approvals_audit"
    __table_args__ = (UniqueConstraint("prev_hash"), Index(None, "request_id", "seq"))

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    name: str
    actor_kind: str
    actor: str
    via: str
    at: str
    request_id: str | None
    run_id: str | None
    details: str = _long()
    rows: str = _long(description="canonical JSON: [[table, key, digest], ...]")
    prev_hash: str
    hash: str


class HeadRow(_Table, table=True):
    """The end of the record: one row, which whoever appends locks last."""

    __tablename__ = "approvals_head"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(sa_type=BigInteger)
    hash: str


class LinkUseRow(_Table, table=True):
    """A signed link that decided."""

    __tablename__ = "approvals_link_use"
    __table_args__ = (Index(None, "request_id"),)

    nonce: str = Field(primary_key=True)
    request_id: str = Field(foreign_key=_OF_REQUEST)
    person: str
    at: str


class DeliveryRow(_Table, table=True):
    """One event on its way to one target; nothing of what the request says."""

    __tablename__ = "approvals_delivery"
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "seq"))

    id: str = Field(primary_key=True)
    event_id: str
    event: str
    seq: int = Field(sa_type=BigInteger)
    request_id: str = Field(foreign_key=_OF_REQUEST)
    target: str
    state: str
    attempts: int
    since: str
    next_at: str
    last_error: str | None = _long()
    created_at: str
    delivered_at: str | None


class CursorRow(_Table, table=True):
    """How far somebody who follows the record has read."""

    __tablename__ = "approvals_cursor"

    name: str = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)


def _named(name: str) -> Table:
    return METADATA.tables[PREFIX + name]


REQUEST = _named("request")
CONTENT = _named("content")
SIGNOFF = _named("signoff")
RULING = _named("ruling")
WORKING_COPY = _named("working_copy")
PERMIT = _named("permit")
TOKEN = _named("token")
ACCOUNT = _named("account")
TRIES = _named("tries")
TICKET = _named("ticket")
SESSION = _named("session")
KNOWN_PERSON = _named("known_person")
REMEMBERED = _named("remembered")
LEASE = _named("lease")
AUDIT = _named("audit")
HEAD_OF_RECORD = _named("head")
TALLY = _named("tally")
COMMENT = _named("comment")
SNOOZE = _named("snooze")
SAVED_VIEW = _named("saved_view")
LINK_USE = _named("link_use")
DELIVERY = _named("delivery")
CURSOR = _named("cursor")
