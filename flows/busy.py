"""What a client of Prefect's does when the server was busy: it asks again soon.

On SQLite the server answers 503 when its write met another's, which is over in a moment; Prefect's client would wait
two seconds, and those are most of what the slowest of runs take from a decision to their next line.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import PrefectClient

_SOON_SECONDS = (0.05, 0.1, 0.2, 0.4)
_USUAL_RETRIES = 5
"""Prefect's own, which wait 2, 4, 8, 16 and 32 seconds."""

RETRIES = _USUAL_RETRIES + len(_SOON_SECONDS)
"""What `PREFECT_CLIENT_MAX_RETRIES` has to be, so that asking soon comes on top of Prefect's own patience."""

_TIMES = "countersign.busy"


def ask_again_soon(client: PrefectClient) -> None:
    """Have this client ask a busy server again soon, as often as its retries exceed Prefect's own; then as it would."""
    asking = client._client  # noqa: SLF001 - what it asks with; it names it nowhere else
    hooks = asking.event_hooks
    if _say_when not in hooks["response"]:
        asking.event_hooks = {**hooks, "response": [*hooks["response"], _say_when]}


async def _say_when(response: httpx.Response) -> None:
    """Put into the answer what the client obeys, where the server put nothing."""

    if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or "Retry-After" in response.headers:
        return
    from prefect.settings import get_current_settings

    asked = response.request.extensions  # of the request itself: the client sends the same one again
    times = asked[_TIMES] = asked.get(_TIMES, 0) + 1
    soon = _SOON_SECONDS[: max(0, get_current_settings().client.max_retries - _USUAL_RETRIES)]
    seconds = soon[times - 1] if times <= len(soon) else 2 ** (times - len(soon))
    response.headers["Retry-After"] = f"{seconds:g}"
