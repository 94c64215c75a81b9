"""What a site asks of robots: read once per site, kept for a while, and obeyed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protego import Protego

KEPT_SECONDS = 3600.0
MAX_BYTES = 512 * 1024
MAX_DELAY = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for robots.txt; `status` 0 when nothing did."""

    status: int
    body: bytes = b""


class Robots:
    """Decides by robots.txt: no file means allowed, a failing server means not now."""

    def __init__(self, agent: str, ask: Callable[[str], Awaitable[Answer]], ticks: Callable[[], float]) -> None:
        self._agent, self._ask, self._ticks = agent, ask, ticks
        self._rules: dict[str, tuple[float, Protego | None]] = {}

    async def allow(self, origin: str, address: str) -> bool:
        """Whether the site lets this agent read the address."""
        rules = await self._for(origin)
        return rules is not None and bool(rules.can_fetch(address, self._agent))

    async def delay(self, origin: str) -> float:
        """Seconds the site asks for between two requests, as far as we wait."""
        rules = await self._for(origin)
        asked = rules.crawl_delay(self._agent) if rules is not None else None
        return min(float(asked or 0.0), MAX_DELAY)

    async def _for(self, origin: str) -> Protego | None:
        known = self._rules.get(origin)
        if known is not None and self._ticks() - known[0] < KEPT_SECONDS:
            return known[1]
        answer = await self._ask(f"{origin}/robots.txt")
        rules: Protego | None
        if 200 <= answer.status < 300:
            rules = Protego.parse(answer.body[:MAX_BYTES].decode("utf-8", "replace"))
        elif 400 <= answer.status < 500 and answer.status != 429:
            rules = Protego.parse("")
        else:
            rules = None
        self._rules[origin] = (self._ticks(), rules)
        return rules
