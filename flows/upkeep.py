"""Upkeep: what a careful owner would look at every day."""

from __future__ import annotations

import asyncio
from typing import Any

import prefect
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from approvals.bootstrap import Approvals
from flows import composition


@prefect.flow(name="upkeep", persist_result=False)
async def upkeep() -> Any:
    """Verify the record; a run that fails names the first entry that does not fit.

    The head it logs, noted outside this machine, is what shows a record that was cut off at its end:
    `countersign audit verify --head HASH`.
    """
    approvals = composition.approvals()
    if mended := await asyncio.to_thread(_recounted, approvals):
        get_run_logger().warning("%d counts beside lists were wrong and are right now.", mended)
    found = await asyncio.to_thread(approvals.ledger.verify)
    if not found.ok:
        return Failed(name="Record broken", message=found.problem)
    get_run_logger().info("The record verifies: %d entries, %d rows, head %s", found.entries, found.rows, found.head)
    return Completed(message=f"{found.entries} entries verify; head {found.head}")


def _recounted(approvals: Approvals) -> int:
    with approvals.store.begin() as transaction:
        return transaction.recount()
