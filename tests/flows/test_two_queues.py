"""Two queue processes on one store: one leads, the other takes over, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID

import letters
import pytest
from houses import ANNA, PATH, FakeRuns, House, SettableClock, ask, until

from approvals.bootstrap import Approvals, build
from approvals.decisions import SYSTEM
from approvals.lifecycle import State
from approvals.requests import Request
from flows import composition
from flows.examiner import ClassExaminer
from flows.waking import Waker


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_store(request: pytest.FixtureRequest, at_home: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A home whose store several processes can open."""
    if request.param == "postgresql":
        monkeypatch.setenv("APPROVALS_STORE", request.getfixturevalue("postgresql_address"))
    else:
        monkeypatch.setenv("APPROVALS_STORE", f"sqlite:///{at_home.home}/approvals.sqlite")
    composition.reset()
    return at_home


# -- as processes --------------------------------------------------------------------------------------------------


class Queue:
    """A queue process with a home of its own, as on a machine of its own: it hears nothing of the other's answers."""

    def __init__(self, house: House, name: str) -> None:
        self._home = house.home.parent / name
        self._home.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        people = {"COUNTERSIGN_HOME": str(self._home), "APPROVALS_PEOPLE": str(house.home / "people.toml")}
        terms = {"FLOWS_LEASE_SECONDS": "3", "FLOWS_WAKE_SECONDS": "0.2", "PYTHONPATH": PATH}
        with (self._home / "queue.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "web", "--port", str(self._port)],
                env={**os.environ, **people, **terms},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(lambda: self._get("/healthz"), 60)

    def approve(self, house: House, request: Request) -> None:
        """Sign it over this process's REST API."""
        token = house.approvals.tokens.create("anna@acme.example", SYSTEM, scopes=("read", "decide")).secret
        body = json.dumps({"verdict": {"kind": "approve"}, "version": 1}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        address = f"http://127.0.0.1:{self._port}/api/v1/requests/{request.id}/verdicts"
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=30) as answer:
            assert answer.status == 200

    def kill(self) -> None:
        """kill -9."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _get(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def queue(shared_store: House, house: House) -> Iterator[Callable[[str], Queue]]:
    """`queue("a")` starts one."""
    started: list[Queue] = []

    def start(name: str) -> Queue:
        started.append(Queue(house, name))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
def test_an_answer_to_either_queue_wakes_its_run_once_also_when_the_one_that_led_was_killed(queue, house):
    runs = [house.begin(letters.one_letter, to=to) for to in ("a", "b", "c")]
    requests = [house.the_request(run) for run in runs]

    def woken(run: str) -> bool:
        return house.state(run).name != "Suspended"

    leader = queue("leads")
    leader.approve(house, requests[0])
    until(lambda: woken(runs[0]))
    other = queue("follows")
    other.approve(house, requests[1])
    until(lambda: woken(runs[1]))
    leader.kill()
    other.approve(house, requests[2])
    until(lambda: woken(runs[2]), 30)
    for run in runs:
        assert house.execute(letters.one_letter, run).name == "Completed"

    states = [[state.name for state in house.client.read_flow_run_states(UUID(run))] for run in runs]
    assert [names.count("Resuming") for names in states] == [1, 1, 1]
    assert [len(house.box(to)) for to in ("a", "b", "c")] == [1, 1, 1]
    assert house.events().count("permit.used") == 3


# -- both at once --------------------------------------------------------------------------------------------------


@pytest.fixture
def two(shared_store: House) -> Iterator[tuple[Approvals, Approvals, SettableClock]]:
    """Two queues on one store, under one clock."""
    clock = SettableClock()
    both = [build(examiner=ClassExaminer(composition.agents, ("letters",)), clock=clock) for _ in range(2)]
    yield both[0], both[1], clock
    for one in both:
        one.close()


class Interrupted(FakeRuns):
    """Runs that are asked after by a process which then stands still for so long that another takes over."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], object] | None = meanwhile

    def statuses(self, run_ids: object) -> object:  # type: ignore[override]
        found = super().statuses(run_ids)
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found


def test_two_that_lead_at_once_do_nothing_twice(two):
    first, second, clock = two
    answered, lost, late, orphaned = (
        ask(first, "answered"), ask(first, "lost"), ask(first, "late", "hurried"), ask(first, "orphaned"),
    )  # fmt: skip
    for request in (answered, orphaned):
        first.service.approve(request.id, ANNA, version=1, recall=0)
    runs = FakeRuns()
    other = Waker(second, runs, reconcile_every=0)

    def takes_over() -> None:
        clock.forward(20)
        other.once()

    stalled = Interrupted(takes_over)
    for seen in (runs, stalled):
        seen.set("answered", "suspended")
        seen.set("late", "suspended")
        seen.set("lost", "ended", name="Cancelled")
        seen.set("orphaned", "ended", name="Crashed")

    Waker(first, stalled, reconcile_every=0).once()

    now = {request.run.id: first.gatekeeper.get(request.id).state for request in (answered, lost, late, orphaned)}
    names = [entry.event.name for entry in first.store.entries()]
    assert now == {
        "answered": State.APPROVED, "lost": State.WITHDRAWN, "late": State.EXPIRED, "orphaned": State.APPROVED,
    }  # fmt: skip
    assert [names.count(f"request.{what}") for what in ("withdrawn", "expired", "orphaned")] == [1, 1, 1]
    # Asked twice to go on, which Prefect accepts once.
    assert (runs.woken.count("answered"), stalled.woken.count("answered")) == (1, 1)


def test_what_one_has_decided_the_other_wakes(two):
    first, second, _ = two
    request = ask(first, "r1")
    runs = FakeRuns()
    runs.set("r1", "suspended")
    leads, follows = Waker(second, runs), Waker(first, FakeRuns())
    leads.once()

    first.service.approve(request.id, ANNA, version=1, recall=0)
    rounds = (follows.once(), leads.once())

    assert [one.leader for one in rounds] == [False, True]
    assert runs.woken == ["r1"]


def test_the_other_takes_over_within_the_lease_and_not_before(two):
    first, second, clock = two
    leads, follows = Waker(first, FakeRuns(), lease=15), Waker(second, FakeRuns(), lease=15)
    leads.once()

    clock.forward(14)
    early = follows.once()
    clock.forward(2)
    in_time = follows.once()
    back = leads.once()

    assert (early.leader, in_time.leader, back.leader) == (False, True, False)
