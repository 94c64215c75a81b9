"""Sign-in links."""

from __future__ import annotations

import re

import pytest

from approvals.decisions import SYSTEM
from approvals.errors import ApprovalError, Disabled, NotFound, NotPermitted, TicketSpent
from approvals.tickets import Tickets

BEN = "ben@acme.example"


@pytest.fixture
def tickets(store, people, clock):
    return Tickets(store, people, clock)


def test_a_link_signs_its_person_in_once(tickets, events):
    made = tickets.make("BEN@acme.example", SYSTEM)

    assert re.fullmatch(r"/login/[A-Za-z0-9_-]{43}", made.path)
    assert tickets.use(made.secret).email == BEN
    for again in (tickets.use, tickets.whose):
        with pytest.raises(TicketSpent):
            again(made.secret)
    assert events() == ["link.made", "link.used"]


def test_looking_at_a_link_uses_nothing_up(tickets, events):
    made = tickets.make(BEN, SYSTEM)

    for _ in range(20):
        assert tickets.whose(made.secret).email == BEN

    assert events() == ["link.made"]
    assert tickets.use(made.secret).email == BEN


def test_a_link_ends_in_time_and_when_a_newer_one_is_made(tickets, clock):
    first = tickets.make(BEN, SYSTEM, hours=2)
    second = tickets.make(BEN, SYSTEM, hours=2)

    with pytest.raises(TicketSpent):
        tickets.use(first.secret)
    clock.forward(hours=2, seconds=-1)
    assert tickets.whose(second.secret).email == BEN
    clock.forward(1)
    with pytest.raises(TicketSpent):
        tickets.use(second.secret)


@pytest.mark.parametrize("secret", ["", "A" * 43, "A" * 44, "é" * 43, "../" * 14 + "A", "\0" * 43])
def test_an_unknown_link_is_refused_like_a_used_one(tickets, secret):
    tickets.make(BEN, SYSTEM)

    with pytest.raises(TicketSpent):
        tickets.use(secret)


def test_the_digest_of_a_secret_is_no_secret(tickets):
    made = tickets.make(BEN, SYSTEM)

    with pytest.raises(TicketSpent):
        tickets.use(made.ticket.sha256[:43])


def test_somebody_disabled_or_gone_in_between_is_not_let_in(tickets, people):
    made = tickets.make(BEN, SYSTEM)

    people.change(BEN, active=False)
    with pytest.raises(Disabled):
        tickets.use(made.secret)
    people.remove(BEN)
    with pytest.raises(TicketSpent):
        tickets.use(made.secret)


def test_only_administrators_make_them_and_only_for_people_with_an_account(tickets, ADA, ANNA, VERA, ROBOT, WORKER):
    for who in (ANNA, VERA, ROBOT, WORKER, ADA.model_copy(update={"via": "token"})):
        with pytest.raises(NotPermitted):
            tickets.make(BEN, who)
    with pytest.raises(NotFound):
        tickets.make("eve@elsewhere.example", ADA)
    with pytest.raises(Disabled):
        tickets.make("gone@acme.example", ADA)
    for hours in (0, 73):
        with pytest.raises(ApprovalError, match="1 to 72 hours"):
            tickets.make(BEN, ADA, hours=hours)

    assert tickets.use(tickets.make(BEN, ADA).secret).email == BEN


def test_the_record_says_who_made_it_for_whom_and_holds_no_secret(tickets, store, ADA):
    made = tickets.make(BEN, ADA)
    tickets.use(made.secret)

    entries = [entry.event for entry in store.entries()]

    assert [(one.name, one.actor, one.via) for one in entries] == [
        ("link.made", "ada@acme.example", "session"),
        ("link.used", BEN, "link"),
    ]
    assert entries[0].details["person"] == BEN
    told = str([one.model_dump() for one in entries]) + repr(made.ticket)
    assert made.secret not in told
    assert made.ticket.sha256 not in told
