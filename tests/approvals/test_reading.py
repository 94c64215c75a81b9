"""What somebody finds in the queue."""

from __future__ import annotations

import pytest

from approvals.decisions import SYSTEM
from approvals.errors import Disabled, NotACandidate, NotAPerson, NotFound, OutOfScope
from approvals.lifecycle import State
from approvals.reading import Reading


@pytest.fixture
def reading(service):
    return Reading(service)


def ids(page):
    return {request.id for request in page.requests}


def test_everybody_lists_only_what_they_may_read(reading, open_request, service, people, ANNA, OMAR, ADA, VERA, RITA):
    mine, other = open_request(), open_request({"groups": ("finance",)})

    assert ids(reading.page(ANNA)) == {mine.id}
    assert ids(reading.page(OMAR)) == {other.id}
    assert ids(reading.page(RITA, requester="RITA@acme.example".lower())) == {mine.id, other.id}
    for who in (ADA, VERA, SYSTEM):
        assert ids(reading.page(who)) == {mine.id, other.id}
    for who in (ANNA, OMAR, RITA, ADA, VERA):
        for request in reading.page(who).requests:
            assert service.authority.may_read(request, who)


def test_mine_is_open_and_my_turn(reading, open_request, service, ANNA, BEN, DORA):
    waiting, done = open_request(), open_request()
    escalated = open_request({"on_timeout": "escalate", "escalate_to": ("managers",)})
    service.reject(done.id, BEN, version=1, reason="No.")
    service.escalate(escalated.id)

    assert ids(reading.page(ANNA, mine=True)) == {waiting.id}
    assert ids(reading.page(DORA, mine=True)) == {escalated.id}
    assert ids(reading.page(ANNA, mine=True, states=frozenset({State.REJECTED}))) == set()


def test_who_asks_for_anothers_requests_gets_only_those_of_their_own_groups(reading, open_request, ANNA):
    mine = open_request()
    open_request({"groups": ("finance",)})

    page = reading.page(ANNA, requester="rita@acme.example")

    assert (ids(page), page.total) == ({mine.id}, 1)


def test_who_reads_nothing_is_told_so_whatever_they_ask_for(reading, open_request, ROBOT, GONE, ANNA):
    request = open_request()
    unknown = ANNA.model_copy(update={"id": "eve@elsewhere.example"})
    unscoped = ANNA.model_copy(update={"scopes": frozenset({"decide"})})

    for who, refusal in ((ROBOT, OutOfScope), (GONE, Disabled), (unknown, NotACandidate), (unscoped, OutOfScope)):
        for look in (
            lambda who=who: reading.page(who),
            lambda who=who: reading.visible(request.id, who),
            lambda who=who: reading.visible("ZZZZZZZZZZ", who),
            lambda who=who: reading.found("Z", who),
        ):
            with pytest.raises(refusal):
                look()


def test_what_does_not_concern_somebody_does_not_exist_for_them(reading, open_request, OMAR):
    request = open_request()

    with pytest.raises(NotFound) as hidden:
        reading.visible(request.id, OMAR)
    with pytest.raises(NotFound) as unknown:
        reading.visible("ZZZZZZZZZZ", OMAR)

    assert str(hidden.value).replace(request.id, "ZZZZZZZZZZ") == str(unknown.value)


def test_a_request_is_found_by_how_its_id_begins(reading, open_request, OMAR, ANNA):
    request = open_request()

    assert reading.found(f" {request.id[:7].lower()} ", ANNA) == request
    for beginning in ("", request.id + "0"):
        with pytest.raises(NotFound):
            reading.found(beginning, ANNA)
    with pytest.raises(NotFound):
        reading.found(request.id[:7], OMAR)


def test_another_persons_request_does_not_make_a_beginning_ambiguous(reading, open_request, OMAR, ANNA):
    mine = open_request({"groups": ("finance",)})
    others = [open_request() for _ in range(40)]

    assert reading.found(mine.id[0], OMAR) == mine
    assert len(others) == 40


@pytest.mark.parametrize("who", ["ROBOT", "WORKER"])
def test_nothing_but_people_acts(reading, request, who):
    with pytest.raises(NotAPerson):
        reading.check_acts(request.getfixturevalue(who))
