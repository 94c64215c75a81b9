"""Passwords: set by their owners, kept as scrypt hashes, and tried only so often."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import secrets
import threading
import unicodedata
from datetime import datetime, timedelta

from approvals.audit import Event
from approvals.canonical import digest
from approvals.decisions import Actor
from approvals.errors import Disabled, NotPermitted, PasswordUnfit, SignInFailed, TooManyTries
from approvals.identities import Account, Cost, Session
from approvals.ports import Clock, Directory, Person, Store, Transaction

SHORTEST = 12
"""Characters that a password must have."""

WINDOW = timedelta(minutes=15)
"""The time in which tries are counted."""

TRIES_OF_PERSON = 10
TRIES_OF_ADDRESS = 50
"""Tries that one window allows: for one e-mail from anywhere, and from one address for anybody."""

FRESH = timedelta(minutes=15)
"""How long after a sign-in link was used a password may be set without the one before."""

_LONGEST = 1_000
_AT_ONCE = 4

log = logging.getLogger(__name__)


class Accounts:
    """Verifies and sets passwords of the people in the directory."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, *, cost: Cost | None = None) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._cost = cost or Cost()
        # Each hash takes 32 MiB: a flood of tries must not take all there is.
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys_salt = secrets.token_hex(16)

    def has_password(self, email: str) -> bool:
        """Whether this person can sign in with a password."""
        with self._store.read() as transaction:
            return transaction.account(email.casefold()) is not None

    def verify(self, email: str, password: str, address: str) -> Person:
        """The person, if this is their password; `address` is where the try comes from.

        Takes as long for somebody unknown as for a wrong password, and says the same.

        Raises:
            TooManyTries: from this address, or for this e-mail. SignInFailed: it is not. Disabled: it is, and the
            account is not active.
        """
        folded, keys = email.strip().casefold(), _keys(email, address)
        self._count(keys)
        with self._store.read() as transaction:
            account = transaction.account(folded)
        person = self._directory.person(folded)
        fits = self._fits(account, password)
        if person is None or not fits:
            log.info("A sign-in with a password from %s failed.", address)
            raise SignInFailed
        with self._store.begin() as transaction:
            transaction.untry(keys[0], all_of_them=False)
            transaction.untry(keys[1], all_of_them=True)
            if account is not None and account.cost != self._cost:
                transaction.put_account(self._hashed(folded, password, account.changed_at))
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        return person

    def set_password(self, new: str, by: Actor, session: Session, *, old: str = "", address: str = "") -> None:
        """Set one's own password, and end one's other sessions.

        The one before is asked for, unless the session began with a sign-in link a few minutes ago.

        Raises:
            NotPermitted: somebody else's session, or there is none before and no link was used. PasswordUnfit: it is
            too easy. SignInFailed, TooManyTries: the one before is wrong.
        """
        person = by.id.casefold()
        if by.kind != "person" or session.person != person:
            raise NotPermitted("A password is set by the person themselves.")
        check_fit(new, person)
        now = self._clock()
        if self.asks_old(session):
            if not self.has_password(person):
                raise NotPermitted("You have no password yet. Ask an administrator for a sign-in link to set one.")
            self.verify(person, old, address)
        account = self._hashed(person, new, now)
        with self._store.begin() as transaction:
            transaction.put_account(account)
            ended = _end_others(transaction, person, session.id, now)
            transaction.record(Event.of("password.set", by, now, person=by.id, sessions_ended=ended))

    def asks_old(self, session: Session) -> bool:
        """Whether the password before must be told to set a new one in this session."""
        return session.proof != "link" or self._clock() - session.created_at > FRESH

    # -- inside --------------------------------------------------------------------------------------------------

    def _count(self, keys: tuple[str, str]) -> None:
        # Counted before the password is looked at: of a hundred tries at once, none slips through uncounted.
        now = self._clock()
        with self._store.begin() as transaction:
            for key, allowed in zip(keys, (TRIES_OF_ADDRESS, TRIES_OF_PERSON), strict=True):
                tries = transaction.try_once(key, now, now - WINDOW)
                if tries.count > allowed:
                    raise TooManyTries(max(1, math.ceil((tries.since + WINDOW - now).total_seconds())))

    def _fits(self, account: Account | None, password: str) -> bool:
        if account is None:
            self._scrypt(password, self._nobodys_salt, self._cost)
            return False
        return hmac.compare_digest(self._scrypt(password, account.salt, account.cost), account.hash)

    def _hashed(self, person: str, password: str, at: datetime) -> Account:
        salt = secrets.token_hex(16)
        hashed = self._scrypt(password, salt, self._cost)
        return Account(person=person, hash=hashed, salt=salt, cost=self._cost, changed_at=at)

    def _scrypt(self, password: str, salt: str, cost: Cost) -> str:
        # One spelling of what looks the same, whatever keyboard typed it.
        words = unicodedata.normalize("NFKC", password[:_LONGEST]).encode("utf-8", "surrogatepass")
        memory = 256 * cost.n * cost.r + 2**20  # twice what it needs; OpenSSL refuses less than that and a little
        with self._turns:
            terms = {"n": cost.n, "r": cost.r, "p": cost.p}
            return hashlib.scrypt(words, salt=bytes.fromhex(salt), maxmem=memory, dklen=32, **terms).hex()


def check_fit(password: str, email: str) -> None:
    """Nothing, if this may be a password.

    Raises:
        PasswordUnfit: it is too short, too long, or too easy to guess; the message says what is asked.
    """
    if len(password) < SHORTEST:
        raise PasswordUnfit(f"A password needs at least {SHORTEST} characters. A few words in a row are fine.")
    if len(password) > _LONGEST:
        raise PasswordUnfit(f"A password has at most {_LONGEST} characters.")
    folded = password.casefold()
    if len(set(folded)) < 5:
        raise PasswordUnfit("This password repeats itself. Use at least five different characters.")
    if email.casefold() in folded or folded in email.casefold():
        raise PasswordUnfit("This password is your e-mail address. Choose one that nobody can know.")


def _keys(email: str, address: str) -> tuple[str, str]:
    # Digests: what somebody typed into the wrong field is not kept.
    return digest(f"address:{address}"), digest(ascii(f"person:{email.strip().casefold()}"))


def _end_others(transaction: Transaction, person: str, kept: str, now: datetime) -> int:
    others = [one.id for one in transaction.sessions(person) if one.id != kept and one.revoked_at is None]
    return sum(transaction.end_session(one, now) for one in others)
