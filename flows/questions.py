"""One question of a run: which request stands for it now, what was answered, and how its next draft is made."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from agents.documents import Draft, Fact, Source
from approvals.canonical import canonical, digest, settled
from approvals.decisions import (
    ALL_VERDICTS,
    Approved,
    Expired,
    PermitSlip,
    Rejected,
    Returned,
    VerdictKind,
    Withdrawn,
)
from approvals.errors import NotCanonical
from approvals.lifecycle import State
from approvals.ports import Answer
from approvals.requests import Cost, Evidence, Flag, Identity, Moved, Proposed, Request, RunReference
from flows.errors import GateKeyMissing
from flows.scope import Gate, Scope

Step = Callable[..., Awaitable[Any]]

_TAKES = ("feedback", "previous", "round")
# As requests hold them: what cannot be listed must not keep a request from opening.
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass
class Question:
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
    async def succeeding(cls, scope: Scope, spec: Gate[Any], request_id: str, document: Any) -> Question:
        """The question that follows an approved request whose effect met a conflict."""
        before = await asyncio.to_thread(scope.gatekeeper.get, request_id)
        verdicts: tuple[VerdictKind, ...] = ("approve", "edit", "reject")
        draft = _with_evidence(document, before)
        question = cls(scope, spec, before.identity.key, made_of(draft), verdicts, loops=False, request=before)
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
        asked = proposed(
            draft,
            self.spec,
            identity,
            run=self.scope.run,
            requester=self.scope.requester,
            verdicts=self.verdicts,
            moved=moved,
            supersedes=before.id if before else None,
        )
        return await asyncio.to_thread(self.scope.gatekeeper.open, asked, self.scope.actor)

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


def proposed(
    draft: Any,
    spec: Gate[Any],
    identity: Identity,
    *,
    run: RunReference,
    requester: str,
    verdicts: tuple[VerdictKind, ...] = ALL_VERDICTS,
    moved: tuple[Moved, ...] = (),
    supersedes: str | None = None,
) -> Proposed:
    """What this gate asks to have decided of a draft, or of a bare document, in its canonical form."""
    made = draft if isinstance(draft, Draft) else Draft[Any](document=draft)
    document = settled(spec.document, made.document.model_dump(mode="json"))
    amount, currency = _listed(getattr(document, "worth", None) or made.worth)
    return Proposed(
        identity=identity,
        kind=spec.kind,
        action=spec.action,
        target=spec.resolved_target(),
        title=made.title or spec.title or spec.name.replace("_", " ").capitalize(),
        summary=made.summary,
        about=_about(document) or made.about,
        amount=amount,
        currency=currency,
        document=document.model_dump(mode="json"),
        document_schema=spec.document.model_json_schema(mode="validation"),
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
        requester=requester,
        run=run,
        policy=spec.terms,
        verdicts=verdicts,
        supersedes=supersedes,
    )


def _about(document: BaseModel) -> str:
    """Whom a document is about, where its class says so."""
    told = getattr(document, "about", "")
    return told if isinstance(told, str) else ""


def _listed(worth: Any) -> tuple[str | None, str | None]:
    """The amount and currency at stake as requests hold them; None for what could not be listed."""
    match worth:
        case (Decimal() as amount, str(currency)) if _AMOUNT.fullmatch(f"{amount:f}") and _CURRENCY.fullmatch(currency):
            return f"{amount:f}", currency
        case _:
            return None, None


def in_rounds(scope: Scope, spec: Gate[Any], step: Step, inputs: tuple[Any, ...], key: str | None) -> Question:
    """A question whose drafts this step makes: the first from its inputs, each later one from what was said of it."""
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
    return Question(scope, spec, key or _key_of(spec, inputs), make, verdicts)


def made_of(draft: Any) -> Callable[[int, tuple[str, ...], Any], Awaitable[Any]]:
    """For a question whose draft is there already and stays the same."""

    async def make(round_: int, feedback: tuple[str, ...], previous: Any) -> Any:
        return draft

    return make


def _with_evidence(document: Any, before: Request) -> Draft[Any]:
    """What remains of a signed document, with the evidence that lay beside it: it names the same facts."""
    evidence = before.content.evidence
    try:
        sources = tuple(Source.model_validate(source.model_dump()) for source in evidence.sources)
        facts = tuple(Fact.model_validate(fact.model_dump()) for fact in evidence.facts)
    except ValidationError:
        sources, facts = (), ()  # of another make: the question is asked all the same
    return Draft[Any](document=document, title=before.title, sources=sources, facts=facts)


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
