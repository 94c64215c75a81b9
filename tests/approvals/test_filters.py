"""What an address says of a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.errors import FiltersInvalid
from approvals.filters import VIEWS, Filters
from approvals.reading import Reading


def test_an_address_narrows_by_what_it_names_and_ignores_the_rest():
    filters = Filters.read("view=all&gate=proposal&q=halden&risk=high&utm_source=mail&text=x&sort=")

    assert filters == Filters(view="all", gate="proposal", text="halden", risk="high")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("view=other", "view: it is one of mine, all"),
        ("view=group:../x", "view: it is one of mine"),
        ("sort=random", "sort: it is one of due, newest, value, decided"),
        ("risk=1", "risk: it is one of low, medium, high"),
        (f"q={'x' * 201}", "q: "),
    ],
)
def test_a_value_that_a_filter_has_not_is_refused_by_name(query, told):
    with pytest.raises(FiltersInvalid, match=told):
        Filters.read(query)


@given(st.builds(Filters, view=st.sampled_from([*VIEWS, "group:legal"]), gate=st.none() | st.just("a b&c=d")))
def test_what_is_written_into_an_address_is_read_back(filters):
    assert Filters.read(filters.query()) == filters


def test_a_change_keeps_the_rest():
    assert Filters(view="all", gate="x").query(text="y", gate=None) == "view=all&q=y"


# -- what they mean ----------------------------------------------------------------------------------------------


@pytest.fixture
def seen(service):
    """Titles that somebody finds in a view; its count must agree."""
    reading = Reading(service)

    def titles(by, view):
        page = reading.listed(by, Filters(view=view))
        assert reading.counts(by, [view]) == {view: page.total} == {view: len(page.rows)}
        return {row.title for row in page.rows}

    return titles


def test_mine_is_what_i_may_decide_now(service, open_request, seen, ANNA, BEN, RITA, VERA, ADA, OMAR):
    open_request(title="asked by rita")
    open_request({"separation_of_duties": False}, title="not apart")
    twice = open_request({"quorum": 2}, title="two sign")
    service.approve(twice.id, ANNA, version=1)

    assert seen(ANNA, "mine") == {"asked by rita", "not apart"}
    assert seen(BEN, "mine") == {"asked by rita", "not apart", "two sign"}
    assert seen(RITA, "mine") == {"not apart"}
    for onlooker in (VERA, ADA, OMAR):
        assert seen(onlooker, "mine") == set()
    assert seen(VERA, "all") == seen(ADA, "all") == {"asked by rita", "not apart", "two sign"}
    assert seen(OMAR, "all") == set()


def test_others_is_what_i_signed_or_asked_for_and_is_not_answered(service, open_request, seen, ANNA, RITA, OMAR):
    twice = open_request({"quorum": 2}, title="two sign")
    open_request(title="one signs", requester="omar@acme.example")
    service.approve(twice.id, ANNA, version=1)

    assert seen(ANNA, "others") == {"two sign"}
    assert seen(RITA, "others") == {"two sign"}
    assert seen(OMAR, "others") == {"one signs"}


def test_a_groups_view_is_for_its_members_and_for_who_sees_everything(open_request, seen, BEN, ANNA, ADA):
    open_request({"groups": ("legal",)}, title="clause")

    assert seen(BEN, "group:legal") == {"clause"}
    assert seen(ADA, "group:legal") == {"clause"}
    assert seen(ANNA, "group:legal") == set()


def test_decided_is_what_was_answered_however(service, open_request, seen, ANNA):
    for title, act in {
        "yes": lambda one: service.approve(one.id, ANNA, version=1),
        "no": lambda one: service.reject(one.id, ANNA, version=1, reason="no"),
        "gone": lambda one: service.withdraw(one.id, "the run ended"),
        "open": lambda one: None,
    }.items():
        act(open_request(title=title))

    assert seen(ANNA, "decided") == {"yes", "no", "gone"}
    assert seen(ANNA, "all") == {"open"}


def test_high_is_what_nobody_decides_in_passing(open_request, seen, ANNA):
    open_request({"risk": "high"}, title="careful")
    open_request(title="usual")

    assert seen(ANNA, "high") == {"careful"}
