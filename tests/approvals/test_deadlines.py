"""At the deadline the policy's word is carried out, once, and never over a person's."""

from __future__ import annotations

import logging
import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from approvals.deadlines import Deadlines
from approvals.decisions import SYSTEM
from approvals.errors import AlreadyDecided, NotACandidate, NotActionable, StoreUnavailable
from approvals.lifecycle import State
from approvals.service import ApprovalService

DUE = 3_600
SILENT = {"on_timeout": "approve", "allow_silent_approval": True}
ESCALATING = {"on_timeout": "escalate", "escalate_to": ("managers",)}


@pytest.fixture
def overdue(open_request, clock):
    """A request whose deadline is now: `overdue(on_timeout="reject")`."""

    def make(proposed=None, **terms):
        request = open_request(terms={"due": DUE, **terms}, **(proposed or {}))
        clock.now = request.due_at
        return request

    return make


@pytest.mark.parametrize(
    ("terms", "state", "rule"),
    [
        ({"on_timeout": "expire"}, State.EXPIRED, "on_timeout = expire"),
        ({"on_timeout": "reject"}, State.REJECTED, "on_timeout = reject"),
        (SILENT, State.APPROVED, "on_timeout = approve, allow_silent_approval = true"),
    ],
)
def test_the_policys_word_is_carried_out_at_the_deadline(
    deadlines, service, overdue, clock, events, terms, state, rule
):
    request = overdue(**terms)

    closed = deadlines.lapse(request.id)

    assert closed.state is state
    assert closed == service.get(request.id)
    assert (closed.ruling.rule, closed.ruling.at, closed.ruling.effective_at) == (rule, clock(), clock())
    assert closed.ruling.by.kind != "person"
    assert closed.wake_since == clock()
    assert events() == ["request.opened", f"request.{state}"]


def test_nothing_happens_before_the_deadline(deadlines, overdue, clock, unchanged):
    request = overdue()
    clock.forward(-0.001)

    with unchanged(request):
        assert deadlines.lapse(request.id) == request
        assert deadlines.lapse_all() == 0


def test_a_deadline_is_carried_out_once(deadlines, service, overdue, unchanged):
    request = overdue()
    deadlines.lapse(request.id)

    with unchanged(request):
        deadlines.lapse(request.id)
        assert deadlines.lapse_all() == 0


@pytest.mark.parametrize("terms", [{"on_timeout": "expire"}, {"on_timeout": "reject"}, SILENT, ESCALATING], ids=repr)
def test_a_decision_before_the_deadline_stands(deadlines, service, overdue, unchanged, ANNA, terms):
    request = overdue(**terms)
    service.reject(request.id, ANNA, version=1, reason="too dear", recall=8)

    with unchanged(request):
        deadlines.lapse(request.id)


def test_a_click_after_the_deadline_counts_until_the_deadline_is_carried_out(deadlines, service, overdue, ANNA, BEN):
    first, second = overdue(), overdue()

    assert service.approve(first.id, ANNA, version=1).state is State.APPROVED
    deadlines.lapse(second.id)
    with pytest.raises(AlreadyDecided, match=r"This request was expired at .* \(nobody decided before the deadline\)"):
        service.approve(second.id, BEN, version=1)


@pytest.mark.parametrize("terms", [{"on_timeout": "expire"}, {"on_timeout": "reject"}, SILENT, ESCALATING], ids=repr)
def test_the_deadline_at_the_moment_of_the_click_leaves_one_outcome(
    deadlines, service, store, people, clock, examiner, overdue, events, ANNA, terms
):
    """The click is being checked when the deadline strikes."""

    class Interrupted:
        def examine(self, *told):
            deadlines.lapse(request.id)
            return examiner.examine(*told)

    request = overdue(**terms)
    late = ApprovalService(store, people, clock, Interrupted())

    with pytest.raises((AlreadyDecided, NotACandidate)):
        late.approve(request.id, ANNA, version=1)

    assert len(events()) == 2
    assert len(service.history(request.id).rulings) == (0 if terms == ESCALATING else 1)
    assert service.history(request.id).signoffs == ()


def test_the_click_while_the_deadline_is_being_carried_out_wins(
    service, ledger, store, people, clock, examiner, overdue, ANNA
):
    """Silence is being checked when somebody speaks."""

    class Interrupted:
        def examine(self, *told):
            service.reject(request.id, ANNA, version=1, reason="too dear")
            return examiner.examine(*told)

    request = overdue(**SILENT)
    deadlines = Deadlines(ApprovalService(store, people, clock, Interrupted()), ledger)

    closed = deadlines.lapse(request.id)

    assert closed.state is State.REJECTED
    assert [ruling.by for ruling in service.history(request.id).rulings] == [ANNA]


def test_a_draft_that_changed_while_silence_was_checked_is_not_approved(
    service, ledger, store, people, clock, examiner, overdue, make_offer
):
    class Interrupted:
        def examine(self, *told):
            service.revise(request.id, version=1, document=make_offer(title="Another"))
            return examiner.examine(*told)

    request = overdue(**SILENT)
    deadlines = Deadlines(ApprovalService(store, people, clock, Interrupted()), ledger)

    assert deadlines.lapse(request.id).is_open


def test_a_clock_set_back_while_silence_was_checked_leaves_the_request_its_time(
    service, ledger, store, people, clock, examiner, overdue
):
    class Interrupted:
        def examine(self, *told):
            clock.forward(-60)
            return examiner.examine(*told)

    request = overdue(**SILENT)
    deadlines = Deadlines(ApprovalService(store, people, clock, Interrupted()), ledger)

    assert deadlines.lapse(request.id).is_open


# -- silence -----------------------------------------------------------------------------------------------------


def test_silence_approves_in_the_policys_name(deadlines, overdue):
    request = overdue(**SILENT)

    approved = deadlines.lapse(request.id)

    by = approved.ruling.by
    assert (by.kind, by.via, by.id) == ("policy", "policy", f"offer@{request.policy.version}")
    assert (approved.ruling.document, approved.ruling.sha256) == (request.content.document, request.content.sha256)
    assert approved.ruling.examination
    assert approved.ruling.reason is None


@pytest.mark.parametrize("what", ["unsupported", "moved", "invalid", "failing", "read differently", "not offered"])
def test_silence_approves_nothing_that_does_not_stand_as_it_is(deadlines, service, overdue, examiner, make_offer, what):
    claims = [{"id": "c2", "text": "They love us."}]
    proposed = {
        "unsupported": {"document": make_offer(claims=claims)},
        "not offered": {"verdicts": ("edit", "reject")},
    }.get(what, {})
    request = overdue(proposed, **SILENT)
    if what == "moved":
        examiner.world["crm:northwind"] = "v2"
    elif what == "failing":
        examiner.failure = RuntimeError("the CRM is away")
    elif what == "invalid":
        service.revise(request.id, document={"title": "no amount"})
    elif what == "read differently":
        service.revise(request.id, document={"title": "x", "amount": "1.00"})  # defaults are missing

    closed = deadlines.lapse(request.id)

    assert closed.state is State.EXPIRED
    assert closed.ruling.by == SYSTEM
    assert closed.ruling.document is None
    assert closed.ruling.rule.startswith("on_timeout = approve, but ")


def test_silence_approves_nothing_that_nobody_can_check(service, store, people, clock, ledger, overdue):
    deadlines = Deadlines(ApprovalService(store, people, clock, None), ledger)

    closed = deadlines.lapse(overdue(**SILENT).id)

    assert closed.state is State.EXPIRED
    assert "no examiner" in closed.ruling.rule


# -- escalation --------------------------------------------------------------------------------------------------


def test_an_escalation_gives_the_others_the_same_time_and_then_expires(deadlines, service, overdue, clock, events):
    request = overdue(**ESCALATING)

    escalated = deadlines.lapse(request.id)
    assert (escalated.state, escalated.escalated) == (State.PENDING, True)
    assert (escalated.due_at - clock()).total_seconds() == DUE
    assert deadlines.lapse(request.id) == escalated

    clock.forward(DUE)
    closed = deadlines.lapse(request.id)
    assert closed.state is State.EXPIRED
    assert closed.ruling.rule == "on_timeout = escalate"
    assert events() == ["request.opened", "request.escalated", "request.expired"]


def test_two_loops_escalate_once(deadlines, service, overdue, unchanged):
    request = overdue(**ESCALATING)
    deadlines.lapse(request.id)

    with unchanged(request):
        assert service.escalate(request.id, due=True).escalated


def test_who_was_asked_first_cannot_decide_after_the_escalation(deadlines, service, overdue, ANNA, DORA):
    request = overdue(**ESCALATING)
    deadlines.lapse(request.id)

    with pytest.raises(NotACandidate):
        service.approve(request.id, ANNA, version=1)
    assert service.approve(request.id, DORA, version=1).state is State.APPROVED


# -- many --------------------------------------------------------------------------------------------------------


def test_a_decision_taken_back_after_the_deadline_lapses_then(deadlines, service, overdue, clock, ANNA):
    request = overdue()
    clock.forward(-1)
    service.approve(request.id, ANNA, version=1, recall=8)
    clock.forward(5)
    assert deadlines.lapse_all() == 0

    service.recall(request.id, ANNA)

    assert deadlines.lapse_all() == 1
    assert service.get(request.id).state is State.EXPIRED


def test_every_request_past_its_deadline_is_closed_though_the_queue_was_off_for_days(
    deadlines, service, overdue, clock
):
    requests = [overdue(), overdue(on_timeout="reject"), overdue(**SILENT)]
    clock.forward(days=30)
    requests.append(overdue())

    assert deadlines.lapse_all() == 4

    assert [service.get(request.id).state for request in requests] == ["expired", "rejected", "approved", "expired"]


@pytest.mark.parametrize("day", [date(2026, 3, 28), date(2026, 10, 24)])
def test_a_day_is_a_day_also_when_the_clocks_are_changed_where_the_queue_stands(
    deadlines, service, open_request, clock, monkeypatch, day
):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        clock.now = datetime.combine(day, datetime.min.time(), ZoneInfo("Europe/Berlin")).replace(hour=12)
        clock.now = clock.now.astimezone(UTC)
        request = open_request(terms={"due": 86_400, "on_timeout": "expire"})

        clock.forward(86_399)
        early = deadlines.lapse_all()
        clock.forward(1)
        late = deadlines.lapse_all()
    finally:
        monkeypatch.undo()
        time.tzset()

    assert request.due_at.astimezone(ZoneInfo("Europe/Berlin")).hour in (11, 13)
    assert (early, late) == (0, 1)


def test_at_most_so_many_are_closed_at_a_time_the_oldest_first(deadlines, service, overdue, clock):
    first = overdue()
    clock.forward(1)
    second = overdue()
    clock.forward(DUE)

    assert deadlines.lapse_all(limit=1) == 1

    assert not service.get(first.id).is_open
    assert service.get(second.id).is_open


def test_one_that_cannot_be_closed_keeps_no_other_waiting(service, ledger, overdue, monkeypatch, caplog):
    poisoned, other = overdue(), overdue()
    deadlines = Deadlines(service, ledger)
    get = service.get

    def broken(request_id):
        if request_id == poisoned.id:
            raise StoreUnavailable("The row cannot be read.")
        return get(request_id)

    monkeypatch.setattr(service, "get", broken)
    with caplog.at_level(logging.ERROR):
        deadlines.lapse_all()

    assert not get(other.id).is_open
    assert get(poisoned.id).is_open
    assert poisoned.id in caplog.text


def test_an_expired_request_never_opens_again(deadlines, service, overdue, unchanged, ANNA):
    request = overdue()
    deadlines.lapse(request.id)

    with unchanged(request):
        for act in (
            lambda: service.recall(request.id, ANNA),
            lambda: service.revise(request.id),
            lambda: service.escalate(request.id),
            lambda: service.withdraw(request.id, "late"),
        ):
            with pytest.raises(NotActionable):
                act()
