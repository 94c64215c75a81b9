"""How people come in: their passwords, sign-in links, sessions and tries, as values, and what keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from approvals.decisions import UtcDatetime, Value

Role = Literal["viewer", "reviewer", "admin"]
SessionVia = Literal["session", "header"]
Proof = Literal["password", "link", "provider", "header"]
"""What somebody showed when a session began."""


class Cost(Value):
    """What scrypt is to take: `128 * n * r` bytes at once, and `p` times the work."""

    n: int = Field(default=2**15, ge=2)
    r: int = Field(default=8, ge=1)
    p: int = Field(default=3, ge=1)


class Account(Value):
    """A person's password, kept as its scrypt hash."""

    person: str = Field(description="e-mail, folded")
    hash: str = Field(repr=False, description="hex")
    salt: str = Field(repr=False, description="hex")
    cost: Cost
    changed_at: UtcDatetime


class Tries(Value):
    """How often something was tried since a moment."""

    count: int
    since: UtcDatetime


class Ticket(Value):
    """A link that signs one person in once, kept as the digest of its secret."""

    id: str
    sha256: str = Field(repr=False)
    person: str = Field(description="e-mail, folded")
    purpose: Literal["sign-in"] = "sign-in"
    created_at: UtcDatetime
    expires_at: UtcDatetime
    used_at: UtcDatetime | None = Field(default=None, description="when it was used, or replaced by a newer one")


class Session(Value):
    """A browser in which somebody signed in, kept as the digest of its secret."""

    id: str
    sha256: str = Field(repr=False)
    person: str = Field(description="e-mail, folded")
    via: SessionVia
    proof: Proof
    agent: str = Field(default="", description="what the browser calls itself, shortened")
    created_at: UtcDatetime
    seen_at: UtcDatetime
    expires_at: UtcDatetime
    revoked_at: UtcDatetime | None = None


class KnownPerson(Value):
    """Somebody as an identity provider described them when they last signed in."""

    email: str
    name: str = ""
    groups: tuple[str, ...] = ()
    role: Role | None = Field(default=None, description="none: the provider says nothing about it")
    issuer: str
    subject: str
    seen_at: UtcDatetime


class Identities(Protocol):
    """The part of a transaction that keeps how people come in."""

    def account(self, person: str) -> Account | None: ...
    def put_account(self, account: Account) -> None:
        """Keep a password in place of the one before."""
        ...

    def try_once(self, key: str, now: datetime, since: datetime) -> Tries:
        """Count a try under this key, and tell how many there were; tries that began before `since` are forgotten."""
        ...

    def untry(self, key: str, *, all_of_them: bool) -> None:
        """Take one try back, or all of them."""
        ...

    def add_ticket(self, ticket: Ticket) -> None:
        """Keep a link; unused ones of the same person and purpose end."""
        ...

    def ticket(self, sha256: str) -> Ticket | None: ...
    def use_ticket(self, sha256: str, now: datetime) -> bool:
        """Use a link up; False where somebody was first, or it has expired."""
        ...

    def add_session(self, session: Session) -> None: ...
    def session(self, sha256: str) -> Session | None: ...
    def sessions(self, person: str | None = None) -> tuple[Session, ...]:
        """Everybody's sessions or one person's, ended ones too, the newest first."""
        ...

    def any_session(self) -> bool:
        """Whether anybody ever signed in, as far as is still kept."""
        ...

    def touch_session(self, session_id: str, seen_at: datetime) -> None:
        """Note a use, unless the session has ended."""
        ...

    def end_session(self, session_id: str, now: datetime) -> bool:
        """End a session; False where it had ended already."""
        ...

    def known_people(self) -> tuple[KnownPerson, ...]: ...
    def put_known_person(self, person: KnownPerson) -> None:
        """Keep what a provider says of somebody in place of what it said before."""
        ...

    def forget_identities(self, before: datetime) -> None:
        """Remove tries, links and sessions that had ended before this moment."""
        ...
