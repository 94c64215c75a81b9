"""Runs on a real server with a real process worker, killed while everything waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import letters
import pytest
from houses import PEOPLE, POLICIES, House, Server, until

from approvals.audit import verify
from approvals.resume import PrefectRuns
from flows import composition
from flows.waking import Waker

FLOWS = Path(letters.__file__).parent

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("worker")]


class Worker:
    """A process worker of the pool `letters`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it takes what is scheduled."""
        with (self._home / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "worker", "start", "--pool", "letters", "--type", "process"],
                env={**os.environ, "PYTHONPATH": str(FLOWS)},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """kill -9, and every run process it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[House, Server, Worker]]:
    """A home with a server and a worker of its own."""
    from prefect.context import refresh_global_settings_context

    home, desk = tmp_path / "home", tmp_path / "desk"
    home.mkdir()
    desk.mkdir()
    (home / "people.toml").write_text(PEOPLE)
    (home / "policies.toml").write_text(POLICIES)
    server, worker = Server(tmp_path / "server"), Worker(home)
    server.folder.mkdir()
    settings = {
        "COUNTERSIGN_HOME": str(home),
        "APPROVALS_POLICIES": str(home / "policies.toml"),
        "FLOWS_DOCUMENT_MODULES": '["agents", "flows", "letters"]',
        "LETTERS_DESK": str(desk),
        **server.environment,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    refresh_global_settings_context()
    composition.reset()
    server.start()
    house = House(home, desk)
    yield house, server, worker
    house.close()
    worker.kill()
    server.kill()
    composition.reset()
    monkeypatch.undo()
    refresh_global_settings_context()


def test_two_runs_survive_the_death_of_server_and_worker_and_each_goes_on_once(house):
    house, server, worker = house
    house.client.request("POST", "/work_pools/", json={"name": "letters", "type": "process"})
    worker.start()
    runs = [house.start(letters.one_letter, work_pool_name="letters", to=to) for to in ("halden", "kestrel")]
    until(lambda: all(house.state(run).name == "Suspended" for run in runs), 90)

    worker.kill()
    server.kill()
    for request in house.open_requests():
        house.approve(request)
    waker = Waker(house.approvals, PrefectRuns(), every=0.2)
    while_down = waker.once()
    server.start()
    worker.start()
    stop = threading.Event()
    waking = threading.Thread(target=waker.run, args=(stop,))
    waking.start()
    try:
        until(lambda: all(house.state(run).is_final() for run in runs), 90)
    finally:
        stop.set()
        waking.join()

    found = verify(house.approvals.store.entries(), house.approvals.store.rows())
    assert (while_down.woken, while_down.withdrawn, while_down.abandoned) == (0, 0, 0)
    assert [house.state(run).name for run in runs] == ["Completed", "Completed"]
    assert sorted(call for call in house.calls if not call.startswith("run")) == [
        "post halden",
        "post kestrel",
        "write halden 1",
        "write kestrel 1",
    ]
    assert (len(house.box("halden")), len(house.box("kestrel"))) == (1, 1)
    assert house.events().count("permit.used") == 2
    assert "run.woken" not in house.events()
    assert found.ok, found.problem
