"""Starting a run: one call, with the requester's label and a key that makes it start once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from approvals.errors import RunsUnavailable
from approvals.ports import StartedRun
from approvals.resume import REQUESTER_LABEL
from flows.errors import ServerError


async def start_run(
    deployment: str,
    parameters: Mapping[str, Any],
    *,
    requester: str,
    key: str | None = None,
    tags: Iterable[str] = (),
) -> FlowRun:
    """Create a run of a deployment (`flow/name`) on behalf of `requester`; the same `key` starts it once.

    Raises:
        ServerError: Prefect does not answer, or has no such deployment.
    """
    if get_current_settings().api.url is None:
        # Without an address Prefect would start a server of its own, which no worker and no queue knows.
        raise ServerError("No Prefect server is at hand: start `countersign up`, or set PREFECT_API_URL.")
    try:
        async with get_client() as client:
            found = await client.read_deployment_by_name(deployment)
            return await client.create_flow_run_from_deployment(
                found.id,
                parameters=dict(parameters),
                labels={REQUESTER_LABEL: requester},
                idempotency_key=key,
                tags=list(tags),
            )
    except ObjectNotFound as error:
        raise ServerError(f"Prefect has no deployment {deployment!r}. Start `countersign up`, or deploy it.") from error
    except httpx.HTTPError as error:
        raise ServerError(f"Prefect does not answer ({error}). Is `countersign up` running?") from error


def started(deployment: str, parameters: Mapping[str, Any], *, requester: str, key: str) -> StartedRun:
    """`start_run` for whoever cannot wait: a page, a command.

    Raises:
        RunsUnavailable: Prefect does not answer, or has no such deployment.
    """
    try:
        run = asyncio.run(start_run(deployment, parameters, requester=requester, key=key))
    except ServerError as error:
        raise RunsUnavailable(str(error)) from error
    return StartedRun(id=str(run.id), name=run.name, ended=run.state is not None and run.state.is_final())
