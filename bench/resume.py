"""How long it takes from a person's decision to the next line of the flow.

Run `python bench/resume.py [--n 50] [--waiting 0,100] [--bare 5] [--postgres URL] [--quick] [--json FILE]`. It starts
`countersign up`'s own parts in a home of their own, lets runs come to a gate and suspend, and decides them one after
the other at random moments, over REST, with `recall = 0`. Two figures for each: from just before the decision is sent,
and from the moment it takes effect, as the queue recorded it; both to the next line of the flow, in a process of its
own. Beside it, in the same home, Prefect alone: a run suspended with `suspend_flow_run` and resumed over REST, taken
up by Prefect's process worker and by `flow.serve()`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent

POLICIES = """
[policies.note]
groups = ["sales"]
on_timeout = "expire"
recall = 0
linger = 0

[policies.quick]
groups = ["sales"]
on_timeout = "expire"
recall = 0
linger = "10m"

[policies.passed]
groups = ["sales"]
on_timeout = "expire"
ask_when = "flagged"
"""

PEOPLE = """
[[people]]
email = "anna@acme.example"
groups = ["sales"]
"""

PREFECT = """
name: bench
build: []
push: []
pull: []
deployments:
  - name: bench
    entrypoint: staging.gated.gated
    work_pool: {name: countersign}
  - name: bench
    entrypoint: staging.gated.quick
    work_pool: {name: countersign}
  - name: bench
    entrypoint: staging.stepping.gates_before
    work_pool: {name: countersign}
"""

_SERVED = "from staging.gated import bare; bare.serve(name='served')"


@dataclass
class Figure:
    """One way of waiting, in milliseconds."""

    name: str
    n: int
    p50: float
    p95: float
    most: float


def figure(name: str, seconds: list[float]) -> Figure:
    """What these took."""
    took = sorted(1_000 * one for one in seconds)
    return Figure(name, len(took), statistics.median(took), took[max(0, round(len(took) * 0.95) - 1)], took[-1])


class Home:
    """`countersign up` on a home of its own, and one who decides."""

    def __init__(self, folder: Path) -> None:
        self.home, self.marks = folder / "home", folder / "marks"
        for one in (self.home, self.marks, folder / "project"):
            one.mkdir()
        (self.home / "people.toml").write_text(PEOPLE)
        (self.home / "policies.toml").write_text(POLICIES)
        (folder / "project" / "prefect.yaml").write_text(PREFECT)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FLOWS_"))}
        os.environ.clear()
        os.environ.update(
            {
                **kept,
                "COUNTERSIGN_HOME": str(self.home),
                "APPROVALS_POLICIES": str(self.home / "policies.toml"),
                "FLOWS_DOCUMENT_MODULES": '["agents", "flows", "staging"]',
                "PYTHONPATH": f"{ROOT}:{HERE}",
                "BENCH_MARKS": str(self.marks),
            }
        )
        self.project = folder / "project"

    @contextmanager
    def up(self, runs_at_once: int, postgres: str = "") -> Iterator[None]:
        """All parts, as `countersign up` starts them."""
        from flows.supervisor import Supervisor

        supervisor = Supervisor(
            self.home,
            prefect_port=0,
            queue_port=0,
            runs_at_once=runs_at_once,
            postgres=postgres,
            project=self.project,
        )
        with supervisor as addresses:
            self.addresses = addresses
            from approvals.decisions import SYSTEM
            from flows import composition

            self.approvals = composition.approvals()
            secret = self.approvals.tokens.create("anna@acme.example", SYSTEM, scopes=("read", "decide")).secret
            self.queue = httpx.Client(
                base_url=addresses.queue, headers={"Authorization": f"Bearer {secret}"}, timeout=30
            )
            self.prefect = httpx.Client(base_url=f"{addresses.prefect}/api", timeout=30)
            yield
            self.approvals.close()

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """A run of this deployment; tells its id."""
        found = self.prefect.get(f"/deployments/name/{deployment}").json()
        body = {"parameters": parameters, "labels": {"countersign.requester": "rita@acme.example"}}
        return str(self.post(f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Prefect's answer; asked again while its database is busy."""
        while (answer := self.prefect.post(path, json=body)).status_code == 503:
            time.sleep(0.5)
        answer.raise_for_status()
        return answer.json()

    def state(self, run: str) -> str:
        """The name of its state."""
        return str(self.prefect.get(f"/flow_runs/{run}").json()["state"]["name"])

    def suspended(self, runs: list[str], seconds: float = 600) -> None:
        """Wait until each of these is suspended and its process is gone."""
        deadline, left = time.monotonic() + seconds, list(runs)
        while left:
            body = {"flow_runs": {"id": {"any_": left[:200]}}, "limit": 200}
            states = {
                one["id"]: one["state"]["name"] for one in self.prefect.post("/flow_runs/filter", json=body).json()
            }
            left = [run for run in left if states.get(run) != "Suspended"]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(left)} runs are not suspended: {states}")
            time.sleep(0.2)

    def requests(self, runs: list[str]) -> dict[str, Any]:
        """The open request of each of these runs."""
        from approvals.lifecycle import OPEN
        from approvals.ports import Wanted

        found: dict[str, Any] = {}
        for run in runs:
            with self.approvals.store.read() as transaction:
                found.update((run, one) for one in transaction.page(Wanted(run=run, states=OPEN), limit=1).requests)
        return found

    def ended(self, run: str) -> None:
        """Wait until it has come to its end."""
        until(lambda: self.state(run) == "Completed")

    def times(self, name: str) -> list[float]:
        """When the flow came to this mark, each time."""
        return [float(line) for line in (self.marks / name).read_text().splitlines()]

    def marked(self, name: str, seconds: float = 60) -> float:
        """When the flow had come to this mark."""
        deadline, path = time.monotonic() + seconds, self.marks / name
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError, ValueError, IndexError):
                return float(path.read_text().splitlines()[0])
            time.sleep(0.005)
        raise TimeoutError(f"{name} never came")


def decided(home: Home, n: int, label: str) -> list[Figure]:
    """Runs suspended at a gate, decided one after the other."""
    names = [f"{label}-{number}" for number in range(n + 1)]
    runs = {name: home.start("gated/bench", {"name": name}) for name in names}
    home.suspended(list(runs.values()))
    requests = home.requests(list(runs.values()))
    time.sleep(3)
    took = []
    for name, run in runs.items():
        time.sleep(random.uniform(0.5, 1.5))
        took.append(approved(home, requests[run], f"{name}.0"))
    return figures_of(label, took)


def lingered(home: Home, n: int, label: str) -> list[Figure]:
    """A run whose process stays in each of its gates, decided one gate after the other."""
    run = home.start("quick/bench", {"name": label, "gates": n + 1})
    took = []
    for turn in range(n + 1):
        until(lambda: bool(home.requests([run]) and home.state(run) == "Waiting for review"))
        time.sleep(random.uniform(0.5, 1.5))
        took.append(approved(home, home.requests([run])[run], f"{label}.{turn}"))
    return figures_of(label, took)


def approved(home: Home, request: Any, mark: str) -> tuple[float, float]:
    """Approve it over REST; the seconds to the next line of its flow, from the effect and from the click."""
    click = time.time()
    answer = home.queue.post(
        f"/api/v1/requests/{request.id}/verdicts", json={"version": request.version, "verdict": {"kind": "approve"}}
    )
    if answer.is_error:
        raise SystemExit(answer.text)
    line = home.marked(mark)
    effect = home.approvals.gatekeeper.get(request.id).effective_at.timestamp()
    return line - effect, line - click


def figures_of(label: str, took: list[tuple[float, float]]) -> list[Figure]:
    """The first one makes the queue import the document's class, and is left out."""
    effects, clicks = zip(*took[1:], strict=True)
    return [figure(f"{label}, from the effect", list(effects)), figure(f"{label}, from the click", list(clicks))]


def resumed(home: Home, n: int, deployment: str, label: str) -> Figure:
    """The same on Prefect alone."""
    names = [f"{label}-{number}".replace(" ", "-") for number in range(n)]
    runs = {name: home.start(deployment, {"name": name}) for name in names}
    home.suspended(list(runs.values()))
    time.sleep(3)
    took = []
    for name, run in runs.items():
        time.sleep(random.uniform(0.5, 5))
        began = time.time()
        home.prefect.post(f"/flow_runs/{run}/resume", json={}).raise_for_status()
        took.append(home.marked(name) - began)
    return figure(label, took)


@contextmanager
def process(*command: str) -> Iterator[None]:
    """A process beside, with Prefect's own defaults for how often it looks."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_WORKER")}
    with subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        try:
            yield
        finally:
            for part in [*psutil.Process(one.pid).children(recursive=True), psutil.Process(one.pid)]:
                with suppress(psutil.NoSuchProcess):
                    part.kill()


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come")
        time.sleep(0.2)


def on_prefect_alone(home: Home, n: int) -> list[Figure]:
    """Prefect's process worker and `serve()`, on the same server."""
    home.post("/work_pools/", {"name": "bare", "type": "process"})
    flow = home.post("/flows/", {"name": "bare"})["id"]
    terms = {"name": "bare", "flow_id": flow, "entrypoint": "staging.gated.bare", "work_pool_name": "bare"}
    home.post("/deployments/", terms)
    with process("-m", "prefect", "worker", "start", "--pool", "bare", "--type", "process"):
        figures = [resumed(home, n, "bare/bare", "Prefect alone, process worker")]
    with process("-c", _SERVED):
        until(lambda: home.prefect.get("/deployments/name/bare/served").status_code == 200)
        figures.append(resumed(home, n, "bare/served", "Prefect alone, serve"))
    return figures


def row(one: Figure) -> str:
    """A line of the table."""
    return f"{one.name:<64} {one.n:>4} {one.p50:>9.1f} {one.p95:>9.1f} {one.most:>9.1f}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=50)
    parser.add_argument("--waiting", default="0,100", help="other runs that wait meanwhile, one figure each")
    parser.add_argument("--bare", type=int, default=5, help="samples of Prefect alone; 0 leaves it out")
    parser.add_argument("--postgres", default="", help="an empty database for Prefect and the queue; else files")
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder to leave the home and its logs in")
    given = parser.parse_args()
    n, bare, waiting = given.n, given.bare, [int(one) for one in given.waiting.split(",")]
    if given.quick:
        n, bare, waiting = 8, min(bare, 2), [0]
    folder = given.keep or Path(tempfile.mkdtemp(prefix="countersign-resume-"))
    folder.mkdir(exist_ok=True, parents=True)
    figures: list[Figure] = []
    try:
        home = Home(folder)
        with home.up(4, given.postgres):
            print(f"{'milliseconds':<64} {'n':>4} {'p50':>9} {'p95':>9} {'most':>9}")
            there = 0
            for others in sorted(waiting):
                more = [home.start("gated/bench", {"name": f"other-{number}"}) for number in range(there, others)]
                home.suspended(more, seconds=60 + others * 4)
                there = others
                for one in decided(home, n, f"suspended, {others} others wait"):
                    figures.append(one)
                    print(row(one), flush=True)
                for one in lingered(home, n, f"lingering, {others} others wait"):
                    figures.append(one)
                    print(row(one), flush=True)
            if bare:
                for one in on_prefect_alone(home, bare):
                    figures.append(one)
                    print(row(one), flush=True)
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    cores, database = os.cpu_count(), "PostgreSQL" if given.postgres else "SQLite"
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {database}, {platform.system()}")
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in figures], indent=1))


if __name__ == "__main__":
    main()
