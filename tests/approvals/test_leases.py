"""Which of several processes may do what only one should do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from approvals.leases import Lease
from approvals.ports import Store
from approvals.store import open_store

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LASTS = timedelta(seconds=15)


def at(seconds: float) -> datetime:
    """So long after the beginning."""
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("sqlite:///:memory:")
    yield store
    store.close()


def test_one_holds_it_until_it_shows_no_sign_of_life(store):
    first, second = Lease(store, "waking", LASTS), Lease(store, "waking", LASTS)

    assert first.take(at(0))
    assert not second.take(at(14))
    assert second.take(at(15))
    assert not first.take(at(16))
    assert not first.holds(at(16))
    assert second.holds(at(29))
    assert not second.holds(at(30))


def test_who_goes_on_taking_it_keeps_it_and_seldom_writes(store, monkeypatch):
    first, second = Lease(store, "waking", LASTS), Lease(store, "waking", LASTS)
    written = []
    begin = store.begin
    monkeypatch.setattr(store, "begin", lambda: written.append(None) or begin())

    kept = [first.take(at(second)) for second in range(60)]
    writes = len(written)
    taken = second.take(at(60))

    assert all(kept)
    assert writes == 12
    assert not taken


def test_leases_of_other_names_and_a_clock_that_was_set_back_stand_in_nobodys_way(store):
    waking, notifying = Lease(store, "waking", LASTS), Lease(store, "notifying", LASTS)

    assert waking.take(at(100))
    assert notifying.take(at(100))
    assert waking.take(at(0))
    assert waking.holds(at(10))
