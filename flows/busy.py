"""What a client of Prefect's does when the server was busy: it asks again soon.

On SQLite the server answers 503 when its write met another's, which is over in a moment; Prefect's client would wait
two seconds, and those are most of what the slowest of runs take from a decision to their next line.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import PrefectClient, SyncPrefectClient

_SOON_SECONDS = (0.05, 0.1, 0.2, 0.4)
_USUAL_RETRIES = 5
"""Prefect's own, which wait 2, 4, 8, 16 and 32 seconds."""

RETRIES = _USUAL_RETRIES + len(_SOON_SECONDS)
"""What `PREFECT_CLIENT_MAX_RETRIES` has to be, so that asking soon comes on top of Prefect's own patience."""

_TIMES = "countersign.busy"


def ask_again_soon(client: PrefectClient | SyncPrefectClient) -> None:
    """Have this client ask a busy server again soon, as often as its retries exceed Prefect's own; then as it would.

    One that has no retry left is told at once that the server is busy, and does not sleep before it says so.
    """
    asking = client._client  # noqa: SLF001 - what it asks with; it names it nowhere else
    said = _say_when if _is_sync(client) else _say_when_awaited
    hooks = asking.event_hooks
    if said not in hooks["response"]:
        asking.event_hooks = {**hooks, "response": [*hooks["response"], said]}


def _is_sync(client: PrefectClient | SyncPrefectClient) -> TypeGuard[SyncPrefectClient]:
    from prefect.client.orchestration import SyncPrefectClient

    return isinstance(client, SyncPrefectClient)


async def _say_when_awaited(response: httpx.Response) -> None:
    _say_when(response)


def _say_when(response: httpx.Response) -> None:
    """Put into the answer what the client obeys, where the server put nothing."""
    if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or "Retry-After" in response.headers:
        return
    from prefect.settings import get_current_settings

    asked = response.request.extensions  # of the request itself: the client sends the same one again
    times = asked[_TIMES] = asked.get(_TIMES, 0) + 1
    seconds = _wait(times, get_current_settings().client.max_retries)
    response.headers["Retry-After"] = f"{seconds:g}"


def _wait(times: int, retries: int) -> float:
    """Seconds before a server is asked again that was busy so many times, where it is asked again so often."""
    soon = _SOON_SECONDS[: max(0, retries - _USUAL_RETRIES)]
    if times > retries:
        return 0.0  # it is not asked again, and Prefect's client would sleep all the same
    return soon[times - 1] if times <= len(soon) else 2.0 ** (times - len(soon))
