"""What people do beside deciding: they say something, and they put a request out of their sight for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals.authority import Authority
from approvals.decisions import Actor
from approvals.errors import CommentInvalid, FieldError, SnoozeInvalid
from approvals.ledger import Ledger, check_actionable, event, found
from approvals.lifecycle import Action
from approvals.mentions import mentioned
from approvals.ports import Directory, Person, Store, Transaction
from approvals.requests import Comment, Request, Snooze

LONGEST = 10_000
"""Characters of a comment."""
FURTHEST = timedelta(days=90)
"""How long a request can be snoozed."""


class Conversation:
    """A part of the service."""

    store: Store
    directory: Directory
    authority: Authority
    _ledger: Ledger

    def comment(self, request_id: str, text: str, by: Actor) -> Comment:
        """Say something beside a request, open or answered. Whoever snoozed it sees it again.

        Raises:
            NotPermitted: they may not see it, or only read. CommentInvalid: there are no words, or too many.
        """
        said = text.strip()
        if not said or len(said) > LONGEST:
            told = f"it has {len(said)} characters, and {LONGEST} is the most" if said else "there are no words in it"
            raise CommentInvalid([FieldError("text", told)])

        def act(transaction: Transaction, request: Request, now: datetime) -> Comment:
            person = self.authority.check_commenter(request, by)
            place = len(transaction.comments(request.id)) + 1
            meant = mentioned(said, self._readers(request))
            comment = Comment(place=place, person=person.email, text=said, mentions=meant, at=now)
            transaction.add_comment(request.id, comment)
            transaction.drop_snooze(request.id)
            facts = {"comment": place, "mentions": len(meant)}
            transaction.record(event("request.commented", by, now, request, facts))
            return comment

        return self._ledger.act(request_id, act)

    def comments(self, request_id: str, by: Actor) -> tuple[Comment, ...]:
        """What people said beside a request, oldest first."""
        with self.store.read() as transaction:
            request = found(transaction, request_id)
            comments = transaction.comments(request_id)
        self.authority.check_reader(request, by)
        return comments

    def snooze(self, request_id: str, by: Actor, until: datetime) -> Snooze:
        """Put an open request out of this person's sight until then, or until it changes. Its deadline stays.

        Raises:
            NotPermitted: they may not see it. NotActionable: it is answered. SnoozeInvalid: that is no time to come.
        """

        def act(transaction: Transaction, request: Request, now: datetime) -> Snooze:
            person = self.authority.check_commenter(request, by)
            check_actionable(request, Action.CLAIM)  # what is answered waits for nobody
            if not now < until <= now + FURTHEST:
                told = f"it must be a time to come, at most {FURTHEST.days} days from now"
                raise SnoozeInvalid([FieldError("until", told)])
            snooze = Snooze(request_id=request.id, person=person.email, version=request.version, until=until)
            transaction.put_snooze(snooze)
            return snooze

        return self._ledger.act(request_id, act)

    def unsnooze(self, request_id: str, by: Actor) -> None:
        """Show the request to this person again."""

        def act(transaction: Transaction, request: Request, now: datetime) -> None:
            transaction.drop_snooze(request.id, self.authority.check_commenter(request, by).email)

        self._ledger.act(request_id, act)

    def snoozed(self, request_id: str, by: Actor) -> Snooze | None:
        """How long this person does not want to see the request; None where they do."""
        if by.kind != "person":
            return None
        with self.store.read() as transaction:
            request, person = found(transaction, request_id), self.directory.person(by.id)
            snooze = transaction.snooze(request_id, person.email) if person else None
        holds = snooze is not None and snooze.version == request.version and snooze.until > self._ledger.clock()
        return snooze if holds else None

    def _readers(self, request: Request) -> list[Person]:
        return [person for person in self.directory.people() if self.authority.concerns(request, person)]
