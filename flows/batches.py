"""Starting runs: one call, with the requester's label and a key that makes it start once.

A batch starts its runs through the client and never as subflows, which could not suspend at a gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from agents.research.targets import read_saved, web_address
from approvals.resume import REQUESTER_LABEL
from flows.errors import ServerError

_PAGE = 200
"""Runs asked for at once; the most that Prefect answers."""


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


async def runs_of_keys(keys: Sequence[str]) -> dict[str, FlowRun]:
    """The runs that were started under these keys before, by key.

    Raises:
        ServerError: Prefect does not answer.
    """
    found: dict[str, FlowRun] = {}
    try:
        async with get_client() as client:
            for start in range(0, len(keys), _PAGE):
                wanted = FlowRunFilterIdempotencyKey(any_=list(keys[start : start + _PAGE]))
                runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=wanted), limit=_PAGE)
                found |= {run.idempotency_key: run for run in runs if run.idempotency_key}
    except httpx.HTTPError as error:
        raise ServerError(f"Prefect does not answer ({error}). Is `countersign up` running?") from error
    return found


def readable(target: str) -> str:
    """The target as a run in another folder finds it: a path made absolute, after a look that it can be read.

    Raises:
        TargetError: it does not exist, is empty, too large, or no page; the message names it and the fix.
    """
    if web_address(target) is not None:
        return target
    read_saved(target, lambda: datetime.now(UTC))
    return target if target.startswith("text:") else str(Path(target.removeprefix("file://")).expanduser().resolve())
