"""Sessions."""

from __future__ import annotations

import re

import pytest

from approvals.decisions import SYSTEM
from approvals.errors import Disabled, NotAuthenticated, NotFound, NotPermitted
from approvals.sessions import IDLE, LONGEST, Sessions, form_token

BEN = "ben@acme.example"


@pytest.fixture
def sessions(store, people, clock):
    return Sessions(store, people, clock)


@pytest.fixture
def begin(sessions, people):
    return lambda email=BEN, proof="password", **terms: sessions.begin(people.person(email), proof, **terms)


def test_a_session_is_known_by_its_secret_and_kept_as_its_digest(sessions, begin, store):
    begun = begin(agent="Firefox")

    came = sessions.recognise(begun.secret)

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", begun.secret)
    assert (came.actor.kind, came.actor.id, came.actor.via) == ("person", BEN, "session")
    assert came.session == begun.session
    told = str([entry.model_dump() for entry in store.entries()]) + repr(begun.session)
    assert begun.secret not in told
    assert begun.session.sha256 not in told
    assert form_token(begun.secret) not in told


@pytest.mark.parametrize(
    ("email", "scopes"),
    [(BEN, {"read", "decide"}), ("vera@acme.example", {"read", "decide"}),
     ("ada@acme.example", {"read", "decide", "admin"})],
)  # fmt: skip
def test_it_reaches_as_far_as_the_person_does_now(sessions, begin, people, email, scopes):
    secret = begin(email).secret

    assert sessions.recognise(secret).actor.scopes == scopes
    people.change(email, role="reviewer")
    assert sessions.recognise(secret).actor.scopes == {"read", "decide"}
    people.change(email, role="admin")
    assert sessions.recognise(secret).actor.scopes == {"read", "decide", "admin"}


@pytest.mark.parametrize("secret", ["", "A" * 43, "é" * 43, "A" * 44, "\0" * 43])
def test_an_unknown_secret_is_nobodys(sessions, begin, secret):
    begin()

    with pytest.raises(NotAuthenticated):
        sessions.recognise(secret)


def test_the_digest_of_a_secret_is_no_secret(sessions, begin):
    begun = begin()

    for guess in (begun.session.sha256[:43], begun.session.id, form_token(begun.secret)[:43]):
        with pytest.raises(NotAuthenticated):
            sessions.recognise(guess)


def test_it_ends_after_twelve_hours_without_a_request(sessions, begin, clock):
    secret = begin().secret

    for _ in range(3):
        clock.forward(IDLE.total_seconds() - 1)
        assert sessions.recognise(secret)
    clock.forward(IDLE.total_seconds())
    with pytest.raises(NotAuthenticated, match="some time"):
        sessions.recognise(secret)


def test_it_ends_after_seven_days_however_busy_it_is(sessions, begin, clock):
    secret = begin().secret
    hours = int(LONGEST.total_seconds() / 3_600)

    for _ in range(hours - 1):
        clock.forward(hours=1)
        assert sessions.recognise(secret)
    clock.forward(hours=1)

    with pytest.raises(NotAuthenticated, match="some time"):
        sessions.recognise(secret)


def test_its_use_is_noted_at_most_once_a_minute(sessions, begin, clock, store):
    begun = begin()

    def seen():
        with store.read() as transaction:
            return transaction.session(begun.session.sha256).seen_at

    clock.forward(59)
    sessions.recognise(begun.secret)
    assert seen() == begun.session.seen_at
    clock.forward(1)
    sessions.recognise(begun.secret)
    assert seen() == clock()


def test_a_look_that_is_no_use_keeps_no_session_alive(sessions, begin, clock):
    secret = begin().secret

    for _ in range(12):
        assert sessions.recognise(secret, used=False)
        clock.forward(hours=1)

    with pytest.raises(NotAuthenticated, match="some time"):
        sessions.recognise(secret)


def test_signing_in_ends_the_session_that_was_there_so_that_a_planted_one_opens_nothing(sessions, begin):
    planted = begin("cleo@acme.example")

    begun = begin(replaces=planted.secret)

    assert begun.secret != planted.secret
    assert sessions.recognise(begun.secret).person.email == BEN
    with pytest.raises(NotAuthenticated, match="ended"):
        sessions.recognise(planted.secret)


@pytest.mark.parametrize("replaces", ["", "A" * 43, "é\0"])
def test_a_planted_secret_that_is_none_of_ours_does_not_hinder(sessions, begin, replaces):
    assert sessions.recognise(begin(replaces=replaces).secret)


def test_a_disabled_person_is_shut_out_at_once_and_one_who_is_gone_is_nobody(sessions, begin, people):
    secret = begin().secret

    people.change(BEN, active=False)
    with pytest.raises(Disabled):
        sessions.recognise(secret)
    with pytest.raises(Disabled):
        begin()
    people.remove(BEN)
    with pytest.raises(NotAuthenticated):
        sessions.recognise(secret)


def test_one_sees_and_ends_ones_own_and_an_administrator_anybodys(sessions, begin, BEN, ANNA, ADA, VERA, events):
    mine, other, annas = begin(), begin(), begin("anna.berg@acme.example")

    assert {one.id for one in sessions.own(BEN)} == {mine.session.id, other.session.id}
    for who in (ANNA, VERA):
        with pytest.raises(NotFound):
            sessions.revoke(mine.session.id, who)
    sessions.revoke(mine.session.id.lower(), BEN)
    sessions.revoke(other.session.id, ADA)
    sessions.revoke(other.session.id, ADA)

    for secret in (mine.secret, other.secret):
        with pytest.raises(NotAuthenticated, match="was ended"):
            sessions.recognise(secret)
    assert sessions.recognise(annas.secret)
    assert events().count("session.ended") == 2
    assert [one.id for one in sessions.listed(ADA)] == [annas.session.id]


def test_all_of_ones_own_end_but_the_one_at_hand(sessions, begin, BEN, ANNA, ADA):
    kept, lost, annas = begin(), begin(), begin("anna.berg@acme.example")

    assert sessions.revoke_all("Ben@Acme.example", BEN, but=kept.session.id) == 1

    assert sessions.recognise(kept.secret)
    with pytest.raises(NotAuthenticated):
        sessions.recognise(lost.secret)
    with pytest.raises(NotPermitted):
        sessions.revoke_all("anna.berg@acme.example", BEN)
    assert sessions.recognise(annas.secret)
    assert sessions.revoke_all("anna.berg@acme.example", ADA) == 1


def test_only_an_administrator_lists_everybodys(sessions, begin, BEN, ROBOT):
    begin()

    for who in (BEN, ROBOT):
        with pytest.raises(NotPermitted):
            sessions.listed(who)
    assert sessions.own(ROBOT) == ()
    assert len(sessions.listed(SYSTEM)) == 1


def test_whether_anybody_ever_came_is_known(sessions, begin, clock):
    assert not sessions.ever()
    begin()
    clock.forward(days=8)
    assert sessions.ever()


def test_what_a_browser_calls_itself_is_kept_short_and_printable(begin):
    agent = begin(agent="Fire\x1b[31mfox\r\n" + "x" * 500).session.agent

    assert agent.startswith("Fire [31mfox")
    assert len(agent) <= 200
    assert agent.isprintable()
