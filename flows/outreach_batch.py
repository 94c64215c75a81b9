"""A batch: one outreach run for each prospect of a file or of a view of the CRM, and for nobody twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import prefect
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed
from pydantic import Field

from agents.documents import Prospect
from agents.errors import Suppressed
from agents.suppressing import check_prospect
from approvals.resume import REQUESTER_LABEL
from approvals.settings import read_settings
from flows import composition
from flows.batches import runs_of_keys
from flows.handled import Handled
from flows.prospects import CRM_VIEW, key_of, read_source
from flows.starting import start_run

DEFAULT = "prospects.csv"
DEPLOYMENT = "outreach/outreach"


class _Line(NamedTuple):
    """What became of one prospect, as the report shows it."""

    prospect: str
    outcome: Literal["started", "started before", "skipped"]
    why: str = ""
    run: str = ""


@prefect.flow(name="outreach-batch", persist_result=False)
async def outreach_batch(
    prospects: str = "",
    campaign: str = "default",
    skip_days: Annotated[float, Field(ge=1)] = 90,
) -> Any:
    """Start an outreach run for each prospect, unless the company was dealt with lately; however often this runs.

    Args:
        prospects: Path of a CSV file, or a view of the CRM such as `crm:company?country=DE`; `prospects.csv` in the
            home where none is given.
        campaign: A new name starts everybody anew whom `skip_days` lets pass; under one name nobody is started twice.
        skip_days: A company that an outreach run asked about within so many days is skipped, unless that run was called
            off, and after them it begins anew. One whose request waits is skipped in any case.
    """
    home = read_settings().home
    source = prospects or str(home / DEFAULT)
    if not prospects and not Path(source).exists():
        return Completed(name="Nothing to do", message=f"There is no {source!r} yet; put one there to start runs.")
    listed = await asyncio.to_thread(read_source, source, composition.agents().crm)
    lines = await _started(listed, campaign, skip_days)
    await _report(lines, source)
    counts = {outcome: sum(line.outcome == outcome for line in lines) for outcome in ("started before", "skipped")}
    more = "".join(f", {number} {outcome}" for outcome, number in counts.items() if number)
    started = sum(line.outcome == "started" for line in lines)
    return Completed(name="Completed", message=f"{started} of {len(listed)} prospects started{more}.")


async def _started(listed: tuple[Prospect, ...], campaign: str, skip_days: float) -> list[_Line]:
    log, requester = get_run_logger(), _requester()
    store = composition.approvals().store
    handled = await asyncio.to_thread(Handled, store, "outreach", days=skip_days, now=datetime.now(UTC))
    earlier = [handled.before(prospect) for prospect in listed]
    # The last request about the company is part of the key: repeated, the batch starts nobody a second time, and
    # whoever was asked about long ago begins anew, once.
    keys = [
        ":".join(part for part in ("outreach", campaign, key_of(prospect), before.last) if part)
        for prospect, before in zip(listed, earlier, strict=True)
    ]
    there = await runs_of_keys(keys)
    lines: list[_Line] = []
    for prospect, before, key in zip(listed, earlier, keys, strict=True):
        called = (prospect.name or prospect.target)[:200]
        if (why := _suppressed(prospect)) is not None:
            lines.append(_Line(called, "skipped", why))
        elif before.reason is not None:
            lines.append(_Line(called, "skipped", before.reason))
        elif key in there:
            run = there[key]
            lines.append(_Line(called, "started before", f"its run is {_stands(run)}", str(run.id)))
        else:
            there[key] = await start_run(
                DEPLOYMENT,
                {"prospect": prospect.model_dump(mode="json")},
                requester=requester,
                key=key,
                tags=[f"campaign:{campaign}"],
            )
            lines.append(_Line(called, "started", run=str(there[key].id)))
        log.info("%s: %s%s", called, lines[-1].outcome, f", {lines[-1].why}" if lines[-1].why else "")
    return lines


def _suppressed(prospect: Prospect) -> str | None:
    """Why this prospect is not to be approached, in a sentence; None where they may be."""
    try:
        check_prospect(prospect, composition.agents().suppressed)
    except Suppressed as suppressed:
        return str(suppressed)
    return None


def _stands(run: FlowRun) -> str:
    return (run.state.name or run.state.type.value).lower() if run.state is not None else "unknown"


async def _report(lines: list[_Line], source: str) -> None:
    """Show beside the batch's run what became of each prospect."""
    table = [
        {
            "prospect": line.prospect,
            "outcome": line.outcome,
            "why": line.why,
            "run": f"[{line.run[:8]}]({composition.run_url(line.run)})" if composition.run_url(line.run) else line.run,
        }
        for line in lines
    ]
    told = f"What became of each prospect of {source if source.startswith(CRM_VIEW) else Path(source).name}"
    await acreate_table_artifact(table=table, key="outreach-batch", description=told)


def _requester() -> str:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    label = run.labels.get(REQUESTER_LABEL) if run else None
    return str(label) if label else "schedule:outreach-batch"
