"""Sign-in links: a secret that signs one person in, once."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import NamedTuple

from approvals.audit import Event
from approvals.authority import Authority
from approvals.canonical import digest
from approvals.decisions import Actor
from approvals.errors import ApprovalError, Disabled, NotFound, TicketSpent
from approvals.identities import Ticket
from approvals.ports import Clock, Directory, Person, Store
from approvals.requests import new_id

HOURS = 24
"""How long a link is valid, unless its maker says otherwise."""

_LONGEST = 72
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class Made(NamedTuple):
    """A new link's ticket, and its secret: the only time that anybody sees it."""

    ticket: Ticket
    secret: str

    @property
    def path(self) -> str:
        """The link, below the queue's address."""
        return f"/login/{self.secret}"


class Tickets:
    """Makes sign-in links and uses them up."""

    def __init__(self, store: Store, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._authority = Authority(directory)
        self._clock = clock

    def make(self, email: str, by: Actor, *, hours: int = HOURS) -> Made:
        """A link for this person; the unused one that they had ends.

        Raises:
            NotPermitted: only an administrator may, or the owner of an embedded home. NotFound: there is no such
            person. Disabled: their account is not active.
        """
        self._authority.check_admin(by)
        if not 1 <= hours <= _LONGEST:
            raise ApprovalError(f"A sign-in link is valid for 1 to {_LONGEST} hours, not {hours}.")
        person = self._directory.person(email)
        if person is None:
            raise NotFound(f"{email!r} is not among the people of this queue.")
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        secret, now = secrets.token_urlsafe(32), self._clock()
        ticket = Ticket(
            id=new_id(),
            sha256=digest(secret),
            person=person.email.casefold(),
            created_at=now,
            expires_at=now + timedelta(hours=hours),
        )
        with self._store.begin() as transaction:
            transaction.add_ticket(ticket)
            facts = {"link": ticket.id, "person": person.email, "expires_at": ticket.expires_at.isoformat()}
            transaction.record(Event.of("link.made", by, now, **facts))
        return Made(ticket, secret)

    def whose(self, secret: str) -> Person:
        """Whom the link would sign in; looking uses nothing up.

        Raises:
            TicketSpent: it does not count, or not any more. Disabled: the person's account is not active.
        """
        ticket = self._found(secret)
        if ticket.used_at is not None or ticket.expires_at <= self._clock():
            raise TicketSpent
        return self._person(ticket)

    def use(self, secret: str) -> Person:
        """Whom the link signs in; it does so once.

        Raises:
            TicketSpent: it does not count, or not any more. Disabled: the person's account is not active.
        """
        person = self.whose(secret)
        ticket, now = self._found(secret), self._clock()
        by = Actor(kind="person", id=person.email, via="link", scopes=frozenset())
        with self._store.begin() as transaction:
            if not transaction.use_ticket(ticket.sha256, now):
                raise TicketSpent
            transaction.record(Event.of("link.used", by, now, link=ticket.id))
        return person

    def _found(self, secret: str) -> Ticket:
        # Anything else cannot be ours, and need not reach the store.
        if _SECRET.fullmatch(secret) is None:
            raise TicketSpent
        with self._store.read() as transaction:
            ticket = transaction.ticket(digest(secret))
        if ticket is None or ticket.purpose != "sign-in":
            raise TicketSpent
        return ticket

    def _person(self, ticket: Ticket) -> Person:
        person = self._directory.person(ticket.person)
        if person is None:
            raise TicketSpent
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        return person
