"""Outreach: from a prospect's own words to a signed proposal and a CRM that knows of it."""

from __future__ import annotations

from agents.documents import CrmReceipt, Prospect
from flows.gates import effected, flow, reviewed
from flows.steps import BRIEF, CRM_UPDATE, PROPOSAL, apply_update, draft_proposal, plan_update, research


@flow(gates=[BRIEF, PROPOSAL, CRM_UPDATE])
async def outreach(prospect: Prospect) -> CrmReceipt:
    """Research a prospect, draft a proposal, plan the CRM update; what runs is what was signed."""
    brief = await reviewed(BRIEF, research, prospect)
    proposal = await reviewed(PROPOSAL, draft_proposal, brief.document)
    update = await reviewed(CRM_UPDATE, plan_update, proposal.document, brief.document)
    return await effected(CRM_UPDATE, apply_update, update)
