"""Everybody at once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from approvals.ports import Person
from approvals.web.answering import Answering

CLIENTS, REQUESTS = 20, 50


@pytest.fixture
def crowd(people, call):
    """Twenty reviewers."""
    emails = [f"reviewer{number}@acme.example" for number in range(CLIENTS)]
    people._people.update({email: Person(email=email, groups=("sales",)) for email in emails})
    return [call(email) for email in emails]


def test_a_storm_of_verdicts_decides_each_request_exactly_once(crowd, open_request, events, service):
    requests = [open_request() for _ in range(REQUESTS)]
    verdicts = [{"kind": "approve"}, {"kind": "reject", "reason": "No."}, {"kind": "return", "feedback": "Again."}]
    start = threading.Barrier(CLIENTS)

    def decide_all(number):
        start.wait()
        mine = requests[number:] + requests[:number] if number % 2 else requests
        return [(one.id, crowd[number].decide(one, verdicts[number % 3])) for one in mine]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [answer for answered in pool.map(decide_all, range(CLIENTS)) for answer in answered]

    statuses = Counter(response.status_code for _, response in answers)
    won = Counter(request_id for request_id, response in answers if response.status_code == 200)
    assert statuses == {200: REQUESTS, 409: (CLIENTS - 1) * REQUESTS}
    assert won == Counter(request.id for request in requests)
    for request in requests:
        assert [name for name in events(request.id) if name != "request.opened"] == [
            f"request.{service.get(request.id).state}"
        ]
    losers = [response.json() for _, response in answers if response.status_code == 409]
    assert all("@acme.example has" in loser["detail"] for loser in losers)


def test_the_same_call_sent_many_times_at_once_decides_once_and_answers_alike(ben, open_request, events):
    request = open_request()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ben.decide(request, {"kind": "approve"}, Idempotency_Key="k1"), range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert events(request.id).count("request.approved") == 1


def test_the_same_call_in_two_server_processes_answers_alike(approvals, open_request, BEN, clock):
    """Two processes share the store and no lock: the later one waits until the first has remembered."""
    request = open_request()
    first, second = (Answering(approvals.store, clock) for _ in range(2))
    decided = threading.Event()

    def act():
        approvals.service.approve(request.id, BEN, version=1)
        decided.set()
        return "the answer"

    def act_again():
        decided.wait()
        approvals.service.approve(request.id, BEN, version=1)
        return "never"

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first.once, "k1", BEN, "body", act)
        other = pool.submit(second.once, "k1", BEN, "body", act_again)
        remembered = [one.result(), other.result()]

    assert [answer.text for answer in remembered] == ["the answer", "the answer"]
    assert [answer.repeated for answer in remembered] == [False, True]
