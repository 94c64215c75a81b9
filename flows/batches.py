"""Starting many runs, each once.

A batch starts its runs through the client and never as subflows, which could not suspend at a gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun

from agents.research.targets import read_saved, web_address
from flows.errors import ServerError

_PAGE = 200
"""Runs asked for at once; the most that Prefect answers."""


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
