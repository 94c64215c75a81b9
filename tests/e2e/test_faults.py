"""kill -9 of every part of `up`, and of all of them, while runs rest at every point of their life.

To have runs rest at another point: a line in POINTS and in AT_WORK, and a `rest` in faulted.py.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import faulted
import pytest
from houses import House
from standing import Standing

from approvals.audit import verify
from approvals.lifecycle import State
from flows.lingering import WAITING

# Each takes a minute or two: `make test-faults`. That all is killed while runs wait is in test_up.py, for every change.
pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.xdist_group("standing")]

POINTS = (
    "drafting",
    "saved",  # the request is saved, the run not yet suspended
    "lingering",
    "suspended",
    "decided",  # the decision is committed, the run not resumed
    "resumed",  # just before the next line
    "before the write",
    "after the write",  # and before the result is stored
)
AT_WORK = ("drafting", "saved", "lingering", "resumed", "before the write", "after the write")
"""Where the run has a process."""
AT_ONCE = ("drafting", "saved", "lingering")
"""What a run comes to without an answer."""


class Outcome(NamedTuple):
    """What became of one run."""

    ended: str
    final_states: int
    written: int
    permits_used: int
    requests: tuple[State, ...]


AS_IT_SHOULD = Outcome("Completed", 1, 1, 1, (State.APPROVED,))


@dataclass
class Runs:
    """As many runs as there are points, each at rest at a point of its own."""

    house: House
    standing: Standing
    name: str
    ids: dict[str, str]

    def to(self, point: str) -> str:
        return f"{self.name}-{point.replace(' ', '-')}"

    def barrier(self, point: str) -> Path:
        return self.house.desk / f"rest {point} {self.to(point)}"

    def rests(self, point: str) -> int | None:
        """The process that rests there, the last if several did."""
        noted = [line for line in self.house.calls if line.startswith(f"rests {point} {self.to(point)} ")]
        return int(noted[-1].split()[-1]) if noted else None

    def approve(self, *points: str) -> None:
        for point in points:
            self.house.approve(self.house.the_request(self.ids[point]), recall=0)

    def let_all_go_on(self) -> None:
        """Lift every barrier, and sign whatever is asked, until all have ended."""
        for point in AT_WORK:
            self.barrier(point).unlink(missing_ok=True)

        left = set(self.ids.values())

        def ended() -> bool:
            for run in tuple(left):
                for request in self.house.open_requests(run):
                    self.house.approve(request, recall=0)
                if self.house.state(run).is_final():
                    left.discard(run)
            return not left

        self.standing.until(ended, "some run did not end", seconds=300)

    def outcomes(self) -> dict[str, Outcome]:
        entries = list(self.house.approvals.store.entries())
        return {
            point: Outcome(
                ended=self.house.state(run).name,
                final_states=sum(state.is_final() for state in self.house.client.read_flow_run_states(UUID(run))),
                written=len(self.house.box(self.to(point))),
                permits_used=sum(one.event.name == "permit.used" and one.event.run_id == run for one in entries),
                requests=tuple(request.state for request in self.house.requests(run)),
            )
            for point, run in self.ids.items()
        }


@pytest.fixture
def runs(standing: Standing, at_standing: House) -> Callable[[str], Runs]:
    """`runs("queue")`: runs of this name, on their way to their points."""

    def begun(name: str) -> Runs:
        made = Runs(at_standing, standing, name, {})
        for point in POINTS:
            flow = faulted.lingering_letter if point == "lingering" else faulted.rested_letter
            if point in AT_WORK and point != "resumed":
                made.barrier(point).touch()
            made.ids[point] = standing.begin(at_standing, flow, made.to(point))
        return made

    return begun


def brought_to_their_points(runs: Runs) -> None:
    """Wait until each run is where it should rest; the queue stands still from then on, so that nobody is resumed."""
    after_an_answer = [point for point in AT_WORK if point not in AT_ONCE]
    suspended = [point for point in POINTS if point not in AT_ONCE]
    wait = runs.standing.until
    wait(lambda: all(runs.house.state(runs.ids[one]).name == "Suspended" for one in suspended), "no wait", seconds=90)
    wait(lambda: all(runs.rests(one) for one in AT_ONCE), "not all began", seconds=60)
    wait(lambda: runs.house.state(runs.ids["lingering"]).name == WAITING, "none stays", seconds=30)
    runs.barrier("resumed").touch()
    runs.approve(*after_an_answer)
    wait(lambda: all(runs.rests(one) for one in after_an_answer), "not all went on", seconds=60)
    with runs.house.approvals.store.begin():  # not while it holds the store for itself
        runs.standing.part("queue").suspend()
    runs.approve("decided")
    assert runs.house.state(runs.ids["decided"]).name == "Suspended"


@pytest.mark.parametrize("killed", ["server", "queue", "worker", "runs", "everything"])
def test_whatever_is_killed_at_whatever_point_each_run_ends_once_and_writes_once(runs, standing, killed):
    them = runs(killed)
    brought_to_their_points(them)

    match killed:
        case "runs":
            for point in AT_WORK:
                os.kill(them.rests(point), signal.SIGKILL)
        case "everything":
            standing.kill_everything()
            standing.start()
        case part:
            standing.kill(part)
    standing.part("queue").resume()
    them.let_all_go_on()

    found = verify(them.house.approvals.store.entries(), them.house.approvals.store.rows())
    assert them.outcomes() == dict.fromkeys(POINTS, AS_IT_SHOULD)
    assert found.ok, found.problem
