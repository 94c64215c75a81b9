"""Used links and deliveries, on every store alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approvals.deliveries import Delivery, delivery_id
from approvals.errors import LinkUsed, NotFound
from approvals.ports import Store
from approvals.requests import Request
from approvals.store import open_store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_delivery(request: Request, number: int = 1, **terms: Any) -> Delivery:
    usual: dict[str, Any] = {
        "id": delivery_id(f"evt_{number}", "hook"),
        "event_id": f"evt_{number}",
        "event": "request.opened",
        "seq": number,
        "request_id": request.id,
        "target": "hook",
        "since": NOON,
        "next_at": NOON,
        "created_at": NOON,
    }
    return Delivery(**{**usual, **terms})


@pytest.fixture
def asked(opened: Callable[..., Request], store: Store) -> Request:
    return opened(store)


def test_a_link_is_used_once(store: Store, asked: Request) -> None:
    with store.begin() as transaction:
        transaction.use_link("nonce", asked.id, "anna@acme.example", NOON)

    with pytest.raises(LinkUsed), store.begin() as transaction:
        transaction.use_link("nonce", asked.id, "anna@acme.example", NOON)
    with store.read() as transaction:
        used = transaction.link_use("nonce")
        assert used is not None
        assert (used.request_id, used.person, used.at) == (asked.id, "anna@acme.example", NOON)
        assert transaction.link_use("other") is None


def test_what_is_rolled_back_uses_no_link_up(store: Store, asked: Request) -> None:
    def fails() -> None:
        with store.begin() as transaction:
            transaction.use_link("nonce", asked.id, "anna@acme.example", NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()

    with store.read() as transaction:
        assert transaction.link_use("nonce") is None


def test_taking_back_frees_the_links_of_one_person_and_request(store: Store, opened: Callable[..., Request]) -> None:
    one, other = opened(store, "AAAAAAAAAA"), opened(store, "BBBBBBBBBB")
    with store.begin() as transaction:
        for nonce, request, person in (("1", one, "anna"), ("2", one, "ben"), ("3", other, "anna")):
            transaction.use_link(nonce, request.id, person, NOON)

    with store.begin() as transaction:
        transaction.free_links(one.id, "anna")

    with store.read() as transaction:
        assert [transaction.link_use(nonce) is not None for nonce in "123"] == [False, True, True]


def test_of_many_at_once_one_uses_the_link(shared_address: str, opened: Callable[..., Request]) -> None:
    store = open_store(shared_address)
    asked = opened(store)
    used, refused, together = [], [], threading.Barrier(6)

    def use() -> None:
        together.wait()
        try:
            with store.begin() as transaction:
                transaction.use_link("nonce", asked.id, "anna@acme.example", NOON)
            used.append(1)
        except LinkUsed:
            refused.append(1)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()

    assert (len(used), len(refused)) == (1, 5)


def test_a_delivery_is_kept_as_it_was_first_made(store: Store, asked: Request) -> None:
    first = a_delivery(asked, last_error="no \x00 reason")
    with store.begin() as transaction:
        transaction.add_delivery(first)
        transaction.add_delivery(first.model_copy(update={"attempts": 7}))

    with store.read() as transaction:
        assert transaction.delivery(first.id) == first
        assert transaction.delivery("dlv_other") is None


def test_a_delivery_comes_further(store: Store, asked: Request) -> None:
    first = a_delivery(asked)
    settled = first.model_copy(update={"state": "delivered", "attempts": 2, "delivered_at": NOON})
    with store.begin() as transaction:
        transaction.add_delivery(first)
    with store.begin() as transaction:
        transaction.change_delivery(settled)

    with store.read() as transaction:
        assert transaction.delivery(first.id) == settled
        assert transaction.due_deliveries(NOON, 10) == ()


def test_what_is_due_comes_in_the_order_of_the_record(store: Store, asked: Request) -> None:
    made = [a_delivery(asked, number) for number in (3, 1, 2)]
    later = a_delivery(asked, 4, next_at=NOON + timedelta(seconds=1))
    with store.begin() as transaction:
        for one in [*made, later, a_delivery(asked, 5, state="failed")]:
            transaction.add_delivery(one)

    with store.read() as transaction:
        assert [one.seq for one in transaction.due_deliveries(NOON, 10)] == [1, 2, 3]
        assert [one.seq for one in transaction.due_deliveries(NOON, 2)] == [1, 2]
        assert [one.seq for one in transaction.due_deliveries(NOON + timedelta(seconds=1), 10)] == [1, 2, 3, 4]


def test_the_latest_come_first_and_by_state(store: Store, asked: Request) -> None:
    with store.begin() as transaction:
        for number, state in enumerate(("pending", "delivered", "failed", "dropped"), start=1):
            transaction.add_delivery(a_delivery(asked, number, state=state))

    with store.read() as transaction:
        assert [one.seq for one in transaction.deliveries()] == [4, 3, 2, 1]
        assert [one.seq for one in transaction.deliveries(states=["pending", "failed"])] == [3, 1]
        assert [one.seq for one in transaction.deliveries(limit=2)] == [4, 3]
        assert transaction.deliveries(states=[]) == ()


def test_what_was_settled_long_ago_is_forgotten_and_what_waits_is_not(store: Store, asked: Request) -> None:
    with store.begin() as transaction:
        transaction.add_delivery(a_delivery(asked, 1))
        transaction.add_delivery(a_delivery(asked, 2, state="delivered"))
        transaction.add_delivery(a_delivery(asked, 3, state="failed", next_at=NOON + timedelta(days=2)))

    with store.begin() as transaction:
        assert transaction.forget_deliveries(NOON + timedelta(days=1)) == 1

    with store.read() as transaction:
        assert [one.seq for one in transaction.deliveries()] == [3, 1]


def test_the_cursor_stays_where_it_was_left(store: Store) -> None:
    with store.begin() as transaction:
        assert transaction.told_up_to() == 0
        transaction.tell_up_to(7)
        transaction.tell_up_to(9)

    with store.read() as transaction:
        assert transaction.told_up_to() == 9


def test_a_delivery_of_nothing_is_refused(store: Store, asked: Request) -> None:
    with pytest.raises(NotFound), store.begin() as transaction:
        transaction.add_delivery(a_delivery(asked, request_id="NOSUCH"))


def test_none_of_it_is_part_of_the_record(store: Store, asked: Request, verified: Callable[[Store], Any]) -> None:
    before = list(store.entries())
    with store.begin() as transaction:
        transaction.use_link("nonce", asked.id, "anna@acme.example", NOON)
        transaction.add_delivery(a_delivery(asked))
        transaction.tell_up_to(3)

    assert list(store.entries()) == before
    assert verified(store).ok


def test_a_backup_has_all_of_it(shared_address: str, opened: Callable[..., Request], tmp_path: Any) -> None:
    store = open_store(shared_address)
    asked = opened(store)
    with store.begin() as transaction:
        transaction.use_link("nonce", asked.id, "anna@acme.example", NOON)
        transaction.add_delivery(a_delivery(asked))
        transaction.tell_up_to(3)
    store.backup(str(tmp_path / "copy.sqlite"))
    store.close()

    copy = open_store(f"sqlite:///{tmp_path}/copy.sqlite")
    with copy.read() as transaction:
        assert transaction.link_use("nonce") is not None
        assert transaction.delivery(a_delivery(asked).id) == a_delivery(asked)
        assert transaction.told_up_to() == 3
    copy.close()
