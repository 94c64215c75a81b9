"""What a run may ask of its queue is the same beside the store and over REST, where a real server process answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from approvals.audit import verify
from approvals.bootstrap import Approvals, build
from approvals.canonical import canonical, digest
from approvals.decisions import SYSTEM, Actor, PermitSlip, Value
from approvals.errors import (
    DocumentInvalid,
    NoPermit,
    NotFound,
    OutOfScope,
    Overtaken,
    PermitInUse,
    PolicyError,
)
from approvals.lifecycle import State
from approvals.permits import Grant, Used
from approvals.ports import GateSide
from approvals.remote import Queue
from approvals.requests import Identity, Proposed, Request, RunReference
from approvals.settings import Settings

PEOPLE = """
[[people]]
email = "nils@copperleaf.example"
groups = ["sales"]

[[people]]
email = "rosa@copperleaf.example"
groups = ["sales"]
"""

POLICIES = """
[policies.letter]
groups = ["sales"]
due = "3d"
on_timeout = "expire"
"""

NILS = Actor(kind="person", id="nils@copperleaf.example", via="session")
FLOW = Actor(kind="worker", id="letters", via="flow", scopes=frozenset({"gate"}))
ROSA = "rosa@copperleaf.example"

SERVED = """
import json, sys
from pathlib import Path

from approvals.bootstrap import build
from approvals.ports import KnownRun
from approvals.requests import RunReference
from approvals.settings import Settings
from approvals.web import serve
sys.path.append(sys.argv[3])
from test_gate_side import LetterExaminer

home = Path(sys.argv[1])


class Records:
    def known(self, run_id):
        told = json.loads((home / "runs.json").read_text()).get(run_id)
        return told and KnownRun(run=RunReference(id=run_id, flow="letters", deployment="d1"), **told)


class Pages:
    def put(self, body):
        (home / "page").write_bytes(body)


settings = Settings(home=home, policies=home / "policies.toml")
serve(build(settings, examiner=LetterExaminer()), port=int(sys.argv[2]), records=Records(), pages=Pages())
"""


class Letter(Value):
    """What is to be signed here."""

    text: str


class LetterExaminer:
    """Knows letters."""

    def examine(self, kind: str, document: Any, evidence: Any, based_on: Any) -> Any:
        from pydantic import ValidationError

        from approvals.errors import FieldError
        from approvals.ports import Examination

        try:
            return Examination(document=Letter.model_validate(document).model_dump())
        except ValidationError as error:
            wrong = tuple(FieldError(str(one["loc"][0]), one["msg"]) for one in error.errors())
            return Examination(document=document, errors=wrong)


class Served(NamedTuple):
    """A queue in a process of its own, and its store as this process sees it."""

    approvals: Approvals
    address: str
    home: Path

    def token(self, pool: str = "letters") -> SecretStr:
        return SecretStr(self.approvals.tokens.create(pool, SYSTEM, kind="worker", scopes=("gate",)).secret)

    def run(self, *, pool: str | None = "letters", ended: bool = False) -> str:
        """A run that its Prefect knows."""
        known = json.loads((self.home / "runs.json").read_text())
        run_id = str(uuid4())
        known[run_id] = {"pool": pool, "requester": ROSA, "ended": ended}
        (self.home / "runs.new").write_text(json.dumps(known))
        (self.home / "runs.new").replace(self.home / "runs.json")
        return run_id


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("queue")
    (home / "people.toml").write_text(PEOPLE)
    (home / "policies.toml").write_text(POLICIES)
    (home / "runs.json").write_text("{}")
    approvals = build(Settings(home=home, policies=home / "policies.toml"), examiner=LetterExaminer())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = Path(__file__).parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APPROVALS_", "COUNTERSIGN_"))}
    with (home / "queue.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVED, str(home), str(port), str(here)],
            env={**kept, "PYTHONPATH": str(here.parents[1])},
            stdout=log,
            stderr=log,
        )
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            assert process.poll() is None, (home / "queue.log").read_text()
            assert time.monotonic() < deadline, "the queue does not answer"
            time.sleep(0.05)
        yield Served(approvals, address, home)
        found = verify(approvals.store.entries(), approvals.store.rows())
        assert found.ok, found.problem
    finally:
        process.kill()
        process.wait()
        approvals.close()


@pytest.fixture
def run(served: Served) -> str:
    return served.run()


@pytest.fixture
def queue(served: Served) -> Iterator[Queue]:
    queue = Queue((served.address,), served.token(), patience=5)
    yield queue
    queue.close()


@pytest.fixture(params=["beside the store", "over REST"])
def side(request: pytest.FixtureRequest, served: Served, run: str) -> GateSide:
    if request.param == "beside the store":
        return served.approvals.gatekeeper
    queue: Queue = request.getfixturevalue("queue")
    return queue.gate(run)


def proposed(run: str, key: str = "k", **terms: Any) -> Proposed:
    usual: dict[str, Any] = {
        "identity": Identity(run=run, gate="letter", key=key),
        "kind": "tests:Letter",
        "action": "letter.send",
        "target": "mail://northwind.example",
        "title": "A letter",
        "document": {"text": "We deliver on Monday."},
        "document_schema": Letter.model_json_schema(),
        "requester": ROSA,
        "run": RunReference(id=run, flow="letters", deployment="d1", gates=("letter", "reply")),
        "policy": "letter",
    }
    return Proposed(**{**usual, **terms})


@pytest.fixture
def approved(served: Served, run: str, side: GateSide) -> Callable[[], Request]:
    """A request that somebody has signed, and whose answer counts."""

    def make() -> Request:
        request = side.open(proposed(run), FLOW)
        served.approvals.service.approve(request.id, NILS, version=1)
        return side.get(request.id)

    return make


def names(served: Served, request: Request) -> list[str]:
    return [entry.event.name for entry in served.approvals.store.entries(request_id=request.id)]


def terms_of(request: Request, holder: str = "h1") -> dict[str, Any]:
    sha256 = request.content.sha256
    return {"action": "letter.send", "target": "mail://northwind.example", "sha256": sha256, "run": request.run.id,
            "holder": holder, "lease": 10.0}  # fmt: skip


# -- asking ------------------------------------------------------------------------------------------------------


def test_terms_are_checked_before_the_first_question_and_not_after(side: GateSide, run: str) -> None:
    side.enter(run, ["letter"], ROSA)
    with pytest.raises(PolicyError, match="Did you mean 'letter'"):
        side.enter(run, ["lettre"], ROSA)

    side.open(proposed(run), FLOW)

    side.enter(run, ["lettre"], ROSA)


def test_the_first_draft_wins_and_is_found_again(side: GateSide, served: Served, run: str) -> None:
    first = side.open(proposed(run), FLOW)

    again = side.open(proposed(run, document={"text": "Worded differently."}), FLOW)

    kept = served.approvals.gatekeeper.get(first.id)
    assert first == again == side.get(first.id) == kept
    assert side.of_key(run, "letter", "k") == (kept,)
    assert side.of_key(run, "letter", "other") == ()
    assert (kept.requester, kept.run.gates, kept.run.flow) == (ROSA, ("letter", "reply"), "letters")
    assert names(served, first) == ["request.opened"]


def test_a_draft_that_does_not_fit_is_refused_with_its_fields(side: GateSide, run: str) -> None:
    with pytest.raises(DocumentInvalid) as refusal:
        side.open(proposed(run, document={"words": "x"}), FLOW)

    assert {error.path for error in refusal.value.errors} == {"text", "words"}
    assert side.of_key(run, "letter", "k") == ()


def test_what_is_not_there_is_not_found(side: GateSide) -> None:
    with pytest.raises(NotFound):
        side.get("NOBODYSONE")


# -- waiting -----------------------------------------------------------------------------------------------------


def test_a_process_shows_itself_and_goes(side: GateSide, run: str) -> None:
    request = side.open(proposed(run), FLOW)

    told = side.keep_alive(run, "h1", 15)
    held = side.get(request.id)
    side.rest(run, "somebody else")
    still = side.get(request.id)
    side.rest(run, "h1")

    assert (told, held.holder, still.holder) == (1, "h1", "h1")
    assert held.held_until is not None
    assert side.get(request.id).holder is None


def test_suspensions_are_counted_until_there_is_an_answer(side: GateSide, served: Served, run: str) -> None:
    request = side.open(proposed(run), FLOW)

    counted = [side.suspending(request.id), side.suspending(request.id)]
    side.woken(request.id, FLOW)
    open_then = side.counts(side.get(request.id))
    served.approvals.service.reject(request.id, NILS, version=1, reason="No.")

    assert (counted, open_then) == ([1, 2], False)
    assert side.suspending(request.id) is None
    assert side.counts(side.get(request.id))
    assert names(served, request) == ["request.opened", "run.woken", "request.rejected"]


# -- taking up, and carrying out ---------------------------------------------------------------------------------


def slip_of(side: GateSide, request: Request, run: str) -> PermitSlip:
    """Take up an approved request, and name the permit that was made of it."""
    answer = side.take_up(request.id, run, FLOW)
    assert answer is not None
    assert answer.permit is not None
    return answer.permit.slip


def test_an_answer_is_taken_up_once_it_counts_and_again_the_same(side: GateSide, served: Served, run: str) -> None:
    request = side.open(proposed(run), FLOW)
    before = side.take_up(request.id, run, FLOW)
    served.approvals.service.approve(request.id, NILS, version=1)

    first, again = side.take_up(request.id, run, FLOW), side.take_up(request.id, run, FLOW)

    assert before is None
    assert first is not None
    assert first == again
    assert first.request == side.get(request.id)
    assert first.request.state is State.APPROVED
    assert first.permit is not None
    assert (first.permit.run_id, first.permit.target) == (run, "mail://northwind.example")
    assert names(served, request).count("request.taken_up") == 1


def test_where_the_run_refuses_what_was_signed_no_permit_is_made(
    side: GateSide, approved: Callable[[], Request], run: str
) -> None:
    request = approved()

    answer = side.take_up(request.id, run, FLOW, mint=False)

    assert answer is not None
    assert answer.permit is None


def test_an_effect_is_carried_out_once(side: GateSide, approved: Callable[[], Request], run: str) -> None:
    request = approved()
    slip, terms = slip_of(side, request, run), terms_of(request)

    grant = side.effects.redeem(slip, FLOW, **terms)
    assert isinstance(grant, Grant)
    with pytest.raises(PermitInUse):
        side.effects.redeem(slip, FLOW, **terms_of(request, "h2"))
    kept = side.effects.keep(grant.permit_id, grant.fence, 10)
    settled = [side.effects.settle(grant.permit_id, grant.fence, {"sent": 1}, FLOW) for _ in range(2)]
    after = side.effects.redeem(slip, FLOW, **terms_of(request, "h2"))

    assert (grant.repeated, kept) == (False, True)
    assert settled == [canonical({"sent": 1})] * 2
    assert after == Used(permit_id=grant.permit_id, receipt=canonical({"sent": 1}))
    assert side.effects.keep(grant.permit_id, grant.fence, 10) is False


def test_who_lets_go_makes_room_and_who_comes_late_is_overtaken(
    side: GateSide, approved: Callable[[], Request], run: str
) -> None:
    request = approved()
    slip = slip_of(side, request, run)
    first = side.effects.redeem(slip, FLOW, **terms_of(request))
    assert isinstance(first, Grant)
    side.effects.let_go(first.permit_id, first.fence)

    second = side.effects.redeem(slip, FLOW, **terms_of(request, "h2"))

    assert isinstance(second, Grant)
    assert (second.repeated, second.fence) == (True, first.fence + 1)
    with pytest.raises(Overtaken):
        side.effects.settle(first.permit_id, first.fence, None, FLOW)


def test_without_a_permit_for_exactly_this_nothing_runs(
    side: GateSide, approved: Callable[[], Request], run: str
) -> None:
    request = approved()
    slip, terms = slip_of(side, request, run), terms_of(request)

    for other in ({"action": "x"}, {"target": "y"}, {"sha256": digest("z")}):
        with pytest.raises(NoPermit):
            side.effects.redeem(slip, FLOW, **{**terms, **other})
    with pytest.raises(NoPermit, match="without a permit"):
        side.effects.redeem(None, FLOW, **terms)

    assert isinstance(side.effects.redeem(slip, FLOW, **terms), Grant)


# -- what only a caller from elsewhere could try -----------------------------------------------------------------


def test_another_pools_token_and_a_run_that_has_ended_reach_nothing(served: Served, run: str) -> None:
    request = served.approvals.gatekeeper.open(proposed(run), FLOW)
    other = Queue((served.address,), served.token("invoices"), patience=5)
    own = Queue((served.address,), served.token(), patience=5)

    for queue, named in ((other, run), (own, served.run(ended=True)), (own, served.run(pool=None)), (own, "no-run")):
        with pytest.raises(OutOfScope):
            queue.gate(named).get(request.id)
        with pytest.raises(OutOfScope):
            queue.gate(named).open(proposed(named), FLOW)
    with pytest.raises(NotFound):
        own.gate(served.run()).take_up(request.id, run, FLOW)

    assert names(served, request) == ["request.opened"]
    assert served.approvals.gatekeeper.get(request.id) == request
    for queue in (other, own):
        queue.close()


def test_a_page_is_handed_in_with_the_request_that_cites_it(served: Served, run: str) -> None:
    body = b"<h1>Northwind</h1>"
    queue = Queue((served.address,), served.token(), patience=5, page={digest(body.decode()): body}.get)
    evidence = {"sources": [{"id": "s1", "address": "https://northwind.example", "sha256": digest(body.decode())}]}

    queue.gate(run).open(proposed(run, evidence=evidence), FLOW)

    assert (served.home / "page").read_bytes() == body
    queue.close()


def test_a_queue_that_is_greeted_tells_whose_runs_the_token_speaks_for(queue: Queue, served: Served) -> None:
    secret = served.approvals.tokens.create(NILS.id, SYSTEM, scopes=("read",)).secret
    other = Queue((served.address,), SecretStr(secret))

    assert queue.greet() == "letters"
    with pytest.raises(OutOfScope, match="not a worker's"):
        other.greet()
    other.close()
