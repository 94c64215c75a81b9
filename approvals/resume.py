"""The runs that wait, on Prefect. The only file of this package that knows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Scheduled

from approvals.errors import RunsUnavailable
from approvals.ports import KnownRun, RunStatus, RunWatch
from approvals.requests import RunReference

REQUESTER_LABEL = "countersign.requester"
"""The Prefect label that says on whose behalf a run was created; set by the call that creates it."""

Announced = Literal["resuming", "resumed", "refused"]

_STATUS: dict[StateType, RunStatus] = {
    StateType.SCHEDULED: "scheduled",
    StateType.PENDING: "scheduled",
    StateType.RUNNING: "running",
    # Somebody cancelled it: should its process be gone, it must not be started again.
    StateType.CANCELLING: "ended",
    StateType.PAUSED: "suspended",
    StateType.COMPLETED: "ended",
    StateType.FAILED: "ended",
    StateType.CANCELLED: "ended",
    StateType.CRASHED: "ended",
}

_PAGE = 200
"""Runs asked for at once; the most that Prefect answers."""

_MOST_REMEMBERED = 50_000
"""Runs whose deployment is remembered; beyond, only those that were just asked about are."""

_START_WITHIN = timedelta(minutes=5)
"""How long a worker that took a run may need to start its process; one that died leaves the run Pending for good."""


class _Line:
    """One kept client, opened when it is needed and given up when it fails."""

    def __init__(
        self,
        client: Callable[[], SyncPrefectClient] | None,
        opened: Callable[[SyncPrefectClient], object] = lambda _: None,
    ) -> None:
        self._open = client or (lambda: get_client(sync_client=True))
        self._opened = opened
        self._named = client is None
        self._client: SyncPrefectClient | None = None

    def client(self) -> SyncPrefectClient:
        """The client.

        Raises:
            RuntimeError: no server is named.
        """
        if self._client is None:
            if self._named and get_current_settings().api.url is None:
                # Without an address Prefect would start a server of its own, which knows none of our runs.
                raise RuntimeError("No Prefect server is named: set PREFECT_API_URL.")
            self._client = self._open().__enter__()
            self._opened(self._client)
        return self._client

    def drop(self) -> None:
        """Let go of it; the next use opens another."""
        client, self._client = self._client, None
        if client is not None:
            client.__exit__(None, None, None)


class PrefectRuns:
    """Asks and tells Prefect; whatever it answers, the store decides."""

    def __init__(
        self,
        client: Callable[[], SyncPrefectClient] | None = None,
        *,
        announce: Callable[[Announced, str], object] = lambda _, __: None,
        opened: Callable[[SyncPrefectClient], object] = lambda _: None,
    ) -> None:
        """
        Args:
            opened: Told of each client before it is used.
            announce: Told what becomes of a run's wake-up, so that a worker on the same machine need not look for it.
        """
        self._announce = announce
        self._line = _Line(client, opened)
        self._deployments: dict[str, UUID] = {}

    def statuses(self, run_ids: Sequence[str]) -> dict[str, RunWatch]:
        """How each of these runs stands; `unknown` while Prefect does not answer."""
        ids = list(dict.fromkeys(run_ids))
        # An id that is none of Prefect's must not hide the others of its page.
        watched = {one: RunWatch(status="unknown", name="not a run of Prefect") for one in ids if not _is_id(one)}
        ids = [one for one in ids if one not in watched]
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            try:
                if self._all_suspended(page):
                    watched |= {one: _suspended(self._deployments[one]) for one in page}
                    continue
                wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(one) for one in page]))
                runs = self._line.client().read_flow_runs(flow_run_filter=wanted, limit=_PAGE)
                deployments = self._of_live(runs)
            except (httpx.HTTPError, RuntimeError, ValueError) as error:
                self._line.drop()
                watched |= {one: RunWatch(status="unknown", name=str(error)[:200]) for one in page}
                continue
            found = {str(run.id): _watched(run, deployments) for run in runs}
            self._remember(ids, runs)
            watched |= {one: found.get(one, RunWatch(status="gone", name="deleted")) for one in page}
        return watched

    def existing(self, deployments: Sequence[str]) -> frozenset[str]:
        """Those of these deployments that Prefect knows; none while it does not answer."""
        ids = [UUID(one) for one in dict.fromkeys(deployments) if _is_id(one)]
        try:
            return frozenset(
                str(one) for start in range(0, len(ids), _PAGE) for one in self._known(ids[start : start + _PAGE])
            )
        except (httpx.HTTPError, RuntimeError, ValueError):
            self._line.drop()
            return frozenset()

    def wake(self, run_id: str) -> bool:
        """Ask Prefect to resume a suspended run. False where it refused or did not answer: ask again later."""
        self._announce("resuming", run_id)
        accepted = False
        try:
            answer: Any = self._line.client().resume_flow_run(UUID(run_id))
            accepted = str(answer.status.value) == "ACCEPT"
        except (httpx.HTTPError, RuntimeError, ObjectNotFound):
            self._line.drop()
        self._announce("resumed" if accepted else "refused", run_id)
        return accepted

    def restart(self, run_id: str) -> bool:
        """Schedule a run again whose process is gone, whatever state it was left in. False where Prefect refused."""
        try:
            answer: Any = self._line.client().set_flow_run_state(
                UUID(run_id), Scheduled(name="Rescheduled", message="Its process was gone."), force=True
            )
        except (httpx.HTTPError, RuntimeError, ObjectNotFound):
            self._line.drop()
            return False
        return str(answer.status.value) == "ACCEPT"

    def _all_suspended(self, page: list[str]) -> bool:
        """Whether each of these runs waits and has its deployment, as a count tells: reading them takes ten times that.

        Only of runs that were read before: then it is known which deployment each was made from, for good.
        """
        if not all(one in self._deployments for one in page):
            return False
        of = {self._deployments[one] for one in page}
        wanted = {
            "flow_runs": {"id": {"any_": page}, "state": {"type": {"any_": [StateType.PAUSED.value]}}},
            "deployments": {"id": {"any_": [str(one) for one in of]}},
        }
        counted = self._line.client().request("POST", "/flow_runs/count", json=wanted)
        counted.raise_for_status()
        return int(counted.json()) == len(page)

    def _remember(self, asked: Sequence[str], runs: Sequence[FlowRun]) -> None:
        if len(self._deployments) > _MOST_REMEMBERED:
            self._deployments = {one: self._deployments[one] for one in asked if one in self._deployments}
        self._deployments |= {str(run.id): run.deployment_id for run in runs if run.deployment_id is not None}

    def _of_live(self, runs: Sequence[FlowRun]) -> set[UUID]:
        """Those of the runs' deployments that are still there: a run keeps the id of one that was removed."""
        ids = {run.deployment_id for run in runs if run.deployment_id and run.state and not run.state.is_final()}
        return self._known(list(ids))

    def _known(self, deployments: list[UUID]) -> set[UUID]:
        if not deployments:
            return set()
        wanted = DeploymentFilter(id=DeploymentFilterId(any_=deployments))
        return {one.id for one in self._line.client().read_deployments(deployment_filter=wanted, limit=_PAGE)}


class PrefectRecords:
    """Who a run is, in Prefect's own words; asked anew each time, by one thread after the other."""

    def __init__(self, client: Callable[[], SyncPrefectClient] | None = None) -> None:
        self._line = _Line(client)
        self._turn = threading.Lock()

    def known(self, run_id: str) -> KnownRun | None:
        """The run; None where Prefect has none of this id.

        Raises:
            RunsUnavailable: Prefect does not answer.
        """
        if not _is_id(run_id):
            return None
        with self._turn:
            try:
                return self._read(UUID(run_id))
            except ObjectNotFound:
                return None
            except (httpx.HTTPError, RuntimeError, ValueError) as error:
                self._line.drop()
                raise RunsUnavailable(f"Prefect cannot be asked about the run {run_id} now ({error}).") from error

    def _read(self, run_id: UUID) -> KnownRun:
        client = self._line.client()
        run = client.read_flow_run(run_id)
        flow = client.read_flow(run.flow_id).name

        def deployment() -> str | None:
            if run.deployment_id is not None:
                with suppress(ObjectNotFound):  # it was removed since
                    return str(client.read_deployment(run.deployment_id).name)
            return None

        return KnownRun(
            run=RunReference(
                id=str(run.id),
                name=run.name,
                flow=flow,
                deployment=str(run.deployment_id) if run.deployment_id else None,
                url=run_url(run.id),
            ),
            requester=requester_of(run, flow, deployment),
            pool=run.work_pool_name,
            ended=run.state is not None and run.state.is_final(),
        )


def run_url(run_id: UUID | str) -> str | None:
    """Where a run is seen in the Prefect UI; None where Prefect has none."""
    base: Any = get_current_settings().ui_url
    return f"{str(base).rstrip('/')}/runs/flow-run/{run_id}" if base else None


def requester_of(run: FlowRun, flow: str, deployment: Callable[[], str | None]) -> str:
    """On whose behalf a run was created: its label's word, or its schedule, or nobody that is known here."""
    if label := run.labels.get(REQUESTER_LABEL):
        return str(label)
    return f"schedule:{deployment() or flow}" if run.auto_scheduled else "unknown:prefect"


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _suspended(deployment: UUID) -> RunWatch:
    return RunWatch(status="suspended", name="Suspended", deployment=str(deployment))


def _watched(run: FlowRun, deployments: set[UUID]) -> RunWatch:
    if run.state is None:
        return RunWatch(status="unknown")
    deployment = str(run.deployment_id) if run.deployment_id in deployments else None
    status = _STATUS[run.state.type]
    if run.state.type is StateType.PENDING and run.state.timestamp + _START_WITHIN < datetime.now(UTC):
        status = "running"  # as far as Prefect knows; whoever looks for silence finds it
    return RunWatch(
        status=status,
        name=run.state.name or "",
        deployment=deployment,
        since=run.state.timestamp,
    )
