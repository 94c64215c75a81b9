"""Hears from Prefect that a run has ended or a deployment was removed, so that its questions are looked after at once.

Nothing is believed of an event but that it is worth a look; what it misses, the waker finds by looking now and then.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.settings import get_current_settings

log = logging.getLogger("countersign.watching")

_RUN = "prefect.flow-run."
_ENDS = ("Cancelling", "Cancelled", "Crashed", "Failed", "TimedOut", "Completed")
_NAMES = [*(f"{_RUN}{end}" for end in _ENDS), "prefect.deployment.deleted"]

_LEAST, _MOST = 1.0, 30.0
"""Seconds between two attempts to reach a server that is away."""


class Watching:
    """Follows Prefect's event stream in a thread; costs nothing while nothing happens."""

    def __init__(self, look: Callable[[str | None], None]) -> None:
        """
        Args:
            look: Told the run to look after, or None: any of them may have lost what it needs.
        """
        self._look = look

    def run(self, stop: threading.Event) -> None:
        """Follow it until `stop` is set; a server that is away is tried again, ever more rarely."""
        asyncio.run(self._follow(stop))

    async def _follow(self, stop: threading.Event) -> None:
        following = asyncio.create_task(self._keep_following())
        await asyncio.to_thread(stop.wait)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    async def _keep_following(self) -> None:
        pause = _LEAST
        while True:
            try:
                # Without an address Prefect would start a server of its own, which knows none of our runs.
                if get_current_settings().api.url is not None:
                    wanted = EventFilter(event=EventNameFilter(name=_NAMES))
                    async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
                        pause = _LEAST
                        self._look(None)  # whatever was missed
                        async for event in events:
                            self._heard(event.event, event.resource.id)
            except Exception as error:
                log.debug("Prefect's event stream broke off (%s); questions are looked after now and then.", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MOST)

    def _heard(self, name: str, resource: str) -> None:
        self._look(resource.removeprefix(_RUN) if name.startswith(_RUN) else None)
