"""The worker: a Prefect worker of the type `countersign`, whose runs need no start of their own.

A run is taken up by a child of the fork server that has everything imported and waits for it. The worker learns of a
resumed run from the waker of the same home directly, from Prefect's event stream elsewhere, and by looking now and
then in any case. Prefect's server loads this module too, so it imports no step, agent or approval.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Pending
from prefect.workers.base import BaseWorker, BaseWorkerResult
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables, ProcessWorker

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Flow, FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

    from flows.attempts import Attempts
    from flows.children import Child, Children
    from flows.handover import Ear

_LOOK_SECONDS = 2.0
"""Between two looks whether the code changed."""

_KEPT_SECONDS = 10.0
"""How long what hardly changes is believed: deployments, the pool, its queues, where results go."""

_NOTE_SECONDS = 0.5
"""After which a started run is given its process's number and the worker's labels; before, that would hold it up."""

_SCHEDULED = ("Scheduled", "Resuming", "Rescheduled", "AwaitingRetry", "Late")


class CountersignJob(ProcessJobConfiguration):
    """What a run's process is started with."""

    @classmethod
    @functools.cache
    def of_settings(cls) -> dict[str, str]:
        """This worker's settings, as Prefect passes them on to runs; they stay what they are."""
        return super()._base_environment()

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        return dict(CountersignJob.of_settings())

    @property
    def commanded(self) -> bool:
        """Whether somebody set the command that runs it."""
        return self._command_configured


class CountersignVariables(ProcessVariables):
    """What a work pool or a deployment may set about it."""


class CountersignResult(BaseWorkerResult):
    """How a run's process ended."""


@dataclass(frozen=True)
class _Ready:
    """A child that holds a run's job and waits for the word to go, and the folder made for it."""

    child: Child
    folder: str | None


@dataclass
class _Known:
    """What hardly changes, as it was read last."""

    deployments: dict[UUID, tuple[float, DeploymentResponse]] = field(default_factory=dict)
    flows: dict[UUID, Flow] = field(default_factory=dict)
    unlimited: frozenset[UUID] = frozenset()
    """Work queues whose runs may be started without asking the server for its limits."""
    results_are_local: bool = False
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    """What runs have in theirs, before their job's own."""


class CountersignWorker(BaseWorker[CountersignJob, CountersignVariables, CountersignResult]):
    """Runs flows in processes forked from one that has everything imported."""

    type = "countersign"
    job_configuration = CountersignJob
    job_configuration_variables = CountersignVariables
    _display_name = "Countersign"
    _description = (
        "Execute flow runs in forked processes on this machine. A run that was suspended goes on within a fraction of "
        "a second of being resumed."
    )
    _documentation_url = "https://docs.prefect.io/v3/concepts/workers"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = _Known()
        self._attempts: Attempts | None = None
        self._children: Children | None = None
        self._chores: anyio.abc.TaskGroup | None = None
        self._ear: Ear | None = None
        self._readied: dict[UUID, asyncio.Task[tuple[FlowRun, CountersignJob] | None]] = {}
        self._readied_at: dict[UUID, float] = {}
        self._ready: dict[UUID, _Ready] = {}
        self._again: set[UUID] = set()
        self._certificate: Path | None = None

    # -- beginning and end -----------------------------------------------------------------------------------------

    async def setup(self) -> None:
        """Make ready: children, the ear for the waker, and the event stream."""
        from approvals.settings import read_settings as read_approvals
        from flows.attempts import Attempts
        from flows.busy import ask_again_soon
        from flows.children import Children, can_fork
        from flows.environment import one_certificate
        from flows.relief import Roll
        from flows.settings import read_settings

        self._home, self._settings = read_approvals().home, read_settings()
        self._certificate = one_certificate(self._home)
        # Before the runs' own task group, so that they end before what they stand on.
        self._attempts = await self._exit_stack.enter_async_context(Attempts(Roll(self._home)))
        if can_fork():
            packages = {"agents", "approvals", "flows", *self._settings.document_modules}
            profiles = str(get_current_settings().profiles_path)
            self._children = Children(sorted(packages), watched=[profiles])
            self._exit_stack.callback(self._children.close)
        else:
            self._logger.warning("This machine cannot fork: every run starts a Python of its own.")
        await super().setup()
        ask_again_soon(self.client)
        await self._read_again()
        self._chores = anyio.create_task_group()
        await self._exit_stack.enter_async_context(self._chores)
        self._chores.start_soon(self._keep_looking)
        self._chores.start_soon(self._follow_events)
        self._chores.start_soon(self._listen)

    async def teardown(self, *exc_info: Any) -> None:
        """Let go of everything; the runs at work are ended first, or waited for where nothing hurries."""
        if self._chores is not None:
            self._chores.cancel_scope.cancel()
        if self._ear is not None:
            self._ear.close()
        for task in self._readied.values():
            task.cancel()
        if self._attempts is not None:
            with anyio.CancelScope(shield=True):
                await self._attempts.let_go(self._home)
        await super().teardown(*exc_info)

    # -- being woken -------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        from flows.handover import Ear

        try:
            self._ear = Ear(self._home, "worker", str(os.getpid()))
        except OSError as error:
            self._logger.warning("The waker cannot tell this worker of resumed runs (%s); it looks for them.", error)
            return
        while True:
            await anyio.wait_readable(self._ear.fileno())
            for message in self._ear.heard():
                with contextlib.suppress(KeyError, ValueError, TypeError, AttributeError):
                    self._told(str(message.get("is")), UUID(message["run"]))

    def _told(self, what: str, run_id: UUID) -> None:
        if what == "resuming" and self._is_free(run_id) and run_id not in self._readied:
            self._readied[run_id] = asyncio.create_task(self._made_ready(run_id))
            self._readied_at[run_id] = time.monotonic()
        elif what == "resumed":
            self._at_work.start_soon(self._resumed, run_id)
        elif what == "refused":
            self._at_work.start_soon(self._dismiss, run_id)
        elif what == "lingering" and self._attempts is not None and run_id in self._attempts:
            # It is idle, and its places are counted elsewhere (flows/lingering.py).
            self._release_limit_slot(run_id)
            self._at_work.start_soon(self._look_for_runs)
        elif what == "gone on" and self._limiter is not None and not self._is_free(run_id):
            with contextlib.suppress(anyio.WouldBlock, RuntimeError):
                self._limiter.acquire_on_behalf_of_nowait(run_id)

    @property
    def _at_work(self) -> anyio.abc.TaskGroup:
        if self._runs_task_group is None:
            raise RuntimeError("The worker has ended.")
        return self._runs_task_group

    def _is_free(self, run_id: UUID) -> bool:
        return (
            self._children is not None
            and self._attempts is not None
            and run_id not in self._attempts
            and run_id not in self._submitting_flow_run_ids
        )

    async def _made_ready(self, run_id: UUID) -> tuple[FlowRun, CountersignJob] | None:
        """The run, and a child that waits for the word to go; None where it goes the long way."""
        try:
            run = await self.client.read_flow_run(run_id)
            if run.work_pool_name != self._work_pool_name or run.work_queue_id not in self._known.unlimited:
                return None
            if self._work_queues and run.work_queue_name not in self._work_queues:
                return None
            job = await self._job(run)
            await self._prepare(run, job)
        except Exception as error:
            self._logger.debug("Run %s was not made ready: %s", run_id, error)
            return None
        return run, job

    async def _resumed(self, run_id: UUID) -> None:
        """Start a run that was resumed just now, if nothing stands in its way; else look for it in the ordinary way."""
        task = self._readied.pop(run_id, None)
        if not self._is_free(run_id):
            self._again.add(run_id)
            return
        self._submitting_flow_run_ids.add(run_id)
        ready = await task if task is not None else await self._made_ready(run_id)
        if ready is None:
            self._submitting_flow_run_ids.discard(run_id)
            await self._look_for_runs()
            return
        run, job = ready
        if self._limiter is not None:
            try:
                self._limiter.acquire_on_behalf_of_nowait(run_id)
            except (anyio.WouldBlock, RuntimeError):
                self._submitting_flow_run_ids.discard(run_id)
                await self._send_home(run_id)
                return
        await self._submit_run(run, job)

    async def _dismiss(self, run_id: UUID) -> None:
        """It was not resumed after all."""
        if (task := self._readied.pop(run_id, None)) is not None:
            await task
            await self._send_home(run_id)

    async def _look_for_runs(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            await self.get_and_submit_flow_runs()

    async def _follow_events(self) -> None:
        """Look for runs when the event stream says that one was scheduled; tell a process whose run was suspended."""
        while True:
            try:
                wanted = EventFilter(
                    event=EventNameFilter(name=[f"prefect.flow-run.{name}" for name in (*_SCHEDULED, "Suspended")]),
                    any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{self.work_pool.id}"]),
                )
                async with get_events_subscriber(filter=wanted, reconnect_on_clean_close=True) as events:
                    async for event in events:
                        run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
                        if event.event.endswith(".Suspended"):
                            await self._suspended(run_id)
                        elif self._is_free(run_id) and run_id not in self._readied:
                            await self._look_for_runs()
            except Exception as error:
                self._logger.debug("The event stream broke off: %s", error)
            await anyio.sleep(_LOOK_SECONDS)

    async def _suspended(self, run_id: UUID) -> None:
        """Somebody may have suspended a run from outside; one that suspends itself is about to end anyway."""
        child = self._attempts.child(run_id) if self._attempts is not None else None
        if child is None:
            return
        with contextlib.suppress(httpx.HTTPError, ObjectNotFound):
            state = (await self.client.read_flow_run(run_id)).state
            if state is not None and state.is_paused() and state.name == "Suspended":
                child.suspended(state.model_dump(mode="json"))

    # -- what hardly changes -------------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        read_at = time.monotonic()
        while True:
            await anyio.sleep(_LOOK_SECONDS)
            if self._attempts is not None:
                await self._attempts.relieve_lost()
            if self._children is not None:
                self._children.look()
            for run_id in [one for one in self._readied if self._readied_at[one] + _LOOK_SECONDS < time.monotonic()]:
                await self._dismiss(run_id)  # whoever announced it was not heard of again
            if time.monotonic() - read_at >= _KEPT_SECONDS:
                read_at = time.monotonic()
                await self._read_again()

    async def _read_again(self) -> None:
        """Read the pool, its queues and its deployments; nothing is believed of a server that does not answer."""
        from flows.environment import lighter, wants_csrf_tokens

        try:
            pool = await self.client.read_work_pool(self._work_pool_name)
            queues = await self.client.read_work_queues(self._work_pool_name)
            of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
            deployments = await self.client.read_deployments(work_pool_filter=of_pool, limit=200)
            storage = await self.client.read_server_default_result_storage()
            csrf = await wants_csrf_tokens(self.client)
        except (httpx.HTTPError, ObjectNotFound):
            self._known = _Known(flows=self._known.flows, environment=self._known.environment)
            return
        free = pool.concurrency_limit is None and not pool.is_paused
        now = time.monotonic()
        self._known = _Known(
            deployments={one.id: (now, one) for one in deployments},
            flows=self._known.flows,
            unlimited=frozenset(
                queue.id for queue in queues if free and queue.concurrency_limit is None and not queue.is_paused
            ),
            results_are_local=storage.default_result_storage_block_id is None,
            environment={**lighter(csrf, self._certificate), **os.environ, **CountersignJob.of_settings()},
        )
        if self._children is not None:
            modules = (module for one in deployments if (module := _module(one)))
            self._children.load(modules, self._known.environment)

    async def _deployment(self, deployment_id: UUID) -> DeploymentResponse:
        read_at, deployment = self._known.deployments.get(deployment_id, (0.0, None))
        if deployment is None or time.monotonic() - read_at > 2 * _KEPT_SECONDS:
            deployment = await self.client.read_deployment(deployment_id)
            self._known.deployments[deployment_id] = (time.monotonic(), deployment)
        return deployment

    async def _flow(self, flow_id: UUID) -> Flow:
        if flow_id not in self._known.flows:
            self._known.flows[flow_id] = await self.client.read_flow(flow_id)
        return self._known.flows[flow_id]

    # -- starting a run ------------------------------------------------------------------------------------------------

    async def _submit_scheduled_flow_runs(self, flow_run_response: Any) -> list[FlowRun]:
        # A run whose process has not ended keeps its place; asked for it once more, Prefect's limiter would raise.
        held = self._attempts.ids if self._attempts is not None else frozenset()
        self._again |= {entry.flow_run.id for entry in flow_run_response if entry.flow_run.id in held}
        free = [
            entry
            for entry in flow_run_response
            if entry.flow_run.id not in held and entry.flow_run.id not in self._readied
        ]
        return await super()._submit_scheduled_flow_runs(free)

    async def _submit_run(self, flow_run: FlowRun, job: CountersignJob | None = None) -> None:
        """As Prefect's, with fewer questions to the server before the run begins."""
        try:
            if flow_run.deployment_id is not None:
                try:
                    await self._deployment(flow_run.deployment_id)
                except ObjectNotFound:
                    await super()._submit_run(flow_run)  # which says so, and cancels the run
                    return
            if self._attempts is not None:
                self._attempts.roll.take(flow_run.id)
            if not await self._propose_pending_state(flow_run):
                if self._attempts is not None:
                    self._attempts.roll.strike(flow_run.id)
                await self._send_home(flow_run.id)
                self._release_limit_slot(flow_run.id)
                return
            flow_run = flow_run.model_copy(update={"state": Pending()})
            await self._at_work.start(self._seen_through, flow_run, job)
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)

    async def _seen_through(
        self, flow_run: FlowRun, job: CountersignJob | None, task_status: anyio.abc.TaskStatus[Any]
    ) -> None:
        """Run it in a process and see it to its end, whatever that is."""
        started = _Once(task_status)
        try:
            job = job or await self._job(flow_run)
            result = await self.run(flow_run, job, started)
            if result.status_code != 0:
                said = f"Flow run process exited with non-zero status code {result.status_code}."
                await self._propose_crashed_state(flow_run, said)
        except Exception as error:
            self.get_flow_run_logger(flow_run).exception("Run %r could not be started.", flow_run.name)
            await self._propose_crashed_state(flow_run, f"It could not be started: {type(error).__name__}: {error}")
        finally:
            started.started(None)
            self._release_limit_slot(flow_run.id)
        if flow_run.id in self._again:
            self._again.discard(flow_run.id)
            await self._look_for_runs()

    async def _job(self, flow_run: FlowRun) -> CountersignJob:
        """The run's job, as `resolve_for_flow_run` makes it, of what is known already."""
        deployment = await self._deployment(flow_run.deployment_id) if flow_run.deployment_id else None
        values = dict((deployment.job_variables if deployment else None) or {})
        of_run = dict(flow_run.job_variables or {})
        if isinstance(values.get("env"), dict):
            values["env"] = {**values["env"], **of_run.pop("env", {})}
        values.update(of_run)
        job: CountersignJob = await CountersignJob.from_template_and_values(
            base_job_template=self.work_pool.base_job_template, values=values, client=self.client
        )
        job.prepare_for_flow_run(
            flow_run,
            deployment,
            await self._flow(flow_run.flow_id),
            self.work_pool,
            self.name,
            worker_id=self.backend_id,
        )
        return job

    async def _prepare(self, flow_run: FlowRun, job: CountersignJob) -> None:
        """Give the run's job to a child that is ready, where a child may do it; nothing else has happened then."""
        deployment = await self._deployment(flow_run.deployment_id) if flow_run.deployment_id else None
        if self._children is None or self._attempts is None or deployment is None or not _forkable(deployment, job):
            return
        child = await self._children.take()
        folder = None if job.working_dir else tempfile.mkdtemp(suffix="countersign")
        environment = {
            **self._known.environment,
            **job.env,
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            **self._attempts.announced(flow_run.id),
        }
        child.prepare(
            {
                "run_id": str(flow_run.id),
                "run": flow_run.model_dump(mode="json"),
                "entrypoint": deployment.entrypoint,
                "environment": {name: value for name, value in environment.items() if value is not None},
                "folder": folder or str(job.working_dir),
                "stream_output": job.stream_output,
                "local_results": self._known.results_are_local,
                "leave": self._leave(flow_run, deployment),
            }
        )
        self._ready[flow_run.id] = _Ready(child, folder)

    def _leave(self, flow_run: FlowRun, deployment: DeploymentResponse) -> dict[str, Any] | None:
        """Leave to stay in a gate; None where a limit counts this run, for then others wait for its place."""
        if flow_run.work_queue_id not in self._known.unlimited or deployment.global_concurrency_limit is not None:
            return None
        places, spare = self._settings.linger_places, self._settings.linger_spare_mb * 1_000_000
        return {"home": str(self._home), "places": places, "spare": spare}

    async def _send_home(self, run_id: UUID) -> None:
        """Undo a preparation, if there was one."""
        ready = self._ready.pop(run_id, None)
        if ready is not None and self._attempts is not None:
            self._attempts.renounced(run_id)
            ready.child.dismiss()
            await _clear(ready.folder)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: CountersignJob,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> CountersignResult:
        """Run it in a child of the fork server; in a Python of its own where a child could not stand in for one."""
        status = task_status or anyio.TASK_STATUS_IGNORED
        if flow_run.id not in self._ready:
            await self._prepare(flow_run, configuration)
        ready = self._ready.pop(flow_run.id, None)
        if ready is None or self._attempts is None or self._children is None:
            self._logger.info("Run %r starts a Python of its own.", flow_run.name)
            if self._attempts is not None:
                self._attempts.roll.strike(flow_run.id)  # its process is Prefect's to look after
            process = ProcessWorker(work_pool_name=self._work_pool_name, name=self.name)
            result = await process.run(flow_run, configuration, status)
            return CountersignResult(status_code=result.status_code, identifier=result.identifier)
        try:
            async with anyio.create_task_group() as notes:
                notes.start_soon(self._note, flow_run, configuration, ready.child)
                code = await self._attempts.execute(flow_run, ready.child, status)
                notes.cancel_scope.cancel()
            return CountersignResult(status_code=code, identifier=str(ready.child.pid))
        finally:
            with anyio.CancelScope(shield=True):
                await _clear(ready.folder)
            self._children.more()

    async def _note(self, flow_run: FlowRun, job: CountersignJob, child: Child) -> None:
        """Tell the server which process of which worker it is, and have another child ready."""
        await anyio.sleep(_NOTE_SECONDS)
        if self._children is not None:
            self._children.more()
        try:
            self._emit_flow_run_submitted_event(job)
            await self.client.update_flow_run(flow_run_id=flow_run.id, infrastructure_pid=str(child.pid))
            if flow_run.labels.get("prefect.worker.name") != self.name:
                await self._give_worker_labels_to_flow_run(flow_run.id)
        except (httpx.HTTPError, ObjectNotFound) as error:
            self._logger.debug("Nothing was noted on run %s: %s", flow_run.id, error)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: CountersignJob, grace_seconds: int = 30
    ) -> None:
        """End the process of a run that Prefect cancels before it began."""
        from prefect.exceptions import InfrastructureNotFound

        if self._attempts is not None:
            for child in map(self._attempts.child, self._attempts.ids):
                if child is not None and str(child.pid) == infrastructure_pid:
                    await child.end_by_force(grace_seconds)
                    return
        raise InfrastructureNotFound(f"No process {infrastructure_pid} of this worker.")


class _Once:
    """Says once that a run has started; whoever waits for it needs no second word."""

    def __init__(self, status: anyio.abc.TaskStatus[Any]) -> None:
        self._status = status
        self._said = False

    def started(self, value: Any = None) -> None:
        if not self._said:
            self._said = True
            self._status.started(value)


async def _clear(folder: str | None) -> None:
    if folder is not None:
        await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))


def _module(deployment: DeploymentResponse) -> str | None:
    """The module of a dotted entrypoint; None for a path, which a child cannot have imported."""
    entrypoint = deployment.entrypoint or ""
    if ":" in entrypoint or "/" in entrypoint or "." not in entrypoint:
        return None
    return entrypoint.rpartition(".")[0]


def _forkable(deployment: DeploymentResponse, job: CountersignJob) -> bool:
    """Whether a child can stand in for a Python started afresh: same code, same interpreter, nothing to fetch."""
    if job.commanded or deployment.pull_steps or _module(deployment) is None:
        return False
    from flows.environment import of_python

    return of_python(job.env) == of_python(os.environ)
