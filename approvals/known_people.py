"""People whom an identity provider described when they signed in, laid over those of the file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from time import monotonic

from approvals.audit import Event
from approvals.decisions import Actor
from approvals.errors import ApprovalError, Disabled, SignInFailed
from approvals.identities import KnownPerson, Role
from approvals.people import PeopleList
from approvals.ports import Clock, Described, Directory, Person, Store

REMEMBERED = timedelta(days=30)
"""How long what a provider said of somebody counts after they last signed in through it."""

_FRESH = 2.0
_MISSED = 0.25
_ROLES: tuple[Role, ...] = ("admin", "reviewer", "viewer")
ROLE = "role:"
"""What a role's name begins with where the groups of a provider are mapped."""

log = logging.getLogger(__name__)


class KnownPeople:
    """A directory: the file decides on role and account of those it names; groups are those of both.

    What the store knows is kept for two seconds, and read by one caller at a time while others go on with what was
    known: who decides inside a transaction must not wait for another one.
    """

    def __init__(
        self,
        listed: Directory,
        store: Store,
        clock: Clock,
        mapping: Iterable[tuple[str, str]] = (),
        *,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self._listed = listed
        self._store = store
        self._clock = clock
        self._mapping = tuple(mapping)
        self._ticks = ticks
        self._reading = threading.Lock()
        self._known: tuple[KnownPerson, ...] | None = None
        self._read_at = 0.0

    def person(self, email: str) -> Person | None:
        """The person with this e-mail, in whatever case it is written; active or not."""
        found = self._overlaid().person(email)
        # Somebody who signed in a moment ago, through another process of this queue.
        return found if found is not None else self._overlaid(older_than=_MISSED).person(email)

    def people(self) -> tuple[Person, ...]:
        """Everybody: those of the file first."""
        return self._overlaid().people()

    def members(self, groups: Sequence[str]) -> tuple[Person, ...]:
        """The active people in any of these groups."""
        return self._overlaid().members(groups)

    def learn(self, described: Described) -> Person:
        """Keep what the provider says of somebody who signed in, and tell who they are here.

        Raises:
            SignInFailed: neither the file names them nor is one of their groups of use here; or the provider gave this
            e-mail to somebody else, and has not been silent about the one before for long enough. Disabled: the file
            has their account as not active.
        """
        mine, role = self._mapped(described.groups)
        listed = self._listed.person(described.email)
        if listed is None and not mine and role is None:
            raise SignInFailed(
                f"{described.email} is not among the people of this queue, and none of their groups is asked here. "
                "An administrator can add them."
            )
        if listed is not None and not listed.active:
            raise Disabled(f"The account {listed.email} is not active.")
        self._check_same(described)
        now, taken = self._clock(), described.model_dump(include={"email", "name", "issuer", "subject"})
        known = KnownPerson(**taken, groups=mine, role=role, seen_at=now)
        by = Actor(kind="person", id=described.email, via="session", scopes=frozenset())
        with self._store.begin() as transaction:
            transaction.put_known_person(known)
            facts = {"person": described.email, "groups": list(mine), "role": role}
            transaction.record(Event.of("person.described", by, now, **facts))
        person = self._overlaid(older_than=0.0, wait=True).person(described.email)
        if person is None:  # pragma: no cover, what was just kept is read
            raise SignInFailed
        return person

    # -- inside --------------------------------------------------------------------------------------------------

    def _check_same(self, described: Described) -> None:
        """Nothing, unless this e-mail is that of another account of the same provider: sessions and signatures are kept
        under it, and who leaves must not leave them to whoever is given their address.
        """
        with self._store.read() as transaction:
            known = [one for one in transaction.known_people() if one.email.casefold() == described.email.casefold()]
        earliest = self._clock() - REMEMBERED
        for one in known:
            if one.issuer == described.issuer and one.subject != described.subject and one.seen_at > earliest:
                log.warning("%s came back from the identity provider as another account.", described.email)
                raise SignInFailed(
                    f"The identity provider knows {described.email} as another account than the one that signed in "
                    f"last. An administrator can let you in with a sign-in link, or you try {REMEMBERED.days} days on."
                )

    def _mapped(self, theirs: Sequence[str]) -> tuple[tuple[str, ...], Role | None]:
        named = {ours for ours, group in self._mapping if group in theirs}
        role = next((role for role in _ROLES if f"{ROLE}{role}" in named), None)
        return tuple(sorted(name for name in named if not name.startswith(ROLE))), role

    def _overlaid(self, *, older_than: float = _FRESH, wait: bool = False) -> PeopleList:
        earliest = self._clock() - REMEMBERED
        described = {one.email.casefold(): one for one in self._from_store(older_than, wait) if one.seen_at > earliest}
        people = [_joined(person, described.pop(person.email.casefold(), None)) for person in self._listed.people()]
        return PeopleList([*people, *(_alone(one) for one in described.values() if one.groups or one.role)])

    def _from_store(self, older_than: float, wait: bool) -> tuple[KnownPerson, ...]:
        known = self._known
        if known is not None and self._ticks() - self._read_at < older_than:
            return known
        if not self._reading.acquire(blocking=wait or known is None):
            return known or ()
        try:
            read_at = self._ticks()
            with self._store.read() as transaction:
                self._known = transaction.known_people()
            self._read_at = read_at
        except ApprovalError as error:
            if known is None:
                raise
            log.warning("Whom the identity provider described cannot be read now: %s", error)
        finally:
            self._reading.release()
        return self._known or ()


def _joined(person: Person, known: KnownPerson | None) -> Person:
    if known is None:
        return person
    groups = (*person.groups, *(group for group in known.groups if group not in person.groups))
    return person.model_copy(update={"groups": groups, "name": person.name or known.name})


def _alone(known: KnownPerson) -> Person:
    return Person(email=known.email, name=known.name, groups=known.groups, role=known.role or "reviewer")
