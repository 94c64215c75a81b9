"""What is told to whom, and how far that has come: a notice, its delivery to one target, and when to try again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import Field

from approvals.canonical import digest
from approvals.decisions import UtcDatetime, Value

DeliveryState = Literal["pending", "delivered", "failed", "dropped"]

GIVE_UP = timedelta(hours=24)
"""How long a message is tried before it counts as failed."""

NOTIFICATIONS = "notifications"
"""Who follows the record to tell people; others follow it under names of their own."""

_FIRST = 10.0
_LONGEST = 6 * 3600.0


class Notice(Value):
    """A message that is ready to be sent. Its text is plain; a receiver that gets it twice knows it by its id."""

    id: str = Field(description="of the event: the same at every attempt and to every receiver")
    type: str = Field(description="such as `request.opened`")
    at: UtcDatetime = Field(description="when it happened")
    subject: str
    text: str
    url: str
    to: str | None = Field(default=None, description="e-mail of the one person it is for")
    name: str = ""
    data: dict[str, Any] = Field(default_factory=dict, description="the same for programs")


class Delivery(Value):
    """One event on its way to one target. Holds nothing of the request's content."""

    id: str
    event_id: str
    event: str
    seq: int = Field(description="of the record's entry that it tells of")
    request_id: str
    target: str = Field(description="the name of the target, or `mail:` with a person's address; never a secret")
    state: DeliveryState = "pending"
    attempts: int = 0
    since: UtcDatetime = Field(description="when the time to give up began to run")
    next_at: UtcDatetime = Field(description="when it is due")
    last_error: str | None = None
    created_at: UtcDatetime
    delivered_at: UtcDatetime | None = None


class LinkUse(Value):
    """A link that decided."""

    nonce: str
    request_id: str
    person: str
    at: UtcDatetime


class Deliveries(Protocol):
    """What a transaction keeps of notices and links; operational, so without entries of its own in the record."""

    # Links
    def use_link(self, nonce: str, request_id: str, person: str, at: datetime) -> None:
        """Note that a link decided.

        Raises:
            LinkUsed: it did so before.
        """
        ...

    def link_use(self, nonce: str) -> LinkUse | None: ...
    def free_links(self, request_id: str, person: str) -> None:
        """Forget that this person's links decided this request: they took it back."""
        ...

    # Deliveries
    def told_up_to(self, follower: str = NOTIFICATIONS) -> int:
        """The last entry of the record that this follower has passed on; 0 where it begins."""
        ...

    def tell_up_to(self, seq: int, follower: str = NOTIFICATIONS) -> None: ...
    def add_delivery(self, delivery: Delivery) -> None:
        """Keep a delivery; one of this id that is there already stays as it is."""
        ...

    def delivery(self, delivery_id: str) -> Delivery | None: ...
    def change_delivery(self, delivery: Delivery) -> None: ...
    def due_deliveries(self, now: datetime, limit: int) -> tuple[Delivery, ...]:
        """Pending ones whose time has come, in the order of the record."""
        ...

    def deliveries(self, *, states: Sequence[DeliveryState] | None = None, limit: int = 200) -> tuple[Delivery, ...]:
        """The latest ones, newest first."""
        ...

    def forget_deliveries(self, before: datetime) -> int:
        """Remove those that were settled before then, and tell how many."""
        ...


def event_id(entry_hash: str) -> str:
    """The id of what an entry of the record tells, made of its hash: the same after a restart and on a copy."""
    return f"evt_{entry_hash[:24]}"


def delivery_id(event: str, target: str) -> str:
    """The id of an event's delivery to a target."""
    return f"dlv_{digest(f'{event} {target}')[:16]}"


def pause(attempts: int, seed: str) -> timedelta:
    """How long to wait after this many attempts: twice as long each time, up to six hours, a fifth more or less.

    Whoever waits for the same receiver does not come back at the same moment; for one delivery it is always the same.
    """
    wait = min(_FIRST * 2 ** min(attempts - 1, 20), _LONGEST)
    part = int(digest(f"{seed}:{attempts}")[:8], 16) / 0xFFFFFFFF
    return timedelta(seconds=wait * (0.8 + 0.4 * part))
