"""Starting and stopping the parts, as far as it can be told without them; `tests/e2e/test_up.py` starts them all."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from flows.errors import ServerError
from flows.prefect_server import Addresses
from flows.supervisor import Supervisor, running

HERE = Addresses(prefect="http://127.0.0.1:4200", queue="http://127.0.0.1:4280", home="/h", pid=1)


def test_a_port_that_is_taken_is_named_with_the_setting_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with (
            pytest.raises(ServerError, match=rf"Port {port} for Prefect's server .* FLOWS_PREFECT_PORT"),
            Supervisor(tmp_path, prefect_port=port, queue_port=0),
        ):
            pass

    assert running(tmp_path) is None


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")

    with pytest.raises(ServerError, match="COUNTERSIGN_HOME"), Supervisor(tmp_path / "file" / "home"):
        pass


def test_a_second_start_on_the_same_home_says_that_it_runs(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "up.json").write_text(json.dumps({**HERE.__dict__, "home": str(tmp_path)}), encoding="utf-8")
    with (tmp_path / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        found = running(tmp_path)
        with pytest.raises(ServerError, match=r"runs on .* already: Prefect at http://127.0.0.1:4200"):
            Supervisor(tmp_path).__enter__()

    assert found is not None
    assert found.queue == HERE.queue


def test_addresses_left_behind_by_a_killed_start_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(json.dumps(HERE.__dict__), encoding="utf-8")

    assert running(tmp_path) is None


def test_the_environment_of_the_caller_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_MODEL", "offline:")

    environment = Supervisor(tmp_path).environment(HERE)

    assert environment["AGENTS_MODEL"] == "offline:"
    assert environment["PATH"] == os.environ["PATH"]
