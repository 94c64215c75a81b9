"""Asking for what was done to be taken back: who may, for what, and that asking twice starts one run."""

from __future__ import annotations

import json

import pytest

from approvals.errors import (
    NotACandidate,
    NotAPerson,
    NotFound,
    NotPermitted,
    NotRevertible,
    OutOfScope,
    PolicyError,
    RunsUnavailable,
)
from approvals.reverts import ASKED, Reverts, Way

RECEIPT = {"applied": [{"index": 0, "outcome": "written", "record": "company co:1", "detail": ""}]}


def test_a_run_is_started_that_is_told_what_was_signed_and_what_was_done(reverts, starter, done, events, CLEO):
    request = done(RECEIPT)

    run = reverts.ask(request.id, CLEO)

    (started,) = starter.started.values()
    assert run.id == f"run of revert:{request.id}:0"
    assert (started["deployment"], started["by"]) == ("revert/revert", CLEO.id)
    assert started["done"] == [
        {"request": request.id, "document": json.loads(request.ruling.document), "receipt": RECEIPT}
    ]
    assert events(request.id)[-1] == ASKED
    assert [one.by for one in reverts.asked(request.id)] == [CLEO.id]


def test_asking_again_while_it_goes_on_answers_with_the_same_run(reverts, starter, done, CLEO, BEN):
    request = done(RECEIPT)
    first = reverts.ask(request.id, CLEO)

    again = reverts.ask(request.id, BEN)

    assert again == first
    assert len(starter.started) == 1
    assert [one.by for one in reverts.asked(request.id)] == [CLEO.id, BEN.id]


def test_where_the_last_run_has_ended_another_is_started(reverts, starter, done, CLEO):
    request = done(RECEIPT)
    reverts.ask(request.id, CLEO)
    starter.ended |= set(starter.started)

    reverts.ask(request.id, CLEO)

    assert list(starter.started) == [f"revert:{request.id}:0", f"revert:{request.id}:1"]


def test_a_run_is_taken_back_as_a_whole_the_oldest_first(reverts, starter, done, clock, CLEO):
    first = done(RECEIPT)
    clock.forward(60)
    second = done({"receipt": RECEIPT, "remaining": None})

    reverts.ask(first.run.id, CLEO)

    (started,) = starter.started.values()
    assert [one["request"] for one in started["done"]] == [first.id, second.id]


def test_that_it_was_asked_for_stands_in_the_record_though_prefect_is_away(reverts, starter, done, events, CLEO):
    request = done(RECEIPT)
    starter.away = True

    with pytest.raises(RunsUnavailable):
        reverts.ask(request.id, CLEO)

    assert events(request.id)[-1] == ASKED


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("OMAR", NotACandidate),
        ("VERA", NotACandidate),
        ("GONE", NotPermitted),
        ("ROBOT", NotAPerson),
        ("WORKER", NotAPerson),
    ],
)
def test_whoever_may_not_ask_is_refused_and_nothing_is_started(reverts, starter, done, unchanged, request, who, error):
    asked = done(RECEIPT)

    with unchanged(asked), pytest.raises(error):
        reverts.ask(asked.id, request.getfixturevalue(who))

    assert not reverts.chance(asked, request.getfixturevalue(who)).may
    assert starter.started == {}


def test_a_link_asks_for_nothing(reverts, starter, done, BEN):
    request = done(RECEIPT)
    linked = BEN.model_copy(update={"via": "link"})

    with pytest.raises(OutOfScope):
        reverts.ask(request.id, linked)

    assert starter.started == {}


def test_whoever_alone_could_sign_it_may_not_ask(reverts, starter, done, policies, people, CLEO):
    request = done(RECEIPT)
    policies.set("undo", groups=("lonely",))
    people.change(CLEO.id, groups=("sales", "lonely"))

    with pytest.raises(PolicyError, match="who may besides the requester"):
        reverts.ask(request.id, CLEO)

    chance = reverts.chance(request, CLEO)
    assert not chance.may
    assert "who may besides the requester" in chance.obstacle
    assert starter.started == {}


def test_what_was_signed_and_not_done_yet_is_not_taken_back(reverts, open_request, service, BEN, CLEO):
    request = open_request()
    service.approve(request.id, BEN, version=1, recall=0)

    with pytest.raises(NotRevertible, match="Nothing was carried out"):
        reverts.ask(request.id, CLEO)

    assert not reverts.chance(service.get(request.id), CLEO).may


def test_an_action_without_a_way_back_is_not_taken_back(ledger, service, policies, starter, done, CLEO):
    reverts = Reverts(ledger, service.authority, policies, {"crm.update": Way("revert/revert", "undo")}, starter)
    request = done(RECEIPT)

    with pytest.raises(NotRevertible, match=r"not of a kind that is taken back \(crm.update\)"):
        reverts.ask(request.id, CLEO)

    assert not reverts.chance(request, CLEO).may


def test_what_nobody_knows_is_not_found(reverts, CLEO):
    with pytest.raises(NotFound, match="no request and no run 'NOBODYSONE'"):
        reverts.ask("NOBODYSONE", CLEO)


def test_a_queue_that_starts_no_runs_says_so(ledger, service, policies, done, CLEO):
    policies.set("undo", groups=("sales",))
    reverts = Reverts(ledger, service.authority, policies, {"offer.send": Way("revert/revert", "undo")}, None)
    request = done(RECEIPT)

    with pytest.raises(NotRevertible, match="without Prefect"):
        reverts.ask(request.id, CLEO)

    assert not reverts.chance(request, CLEO).may
