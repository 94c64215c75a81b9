"""The flow's side of a request: opening it, waiting for its answer, and taking it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from approvals.authority import Authority
from approvals.canonical import canonical
from approvals.decisions import SYSTEM, Actor
from approvals.effects import Effects
from approvals.errors import CannotExamine, DocumentInvalid, OutOfScope
from approvals.examining import digest_of, examined
from approvals.ledger import Ledger, event, found, ruled
from approvals.lifecycle import Action, State
from approvals.permits import Permit
from approvals.policies import Policies, Policy, passes_unasked
from approvals.ports import Answer, Directory, Examination, Examiner, Transaction
from approvals.requests import Content, Proposed, Request, new_id


class Gatekeeper:
    """Called by gates, never by people."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        policies: Callable[[], Policies],
        examiner: Examiner | None = None,
        *,
        examine_limit: float = 30.0,
    ) -> None:
        self._ledger = ledger
        self.effects = Effects(ledger)
        self._authority = Authority(directory)
        self._policies = policies
        self._examiner = examiner
        self._examine_limit = examine_limit

    # -- opening -------------------------------------------------------------------------------------------------

    def check(self, policies: Iterable[str], requester: str) -> None:
        """Nothing, if each policy exists and enough people could decide for this requester.

        Raises:
            PolicyError: the first that would leave a run waiting for nobody.
        """
        known = self._policies()
        for name in policies:
            self._authority.check_terms(known.named(name), requester)

    def enter(self, run: str, policies: Iterable[str], requester: str) -> None:
        """`check`, for a run that has asked nothing yet; one that has goes on under the terms it asked under.

        Raises:
            PolicyError: as `check`.
        """
        with self._ledger.store.read() as transaction:
            resumed = transaction.has_asked(run)
        if not resumed:
            self.check(policies, requester)

    def open(self, proposed: Proposed, by: Actor) -> Request:
        """The request of this identity: opened now, or as it was opened before. The first draft wins.

        Where the policy asks nobody, the request is approved at once and names the rule.

        Raises:
            PolicyError: the policy is gone or would ask nobody.
            DocumentInvalid: the draft itself does not fit its class.
        """
        with self._ledger.store.read() as transaction:
            before = transaction.identified(proposed.identity)
        if before is not None:
            return before
        policy = self._policies().named(proposed.policy)
        self._authority.check_terms(policy, proposed.requester)
        content, examination = self._first(proposed)
        return self._ledger.write(partial(self._opened, proposed, policy, content, examination, by))

    def of_key(self, run: str, gate: str, key: str) -> tuple[Request, ...]:
        """Every request that this run opened at this gate under this key, in order of round and succession."""
        with self._ledger.store.read() as transaction:
            return transaction.of_key(run, gate, key)

    def get(self, request_id: str) -> Request:
        """The request as it is now."""
        with self._ledger.store.read() as transaction:
            return found(transaction, request_id)

    def counts(self, request: Request) -> bool:
        """Whether the request has an answer that can no longer be taken back."""
        return request.answered(self._ledger.clock())

    # -- waiting -------------------------------------------------------------------------------------------------

    def suspending(self, request_id: str) -> int | None:
        """Count one more suspension, and return its number; None where there is no need: an answer is there."""

        def act(transaction: Transaction, request: Request, now: datetime) -> int | None:
            if request.answered(now):
                return None
            update = {"attempt": request.attempt + 1, "holder": None, "held_until": None}
            return transaction.change(request, request.model_copy(update=update), None).attempt

        return self._ledger.act(request_id, act)

    def keep_alive(self, run: str, holder: str, seconds: float) -> int:
        """Note that a live process is at work on this run's unanswered requests for so many seconds; tells how many."""
        with self._ledger.store.read() as transaction:
            waiting = transaction.untaken(run)
        for request in waiting:
            self._ledger.act(request.id, partial(_held, holder=holder, seconds=seconds))
        return len(waiting)

    def rest(self, run: str, holder: str) -> None:
        """Note that this process is no longer at work on the run's unanswered requests."""
        with self._ledger.store.read() as transaction:
            held = [request for request in transaction.untaken(run) if request.holder == holder]
        for request in held:
            self._ledger.act(request.id, partial(_let_go, holder=holder))

    def woken(self, request_id: str, by: Actor) -> None:
        """Record that the run woke while its question was open: somebody pressed Resume, which decides nothing."""

        def act(transaction: Transaction, request: Request, now: datetime) -> None:
            if request.is_open:
                transaction.record(event("run.woken", by, now, request, {"attempt": request.attempt}))

        self._ledger.act(request_id, act)

    def abandon(self, request_id: str, reason: str) -> None:
        """Give up waking a run that ended before it took its answer up; the answer stands in the record."""

        def act(transaction: Transaction, request: Request, now: datetime) -> None:
            if request.wake_since is None or request.taken_up_at is not None:
                return
            transaction.change(request, request.model_copy(update={"wake_since": None}), None)
            if request.state is not State.WITHDRAWN:  # nobody waits for that answer, and the record says why already
                transaction.record(event("request.orphaned", SYSTEM, now, request, {"reason": reason}))

        self._ledger.act(request_id, act)

    # -- taking up -----------------------------------------------------------------------------------------------

    def take_up(self, request_id: str, run: str, by: Actor, *, mint: bool = True) -> Answer | None:
        """The answer, once it counts; None while the request reads as open to the flow.

        The first call mints the permit in the same transaction; every later one returns the same answer.
        `mint=False` takes an approval up without a permit: the flow's own check refused the document.

        Raises:
            OutOfScope: the request is another run's.
        """
        # Whoever comes by again only reads, beside those who write.
        with self._ledger.store.read() as transaction:
            request = found(transaction, request_id)
            if request.identity.run == run and request.taken_up_at is not None:
                transaction.check_whole(request_id)
                return Answer(request, transaction.permit_of(request_id))

        def act(transaction: Transaction, request: Request, now: datetime) -> Answer | None:
            if request.identity.run != run:
                raise OutOfScope(f"Request {request.id} is not this run's.")
            if not request.answered(now):
                return None
            if request.taken_up_at is not None:
                return Answer(request, transaction.permit_of(request.id))
            taken = request.model_copy(update={"taken_up_at": now, "wake_since": None})
            taken = transaction.change(request, taken, None)
            transaction.drop_working_copies(request.id)
            permit = self._minted(transaction, taken, now) if mint else None
            facts = {"state": taken.state, "permit": permit.id if permit else None, "minted": permit is not None}
            transaction.record(event("request.taken_up", by, now, request, facts))
            return Answer(taken, permit)

        return self._ledger.act(request_id, act)

    # -- inside --------------------------------------------------------------------------------------------------

    def _first(self, proposed: Proposed) -> tuple[Content, Examination | None]:
        content = proposed.content(self._ledger.clock())
        try:
            examination = examined(self._examiner, proposed.kind, proposed.document, content, limit=self._examine_limit)
        except CannotExamine:
            return content, None  # it opens all the same; approving waits for an examiner
        if examination.errors:
            raise DocumentInvalid(examination.errors)
        evidence = content.evidence.model_copy(update={"findings": examination.findings})
        document = canonical(examination.document)
        return content.model_copy(update={"evidence": evidence, "document": document}), examination

    def _opened(
        self,
        proposed: Proposed,
        policy: Policy,
        content: Content,
        examination: Examination | None,
        by: Actor,
        transaction: Transaction,
        now: datetime,
    ) -> Request:
        before = transaction.identified(proposed.identity)
        if before is not None:
            return before
        request = Request(
            id=new_id(),
            identity=proposed.identity,
            kind=proposed.kind,
            action=proposed.action,
            target=proposed.target,
            title=proposed.title,
            summary=proposed.summary,
            about=proposed.about,
            amount=proposed.amount,
            currency=proposed.currency,
            requester=proposed.requester,
            run=proposed.run,
            policy=policy,
            priority=policy.priority,
            opened_at=now,
            due_at=now + timedelta(seconds=policy.due),
            verdicts=proposed.verdicts,
            supersedes=proposed.supersedes,
            content=content,
        )
        transaction.add_request(request)
        facts = {
            "gate": request.identity.gate,
            "round": request.identity.round,
            "succession": request.identity.succession,
            "policy": policy.name,
            "policy_version": policy.version,
            "sha256": content.sha256,
            "supersedes": request.supersedes,
        }
        transaction.record(event("request.opened", by, now, request, facts))
        worth_a_look = [flag for flag in content.flags if flag.severity != "info"]
        rule = passes_unasked(policy, worth_a_look)
        # What nobody could check, nothing supports or the world overtook is asked whatever the policy lets through.
        if rule is None or examination is None or examination.unsupported or examination.moved:
            return request
        return self._passed(transaction, request, examination, rule, now)

    def _passed(
        self, transaction: Transaction, request: Request, examination: Examination, rule: str, now: datetime
    ) -> Request:
        policy = request.policy
        closing = ruled(
            transaction,
            request,
            Action.APPROVE,
            Actor(kind="policy", id=f"{policy.name}@{policy.version}", via="policy", scopes=frozenset()),
            now,
            document=request.content.document,
            sha256=request.content.sha256,
            rule=rule,
            examination=digest_of(examination),
        )
        return self._ledger.close(transaction, request, closing, {"rule": rule})

    def _minted(self, transaction: Transaction, request: Request, now: datetime) -> Permit | None:
        ruling = request.ruling
        if request.state is not State.APPROVED or request.action is None or ruling is None or ruling.sha256 is None:
            return None
        permit = Permit(
            id=new_id(16),
            request_id=request.id,
            run_id=request.identity.run,
            action=request.action,
            target=request.target or "",
            sha256=ruling.sha256,
            policy=request.policy.name,
            policy_version=request.policy.version,
            minted_at=now,
        )
        transaction.add_permit(permit)
        return permit


def _held(transaction: Transaction, request: Request, now: datetime, *, holder: str, seconds: float) -> None:
    if request.taken_up_at is None:
        update = {"holder": holder, "held_until": now + timedelta(seconds=seconds)}
        transaction.change(request, request.model_copy(update=update), None)


def _let_go(transaction: Transaction, request: Request, now: datetime, *, holder: str) -> None:
    if request.holder == holder:
        transaction.change(request, request.model_copy(update={"holder": None, "held_until": None}), None)
