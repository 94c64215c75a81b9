"""The loop that keeps queue and runs in step, on runs that the test makes up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from houses import ANNA, DORA, WORKER, FakeRuns, SettableClock, ask

from approvals.bootstrap import Approvals, build
from approvals.lifecycle import State
from approvals.requests import Request
from flows import composition
from flows.examiner import ClassExaminer
from flows.waking import SILENCE, Waker


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def approvals(at_home: Any, clock: SettableClock) -> Iterator[Approvals]:
    """The queue of a home, at a time that the test sets."""
    approvals = build(examiner=ClassExaminer(composition.agents, ("letters",)), clock=clock)
    yield approvals
    approvals.close()


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def waker(approvals: Approvals, runs: FakeRuns) -> Waker:
    return Waker(approvals, runs, reconcile_every=10)


@pytest.fixture(name="ask")
def _ask(approvals: Approvals) -> Callable[..., Request]:
    """Open a request of a run: `ask("r1", policy="hurried")`."""
    return partial(ask, approvals)


def now_of(approvals: Approvals, request: Request) -> Request:
    return approvals.gatekeeper.get(request.id)


def events(approvals: Approvals) -> list[str]:
    return [entry.event.name for entry in approvals.store.entries()]


def test_a_suspended_run_is_woken_once_its_answer_counts_and_not_before(approvals, runs, waker, clock, ask):
    request = ask()
    runs.set("r1", "suspended")
    approvals.service.approve(request.id, ANNA, version=1, recall=60)

    early = waker.once()
    clock.forward(60)
    in_time = waker.once()

    assert (early.woken, in_time.woken) == (0, 1)
    assert runs.woken == ["r1"]


def test_a_run_is_asked_again_until_its_gate_has_taken_the_answer_up(approvals, runs, waker, ask):
    request = ask()
    runs.set("r1", "suspended")
    approvals.service.approve(request.id, ANNA, version=1)

    waker.once()
    waker.once()
    approvals.gatekeeper.take_up(request.id, "r1", WORKER)
    waker.once()

    assert runs.woken == ["r1", "r1"]


def test_a_decision_stands_while_prefect_is_down_and_wakes_its_run_later(approvals, runs, waker, clock, ask):
    request = ask()
    runs.down = True
    approvals.service.approve(request.id, ANNA, version=1)

    down = waker.once()
    clock.forward(hours=3)
    still_down = waker.once()
    runs.down = False
    runs.set("r1", "suspended")
    back = waker.once()

    assert (down.woken, still_down.woken, back.woken) == (0, 0, 1)
    assert (down.withdrawn, still_down.withdrawn, still_down.abandoned) == (0, 0, 0)
    assert now_of(approvals, request).state is State.APPROVED


def test_a_wake_that_prefect_refuses_is_tried_again(approvals, runs, waker, ask):
    request = ask()
    runs.set("r1", "suspended")
    runs.refuses = True
    approvals.service.approve(request.id, ANNA, version=1)

    refused = waker.once()
    runs.refuses = False
    accepted = waker.once()

    assert (refused.woken, accepted.woken) == (0, 1)


@pytest.mark.parametrize(
    ("status", "name", "said"),
    [
        ("ended", "Cancelled", "its run was cancelled"),
        ("ended", "Crashed", "its run was crashed"),
        ("gone", "deleted", "its run was deleted"),
    ],
)
def test_a_question_whose_run_is_over_is_withdrawn(approvals, runs, waker, ask, status, name, said):
    request = ask()
    runs.set("r1", status, name=name)

    done = waker.once()

    withdrawn = now_of(approvals, request)
    assert done.withdrawn == 1
    assert (withdrawn.state, withdrawn.ruling.reason) == (State.WITHDRAWN, said)
    assert withdrawn.ruling.by.kind == "system"


def test_a_server_that_knows_neither_run_nor_deployment_has_nothing_withdrawn(approvals, runs, waker, ask, caplog):
    """Another server, or an emptied one, would otherwise take back every question there is."""
    asked, answered = ask("r1", deployment="of-another-server"), ask("r2", deployment="of-another-server")
    approvals.service.approve(answered.id, ANNA, version=1)

    done = [waker.once(), waker.once()][0]

    assert (done.withdrawn, done.abandoned) == (0, 0)
    assert now_of(approvals, asked).state is State.PENDING
    assert now_of(approvals, answered).wake_since is not None
    assert caplog.text.count(f"countersign withdraw {asked.id}") == 1


def test_a_script_on_a_server_of_its_own_waits_as_long_as_it_shows_itself(approvals, runs, waker, clock, ask):
    request = ask(deployment=None)
    approvals.gatekeeper.keep_alive("r1", "laptop:1", 15)

    at_once = waker.once()
    clock.forward(seconds=40)
    later = waker.once()

    assert (at_once.withdrawn, later.withdrawn) == (0, 1)
    assert now_of(approvals, request).state is State.WITHDRAWN


def test_a_question_whose_deployment_was_removed_is_withdrawn(approvals, runs, waker, ask):
    request = ask()
    runs.set("r1", "suspended", deployment=None)

    waker.once()

    assert now_of(approvals, request).ruling.reason == "the deployment of its run was removed"


def test_a_question_whose_script_was_killed_is_withdrawn_once_its_lease_has_lapsed(approvals, runs, waker, clock, ask):
    request = ask(deployment=None)
    runs.set("r1", "running", deployment=None)
    approvals.gatekeeper.keep_alive("r1", "laptop:1:x", 15)

    alive = waker.once()
    clock.forward(30.5)
    dead = waker.once()

    assert (alive.withdrawn, dead.withdrawn) == (0, 1)
    assert now_of(approvals, request).ruling.reason == "the process that waited for it is gone"


def test_a_script_that_renews_its_lease_waits_as_long_as_it_likes(approvals, runs, waker, clock, ask):
    request = ask(deployment=None)
    runs.set("r1", "running", deployment=None)

    for _ in range(60):
        approvals.gatekeeper.keep_alive("r1", "laptop:1:x", 15)
        clock.forward(15)
        waker.once()

    assert now_of(approvals, request).state is State.PENDING


def test_a_run_said_to_be_running_that_nobody_runs_is_started_again(approvals, runs, waker, clock, ask):
    request = ask()
    runs.set("r1", "running")

    fresh = waker.once()
    clock.forward(SILENCE.total_seconds() + 1)
    silent = waker.once()

    assert (fresh.restarted, silent.restarted) == (0, 1)
    assert runs.restarted == ["r1"]
    assert now_of(approvals, request).state is State.PENDING


def test_a_run_that_has_just_begun_to_run_is_given_time_to_show_itself(approvals, runs, waker, clock, ask):
    request = ask()
    approvals.service.approve(request.id, ANNA, version=1)
    clock.forward(hours=1)
    runs.set("r1", "running")
    runs.watches["r1"] = runs.watches["r1"].model_copy(update={"since": clock()})

    just_begun = waker.once()
    clock.forward(SILENCE.total_seconds() + 1)
    silent = waker.once()

    assert (just_begun.restarted, silent.restarted) == (0, 1)


def test_an_answer_whose_run_is_gone_stays_in_the_record_and_wakes_nobody_for_ever(approvals, runs, waker, ask):
    request = ask()
    approvals.service.approve(request.id, ANNA, version=1)
    runs.set("r1", "ended", name="Crashed")

    first = waker.once()
    second = waker.once()

    assert (first.abandoned, second.abandoned) == (1, 0)
    assert now_of(approvals, request).state is State.APPROVED
    assert now_of(approvals, request).wake_since is None
    assert events(approvals)[-1] == "request.orphaned"


def test_an_answered_run_whose_deployment_was_removed_is_given_up(approvals, runs, waker, ask):
    request = ask()
    approvals.service.approve(request.id, ANNA, version=1)
    runs.set("r1", "suspended", deployment=None)

    done = waker.once()

    assert (done.abandoned, runs.woken) == (1, [])
    assert now_of(approvals, request).wake_since is None


def test_an_answered_script_that_was_killed_is_given_up(approvals, runs, waker, clock, ask):
    request = ask(deployment=None)
    approvals.service.approve(request.id, ANNA, version=1)
    runs.set("r1", "running", deployment=None)

    fresh = waker.once()
    clock.forward(SILENCE.total_seconds() + 1)
    silent = waker.once()

    assert (fresh.abandoned, silent.abandoned) == (0, 1)
    assert runs.restarted == []
    assert now_of(approvals, request).wake_since is None


def test_deadlines_are_kept_while_prefect_is_down(approvals, runs, waker, clock, ask):
    expires, escalates = ask("r1", policy="hurried"), ask("r2", policy="patient")
    runs.down = True

    early = waker.once()
    clock.forward(2)
    late = waker.once()

    assert (early.lapsed, late.lapsed) == (0, 2)
    assert now_of(approvals, expires).state is State.EXPIRED
    assert now_of(approvals, escalates).escalated is True
    approvals.service.approve(escalates.id, DORA, version=1)
    assert now_of(approvals, escalates).state is State.APPROVED


def test_a_deadline_is_carried_out_once_however_often_the_loop_comes_by(approvals, runs, waker, clock, ask):
    ask("r1", policy="hurried")
    runs.set("r1", "suspended")
    clock.forward(2)

    waker.once()
    waker.once()

    assert events(approvals).count("request.expired") == 1


def test_of_two_wakers_one_leads_and_the_other_takes_over_when_it_is_gone(approvals, runs, waker, clock, ask):
    request = ask()
    runs.set("r1", "suspended")
    approvals.service.approve(request.id, ANNA, version=1)
    second = Waker(approvals, runs)

    leads, follows = waker.once(), second.once()
    clock.forward(16)
    takes_over = second.once()

    assert (leads.leader, follows.leader, takes_over.leader) == (True, False, True)
    assert (leads.woken, follows.woken, takes_over.woken) == (1, 0, 1)


def test_strays_are_looked_for_now_and_then_and_not_in_every_round(approvals, runs, waker, clock, ask):
    ask("r1")
    runs.set("r1", "suspended")
    waker.once()
    runs.set("r1", "ended", name="Cancelled")

    at_once = waker.once()
    clock.forward(10)
    later = waker.once()

    assert (at_once.withdrawn, later.withdrawn) == (0, 1)


def test_a_run_that_is_said_to_have_ended_is_looked_after_in_the_next_round_and_only_looked_after(
    approvals, runs, waker, ask
):
    lost, waits = ask("r1"), ask("r2")
    for run in ("r1", "r2"):
        runs.set(run, "suspended")
    waker.once()

    runs.set("r1", "ended", name="Cancelled")
    waker.look_after("r1")
    waker.look_after("r2")  # not true, whoever says so
    waker.look_after("of somebody else")
    done = waker.once()

    assert done.withdrawn == 1
    assert now_of(approvals, lost).state is State.WITHDRAWN
    assert now_of(approvals, waits).state is State.PENDING


def test_when_all_may_have_lost_something_all_are_looked_after_in_the_next_round(approvals, runs, waker, ask):
    request = ask()
    runs.set("r1", "suspended")
    waker.once()

    runs.set("r1", "suspended", deployment=None)
    waker.look_after(None)

    assert waker.once().withdrawn == 1
    assert now_of(approvals, request).state is State.WITHDRAWN


def test_a_queue_that_does_not_lead_looks_after_nobody(approvals, runs, waker, ask):
    ask()
    runs.set("r1", "ended", name="Cancelled")
    other = Waker(approvals, runs)
    runs.down = True
    waker.once()
    runs.down = False

    other.look_after("r1")
    done = other.once()

    assert (done.leader, done.withdrawn) == (False, 0)


def test_what_rests_is_not_read_at_each_look_and_what_does_not_is(approvals, runs, waker, clock, ask, monkeypatch):
    resting, over = ask("r1"), ask("r2")
    runs.set("r1", "suspended")
    runs.set("r2", "suspended")
    waker.once()
    read: list[str] = []
    reconciled = waker._reconcile

    def spied(requests, *terms):
        read.extend(request.id for request in requests)
        reconciled(requests, *terms)

    monkeypatch.setattr(waker, "_reconcile", spied)
    runs.set("r2", "ended", name="Cancelled")
    clock.forward(10)

    done = waker.once()

    assert read == [over.id]
    assert done.withdrawn == 1
    assert now_of(approvals, over).state is State.WITHDRAWN
    clock.forward(50)
    waker.once()
    assert read == [over.id, resting.id]


def test_a_question_that_nobody_can_answer_is_told_as_stuck(approvals, runs, waker, at_home, clock, ask, caplog):
    request = ask()
    runs.set("r1", "suspended")
    (at_home.home / "people.toml").write_text('[[people]]\nemail = "dora@acme.example"\ngroups = ["managers"]\n')

    first = waker.once()
    clock.forward(60)
    second = waker.once()

    assert first.stuck == second.stuck == [request.id]
    assert caplog.text.count("is stuck: nobody in sales may decide it") == 1
    assert now_of(approvals, request).state is State.PENDING


def test_a_question_that_nobody_can_answer_goes_to_whom_the_policy_escalates(approvals, runs, waker, at_home, ask):
    request = ask(policy="patient")
    runs.set("r1", "suspended")
    (at_home.home / "people.toml").write_text('[[people]]\nemail = "dora@acme.example"\ngroups = ["managers"]\n')

    done = waker.once()

    assert done.stuck == []
    assert now_of(approvals, request).escalated is True


def test_three_hundred_waiting_runs_are_all_looked_after(approvals, runs, waker, clock, ask):
    requests = [ask(f"r{number}") for number in range(300)]
    for request in requests[:299]:
        runs.set(request.run.id, "suspended")

    done = waker.once()

    assert done.withdrawn == 1
    assert now_of(approvals, requests[299]).state is State.WITHDRAWN
    assert now_of(approvals, requests[298]).state is State.PENDING


def test_of_three_hundred_that_wait_each_meets_its_own_deadline(approvals, runs, waker, clock, ask):
    requests = []
    for number in range(300):
        requests.append(ask(f"r{number}"))
        runs.set(f"r{number}", "suspended")
        clock.forward(10)

    clock.now = requests[0].due_at - timedelta(seconds=1)
    early = waker.once()
    clock.now = requests[99].due_at
    hundred = waker.once()
    clock.now = requests[299].due_at
    rest = waker.once()

    assert (early.lapsed, hundred.lapsed, rest.lapsed) == (0, 100, 200)
    assert {now_of(approvals, request).state for request in requests} == {State.EXPIRED}
    assert events(approvals).count("request.expired") == 300
    assert set(runs.woken) == {request.run.id for request in requests}


def test_answers_that_nobody_takes_up_keep_none_behind_them_from_its_turn(approvals, runs, waker, clock, ask):
    """A pool without a worker: its runs were resumed, and stay where they are."""
    for number in range(250):
        approvals.service.approve(ask(f"r{number}").id, ANNA, version=1, recall=0)
        runs.set(f"r{number}", "scheduled")
    clock.forward(10)
    behind = ask("behind")
    runs.set("behind", "suspended")
    approvals.service.approve(behind.id, ANNA, version=1, recall=0)

    waker.once()

    assert runs.woken == ["behind"]


def test_what_takes_too_long_to_wake_goes_on_in_the_next_round(approvals, runs, clock, ask):
    class Slow(FakeRuns):
        def wake(self, run_id: str) -> bool:
            clock.forward(0.1)
            return super().wake(run_id)

    slow = Slow()
    for number in range(250):
        approvals.service.approve(ask(f"r{number}").id, ANNA, version=1, recall=0)
        slow.set(f"r{number}", "suspended")
    waker = Waker(approvals, slow, lease=15)

    first, second = waker.once(), waker.once()

    assert (first.woken, second.woken) == (200, 50)
    assert len(set(slow.woken)) == 250


def test_prefect_is_away_for_an_hour_and_nothing_is_lost_of_it(approvals, runs, waker, clock, ask):
    answered, late, waits = ask("answered"), ask("late", policy="hurried"), ask("waits")
    runs.down = True
    approvals.service.approve(answered.id, ANNA, version=1, recall=0)

    away = []
    for _ in range(60):
        clock.forward(minutes=1)
        away.append(waker.once())
    runs.down = False
    for run in ("answered", "late", "waits"):
        runs.set(run, "suspended")
    back = waker.once()

    assert sum(one.lapsed for one in away) == 1
    assert [sum(getattr(one, what) for one in away) for what in ("woken", "withdrawn", "abandoned", "restarted")] == [
        0
    ] * 4
    assert sorted(runs.woken) == ["answered", "late"]
    assert (back.woken, back.withdrawn) == (2, 0)
    assert [now_of(approvals, one).state for one in (answered, late, waits)] == [
        State.APPROVED, State.EXPIRED, State.PENDING,
    ]  # fmt: skip


def test_a_round_that_fails_does_not_end_the_loop(approvals, runs, ask, caplog):
    import threading

    class Failing(FakeRuns):
        def statuses(self, run_ids: Any) -> Any:
            self.asked = getattr(self, "asked", 0) + 1
            if self.asked == 1:
                raise OSError("no more sockets")
            stop.set()
            return super().statuses(run_ids)

    stop = threading.Event()
    failing = Failing()

    Waker(approvals, failing, every=0.01).run(stop)

    assert "A round of waking failed: no more sockets" in caplog.text
    assert failing.asked >= 2


def test_silence_is_longer_than_a_lease_takes_to_renew():
    from flows.scope import HOLD_SECONDS

    assert timedelta(seconds=HOLD_SECONDS) <= SILENCE


# -- answers that are heard of ---------------------------------------------------------------------------------------


class Hearsay:
    """An ear for what a test says."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def heard(self, seconds: float = 0.0) -> list[dict[str, Any]]:
        said, self.said = self.said, []
        return said


@pytest.fixture
def ear(approvals: Approvals) -> Hearsay:
    """Hears of every answer, as the queue's process does."""
    ear = Hearsay()
    approvals.store.on_answer(lambda request: ear.said.append({"request": request.id, "at": str(request.effective_at)}))
    return ear


@pytest.fixture
def listening(approvals: Approvals, runs: FakeRuns, ear: Hearsay) -> Callable[[], list[str]]:
    """Let the waker listen for a moment; tells whom it has woken so far."""
    waker = Waker(approvals, runs, ear=ear)  # type: ignore[arg-type]
    assert waker.once().leader

    def listen() -> list[str]:
        waker._rest(0.0, threading.Event())
        return runs.woken

    return listen


def test_an_answer_that_is_heard_of_wakes_its_run_the_moment_it_counts_and_no_other(
    approvals, runs, listening, clock, ask
):
    request = ask()
    ask("r2")
    approvals.service.approve(request.id, ANNA, version=1, recall=8)

    before = list(listening())
    clock.forward(8)
    after = list(listening())
    again = list(listening())

    assert (before, after, again) == ([], ["r1"], ["r1"])


def test_an_answer_that_is_taken_back_wakes_nobody(approvals, listening, clock, ask):
    request = ask()
    approvals.service.approve(request.id, ANNA, version=1, recall=8)
    approvals.service.recall(request.id, ANNA)

    clock.forward(8)

    assert listening() == []


def test_a_run_that_is_not_suspended_yet_is_asked_again_within_the_second(approvals, runs, listening, clock, ask):
    request = ask()
    runs.refuses = True
    approvals.service.approve(request.id, ANNA, version=1, recall=0)
    refused = list(listening())
    runs.refuses = False

    at_once = list(listening())
    clock.forward(0.05)
    in_a_moment = list(listening())

    assert (refused, at_once, in_a_moment) == ([], [], ["r1"])


def test_a_process_that_is_there_is_left_to_find_its_answer_itself(approvals, runs, listening, ask):
    request = ask()
    approvals.gatekeeper.keep_alive("r1", "somebody", 15)
    approvals.service.approve(request.id, ANNA, version=1, recall=0)

    assert listening() == []


def test_a_waker_that_does_not_lead_wakes_nobody(approvals, runs, ear, clock, ask):
    leader, other = Waker(approvals, runs), Waker(approvals, runs, ear=ear)
    leader.once()
    other.once()
    request = ask()

    approvals.service.approve(request.id, ANNA, version=1, recall=0)
    other._rest(0.0, threading.Event())

    assert runs.woken == []


def test_a_run_that_was_woken_a_moment_ago_is_not_asked_after(approvals, runs, ear, clock, ask):
    waker = Waker(approvals, runs, ear=ear)
    waker.once()
    request = ask()
    runs.set("r1", "suspended")
    approvals.service.approve(request.id, ANNA, version=1, recall=0)
    waker._rest(0.0, threading.Event())

    on_its_way = waker.once()
    clock.forward(4)
    later = waker.once()

    assert (on_its_way.woken, later.woken, runs.woken) == (0, 1, ["r1", "r1"])


def test_what_cannot_be_understood_is_left_to_be_found_by_looking(approvals, runs, ear, caplog):
    waker = Waker(approvals, runs, ear=ear)
    ear.said = [{"request": "R1"}, {"request": "R1", "at": "noon"}]

    waker._rest(0.0, threading.Event())

    assert "not to be understood" in caplog.text
