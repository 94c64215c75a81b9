"""Where a flow stops for a signature: `gate`, the loop around it, and what may run afterwards.

Being resumed is not being approved. On every wake the store is read; while the question is open the run suspends
again, so pressing Resume, forcing a state or editing runs in bulk decides nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import Abort, Pause
from prefect.flow_runs import asuspend_flow_run
from prefect.logging import get_run_logger
from pydantic import BaseModel, ValidationError

from agents.documents import Draft
from approvals.canonical import canonical, digest, settled
from approvals.decisions import (
    ALL_VERDICTS,
    Approved,
    Decision,
    Expired,
    PermitSlip,
    Rejected,
    Returned,
    VerdictKind,
    Withdrawn,
)
from approvals.errors import NotCanonical
from approvals.gatekeeping import Answer
from approvals.lifecycle import State
from approvals.requests import Cost, Evidence, Flag, Identity, Moved, Proposed, Request
from flows.errors import GateKeyMissing, Unapproved
from flows.scope import Gate, Scope, current_scope, flow

__all__ = ["Gate", "Unapproved", "effected", "flow", "gate", "reviewed", "reviewed_all"]

T = TypeVar("T", bound=BaseModel)
Step = Callable[..., Awaitable[Any]]

_POLL_SECONDS = 0.25
_TAKES = ("feedback", "previous", "round")


async def gate(draft: T | Draft[T], spec: Gate[T], *, key: str) -> Decision[T]:
    """Ask for a signature under this draft and return what was decided; waits as long as it takes.

    Opening is idempotent and the first draft wins: when the flow runs again from the top, the request that is
    there is the one that counts, whatever `draft` says then.

    Raises:
        GateMisplaced, GateNotDeclared, GateReused: the gate cannot stand here, or stands here twice.
    """
    scope = current_scope()
    scope.declared(spec)
    question = _Question(scope, spec, key, _made_of(draft), ALL_VERDICTS, loops=False)
    question.claim()
    await question.open_first()
    while (decision := await question.decision()) is None:
        await _wait(scope, [question])
    return cast("Decision[T]", decision)


async def reviewed(spec: Gate[T], step: Step, *inputs: Any, key: str | None = None) -> Approved[T]:
    """Run the step, have its draft signed, and return what was signed.

    The store is asked first: the step runs only where this round has no request yet. Sent back, it runs again with
    `feedback` (every reviewer's words so far), `previous` (the draft that was sent back) and `round` among its
    arguments, as many of them as it takes, at most the policy's `rounds` times.

    Args:
        key: What tells two uses of this gate in one run apart; by default the digest of `inputs`.

    Raises:
        Unapproved: rejected, expired, withdrawn, or sent back once too often. An unapproved document never returns.
    """
    scope = current_scope()
    scope.declared(spec)
    question = _rounds(scope, spec, step, inputs, key)
    question.claim()
    await question.open_first()
    while (decision := await question.decision()) is None:
        await _wait(scope, [question])
    if isinstance(decision, Approved):
        return decision
    raise Unapproved(decision, spec.name)


async def reviewed_all(
    spec: Gate[T], step: Step, inputs: Sequence[Any], *, keys: Sequence[str] | None = None
) -> list[Decision[T]]:
    """`reviewed` for many inputs: every request is opened first, then all of them are waited for.

    Each input is one argument of the step, or a tuple of them. Returns one decision per input, in their order; none
    raises, so that one rejection does not stop the others.
    """
    scope = current_scope()
    scope.declared(spec)
    if keys is not None and len(keys) != len(inputs):
        raise GateKeyMissing(
            f"Gate {spec.name!r} was given {len(inputs)} inputs and {len(keys)} keys; give one for each."
        )
    questions = [
        _rounds(scope, spec, step, one if isinstance(one, tuple) else (one,), keys[index] if keys else None)
        for index, one in enumerate(inputs)
    ]
    for question in questions:
        question.claim()  # all of them before anybody is asked
    for question in questions:
        await question.open_first()
    while True:
        decisions = [await question.decision() for question in questions]
        waiting = [question for question, decision in zip(questions, decisions, strict=True) if decision is None]
        if not waiting:
            return [decision for decision in decisions if decision is not None]
        await _wait(scope, waiting)


async def effected(spec: Gate[T], step: Step, approved: Approved[T]) -> Any:
    """Run the guarded step with the permit that came of this gate, and return its receipt.

    Where the step answers with a conflict (something with `remaining` and `receipt`: the world moved), a successor
    request opens for what remains, with its own permit, and so on until nothing remains.

    Raises:
        NoPermit: the document is not the one that was signed. Nothing has run.
        Unapproved: what remained was not approved; `done` holds the receipt of what had been done before.
    """
    scope = current_scope()
    scope.declared(spec)
    receipt: Any = None
    while True:
        outcome = await step(approved.document, permit=approved.permit)
        remaining = getattr(outcome, "remaining", None)
        done = outcome if remaining is None else outcome.receipt
        receipt = done if receipt is None else receipt.followed_by(done)
        if remaining is None:
            return receipt
        question = await _Question.succeeding(scope, spec, approved.request_id, remaining)
        while (decision := await question.decision()) is None:
            await _wait(scope, [question])
        if not isinstance(decision, Approved):
            raise Unapproved(decision, spec.name, done=receipt)
        approved = decision


# -- inside ------------------------------------------------------------------------------------------------------


@dataclass
class _Question:
    """One gate and key of this execution: its request now, and how the next draft is made."""

    scope: Scope
    spec: Gate[Any]
    key: str
    make: Callable[[int, tuple[str, ...], Any], Awaitable[Any]]
    verdicts: tuple[VerdictKind, ...]
    loops: bool = True
    request: Request | None = None
    feedback: tuple[str, ...] = ()
    _decided: Any = None

    def claim(self) -> None:
        """Note that it is asked in this execution; twice is an error."""
        self.scope.claim(self._identity(1, 0))

    async def open_first(self) -> None:
        """Open round 1, or find how far this question had come."""
        await self._enter(round_=1, succession=0)

    @classmethod
    async def succeeding(cls, scope: Scope, spec: Gate[Any], request_id: str, document: Any) -> _Question:
        """The question that follows an approved request whose effect met a conflict."""
        before = await asyncio.to_thread(scope.gatekeeper.get, request_id)
        verdicts: tuple[VerdictKind, ...] = ("approve", "edit", "reject")
        question = cls(scope, spec, before.identity.key, _made_of(document), verdicts, loops=False, request=before)
        moved = (Moved(address=before.target or "", was="as signed", now="changed in between"),)
        await question._enter(before.identity.round, before.identity.succession + 1, moved=moved)
        return question

    async def decision(self) -> Any:
        """What was decided, once it counts; None while the question is open. Sent back, the next round opens."""
        if self._decided is not None:
            return self._decided
        while True:
            answer = await self._answer()
            if answer is None:
                return None
            decision = await self._read(answer)
            if isinstance(decision, Returned) and await self._another_round(answer.request, decision):
                continue
            if decision is not None:
                self._decided = decision
                return decision

    async def _answer(self) -> Answer | None:
        keeper = self.scope.gatekeeper
        request = await asyncio.to_thread(keeper.get, self._current.id)
        # What counts can no longer change, so what is checked here is what is taken up below.
        if not keeper.counts(request):
            return None
        mint = self._stands(request) is not None
        answer = await asyncio.to_thread(keeper.take_up, request.id, self.scope.run.id, self.scope.actor, mint=mint)
        self.scope.took_up = self.scope.took_up or request.taken_up_at is None
        return answer

    async def _read(self, answer: Answer) -> Any:
        request, ruling = answer.request, answer.request.ruling
        by = _people(request)
        match request.state:
            case State.APPROVED:
                document = self._stands(request)
                unpermitted = request.action is not None and answer.permit is None
                if document is None or ruling is None or unpermitted:
                    # What was signed no longer fits its class (the code changed while it waited), or did not when it
                    # was taken up: ask again.
                    await self._enter(request.identity.round, request.identity.succession + 1)
                    return None
                slip: PermitSlip | None = answer.permit.slip if answer.permit else None
                return Approved(
                    document=document, permit=slip, edited=ruling.edited, by=by, request_id=request.id, at=ruling.at
                )
            case State.REJECTED:
                reason = (ruling.reason if ruling else None) or "rejected"
                return Rejected(reason=reason, code=(ruling.code if ruling else None) or "other", by=by,
                                request_id=request.id)  # fmt: skip
            case State.RETURNED:
                return Returned(feedback=(ruling.feedback if ruling else None) or "", by=by, request_id=request.id)
            case State.EXPIRED:
                return Expired(request_id=request.id)
            case _:
                reason = (ruling.reason if ruling else None) or "withdrawn"
                return Withdrawn(request_id=request.id, reason=reason, by=by)

    async def _another_round(self, request: Request, returned: Returned) -> bool:
        first = await self._of_round(1)
        rounds = first[0].policy.rounds if first else request.policy.rounds
        if not self.loops or request.identity.round >= rounds:
            return False
        self.feedback = (*self.feedback, returned.feedback)
        await self._enter(request.identity.round + 1, 0, previous=request)
        return True

    def _stands(self, request: Request) -> Any:
        """The signed document in its class, if it still is exactly that; None where it is not, or nothing is signed."""
        if request.state is not State.APPROVED or request.ruling is None or request.ruling.document is None:
            return None
        try:
            document = settled(self.spec.document, json.loads(request.ruling.document))
        except (ValidationError, NotCanonical):
            return None
        return document if canonical(document) == request.ruling.document else None

    async def _enter(
        self, round_: int, succession: int, *, previous: Request | None = None, moved: tuple[Moved, ...] = ()
    ) -> None:
        """Make the request of this round and succession the current one; it is opened if it is not there."""
        there = [one for one in await self._of_round(round_) if one.identity.succession >= succession]
        if there:
            self.request = there[0]
        else:
            before = previous or (self.request if succession else None)
            document = previous.content.value() if previous else None
            draft = await self.make(round_, self.feedback, document)
            self.request = await self._open(draft, self._identity(round_, succession), before, moved)

    async def _open(self, draft: Any, identity: Identity, before: Request | None, moved: tuple[Moved, ...]) -> Request:
        made = draft if isinstance(draft, Draft) else Draft[Any](document=draft)
        document = settled(self.spec.document, made.document.model_dump(mode="json"))
        proposed = Proposed(
            identity=identity,
            kind=self.spec.kind,
            action=self.spec.action,
            target=self.spec.resolved_target(),
            title=made.title or self.spec.title or self.spec.name.replace("_", " ").capitalize(),
            summary=made.summary,
            document=document.model_dump(mode="json"),
            document_schema=self.spec.document.model_json_schema(mode="validation"),
            evidence=Evidence.model_validate(
                {
                    "sources": [source.model_dump(mode="json") for source in made.sources],
                    "facts": [fact.model_dump(mode="json") for fact in made.facts],
                    "findings": [finding.model_dump(mode="json") for finding in made.findings],
                }
            ),
            based_on=made.based_on,
            moved=moved,
            flags=tuple(Flag.model_validate(flag.model_dump()) for flag in made.flags),
            cost=Cost.model_validate(made.cost.model_dump()),
            requester=self.scope.requester,
            run=self.scope.run,
            policy=self.spec.terms,
            verdicts=self.verdicts,
            supersedes=before.id if before else None,
        )
        return await asyncio.to_thread(self.scope.gatekeeper.open, proposed, self.scope.actor)

    async def _of_round(self, round_: int) -> list[Request]:
        requests = await asyncio.to_thread(self.scope.gatekeeper.of_key, self.scope.run.id, self.spec.name, self.key)
        return [request for request in requests if request.identity.round == round_]

    def _identity(self, round_: int, succession: int) -> Identity:
        return Identity(run=self.scope.run.id, gate=self.spec.name, key=self.key, round=round_, succession=succession)

    @property
    def _current(self) -> Request:
        if self.request is None:
            raise AssertionError("open_first comes before")
        return self.request


def _rounds(scope: Scope, spec: Gate[Any], step: Step, inputs: tuple[Any, ...], key: str | None) -> _Question:
    takes = _taken(step)

    async def make(round_: int, feedback: tuple[str, ...], previous: Any) -> Any:
        extras: dict[str, Any] = {}
        if round_ > 1:
            # The step sees the draft in its own class, as it was shown.
            before = None if previous is None else spec.document.model_validate(previous)
            extras = {"feedback": feedback, "previous": before, "round": round_}
        return await step(*inputs, **{name: value for name, value in extras.items() if name in takes})

    # A step that takes no feedback would only say the same again, so its gate does not offer to send back.
    verdicts = tuple(kind for kind in ALL_VERDICTS if kind != "return" or "feedback" in takes)
    return _Question(scope, spec, key or _key_of(spec, inputs), make, verdicts)


def _made_of(draft: Any) -> Callable[[int, tuple[str, ...], Any], Awaitable[Any]]:
    async def make(round_: int, feedback: tuple[str, ...], previous: Any) -> Any:
        return draft

    return make


def _taken(step: Step) -> frozenset[str]:
    parameters = inspect.signature(getattr(step, "fn", step)).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return frozenset(_TAKES)
    return frozenset(name for name in _TAKES if name in parameters)


def _key_of(spec: Gate[Any], inputs: tuple[Any, ...]) -> str:
    try:
        return digest(canonical([_as_json(one) for one in inputs]))[:32]
    except NotCanonical as error:
        raise GateKeyMissing(
            f"No key can be made of what gate {spec.name!r} was given ({error}). Give it one: key='…', different "
            "for each use of the gate in a run and the same whenever the flow runs again."
        ) from error


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _as_json(one) for key, one in value.items()}
    return value


def _people(request: Request) -> tuple[str, ...]:
    return (str(request.ruling.by),) if request.ruling else ()


async def _wait(scope: Scope, questions: Sequence[_Question]) -> None:
    """Let go of the process until one of the questions may have been answered; where it cannot, hold it."""
    requests = [question.request for question in questions if question.request is not None]
    if not scope.took_up and not scope.waited:
        # Nothing had been answered, and yet it runs again: somebody pressed Resume.
        for request in requests:
            if request.attempt:
                await asyncio.to_thread(scope.gatekeeper.woken, request.id, scope.actor)
    scope.waited = True
    if not scope.suspendable:
        await _hold(scope, requests)
        return
    waiting = requests[0]
    attempt = await asyncio.to_thread(scope.gatekeeper.suspending, waiting.id)
    if attempt is None:
        return  # it was answered in between
    # A key that was used returns normally instead of suspending; so it counts up, and the store is read again.
    try:
        await asuspend_flow_run(key=f"gate-{waiting.id}-{attempt}")
    except Pause:
        # Only now: a run that is not suspended yet must not look as if nobody ran it.
        await asyncio.to_thread(scope.rest)
        raise
    except RuntimeError as refused:
        async with get_client() as client:
            state = (await client.read_flow_run(UUID(scope.run.id))).state
        if state is None or state.is_running():
            raise
        # Somebody gave the run another state meanwhile. This execution ends without a word; that state stands.
        raise Abort(f"The run is {state.name}; it was not suspended.") from refused


async def _hold(scope: Scope, requests: Sequence[Request]) -> None:
    if not scope.said_holding:
        scope.said_holding = True
        names = ", ".join(f"{request.title} ({request.id})" for request in requests)
        get_run_logger().warning(
            "Waiting in this process for %s: a run without a deployment cannot be suspended. "
            "Deploy the flow (prefect.yaml) to wait without a process.",
            names,
        )
    while True:
        for request in requests:
            now = await asyncio.to_thread(scope.gatekeeper.get, request.id)
            if scope.gatekeeper.counts(now):
                return
        await asyncio.sleep(_POLL_SECONDS)
