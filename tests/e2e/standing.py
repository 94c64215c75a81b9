"""`countersign up` as a process of the test's: its parts are found by what they are, killed, and waited for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from houses import HERE, PEOPLE, POLICIES, House

_PARTS = {"server": "server start", "queue": "flows.cli web", "worker": "worker start"}

_UNHURRIED = """
[policies.unhurried]
groups = ["sales"]
on_timeout = "expire"
recall = 60
linger = 600
"""


class Standing:
    """A home on which `up` runs, with the flows of the tests."""

    def __init__(self, folder: Path) -> None:
        self.home, self.desk, self._log = folder / "home", folder / "desk", folder / "up.log"
        self.home.mkdir()
        self.desk.mkdir()
        (self.home / "people.toml").write_text(PEOPLE)
        (self.home / "policies.toml").write_text(POLICIES + _UNHURRIED)
        self._up: psutil.Process | None = None
        self._started: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}

    @property
    def settings(self) -> dict[str, str]:
        """What a process needs to belong to this home."""
        return {
            "COUNTERSIGN_HOME": str(self.home),
            "APPROVALS_POLICIES": str(self.home / "policies.toml"),
            "FLOWS_DOCUMENT_MODULES": '["agents", "flows", "letters", "faulted"]',
            "FLOWS_RUNS_AT_ONCE": "12",
            # What is found within these tests by an event is not found by looking now and then.
            "FLOWS_RECONCILE_SECONDS": "3600",
            "FLOWS_LEASE_SECONDS": "3",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
            "LETTERS_DESK": str(self.desk),
        }

    @property
    def path(self) -> str:
        """Where its processes find the flows of the tests, and these packages."""
        return os.pathsep.join((str(Path(__file__).parent), str(HERE), str(HERE.parents[1])))

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to belong to what runs on it now."""
        from flows.prefect_server import Addresses, settings_for

        return {**self.settings, **settings_for(self.home, Addresses(**self.addresses))}  # type: ignore[arg-type]

    def begin(self, house: House, flow: Any, to: str, **terms: Any) -> str:
        """Start a run of this flow of `faulted` in the pool of `up`, by a deployment of its own with these terms."""
        terms = {"work_pool_name": "countersign", "entrypoint": f"faulted.{flow.fn.__name__}", **terms}
        deployment = house.client.create_deployment(
            house.client.create_flow(flow), to, enforce_parameter_schema=False, **terms
        )
        labels = {"countersign.requester": "rita@acme.example"}
        run = house.client.create_flow_run_from_deployment(deployment, parameters={"to": to}, labels=labels)
        return str(run.id)

    def start(self) -> None:
        """Start it, on the ports it had before."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        ports = {
            "FLOWS_PREFECT_PORT": self.addresses.get("prefect", ":0").rpartition(":")[2],
            "APPROVALS_PORT": self.addresses.get("queue", ":0").rpartition(":")[2],
        }
        with self._log.open("wb") as log:
            self._started = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "up"],
                env={**kept, **self.settings, **ports, "PYTHONPATH": self.path},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._up = psutil.Process(self._started.pid)
        self.until(lambda: "Ready." in self._log.read_text(), "up did not get ready", seconds=150)
        self.addresses = json.loads((self.home / "up.json").read_text())

    def part(self, name: str) -> psutil.Process:
        """The process that `up` started for this part, once there is one."""
        found: list[psutil.Process] = []

        def there() -> bool:
            assert self._up is not None
            for process in self._up.children():
                with suppress(psutil.NoSuchProcess):
                    if _PARTS[name] in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                        found.append(process)
            return bool(found)

        self.until(there, f"there is no {name}", seconds=60)
        return found[0]

    def kill(self, name: str) -> None:
        """kill -9 one part, and wait until `up` has another in its place that answers."""
        process = self.part(name)
        for one in (process, *(process.children(recursive=True) if name == "server" else ())):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs([process], timeout=20)
        self.until(lambda: self.part(name).pid != process.pid, f"{name} was not started again", seconds=60)
        if name == "server":
            self.until(lambda: _answers(f"{self.addresses['prefect']}/api/health"), "no server", seconds=90)
        elif name == "queue":
            self.until(lambda: _answers(f"{self.addresses['queue']}/healthz"), "no queue", seconds=90)

    def kill_everything(self) -> None:
        """kill -9 `up`, all its parts, and all the runs."""
        if self._up is None or self._started is None:
            return
        with suppress(psutil.NoSuchProcess):
            processes = [*self._up.children(recursive=True), self._up]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=20)
        self._started.wait(20)
        self._up = None

    def stop(self) -> int:
        """Ctrl-C; tells the exit code."""
        assert self._started is not None
        self._started.send_signal(signal.SIGINT)
        code = self._started.wait(90)
        self._up = None
        return code

    def log_of(self, name: str) -> str:
        """What a part has said."""
        path = self.home / "logs" / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def until(self, there: Callable[[], object], otherwise: str, *, seconds: float) -> None:
        """Wait for it, and say what was said meanwhile where it does not come."""
        deadline = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < deadline, (
                f"{otherwise}\n{self._log.read_text()[-1500:]}\n--- worker\n{self.log_of('worker')[-4000:]}"
                f"\n--- queue\n{self.log_of('queue')[-1000:]}"
            )
            time.sleep(0.25)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
