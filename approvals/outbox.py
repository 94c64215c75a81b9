"""Tells people and programs what happened, out of the record: at least once, each event under one id.

The record is followed by a cursor. For each entry that somebody wants to know of, a delivery per target is kept in the
transaction that moves the cursor; what is due is sent outside of any transaction, and its outcome noted afterwards. A
process that dies in between sends the message again, under the same id.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from pydantic import SecretStr

from approvals.audit import Entry
from approvals.authority import Authority, same_person
from approvals.decisions import Actor
from approvals.deliveries import GIVE_UP, Delivery, Notice, delivery_id, event_id, pause
from approvals.errors import ApprovalError, NotDelivered
from approvals.leases import Lease
from approvals.links import Links
from approvals.notices import ASKS, EVENTS, notice
from approvals.ports import Clock, Directory, Notifier, Person, Store, Transaction
from approvals.requests import Request
from approvals.subscriptions import NotifyTerms, Subscriptions

KEPT = timedelta(days=30)
"""How long a delivery that is settled stays in the list."""

MAIL = "mail:"
"""How the name of a target begins that is a person's mailbox."""

_LEASE = timedelta(seconds=60)
_ENTRIES = 200
_AT_ONCE = 50

log = logging.getLogger("countersign.outbox")


@dataclass
class Told:
    """What one round of the loop did."""

    leader: bool = True
    made: int = 0
    delivered: int = 0
    postponed: int = 0
    failed: int = 0
    dropped: int = 0
    problem: str | None = None


class Channel(NamedTuple):
    """Where a delivery goes, ready to be opened."""

    address: SecretStr
    secret: SecretStr | None
    person: Person | None
    facts: bool
    """Whether programs listen, which want to know what happened even where there is nothing more to do."""


@dataclass(frozen=True)
class Terms:
    """How messages are made."""

    address: str
    """Under which people reach the queue."""
    summary: bool = True
    """Whether a message says more than a title."""


class Outbox:
    """The loop. Each round is safe to repeat, and of several processes one sends."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        links: Links,
        subscriptions: Callable[[], Subscriptions],
        opened: Callable[[SecretStr, SecretStr | None], Notifier],
        terms: Terms,
    ) -> None:
        self._store = store
        self._directory = directory
        self._authority = Authority(directory)
        self._clock = clock
        self._links = links
        self._subscriptions = subscriptions
        self._opened = opened
        self._terms = terms
        self._lease = Lease(store, "notifying", _LEASE)
        self._tidied_at: datetime | None = None
        self._told_problem: str | None = None

    def run(self, stop: threading.Event, every: float = 1.0) -> None:
        """Round after round until `stop` is set; a round that fails is logged and the next one comes."""
        while not stop.is_set():
            try:
                self.once(stop)
            except Exception as error:
                log.warning("A round of notifying failed: %s", _sentence(error))
            stop.wait(every)

    def once(self, stop: threading.Event | None = None) -> Told:
        """One round: deliveries for what is new in the record, then what is due."""
        told = Told()
        if not self._anything():
            return told
        if not self._leads():
            return Told(leader=False)
        try:
            subscriptions = self._subscriptions()
        except ApprovalError as error:
            # Nothing is skipped: the cursor stays, and what happened is told once the file is mended.
            told.problem = str(error)
            self._tell_problem(told.problem)
            return told
        self._tell_problem(None)
        through = False
        while not through:
            made, through = self._expand(subscriptions)
            told.made += made
        self._send_due(subscriptions, told, stop)
        self._tidy()
        return told

    # -- what is to be sent --------------------------------------------------------------------------------------

    def _anything(self) -> bool:
        with self._store.read() as transaction:
            if transaction.told_up_to() < transaction.head()[0]:
                return True
            return bool(transaction.due_deliveries(self._clock(), 1))

    def _leads(self) -> bool:
        return self._lease.take(self._clock())

    def _expand(self, subscriptions: Subscriptions) -> tuple[int, bool]:
        """Make the deliveries of the next entries, and move the cursor past them, in one transaction."""
        now, made = self._clock(), 0
        with self._store.begin() as transaction:
            after = transaction.told_up_to()
            entries = list(islice(transaction.entries(after=after), _ENTRIES))
            for entry in entries:
                for delivery in self._of(transaction, entry, subscriptions, now):
                    transaction.add_delivery(delivery)
                    made += 1
            if entries:
                transaction.tell_up_to(entries[-1].seq)
        return made, len(entries) < _ENTRIES

    def _of(
        self, transaction: Transaction, entry: Entry, subscriptions: Subscriptions, now: datetime
    ) -> Iterator[Delivery]:
        event = entry.event
        if event.request_id is None or event.name not in EVENTS:
            return
        request = transaction.request(event.request_id)
        if request is None:
            return
        # Until then a decision can be taken back, and nobody shall have heard of it.
        ruling = event.details.get("ruling")
        standing = next((one for one in transaction.rulings(request.id) if one.seq == ruling), None)
        due = max(now, standing.effective_at) if standing is not None else now
        number = event_id(entry.hash)
        for target in self._targets(transaction, entry, request, subscriptions):
            yield Delivery(
                id=delivery_id(number, target),
                event_id=number,
                event=event.name,
                seq=entry.seq,
                request_id=request.id,
                target=target,
                since=due,
                next_at=due,
                created_at=now,
            )

    def _targets(
        self, transaction: Transaction, entry: Entry, request: Request, subscriptions: Subscriptions
    ) -> Iterator[str]:
        name = entry.event.name
        asked = {person.email.casefold() for person in self._asked(transaction, entry, request)}
        meant = self._mentioned(transaction, entry, request)
        for one in subscriptions.notify:
            if one.person is None and one.wants(name, request):
                yield one.label
            elif one.person is not None:
                who = one.person.casefold()
                if who in meant or (who in asked and one.wants(name, request)):
                    yield one.label
        if subscriptions.mail is not None:
            to = meant | (asked if name in subscriptions.mail.events else set())
            for person in self._directory.people():
                if person.active and person.email.casefold() in to:
                    yield f"{MAIL}{person.email}"

    def _asked(self, transaction: Transaction, entry: Entry, request: Request) -> tuple[Person, ...]:
        """Who is to hear of this event because they may decide, but for whoever caused it or has signed."""
        if entry.event.name in ASKS and not request.is_open:
            return ()
        if entry.event.name == "request.signed" and request.content.author == "agent":
            return ()  # the draft is as it was, and so are the links that the others hold
        signed = {one.person.casefold() for one in transaction.signoffs(request.id) if not one.voided}
        return tuple(
            person
            for person in self._authority.candidates(request)
            if not same_person(person.email, entry.event.actor) and person.email.casefold() not in signed
        )

    def _mentioned(self, transaction: Transaction, entry: Entry, request: Request) -> set[str]:
        """Whom a comment means, but for those whom the request does not concern any more: its title is not for them."""
        if entry.event.name != "request.commented":
            return set()
        place = entry.event.details.get("comment")
        meant = {
            person.casefold()
            for comment in transaction.comments(request.id)
            if comment.place == place
            for person in comment.mentions
        }
        return {one for one in meant if self._authority.may_read(request, _reader(one))}

    # -- sending -------------------------------------------------------------------------------------------------

    def _send_due(self, subscriptions: Subscriptions, told: Told, stop: threading.Event | None) -> None:
        silent: set[str] = set()
        with self._store.read() as transaction:
            due = transaction.due_deliveries(self._clock(), _AT_ONCE)
        for delivery in due:
            if stop is not None and stop.is_set():
                return
            place = MAIL if delivery.target.startswith(MAIL) else delivery.target
            if place in silent:
                continue  # its turn comes; waiting for the same receiver again would keep the others from theirs
            if not self._leads():
                return
            settled = self._sent(delivery, subscriptions)
            with self._store.begin() as transaction:
                transaction.change_delivery(settled)
            match settled.state:
                case "delivered":
                    told.delivered += 1
                case "dropped":
                    told.dropped += 1
                case "failed":
                    told.failed += 1
                    log.warning("%s was not told of %s: %s", settled.target, settled.event, settled.last_error)
                case "pending":
                    told.postponed += 1
                    silent.add(place)

    def _sent(self, delivery: Delivery, subscriptions: Subscriptions) -> Delivery:
        """The delivery after one attempt."""
        now = self._clock()
        try:
            channel = self.channel(delivery.target, subscriptions)
            message = self._message(delivery, channel, now)
            if message is None:
                return delivery.model_copy(update={"state": "dropped", "next_at": now, "last_error": None})
            self._opened(channel.address, channel.secret).send(message)
        except NotDelivered as error:
            return _postponed(delivery, str(error), self._clock(), retryable=error.retryable, after=error.after)
        except Exception as error:
            # A place that is set up wrongly, or a fault of ours: seen, tried again, and in nobody's way.
            return _postponed(delivery, _sentence(error), self._clock())
        done = {"state": "delivered", "attempts": delivery.attempts + 1, "last_error": None}
        return delivery.model_copy(update={**done, "next_at": self._clock(), "delivered_at": self._clock()})

    def channel(self, target: str, subscriptions: Subscriptions) -> Channel:
        """Where this target is, as the file says now.

        Raises:
            NotDelivered: it is not there any more.
        """
        if target.startswith(MAIL) and subscriptions.mail is not None:
            person = self._directory.person(target.removeprefix(MAIL))
            if person is not None and person.active:
                return Channel(subscriptions.mail.via, None, person, facts=False)
        found: NotifyTerms | None = subscriptions.named(target)
        if found is None:
            raise NotDelivered(f"{target} is not among those that are told any more.", retryable=False)
        person = self._directory.person(found.person) if found.person is not None else None
        if found.person is not None and (person is None or not person.active):
            raise NotDelivered(f"{target} belongs to somebody who is not active any more.", retryable=False)
        return Channel(found.to, found.secret, person, facts=found.is_webhook)

    def _message(self, delivery: Delivery, channel: Channel, now: datetime) -> Notice | None:
        """What to send; None where it is no longer true, or nobody can act on it any more."""
        with self._store.read() as transaction:
            entry = next(transaction.entries(request_id=delivery.request_id, after=delivery.seq - 1))
            request = transaction.request(delivery.request_id)
            ruling = entry.event.details.get("ruling")
            undone = any(one.recalled and one.seq == ruling for one in transaction.rulings(delivery.request_id))
            meant = self._mentioned(transaction, entry, request) if request is not None else set()
        if request is None or (undone and delivery.event != "request.recalled"):
            return None
        asks, person = delivery.event in ASKS, channel.person
        mentioned = person is not None and person.email.casefold() in meant
        if asks and not channel.facts and not request.is_open:
            return None
        decides = person is not None and any(
            same_person(one.email, person.email) for one in self._authority.candidates(request)
        )
        if asks and person is not None and not decides:
            return None
        url, until = f"{self._terms.address}/r/{request.id}", None
        if person is not None and decides and request.is_open and request.risk != "high":
            token = self._links.make(request, person.email, occasion=delivery.event_id, at=delivery.created_at)
            url, until = f"{self._terms.address}/d/{token}", self._links.read(token).expires_at
        return notice(
            entry,
            request,
            now=now,
            url=url,
            to=person.email if person is not None else None,
            name=person.name if person is not None else "",
            until=until,
            summary=self._terms.summary,
            mentioned=mentioned,
        )

    # -- besides -------------------------------------------------------------------------------------------------

    def _tidy(self) -> None:
        now = self._clock()
        if self._tidied_at is None or now - self._tidied_at >= timedelta(hours=1):
            self._tidied_at = now
            with self._store.begin() as transaction:
                transaction.forget_deliveries(now - KEPT)

    def _tell_problem(self, problem: str | None) -> None:
        if problem is not None and problem != self._told_problem:
            log.warning("Nobody is notified: %s", problem)
        self._told_problem = problem


def _postponed(
    delivery: Delivery, why: str, now: datetime, *, retryable: bool = True, after: float | None = None
) -> Delivery:
    attempts = delivery.attempts + 1
    next_at = now + max(pause(attempts, delivery.id), timedelta(seconds=after or 0))
    failed = not retryable or next_at > delivery.since + GIVE_UP
    update = {"state": "failed" if failed else "pending", "next_at": now if failed else next_at}
    return delivery.model_copy(update={**update, "attempts": attempts, "last_error": why[:1000]})


def _reader(email: str) -> Actor:
    return Actor(kind="person", id=email, via="system", scopes=frozenset({"read"}))


def _sentence(error: Exception) -> str:
    """What went wrong; of what is not ours only the kind, for its words may quote an address."""
    return str(error) if isinstance(error, ApprovalError) else f"Something failed ({type(error).__name__})."
