"""Bearer tokens: minted once, kept as their digest, and held against the people as they are now."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, NamedTuple

from approvals.audit import Event
from approvals.authority import Authority
from approvals.canonical import digest
from approvals.decisions import Actor, Scope
from approvals.errors import ApprovalError, Disabled, NotAPerson, NotAuthenticated, NotFound, NotPermitted
from approvals.ports import Clock, Directory, Store, Token
from approvals.requests import new_id

Kind = Literal["person", "agent", "worker"]

# Deciding is for people, whatever somebody who mints a token may wish.
SCOPES: dict[Kind, frozenset[Scope]] = {
    "person": frozenset({"read", "decide", "admin"}),
    "agent": frozenset({"read", "gate"}),
    "worker": frozenset({"read", "gate"}),
}

_SECRET = re.compile(r"cs_[A-Za-z0-9_-]{40}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_USE_NOTED_EVERY = timedelta(minutes=1)


class Minted(NamedTuple):
    """A new token, and its secret: the only time that anybody sees it."""

    token: Token
    secret: str


class Tokens:
    """Mints, revokes and recognises tokens."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, *, days: int = 90) -> None:
        self._store = store
        self._directory = directory
        self._authority = Authority(directory)
        self._clock = clock
        self._days = days

    def create(
        self,
        subject: str,
        by: Actor,
        *,
        kind: Kind = "person",
        scopes: Iterable[Scope] = ("read",),
        label: str = "",
        days: int | None = None,
    ) -> Minted:
        """Mint a token for a person, an agent or a worker; valid for `days`.

        Raises:
            NotPermitted: only an administrator may. NotAPerson: such a caller may never have that scope.
            NotFound: there is no such person. Disabled: their account is not active.
        """
        self._authority.check_admin(by)
        wanted = frozenset(scopes)
        subject = self._subject(subject, kind, wanted)
        valid = self._days if days is None else days
        if not 1 <= valid <= 3_660:
            raise ApprovalError(f"A token is valid for 1 to 3660 days, not {valid}.")
        secret = f"cs_{secrets.token_urlsafe(30)}"
        now = self._clock()
        token = Token(
            id=new_id(),
            sha256=digest(secret),
            subject=subject,
            kind=kind,
            scopes=wanted,
            label=label,
            created_at=now,
            expires_at=now + timedelta(days=valid),
        )
        with self._store.begin() as transaction:
            transaction.check_whole(None)
            transaction.add_token(token)
            transaction.record(self._event("token.created", token, by))
        return Minted(token, secret)

    def revoke(self, token_id: str, by: Actor) -> Token:
        """End a token now; an ended one stays as it was.

        Raises:
            NotFound: there is none of this id. NotPermitted: only an administrator may.
        """
        self._authority.check_admin(by)
        with self._store.begin() as transaction:
            transaction.check_whole(None)
            token = next((token for token in transaction.tokens() if token.id == token_id.upper()), None)
            if token is None:
                raise NotFound(f"There is no token {token_id!r}.")
            if token.revoked_at is not None:
                return token
            revoked = token.model_copy(update={"revoked_at": self._clock()})
            transaction.change_token(revoked)
            transaction.record(self._event("token.revoked", revoked, by))
            return revoked

    def any(self) -> bool:
        """Whether a token was ever made."""
        with self._store.read() as transaction:
            return bool(transaction.tokens())

    def listed(self, by: Actor) -> tuple[Token, ...]:
        """Every token, without its secret, which nobody has.

        Raises:
            NotPermitted: only an administrator may see them.
        """
        self._authority.check_admin(by)
        with self._store.read() as transaction:
            return transaction.tokens()

    def authenticate(self, secret: str) -> Actor:
        """Who sends this secret, and how far it reaches.

        Raises:
            NotAuthenticated: it is unknown, expired or revoked. Disabled: the person's account is not active.
        """
        # Anything else cannot be ours, and need not reach the store.
        if _SECRET.fullmatch(secret) is None:
            raise NotAuthenticated("This is not a token of this queue.")
        sha256, now = digest(secret), self._clock()
        with self._store.read() as transaction:
            token = transaction.token(sha256)
        if token is None or not hmac.compare_digest(token.sha256, sha256):
            raise NotAuthenticated("This token is unknown.")
        if token.revoked_at is not None:
            raise NotAuthenticated("This token was revoked.")
        if token.expires_at is not None and token.expires_at <= now:
            raise NotAuthenticated(f"This token expired on {token.expires_at:%Y-%m-%d}; ask for a new one.")
        actor = self._actor(token)
        if token.last_used_at is None or now - token.last_used_at >= _USE_NOTED_EVERY:
            self._note_use(sha256)
        return actor

    # -- inside --------------------------------------------------------------------------------------------------

    def _subject(self, subject: str, kind: Kind, scopes: frozenset[Scope]) -> str:
        if not scopes:
            raise ApprovalError(f"A token needs a scope. A {kind}'s can have: {', '.join(sorted(SCOPES[kind]))}.")
        for scope in sorted(scopes - SCOPES[kind]):
            told = f"The token of a {kind} cannot have the scope {scope!r}; it can have: "
            refusal = NotPermitted if kind == "person" else NotAPerson
            raise refusal(told + f"{', '.join(sorted(SCOPES[kind]))}.")
        if kind != "person":
            if _NAME.fullmatch(subject) is None:
                raise ApprovalError(f"{subject!r} is no name for a {kind}; use letters, digits, dots and dashes.")
            return subject
        person = self._directory.person(subject)
        if person is None:
            raise NotFound(f"{subject!r} is not among the people of this queue.")
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        if "admin" in scopes and person.role != "admin":
            raise NotPermitted(f"{person.email} is no administrator, so their token cannot have the scope 'admin'.")
        return person.email

    def _actor(self, token: Token) -> Actor:
        # What a row claims never goes beyond what this kind may have.
        scopes = token.scopes & SCOPES[token.kind]
        if token.kind != "person":
            return Actor(kind=token.kind, id=token.subject, via="token", scopes=scopes)
        person = self._directory.person(token.subject)
        if person is None:
            raise NotAuthenticated(f"{token.subject} is not among the people of this queue any more.")
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        return Actor(kind="person", id=person.email, via="token", scopes=scopes)

    def _note_use(self, sha256: str) -> None:
        with self._store.begin() as transaction:
            # Read again: it may have been revoked since, and that must not be undone.
            token = transaction.token(sha256)
            if token is not None:
                transaction.change_token(token.model_copy(update={"last_used_at": self._clock()}))

    def _event(self, name: str, token: Token, by: Actor) -> Event:
        facts = {
            "token": token.id,
            "kind": token.kind,
            "subject": token.subject,
            "scopes": sorted(token.scopes),
            "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        }
        now = self._clock()
        return Event(name=name, actor_kind=by.kind, actor=by.id, via=by.via, at=now, details=facts)
