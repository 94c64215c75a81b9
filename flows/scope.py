"""One execution of a flow with gates: which gates it may use, on whose behalf it runs, and where a gate may stand."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
import typing
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar

import httpx
import prefect
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger, get_run_logger
from pydantic import BaseModel

from agents.errors import AgentError
from approvals.decisions import Actor
from approvals.errors import QueueUnavailable
from approvals.holders import new_holder
from approvals.ports import GateSide
from approvals.requests import Identity, RunReference
from approvals.resume import requester_of
from flows import composition
from flows.endings import ending_of
from flows.errors import Ended, GateInvalid, GateMisplaced, GateNotDeclared, GateReused
from flows.lingering import Lingering, granted
from flows.postponing import put_off

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=BaseModel)

HOLD_SECONDS = 15.0
"""How long a live process's note on its requests holds; renewed every third of it."""

_FIRST_HOLD_SECONDS = 1.0


@dataclass(frozen=True)
class Gate(Generic[T]):
    """A place where a flow stops for a signature.

    Attributes:
        name: How people and the record call it, such as `proposal`.
        document: The pydantic class of what is signed there.
        policy: The policy's name; the gate's own name by default.
        action: What a permit from this gate allows, such as `crm.update`; none where nothing is done with it.
        target: Where that takes effect, shown to the reviewer and fixed when the request opens.
    """

    name: str
    document: type[T]
    policy: str = ""
    action: str | None = None
    target: str | Callable[[], str] | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if not self.name.replace("_", "").isalnum():
            raise GateInvalid(f"A gate's name is letters, digits and _, not {self.name!r}.")
        if self.document.__qualname__ != self.document.__name__:
            raise GateInvalid(
                f"{self.document.__qualname__} is defined inside a function or a class; "
                "move it to the top of its module, so that the queue can import it to check an edit."
            )
        if (self.action is None) != (self.target is None):
            raise GateInvalid(f"Gate {self.name!r} names an action or a target; it needs both or neither.")

    @property
    def terms(self) -> str:
        """The name of its policy."""
        return self.policy or self.name

    @property
    def kind(self) -> str:
        """The document's class as the examiner imports it."""
        return f"{self.document.__module__}:{self.document.__qualname__}"

    def resolved_target(self) -> str | None:
        """The target's address now."""
        return self.target() if callable(self.target) else self.target


@dataclass
class Scope:
    """What gates need to know of the execution they stand in."""

    run: RunReference
    requester: str
    gates: dict[str, Gate[Any]]
    gatekeeper: GateSide
    suspendable: bool
    task: asyncio.Task[Any] | None
    thread: int
    holder: str = field(default_factory=new_holder)
    opened: set[Identity] = field(default_factory=set)
    took_up: bool = False
    waited: bool = False
    resting: bool = False
    lease: threading.Lock = field(default_factory=threading.Lock)
    said_holding: bool = False
    lingering: Lingering = field(default_factory=lambda: Lingering(None))

    @property
    def actor(self) -> Actor:
        """The run itself, as it stands in the record."""
        return Actor(kind="worker", id=self.run.flow or "flow", via="flow", scopes=frozenset({"gate"}))

    def show(self) -> None:
        """Put this process's note on the run's unanswered requests: it is at work on them."""
        with self.lease:
            if not self.resting:
                self.gatekeeper.keep_alive(self.run.id, self.holder, HOLD_SECONDS)

    def rest(self) -> None:
        """Take this process's note off the run's requests: it was suspended, and nobody is at work on them."""
        with self.lease:
            self.resting = True
            try:
                self.gatekeeper.rest(self.run.id, self.holder)
            except Exception as error:  # the note lapses by itself; the suspension stands
                log.warning("The lease of run %s was not given back: %s", self.run.id, error)

    def claim(self, identity: Identity) -> None:
        """Note that this gate is opened in this execution.

        Raises:
            GateReused: it was already.
        """
        if identity in self.opened:
            raise GateReused(
                f"Gate {identity.gate!r} was opened twice with the key {identity.key!r} in one execution. "
                "Give each use its own key=…, for instance the prospect's domain."
            )
        self.opened.add(identity)

    def declared(self, gate: Gate[Any]) -> None:
        """Nothing, if the flow names this gate.

        Raises:
            GateNotDeclared: it does not, so nobody has checked that somebody could answer.
        """
        if self.gates.get(gate.name) != gate:
            named = ", ".join(self.gates) or "none"
            raise GateNotDeclared(
                f"Flow {self.run.flow!r} uses the gate {gate.name!r} but names {named}. Add it to @flow(gates=[…])."
            )


log = logging.getLogger(__name__)


class _NoFault(logging.Filter):
    """Prefect's engine reports every end that is not Completed as an error; to wait for somebody is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == logging.ERROR and str(record.msg).startswith("Finished in state Suspended"):
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
            return logging.getLogger(record.name).isEnabledFor(logging.INFO)
        return True


_NO_FAULT = _NoFault()

_scope: ContextVar[Scope | None] = ContextVar("countersign_scope", default=None)

_HINT = "To have several documents decided at once, call reviewed_all in the flow itself."


def current_scope() -> Scope:
    """The execution that the caller stands in, if a gate may stand here.

    Raises:
        GateMisplaced: a subflow, a task, a thread, a bare gather, or no flow of ours; the message says which.
    """
    scope = _scope.get()
    task_run = TaskRunContext.get()
    if task_run is not None:
        raise GateMisplaced(f"A gate cannot stand in the task {task_run.task.name!r}: a task cannot suspend. {_HINT}")
    flow_run = FlowRunContext.get()
    if scope is None:
        if flow_run is None:
            raise GateMisplaced("A gate stands in a flow: decorate the function with flows.flow(gates=[…]).")
        raise GateMisplaced(
            f"Flow {flow_run.flow.name if flow_run.flow else '?'!r} is Prefect's own: decorate it with "
            "flows.flow(gates=[…]), so that its gates are checked before its first line."
        )
    if threading.get_ident() != scope.thread:
        raise GateMisplaced(f"A gate cannot stand in a thread of its own: the run could not suspend. {_HINT}")
    if flow_run is None or flow_run.flow_run is None or str(flow_run.flow_run.id) != scope.run.id:
        raise GateMisplaced(
            "A gate cannot stand in a subflow: Prefect cannot suspend one. Call the step in the top flow, "
            "or start a run of its own with flows.batches.start_run."
        )
    if asyncio.current_task() is not scope.task:
        raise GateMisplaced(
            "A gate cannot stand in asyncio.gather, create_task or a TaskGroup: one branch's suspension would cut "
            f"off the others. {_HINT}"
        )
    return scope


def flow(
    *, gates: Sequence[Gate[Any]], name: str | None = None, **options: Any
) -> Callable[[Callable[P, Awaitable[R]]], prefect.Flow[P, Any]]:
    """Prefect's `flow`, with gates: they are checked before the first line, and an answer that is no approval ends
    the run as Completed with the name Rejected, Returned, Expired or Withdrawn instead of a failure. Trouble of
    the agents' (a page, a model, a CRM) ends it as Failed, under a name and with a sentence.

    Takes Prefect's own options too; `retries` must stay 0, for every resumption counts as an attempt.

    Raises:
        GateInvalid: the function is not async, `retries` is set, or two gates share a name.
    """
    named = {gate.name: gate for gate in gates}
    if len(named) != len(gates):
        raise GateInvalid("Two gates of this flow share a name.")
    if options.get("retries"):
        raise GateInvalid("A flow with gates takes no retries: each resumption would use one up. Retry its tasks.")

    def decorate(function: Callable[P, Awaitable[R]]) -> prefect.Flow[P, Any]:
        if not inspect.iscoroutinefunction(function):
            raise GateInvalid(f"{function.__qualname__} is not async; write `async def`, and await its gates.")

        @functools.wraps(function)
        async def execute(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                scope = await asyncio.to_thread(_entered, named)
            except QueueUnavailable as away:
                await put_off(away)
            scope.task, scope.thread = asyncio.current_task(), threading.get_ident()
            with _standing_in(scope):
                try:
                    return await function(*args, **kwargs)
                except Ended as end:
                    get_run_logger().info(str(end))
                    return ending_of(end)
                except AgentError as trouble:
                    # A sentence that says what to do, and no traceback. Run again, it goes on where it stopped.
                    get_run_logger().error("%s", trouble)
                    return ending_of(trouble)
                except QueueUnavailable as away:
                    await put_off(away)
                finally:
                    await scope.lingering.told()

        execute.gates = tuple(named)  # type: ignore[attr-defined]
        # Prefect reads the annotations where `execute` stands, and there their names mean nothing.
        execute.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
        execute.__annotations__ = typing.get_type_hints(function)
        settings: dict[str, Any] = {"persist_result": True, "result_serializer": "json", "retries": 0, **options}
        return prefect.flow(name=name or function.__name__.replace("_", "-"), **settings)(execute)

    return decorate


def _entered(gates: dict[str, Gate[Any]]) -> Scope:
    get_logger("prefect.flow_runs").addFilter(_NO_FAULT)  # once, however often it is added
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise GateMisplaced("A flow with gates needs a Prefect run around it; call it as a flow, not through .fn.")
    flow_run = context.flow_run
    name = context.flow.name if context.flow else ""
    if gates and flow_run.parent_task_run_id is not None:
        raise GateMisplaced(
            f"Flow {name!r} has gates and was called as a subflow, which Prefect cannot suspend. "
            "Call its steps in the top flow, or start a run of its own with flows.batches.start_run."
        )
    if context.flow is not None and context.flow.retries:
        raise GateInvalid(f"Flow {name!r} was given retries: each resumption would use one up. Retry its tasks.")
    requester = _requester(flow_run, name)
    gatekeeper = composition.gatekeeper(str(flow_run.id))
    # Before the first line: not at two in the morning, when the draft is made and nobody can sign it. A run that
    # asked already goes on under the terms it asked under, whatever became of the files since.
    gatekeeper.enter(str(flow_run.id), [gate.terms for gate in gates.values()], requester)
    deployment = str(flow_run.deployment_id) if flow_run.deployment_id else None
    # Suspended, a run uses up none of the time that its flow may take.
    timed = context.flow is not None and context.flow.timeout_seconds is not None
    run = RunReference(
        id=str(flow_run.id),
        name=flow_run.name,
        flow=name,
        deployment=deployment,
        url=composition.run_url(flow_run.id),
        gates=tuple(gates),
    )
    return Scope(
        run=run,
        requester=requester,
        gates=gates,
        gatekeeper=gatekeeper,
        suspendable=deployment is not None,
        task=None,
        thread=0,
        lingering=Lingering(granted() if deployment is not None and not timed else None),
    )


def _requester(flow_run: Any, flow_name: str) -> str:
    return requester_of(flow_run, flow_name, lambda: _deployment_name(flow_run))


def _deployment_name(flow_run: Any) -> str | None:
    """The name of the deployment whose schedule created the run; None where Prefect does not say."""
    if flow_run.deployment_id is None:
        return None
    try:
        with get_client(sync_client=True) as client:
            return str(client.read_deployment(flow_run.deployment_id).name)
    except (httpx.HTTPError, ObjectNotFound, RuntimeError, ValueError):
        return None


@contextmanager
def _standing_in(scope: Scope) -> Iterator[None]:
    token = _scope.set(scope)
    ended = threading.Event()
    # A thread, not a task: a step that blocks the event loop is alive all the same.
    threading.Thread(target=_keep_alive, args=(scope, ended), name="countersign-lease", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        _scope.reset(token)


def _keep_alive(scope: Scope, ended: threading.Event) -> None:
    """Note on the run's unanswered requests, every few seconds, that a process is at work on them."""
    # Not at once: a run that was just woken is about to take its answer up, and the two would wait for each other.
    if ended.wait(_FIRST_HOLD_SECONDS):
        return
    while True:
        if scope.resting:
            return
        try:
            scope.show()
        except Exception as error:
            log.warning("The lease of run %s was not renewed: %s", scope.run.id, error)
        if ended.wait(HOLD_SECONDS / 3):
            return
