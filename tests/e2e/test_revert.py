"""`countersign crm revert` where nothing else runs: it starts what it needs, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from agents.applying import apply_update
from agents.changes import AddNote, Create, SetField
from agents.documents import CrmUpdate, EntityRef, dump
from approvals.decisions import Actor
from approvals.people import add_person
from approvals.permits import Grant
from approvals.ports import Person
from approvals.requests import Identity, RunReference
from flows import composition
from flows.questions import proposed
from flows.steps import CRM_UPDATE

pytestmark = pytest.mark.server

OLD = Create(object="company", key="co:arden.example", fields={"name": "Arden", "phone": "1"})
CHANGES = (
    Create(object="company", key="co:halden.example", fields={"name": "Halden"}),
    SetField(object="company", key=OLD.key, field="phone", before="1", after="2"),
    AddNote(key="nt:1", object="company", about="co:halden.example", body="Signed."),
)
REVIEWER = Actor(kind="person", id="reviewer@localhost", via="session")
FLOW = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home in which an update was signed and written, and nothing runs."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("COUNTERSIGN_HOME", str(home))
    composition.reset()
    add_person(home / "people.toml", Person(email="requester@localhost"))
    add_person(home / "people.toml", Person(email="reviewer@localhost", groups=("sales", "revops")))
    yield home
    composition.reset()


def written() -> str:
    """The id of a request whose update was written."""
    approvals, crm, run = composition.approvals(), composition.agents().crm, str(uuid4())
    crm.apply(OLD, by="somebody")
    update = CrmUpdate(crm=crm.address, entity=EntityRef(name="Halden"), changes=CHANGES)
    identity = Identity(run=run, gate="crm_update", key="k")
    reference = RunReference(id=run, flow="outreach", deployment=str(uuid4()), gates=("crm_update",))
    asked = proposed(update, CRM_UPDATE, identity, run=reference, requester="requester@localhost")
    request = approvals.gatekeeper.open(asked, FLOW)
    approvals.service.approve(request.id, REVIEWER, version=1, recall=0)
    answer = approvals.gatekeeper.take_up(request.id, run, FLOW)
    assert answer is not None
    assert answer.permit is not None
    permit, effects = answer.permit, approvals.gatekeeper.effects
    terms = {"action": permit.action, "target": permit.target, "sha256": permit.sha256, "run": run}
    leave = effects.redeem(permit.slip, FLOW, **terms, holder="h", lease=10)
    assert isinstance(leave, Grant)
    receipt = asyncio.run(apply_update(update, crm=crm, by=f"run {run}"))
    effects.settle(permit.id, leave.fence, dump(receipt), FLOW)
    return request.id


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    return {**kept, "COUNTERSIGN_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}


def test_without_up_it_runs_here_until_somebody_has_signed(home: Path) -> None:
    request_id = written()
    composition.reset()
    log = home.parent / "revert.log"
    command = [sys.executable, "-m", "flows.cli"]

    with log.open("wb") as out:
        asking = subprocess.Popen(
            [*command, "crm", "revert", request_id], env=environment(home), stdout=out, stderr=out
        )
    try:
        waits = _until(log, r"Waits for a signature: Revert of the CRM update for Halden \((\w+)\)", asking)
        signing = subprocess.run(
            [*command, "approve", waits, "--as", "reviewer@localhost"],
            env=environment(home), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        _until(log, r"Ended: (Completed)", asking)
        code = asking.wait(60)
    finally:
        parts = psutil.Process(asking.pid).children(recursive=True) if asking.poll() is None else []
        asking.send_signal(signal.SIGKILL)
        for part in parts:
            part.kill()
        asking.wait()

    crm = composition.agents().crm
    asked = composition.approvals().service.get(waits)
    assert signing.returncode == 0, signing.stderr
    assert code == 0, log.read_text()
    assert asked.requester == "requester@localhost"
    assert [(record.key, record.fields) for record in crm.records()] == [(OLD.key, OLD.fields)]
    assert crm.notes() == ()
    assert not (home / "up.json").exists()


@pytest.mark.parametrize(("receipt", "says"), [("NOBODYSONE", "There is no request and no run 'NOBODYSONE'")])
def test_what_cannot_be_taken_back_is_one_sentence(home: Path, receipt: str, says: str) -> None:
    kept = {**environment(home), "PREFECT_API_URL": "http://127.0.0.1:9/api"}  # nothing is started for it

    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "crm", "revert", receipt],
        env=kept, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def _until(log: Path, pattern: str, process: subprocess.Popen[bytes], seconds: float = 180.0) -> str:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and process.poll() is None:
        if found := re.search(pattern, log.read_text()):
            return found[1]
        time.sleep(0.1)
    if found := re.search(pattern, log.read_text()):
        return found[1]
    pytest.fail(f"it did not come to {pattern!r}:\n{log.read_text()}")
