"""Fixtures around `houses` and `letters`, which tests import by name."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # before what lies there is imported, here and by the examiner

from houses import PEOPLE, POLICIES, House, Server

from approvals.audit import verify


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all test processes; the first to need it starts it, the last to leave stops it."""
    shared = os.environ.get("PYTEST_XDIST_WORKER") is not None
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if shared else base) / "prefect-server"
    folder.mkdir(exist_ok=True)
    note = folder / "shared.json"
    with _locked(folder / "lock"):
        known = json.loads(note.read_text()) if note.exists() else {"users": 0}
        if known["users"]:
            server = Server(folder, port=known["port"])
        else:
            server = Server(folder, watched=os.getppid() if shared else os.getpid())
            server.start()
            known = {"users": 0, "port": server.port, "pid": server.process.pid if server.process else 0}
        note.write_text(json.dumps({**known, "users": known["users"] + 1}))
    yield server
    with _locked(folder / "lock"):
        known = json.loads(note.read_text())
        known["users"] -= 1
        note.write_text(json.dumps(known))
        if not known["users"]:
            with suppress(ProcessLookupError):
                os.killpg(known["pid"], signal.SIGKILL)
            if server.process is not None:
                server.process.wait()


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A fresh home with people and policies, without Prefect."""
    home, desk = tmp_path / "home", tmp_path / "desk"
    home.mkdir()
    desk.mkdir()
    (home / "people.toml").write_text(PEOPLE)
    (home / "policies.toml").write_text(POLICIES)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(home))
    monkeypatch.setenv("APPROVALS_POLICIES", str(home / "policies.toml"))
    monkeypatch.setenv("FLOWS_DOCUMENT_MODULES", '["agents", "flows", "letters"]')
    monkeypatch.setenv("LETTERS_DESK", str(desk))
    from flows import composition

    composition.reset()
    house = House(home, desk)
    yield house
    house.close()
    try:
        found = verify(house.approvals.store.entries(), house.approvals.store.rows())
    finally:
        composition.reset()
    assert found.ok, found.problem


@pytest.fixture
def house(prefect_server: Server, at_home: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A fresh home on the real Prefect server. The record is verified when the test ends."""
    from prefect.context import refresh_global_settings_context

    for name, value in prefect_server.environment.items():
        monkeypatch.setenv(name, value)
    refresh_global_settings_context()
    yield at_home
    monkeypatch.undo()
    refresh_global_settings_context()


# -- while a run holds -------------------------------------------------------------------------------------------


@pytest.fixture
def meanwhile() -> Iterator[Callable[..., None]]:
    """`meanwhile(act)` runs `act` in a thread beside the test; what it raises fails the test."""
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []

    def start(act: Callable[[], None]) -> None:
        def run() -> None:
            try:
                act()
            except BaseException as failure:
                failures.append(failure)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(30)
    if failures:
        raise failures[0]
