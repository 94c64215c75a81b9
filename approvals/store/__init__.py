"""Where requests, permits and the record are kept. One file per database; `open_store` finds the one asked for."""

from __future__ import annotations

from collections.abc import Callable

from approvals.errors import UnknownScheme
from approvals.ports import Store


def _sqlite(address: str) -> Store:
    from approvals.store.sqlite import open_sqlite

    return open_sqlite(address)


def _postgresql(address: str) -> Store:
    from approvals.store.postgresql import open_postgresql

    return open_postgresql(address)


STORES: dict[str, Callable[[str], Store]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}
"""Scheme -> factory. A database is a file beside this one and a line here."""


def open_store(address: str) -> Store:
    """The store at this address: `sqlite:///:memory:`, `sqlite:///a/path.db` or `postgresql://user@host/name`.

    Its tables are made or brought up to date first; several processes may open a new one at once.

    Raises:
        UnknownScheme: no store is registered for the address; the message names the ones there are.
        StoreUnavailable: it cannot be opened; the message says what to change.
    """
    scheme = address.partition(":")[0]
    if scheme not in STORES:
        known = ", ".join(f"{name}://" for name in sorted(STORES))
        # The address may hold a password, so only its scheme is repeated.
        raise UnknownScheme(f"No store is registered for addresses that begin with {scheme!r}. Known: {known}.")
    return STORES[scheme](address)
