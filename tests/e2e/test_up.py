"""`countersign up` as a person runs it: start, a run that waits, an edit, kill -9 of everything, and the CRM after."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.server

REVIEWER = "reviewer@localhost"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tern Haulage</title></head><body>
<h1>Tern Haulage</h1><p>Tern Haulage moves timber by road. Founded in 1971, we run a fleet of 12 trucks.</p>
<h2>Customers</h2><ul><li>Alder Sawmills</li><li>Birch &amp; Sons</li></ul>
<footer>Tern Haulage Ltd, 3 Quay Street, Leith. Phone +44 131 555 0188, office@tern-haulage.example</footer>
</body></html>"""


class Shell:
    """Two shells of one person: one runs `up`, the other everything else."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home.parent / "up.log"
        self.up: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        ports = {"FLOWS_PREFECT_PORT": "0", "APPROVALS_PORT": "0"}
        ports |= {"FLOWS_LINGER_PLACES": "0"}  # what waits here has no process
        return {**kept, **ports, "COUNTERSIGN_HOME": str(self.home), "COUNTERSIGN_USER": REVIEWER}

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.up = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "up"], env=self.environment, stdout=log, stderr=log
            )
        self.until(lambda: "Ready." in self.log.read_text(), "up did not get ready", seconds=150)

    def kill_everything(self) -> None:
        assert self.up is not None
        parts = psutil.Process(self.up.pid).children(recursive=True)
        for process in [*parts, psutil.Process(self.up.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(parts, timeout=20)
        self.up.wait(20)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def at_work(self) -> list[str]:
        """The run processes there are."""
        assert self.up is not None
        names = []
        for process in psutil.Process(self.up.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                names.append(process.name())
        assert "cs-forking" in names
        return [one for one in names if one == "cs-run"]

    def waiting(self, gate: str, count: int = 1) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [one for one in json.loads(self.run("queue", "--json")) if one["gate"] == gate]
            return len(found) >= count

        self.until(there, f"nothing waits at {gate}", seconds=90)
        return found

    def until(self, there: Callable[[], bool], otherwise: str, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < deadline, f"{otherwise}\n{self.log.read_text()[-2_000:]}"
            time.sleep(0.5)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "home")
    yield shell
    if shell.up is not None and shell.up.poll() is None:
        shell.kill_everything()


def test_what_is_signed_on_the_command_line_is_what_lands_in_the_crm_even_when_everything_was_killed(
    shell: Shell, tmp_path: Path
) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text(PAGE, encoding="utf-8")
    shell.start()

    # A run waits: no process of its own.
    source = ("--source-url", "https://tern-haulage.example/")
    for _ in range(2):
        shell.run("run", "outreach", str(pages), "--name", "Tern Haulage", *source, "--as", "requester@localhost")
    first, second = shell.waiting("proposal", 2)
    second_up = shell.run("up", code=1)
    # The request is there a moment before its process has suspended and ended.
    shell.until(lambda: not shell.at_work(), "a run that waits keeps a process", seconds=30)

    # Edited, and everything killed while both wait; one is decided while nothing runs.
    shell.run("edit", first["id"], "--set", "lines.0.quantity=15", "--set", "title=For Tern, from all of us")
    shell.kill_everything()
    draft = json.loads(shell.run("show", first["id"], "--json"))["content"]["document"]
    findings = _unsupported_after_edit(shell, first["id"])
    vouched = [word for claim in findings for word in ("--vouch", claim)]
    shell.run("approve", first["id"], *vouched)
    shell.start()
    shell.run("approve", second["id"])
    updates = shell.waiting("crm_update", 2)
    # The first is written before the second is signed: both are of one company, so that one has to be looked at again.
    shell.run("approve", updates[0]["id"])
    shell.until(lambda: len(_deals(shell)) == 1, "the CRM was not written", seconds=60)
    assert "Look again" in shell.run("approve", updates[1]["id"], code=1)
    shell.run("approve", updates[1]["id"])
    shell.until(lambda: len(_deals(shell)) == 2, "the CRM was not written", seconds=60)
    time.sleep(2)  # whoever would write twice has had the time to

    assert "already" in second_up
    deals = {record["fields"]["name"]: record["fields"] for record in _deals(shell)}
    price = next(line for line in draft["lines"])["unit_price"]
    rest = sum(float(line["unit_price"]) * line["quantity"] for line in draft["lines"][1:])
    assert float(deals["For Tern, from all of us"]["amount"]) == 15 * float(price) + rest
    assert len(deals) == 2
    notes = [
        note
        for record in _deals(shell)
        for note in json.loads(shell.run("crm", "show", record["key"], "--json"))["notes"]
    ]
    assert len(notes) == 2
    assert sum("For Tern, from all of us" in note["body"] for note in notes) == 1
    research = (shell.home / "logs" / "worker.log").read_text().count("'research")
    assert research == 2, "a completed step ran again"

    # The record holds, and says where somebody's hand was in it.
    assert "fits" in shell.run("audit", "verify")
    with sqlite3.connect(shell.home / "approvals.sqlite") as database:
        database.execute("UPDATE approvals_permit SET target = 'elsewhere' WHERE rowid = 1")
    assert "permit" in shell.run("audit", "verify", code=1)

    # Ctrl-C leaves nothing behind.
    assert shell.up is not None
    left = psutil.Process(shell.up.pid).children(recursive=True)
    shell.up.send_signal(signal.SIGINT)
    assert shell.up.wait(60) == 0
    assert psutil.wait_procs(left, timeout=10)[1] == []


def _unsupported_after_edit(shell: Shell, request_id: str) -> list[str]:
    """What the refusal names: figures that the edit left behind in sentences."""
    refusal = shell.run("approve", request_id, code=1)
    named = refusal.partition("No source supports ")[2].partition(". Edit")[0]
    return [claim.strip() for claim in named.split(",")]


def _deals(shell: Shell) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(shell.run("crm", "list", "--json"))
    return [record for record in records if record["object"] == "deal"]
