"""Whatever people, flows, records and clocks do, in whatever order: some things are never so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from approvals.audit import verify
from approvals.canonical import digest
from approvals.deadlines import Deadlines
from approvals.decisions import Actor
from approvals.errors import ApprovalError, StaleDecision
from approvals.gatekeeping import Gatekeeper
from approvals.ledger import Ledger
from approvals.lifecycle import TRANSITIONS, Action, State, next_state
from approvals.people import PeopleList
from approvals.permits import Grant, PermitState
from approvals.policies import Policies, Policy
from approvals.ports import Examination, Person
from approvals.requests import Finding, Identity, Moved, Proposed, RunReference
from approvals.service import ApprovalService
from approvals.store import open_store

STAFF = [
    Person(email="Anna@acme.example", groups=("sales",)),
    Person(email="ben@acme.example", groups=("sales", "managers")),
    Person(email="cleo@acme.example", groups=("sales",)),
    Person(email="dora@acme.example", groups=("managers",)),
    Person(email="eli@acme.example", groups=("managers",)),
    Person(email="rita@acme.example", groups=("sales", "managers")),
    Person(email="omar@acme.example", groups=("finance",)),
    Person(email="ada@acme.example", role="admin"),
]
REQUESTER = "rita@acme.example"
TERMS: dict[str, dict[str, Any]] = {
    "plain": {"on_timeout": "expire"},
    "two": {"quorum": 2, "on_timeout": "escalate", "escalate_to": ("managers",)},
    "strict": {"editors": (), "on_timeout": "reject"},
    "silent": {"on_timeout": "approve", "allow_silent_approval": True},
    "flagged": {"ask_when": "flagged", "on_timeout": "expire"},
}
WORKER = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))


class Examines:
    """Finds a claim unsupported where the document says so, and knows the world."""

    def __init__(self) -> None:
        self.world = 1

    def examine(self, kind: str, document: Any, evidence: Any, based_on: dict[str, str]) -> Examination:
        return Examination(
            document=document,
            findings=(Finding(claim_id="c1", support="unsupported" if document["doubtful"] else "supported"),),
            moved=tuple(
                Moved(address=address, was=was, now=str(self.world))
                for address, was in based_on.items()
                if was != str(self.world)
            ),
        )


ACTORS = st.sampled_from(
    [Actor(kind="person", id=person.email.lower(), via="session") for person in STAFF]
    + [
        Actor(kind="person", id="ANNA@ACME.example", via="token"),
        Actor(kind="person", id="anna@acme.example", via="token", scopes=frozenset({"read"})),
        Actor(kind="agent", id="anna@acme.example", via="token", scopes=frozenset({"read", "decide", "gate", "admin"})),
        WORKER,
    ]
)
# Mostly the version that is there; sometimes one that was read before.
BEHIND = st.sampled_from([0, 0, 0, 0, 1])
WINDOWS = st.sampled_from([0, 8, 999])


class Queue(RuleBasedStateMachine):
    """A queue with impatient people."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        self.store = open_store("sqlite:///:memory:")
        self.people = PeopleList(STAFF)
        self.examiner = Examines()
        policies = {
            name: Policy.model_validate({"name": name, "groups": ("sales",), "due": 3_600, "claim": 600, **terms})
            for name, terms in TERMS.items()
        }
        ledger = Ledger(self.store, lambda: self.now)
        self.service = ApprovalService(self.store, self.people, lambda: self.now, self.examiner)
        self.deadlines = Deadlines(self.service, ledger)
        self.gatekeeper = Gatekeeper(
            ledger, self.people, lambda: Policies(source="policies.toml", policies=policies), self.examiner
        )
        self.opened = 0
        self.final: dict[str, State] = {}
        self.first_grants: dict[str, int] = {}
        self.fences: dict[str, list[int]] = {}
        self.receipts: dict[str, str] = {}

    # -- what is done --------------------------------------------------------------------------------------------

    @rule(target=requests, policy=st.sampled_from(sorted(TERMS)), doubtful=st.booleans(), effect=st.booleans())
    def open(self, policy: str, doubtful: bool, effect: bool) -> str:
        self.opened += 1
        proposed = Proposed(
            identity=Identity(run=f"run-{self.opened}", gate=policy, key="k"),
            kind="tests:Note",
            action="note.send" if effect else None,
            target="mail://northwind.example",
            title="A note",
            document={"text": "as drafted", "doubtful": doubtful},
            document_schema={},
            based_on={"crm:northwind": str(self.examiner.world)},
            requester=REQUESTER,
            run=RunReference(id=f"run-{self.opened}"),
            policy=policy,
        )
        request = self.gatekeeper.open(proposed, WORKER)
        assert self.gatekeeper.open(proposed, WORKER) == request
        return request.id

    def attempt(self, request_id: str, by: Actor, action: Action | None, act: Callable[[], Any]) -> None:
        """Do it; what is refused changes nothing, and what is done was allowed by the table."""
        before = self.service.get(request_id)
        entries = sum(1 for _ in self.store.entries(request_id=request_id))
        try:
            act()
        except ApprovalError as refusal:
            after = self.service.get(request_id)
            if isinstance(refusal, StaleDecision) and after.version == before.version + 1:
                return  # a record moved: the request was revised and the person asked to look again
            assert after == before
            assert sum(1 for _ in self.store.entries(request_id=request_id)) == entries
            return
        after = self.service.get(request_id)
        if by.kind != "person":
            assert action not in (Action.APPROVE, Action.REJECT, Action.RETURN, Action.RECALL, Action.CLAIM)
        if action is not None and after.state is not before.state:
            assert after.state is next_state(before.state, action)

    @rule(request=requests, by=ACTORS)
    def claim(self, request: str, by: Actor) -> None:
        self.attempt(request, by, Action.CLAIM, lambda: self.service.claim(request, by))

    @rule(request=requests, by=ACTORS)
    def release(self, request: str, by: Actor) -> None:
        self.attempt(request, by, Action.RELEASE, lambda: self.service.release(request, by))

    @rule(request=requests, by=ACTORS, behind=BEHIND, window=WINDOWS, vouch=st.booleans())
    def approve(self, request: str, by: Actor, behind: int, window: int, vouch: bool) -> None:
        version = self.service.get(request).version - behind
        vouched = ("c1",) if vouch else ()
        self.attempt(
            request,
            by,
            Action.APPROVE,
            lambda: self.service.approve(request, by, version=version, vouched=vouched, recall=window),
        )

    @rule(request=requests, by=ACTORS, behind=BEHIND, window=WINDOWS, text=st.sampled_from(["as drafted", "a", "b"]))
    def edit(self, request: str, by: Actor, behind: int, window: int, text: str) -> None:
        version = self.service.get(request).version - behind
        edited = {"text": text, "doubtful": False}
        self.attempt(
            request,
            by,
            Action.APPROVE,
            lambda: self.service.approve(request, by, version=version, edited=edited, recall=window),
        )

    @rule(request=requests, by=ACTORS, behind=BEHIND, window=WINDOWS)
    def reject(self, request: str, by: Actor, behind: int, window: int) -> None:
        version = self.service.get(request).version - behind
        self.attempt(
            request,
            by,
            Action.REJECT,
            lambda: self.service.reject(request, by, version=version, reason="no", recall=window),
        )

    @rule(request=requests, by=ACTORS, window=WINDOWS)
    def send_back(self, request: str, by: Actor, window: int) -> None:
        version = self.service.get(request).version
        self.attempt(
            request,
            by,
            Action.RETURN,
            lambda: self.service.send_back(request, by, version=version, feedback="shorter", recall=window),
        )

    @rule(request=requests, by=ACTORS)
    def recall(self, request: str, by: Actor) -> None:
        self.attempt(request, by, Action.RECALL, lambda: self.service.recall(request, by))

    @rule(request=requests, by=ACTORS)
    def withdraw(self, request: str, by: Actor) -> None:
        self.attempt(request, by, Action.WITHDRAW, lambda: self.service.withdraw(request, "gone", by))

    @rule(request=requests, by=ACTORS)
    def escalate(self, request: str, by: Actor) -> None:
        self.attempt(request, by, Action.ESCALATE, lambda: self.service.escalate(request, by))

    @rule(request=requests, text=st.sampled_from(["as drafted", "another draft"]))
    def revise(self, request: str, text: str) -> None:
        document = {"text": text, "doubtful": False}
        self.attempt(request, WORKER, Action.REVISE, lambda: self.service.revise(request, WORKER, document=document))

    @rule()
    def carry_out_deadlines(self) -> None:
        self.deadlines.lapse_all()

    @rule(seconds=st.sampled_from([1, 7, 8, 600, 3_600]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def move_the_world(self) -> None:
        self.examiner.world += 1

    @rule(person=st.sampled_from(STAFF), active=st.booleans(), groups=st.sampled_from([None, (), ("managers",)]))
    def change_people(self, person: Person, active: bool, groups: tuple[str, ...] | None) -> None:
        terms = {"active": active} if groups is None else {"active": active, "groups": groups}
        others = [one for one in self.people.people() if one.email != person.email]
        changed = PeopleList([*others, person.model_copy(update=terms)])
        # Enough stay to ask: what becomes of a gate that nobody can open is another test's.
        if len(changed.members(("sales",))) > 3 and len(changed.members(("managers",))) > 2:
            self.people._people = changed._people

    @rule(request=requests, own=st.booleans(), mint=st.booleans())
    def take_up(self, request: str, own: bool, mint: bool) -> None:
        before = self.service.get(request)
        run = before.identity.run if own else "run-of-another"

        def act() -> None:
            answer = self.gatekeeper.take_up(request, run, WORKER, mint=mint)
            if answer is None:
                assert before.is_open or before.effective_at > self.now  # type: ignore[operator]
            else:
                assert own
                assert before.effective_at <= self.now  # type: ignore[operator]

        self.attempt(request, WORKER, None, act)

    @rule(
        request=requests,
        wrong=st.sampled_from(["", "", "", "action", "target", "sha256", "run"]),
        holder=st.integers(1, 2),
    )
    def redeem(self, request: str, wrong: str, holder: int) -> None:
        with self.store.read() as transaction:
            permit = transaction.permit_of(request)
        if permit is None:
            return
        given = {"action": permit.action, "target": permit.target, "sha256": permit.sha256, "run": permit.run_id}
        if wrong:
            given[wrong] = "something else"
        try:
            answer = self.gatekeeper.effects.redeem(permit.slip, WORKER, **given, holder=f"host:{holder}", lease=60)
        except ApprovalError:
            return
        assert not wrong
        if isinstance(answer, Grant):
            assert request not in self.receipts
            assert answer.fence > max(self.fences.get(request, [0]))
            self.fences.setdefault(request, []).append(answer.fence)
            self.first_grants[request] = self.first_grants.get(request, 0) + (not answer.repeated)
        else:
            assert answer.receipt == self.receipts[request]

    @rule(request=requests, late=st.booleans())
    def settle(self, request: str, late: bool) -> None:
        fences = self.fences.get(request, [0])
        fence = fences[0] if late else fences[-1]
        with self.store.read() as transaction:
            permit = transaction.permit_of(request)
        if permit is None:
            return
        try:
            receipt = self.gatekeeper.effects.settle(permit.id, fence, {"by": fence}, WORKER)
        except ApprovalError:
            return
        assert permit.state is not PermitState.MINTED
        assert self.receipts.setdefault(request, receipt) == receipt

    # -- what is always so ---------------------------------------------------------------------------------------

    @invariant()
    def each_request_is_sound(self) -> None:
        for entry in list(self.store.entries()):
            if entry.event.name == "request.opened":
                self._sound(str(entry.event.request_id))

    def _sound(self, request_id: str) -> None:
        request = self.service.get(request_id)
        history = self.service.history(request_id)
        with self.store.read() as transaction:
            permit = transaction.permit_of(request_id)
        rulings = [ruling for ruling in history.rulings if not ruling.recalled]

        # One decision at most, and a closed request is closed by exactly that.
        assert len(rulings) == (0 if request.is_open else 1)
        assert request.ruling == (rulings[0] if rulings else None)
        if rulings:
            assert next_state(State.PENDING, rulings[0].action) is request.state
        assert [content.version for content in history.contents] == list(range(1, request.version + 1))

        # Nothing leaves a request whose answer was taken up, or that is closed for good.
        if request_id in self.final:
            assert request.state is self.final[request_id]
        if request.taken_up_at is not None or not TRANSITIONS[request.state]:
            self.final[request_id] = request.state

        # Enough different people signed exactly what was approved; never who asked, never a machine.
        signed = [one for one in history.signoffs if not one.voided]
        assert all(one.person.casefold() != REQUESTER for one in history.signoffs)
        assert len({one.person.casefold() for one in signed}) == len(signed)
        if rulings and rulings[0].action is Action.APPROVE:
            assert digest(rulings[0].document or "") == rulings[0].sha256
            if rulings[0].by.kind == "person":
                assert sum(one.sha256 == rulings[0].sha256 for one in signed) >= request.policy.quorum
            if not request.policy.editors and request.policy.editors is not None:
                assert rulings[0].document in {content.document for content in history.contents}
        for ruling in history.rulings:
            assert ruling.by.kind in ("person", "policy", "system", "worker")
            if ruling.action in (Action.REJECT, Action.RETURN, Action.APPROVE) and ruling.by.kind == "person":
                assert "decide" in ruling.by.scopes

        # A permit only for what was approved and taken up, and for exactly that.
        if permit is not None:
            assert request.state is State.APPROVED
            assert request.taken_up_at is not None
            assert (permit.sha256, permit.action) == (rulings[0].sha256, request.action)
        assert self.first_grants.get(request_id, 0) <= 1

    @invariant()
    def nobody_without_a_say_is_offered_one(self) -> None:
        for entry in list(self.store.entries()):
            if entry.event.name == "request.opened":
                request = self.service.get(str(entry.event.request_id))
                offered = self.service.allowed_actions(request, Actor(kind="person", id=REQUESTER, via="session"))
                assert set(offered) <= {Action.WITHDRAW}

    def teardown(self) -> None:
        verification = verify(self.store.entries(), self.store.rows())
        self.store.close()
        assert verification.ok, verification.problem


Queue.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestQueue = Queue.TestCase
