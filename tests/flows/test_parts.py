"""A part that dies is started again, later each time; one that hangs is named; all of it ends when it is asked to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from houses import until

from flows.parts import Part


class Stopwatch:
    """Seconds, as a test says."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def part(tmp_path: Path, clock: Stopwatch) -> Iterator[Callable[..., Part]]:
    (tmp_path / "logs").mkdir()
    made: list[Part] = []

    def make(program: str, healthy: Callable[[], bool] = lambda: True) -> Part:
        command = [sys.executable, "-S", "-c", program]
        part = Part("queue", command, healthy, environment=os.environ, home=tmp_path, clock=clock)
        made.append(part)
        part.launch()
        return part

    yield make
    for one in made:
        one.end()


def test_one_that_dies_at_once_is_started_again_later_each_time_and_its_log_is_named(
    part: Callable[..., Part], clock: Stopwatch, tmp_path: Path
) -> None:
    died = part("print('the disk is full', flush=True); raise SystemExit(3)")
    waits = []
    for _ in range(7):
        until(lambda: died.code() is not None)
        said = died.look()
        waits.append(float(said.partition("again in ")[2].partition(" s")[0]))
        clock.now += waits[-1] - 0.1
        assert died.look() == ""
        assert died.standing().stands == "waits to start again"
        clock.now += 0.2
        died.look()
        assert died.standing().stands == "starting"

    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert "exit 3" in said
    assert str(tmp_path / "logs" / "queue.log") in said
    assert died.standing().deaths == 7
    assert "the disk is full" in died.last_words()


def test_one_that_ran_well_for_long_is_started_again_soon(part: Callable[..., Part], clock: Stopwatch) -> None:
    steady = part("import time; time.sleep(60)")
    for _ in range(3):
        process = psutil.Process(steady.standing().pid)
        clock.now += 3_600
        process.kill()
        until(lambda: steady.code() is not None)
        said = steady.look()
        clock.now += 1
        steady.look()

    assert "SIGKILL" in said
    assert "again in 1 s" in said


def test_one_that_runs_and_does_not_answer_is_named_once_and_so_is_its_recovery(
    part: Callable[..., Part], clock: Stopwatch
) -> None:
    well = [True]
    hung = part("import time; time.sleep(60)", lambda: well[0])
    first = hung.look()
    well[0] = False
    clock.now += 20
    once = hung.look()
    clock.now += 20
    named = hung.look()
    clock.now += 20
    again = hung.look()
    stood = hung.standing().stands
    well[0] = True
    hung.look()

    assert (first, once, again, stood) == ("", "", "", "not answering")
    assert "does not answer" in named
    assert hung.standing().stands == "running"


def test_what_a_part_started_ends_with_it(part: Callable[..., Part]) -> None:
    program = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print('started', flush=True)\n"
        "time.sleep(60)"
    )
    parent = part(program)
    until(lambda: "started" in parent.log.read_text())
    children = psutil.Process(parent.standing().pid).children()

    parent.end()

    assert len(children) == 1
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert parent.standing().stands == "stopped"
