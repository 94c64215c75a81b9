"""Lists, leases and what is due, on every store: one predicate for a page and for its count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.errors import NotFound
from approvals.lifecycle import OPEN, Action, State
from approvals.ports import Wanted
from approvals.requests import Identity, RunReference

EVERYTHING = Wanted()


def ids(store, wanted=EVERYTHING, limit=50):
    """The ids of one page, which must be as many as its total says."""
    with store.read() as transaction:
        page = transaction.page(wanted, limit=limit)
    found = [request.id for request in page.requests]
    assert page.total == len(found)
    return found


# -- pages -------------------------------------------------------------------------------------------------------


def test_pages_run_soonest_due_first_and_meet_without_gap_or_overlap(store, made, opened):
    for number in range(23):
        opened(store, f"R{number:02}", due_at=made.now + timedelta(hours=number % 5))

    shown, after, totals = [], None, set()
    with store.read() as transaction:
        while True:
            page = transaction.page(EVERYTHING, limit=5, after=after)
            shown += [(request.due_at, request.id) for request in page.requests]
            totals.add(page.total)
            if page.next is None:
                break
            after = page.next

    assert shown == sorted(shown)
    assert len(set(shown)) == 23
    assert totals == {23}


def test_a_page_that_is_exactly_full_has_no_next(store, opened):
    opened(store, "A")
    opened(store, "B")

    with store.read() as transaction:
        assert transaction.page(EVERYTHING, limit=2).next is None
        assert transaction.page(EVERYTHING, limit=1).next is not None
        assert transaction.page(Wanted(gate="none"), limit=1).requests == ()


def test_a_page_goes_on_where_it_was_although_requests_came_and_went(store, made, opened):
    for number in "ABCD":
        opened(store, number)
    with store.read() as transaction:
        first = transaction.page(EVERYTHING, limit=2)

    opened(store, "0", due_at=made.now)
    with store.begin() as transaction:
        request = transaction.request("A")
        transaction.change(request, request.model_copy(update={"due_at": made.now}), Action.REVISE)
        transaction.record(made.event())

    with store.read() as transaction:
        second = transaction.page(EVERYTHING, limit=2, after=first.next)
    assert [request.id for request in second.requests] == ["C", "D"]


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "eyJhIjoxfQ", "WzEsMl0", "%%%", "\0"])
def test_a_place_that_is_none_is_not_found(cursor, store):
    with pytest.raises(NotFound, match="no page"), store.read() as transaction:
        transaction.page(EVERYTHING, limit=5, after=cursor)


def test_states_gates_runs_and_requesters_narrow_the_list(store, opened):
    opened(store, "A", state=State.CLAIMED, requester="ben")
    opened(store, "B", identity=Identity(run="run-2", gate="brief", key="k"))
    opened(store, "C", state=State.EXPIRED)

    assert ids(store) == ["A", "B", "C"]
    assert ids(store, Wanted(states=OPEN)) == ["A", "B"]
    assert ids(store, Wanted(states=frozenset({State.EXPIRED, State.CLAIMED}))) == ["A", "C"]
    assert ids(store, Wanted(states=frozenset())) == []
    assert ids(store, Wanted(gate="brief")) == ["B"]
    assert ids(store, Wanted(run="run-1", states=OPEN)) == ["A"]
    assert ids(store, Wanted(requester="ben")) == ["A"]
    assert ids(store, Wanted(requester="be")) == []


def test_it_is_the_turn_of_the_policys_groups_and_after_an_escalation_of_others(store, made, opened):
    policy = made.policy(groups=("sales", "legal"), escalate_to=("managers",), on_timeout="escalate")
    opened(store, "A", policy=policy)
    opened(store, "B", policy=policy, escalated=True)
    opened(store, "C", policy=made.policy(groups=("sales_eu",)))

    assert ids(store, Wanted(groups=frozenset({"legal"}))) == ["A"]
    assert ids(store, Wanted(groups=frozenset({"sales"}))) == ["A"]
    assert ids(store, Wanted(groups=frozenset({"managers", "sales_eu"}))) == ["B", "C"]
    assert ids(store, Wanted(groups=frozenset({"sales-eu", "sale", "%", "", "Legal", "legal|sales"}))) == []
    assert ids(store, Wanted(groups=frozenset())) == []

    with store.begin() as transaction:
        request = transaction.request("A")
        transaction.change(request, request.model_copy(update={"escalated": True}), Action.ESCALATE)
        transaction.record(made.event())
    assert ids(store, Wanted(groups=frozenset({"managers"}))) == ["A", "B"]
    assert ids(store, Wanted(groups=frozenset({"sales"}))) == []


def test_text_is_found_in_title_and_summary_in_any_case_and_letter_for_letter(store, opened):
    opened(store, "A", title="Größe: 100% ÜBER_plan", summary="")
    opened(store, "B", title="x", summary="Offer \\ for 'Northwind'; DROP TABLE")

    assert ids(store, Wanted(text="über_PLAN")) == ["A"]
    assert ids(store, Wanted(text="GRÖSSE")) == ["A"]
    assert ids(store, Wanted(text=" 100% ")) == ["A"]
    assert ids(store, Wanted(text="northWIND'; drop")) == ["B"]
    assert ids(store, Wanted(text="r \\ F")) == ["B"]
    for nowhere in ("über%plan", "ÜBER plan", "_%", "10%", "sales"):
        assert ids(store, Wanted(text=nowhere)) == []
    for anything in ("", "  "):
        assert ids(store, Wanted(text=anything)) == ["A", "B"]


# -- what is due -------------------------------------------------------------------------------------------------


def test_open_requests_past_their_deadline_are_overdue_oldest_first(store, made, opened):
    for number, (hours, state) in {
        "A": (3, State.PENDING),
        "B": (1, State.CLAIMED),
        "C": (2, State.APPROVED),
        "D": (4, State.PENDING),
    }.items():
        opened(store, number, due_at=made.now + timedelta(hours=hours), state=state)

    with store.read() as transaction:
        at_three = made.now + timedelta(hours=3)
        assert transaction.overdue(at_three, 10) == ("B", "A")
        assert transaction.overdue(at_three, 1) == ("B",)
        assert transaction.overdue(at_three - timedelta(microseconds=1), 10) == ("B",)


def test_an_answer_that_counts_and_was_not_taken_up_is_to_be_told(store, made, opened):
    def answer(number: str, wake: int | None, effective: int | None, taken: int | None = None) -> None:
        at = {None: None, **{second: made.now + timedelta(seconds=second) for second in range(-9, 9)}}
        opened(
            store,
            number,
            state=State.APPROVED,
            wake_since=at[wake],
            effective_at=at[effective],
            taken_up_at=at[taken],
        )

    answer("later", 1, 0)
    answer("earlier", -3, -1)
    answer("not yet", -5, 1)
    answer("taken", -5, -5, -4)
    answer("never asked", None, -5)
    opened(store, "open")

    with store.read() as transaction:
        assert [request.id for request in transaction.to_wake(made.now, 10)] == ["earlier", "later"]
        first = transaction.to_wake(made.now, 1)
        assert [request.id for request in first] == ["earlier"]
        assert [request.id for request in transaction.to_wake(made.now, 1, first[-1])] == ["later"]


def test_open_requests_are_looked_after_by_id(store, opened):
    for number, state in {"C": "pending", "A": "claimed", "D": "pending", "B": "returned"}.items():
        opened(store, number, state=State(state))

    with store.read() as transaction:
        assert [request.id for request in transaction.waiting(2)] == ["A", "C"]
        assert [request.id for request in transaction.waiting(2, after="C")] == ["D"]
        assert transaction.waiting(2, after="D") == ()


def test_a_run_has_requests_that_it_did_not_take_up(store, made, opened):
    opened(store, "B")
    opened(store, "A", state=State.APPROVED, effective_at=made.now)
    opened(store, "C", state=State.APPROVED, effective_at=made.now, taken_up_at=made.now)
    opened(store, "D", identity=Identity(run="run-2", gate="g", key="k"))

    with store.read() as transaction:
        assert [request.id for request in transaction.untaken("run-1")] == ["A", "B"]
        assert transaction.untaken("run") == ()
        assert [transaction.has_asked(run) for run in ("run-1", "run", "run-3")] == [True, False, False]


# -- leadership --------------------------------------------------------------------------------------------------


def test_a_lease_is_one_holders_until_it_lapses(store, made):
    def take(holder: str, at: int, seconds: int = 10, name: str = "waking") -> bool:
        now = made.now + timedelta(seconds=at)
        with store.begin() as transaction:
            return transaction.take_lease(name, holder, now, now + timedelta(seconds=seconds))

    assert take("a", 0)
    assert not take("b", 5)
    assert take("b", 5, name="other")
    assert take("a", 8)
    assert not take("b", 17)
    assert take("b", 18)
    assert not take("a", 19)
    assert take("b", 20, seconds=0)
    assert take("a", 20)


def test_what_waits_is_told_with_its_run_alone_page_by_page(store, opened):
    for number in ("A", "B", "C"):
        opened(store, number, run=RunReference(id=f"run of {number}", flow="outreach"))

    with store.read() as transaction:
        first = transaction.waiting_runs(2)
        rest = transaction.waiting_runs(2, after=first[-1][0])
        whole = [(request.id, request.run.id) for request in transaction.waiting(5)]

    assert [*first, *rest] == whole == [("A", "run of A"), ("B", "run of B"), ("C", "run of C")]
