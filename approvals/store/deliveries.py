"""Deliveries and used links in SQL: the part of a transaction that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from approvals.deliveries import NOTIFICATIONS, Delivery, DeliveryState, LinkUse
from approvals.errors import LinkUsed
from approvals.store import rows
from approvals.store.recording import Recorder
from approvals.store.rows import Row
from approvals.store.tables import CURSOR, DELIVERY, LINK_USE

_INSTANTS = ("since", "next_at", "created_at", "delivered_at")


class DeliveryRows:
    """What `approvals.deliveries.Deliveries` promises."""

    _rows: Recorder

    # -- links ---------------------------------------------------------------------------------------------------

    def use_link(self, nonce: str, request_id: str, person: str, at: datetime) -> None:
        """Note that a link decided.

        Raises:
            LinkUsed: it did so before.
        """
        row: Row = {"nonce": nonce, "request_id": request_id, "person": rows.stored(person), "at": rows.instant(at)}
        added = self._rows.insert(LINK_USE).values(row).on_conflict_do_nothing().returning(LINK_USE.c.nonce)
        if self._rows.execute(added).first() is None:
            raise LinkUsed

    def link_use(self, nonce: str) -> LinkUse | None:
        """The decision that a link made."""
        row = self._rows.one(LINK_USE, LINK_USE.c.nonce == rows.stored(nonce))
        return None if row is None else LinkUse.model_validate(rows.unstored(row))

    def free_links(self, request_id: str, person: str) -> None:
        """Forget that this person's links decided this request."""
        mine = (LINK_USE.c.request_id == rows.stored(request_id), LINK_USE.c.person == rows.stored(person))
        self._rows.execute(delete(LINK_USE).where(*mine))

    # -- deliveries ----------------------------------------------------------------------------------------------

    def told_up_to(self, follower: str = NOTIFICATIONS) -> int:
        """The last entry of the record that this follower has passed on; 0 where it begins."""
        row = self._rows.one(CURSOR, CURSOR.c.name == rows.stored(follower))
        return 0 if row is None else int(row["seq"])

    def tell_up_to(self, seq: int, follower: str = NOTIFICATIONS) -> None:
        """Note that this follower has passed on every entry up to this one."""
        noted = self._rows.insert(CURSOR).values(name=rows.stored(follower), seq=seq)
        self._rows.execute(noted.on_conflict_do_update(index_elements=[CURSOR.c.name], set_={"seq": seq}))

    def add_delivery(self, delivery: Delivery) -> None:
        """Keep a delivery; one of this id that is there already stays as it is."""
        self._rows.execute(self._rows.insert(DELIVERY).values(_row(delivery)).on_conflict_do_nothing())

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery."""
        row = self._rows.one(DELIVERY, DELIVERY.c.id == rows.stored(delivery_id))
        return None if row is None else _delivery(row)

    def change_delivery(self, delivery: Delivery) -> None:
        """Write how far it has come."""
        self._rows.execute(update(DELIVERY).where(DELIVERY.c.id == delivery.id).values(_row(delivery)))

    def due_deliveries(self, now: datetime, limit: int) -> tuple[Delivery, ...]:
        """Pending ones whose time has come, in the order of the record."""
        due = (DELIVERY.c.state == "pending") & (DELIVERY.c.next_at <= rows.instant(now))
        found = select(DELIVERY).where(due).order_by(DELIVERY.c.seq, DELIVERY.c.id).limit(limit)
        return tuple(_delivery(row) for row in self._rows.stream(found))

    def deliveries(self, *, states: Sequence[DeliveryState] | None = None, limit: int = 200) -> tuple[Delivery, ...]:
        """The latest ones, newest first."""
        found = select(DELIVERY).order_by(DELIVERY.c.seq.desc(), DELIVERY.c.id).limit(limit)
        if states is not None:
            found = found.where(DELIVERY.c.state.in_(states))
        return tuple(_delivery(row) for row in self._rows.stream(found))

    def forget_deliveries(self, before: datetime) -> int:
        """Remove those that were settled before then, and tell how many."""
        settled = (DELIVERY.c.state != "pending") & (DELIVERY.c.next_at < rows.instant(before))
        gone = self._rows.execute(delete(DELIVERY).where(settled).returning(DELIVERY.c.id))
        return len(gone.all())


def _row(delivery: Delivery) -> Row:
    plain = {name: getattr(delivery, name) for name in Delivery.model_fields if name not in _INSTANTS}
    instants = {name: getattr(delivery, name) for name in _INSTANTS}
    told = {name: rows.stored(value) if isinstance(value, str) else value for name, value in plain.items()}
    return {**told, **{name: None if at is None else rows.instant(at) for name, at in instants.items()}}


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery.model_validate(rows.unstored(row))
