"""The runs that wait, on Prefect: what is asked, and what is made of each answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound

from approvals.resume import PrefectRuns

DEPLOYMENT = uuid4()


class StandIn:
    """Answers as Prefect's client does, from runs that the test gives it."""

    def __init__(self, *runs: FlowRun) -> None:
        self.runs = {run.id: run for run in runs}
        self.fails: Exception | None = None
        self.says = "ACCEPT"
        self.asked: list[int] = []
        self.deployments = {DEPLOYMENT}
        self.forced: list[tuple[Any, State, bool]] = []
        self.opened = self.closed = self.counted = 0

    def __call__(self) -> StandIn:
        return self

    def __enter__(self) -> StandIn:
        self.opened += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1

    def read_flow_runs(self, *, flow_run_filter: Any, limit: int) -> list[FlowRun]:
        self._may_fail()
        wanted = flow_run_filter.id.any_
        self.asked.append(len(wanted))
        return [self.runs[one] for one in wanted if one in self.runs][:limit]

    def read_deployments(self, *, deployment_filter: Any, limit: int) -> list[Any]:
        self._may_fail()
        return [SimpleNamespace(id=one) for one in deployment_filter.id.any_ if one in self.deployments][:limit]

    def request(self, method: str, path: str, *, json: Any) -> httpx.Response:
        self._may_fail()
        assert (method, path) == ("POST", "/flow_runs/count")
        self.counted += 1
        ids, of = json["flow_runs"]["id"]["any_"], json["deployments"]["id"]["any_"]
        types = json["flow_runs"]["state"]["type"]["any_"]
        there = [
            one for one in self.runs.values() if str(one.id) in ids and one.state and one.state.type.value in types
        ]
        kept = [one for one in there if one.deployment_id in self.deployments and str(one.deployment_id) in of]
        return httpx.Response(200, json=len(kept), request=httpx.Request(method, "http://prefect"))

    def resume_flow_run(self, run_id: Any) -> Any:
        self._may_fail()
        return SimpleNamespace(status=SimpleNamespace(value=self.says))

    def set_flow_run_state(self, run_id: Any, state: State, *, force: bool) -> Any:
        self._may_fail()
        self.forced.append((run_id, state, force))
        return SimpleNamespace(status=SimpleNamespace(value=self.says))

    def _may_fail(self) -> None:
        if self.fails is not None:
            raise self.fails


def run(kind: StateType, *, name: str | None = None, deployed: bool = True, age: timedelta = timedelta()) -> FlowRun:
    state = State(type=kind, name=name, timestamp=datetime.now(UTC) - age)
    return FlowRun(id=uuid4(), flow_id=uuid4(), deployment_id=DEPLOYMENT if deployed else None, state=state)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (StateType.SCHEDULED, "scheduled"),
        (StateType.PENDING, "scheduled"),
        (StateType.RUNNING, "running"),
        (StateType.PAUSED, "suspended"),
        (StateType.COMPLETED, "ended"),
        (StateType.FAILED, "ended"),
        (StateType.CRASHED, "ended"),
        (StateType.CANCELLED, "ended"),
        # Somebody cancelled it: it must not be started again should its process be gone.
        (StateType.CANCELLING, "ended"),
    ],
)
def test_every_state_of_prefect_has_a_word_of_ours(kind, status):
    one = run(kind)

    watch = PrefectRuns(StandIn(one)).statuses([str(one.id)])[str(one.id)]

    assert (watch.status, watch.since) == (status, one.state.timestamp)
    assert watch.deployment == (None if one.state.is_final() else str(DEPLOYMENT))


def test_no_state_of_prefect_is_forgotten():
    for kind in StateType:
        one = run(kind)
        assert PrefectRuns(StandIn(one)).statuses([str(one.id)])[str(one.id)].name


def test_a_run_keeps_the_id_of_a_deployment_that_was_removed_and_has_none_all_the_same():
    removed, script = run(StateType.PAUSED), run(StateType.RUNNING, deployed=False)
    prefect = StandIn(removed, script)
    prefect.deployments.clear()

    watches = PrefectRuns(prefect).statuses([str(removed.id), str(script.id)])

    assert [watch.deployment for watch in watches.values()] == [None, None]


def test_a_run_that_a_worker_took_and_never_started_counts_as_running_after_a_while():
    fresh, old = run(StateType.PENDING), run(StateType.PENDING, age=timedelta(minutes=6))

    watches = PrefectRuns(StandIn(fresh, old)).statuses([str(fresh.id), str(old.id)])

    assert (watches[str(fresh.id)].status, watches[str(old.id)].status) == ("scheduled", "running")


def test_a_deleted_run_is_gone_and_one_without_a_state_is_unknown():
    stateless = FlowRun(id=uuid4(), flow_id=uuid4(), state=None)
    deleted = str(uuid4())

    watches = PrefectRuns(StandIn(stateless)).statuses([deleted, str(stateless.id)])

    assert (watches[deleted].status, watches[str(stateless.id)].status) == ("gone", "unknown")


def test_many_runs_are_asked_for_in_pages_and_each_once():
    runs = [run(StateType.PAUSED) for _ in range(450)]
    prefect = StandIn(*runs)
    ids = [str(one.id) for one in runs]

    watches = PrefectRuns(prefect).statuses([*ids, *ids])

    assert prefect.asked == [200, 200, 50]
    assert {watch.status for watch in watches.values()} == {"suspended"}
    assert set(watches) == set(ids)


def test_an_id_that_is_none_of_prefects_hides_no_other():
    one = run(StateType.PAUSED)

    watches = PrefectRuns(StandIn(one)).statuses(["not a run", str(one.id)])

    assert (watches["not a run"].status, watches[str(one.id)].status) == ("unknown", "suspended")


def test_nothing_is_asked_where_nothing_waits():
    prefect = StandIn()

    assert PrefectRuns(prefect).statuses([]) == {}
    assert prefect.opened == 0


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), RuntimeError("closed"), httpx.ReadTimeout("slow")])
def test_while_prefect_does_not_answer_nothing_is_known_and_nothing_is_asked_of_it(failure):
    one = run(StateType.PAUSED)
    prefect = StandIn(one)
    runs = PrefectRuns(prefect)
    prefect.fails = failure

    down = runs.statuses([str(one.id)])[str(one.id)]
    woken, restarted = runs.wake(str(one.id)), runs.restart(str(one.id))
    prefect.fails = None
    back = runs.statuses([str(one.id)])[str(one.id)]

    assert (down.status, woken, restarted, back.status) == ("unknown", False, False, "suspended")
    assert prefect.closed == 3  # a connection that failed is not used again


@pytest.mark.parametrize(("says", "accepted"), [("ACCEPT", True), ("REJECT", False), ("ABORT", False), ("WAIT", False)])
def test_only_what_prefect_accepts_counts(says, accepted):
    prefect = StandIn()
    prefect.says = says
    runs = PrefectRuns(prefect)

    assert runs.wake(str(uuid4())) is accepted
    assert runs.restart(str(uuid4())) is accepted


def test_a_run_that_was_deleted_in_between_is_no_failure():
    prefect = StandIn()
    prefect.fails = ObjectNotFound(http_exc=ValueError("404"))

    assert PrefectRuns(prefect).wake(str(uuid4())) is False
    assert PrefectRuns(prefect).restart(str(uuid4())) is False


def test_a_restart_schedules_by_force_and_at_once():
    prefect, one = StandIn(), uuid4()

    PrefectRuns(prefect).restart(str(one))

    ((asked, state, force),) = prefect.forced
    assert (asked, state.type, force) == (one, StateType.SCHEDULED, True)
    assert state.state_details.scheduled_time <= datetime.now(UTC)


# -- many that wait ----------------------------------------------------------------------------------------------


def test_runs_that_were_read_before_and_all_wait_are_told_by_a_count_alone() -> None:
    waiting = [run(StateType.PAUSED, name="Suspended") for _ in range(3)]
    server = StandIn(*waiting)
    runs = PrefectRuns(server)
    ids = [str(one.id) for one in waiting]

    first, again = runs.statuses(ids), runs.statuses(ids)

    assert (server.asked, server.counted) == ([3], 1)
    assert {one: (watch.status, watch.deployment) for one, watch in again.items()} == {
        one: (watch.status, watch.deployment) for one, watch in first.items()
    }


@pytest.mark.parametrize("happened", ["ended", "deleted", "deployment removed"])
def test_where_one_of_them_does_not_wait_any_more_all_are_read_again(happened: str) -> None:
    waiting = [run(StateType.PAUSED, name="Suspended") for _ in range(3)]
    server = StandIn(*waiting)
    runs = PrefectRuns(server)
    ids = [str(one.id) for one in waiting]
    runs.statuses(ids)

    if happened == "ended":
        server.runs[waiting[0].id] = waiting[0].model_copy(update={"state": State(type=StateType.CANCELLED)})
    elif happened == "deleted":
        del server.runs[waiting[0].id]
    else:
        server.deployments.clear()
    found = runs.statuses(ids)

    assert server.asked == [3, 3]
    first = found[ids[0]]
    expected = {
        "ended": ("ended", str(DEPLOYMENT)),
        "deleted": ("gone", None),
        "deployment removed": ("suspended", None),
    }
    assert (first.status, first.deployment) == expected[happened]
    assert happened == "deployment removed" or found[ids[1]].deployment == str(DEPLOYMENT)
