"""Several requests at once."""

from __future__ import annotations

import pytest

from approvals.bulk import MOST, Bulk, Item
from approvals.errors import NotAPerson, TooManyAtOnce
from approvals.lifecycle import State
from approvals.requests import Flag


@pytest.fixture
def bulk(service):
    return Bulk(service)


def items(*requests):
    return [Item(id=request.id, version=request.version) for request in requests]


def test_what_has_nothing_to_look_at_is_approved_and_the_rest_is_named_and_stays(
    bulk, service, open_request, make_offer, ANNA
):
    plain = open_request(title="plain")
    flagged = open_request(title="flagged", flags=(Flag(code="odd", message="odd"),))
    high = open_request(title="high", flags=(Flag(code="bad", message="bad", severity="high"),))
    by_policy = open_request({"risk": "high"}, title="by policy")
    claims = [{"id": "c1", "text": "Northwind runs 900 shops."}]
    unsupported = open_request(title="unsupported", document=make_offer(claims=claims))

    outcome = bulk.approve(items(plain, flagged, high, by_policy, unsupported), ANNA)

    assert [one.title for one in outcome.approved] == ["plain"]
    assert {one.title: one.reason for one in outcome.skipped} == {
        "flagged": "There is 1 thing to look at: open it and decide.",
        "high": "It is high risk: open it and decide on it alone.",
        "by policy": "It is high risk: open it and decide on it alone.",
        "unsupported": "There is 1 thing to look at: open it and decide.",
    }
    states = {one.title: service.get(one.id).state for one in (plain, flagged, high, by_policy, unsupported)}
    assert states.pop("plain") is State.APPROVED
    assert set(states.values()) == {State.PENDING}


def test_each_refusal_stands_for_its_request_alone(bulk, service, open_request, ANNA, BEN):
    decided, claimed, stale, mine, plain = (open_request(title=str(number)) for number in range(5))
    own = open_request(title="own", requester="anna.berg@acme.example")
    service.reject(decided.id, BEN, version=1, reason="no")
    service.claim(claimed.id, BEN)
    service.revise(stale.id, based_on={})

    outcome = bulk.approve(
        [*items(decided, claimed, own, mine, plain, plain), Item(id=stale.id, version=1), Item(id="NOPE", version=1)],
        ANNA,
    )

    assert [one.title for one in outcome.approved] == ["3", "4"]
    reasons = {one.id: one.reason for one in outcome.skipped}
    assert "ben@acme.example has rejected" in reasons[decided.id]
    assert "ben@acme.example is working on" in reasons[claimed.id]
    assert "you opened" in reasons[own.id] or "themselves" in reasons[own.id]
    assert "version 2 has replaced it" in reasons[stale.id]
    assert "There is no request" in reasons["NOPE"]


def test_many_are_approved_in_the_order_they_were_picked(bulk, service, open_request, ANNA):
    picked = [open_request(title=f"{number:02}") for number in range(30)]

    outcome = bulk.approve(items(*reversed(picked)), ANNA)

    assert [one.title for one in outcome.approved] == [f"{number:02}" for number in reversed(range(30))]
    assert {service.get(one.id).state for one in picked} == {State.APPROVED}
    assert outcome.skipped == ()


def test_one_that_is_refused_keeps_no_other_from_being_approved(bulk, service, open_request, ANNA, BEN):
    first, claimed, last = (open_request(title=title) for title in ("first", "claimed", "last"))
    service.claim(claimed.id, BEN)

    outcome = bulk.approve(items(first, claimed, last), ANNA)

    assert [one.title for one in outcome.approved] == ["first", "last"]
    assert [one.id for one in outcome.skipped] == [claimed.id]


def test_what_an_outsider_may_not_see_looks_like_nothing(bulk, open_request, OMAR):
    request = open_request()

    outcome = bulk.approve(items(request), OMAR)

    assert outcome.approved == ()
    assert [(one.title, one.reason) for one in outcome.skipped] == [("", f"There is no request {request.id!r}.")]


def test_a_machine_approves_nothing(bulk, open_request, unchanged, ROBOT, WORKER):
    request = open_request()

    for machine in (ROBOT, WORKER):
        with unchanged(request), pytest.raises(NotAPerson):
            bulk.approve(items(request), machine)


def test_there_is_a_most(bulk, ANNA):
    with pytest.raises(TooManyAtOnce, match="201"):
        bulk.approve([Item(id=str(number), version=1) for number in range(MOST + 1)], ANNA)


def test_all_are_taken_back_as_one_and_what_took_effect_stays(bulk, service, open_request, clock, ANNA):
    early, first, second = open_request(), open_request(), open_request()
    bulk.approve(items(early), ANNA, recall=8)
    clock.forward(5)
    outcome = bulk.approve(items(first, second), ANNA, recall=8)
    clock.forward(4)

    back = bulk.recall([early.id, *(one.id for one in outcome.approved)], ANNA)

    assert [one.id for one in back.approved] == [first.id, second.id]
    assert [one.id for one in back.skipped] == [early.id]
    assert service.get(first.id).state is State.PENDING
    assert service.get(early.id).state is State.APPROVED


def test_a_sign_off_that_does_not_suffice_says_so(bulk, open_request, ANNA):
    request = open_request({"quorum": 2})

    outcome = bulk.approve(items(request), ANNA)

    assert [(one.state, one.effective_at) for one in outcome.approved] == [("pending", None)]


def test_undo_clicked_twice_is_undone_once(bulk, service, open_request, ANNA, BEN):
    mine, theirs = open_request(title="mine"), open_request(title="theirs")
    bulk.approve(items(mine), ANNA, recall=8)
    service.approve(theirs.id, BEN, version=1, recall=8)
    service.recall(theirs.id, BEN)

    first, again = bulk.recall([mine.id], ANNA), bulk.recall([mine.id, theirs.id], ANNA)

    assert [one.id for one in first.approved] == [one.id for one in again.approved] == [mine.id]
    assert [one.id for one in again.skipped] == [theirs.id]
    assert [ruling.recalled for ruling in service.history(mine.id).rulings] == [True]
