"""Revert: what a signed CRM update wrote is taken back, through a gate of its own."""

from __future__ import annotations

from agents.documents import CrmReceipt
from agents.reverting import Written
from flows.gates import effected, flow, reviewed
from flows.steps import CRM_REVERT, plan_revert, take_back


@flow(gates=[CRM_REVERT])
async def revert(done: list[Written]) -> CrmReceipt:
    """Plan the way back from what was done, where the CRM holds it still; have it signed; and go it."""
    update = await reviewed(CRM_REVERT, plan_revert, done)
    return await effected(CRM_REVERT, take_back, update)
