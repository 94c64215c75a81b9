"""The figures, against a count by hand."""

from __future__ import annotations

from statistics import median

import pytest

from approvals.lifecycle import State
from approvals.metrics import Median, Metrics, Share
from approvals.requests import Flag


@pytest.fixture
def metrics(store, clock):
    return Metrics(store, clock)


def test_an_empty_queue_has_no_median(metrics):
    figures = metrics.figures()

    assert figures.requests == 0
    assert figures.seconds_to_decision == Median(value=None, n=0)
    assert figures.accepted_as_is == Share(count=0, n=0)


def test_thirty_decisions_are_counted_as_by_hand(metrics, service, open_request, make_offer, clock, BEN):
    hand = {"accepted": 0, "edited": 0, "returned": 0, "rejected": 0}
    waits = []
    for number in range(30):
        request = open_request()
        wait = 60 * (number * 7 % 30 + 1)
        clock.forward(wait)
        waits.append(wait)
        outcome = ("accepted", "accepted", "edited", "returned", "rejected")[number % 5]
        hand[outcome] += 1
        match outcome:
            case "accepted":
                service.approve(request.id, BEN, version=1)
            case "edited":
                service.approve(request.id, BEN, version=1, edited=make_offer(title="Better"))
            case "returned":
                service.send_back(request.id, BEN, version=1, feedback="Again.")
            case "rejected":
                service.reject(request.id, BEN, version=1, reason="No.")

    figures = metrics.figures()

    assert figures.seconds_to_decision == Median(value=median(waits), n=30)
    assert figures.accepted_as_is == Share(count=hand["accepted"], n=30)
    assert figures.edited == Share(count=hand["edited"], n=30)
    assert figures.returned == Share(count=hand["returned"], n=30)
    assert figures.rejected == Share(count=hand["rejected"], n=30)
    assert figures.by_state[State.APPROVED] == hand["accepted"] + hand["edited"]


def test_what_no_person_decided_is_nobodys_decision(metrics, service, deadlines, open_request, clock, RITA):
    open_request({"ask_when": "flagged"})
    withdrawn, expired = open_request(), open_request()
    service.withdraw(withdrawn.id, "No need.", RITA)
    clock.forward(days=4)
    deadlines.lapse(expired.id)

    figures = metrics.figures()

    assert figures.seconds_to_decision.n == 0
    assert figures.let_through == Share(count=1, n=3)
    assert {state: count for state, count in figures.by_state.items() if count} == {
        State.APPROVED: 1,
        State.WITHDRAWN: 1,
        State.EXPIRED: 1,
    }


def test_a_decision_that_was_taken_back_does_not_count(metrics, service, open_request, BEN):
    request = open_request()
    service.approve(request.id, BEN, version=1, recall=8)
    service.recall(request.id, BEN)

    figures = metrics.figures()

    assert (figures.accepted_as_is, figures.by_state[State.PENDING]) == (Share(count=0, n=0), 1)


def test_open_requests_past_their_deadline_are_overdue(metrics, open_request, clock):
    open_request(flags=(Flag(code="x", message="look"),))
    assert metrics.figures().overdue == 0

    clock.forward(days=3)

    assert metrics.figures().overdue == 1
    assert metrics.waiting() == 1


def test_a_day_can_be_given_to_begin_from(metrics, open_request, clock):
    open_request()
    clock.forward(days=1)
    since = clock()
    open_request()

    assert metrics.figures(since=since).requests == 1
