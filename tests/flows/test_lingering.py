"""A process that stays in a gate: whether it may, for how long, and what ends it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from flows import lingering
from flows.handover import tell
from flows.lingering import Leave, Lingering

RUN = "9b2c7f7e-3c52-4a37-8f5c-0f9a0c0d3c11"


@dataclass
class Keeper:
    """A queue with one request, whose answer the test gives."""

    linger: int = 60
    opened: datetime = field(default_factory=lambda: datetime.now(UTC))
    effective_at: datetime | None = None
    reads: int = 0

    @property
    def request(self) -> Any:
        return SimpleNamespace(
            id="R1",
            policy=SimpleNamespace(linger=self.linger),
            opened_at=self.opened,
            is_open=self.effective_at is None,
            effective_at=self.effective_at,
        )

    def get(self, request_id: str) -> Any:
        self.reads += 1
        return self.request

    def counts(self, request: Any) -> bool:
        return request.effective_at is not None and request.effective_at <= datetime.now(UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


def answered(home: Path | None, keeper: Keeper, *, meanwhile: Any = None, shown: list[str] | None = None) -> bool:
    """Whether an execution that asked this keeper stayed until it was answered."""

    async def execution() -> bool:
        scope: Any = SimpleNamespace(run=SimpleNamespace(id=RUN), gatekeeper=keeper, show=lambda: None)
        stays = Lingering(Leave(home, 2, 0) if home else None)
        said = shown if shown is not None else []
        stays._say = lambda scope, state: said.append(state.name)  # type: ignore[method-assign,assignment]
        if meanwhile is not None:
            threading.Timer(0.1, meanwhile).start()
        return await asyncio.wait_for(stays.answered(scope, [keeper.request]), 20)

    return asyncio.run(execution())


def test_without_leave_nobody_stays(keeper):
    assert not answered(None, keeper)
    assert keeper.reads == 0


def test_an_answer_that_is_told_ends_the_wait_when_it_counts(home, keeper):
    shown: list[str] = []

    def answer() -> None:
        keeper.effective_at = datetime.now(UTC) + timedelta(seconds=0.3)
        tell(home, "run", {"request": "R1", "at": keeper.effective_at.isoformat()}, name=RUN)

    found = answered(home, keeper, meanwhile=answer, shown=shown)

    assert found
    assert keeper.effective_at is not None
    assert datetime.now(UTC) >= keeper.effective_at
    assert shown == ["Waiting for review", "Running"]


def test_an_answer_that_nobody_tells_of_is_found_by_looking(home, keeper):
    def answer() -> None:
        keeper.effective_at = datetime.now(UTC)

    assert answered(home, keeper, meanwhile=answer)


def test_what_is_said_of_another_request_or_makes_no_sense_ends_nothing(home, keeper):
    def talk() -> None:
        for message in ({"request": "R2", "at": datetime.now(UTC).isoformat()}, {"request": "R1"}, {"at": 3}):
            tell(home, "run", message, name=RUN)
        tell(home, "run", {"is": "leave"}, name=RUN)

    assert not answered(home, keeper, meanwhile=talk)


def test_who_is_asked_to_leave_leaves(home, keeper):
    shown: list[str] = []

    found = answered(home, keeper, meanwhile=lambda: tell(home, "run", {"is": "leave"}, name=RUN), shown=shown)

    assert not found
    assert shown == ["Waiting for review"]
    assert not list((home / "run").glob("run-*.sock"))


@pytest.mark.parametrize(("linger", "ago"), [(0, 0), (60, 61), (60, 3_600)])
def test_nobody_stays_when_the_time_since_the_gate_opened_is_over(home, linger, ago):
    keeper = Keeper(linger=linger, opened=datetime.now(UTC) - timedelta(seconds=ago))

    assert not answered(home, keeper)
    assert keeper.reads == 0


def test_a_clock_that_ran_ahead_grants_no_longer_stay(home):
    keeper = Keeper(linger=1, opened=datetime.now(UTC) + timedelta(hours=1))
    requests = [keeper.request]

    assert lingering._left(requests) == 1


def test_who_has_answered_is_waited_for_beyond_the_time(home):
    keeper = Keeper(linger=1, opened=datetime.now(UTC) - timedelta(seconds=0.5))

    def answer() -> None:
        keeper.effective_at = datetime.now(UTC) + timedelta(seconds=1.5)

    assert answered(home, keeper, meanwhile=answer)


def test_places_are_few_and_a_killed_process_gives_its_own_back(home):
    leave = Leave(home, 2, 0)
    hold = (
        "import sys, time; from pathlib import Path; from flows.lingering import Leave\n"
        "with Leave(Path(sys.argv[1]), 2, 0).taken() as stays: print(stays, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(home)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"

        with leave.taken() as mine, leave.taken() as third:
            found = (mine, third)
        other.kill()
    with leave.taken() as mine, leave.taken() as second:
        after = (mine, second)

    assert found == (True, False)
    assert after == (True, True)


def test_nobody_stays_where_memory_is_short(home):
    with Leave(home, 2, psutil.virtual_memory().total + 1).taken() as stays:
        assert not stays
