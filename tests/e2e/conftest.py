"""What the tests here share; they import what `tests/flows` stands on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path += [
    str(Path(__file__).parent),
    str(Path(__file__).parent.parent / "flows"),
]  # before what lies there is imported

from houses import PEOPLE, POLICIES, House, Server
from standing import Standing
from workers import Worker

from flows import composition


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


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A home on which `countersign up` runs, for every test of the group `standing`."""
    standing = Standing(tmp_path_factory.mktemp("standing"))
    try:
        standing.start()
        yield standing
    finally:
        standing.kill_everything()


@pytest.fixture
def at_standing(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """That home as this process sees it."""
    from prefect.context import refresh_global_settings_context

    for name, value in standing.environment.items():
        monkeypatch.setenv(name, value)
    refresh_global_settings_context()
    composition.reset()
    house = House(standing.home, standing.desk)
    yield house
    house.close()
    composition.reset()
    monkeypatch.undo()
    refresh_global_settings_context()
