"""Starting runs: one call, with the requester's label and a key that makes it start once.

A batch starts its runs through the client and never as subflows, which could not suspend at a gate.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from pydantic import ValidationError

from agents.documents import Prospect
from agents.research.targets import read_saved, web_address
from flows.errors import ProspectsInvalid, ServerError
from flows.scope import REQUESTER_LABEL


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


def readable(target: str) -> str:
    """The target as a run in another folder finds it: a path made absolute, after a look that it can be read.

    Raises:
        TargetError: it does not exist, is empty, too large, or no page; the message names it and the fix.
    """
    if web_address(target) is not None:
        return target
    read_saved(target, lambda: datetime.now(UTC))
    return target if target.startswith("text:") else str(Path(target.removeprefix("file://")).expanduser().resolve())


def read_prospects(path: Path) -> tuple[Prospect, ...]:
    """The prospects of a CSV file with the columns `target` and, if wanted, `name` and `source_url`.

    Raises:
        ProspectsInvalid: the file is missing or a line is wrong; the message names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if "target" not in columns:
                raise ProspectsInvalid(
                    f"{str(path)!r} has no column 'target' (it has: {', '.join(columns) or 'nothing'}). "
                    "The first line names the columns: target,name,source_url."
                )
            return tuple(_prospect(path, reader.line_num, row) for row in reader)
    except OSError as error:
        raise ProspectsInvalid(f"The prospects file {str(path)!r} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ProspectsInvalid(f"The prospects file {str(path)!r} is not UTF-8 text.") from error


def _prospect(path: Path, line: int, row: dict[str, str | None]) -> Prospect:
    given = {
        name: value.strip() for name in ("target", "name", "source_url") if (value := row.get(name)) and value.strip()
    }
    target = given.get("target", "")
    if target and (path.parent / target).exists():
        # A saved page lies beside the file that lists it.
        given["target"] = str((path.parent / target).resolve())
    try:
        return Prospect.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProspectsInvalid(f"{str(path)!r}, line {line}: {where}: {first['msg']}.") from error
