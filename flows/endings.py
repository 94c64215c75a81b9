"""How a run is said to have ended where it ended otherwise than hoped: a state with a name and a sentence."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from agents.errors import AgentError, ModelUnavailable
from flows.errors import Ended

_LONGEST = 500


def ending_of(end: Ended | AgentError) -> State[Any]:
    """Completed as Rejected, Returned, Expired, Withdrawn or Suppressed; Failed as Model unavailable, Not fetched…

    Retried, a run that failed so goes on where it was: what was signed before stays signed.
    """
    if isinstance(end, Ended):
        return Completed(name=end.outcome, message=str(end)[:_LONGEST])
    return Failed(name=end.state, message=str(end)[:_LONGEST])


def passes(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether a step that failed may succeed in some minutes: its model did not answer just now, and nothing else."""
    return isinstance(state.data, ModelUnavailable) and bool(state.data.facts.get("passing"))
