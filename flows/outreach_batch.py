"""A batch: one outreach run for each prospect of a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import prefect
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed

from agents.documents import Prospect
from approvals.canonical import canonical, digest
from flows import composition
from flows.batches import read_prospects, start_run
from flows.scope import REQUESTER_LABEL

DEFAULT = "prospects.csv"
_CLOCKS = timedelta(seconds=2)  # by how much Prefect's clock and ours may differ


@prefect.flow(name="outreach-batch", persist_result=False)
async def outreach_batch(prospects: str = "", campaign: str = "default") -> Any:
    """Start an outreach run for each prospect of a CSV file, once per campaign, however often this runs.

    Args:
        prospects: Path of the file; `prospects.csv` in the home where none is given.
        campaign: A new name starts everybody anew.
    """
    log = get_run_logger()
    path = Path(prospects) if prospects else composition.approvals().settings.home / DEFAULT
    if not prospects and not path.exists():
        return Completed(name="Nothing to do", message=f"There is no {str(path)!r} yet; put one there to start runs.")
    requester = _requester()
    listed = read_prospects(path)
    started, begun = 0, datetime.now(UTC) - _CLOCKS
    for prospect in listed:
        run = await start_run(
            "outreach/outreach",
            {"prospect": prospect.model_dump(mode="json")},
            requester=requester,
            key=f"outreach:{campaign}:{_key(prospect)}",
            tags=[f"campaign:{campaign}"],
        )
        new = run.created is not None and run.created >= begun
        started += new
        log.info("%s: %s", prospect.name or prospect.target, "started" if new else "was started before")
    return Completed(name="Completed", message=f"{started} of {len(listed)} prospects started.")


def _key(prospect: Prospect) -> str:
    return digest(canonical(prospect))[:16]


def _requester() -> str:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    label = run.labels.get(REQUESTER_LABEL) if run else None
    return str(label) if label else "schedule:outreach-batch"
