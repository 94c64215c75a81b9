"""Sessions: a browser in which somebody signed in, as a row that can be ended."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import NamedTuple

from approvals.audit import Event
from approvals.authority import Authority, same_person
from approvals.canonical import digest
from approvals.decisions import Actor, Scope
from approvals.errors import Disabled, NotAuthenticated, NotFound, NotPermitted
from approvals.identities import Proof, Session, SessionVia
from approvals.ports import Clock, Directory, Person, Store
from approvals.requests import new_id

IDLE = timedelta(hours=12)
"""A session ends after this time without a request."""

LONGEST = timedelta(days=7)
"""A session ends after this time, whatever is done in it."""

_KEPT = timedelta(days=30)
_USE_NOTED_EVERY = timedelta(minutes=1)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_AGENT = 200


class Begun(NamedTuple):
    """A new session, and its secret, which only the browser keeps."""

    session: Session
    secret: str


class Recognised(NamedTuple):
    """Whose session it is, as they are now."""

    session: Session
    person: Person
    actor: Actor


class Sessions:
    """Begins, recognises and ends sessions."""

    def __init__(self, store: Store, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._authority = Authority(directory)
        self._clock = clock

    def begin(
        self,
        person: Person,
        proof: Proof,
        *,
        via: SessionVia = "session",
        agent: str = "",
        replaces: str | None = None,
    ) -> Begun:
        """A new session of somebody who has shown who they are; the one with the secret `replaces` ends.

        Raises:
            Disabled: the person's account is not active.
        """
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        secret, now = secrets.token_urlsafe(32), self._clock()
        session = Session(
            id=new_id(),
            sha256=digest(secret),
            person=person.email.casefold(),
            via=via,
            proof=proof,
            agent=_shortened(agent),
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST,
        )
        with self._store.begin() as transaction:
            before = transaction.session(digest(replaces)) if replaces and _SECRET.fullmatch(replaces) else None
            if before is not None:
                transaction.end_session(before.id, now)
            transaction.add_session(session)
            transaction.forget_identities(now - _KEPT)
            facts = {"session": session.id, "proof": proof, "replaces": before.id if before else None}
            transaction.record(Event.of("session.begun", _actor(person, via), now, **facts))
        return Begun(session, secret)

    def recognise(self, secret: str, *, used: bool = True) -> Recognised:
        """Whose session this secret opens, with the rights that they have now; asking counts as use if it is `used`.

        Raises:
            NotAuthenticated: it is unknown, over or was ended. Disabled: the person's account is not active.
        """
        # Anything else cannot be ours, and need not reach the store.
        if _SECRET.fullmatch(secret) is None:
            raise NotAuthenticated("This is no session of this queue.")
        sha256, now = digest(secret), self._clock()
        with self._store.read() as transaction:
            session = transaction.session(sha256)
        if session is None or not hmac.compare_digest(session.sha256, sha256):
            raise NotAuthenticated("This is no session of this queue.")
        if session.revoked_at is not None:
            raise NotAuthenticated("This session was ended. Sign in again.")
        if not _counts(session, self._clock):
            raise NotAuthenticated("You were signed out because some time had passed. Sign in again.")
        person = self._directory.person(session.person)
        if person is None:
            raise NotAuthenticated(f"{session.person} is not among the people of this queue any more.")
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        if used and now - session.seen_at >= _USE_NOTED_EVERY:
            with self._store.begin() as transaction:
                transaction.touch_session(session.id, now)
        return Recognised(session, person, _actor(person, session.via))

    def own(self, by: Actor) -> tuple[Session, ...]:
        """One's own sessions that still count, the newest first."""
        return self._counting(by.id.casefold()) if by.kind == "person" else ()

    def listed(self, by: Actor) -> tuple[Session, ...]:
        """Everybody's sessions that still count, the newest first.

        Raises:
            NotPermitted: only an administrator may see them.
        """
        self._authority.check_admin(by)
        return self._counting(None)

    def ever(self) -> bool:
        """Whether anybody signed in here, as far as is still kept."""
        with self._store.read() as transaction:
            return transaction.any_session()

    def revoke(self, session_id: str, by: Actor) -> Session:
        """End a session now: one's own, or anybody's for an administrator. An ended one stays as it was.

        Raises:
            NotFound: there is none of this id, or it is somebody else's.
        """
        with self._store.read() as transaction:
            found = next((one for one in transaction.sessions() if one.id == session_id.upper()), None)
        if found is None or not self._may_end(found, by):
            raise NotFound(f"There is no session {session_id!r}.")
        self._end((found,), by)
        return found

    def revoke_all(self, person: str, by: Actor, *, but: str | None = None) -> int:
        """End every session of a person, except the one of the id `but`; tells how many.

        Raises:
            NotPermitted: somebody else's, and the caller is no administrator.
        """
        if not (by.kind == "person" and same_person(person, by.id)):
            self._authority.check_admin(by)
        return self._end(tuple(one for one in self._counting(person.casefold()) if one.id != but), by)

    # -- inside --------------------------------------------------------------------------------------------------

    def _may_end(self, session: Session, by: Actor) -> bool:
        if by.kind == "person" and same_person(session.person, by.id):
            return True
        try:
            self._authority.check_admin(by)
        except NotPermitted:
            return False
        return True

    def _end(self, sessions: tuple[Session, ...], by: Actor) -> int:
        ended, now = 0, self._clock()
        with self._store.begin() as transaction:
            for session in sessions:
                if transaction.end_session(session.id, now):
                    ended += 1
                    transaction.record(Event.of("session.ended", by, now, session=session.id, person=session.person))
        return ended

    def _counting(self, person: str | None) -> tuple[Session, ...]:
        with self._store.read() as transaction:
            found = transaction.sessions(person)
        return tuple(one for one in found if one.revoked_at is None and _counts(one, self._clock))


def form_token(secret: str) -> str:
    """What a form must carry to come from a page of the session with this secret; tells nothing of the secret."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def _counts(session: Session, clock: Clock) -> bool:
    now = clock()
    return now < session.expires_at and now - session.seen_at < IDLE


def _actor(person: Person, via: SessionVia) -> Actor:
    scopes: set[Scope] = {"read", "decide"}
    if person.role == "admin":
        scopes.add("admin")
    return Actor(kind="person", id=person.email, via=via, scopes=frozenset(scopes))


def _shortened(agent: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in agent)
    return shown[:_AGENT].strip()
