"""What the processes of one home tell each other."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from flows.handover import Ear, tell


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose path is longer than a socket's address may be."""
    home = tmp_path / ("a-rather-long-name-" * 6) / "home"
    home.mkdir(parents=True)
    return home


def test_a_listener_hears_what_it_is_told_and_nothing_twice(home):
    ear = Ear(home, "waker", "1")

    told = tell(home, "waker", {"request": "R1"}) + tell(home, "waker", {"request": "R2"})

    assert told == 2
    assert ear.heard(1.0) == [{"request": "R1"}, {"request": "R2"}]
    assert ear.heard() == []
    ear.close()


def test_every_listener_of_a_kind_is_told_and_no_other(home):
    first, second, other = Ear(home, "worker", "1"), Ear(home, "worker", "2"), Ear(home, "waker", "1")

    told = tell(home, "worker", {"run": "r"})

    assert told == 2
    assert (first.heard(1.0), second.heard(1.0), other.heard()) == ([{"run": "r"}], [{"run": "r"}], [])
    for ear in (first, second, other):
        ear.close()


def test_nobody_but_the_owner_can_reach_a_listener(home):
    ear = Ear(home, "worker", "1")

    folder, path = home / "run", home / "run" / "worker-1.sock"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ear.close()


def test_telling_nobody_is_no_failure_and_a_killed_listener_is_forgotten(home):
    assert tell(home, "waker", {"request": "R1"}) == 0
    ear = Ear(home, "waker", "1")
    os.close(socket.dup(ear.fileno()))
    ear._socket.close()  # as a killed process leaves it: the file stays

    assert tell(home, "waker", {"request": "R1"}) == 0
    assert not (home / "run" / "waker-1.sock").exists()


def test_a_listener_that_does_not_listen_holds_nobody_up_and_nonsense_is_skipped(home):
    ear = Ear(home, "worker", "1")
    for number in range(2_000):
        tell(home, "worker", {"number": number})
    ear.heard()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        handle = os.open(home / "run", os.O_RDONLY)
        mouth.sendto(b"\xff nonsense", f"/proc/self/fd/{handle}/worker-1.sock")
        os.close(handle)
    tell(home, "worker", {"number": -1})

    assert ear.heard(1.0) == [{"number": -1}]
    ear.close()
