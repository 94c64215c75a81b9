"""A guarded effect: it runs only with a permit for exactly this document, and once."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
import threading
import typing
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from prefect.context import FlowRunContext, TaskRunContext
from pydantic import TypeAdapter

from approvals.canonical import canonical, digest
from approvals.decisions import Actor, PermitSlip
from approvals.errors import NoPermit, PermitInUse
from approvals.holders import new_holder
from approvals.permits import Used
from approvals.ports import EffectSide
from flows import composition
from flows.errors import GateInvalid

log = logging.getLogger(__name__)

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

LEASE = 12.0
"""Seconds that a process may be silent before another may take its permit over; renewed every third of it."""

_PATIENCE = 600.0
"""Seconds to wait for another process that holds the permit."""


class Effect(Protocol[R_co]):
    """What `guarded` makes of a function: the document first, and the permit that goes with it."""

    def __call__(self, document: Any, /, *args: Any, permit: PermitSlip | None = None) -> Awaitable[R_co]: ...


def guarded(*, action: str, target: str | Callable[[], str]) -> Callable[[Callable[..., Awaitable[R]]], Effect[R]]:
    """Let a side effect run only for a document that was signed for this action and this target.

    The function's first argument is the document. Called again after it was done, it returns the stored receipt
    without running; called again after a crash, it runs, and must read the target before it writes.

    Raises (when called):
        NoPermit: no permit, or one for another document, action, target or run. Nothing has run.
    """

    def decorate(function: Callable[..., Awaitable[R]]) -> Effect[R]:
        if not inspect.iscoroutinefunction(function):
            raise GateInvalid(f"{function.__qualname__} is not async; write `async def`.")
        answers: TypeAdapter[R] = TypeAdapter(typing.get_type_hints(function).get("return", Any))

        @functools.wraps(function)
        async def effect(document: Any, /, *args: Any, permit: PermitSlip | None = None) -> R:
            run = _run_id()
            by = Actor(kind="worker", id=function.__name__, via="flow", scopes=frozenset({"gate"}))
            effects = composition.gatekeeper(run).effects
            where = target() if callable(target) else target
            sha256 = digest(canonical(document))
            holder = new_holder()
            waited = 0.0
            while True:
                try:
                    leave = await asyncio.to_thread(
                        effects.redeem, permit, by, action=action, target=where, sha256=sha256, run=run,
                        holder=holder, lease=LEASE,
                    )  # fmt: skip
                    break
                except PermitInUse:
                    if waited >= _PATIENCE:
                        raise
                    waited += 0.5
                    await asyncio.sleep(0.5)
            if isinstance(leave, Used):
                return answers.validate_python(json.loads(leave.receipt))
            with _kept(effects, leave.permit_id, leave.fence):
                try:
                    done = await function(document, *args)
                except BaseException:
                    await asyncio.to_thread(effects.let_go, leave.permit_id, leave.fence)
                    raise
                receipt = answers.dump_python(done, mode="json")
                stands = await asyncio.to_thread(effects.settle, leave.permit_id, leave.fence, receipt, by)
            return answers.validate_python(json.loads(stands))

        # Prefect binds arguments by the signature it sees, which `wraps` would take from the function.
        effect.__signature__ = _with_permit(function)  # type: ignore[attr-defined]
        return typing.cast("Effect[R]", effect)

    return decorate


@contextmanager
def _kept(effects: EffectSide, permit_id: str, fence: int) -> Iterator[None]:
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(LEASE / 3):
            try:
                if not effects.keep(permit_id, fence, LEASE):
                    return
            except Exception as error:
                # Given up, the lease would lapse under a living process; the next try may come in time.
                log.warning("The lease of permit %s was not renewed: %s", permit_id, error)

    threading.Thread(target=renew, name="countersign-permit", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _with_permit(function: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(function, eval_str=True)
    permit = inspect.Parameter("permit", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    return signature.replace(parameters=[*parameters, permit])


def _run_id() -> str:
    task_run = TaskRunContext.get()
    if task_run is not None and task_run.task_run.flow_run_id is not None:
        return str(task_run.task_run.flow_run_id)
    flow_run = FlowRunContext.get()
    if flow_run is not None and flow_run.flow_run is not None:
        return str(flow_run.flow_run.id)
    raise NoPermit("A guarded effect runs in a flow, after its gate; nothing was done.")
