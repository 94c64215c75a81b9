"""What people see and do of messages: which places are told, what came of it, another try, and a test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from pydantic import Field, SecretStr

from approvals.authority import Authority
from approvals.decisions import Actor, UtcDatetime, Value
from approvals.deliveries import Delivery, DeliveryState, Notice
from approvals.errors import ApprovalError, NotActionable, NotDelivered, NotFound
from approvals.outbox import MAIL, Outbox, Terms
from approvals.ports import Clock, Directory, Notifier, Store
from approvals.subscriptions import NotifyTerms, Subscriptions


class Place(Value):
    """Somewhere that is told, without its address."""

    name: str
    kind: str = Field(description="mail, webhook, or the scheme of its address")
    events: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    gates: tuple[str, ...] | None = None
    person: str | None = None
    waiting: int = 0
    failed: int = 0
    last_error: str | None = None


class Overview(Value):
    """How telling people goes: what is wrong with the file, if anything, and each place with what came of it."""

    problem: str | None
    places: tuple[Place, ...]
    as_of: UtcDatetime


class Notifications:
    """For administrators; nothing here holds or tells a secret."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        subscriptions: Callable[[], Subscriptions],
        opened: Callable[[SecretStr, SecretStr | None], Notifier],
        outbox: Outbox,
        terms: Terms,
    ) -> None:
        self._store = store
        self._authority = Authority(directory)
        self._clock = clock
        self._subscriptions = subscriptions
        self._opened = opened
        self._outbox = outbox
        self._terms = terms

    def listed(
        self, by: Actor, *, states: Sequence[DeliveryState] | None = None, limit: int = 200
    ) -> tuple[Delivery, ...]:
        """The latest deliveries, newest first.

        Raises:
            NotPermitted: only an administrator may see them.
        """
        self._authority.check_admin(by)
        with self._store.read() as transaction:
            return transaction.deliveries(states=states, limit=limit)

    def overview(self, by: Actor) -> Overview:
        """Every place that is told, and how that goes.

        Raises:
            NotPermitted: only an administrator may see it.
        """
        unsettled = self.listed(by, states=("pending", "failed"), limit=1_000)
        problem, subscriptions = None, Subscriptions()
        try:
            subscriptions = self._subscriptions()
        except ApprovalError as error:
            problem = str(error)
        places = [_place(one, unsettled) for one in subscriptions.notify]
        if subscriptions.mail is not None:
            mails = [one for one in unsettled if one.target.startswith(MAIL)]
            places.insert(0, _with_outcome(Place(name="mail", kind="mail", events=subscriptions.mail.events), mails))
        return Overview(problem=problem, places=tuple(places), as_of=self._clock())

    def retry(self, delivery_id: str, by: Actor) -> Delivery:
        """Send what failed, or waits for its next attempt, at the next round; its time to give up runs anew.

        Raises:
            NotFound: there is no such delivery. NotActionable: it arrived, or nobody needs it any more.
        """
        self._authority.check_admin(by)
        now = self._clock()
        with self._store.begin() as transaction:
            found = transaction.delivery(delivery_id)
            if found is None:
                raise NotFound(f"There is no delivery {delivery_id!r}.")
            if found.state not in ("failed", "pending"):
                raise NotActionable(f"The delivery {found.id} was {found.state}; there is nothing to send again.")
            again = found.model_copy(update={"state": "pending", "since": now, "next_at": max(now, found.since)})
            transaction.change_delivery(again)
        return again

    def test(self, place: str, by: Actor) -> str:
        """Send a test to one place, now; `mail` goes to whoever asks. Tells its id.

        Raises:
            NotFound: no place is called that. NotDelivered, UnknownScheme, NotificationsError: it did not arrive.
        """
        self._authority.check_admin(by)
        subscriptions = self._subscriptions()
        mail = place == "mail" and subscriptions.mail is not None
        if not mail and subscriptions.named(place) is None:
            known = [*(["mail"] if subscriptions.mail else []), *(one.label for one in subscriptions.notify)]
            raise NotFound(f"No place is called {place!r}. There are: {', '.join(known) or 'none'}.")
        if mail and by.kind != "person":
            raise NotFound("A test mail goes to whoever asks for it; say who you are.")
        channel = self._outbox.channel(f"{MAIL}{by.id}" if mail else place, subscriptions)
        message = Notice(
            id=f"evt_test_{secrets.token_hex(8)}",
            type="test",
            at=self._clock(),
            subject="A test of Countersign's notifications",
            text=f"This is a test, and nothing is asked of you.\n\n{self._terms.address}\n",
            url=self._terms.address,
            to=channel.person.email if channel.person else None,
            name=channel.person.name if channel.person else "",
            data={"test": True},
        )
        try:
            self._opened(channel.address, channel.secret).send(message)
        except ApprovalError:
            raise
        except Exception as error:
            raise NotDelivered(f"The test did not arrive ({type(error).__name__}).") from None
        return message.id


def _place(one: NotifyTerms, unsettled: Sequence[Delivery]) -> Place:
    kind = "webhook" if one.is_webhook else one.to.get_secret_value().partition(":")[0]
    place = Place(
        name=one.label,
        kind=kind,
        events=one.told,
        groups=one.groups,
        gates=one.gates,
        person=one.person,
    )
    return _with_outcome(place, [delivery for delivery in unsettled if delivery.target == one.label])


def _with_outcome(place: Place, deliveries: Sequence[Delivery]) -> Place:
    return place.model_copy(
        update={
            "waiting": sum(one.state == "pending" for one in deliveries),
            "failed": sum(one.state == "failed" for one in deliveries),
            "last_error": next((one.last_error for one in deliveries if one.last_error), None),
        }
    )
