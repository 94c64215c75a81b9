"""Passwords."""

from __future__ import annotations

import logging
import threading

import pytest

from approvals import accounts as module
from approvals.accounts import FRESH, TRIES_OF_ADDRESS, TRIES_OF_PERSON, Accounts, check_fit
from approvals.decisions import SYSTEM
from approvals.errors import Disabled, NotPermitted, PasswordUnfit, SignInFailed, TooManyTries
from approvals.identities import Cost
from approvals.sessions import Sessions

BEN = "ben@acme.example"
WORDS = "correct horse battery staple"
CHEAP = Cost(n=2, r=1, p=1)


@pytest.fixture
def accounts(store, people, clock):
    return Accounts(store, people, clock, cost=CHEAP)


@pytest.fixture
def sessions(store, people, clock):
    return Sessions(store, people, clock)


@pytest.fixture
def begin(sessions, people):
    """A session of somebody: `begin("ben@acme.example", "link")`."""
    return lambda email=BEN, proof="link": sessions.recognise(sessions.begin(people.person(email), proof).secret)


@pytest.fixture
def has_password(accounts, begin):
    def make(email=BEN, password=WORDS):
        came = begin(email)
        accounts.set_password(password, came.actor, came.session)

    return make


def test_whoever_knows_the_password_is_the_person_however_they_write_their_name(accounts, has_password):
    has_password("anna.berg@acme.example")

    for written in ("Anna.Berg@acme.example", " anna.berg@ACME.example "):
        assert accounts.verify(written, WORDS, "192.0.2.1").email == "Anna.Berg@acme.example"


@pytest.mark.parametrize("password", ["", "Correct horse battery staple", WORDS + " ", WORDS[:-1], "\0", "\ud800" * 12])
def test_any_other_password_is_refused(accounts, has_password, password):
    has_password()

    with pytest.raises(SignInFailed):
        accounts.verify(BEN, password, "192.0.2.1")


def test_what_looks_the_same_is_the_same_however_a_keyboard_types_it(accounts, has_password):
    has_password(password="Grüße aus Køln, 3 mal")

    assert accounts.verify(BEN, "Gru\u0308ße aus Køln, 3 mal", "192.0.2.1").email == BEN


def test_nobody_learns_who_has_an_account(accounts, has_password, people):
    has_password()
    told = []

    for email in (BEN, "cleo@acme.example", "eve@elsewhere.example", "gone@acme.example", "", "\ud800", "a" * 10_000):
        with pytest.raises(SignInFailed) as caught:
            accounts.verify(email, "a wrong password", "192.0.2.1")
        told.append(str(caught.value))

    assert len(set(told)) == 1


def test_somebody_unknown_costs_as_much_work_as_a_wrong_password(accounts, has_password, monkeypatch):
    has_password()
    costs = []
    scrypt = module.hashlib.scrypt
    monkeypatch.setattr(
        module.hashlib, "scrypt", lambda words, **terms: costs.append(terms["n"]) or scrypt(words, **terms)
    )

    for email in (BEN, "eve@elsewhere.example", "cleo@acme.example"):
        with pytest.raises(SignInFailed):
            accounts.verify(email, "a wrong password", "192.0.2.1")

    assert costs == [CHEAP.n] * 3


def test_a_disabled_person_is_told_so_only_with_the_right_password(accounts, has_password, people):
    has_password()
    people.change(BEN, active=False)

    with pytest.raises(SignInFailed):
        accounts.verify(BEN, "a wrong password", "192.0.2.1")
    with pytest.raises(Disabled):
        accounts.verify(BEN, WORDS, "192.0.2.1")


def test_somebody_who_left_does_not_get_in_with_the_right_password(accounts, has_password, people):
    has_password()
    people.remove(BEN)

    with pytest.raises(SignInFailed):
        accounts.verify(BEN, WORDS, "192.0.2.1")


# -- tries -------------------------------------------------------------------------------------------------------


def fail(accounts, times, email=BEN, address="192.0.2.1"):
    for _ in range(times):
        with pytest.raises(SignInFailed):
            accounts.verify(email, "a wrong password", address)


def test_after_some_tries_even_the_right_password_waits(accounts, has_password, clock):
    has_password()
    fail(accounts, TRIES_OF_PERSON)
    clock.forward(minutes=5)

    with pytest.raises(TooManyTries) as caught:
        accounts.verify(BEN.upper(), WORDS, "198.51.100.7")

    assert caught.value.seconds == 600
    assert "10 minutes" in str(caught.value)
    clock.forward(599)
    with pytest.raises(TooManyTries, match="Wait 1 seconds"):
        accounts.verify(BEN, WORDS, "198.51.100.7")
    clock.forward(1)
    assert accounts.verify(BEN, WORDS, "198.51.100.7").email == BEN


def test_one_address_may_not_try_everybody(accounts, has_password):
    has_password()
    for number in range(TRIES_OF_ADDRESS):
        fail(accounts, 1, f"person{number}@acme.example")

    with pytest.raises(TooManyTries):
        accounts.verify(BEN, WORDS, "192.0.2.1")
    assert accounts.verify(BEN, WORDS, "192.0.2.2").email == BEN


def test_a_right_password_clears_the_persons_tries_and_counts_for_no_address(accounts, has_password):
    has_password()

    for _ in range(8):
        fail(accounts, TRIES_OF_PERSON - 1, address="192.0.2.9")
        accounts.verify(BEN, WORDS, "192.0.2.1")
        accounts._clock.forward(minutes=15)
    for _ in range(TRIES_OF_ADDRESS + 10):
        accounts.verify(BEN, WORDS, "192.0.2.1")


def test_another_process_counts_on(store, people, clock, accounts, has_password):
    has_password()
    other = Accounts(store, people, clock, cost=CHEAP)
    fail(accounts, TRIES_OF_PERSON // 2)
    fail(other, TRIES_OF_PERSON - TRIES_OF_PERSON // 2)

    for either in (accounts, other):
        with pytest.raises(TooManyTries):
            either.verify(BEN, WORDS, "192.0.2.1")


def test_of_many_tries_at_once_none_slips_through(tmp_path, people, clock):
    from approvals.store import open_store

    store = open_store(f"sqlite:///{tmp_path}/queue.sqlite")
    accounts = Accounts(store, people, clock, cost=CHEAP)
    outcomes = []

    def once():
        try:
            accounts.verify(BEN, "a wrong password", "192.0.2.1")
        except (SignInFailed, TooManyTries) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=once) for _ in range(TRIES_OF_PERSON * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()

    assert outcomes.count(SignInFailed) == outcomes.count(TooManyTries) == TRIES_OF_PERSON


# -- setting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "at least 12"),
        ("elevenchars", "at least 12"),
        ("a" * 1_001, "at most 1000"),
        ("abcabcabcabcabc", "repeats itself"),
        ("My ben@acme.example", "your e-mail"),
    ],
)
def test_a_password_that_is_too_easy_is_refused_in_a_sentence(accounts, begin, events, password, sentence):
    came = begin()
    before = events()

    with pytest.raises(PasswordUnfit, match=sentence):
        accounts.set_password(password, came.actor, came.session)

    assert not accounts.has_password(BEN)
    assert events() == before


def test_a_password_that_is_part_of_the_e_mail_is_refused():
    with pytest.raises(PasswordUnfit, match="your e-mail"):
        check_fit("a.long.name@acme", "a.long.name@acme.example")


def test_only_a_fresh_link_sets_a_first_password(accounts, begin, clock):
    for proof in ("provider", "header", "password"):
        came = begin(proof=proof)
        with pytest.raises(NotPermitted, match="sign-in link"):
            accounts.set_password(WORDS, came.actor, came.session)
    came = begin()
    clock.forward(FRESH.total_seconds() + 1)
    with pytest.raises(NotPermitted, match="sign-in link"):
        accounts.set_password(WORDS, came.actor, came.session)

    assert not accounts.has_password(BEN)


def test_a_password_is_changed_by_whoever_knows_the_one_before(accounts, has_password, begin):
    has_password()
    came = begin(proof="password")

    with pytest.raises(SignInFailed):
        accounts.set_password("another long enough", came.actor, came.session, old="wrong", address="192.0.2.1")
    accounts.set_password("another long enough", came.actor, came.session, old=WORDS, address="192.0.2.1")

    assert accounts.verify(BEN, "another long enough", "192.0.2.1").email == BEN
    with pytest.raises(SignInFailed):
        accounts.verify(BEN, WORDS, "192.0.2.1")


def test_guessing_the_one_before_is_counted_too(accounts, has_password, begin):
    has_password()
    came = begin(proof="password")

    for _ in range(TRIES_OF_PERSON):
        with pytest.raises(SignInFailed):
            accounts.set_password("another long enough", came.actor, came.session, old="no", address="192.0.2.1")
    with pytest.raises(TooManyTries):
        accounts.set_password("another long enough", came.actor, came.session, old=WORDS, address="192.0.2.1")


def test_a_new_password_ends_the_persons_other_sessions_and_nobody_elses(accounts, sessions, begin):
    elsewhere, anna, here = begin(), begin("anna.berg@acme.example"), begin()

    accounts.set_password(WORDS, here.actor, here.session)

    assert [one.id for one in sessions.own(here.actor)] == [here.session.id]
    assert elsewhere.session.id not in {one.id for one in sessions.listed(SYSTEM)}
    assert [one.id for one in sessions.own(anna.actor)] == [anna.session.id]


def test_nobody_sets_anybody_elses(accounts, begin, ADA):
    came = begin()

    for by in (ADA, SYSTEM):
        with pytest.raises(NotPermitted):
            accounts.set_password(WORDS, by, came.session)

    assert not accounts.has_password(BEN)


def test_a_password_kept_at_another_cost_is_kept_anew_at_the_next_sign_in(store, people, clock, has_password):
    has_password()
    dearer = Accounts(store, people, clock, cost=Cost(n=4, r=1, p=1))

    dearer.verify(BEN, WORDS, "192.0.2.1")

    with store.read() as transaction:
        assert transaction.account(BEN).cost == Cost(n=4, r=1, p=1)
    assert dearer.verify(BEN, WORDS, "192.0.2.1").email == BEN


def test_the_cost_that_ships_can_be_had_here(store, people, clock, begin):
    accounts, came = Accounts(store, people, clock), begin()

    accounts.set_password(WORDS, came.actor, came.session)

    assert accounts.verify(BEN, WORDS, "192.0.2.1").email == BEN


def test_no_word_of_it_stands_in_the_record_the_log_or_a_repr(store, accounts, has_password, caplog):
    caplog.set_level(logging.DEBUG)
    has_password()
    fail(accounts, 1)
    with store.read() as transaction:
        account = transaction.account(BEN)
    entries = str([entry.model_dump() for entry in store.entries()])

    for secret in (WORDS, "a wrong password", account.hash, account.salt):
        assert secret not in entries + caplog.text + repr(account)
    assert "password.set" in entries
