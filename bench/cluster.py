"""Outgrowing one machine, built from processes of one: does every run end once, and is every CRM write made once?

PostgreSQL (Debian's, for Prefect needs `pg_trgm`) under Prefect and the queue; Prefect's API and its background
services apart; two queue replicas of one home; two workers with a home of their own each, which know no store and reach
the queue over REST. Runs of `flows.outreach` are started, reviewers sign over REST, and on the way each part is killed
with SIGKILL and started again. What stands for the outside world is one CRM, a file that both workers open.

    python bench/cluster.py --runs 20 --quick
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT, HERE = Path(__file__).parents[1], Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(ROOT))

from staging.companies import names  # noqa: E402

POOL = "countersign"
PEOPLE = """
[[people]]
email = "sam@brightwater.example"
groups = ["sales", "revops", "managers"]

[[people]]
email = "rita@brightwater.example"

[[people]]
email = "ada@brightwater.example"
role = "admin"
"""
PAGE = """text:{name}
{name} is a freight company. {name} runs {count} lorries from 3 depots.
Contact: hello@{domain}
https://{domain}/
"""
ORPHAN_SECONDS = 75.0
"""After which a run that was killed while nothing of it waited, and whom the queue does not miss, is started again."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(found: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(httpx.HTTPError, OSError, subprocess.SubprocessError):
            if found():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.2)


class Part:
    """A process that can be killed and started again."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], folder: Path, healthy: Callable[[], bool],
        user: int | None = None,
    ) -> None:  # fmt: skip
        self.name, self.healthy = name, healthy
        self._command, self._environment, self._folder, self._user = command, environment, folder, user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / f"{self.name.replace(' ', '-')}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, user=self._user, group=None,
            )  # fmt: skip
        until(self.healthy, f"{self.name} does not answer; see {self._folder}")

    def kill(self) -> None:
        """kill -9, and every process that it started."""
        if self.process is None:
            return
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(self.process.pid)
            for one in [*own.children(recursive=True), own]:
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGKILL)
        self.process.wait()


class Cluster:
    """All parts."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        for name in ("queue", "one", "two", "crm", "logs", "prefect"):
            (folder / name).mkdir()
        (folder / "queue" / "people.toml").write_text(PEOPLE)
        self.ports = {name: free_port() for name in ("pg", "prefect", "queue 1", "queue 2")}
        self.queues = [f"http://127.0.0.1:{self.ports[name]}" for name in ("queue 1", "queue 2")]
        self.api = f"http://127.0.0.1:{self.ports['prefect']}/api"
        self.data, self._binaries = folder / "pg", binaries
        self.store = f"postgresql://postgres@127.0.0.1:{self.ports['pg']}/queue"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PREFECT_", "FLOWS_", "APPROVALS_", "AGENTS_", "COUNTERSIGN_"))
        }
        self._kept = {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.parts: dict[str, Part] = {}
        self.turn = threading.Lock()

    def environment(self, home: str, **more: str) -> dict[str, str]:
        """Of a part with this home."""
        folder = self.folder / home
        return {
            **self._kept, "COUNTERSIGN_HOME": str(folder), "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.api, "PREFECT_LOCAL_STORAGE_PATH": str(folder / "results"),
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "AGENTS_CRM": f"embedded://{self.folder / 'crm' / 'crm.sqlite'}", **more,
        }  # fmt: skip

    def postgresql(self) -> None:
        """A database for Prefect and one for the queue."""
        import pwd

        user = pwd.getpwnam("postgres").pw_uid if os.getuid() == 0 else None
        self.data.mkdir(mode=0o700)
        if user is not None:
            os.chown(self.data, user, -1)
        initdb = [str(self._binaries / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C"], check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")
        command = [str(self._binaries / "postgres"), "-D", str(self.data), "-p", str(self.ports["pg"])]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.data}"]
        command += ["-c", "max_connections=300"]
        self.parts["postgresql"] = Part(
            "postgresql", command, self._kept, self.folder / "logs", lambda: self._sql("SELECT 1"), user
        )
        self.parts["postgresql"].start()
        for name in ("prefect", "queue"):
            self._sql(f"CREATE DATABASE {name}")
        self._sql("CREATE EXTENSION pg_trgm", "prefect")

    def _sql(self, statement: str, database: str = "postgres") -> bool:
        address = f"postgresql://postgres@127.0.0.1:{self.ports['pg']}/{database}"
        command = [str(self._binaries / "psql"), address, "-v", "ON_ERROR_STOP=1", "-qc", statement]
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0

    def start(self) -> None:
        """Everything, in order."""
        self.postgresql()
        python = sys.executable
        database = f"postgresql+asyncpg://postgres@127.0.0.1:{self.ports['pg']}/prefect"
        server = self.environment("prefect", PREFECT_SERVER_DATABASE_CONNECTION_URL=database)
        prefect = [python, "-m", "prefect", "server"]
        address = ["--host", "127.0.0.1", "--port", str(self.ports["prefect"])]
        self._add(
            "server",
            [*prefect, "start", "--no-services", "--no-ui", *address],
            server,
            self._answers(self.api, "/health"),
        )
        self._add("services", [*prefect, "services", "start"], server, lambda: True)
        for number, queue in enumerate(self.queues, 1):
            terms = {"APPROVALS_STORE": self.store, "APPROVALS_PORT": queue.rpartition(":")[2]}
            command = [python, "-m", "flows.cli", "web"]
            self._add(f"queue {number}", command, self.environment("queue", **terms), self._answers(queue, "/healthz"))
        self._tokens()
        httpx.post(f"{self.api}/work_pools/", json={"name": POOL, "type": "countersign"}, timeout=30).raise_for_status()
        self._deploy()
        for number, home in enumerate(("one", "two")):
            queues = self.queues if number == 0 else self.queues[::-1]
            terms = {
                "APPROVALS_QUEUE_URL": ",".join(queues), "APPROVALS_GATE_TOKEN": self.gate_token,
                "APPROVALS_STORE": "postgresql://nobody@127.0.0.1:1/none", "PREFECT_WORKER_QUERY_SECONDS": "2",
                "FLOWS_LINGER_PLACES": "2",
            }  # fmt: skip
            command = [python, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "countersign"]
            command += ["--name", f"worker-{home}", "--limit", "3"]
            self._add(f"worker {number + 1}", command, self.environment(home, **terms), lambda: True)

    def _add(self, name: str, command: list[str], environment: dict[str, str], healthy: Callable[[], bool]) -> None:
        print(f"  starting {name}", flush=True)
        self.parts[name] = Part(name, command, environment, self.folder / "logs", healthy)
        self.parts[name].start()

    @staticmethod
    def _answers(address: str, path: str) -> Callable[[], bool]:
        return lambda: httpx.get(address + path, timeout=3).status_code == 200

    def _tokens(self) -> None:
        from approvals.decisions import SYSTEM

        approvals = self.approvals()
        self.gate_token = approvals.tokens.create(POOL, SYSTEM, kind="worker", scopes=("gate",)).secret
        self.reviewer = approvals.tokens.create("sam@brightwater.example", SYSTEM, scopes=("read", "decide")).secret
        approvals.close()

    def approvals(self) -> Any:
        """The queue's store, as an auditor opens it."""
        from approvals.bootstrap import build
        from approvals.settings import read_settings

        return build(read_settings(home=self.folder / "queue", store=self.store))

    def _deploy(self) -> None:
        flow = httpx.post(f"{self.api}/flows/", json={"name": "outreach"}, timeout=30).json()["id"]
        body = {"name": "outreach", "flow_id": flow, "entrypoint": "flows.outreach.outreach", "work_pool_name": POOL}
        answer = httpx.post(f"{self.api}/deployments/", json={**body, "enforce_parameter_schema": False}, timeout=30)
        answer.raise_for_status()
        self.deployment = answer.json()["id"]

    def begin(self, number: int, name: str) -> str:
        """One run, about this company; tells its id."""
        domain = f"company-{number}.example"
        target = PAGE.format(name=name, domain=domain, count=20 + number)
        prospect = {"target": target, "name": name, "source_url": f"https://{domain}/"}
        body = {
            "parameters": {"prospect": prospect}, "labels": {"countersign.requester": "rita@brightwater.example"},
            "idempotency_key": f"run-{number}",
        }  # fmt: skip
        while True:  # asked again while a part is away; the key makes it one run
            with suppress(httpx.HTTPError):
                answer = httpx.post(f"{self.api}/deployments/{self.deployment}/create_flow_run", json=body, timeout=30)
                if answer.is_success:
                    return str(answer.json()["id"])
            time.sleep(0.5)

    def runs(self) -> list[dict[str, Any]]:
        """Every run, as Prefect has it."""
        found: list[dict[str, Any]] = []
        while True:
            page = {"limit": 200, "offset": len(found), "sort": "ID_DESC"}
            more = httpx.post(f"{self.api}/flow_runs/filter", json=page, timeout=30)
            more.raise_for_status()
            found += more.json()
            if len(more.json()) < 200:
                return found

    def supervise(self) -> list[str]:
        """Start those again that ended by themselves, as systemd would; tells which."""
        if not self.turn.acquire(blocking=False):
            return []
        try:
            dead = [part for part in self.parts.values() if part.process is None or part.process.poll() is not None]
            for part in dead:
                print(f"  {part.name} had ended by itself", flush=True)
                part.start()
            return [part.name for part in dead]
        finally:
            self.turn.release()

    def stop(self) -> None:
        """Everything, the last first."""
        for part in reversed(self.parts.values()):
            part.kill()


class Reviewer(threading.Thread):
    """Signs whatever waits, over REST, at whichever replica answers."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self._cluster, self.over, self.signed = cluster, threading.Event(), 0
        self._turn = 0
        self.refused: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        """Until it is told that it is over."""
        headers = {"Authorization": f"Bearer {self._cluster.reviewer}"}
        with httpx.Client(headers=headers, timeout=30) as client:
            while not self.over.wait(0.2):
                self._turn += 1
                base = self._cluster.queues[self._turn % 2] + "/api/v1"
                with suppress(httpx.HTTPError, ValueError):
                    for one in client.get(f"{base}/requests?mine=true&limit=50").json().get("requests", ()):
                        self._decide(client, base, one["id"])

    def _decide(self, client: httpx.Client, base: str, request_id: str) -> None:
        answer = client.get(f"{base}/requests/{request_id}")
        if answer.is_error:
            return
        seen = answer.json()
        findings = seen["evidence"]["findings"]
        vouched = [one["claim_id"] for one in findings if one["support"] == "unsupported"]
        body = {"version": seen["request"]["version"], "verdict": {"kind": "approve", "vouched": vouched}}
        key = {"Idempotency-Key": f"{request_id}-{body['version']}"}
        answer = client.post(f"{base}/requests/{request_id}/verdicts", json=body, headers=key)
        self.signed += answer.is_success
        if answer.is_error:
            self.refused[str(answer.json().get("type", answer.status_code)).rpartition(":")[2]] += 1


class Killer(threading.Thread):
    """Kills one part after the other while runs are at work, and starts it again."""

    def __init__(self, cluster: Cluster, pause: float) -> None:
        super().__init__(daemon=True)
        self._cluster, self._pause, self.killed, self.over = cluster, pause, [], threading.Event()
        self.killed: list[str] = []

    def run(self) -> None:
        """Each once."""
        for name in ("worker 1", "queue 1", "server", "worker 2", "queue 2", "services", "postgresql"):
            if self.over.wait(self._pause):
                return
            print(f"  kill -9 {name}", flush=True)
            part = self._cluster.parts[name]
            with self._cluster.turn:
                part.kill()
                self.killed.append(name)
                time.sleep(2)
                with suppress(TimeoutError):  # its supervisor tries again
                    part.start()


def revived(cluster: Cluster) -> int:
    """Start those again that were killed while nothing of theirs waited for an answer: the queue does not miss them."""
    from approvals.ports import Wanted

    count = 0
    approvals = cluster.approvals()
    try:
        for run in cluster.runs():
            state = run["state"]
            age = time.time() - _moment(state["timestamp"])
            if state["type"] not in ("RUNNING", "PENDING") or age < ORPHAN_SECONDS:
                continue
            with approvals.store.read() as transaction:
                untaken = transaction.untaken(run["id"])
                total = transaction.page(Wanted(run=run["id"]), limit=1).total
            if untaken:
                continue  # the waker's to find
            # Read again: it may have gone on since, or ended.
            now = httpx.get(f"{cluster.api}/flow_runs/{run['id']}", timeout=30).json()["state"]
            if now["id"] != state["id"]:
                continue
            again = {"state": {"type": "SCHEDULED", "name": "Rescheduled"}, "force": True}
            httpx.post(f"{cluster.api}/flow_runs/{run['id']}/set_state", json=again, timeout=30)
            print(f"  started again by hand: {run['name']} ({state['name']}, {total} requests)", flush=True)
            count += 1
    finally:
        approvals.close()
    return count


def _moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def counted(cluster: Cluster, runs: list[str]) -> dict[str, Any]:
    """What came of it all."""
    from approvals.audit import verify

    states = {run["id"]: run["state"]["name"] for run in cluster.runs()}
    ends = {}
    for run in runs:
        answer = httpx.get(f"{cluster.api}/flow_run_states/", params={"flow_run_id": run}, timeout=30)
        ends[run] = sum(one["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") for one in answer.json())
    approvals = cluster.approvals()
    events = collections.Counter(entry.event.name for entry in approvals.store.entries())
    found = verify(approvals.store.entries(), approvals.store.rows())
    approvals.close()
    with sqlite3.connect(cluster.folder / "crm" / "crm.sqlite") as crm:
        deals = crm.execute("SELECT count(*) FROM crm_deal").fetchone()[0]
        companies = crm.execute("SELECT count(*) FROM crm_company").fetchone()[0]
        notes = collections.Counter(row[0] for row in crm.execute("SELECT about FROM crm_note").fetchall())
        written = collections.Counter(
            (record, field, after)
            for record, field, after in crm.execute("SELECT record_id, field, after FROM crm_field_history")
        )
    return {
        "runs": len(runs),
        "ended": dict(collections.Counter(states.get(run, "gone") for run in runs)),
        "ended more or less than once": sum(count != 1 for count in ends.values()),
        "deals in the CRM": deals,
        "companies in the CRM": companies,
        "records with more than one note": sum(count > 1 for count in notes.values()),
        "fields written twice": sum(count > 1 for count in written.values()),
        "permits used": events["permit.used"],
        "permits taken more than once": events["permit.taken"] - events["permit.used"],
        "effects refused": events["effect.refused"],
        "the record": "fits" if found.ok else found.problem,
        "stores on the workers' disks": len(
            [*cluster.folder.glob("one/*.sqlite*"), *cluster.folder.glob("two/*.sqlite*")]
        ),
    }


@contextmanager
def built(keep: bool) -> Iterator[Cluster]:
    """A cluster in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-cluster-"))
    folder.chmod(0o755)
    cluster = Cluster(folder, _binaries())
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        if keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        print("Debian's PostgreSQL is not here (apt-get install postgresql); nothing was measured.")
        raise SystemExit(0)
    return found[-1].parent


def main() -> None:
    """Build it, run it, kill it, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="kill sooner")
    parser.add_argument("--keep", action="store_true", help="keep the folder with its logs")
    parser.add_argument("--patience", type=float, default=1_800.0, help="seconds until whatever is left is counted")
    given = parser.parse_args()
    import random

    with ExitStack() as stack:
        # Prefect makes its home when it is imported; the caller's is not ours to write to.
        os.environ["PREFECT_HOME"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-cluster-"))
        cluster = stack.enter_context(built(given.keep))
        companies = names(random.Random(3))[: given.runs]
        begun = time.monotonic()
        runs = [cluster.begin(number, name) for number, name in enumerate(companies)]
        reviewer, killer = Reviewer(cluster), Killer(cluster, 8 if given.quick else 25)
        reviewer.start()
        killer.start()
        by_hand, looked = 0, time.monotonic()
        ended: list[str] = []
        while time.monotonic() < begun + given.patience:
            time.sleep(2)
            with suppress(TimeoutError):
                ended += cluster.supervise()
            with suppress(httpx.HTTPError):
                left = [
                    run
                    for run in cluster.runs()
                    if run["state"]["type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
                ]
                if not left and not killer.is_alive():
                    break
                if time.monotonic() - looked > 20:
                    looked = time.monotonic()
                    told = dict(collections.Counter(run["state"]["name"] for run in left))
                    print(f"  {time.monotonic() - begun:5.0f} s  left: {len(left)} {told}", flush=True)
                    if not killer.is_alive():
                        with suppress(Exception):
                            by_hand += revived(cluster)
        took = time.monotonic() - begun
        killer.over.set()
        killer.join(120)
        reviewer.over.set()
        figures = counted(cluster, runs)
        figures |= {
            "seconds": round(took), "killed": killer.killed, "signed": reviewer.signed,
            "refused to the reviewer": dict(reviewer.refused), "runs started again by hand": by_hand,
            "parts that ended by themselves": ended,
        }  # fmt: skip
        print(json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
