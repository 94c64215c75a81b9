"""Upkeep: what a careful owner would look at every day."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import prefect
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from approvals.audit import Verification
from approvals.bootstrap import Approvals
from approvals.resume import PrefectRuns
from flows import composition
from flows.strays import Stray, strays

EVENT = "countersign.upkeep"
"""How the names of its events begin: `.verified`, `.broken` and `.strays`."""


@prefect.flow(name="upkeep", persist_result=False)
async def upkeep() -> Any:
    """Verify the record, and report requests that wait for nobody; a run that fails names what does not fit.

    The head it tells, noted outside this machine, is what shows a record that was cut off at its end:
    `countersign audit verify --head HASH`.
    """
    approvals = composition.approvals()
    log = get_run_logger()
    if mended := await asyncio.to_thread(_recounted, approvals):
        log.warning("%d counts beside lists were wrong and are right now.", mended)
    verified = await asyncio.to_thread(approvals.ledger.verify)
    found = await asyncio.to_thread(strays, approvals, PrefectRuns())
    await _report(verified, found, approvals.settings.address)
    for stray in found:
        log.warning("Request %s (%s): %s.", stray.request, stray.title, stray.why)
    if not verified.ok:
        return Failed(name="Record broken", message=verified.problem)
    log.info("The record verifies: %d entries, %d rows, head %s", verified.entries, verified.rows, verified.head)
    told = f"{verified.entries} entries verify; head {verified.head}"
    if found:
        return Completed(name="Strays found", message=f"{len(found)} requests want a look; {told}")
    return Completed(message=told)


async def _report(verified: Verification, found: Sequence[Stray], address: str) -> None:
    """What was found, beside the run in Prefect and as events to act on."""
    stands = "fits" if verified.ok else f"**does not fit**: {verified.problem}"
    await acreate_markdown_artifact(
        f"The record {stands}.\n\n{verified.entries} entries, {verified.rows} rows.\n\nHead: `{verified.head}`\n",
        key="record",
        description="Whether every row is as the record says, and the head to note elsewhere",
    )
    table = [
        {
            "request": f"[{one.request}]({address}/r/{one.request})" if address else one.request,
            "title": one.title,
            "why": one.why,
            "since": f"{one.since:%Y-%m-%d %H:%M} UTC",
        }
        for one in found
    ]
    if table:
        await acreate_table_artifact(table, key="strays", description="Requests that wait for nobody, and why")
    resource = {"prefect.resource.id": "countersign.record", "prefect.resource.name": "The record"}
    told = {"entries": verified.entries, "rows": verified.rows, "head": verified.head}
    emit_event(
        event=f"{EVENT}.verified" if verified.ok else f"{EVENT}.broken",
        resource=resource,
        payload=told if verified.ok else {**told, "problem": verified.problem},
    )
    if found:
        emit_event(
            event=f"{EVENT}.strays",
            resource={"prefect.resource.id": "countersign.strays", "prefect.resource.name": "Strays"},
            payload={"strays": [one.model_dump(mode="json", exclude={"title"}) for one in found]},
        )


def _recounted(approvals: Approvals) -> int:
    with approvals.store.begin() as transaction:
        return transaction.recount()
