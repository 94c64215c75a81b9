"""What every store promises of passwords, tries, sign-in links, sessions and people whom a provider described."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from approvals.errors import Overtaken
from approvals.identities import Account, Cost, KnownPerson, Session, Ticket
from approvals.store import open_store

HOSTILE = "Ü \0 \ufdd0 ' \" \\ \u202e </script> 🜚 \ud800"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def session(made):
    def make(number: str = "S1", **terms):
        usual = {
            "id": number,
            "sha256": f"{number:0>64}",
            "person": "ben@acme.example",
            "via": "session",
            "proof": "password",
            "created_at": made.now,
            "seen_at": made.now,
            "expires_at": made.now + timedelta(days=7),
        }
        return Session(**{**usual, **terms})

    return make


@pytest.fixture
def ticket(made):
    def make(number: str = "T1", **terms):
        usual = {
            "id": number,
            "sha256": f"{number:0>64}",
            "person": "ben@acme.example",
            "created_at": made.now,
            "expires_at": made.now + timedelta(days=1),
        }
        return Ticket(**{**usual, **terms})

    return make


def test_a_password_comes_back_as_it_was_kept_and_the_next_takes_its_place(store, made):
    first = Account(person="ben@acme.example", hash="ab", salt="cd", cost=Cost(n=4, r=2, p=1), changed_at=made.now)
    second = first.model_copy(update={"hash": "ef", "cost": Cost(), "changed_at": made.now + MINUTE})

    found = []
    for account in (first, second):
        with store.begin() as transaction:
            transaction.put_account(account)
        with store.read() as transaction:
            found.append(transaction.account("ben@acme.example"))

    assert found == [first, second]
    with store.read() as transaction:
        assert transaction.account("anna@acme.example") is None


def test_tries_are_counted_for_a_while_and_then_anew(store, made):
    def at(minutes, key="k"):
        now = made.now + minutes * MINUTE
        with store.begin() as transaction:
            return transaction.try_once(key, now, now - 15 * MINUTE)

    counts = [(tries.count, tries.since - made.now) for tries in (at(0), at(5), at(14), at(15), at(16))]

    assert counts == [(1, 0 * MINUTE), (2, 0 * MINUTE), (3, 0 * MINUTE), (1, 15 * MINUTE), (2, 15 * MINUTE)]
    assert at(16, "other").count == 1


def test_a_try_is_taken_back_or_all_of_them_and_never_below_none(store, made):
    def count():
        with store.begin() as transaction:
            return transaction.try_once("k", made.now, made.now - MINUTE).count

    def back(*, all_of_them):
        with store.begin() as transaction:
            transaction.untry("k", all_of_them=all_of_them)

    back(all_of_them=False)
    assert (count(), count(), count()) == (1, 2, 3)
    back(all_of_them=False)
    assert count() == 3
    back(all_of_them=True)
    assert count() == 1


def test_tries_at_once_are_all_counted(shared_store, made):
    counts = []

    def once():
        with shared_store.begin() as transaction:
            counts.append(transaction.try_once("k", made.now, made.now - MINUTE).count)

    threads = [threading.Thread(target=once) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == list(range(1, 13))


def test_what_one_process_counts_another_one_sees(shared_address, made):
    one, other = open_store(shared_address), open_store(shared_address)

    for store in (one, other, one):
        with store.begin() as transaction:
            count = transaction.try_once("k", made.now, made.now - MINUTE).count
    one.close()
    other.close()

    assert count == 3


def test_a_link_is_used_once(store, made, ticket):
    with store.begin() as transaction:
        transaction.add_ticket(ticket())

    used = []
    for _ in range(2):
        with store.begin() as transaction:
            used.append(transaction.use_ticket(ticket().sha256, made.now))

    assert used == [True, False]
    with store.read() as transaction:
        assert transaction.ticket(ticket().sha256) == ticket(used_at=made.now)


def test_of_many_who_use_a_link_at_once_one_does(shared_store, made, ticket):
    with shared_store.begin() as transaction:
        transaction.add_ticket(ticket())
    used = []

    def use():
        with shared_store.begin() as transaction:
            used.append(transaction.use_ticket(ticket().sha256, made.now))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(used) == [False] * 7 + [True]


def test_a_link_ends_when_it_expires_or_a_newer_one_of_the_person_is_made(store, made, ticket):
    others = ticket("T0", person="anna@acme.example")
    with store.begin() as transaction:
        for one in (others, ticket("T1"), ticket("T2")):
            transaction.add_ticket(one)

    with store.begin() as transaction:
        assert not transaction.use_ticket(ticket("T1").sha256, made.now)
        assert not transaction.use_ticket(ticket("T2").sha256, ticket("T2").expires_at)
        assert transaction.use_ticket(ticket("T2").sha256, ticket("T2").expires_at - MINUTE)
        assert transaction.use_ticket(others.sha256, made.now)


def test_a_session_comes_back_as_it_began(store, session):
    began = session(agent=HOSTILE, via="header", proof="header")

    with store.begin() as transaction:
        assert not transaction.any_session()
        transaction.add_session(began)

    with store.read() as transaction:
        assert transaction.session(began.sha256) == began
        assert transaction.session("0" * 64) is None
        assert transaction.any_session()


def test_two_sessions_never_share_an_id_or_a_secret(store, session):
    with store.begin() as transaction:
        transaction.add_session(session())

    for twin in (session(sha256="f" * 64), session("S2", sha256=session().sha256)):
        with pytest.raises(Overtaken), store.begin() as transaction:
            transaction.add_session(twin)


def test_a_session_ends_once_and_is_not_touched_after(store, made, session):
    later = made.now + MINUTE
    with store.begin() as transaction:
        transaction.add_session(session())
        transaction.touch_session("S1", later)
        assert transaction.end_session("S1", later)
        assert not transaction.end_session("S1", later + MINUTE)
        transaction.touch_session("S1", later + MINUTE)

    with store.read() as transaction:
        assert transaction.session(session().sha256) == session(seen_at=later, revoked_at=later)


def test_sessions_are_listed_for_one_person_or_all_the_newest_first(store, made, session):
    mine, newer = session("S1"), session("S2", created_at=made.now + MINUTE)
    others = session("S3", person="anna@acme.example", created_at=made.now - MINUTE)
    with store.begin() as transaction:
        for one in (mine, newer, others):
            transaction.add_session(one)

    with store.read() as transaction:
        assert transaction.sessions("ben@acme.example") == (newer, mine)
        assert transaction.sessions() == (newer, mine, others)
        assert transaction.sessions("nobody@acme.example") == ()


def test_what_a_provider_says_of_somebody_takes_the_place_of_what_it_said(store, made):
    first = KnownPerson(
        email="Ida@acme.example", name=HOSTILE, groups=("sales", HOSTILE), issuer="https://id.example", subject="1",
        seen_at=made.now,
    )  # fmt: skip
    second = first.model_copy(update={"email": "ida@acme.example", "groups": (), "role": "admin"})

    found = []
    for one in (first, second):
        with store.begin() as transaction:
            transaction.put_known_person(one)
        with store.read() as transaction:
            found += transaction.known_people()

    assert found == [first, second]


def test_what_ended_long_ago_is_forgotten_and_nothing_else(store, made, session, ticket):
    old = {"created_at": made.now - timedelta(days=60), "expires_at": made.now - timedelta(days=50)}
    with store.begin() as transaction:
        for one in (session("S1", **old), session("S2")):
            transaction.add_session(one)
        for one in (ticket("T1", **old), ticket("T2", person="anna@acme.example")):
            transaction.add_ticket(one)
        transaction.try_once("old", made.now - timedelta(days=50), made.now - timedelta(days=51))
        transaction.forget_identities(made.now - timedelta(days=30))

    with store.begin() as transaction:
        assert transaction.sessions() == (session("S2"),)
        assert transaction.ticket(ticket("T1").sha256) is None
        assert transaction.ticket(ticket("T2").sha256) is not None
        assert transaction.try_once("old", made.now, made.now - timedelta(days=90)).count == 1


def test_nothing_of_it_has_a_part_in_the_record(store, made, session, ticket):
    with store.begin() as transaction:
        transaction.add_session(session())
        transaction.add_ticket(ticket())
        transaction.end_session("S1", made.now)

    assert list(store.rows()) == []
    assert list(store.entries()) == []
