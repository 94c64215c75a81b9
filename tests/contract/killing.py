"""A process that writes a signed CRM update and is killed on the way, as often as a test wants.

Run as a script it is a launcher: it imports everything once and forks a process for each life, so that a life takes
milliseconds. A test names the CRM by its address and says how everything in it is read; nothing here knows a vendor.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents.applying import apply_update
from agents.bootstrap import build as open_agents
from agents.changes import AddNote, Associate, Change, Create, SetField
from agents.documents import CrmReceipt, CrmUpdate, EntityRef, dump
from agents.ports import Crm
from agents.settings import Settings as AgentSettings
from approvals.audit import verify
from approvals.bootstrap import build
from approvals.canonical import canonical, digest
from approvals.decisions import Actor, PermitSlip
from approvals.permits import Used
from approvals.ports import Examination
from approvals.requests import Identity, Proposed, RunReference
from approvals.settings import Settings
from approvals.store import open_store

ACTION = "crm.update"
PEOPLE = '[[people]]\nemail = "nils@copperleaf.example"\ngroups = ["sales"]\n'
POLICIES = '[policies.crm_update]\ngroups = ["sales"]\ndue = "3d"\non_timeout = "expire"\n'
NILS = Actor(kind="person", id="nils@copperleaf.example", via="session")
FLOW = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))

STAGES = ("claimed", "in flight", "sent", "unsettled")
"""Before a change is sent; some time after; when it was answered and nothing is noted; before the receipt is kept."""
COMMITTING = "committing"
"""While the embedded CRM commits: only where it runs in the writing process."""


# -- what is written ---------------------------------------------------------------------------------------------

BEFOREHAND = Create(object="company", key="co:arden.example", fields={"name": "Arden", "phone": "+44 20 1"})
CHANGES: tuple[Change, ...] = (
    Create(object="company", key="co:halden.example", fields={"name": "Halden Freight", "domain": "halden.example"}),
    Create(
        object="contact", key="ct:office@halden.example", fields={"name": "Office", "email": "office@halden.example"}
    ),
    Create(object="deal", key="dl:halden.example:r1", fields={"name": "Offer", "amount": "900.00", "currency": "EUR"}),
    SetField(object="company", key=BEFOREHAND.key, field="phone", before="+44 20 1", after="+44 20 2"),
    SetField(object="company", key=BEFOREHAND.key, field="email", before=None, after="desk@arden.example"),
    AddNote(key="nt:r1:1", object="deal", about="dl:halden.example:r1", body="What was signed."),
    AddNote(key="nt:r1:2", object="company", about="co:halden.example", body="Who they are."),
    AddNote(key="nt:r1:3", object="company", about=BEFOREHAND.key, body="Asked for a call."),
    Associate(object="deal", key="dl:halden.example:r1", to_object="company", to_key="co:halden.example"),
    Associate(object="contact", key="ct:office@halden.example", to_object="company", to_key="co:halden.example"),
)
WRITTEN = Counter(
    {
        "company co:arden.example email=desk@arden.example name=Arden phone=+44 20 2": 1,
        "company co:halden.example domain=halden.example name=Halden Freight": 1,
        "contact ct:office@halden.example email=office@halden.example name=Office": 1,
        "deal dl:halden.example:r1 amount=900.00 currency=EUR name=Offer": 1,
        "note nt:r1:1 deal dl:halden.example:r1 What was signed.": 1,
        "note nt:r1:2 company co:halden.example Who they are.": 1,
        "note nt:r1:3 company co:arden.example Asked for a call.": 1,
        "link company co:halden.example contact ct:office@halden.example": 1,
        "link company co:halden.example deal dl:halden.example:r1": 1,
    }
)
"""All that the CRM holds afterwards, and how often."""


def update_for(address: str) -> CrmUpdate:
    """Ten changes of every kind, for the CRM at this address."""
    return CrmUpdate(crm=address, entity=EntityRef(name="Halden Freight", domain="halden.example"), changes=CHANGES)


def told_by(crm: Crm) -> Counter[str]:
    """All that a CRM says it holds, in the words of `WRITTEN`; what it holds twice counts twice."""
    found: Counter[str] = Counter()
    for record in crm.records():
        values = " ".join(f"{name}={value}" for name, value in sorted(record.fields.items()))
        found[f"{record.object} {record.key} {values}"] += 1
        for link in crm.associations(record.object, record.key):
            one, other = sorted([(record.object, record.key), (link.object, link.key)])
            found[f"link {one[0]} {one[1]} {other[0]} {other[1]}"] += 1
    # Each link was met at both of its ends.
    for what in [what for what in found if what.startswith("link ")]:
        found[what] //= 2
    for note in crm.notes():
        found[f"note {note.key} {note.object} {note.about} {note.body}"] += 1
    return found


# -- how it ends -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """Where a life ends: at which stage of which change, counted from 1."""

    stage: str
    change: int
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.stage} {self.change}"


def endings(seed: int, stages: Sequence[str], *, seconds: float = 0.004) -> tuple[Ending, ...]:
    """One to three deaths at random points; `seconds` is about how long one change takes this CRM."""
    by_chance = random.Random(seed)
    first = Ending(stages[seed % len(stages)], by_chance.randint(1, len(CHANGES)), by_chance.uniform(0, seconds))
    more = [
        Ending(by_chance.choice(stages), by_chance.randint(1, len(CHANGES)), by_chance.uniform(0, seconds))
        for _ in range(by_chance.randint(0, 2))
    ]
    return (first, *more)


@dataclass(frozen=True)
class Job:
    """A signed update, and the lives of the process that writes it."""

    home: str
    address: str
    run: str
    permit: str
    request: str
    endings: tuple[Ending, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


# -- the test's side ---------------------------------------------------------------------------------------------


class _Trusting:
    def examine(self, kind: str, document: Any, evidence: Any, based_on: Any) -> Examination:
        return Examination(document=document)


def signed(home: Path, address: str) -> Job:
    """A home in which the update was signed and taken up, and nobody has begun to write it."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "people.toml").write_text(PEOPLE)
    (home / "policies.toml").write_text(POLICIES)
    approvals = build(_settings(home), examiner=_Trusting())
    run = str(uuid4())
    proposed = Proposed(
        identity=Identity(run=run, gate="crm_update", key="k"),
        kind="agents.documents:CrmUpdate",
        action=ACTION,
        target=address,
        title="CRM update for Halden Freight",
        document=dump(update_for(address)),
        document_schema=CrmUpdate.model_json_schema(),
        requester="rosa@copperleaf.example",
        run=RunReference(id=run, flow="outreach", deployment="d1", gates=("crm_update",)),
        policy="crm_update",
    )
    request = approvals.gatekeeper.open(proposed, FLOW)
    approvals.service.approve(request.id, NILS, version=1)
    taken = approvals.gatekeeper.take_up(request.id, run, FLOW)
    approvals.close()
    assert taken is not None
    assert taken.permit is not None
    return Job(str(home), address, run, taken.permit.id, request.id, ())


class Launcher:
    """The launcher's process as a test sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )

    def receipts(self, job: Job) -> list[CrmReceipt | None]:
        """What each life came to: None where it was killed, and the kept receipt of the last, which was let live."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(asdict(job))}\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return [None if text is None else CrmReceipt.model_validate_json(text) for text in told]

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


def entries(home: Path) -> list[str]:
    """What was recorded along the way, by name, once it was found whole."""
    store = open_store(_settings(home).store)
    found = verify(store.entries(), store.rows())
    names = [entry.event.name for entry in store.entries()]
    store.close()
    assert found.ok, found.problem
    return names


def assert_written_once(told: Callable[[], Counter[str]], receipt: CrmReceipt | None, *, knows_writers: bool) -> None:
    """All is there exactly once, and the receipt says so of each change.

    Args:
        knows_writers: The CRM tells who wrote what is there, so that a run knows its own writes after a restart.
    """
    assert told() == WRITTEN
    assert receipt is not None
    assert [one.index for one in receipt.applied] == list(range(len(CHANGES)))
    assert {one.outcome for one in receipt.applied} <= ({"written"} if knows_writers else {"written", "already"})


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APPROVALS_", "AGENTS_"))}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}


def _settings(home: Path) -> Settings:
    return Settings(home=home, policies=home / "policies.toml")


# -- the launcher's side -----------------------------------------------------------------------------------------


class _Mortal:
    """A CRM whose writer dies at one point."""

    def __init__(self, crm: Crm, ending: Ending) -> None:
        self._crm = crm
        self._ending = ending
        self._number = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._crm, name)

    def apply(self, change: Change, *, by: str) -> Any:
        self._number += 1
        stage = self._ending.stage if self._number == self._ending.change else ""
        if stage == "claimed":
            _die()
        if stage == "in flight":
            threading.Timer(self._ending.seconds, _die).start()
        if stage == COMMITTING:
            from sqlalchemy import event
            from sqlalchemy.engine import Engine

            event.listen(Engine, "commit", _die)
        done = self._crm.apply(change, by=by)
        if stage in ("in flight", "sent"):
            _die()
        return done


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _live(job: dict[str, Any], number: int, ending: Ending | None) -> str:
    """Write what was signed; the receipt that is kept."""
    os.environ.update(job["environment"])
    home = Path(job["home"])
    crm = open_agents(AgentSettings(crm=job["address"], home=home)).crm
    update = update_for(job["address"])
    sha256 = digest(canonical(update))
    # Each life begins when the lease of the one before has lapsed.
    approvals = build(_settings(home), clock=lambda: datetime.now(UTC) + timedelta(minutes=number))
    effects = approvals.gatekeeper.effects
    slip = PermitSlip(
        id=job["permit"], action=ACTION, target=crm.address, sha256=sha256, request_id=job["request"], run_id=job["run"]
    )
    leave = effects.redeem(
        slip, FLOW, action=ACTION, target=crm.address, sha256=sha256, run=job["run"], holder=str(number), lease=12
    )
    if isinstance(leave, Used):
        return leave.receipt
    writing: Any = _Mortal(crm, ending) if ending else crm
    receipt = asyncio.run(apply_update(update, crm=writing, by=f"run {job['run']}"))
    if ending and ending.stage == "unsettled":
        _die()
    return effects.settle(leave.permit_id, leave.fence, dump(receipt), FLOW)


def _forked(job: dict[str, Any], number: int, ending: Ending | None) -> str | None:
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        try:
            os.close(reading)
            os.write(writing, _live(job, number, ending).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    if ending is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    return told if status == 0 else None


def main() -> None:
    """Take jobs, a line each, and answer each with what its lives came to."""
    for line in sys.stdin:
        job = json.loads(line)
        lives = [Ending(**ending) for ending in job["endings"]]
        told = [_forked(job, number, ending) for number, ending in enumerate([*lives, None])]
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
