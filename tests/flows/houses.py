"""A real Prefect server, and a home whose runs are executed where a test can watch them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.lifecycle import OPEN
from approvals.ports import RunWatch, Wanted
from approvals.requests import Identity, Proposed, Request, RunReference

HERE = Path(__file__).parent

PATH = os.pathsep.join((str(HERE), str(HERE.parents[1])))
"""Where processes of a test find the flows of the tests, and these packages."""

PEOPLE = """
[[people]]
email = "anna@acme.example"
groups = ["sales", "revops"]

[[people]]
email = "ben@acme.example"
groups = ["sales"]

[[people]]
email = "dora@acme.example"
groups = ["managers"]

[[people]]
email = "solo@acme.example"
groups = ["lonely"]
"""

POLICIES = """
[policies.letter]
groups = ["sales"]
on_timeout = "expire"
linger = 0
recall = 60

[policies.twice]
groups = ["sales"]
rounds = 2
on_timeout = "expire"
linger = 0

[policies.unasked]
groups = ["sales"]
ask_when = "flagged"
on_timeout = "expire"
linger = 0

[policies.lonely]
groups = ["lonely"]
on_timeout = "expire"
linger = 0

[policies.hurried]
groups = ["sales"]
due = 1
on_timeout = "expire"
linger = 0

[policies.patient]
groups = ["sales"]
due = 1
on_timeout = "escalate"
linger = 0
escalate_to = ["managers"]
"""


# -- the server --------------------------------------------------------------------------------------------------


_END_WITH_THE_TESTS = """
"$@" & server=$!
while kill -0 "$WATCHED" && kill -0 "$server"; do sleep 1; done 2>/dev/null
kill -9 "$server"
"""
"""Whoever kills the tests leaves no server behind."""


_started: list[subprocess.Popen[bytes]] = []
"""Held to the end: another test process may be the one to stop a server, and forgetting it before would warn."""


class Server:
    """A Prefect server process on a free port; can be killed and started again on what it had stored."""

    def __init__(self, folder: Path, *, port: int | None = None, watched: int | None = None) -> None:
        self.folder = folder
        self.port = port or _free_port()
        self._watched = watched or os.getpid()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to belong to this server."""
        from flows.prefect_server import Addresses, settings_for

        address = f"http://127.0.0.1:{self.port}"
        settings = settings_for(self.folder, Addresses(prefect=address, queue="", home=str(self.folder), pid=0))
        quiet = {"PREFECT_LOGGING_TO_API_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "WARNING"}
        quiet |= {"PREFECT_WORKER_QUERY_SECONDS": "0.5"}  # stock workers are told nothing
        return {name: value for name, value in settings.items() if name.startswith("PREFECT_")} | quiet

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        address = ("--host", "127.0.0.1", "--port", str(self.port))
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", _END_WITH_THE_TESTS, "sh", sys.executable, "-m", "prefect", "server", "start", *address],
                env={**os.environ, **self.environment, "WATCHED": str(self._watched)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _started.append(self.process)
        deadline = time.monotonic() + 90
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"Prefect's server did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it can be reached."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9, and everything it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- the home ----------------------------------------------------------------------------------------------------


def person(email: str) -> Actor:
    """Somebody who signed in."""
    return Actor(kind="person", id=email, via="session")


ANNA = person("anna@acme.example")
BEN = person("ben@acme.example")
DORA = person("dora@acme.example")


class House:
    """A home on one machine: its queue, and its runs on Prefect."""

    def __init__(self, home: Path, desk: Path) -> None:
        self.home = home
        self.desk = desk
        self._client: Any = None

    # -- the queue

    @property
    def approvals(self) -> Approvals:
        """The queue as flows of this process see it."""
        from flows import composition

        return composition.approvals()

    def requests(self, run: str | None = None) -> list[Request]:
        """Every request, oldest first."""
        with self.approvals.store.read() as transaction:
            page = transaction.page(Wanted(run=run), limit=200)
        return sorted(page.requests, key=lambda request: request.opened_at)

    def open_requests(self, run: str | None = None) -> list[Request]:
        """Those that wait for an answer."""
        return [request for request in self.requests(run) if request.state in OPEN]

    def the_request(self, run: str | None = None) -> Request:
        """The only one that waits."""
        (request,) = self.open_requests(run)
        return request

    def approve(self, request: Request, by: Actor = ANNA, **terms: Any) -> Request:
        """Sign it as it stands, or `edited=…`."""
        return self.approvals.service.approve(request.id, by, version=request.version, **terms)

    def reject(self, request: Request, by: Actor = ANNA, reason: str = "Not now.") -> Request:
        """Say no."""
        return self.approvals.service.reject(request.id, by, version=request.version, reason=reason)

    def send_back(self, request: Request, feedback: str, by: Actor = ANNA) -> Request:
        """Ask for another draft."""
        return self.approvals.service.send_back(request.id, by, version=request.version, feedback=feedback)

    def events(self, request: Request | None = None) -> list[str]:
        """The names of what the record holds."""
        entries = self.approvals.store.entries(request_id=request.id if request else None)
        return [entry.event.name for entry in entries]

    # -- what steps and effects left behind

    @property
    def calls(self) -> list[str]:
        """What ran, in order."""
        path = self.desk / "calls.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def box(self, to: str) -> list[str]:
        """What was really posted to somebody."""
        path = self.desk / f"box-{to}.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    # -- runs on Prefect

    @property
    def client(self) -> Any:
        """A client of the server."""
        if self._client is None:
            from prefect.client.orchestration import get_client

            self._client = get_client(sync_client=True).__enter__()
        return self._client

    def close(self) -> None:
        """Let go of the client."""
        if self._client is not None:
            self._client.__exit__(None, None, None)

    @property
    def name(self) -> str:
        """Of its deployments. The test's: under one name, another test process would replace one, schedules and all."""
        return self.home.parent.name

    def deploy(self, flow: Any, **terms: Any) -> UUID:
        """A deployment of this flow that no worker serves: the test executes its runs."""
        flow_id = self.client.create_flow(flow)
        terms = {"entrypoint": f"letters.{flow.fn.__name__}", "enforce_parameter_schema": False, **terms}
        deployment: UUID = self.client.create_deployment(flow_id, self.name, **terms)
        return deployment

    def start(
        self,
        flow: Any,
        *,
        requester: str | None = "rita@acme.example",
        work_pool_name: str | None = None,
        **parameters: Any,
    ) -> str:
        """A run of a deployment, waiting to be executed; tells its id."""
        labels = {"countersign.requester": requester} if requester else None
        deployment = self.deploy(flow, work_pool_name=work_pool_name)
        run = self.client.create_flow_run_from_deployment(deployment, parameters=parameters, labels=labels)
        return str(run.id)

    def execute(self, flow: Any, run_id: str) -> Any:
        """Execute the run here until it ends or suspends; tells the state that Prefect holds then."""
        from prefect.exceptions import Abort, Pause
        from prefect.flow_engine import run_flow

        async def engine() -> None:
            with suppress(Abort, Pause):
                await run_flow(flow, flow_run=self.client.read_flow_run(UUID(run_id)), return_type="state")

        asyncio.run(engine())
        return self.state(run_id)

    def call(self, flow: Any, *args: Any) -> Any:
        """Call the flow as a script does, without a deployment; tells the state that it ended in."""

        async def script() -> Any:
            return await flow(*args, return_state=True)

        return asyncio.run(script())

    def state(self, run_id: str) -> Any:
        """The run's state as Prefect holds it."""
        return self.client.read_flow_run(UUID(run_id)).state

    def resume(self, run_id: str) -> None:
        """Press Resume, as the Prefect UI does."""
        assert self.client.resume_flow_run(UUID(run_id)).status.value == "ACCEPT"

    def begin(self, flow: Any, **parameters: Any) -> str:
        """A run of a deployment that has come to its first gate and is suspended there."""
        run = self.start(flow, **parameters)
        assert self.execute(flow, run).name == "Suspended"
        return run

    def go_on(self, flow: Any, run_id: str) -> Any:
        """Resume the run and execute it, as the waker and a worker would."""
        self.resume(run_id)
        return self.execute(flow, run_id)

    def result(self, run_id: str) -> Any:
        """What the run returned."""
        return result_of(self.state(run_id))

    def subprocess(self, run_id: str) -> subprocess.Popen[bytes]:
        """Execute the run in a process of its own, as a process worker does."""
        log = (self.home / f"{run_id}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect.engine"],
                env={**os.environ, "PREFECT__FLOW_RUN_ID": run_id, "PYTHONPATH": PATH},
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def result_of(state: Any) -> Any:
    """What a run that ended in this state returned, or raised."""

    async def read() -> Any:
        return await state.aresult(raise_on_failure=True)

    return asyncio.run(read())


def until(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `found` returns as soon as it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if something := found():
            return something
        time.sleep(0.02)
    pytest.fail(f"nothing came within {seconds:g} s")


# -- runs that a test makes up -----------------------------------------------------------------------------------

WORKER = Actor(kind="worker", id="one-letter", via="flow", scopes=frozenset({"gate"}))


def ask(approvals: Approvals, run: str = "r1", policy: str = "letter", *, deployment: str | None = "d1") -> Request:
    """Open a request of a run that need not exist."""
    proposed = Proposed(
        identity=Identity(run=run, gate="letter", key="halden"),
        kind="letters:Letter",
        title="Letter",
        document={"to": "halden", "text": "Dear reader", "postage": "1.10"},
        document_schema={},
        requester="rita@acme.example",
        run=RunReference(id=run, flow="one-letter", deployment=deployment),
        policy=policy,
    )
    return approvals.gatekeeper.open(proposed, WORKER)


class FakeRuns:
    """Runs whose state the test sets; `down` is Prefect not answering."""

    def __init__(self) -> None:
        self.watches: dict[str, RunWatch] = {}
        self.deployments: set[str] = {"d1"}
        self.down = False
        self.refuses = False
        self.woken: list[str] = []
        self.restarted: list[str] = []

    def set(self, run: str, status: Any, *, name: str = "", deployment: str | None = "d1") -> None:
        """How a run stands from now on."""
        self.watches[run] = RunWatch(status=status, name=name or status.capitalize(), deployment=deployment)

    def statuses(self, run_ids: Any) -> dict[str, RunWatch]:
        if self.down:
            return {run: RunWatch(status="unknown", name="connection refused") for run in run_ids}
        return {run: self.watches.get(run, RunWatch(status="gone", name="deleted")) for run in run_ids}

    def existing(self, deployments: Any) -> frozenset[str]:
        return frozenset() if self.down else frozenset(self.deployments & set(deployments))

    def wake(self, run_id: str) -> bool:
        if self.refuses or self.down:
            return False
        self.woken.append(run_id)
        return True

    def restart(self, run_id: str) -> bool:
        if self.refuses or self.down:
            return False
        self.restarted.append(run_id)
        return True


@dataclass
class SettableClock:
    """A clock that stands still until it is told to move."""

    now: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float = 0, **terms: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds, **terms)
