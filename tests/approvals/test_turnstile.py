"""Who may speak for a run from elsewhere, and how far that reaches."""

from __future__ import annotations

import pytest

from approvals.decisions import Actor
from approvals.errors import NoPermit, NotFound, OutOfScope, RunsUnavailable
from approvals.ports import KnownRun
from approvals.requests import RunReference
from approvals.turnstile import Turnstile

POOL = Actor(kind="worker", id="letters", via="token", scopes=frozenset({"gate"}))


class Records:
    """A Prefect whose runs the test sets."""

    def __init__(self):
        self.runs = {}
        self.down = False
        self.asked = 0

    def set(self, run="run-1", *, pool="letters", ended=False, requester="rita@acme.example"):
        reference = RunReference(id=run, flow="letters", deployment="d1")
        self.runs[run] = KnownRun(run=reference, requester=requester, pool=pool, ended=ended)

    def known(self, run_id):
        self.asked += 1
        if self.down:
            raise RunsUnavailable
        return self.runs.get(run_id)


@pytest.fixture
def records():
    records = Records()
    records.set()
    return records


@pytest.fixture
def turnstile(gatekeeper, store, records, clock):
    return Turnstile(gatekeeper, store, records, clock)


@pytest.mark.parametrize(
    "by",
    [
        Actor(kind="person", id="anna@acme.example", via="token", scopes=frozenset({"read", "decide", "gate"})),
        Actor(kind="person", id="letters", via="session"),
        Actor(kind="agent", id="letters", via="token", scopes=frozenset({"read", "gate"})),
        POOL.model_copy(update={"scopes": frozenset({"read"})}),
        POOL.model_copy(update={"via": "flow"}),
    ],
    ids=["a person", "a session", "an agent", "no scope", "not by token"],
)
def test_nobody_but_a_workers_token_with_the_scope_is_let_in(turnstile, records, by):
    with pytest.raises(OutOfScope, match="Only a worker's token"):
        turnstile.let_in(by, "run-1")

    assert records.asked == 0


def test_a_token_speaks_for_the_runs_of_its_pool_and_cannot_tell_others_from_none(turnstile, records):
    records.set("of another pool", pool="invoices")
    records.set("of no pool", pool=None)

    told = []
    for run in ("of another pool", "of no pool", "of nobody"):
        with pytest.raises(OutOfScope) as refusal:
            turnstile.let_in(POOL, run)
        told.append(str(refusal.value).replace(run, "X"))

    assert len(set(told)) == 1


def test_a_run_that_has_ended_asks_nothing_and_may_still_settle(turnstile, records):
    records.set(ended=True)

    with pytest.raises(OutOfScope, match="has ended"):
        turnstile.let_in(POOL, "run-1")

    turnstile.let_in(POOL, "run-1", ended=True)


def test_a_run_is_looked_up_once_a_minute_and_a_refusal_is_never_remembered(turnstile, records, clock):
    for _ in range(3):
        turnstile.let_in(POOL, "run-1")
    remembered = records.asked
    records.set(ended=True)
    clock.forward(61)
    for _ in range(2):
        with pytest.raises(OutOfScope):
            turnstile.let_in(POOL, "run-1")

    assert (remembered, records.asked) == (1, 3)


def test_while_nobody_can_say_whose_a_run_is_it_is_not_let_in(turnstile, records):
    records.down = True

    with pytest.raises(RunsUnavailable):
        turnstile.let_in(POOL, "run-1")


def test_the_requester_and_the_run_are_as_prefect_has_them(turnstile, propose, events):
    lied = propose(requester="nobody@acme.example")
    lied = lied.model_copy(update={"run": lied.run.model_copy(update={"flow": "harmless", "gates": ("offer",)})})

    request = turnstile.let_in(POOL, "run-1").open(lied)

    assert (request.requester, request.run.flow, request.run.gates) == ("rita@acme.example", "letters", ("offer",))
    assert events() == ["request.opened"]


def test_a_run_reaches_no_request_and_no_permit_of_another(
    turnstile, records, gatekeeper, propose, service, WORKER, ANNA
):
    records.set("run-2")
    request = gatekeeper.open(propose(), WORKER)
    service.approve(request.id, ANNA, version=1)
    own, other = turnstile.let_in(POOL, "run-1"), turnstile.let_in(POOL, "run-2")

    for act in (other.get, other.suspending, other.woken, lambda one: other.take_up(one, mint=True)):
        with pytest.raises(NotFound):
            act(request.id)
    with pytest.raises(OutOfScope):
        other.open(propose(key="mine"))
    with pytest.raises(NotFound):
        other.open(propose(run="run-2", supersedes=request.id))
    permit = own.take_up(request.id, mint=True).permit
    terms = {"action": permit.action, "target": permit.target, "sha256": permit.sha256, "holder": "h", "lease": 5}
    for act in (
        lambda: other.redeem(permit.id, **terms),
        lambda: other.keep(permit.id, 1, 5),
        lambda: other.settle(permit.id, 1, None),
        lambda: other.let_go(permit.id, 1),
    ):
        with pytest.raises(NoPermit):
            act()

    assert own.redeem(permit.id, **terms).repeated is False
    assert other.keep_alive("h", 5) == 0
