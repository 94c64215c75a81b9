"""No web at all: what ships until someone allows it."""

from __future__ import annotations

from agents.errors import FetchFailed
from agents.ports import Page


class OfflineWeb:
    """Refuses every fetch with a sentence that says how to allow the web."""

    async def fetch(self, address: str) -> Page:
        """No page, ever.

        Raises:
            FetchFailed: always.
        """
        raise FetchFailed(
            f"{address} was not fetched: the web is off. Set AGENTS_WEB=https: to allow it, or "
            "give a saved page, a folder, or text after 'text:'.",
            address=address,
        )
