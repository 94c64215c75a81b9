"""The Prefect server of a home: where it is, what it is started with, and what is asked of it without importing it."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

POOL = "countersign"
"""The work pool that `prefect.yaml` names."""

ENDED_WITH_UP = "Its process ended with the last `countersign up`."
"""Why a run is scheduled again that was at work when everything was stopped or killed."""

_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""After which a server is asked once more that was busy."""

_LATELY = 120.0
"""Seconds in which a worker says at least once that it is there; Prefect's say so every thirty."""


@dataclass(frozen=True)
class Addresses:
    """Where the parts are found while `up` runs; written to `up.json` in the home for other commands."""

    prefect: str
    queue: str
    home: str
    pid: int
    store: str = field(default="", repr=False)
    """Of the approval store, where it is not the file in the home; it may hold a password."""

    def write(self) -> None:
        """Note them for other commands; nobody else can read the note."""
        note = os.open(Path(self.home) / "up.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(note, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)

    @property
    def api(self) -> str:
        """Prefect's API."""
        return f"{self.prefect}/api"


def settings_for(home: Path, addresses: Addresses) -> dict[str, str]:
    """The environment that makes a process belong to this home and this server."""
    return {
        **({"APPROVALS_STORE": addresses.store} if addresses.store else {}),
        "COUNTERSIGN_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": addresses.api,
        "PREFECT_UI_URL": addresses.prefect,
        # Without it the UI looks for port 4200.
        "PREFECT_SERVER_UI_API_URL": addresses.api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "results"),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        # Bursts of task runs meet the recorder's writes on SQLite: small batches cost two seconds each.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
        # Whole seconds: Prefect 3.8.8 cuts the fraction off, and zero seconds is a busy loop (half a core).
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        # Services that look every five seconds for what is hardly ever there: a third of what an idle server costs.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
        "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
        "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
        # Behind what the worker is told; each look writes to the database, and disturbs who writes at that moment.
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_CLI_PROMPT": "false",
        "PYTHONUNBUFFERED": "1",
    }


def revive(addresses: Addresses) -> int:
    """Schedule the pool's runs again that were at work when everything was killed; tells how many.

    Only before a worker has started: until then none of them can have a process. What they had done they do not
    do again: gates read the store, and effects show their permits.
    """
    at_work = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}, "limit": 200}
    state = {"type": "SCHEDULED", "name": "Rescheduled", "message": ENDED_WITH_UP}
    revived = 0
    while found := [run for run in ask(f"{addresses.api}/flow_runs/filter", at_work) if run["work_pool_name"] == POOL]:
        for run in found:
            ask(f"{addresses.api}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        revived += len(found)
    return revived


def answers(address: str) -> Callable[[], bool]:
    def healthy() -> bool:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return healthy


def has_worker(addresses: Addresses) -> Callable[[], bool]:
    """Whether a worker of the pool has been heard of since now, and lately."""
    begun = time.time()

    def healthy() -> bool:
        try:
            workers = ask(f"{addresses.api}/work_pools/{POOL}/workers/filter", {})
        except (urllib.error.URLError, OSError, ValueError):
            return False
        heard = [datetime.fromisoformat(worker["last_heartbeat_time"]).timestamp() for worker in workers]
        return any(moment >= max(begun - 1, time.time() - _LATELY) for moment in heard)

    return healthy


def ask(address: str, body: Any, method: str = "POST") -> Any:
    """Prefect's answer, without importing Prefect: `up` itself stays small."""
    headers = {"Content-Type": "application/json"}
    query = urllib.request.Request(address, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - our own
    for wait in (*_AGAIN_SECONDS, None):
        try:
            with urllib.request.urlopen(query, timeout=5) as answer:  # noqa: S310
                said = answer.read()
            break
        except urllib.error.HTTPError as error:
            # On SQLite it says so when a write meets another one.
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or wait is None:
                raise
            error.close()
            time.sleep(wait)
    return json.loads(said) if said else None


def count_runs(addresses: Addresses, *types: str, due: bool = False) -> int:
    """How many runs of the pool are in a state of these types; of scheduled ones perhaps only those that are due."""
    runs: dict[str, Any] = {"state": {"type": {"any_": types}}}
    if due:
        runs["next_scheduled_start_time"] = {"before_": datetime.now(UTC).isoformat()}
    return int(ask(f"{addresses.api}/flow_runs/count", {"flow_runs": runs, "work_pools": {"name": {"any_": [POOL]}}}))
