"""A lease in the store: of several processes, one does what only one of them should do at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals.holders import new_holder
from approvals.ports import Store


class Lease:
    """One process's part in a named lease. Whoever shows no sign of life for as long as it lasts has lost it."""

    def __init__(self, store: Store, name: str, lasts: timedelta) -> None:
        self._store = store
        self._name = name
        self._lasts = lasts
        self._holder = new_holder()
        self._taken_at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Whether this process holds it, now and for two thirds of what it lasts; taken or renewed where need be."""
        # Renewed at every round, it would be most of what an idle queue writes.
        if self._taken_at is not None and self._taken_at <= now < self._taken_at + self._lasts / 3:
            return True
        with self._store.begin() as transaction:
            taken = transaction.take_lease(self._name, self._holder, now, now + self._lasts)
        self._taken_at = now if taken else None
        return taken

    def holds(self, now: datetime) -> bool:
        """Whether this process holds it still, without asking."""
        return self._taken_at is not None and self._taken_at <= now < self._taken_at + self._lasts
