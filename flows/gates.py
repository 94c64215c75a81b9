"""Where a flow stops for a signature: `gate`, the loop around it, and what may run afterwards.

Being resumed is not being approved. On every wake the store is read; while the question is open the run suspends
again, so pressing Resume, forcing a state or editing runs in bulk decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import Abort, Pause
from prefect.flow_runs import asuspend_flow_run
from prefect.logging import get_run_logger
from pydantic import BaseModel

from agents.documents import Draft
from approvals.decisions import (
    ALL_VERDICTS,
    Approved,
    Decision,
)
from approvals.requests import Request
from flows.errors import GateKeyMissing, Unapproved
from flows.questions import Question, Step, in_rounds, made_of
from flows.scope import Gate, Scope, current_scope, flow

__all__ = ["Gate", "Unapproved", "effected", "flow", "gate", "reviewed", "reviewed_all"]

T = TypeVar("T", bound=BaseModel)
_POLL_SECONDS = 0.25


async def gate(draft: T | Draft[T], spec: Gate[T], *, key: str) -> Decision[T]:
    """Ask for a signature under this draft and return what was decided; waits as long as it takes.

    Opening is idempotent and the first draft wins: when the flow runs again from the top, the request that is
    there is the one that counts, whatever `draft` says then.

    Raises:
        GateMisplaced, GateNotDeclared, GateReused: the gate cannot stand here, or stands here twice.
    """
    scope = current_scope()
    scope.declared(spec)
    question = Question(scope, spec, key, made_of(draft), ALL_VERDICTS, loops=False)
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
    question = in_rounds(scope, spec, step, inputs, key)
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
        in_rounds(scope, spec, step, one if isinstance(one, tuple) else (one,), keys[index] if keys else None)
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
        question = await Question.succeeding(scope, spec, approved.request_id, remaining)
        while (decision := await question.decision()) is None:
            await _wait(scope, [question])
        if not isinstance(decision, Approved):
            raise Unapproved(decision, spec.name, done=receipt)
        approved = decision


async def _wait(scope: Scope, questions: Sequence[Question]) -> None:
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
    try:
        if await scope.lingering.answered(scope, requests):
            return
    except Pause:
        await asyncio.to_thread(scope.rest)
        raise
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
    except httpx.TransportError as away:
        # Failing would lose the run for an outage. It ends without a word, and is started again once Prefect answers
        # and nobody has shown himself on its request for a while.
        raise Abort(f"Prefect's server does not answer ({away}); the run begins again when it does.") from away
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
