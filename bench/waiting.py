"""What a run that waits costs: processes, memory, database, and how busy `countersign up` is while it does nothing.

Run `python bench/waiting.py [--waiting 0,10,100,1000,10000] [--real 100] [--idle 60] [--decide 50] [--json FILE]`. It
runs `countersign up` in a home of its own and lets runs come to a gate and suspend. As many as `--real` are real ones.
More are copies of one of them: their requests are opened by the queue's own code, and every row that the real run left
in Prefect's database is written again under new ids. Two of the copies are decided, and must end as a real one does.
With `--decide`, so many runs more come to their gates and are decided, as in `bench/resume.py`, while the copies wait.

For each number it tells: the processes there are, and of them those of runs; the memory of all (PSS, so that shared
pages count once); the bytes that a waiting run takes in both databases, free pages not counted; and for each part the
share of one core that it used in `--idle` seconds in which nobody did anything.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
from resume import Home, decided, lingered, row, until

_MEGABYTE = 1024 * 1024
_SETTLE = 20.0
"""Seconds in which what the start of everything leaves to do is done: events to store, runs to show in Prefect."""


@dataclass
class Cost:
    """What so many waiting runs cost."""

    waiting: int
    processes: int = 0
    of_runs: int = 0
    memory: float = 0.0
    """Megabytes of all processes."""
    queue_bytes: float = 0.0
    """Of the queue's database, for each waiting run."""
    prefect_bytes: float = 0.0
    """Of Prefect's database, without its events."""
    event_bytes: float = 0.0
    """Of Prefect's events, which it removes after a week."""
    idle: dict[str, float] = field(default_factory=dict)
    """Share of one core that each part used, in percent."""

    def row(self) -> str:
        """A line of the table."""
        busy = "  ".join(f"{name} {share:.1f}" for name, share in self.idle.items())
        whole = sum(self.idle.values())
        kilobytes = [one / 1000 for one in (self.queue_bytes, self.prefect_bytes, self.event_bytes)]
        return _line([self.waiting, self.processes, self.of_runs, round(self.memory), *kilobytes, whole], busy)


def _line(columns: list[Any], rest: str) -> str:
    told = [f"{one:.1f}" if isinstance(one, float) else str(one) for one in columns]
    return "  ".join(f"{one:>10}" for one in told) + f"   {rest}"


HEAD = _line(["waiting", "processes", "of runs", "MB", "kB queue", "kB Prefect", "kB events", "% of core"], "parts")


class Waiting(Home):
    """The home of the other bench, with `countersign up` as a command: its own process counts, too."""

    process: subprocess.Popen[bytes]

    @contextmanager
    def started(self) -> Iterator[None]:
        """`countersign up`, the bench's deployments on it, and one who decides."""
        ports = {"FLOWS_PREFECT_PORT": "0", "APPROVALS_PORT": "0"}
        with (self.home.parent / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "up"], env={**os.environ, **ports}, stdout=log, stderr=log
            )
        try:
            self._joined()
            yield
        finally:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
            if self.process.poll() is None:
                for one in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                    one.kill()

    def _joined(self) -> None:
        from approvals.decisions import SYSTEM
        from flows import composition
        from flows.prefect_server import settings_for
        from flows.premises import running

        until(lambda: running(self.home) is not None, 600)
        addresses = running(self.home)
        if addresses is None:
            raise SystemExit(f"`countersign up` has ended; see {self.home.parent}")
        self.addresses = addresses
        environment = {**os.environ, **settings_for(self.home, addresses)}
        deploy = [
            "-m",
            "prefect",
            "--no-prompt",
            "deploy",
            "--all",
            "--prefect-file",
            str(self.project / "prefect.yaml"),
        ]
        subprocess.run([sys.executable, *deploy], env=environment, cwd=self.project, check=True, capture_output=True)
        composition.reset()
        self.approvals = composition.approvals()
        secret = self.approvals.tokens.create("anna@acme.example", SYSTEM, scopes=("read", "decide")).secret
        signed = {"Authorization": f"Bearer {secret}"}
        self.queue = httpx.Client(base_url=addresses.queue, headers=signed, timeout=120)
        self.prefect = httpx.Client(base_url=f"{addresses.prefect}/api", timeout=120)

    # -- what it costs

    def parts(self) -> dict[str, list[psutil.Process]]:
        """The processes of each part, and those of runs."""
        up = psutil.Process(self.process.pid)
        found: dict[str, list[psutil.Process]] = {"up": [up]}
        for part in up.children():
            words = " ".join(part.cmdline())
            name = next(name for name, word in _WORDS.items() if word in words)
            found[name] = [part, *part.children(recursive=True)]
        return found

    def idle(self, seconds: float) -> dict[str, float]:
        """Percent of one core that each part used while nobody did anything."""
        parts = self.parts()
        before = {name: sum(map(_seconds, those)) for name, those in parts.items()}
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        return {name: 100 * (sum(map(_seconds, those)) - before[name]) / took for name, those in parts.items()}

    def measured(self, waiting: int, empty: tuple[int, int, int], idle: float) -> Cost:
        """What `waiting` runs cost, held against what both databases held without any."""
        cost = Cost(waiting)
        cost.idle = self.idle(idle)
        processes = [one for those in self.parts().values() for one in those]
        cost.processes = len(processes)
        cost.of_runs = sum(one.name() == "cs-run" for one in processes)
        cost.memory = sum(_pss(one) for one in processes) / _MEGABYTE
        if waiting:
            each = [(now - before) / waiting for now, before in zip(self.used(), empty, strict=True)]
            cost.queue_bytes, cost.prefect_bytes, cost.event_bytes = each
        return cost

    @property
    def databases(self) -> tuple[Path, Path]:
        """The queue's and Prefect's."""
        return self.home / "approvals.sqlite", self.home / "prefect" / "prefect.db"

    def used(self) -> tuple[int, int, int]:
        """Bytes that hold something in the queue's database, in Prefect's without its events, and of these."""
        queue, prefect = (_used(path) for path in self.databases)
        events = _used(self.databases[1], like="%event%")
        return queue, prefect - events, events

    # -- runs that wait

    def begin(self, numbers: range) -> list[str]:
        """Real runs that wait."""
        runs = [self.start("gated/bench", {"name": f"waiting-{number}"}) for number in numbers]
        self.suspended(runs, seconds=60 + 6 * len(runs))
        return runs

    def opened(self, model: Any, n: int) -> list[tuple[str, str]]:
        """So many requests like this one, of runs that Prefect does not know yet: their runs and ids."""
        from approvals.decisions import Actor
        from approvals.requests import Proposed

        worker = Actor(kind="worker", id="bench", via="flow", scopes=frozenset({"gate"}))
        shared = {
            name: getattr(model, name)
            for name in ("kind", "action", "target", "title", "summary", "about", "requester", "verdicts")
            if name in Proposed.model_fields
        }
        made = []
        for _ in range(n):
            run = str(uuid4())
            proposed = Proposed(
                identity=model.identity.model_copy(update={"run": run}),
                run=model.run.model_copy(update={"id": run, "name": run[:8], "url": None}),
                document=model.content.value(),
                document_schema=json.loads(model.content.document_schema),
                evidence=model.content.evidence,
                policy=model.policy.name,
                **shared,
            )
            made.append((run, self.approvals.gatekeeper.open(proposed, worker).id))
        with self.approvals.store.begin() as transaction:
            # What they show in Prefect is among the rows that are copied.
            transaction.tell_up_to(transaction.head()[0], "monitoring")
        return made

    def decide(self, request_id: str, run: str) -> None:
        """Approve it; its run must go on and end."""
        verdict = {"version": 1, "verdict": {"kind": "approve"}}
        self.queue.post(f"/api/v1/requests/{request_id}/verdicts", json=verdict).raise_for_status()
        until(lambda: self.state(run) == "Completed", 60)


_WORDS = {"server": "server start", "queue": "flows.cli web", "worker": "worker start"}


def copied(database: Path, model: tuple[str, str], copies: list[tuple[str, str]]) -> int:
    """Every row that a run and its request left in Prefect's database, once more for each of these; rows of one."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: [one[1] for one in connection.execute(f"PRAGMA table_info([{name}])")] for name in names}
        ids, found = {model[0]}, {}
        while True:
            for name in names:
                for row in _mentioning(connection, name, columns[name], ids):
                    found[name, row] = None
            own = {row[columns[name].index("id")] for name, row in found if "id" in columns[name]}
            if own <= ids:
                break
            ids |= own
        for run, request in copies:
            new = {one: str(uuid4()) for one in ids}
            new |= {model[0]: run, model[1]: request, model[1].lower(): request.lower()}
            rows: dict[str, list[tuple[Any, ...]]] = {}
            for name, row in found:
                rows.setdefault(name, []).append(tuple(_replaced(value, new) for value in row))
            for name, some in rows.items():
                places = ", ".join("?" * len(columns[name]))
                connection.executemany(f'INSERT INTO "{name}" VALUES ({places})', some)
    connection.close()
    return len(found)


def _mentioning(connection: sqlite3.Connection, table: str, columns: list[str], ids: set[str]) -> list[tuple[Any, ...]]:
    if table in ("deployment", "flow", "work_pool", "work_queue", "worker", "alembic_version"):
        return []
    where = " OR ".join(f'instr(CAST("{column}" AS TEXT), ?1)' for column in columns)
    return [row for one in ids for row in connection.execute(f'SELECT * FROM "{table}" WHERE {where}', (one,))]


def _replaced(value: Any, new: dict[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    for old, one in new.items():
        if old in value:
            value = value.replace(old, one)
    return value


def _used(database: Path, like: str = "%") -> int:
    """Bytes of the pages of these tables and indices."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found = connection.execute("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE ?", (like,)).fetchone()
    connection.close()
    return int(found[0])


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        used = process.cpu_times()
        return float(used.user + used.system)
    return 0.0


def _pss(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().pss)
    return 0


def measure(home: Waiting, waiting: list[int], real: int, idle: float, told: list[Cost], decide: int = 0) -> None:
    """Every number in turn; a start of everything before those that are copied."""
    runs: list[str] = []
    with home.started():
        time.sleep(_SETTLE)
        empty = home.used()
        for number in [one for one in waiting if one <= real]:
            runs += home.begin(range(len(runs), number))
            time.sleep(_SETTLE if runs else 0)
            told.append(home.measured(number, empty, idle))
            print(told[-1].row(), flush=True)
        model = home.requests(runs[-1:])[runs[-1]] if runs else None
    there = len(runs)
    for number in [one for one in waiting if one > real]:
        if model is None:
            raise SystemExit("There is no real run to copy: put a number up to --real first.")
        copies = home.opened(model, number - there)
        home.approvals.close()
        copied(home.databases[1], (model.run.id, model.id), copies)
        there = number
        with home.started():
            time.sleep(_SETTLE)
            told.append(home.measured(number, empty, idle))
            print(told[-1].row(), flush=True)
            for run, request in (secrets.choice(copies[:-1]), copies[-1]):
                home.decide(request, run)
                there -= 1
            if decide:
                label = f"{there} others wait"
                for one in (
                    *decided(home, decide, f"suspended, {label}"),
                    *lingered(home, decide, f"lingering, {label}"),
                ):
                    print(row(one), flush=True)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", default="0,10,100,1000,10000")
    parser.add_argument("--real", type=int, default=100, help="up to so many are real runs")
    parser.add_argument("--idle", type=float, default=60, help="seconds to look on")
    parser.add_argument(
        "--decide", type=int, default=0, help="decisions timed beside the copies, as in bench/resume.py"
    )
    parser.add_argument("--quick", action="store_true", help="few runs, to see that it works")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder to leave the home and its logs in")
    given = parser.parse_args()
    waiting, real, idle = sorted(int(one) for one in given.waiting.split(",")), given.real, given.idle
    if given.quick:
        waiting, real, idle = [0, 3, 30], 3, 10.0
    folder = given.keep or Path(tempfile.mkdtemp(prefix="countersign-waiting-"))
    folder.mkdir(exist_ok=True, parents=True)
    told: list[Cost] = []
    try:
        print(HEAD)
        measure(Waiting(folder), waiting, real, idle, told, given.decide)
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    cores = os.cpu_count()
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, SQLite, {platform.system()}")
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in told], indent=1))


if __name__ == "__main__":
    main()
