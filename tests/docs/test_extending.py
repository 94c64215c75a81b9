"""The second flow of docs/extending.md, taken from the page and run."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from pages import EXTENDING, ROOT, blocks, code_spans, prose

import flows
from approvals.audit import verify
from approvals.bootstrap import Approvals
from approvals.lifecycle import OPEN
from approvals.people import add_person
from approvals.ports import Person, Wanted
from flows import composition

REVIEWER = "reviewer@localhost"
CUSTOMER = "halden-freight"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Path]:
    """A home with the people that `countersign up` makes, on a real Prefect server."""
    from prefect.context import refresh_global_settings_context

    home = tmp_path / "home"
    add_person(home / "people.toml", Person(email="requester@localhost"))
    add_person(home / "people.toml", Person(email=REVIEWER, groups=("sales", "revops", "managers"), role="admin"))
    monkeypatch.setenv("COUNTERSIGN_HOME", str(home))
    for name, value in prefect_server.environment.items():
        monkeypatch.setenv(name, value)
    refresh_global_settings_context()
    composition.reset()
    yield home
    composition.reset()
    monkeypatch.undo()
    refresh_global_settings_context()


@pytest.fixture
def renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[ModuleType]:
    """The page's first block of Python as `flows/renewal.py`, letter for letter."""
    folder = tmp_path / "more-flows"
    folder.mkdir()
    (folder / "renewal.py").write_text(blocks(EXTENDING, "python")[0].text, encoding="utf-8")
    monkeypatch.setattr(flows, "__path__", [*flows.__path__, str(folder)])
    yield importlib.import_module("flows.renewal")
    del sys.modules["flows.renewal"]
    vars(flows).pop("renewal", None)


def _only_request(approvals: Approvals) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with approvals.store.read() as transaction:
            waiting = transaction.page(Wanted(states=OPEN), limit=2).requests
        if waiting:
            assert len(waiting) == 1
            return waiting[0].id
        time.sleep(0.05)
    pytest.fail("the gate asked nobody")


def _countersign(folder: Path, *arguments: str) -> str:
    """The console script in a process of its own, which finds `flows/renewal.py` where the page puts it."""
    starts = f"import flows; flows.__path__.append({str(folder)!r}); from flows.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", starts, *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _typed(request_id: str) -> list[list[str]]:
    """What the page tells the reviewer to type, for this request."""
    said = [line for block in blocks(EXTENDING, "console") for line in block.text.splitlines()]
    commands = [line.removeprefix("$ countersign ").split() for line in said if line.startswith("$ countersign ")]
    return [[request_id[:4] if word == "7K2M" else word for word in command] for command in commands]


@pytest.mark.server
def test_the_second_flow_asks_is_edited_and_approved_on_the_command_line_and_acts_once(
    home: Path, renewal: ModuleType, tmp_path: Path
) -> None:
    printed: list[str] = []
    failed: list[BaseException] = []

    def review() -> None:
        try:
            commands = _typed(_only_request(composition.approvals()))
            printed.extend(_countersign(tmp_path / "more-flows", *command) for command in commands)
        except BaseException as error:
            failed.append(error)

    reviewer = threading.Thread(target=review, daemon=True)
    reviewer.start()

    async def run() -> Any:
        running = asyncio.ensure_future(renewal.renewal(CUSTOMER))
        while not running.done():
            if failed:
                running.cancel()
                raise failed[0]
            await asyncio.sleep(0.1)
        return await running

    # One task at the top, as `asyncio.run(renewal(…))` has it.
    receipt = asyncio.run(run())
    reviewer.join(60)

    assert receipt == f"sent to {CUSTOMER}"
    assert [line.split()[0] for line in printed] == ["ID", "Kept", "Approved"]
    assert [path.name for path in (home / "outbox").iterdir()] == [f"{CUSTOMER}.txt"]
    letter = (home / "outbox" / f"{CUSTOMER}.txt").read_text(encoding="utf-8")
    assert letter == f"Dear {CUSTOMER}, shall we go on for another year?\n1150.00 EUR\n"
    store = composition.approvals().store
    happened = [entry.event.name for entry in store.entries()]
    assert happened == ["request.opened", "request.approved", "request.taken_up", "permit.taken", "permit.used"]
    assert verify(store.entries(), store.rows()).problem is None


def test_the_second_flow_fits_on_a_screen() -> None:
    code = blocks(EXTENDING, "python")[0].text

    assert len([line for line in code.splitlines() if line.strip()]) <= 40


def test_its_deployment_reads_as_an_entry_of_prefect_yaml() -> None:
    (entry,) = yaml.safe_load("pool: &pool {name: countersign}\nlist:\n" + blocks(EXTENDING, "yaml")[0].text)["list"]

    there = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]

    assert entry["entrypoint"] == "flows.renewal.renewal"
    assert set(entry) <= set(there[0])
    assert entry["work_pool"] == there[0]["work_pool"]


def test_every_file_that_the_page_sends_a_reader_to_is_there() -> None:
    named = {
        span.partition("#")[0]
        for span in code_spans(prose(EXTENDING))
        if re.fullmatch(r"[\w./-]+\.(py|toml|yaml)", span)
    }

    missing = {path for path in named if not (ROOT / path).exists()}

    assert missing == {"flows/renewal.py"}  # the reader's own


def test_the_lines_that_the_page_quotes_of_pyproject_stand_there() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = {contract["id"]: contract.get("layers", []) for contract in contracts}
    quoted = {span.strip('"') for span in code_spans(prose(EXTENDING)) if span.startswith('"')}

    assert quoted == {"outreach | outreach_batch | revert | upkeep"}
    assert quoted <= set(layers["flows"])
    assert any(line.startswith("research") for line in layers["agents"])
    assert any(contract["id"] == "frameworks" and "source_modules" in contract for contract in contracts)
