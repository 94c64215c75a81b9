"""A worker that shares no disk with its queue and knows no store: it reaches it over REST, with a token of its pool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import letters
import pytest
from houses import PATH, Server, until
from workers import Worker

from approvals.audit import verify
from approvals.decisions import SYSTEM
from flows.children import can_fork

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("worker")]


class QueueProcess:
    """`countersign web` in a process of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.address = home, f"http://127.0.0.1:{port}"
        self._environment = {**os.environ, "APPROVALS_PORT": str(port), "PYTHONPATH": PATH}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.home / "queue.log").open("ab") as log:
            command = [sys.executable, "-m", "flows.cli", "web"]
            self._process = subprocess.Popen(command, env=self._environment, cwd=self.home, stdout=log, stderr=log)
        until(self._answers, 60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.mark.skipif(not can_fork(), reason="this machine cannot fork")
def test_a_run_elsewhere_asks_is_answered_and_acts_once_without_a_store_and_through_a_dead_queue(
    house, tmp_path, monkeypatch
):
    house, _, _ = house
    away = tmp_path / "elsewhere"
    away.mkdir()
    house.client.request("POST", "/work_pools/", json={"name": "letters", "type": "countersign"})
    token = house.approvals.tokens.create("letters", SYSTEM, kind="worker", scopes=("gate",)).secret
    queue = QueueProcess(house.home, Server(tmp_path / "unused").port)
    queue.start()
    settings = {
        "COUNTERSIGN_HOME": str(away),
        "APPROVALS_STORE": "postgresql://nobody:wrong@127.0.0.1:1/nothing",
        "APPROVALS_PEOPLE": str(away / "none.toml"),
        "APPROVALS_QUEUE_URL": queue.address,
        "APPROVALS_GATE_TOKEN": token,
    }
    worker = Worker(away, "countersign")
    try:
        with monkeypatch.context() as patched:
            for name, value in settings.items():
                patched.setenv(name, value)
            patched.delenv("APPROVALS_POLICIES")
            worker.start()

        # One gate, suspended and gone on with.
        run = house.start(letters.one_letter, work_pool_name="letters", to="halden")
        until(lambda: house.state(run).name == "Suspended", 90)
        request = house.the_request(run)
        house.approve(request, recall=0)
        until(lambda: house.state(run).is_final(), 60)

        # The queue is killed, a run begins all the same, and goes on when the queue is there again.
        queue.kill()
        later = house.start(letters.one_letter, work_pool_name="letters", to="kestrel")
        until(lambda: house.state(later).name == "Running", 60)
        queue.start()
        until(lambda: house.state(later).name == "Suspended", 60)
        house.reject(house.the_request(later))
        until(lambda: house.state(later).is_final(), 90)
    finally:
        worker.kill()
        queue.kill()

    found = verify(house.approvals.store.entries(), house.approvals.store.rows())
    by = {(entry.event.actor_kind, entry.event.actor, entry.event.via) for entry in house.approvals.store.entries()
          if entry.event.name in ("request.opened", "request.taken_up", "permit.taken", "permit.used")}  # fmt: skip
    assert (house.state(run).name, house.state(later).name) == ("Completed", "Rejected"), worker.log[-3_000:]
    assert house.box("halden") == [json.loads(request.content.document)["text"]]
    assert house.box("kestrel") == []
    assert (request.requester, request.run.flow, request.run.gates) == ("rita@acme.example", "one-letter", ("letter",))
    assert by == {("worker", "letters", "token")}
    assert house.events().count("permit.used") == 1
    assert sorted(path.name for path in away.iterdir() if "sqlite" in path.name) == []
    assert found.ok, found.problem
