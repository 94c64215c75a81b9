"""A run whose queue does not answer: it ends here without a word and is scheduled again, as nothing is lost by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NoReturn

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Abort
from prefect.states import Scheduled

from approvals.errors import QueueUnavailable

WAITING = "Waiting for the queue"
"""What Prefect calls such a run meanwhile."""

AGAIN_AFTER = timedelta(minutes=1)


async def put_off(away: QueueUnavailable) -> NoReturn:
    """Schedule this run again in a minute, and end this execution. It runs again from the top, and finds what it asked.

    Raises:
        Abort: it was scheduled; that state stands. QueueUnavailable: it has no deployment to be scheduled by.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        raise away
    later: State = Scheduled(scheduled_time=datetime.now(UTC) + AGAIN_AFTER, name=WAITING, message=str(away)[:500])
    async with get_client() as client:
        await client.set_flow_run_state(context.flow_run.id, later, force=True)
    raise Abort(f"The run was scheduled again: {away}") from away
