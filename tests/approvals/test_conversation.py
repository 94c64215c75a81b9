"""What people do beside deciding."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.conversation import FURTHEST, LONGEST
from approvals.errors import CommentInvalid, NotActionable, NotAPerson, NotPermitted, OutOfScope, SnoozeInvalid
from approvals.filters import Filters
from approvals.lifecycle import State
from approvals.reading import Reading


def test_a_comment_stands_beside_the_request_and_in_the_record(service, open_request, events, ANNA, BEN):
    request = open_request()

    comment = service.comment(request.id, "  Is @ben sure of the price?  ", ANNA)

    assert (comment.place, comment.person, comment.text) == (1, "Anna.Berg@acme.example", "Is @ben sure of the price?")
    assert comment.mentions == ("ben@acme.example",)
    assert service.comments(request.id, BEN) == (comment,)
    assert events(request.id)[-1] == "request.commented"
    assert service.get(request.id).state is State.PENDING


def test_what_was_said_is_in_no_entry_of_the_record(service, store, open_request, ANNA):
    request = open_request()

    service.comment(request.id, "Xylophone @ben", ANNA)

    told = [str(entry) for entry in store.entries()]
    assert not any("Xylophone" in line or "ben@acme" in line for line in told)


def test_an_answered_request_can_be_spoken_of(service, open_request, ANNA, BEN):
    request = open_request()
    service.reject(request.id, ANNA, version=1, reason="no")

    assert service.comment(request.id, "Why?", BEN).place == 1


@pytest.mark.parametrize("text", ["", " \n ", "x" * (LONGEST + 1)])
def test_a_comment_needs_words_and_not_too_many(text, service, open_request, unchanged, ANNA):
    request = open_request()

    with unchanged(request), pytest.raises(CommentInvalid, match="text: "):
        service.comment(request.id, text, ANNA)


def test_who_may_not_see_a_request_says_nothing_beside_it(service, open_request, unchanged, OMAR, ROBOT, WORKER, GONE):
    request = open_request()

    for outsider in (OMAR, GONE):
        with unchanged(request), pytest.raises(NotPermitted):
            service.comment(request.id, "Hello", outsider)
    for machine in (ROBOT, WORKER):
        with unchanged(request), pytest.raises(NotAPerson):
            service.comment(request.id, "Hello", machine)


def test_a_token_that_only_reads_and_a_link_say_nothing(service, open_request, unchanged, ANNA):
    request = open_request()

    for limited in ({"scopes": frozenset({"read"})}, {"via": "link"}):
        with unchanged(request), pytest.raises(OutOfScope):
            service.comment(request.id, "Hello", ANNA.model_copy(update=limited))


def test_who_may_only_look_may_speak(service, open_request, VERA):
    request = open_request()

    assert service.comment(request.id, "Looks odd", VERA).person == "vera@acme.example"


def test_only_people_who_may_see_the_request_are_meant(service, open_request, ANNA):
    request = open_request()

    comment = service.comment(request.id, "@omar @gone @ada @nobody, look", ANNA)

    assert comment.mentions == ("ada@acme.example",)


# -- out of sight ------------------------------------------------------------------------------------------------


@pytest.fixture
def mine(service):
    """The ids that wait for somebody, and of those that they snoozed."""
    reading = Reading(service)

    def ids(by):
        return tuple({row.id for row in reading.listed(by, Filters(view=view)).rows} for view in ("mine", "snoozed"))

    return ids


def test_a_snoozed_request_is_out_of_sight_until_then_and_only_for_that_person(
    service, open_request, clock, mine, ANNA, BEN
):
    request = open_request()

    service.snooze(request.id, ANNA, clock() + timedelta(hours=2))

    assert mine(ANNA) == (set(), {request.id})
    assert mine(BEN) == ({request.id}, set())
    assert service.snoozed(request.id, ANNA).until == clock() + timedelta(hours=2)
    clock.forward(hours=2)
    assert mine(ANNA) == ({request.id}, set())
    assert service.snoozed(request.id, ANNA) is None


def test_a_new_version_or_a_comment_ends_a_snooze(service, open_request, clock, mine, ANNA, BEN):
    revised, spoken_of = open_request(), open_request()
    for request in (revised, spoken_of):
        service.snooze(request.id, ANNA, clock() + timedelta(hours=2))

    service.revise(revised.id, based_on={})
    service.comment(spoken_of.id, "Now?", BEN)

    assert mine(ANNA) == ({revised.id, spoken_of.id}, set())


def test_a_snooze_is_taken_back(service, open_request, clock, mine, ANNA):
    request = open_request()
    service.snooze(request.id, ANNA, clock() + timedelta(hours=2))

    service.unsnooze(request.id, ANNA)

    assert mine(ANNA) == ({request.id}, set())


@pytest.mark.parametrize("away", [timedelta(0), timedelta(seconds=-1), FURTHEST + timedelta(seconds=1)])
def test_a_snooze_needs_a_time_to_come(away, service, open_request, clock, unchanged, ANNA):
    request = open_request()

    with unchanged(request), pytest.raises(SnoozeInvalid, match="until: "):
        service.snooze(request.id, ANNA, clock() + away)


def test_what_is_answered_cannot_be_snoozed(service, open_request, clock, ANNA, BEN):
    request = open_request()
    service.reject(request.id, ANNA, version=1, reason="no")

    with pytest.raises(NotActionable):
        service.snooze(request.id, BEN, clock() + timedelta(hours=1))


def test_a_snooze_changes_no_deadline(service, open_request, clock, deadlines, ANNA):
    request = open_request({"due": 60})
    service.snooze(request.id, ANNA, clock() + timedelta(hours=2))

    clock.forward(60)
    deadlines.lapse_all()

    assert service.get(request.id).state is State.EXPIRED
