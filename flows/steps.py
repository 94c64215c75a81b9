"""The agents' steps as Prefect tasks, with the ports of this process. A flow chains these."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from agents import applying, drafting, planning, reverting, suppressing
from agents import research as researching
from agents.documents import Brief, Conflict, CrmReceipt, CrmUpdate, Draft, Proposal, Prospect
from agents.errors import AgentError, CrmUnavailable, NothingToRevert, Suppressed
from agents.reverting import Written
from approvals.errors import NoPermit
from flows import composition
from flows.endings import passes
from flows.errors import Ended
from flows.gates import Gate
from flows.guards import guarded

BRIEF = Gate("brief", Brief)
PROPOSAL = Gate("proposal", Proposal)
CRM_UPDATE = Gate("crm_update", CrmUpdate, action="crm.update", target=composition.crm_address)
CRM_REVERT = Gate("crm_revert", CrmUpdate, action="crm.revert", target=composition.crm_address)

# A gated step keeps nothing in Prefect: its work is in the request, which another machine can see too.
gated: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""Options for a step that a gate follows: `@task(**gated)`."""

ungated: dict[str, Any] = {"cache_policy": INPUTS + RUN_ID, "persist_result": True, "result_serializer": "json"}
"""Options for a step whose result the flow uses as it is: it runs once a run, even if its source changes meanwhile."""


def worth_another_try(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether minutes may mend what went wrong: an outage they may, a refusal they do not."""
    error: object = state.data
    if isinstance(error, Ended | NoPermit):
        return False
    return isinstance(error, CrmUnavailable) or not isinstance(error, AgentError)


# Minutes belong to tasks, seconds to connectors.
_PATIENT: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [60, 300],
    "retry_condition_fn": worth_another_try,
}


@task(name="research", **gated)
async def research(prospect: Prospect) -> Draft[Brief]:
    """Read about a prospect and hand in what was found, each fact with its source."""
    ports = composition.agents()
    with _unless_suppressed():
        suppressing.check_prospect(prospect, ports.suppressed)
        found = await researching.research(
            prospect, web=ports.web, snapshots=ports.snapshots, now=_now, profile=ports.profile, elsewhere=ports.sources
        )
        return suppressing.checked_research(found, ports.suppressed)


@task(name="draft proposal", **gated, **{**_PATIENT, "retry_condition_fn": passes})
async def draft_proposal(
    brief: Brief,
    feedback: tuple[str, ...] = (),
    previous: Proposal | None = None,
    round: int = 1,  # noqa: A002
) -> Draft[Proposal]:
    """Draft an offer from the signed brief and the catalogue."""
    ports = composition.agents()
    with _unless_suppressed():
        suppressing.check_company(brief.entity, ports.suppressed)
        brief = suppressing.without_people(brief, ports.suppressed)
    return await drafting.draft_proposal(
        brief,
        model=ports.model,
        catalogue=ports.catalogue,
        feedback=feedback,
        previous=previous,
        round=round,
        edits=await asyncio.to_thread(composition.lessons, PROPOSAL.name),
        run_key=str(flow_run.id),
    )


@task(name="plan CRM update", **gated, **_PATIENT)
async def plan_update(proposal: Proposal, brief: Brief, feedback: tuple[str, ...] = ()) -> Draft[CrmUpdate]:
    """Plan what the signed proposal changes in the CRM."""
    ports = composition.agents()
    with _unless_suppressed():
        suppressing.check_company(proposal.entity, ports.suppressed)
    return await planning.plan_update(
        proposal,
        suppressing.without_people(brief, ports.suppressed),
        crm=ports.crm,
        catalogue=ports.catalogue,
        run_key=str(flow_run.id)[:8],
        fields=ports.fields,
        feedback=feedback,
    )


@task(name="apply CRM update", cache_policy=NO_CACHE, persist_result=False, **_PATIENT)
@guarded(action="crm.update", target=composition.crm_address)
async def apply_update(update: CrmUpdate) -> CrmReceipt | Conflict:
    """Write the signed changes, once."""
    ports = composition.agents()
    with _unless_suppressed():
        try:
            return await applying.apply_update(
                update, crm=ports.crm, by=f"run {flow_run.id}", fields=ports.fields, suppressed=ports.suppressed
            )
        except CrmUnavailable as away:
            await _lay_out(away)
            raise


@task(name="plan CRM revert", **gated, **_PATIENT)
async def plan_revert(done: list[Written]) -> Draft[CrmUpdate]:
    """Plan the way back from what was written, where the CRM holds it still."""
    try:
        return reverting.plan_revert(done, crm=composition.agents().crm)
    except NothingToRevert as nothing:
        raise Ended("Nothing to revert", str(nothing)) from None


@task(name="revert CRM update", cache_policy=NO_CACHE, persist_result=False, **_PATIENT)
@guarded(action="crm.revert", target=composition.crm_address)
async def take_back(update: CrmUpdate) -> CrmReceipt:
    """Take back what was signed to be taken back, once."""
    ports = composition.agents()
    try:
        return await applying.take_back(update, crm=ports.crm, by=f"run {flow_run.id}", fields=ports.fields)
    except CrmUnavailable as away:
        await _lay_out(away)
        raise


async def _lay_out(away: CrmUnavailable) -> None:
    """Show beside the run what was done before the CRM stopped answering."""
    receipt = away.facts.get("receipt")
    if isinstance(receipt, CrmReceipt) and receipt.applied:
        rows = [{"outcome": one.outcome, "record": one.record, "detail": one.detail} for one in receipt.applied]
        await acreate_table_artifact(table=rows, key="done-so-far", description=str(away)[:500])


@contextmanager
def _unless_suppressed() -> Iterator[None]:
    """Whoever is on the suppression list ends the run, with a sentence."""
    try:
        yield
    except Suppressed as suppressed:
        raise Ended("Suppressed", str(suppressed)) from None


def _now() -> datetime:
    return datetime.now(UTC)
