"""Runs whose process ended without a word, and the roll on which whoever comes after finds them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import letters
import pytest
from houses import House
from prefect.client.orchestration import get_client
from prefect.states import Cancelling, Completed, Crashed, Pending, Running, Suspended

from flows.relief import ASKED_TO_END, MOST, SERVER_AWAY, STOPPED, Outcome, Roll, lost, relieve


def relieved(run: str | UUID, why: str = "It was killed.") -> Outcome:
    async def ask() -> Outcome:
        async with get_client() as client:
            return await relieve(client, UUID(str(run)), why)

    return asyncio.run(ask())


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
class TestOnPrefect:
    @pytest.mark.parametrize("state", [Pending(), Running(), Running(name="Waiting for review")])
    def test_a_run_that_is_said_to_be_at_work_begins_again(self, house: House, state):
        run = house.start(letters.one_letter, to="halden")
        house.client.set_flow_run_state(UUID(run), state, force=True)

        outcome = relieved(run)

        assert (outcome, house.state(run).name, house.state(run).message) == ("again", "Rescheduled", "It was killed.")

    @pytest.mark.parametrize("state", [Completed(), Crashed(), Cancelling()])
    def test_a_run_that_has_come_to_its_end_is_left_alone(self, house: House, state):
        run = house.start(letters.one_letter, to="halden")
        house.client.set_flow_run_state(UUID(run), Running(), force=True)
        house.client.set_flow_run_state(UUID(run), state, force=True)
        before = house.state(run).name

        outcome = relieved(run)

        assert (outcome, house.state(run).name) == ("settled", before)

    def test_a_run_that_waits_and_one_that_was_deleted_are_left_alone(self, house: House):
        run = house.begin(letters.one_letter, to="halden")

        outcomes = relieved(run), relieved(uuid4())

        assert outcomes == ("settled", "settled")
        assert house.state(run).name == "Suspended"

    def test_a_run_that_was_handed_over_or_has_suspended_in_between_has_lost_nothing(self, house: House):
        run = house.start(letters.one_letter, to="halden")
        outcomes = []

        for number in range(MOST + 2):
            house.client.set_flow_run_state(UUID(run), Running(), force=True)
            outcomes.append(relieved(run, STOPPED if number else "It was killed."))
        for _ in range(MOST):
            house.client.set_flow_run_state(UUID(run), Suspended(), force=True)
            house.client.set_flow_run_state(UUID(run), Running(), force=True)
            outcomes.append(relieved(run))

        assert set(outcomes) == {"again"}

    def test_a_run_that_loses_every_process_is_given_up(self, house: House):
        run = house.start(letters.one_letter, to="halden")
        outcomes = []

        for _ in range(MOST + 1):
            house.client.set_flow_run_state(UUID(run), Running(), force=True)
            outcomes.append(relieved(run))

        assert outcomes == ["again"] * MOST + ["given up"]


@pytest.mark.parametrize("code", [None, -signal.SIGKILL, -signal.SIGSEGV, SERVER_AWAY, ASKED_TO_END])
def test_a_process_that_could_not_say_how_its_run_ended_is_lost(code):
    assert lost(code)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_process_that_ended_by_itself_is_not(code):
    assert not lost(code)


# -- the roll --------------------------------------------------------------------------------------------------------


def taken_by_another(home: Path, run: UUID, *, process: int | None) -> subprocess.Popen[bytes]:
    """A worker that has taken this run, until it is killed."""
    words = (
        "import sys, time; from pathlib import Path; from uuid import UUID; from flows.relief import Roll; "
        "home, run, process = sys.argv[1:]; Roll(Path(home)).take(UUID(run), int(process) or None); "
        "print('taken', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", words, str(home), str(run), str(process or 0)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"taken\n"
    return worker


def end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.communicate()


def test_a_run_is_lost_when_its_worker_is_and_no_process_of_it_lives(tmp_path):
    roll, run = Roll(tmp_path), uuid4()
    worker = taken_by_another(tmp_path, run, process=None)

    while_it_lives = list(roll.lost())
    end(worker)
    afterwards = list(roll.lost())
    roll.strike(run)

    assert (while_it_lives, afterwards, list(roll.lost())) == ([], [run], [])


def test_a_run_whose_process_outlives_its_worker_is_not_lost(tmp_path):
    run = uuid4()

    end(taken_by_another(tmp_path, run, process=os.getpid()))

    assert list(Roll(tmp_path).lost()) == []


def test_a_later_process_of_the_same_number_is_another(tmp_path):
    roll, run = Roll(tmp_path), uuid4()
    roll.take(run, os.getpid())
    (path,) = (tmp_path / "run" / "taken").iterdir()

    entry = json.loads(path.read_text())
    for name in ("worker", "process"):
        entry[name][1] -= 60
    path.write_text(json.dumps(entry))

    assert list(roll.lost()) == [run]


def test_of_another_machine_that_shares_the_home_nothing_is_judged(tmp_path, monkeypatch):
    run = uuid4()
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    there = Roll(tmp_path)
    there.take(run)
    (path,) = (tmp_path / "run" / "taken").iterdir()
    path.write_text(path.read_text().replace(str(os.getpid()), "99999999"))

    monkeypatch.undo()

    assert (list(Roll(tmp_path).lost()), list(there.lost())) == ([], [run])


@pytest.mark.parametrize("words", ["", '{"worker": [1', "[]", '{"host": null}'])
def test_what_is_no_entry_is_passed_over(tmp_path, words):
    roll = Roll(tmp_path)
    roll.take(uuid4())
    (tmp_path / "run" / "taken" / str(uuid4())).write_text(words)
    (tmp_path / "run" / "taken" / "notes.txt").write_text(words)

    assert list(roll.lost()) == []


def test_a_home_that_cannot_be_written_has_no_roll_and_stops_nobody(tmp_path):
    (tmp_path / "run").write_text("a file")
    roll = Roll(tmp_path)

    roll.take(uuid4())
    roll.strike(uuid4())

    assert list(roll.lost()) == []
