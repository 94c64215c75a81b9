"""What happens, told to browsers as it happens: one connection a browser, fed from the record.

One loop a process looks at the end of the record while anybody listens; whoever decides in another process, or on the
command line, is seen as well. Event ids are numbers of entries in the record, so a browser that comes back says where
it was, and what it missed is told, or one `resync` where that is too much.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.errors import ApprovalError
from approvals.filters import VIEWS
from approvals.happenings import Happening, Watch
from approvals.reading import Reading
from approvals.requests import Request

EVERY = 0.25
"""Seconds between looks at the end of the record."""
HEARTBEAT = 15.0
"""Seconds after which a silent connection says that it lives, and asks whether its reader may still read."""
AFTER_FAILURE = 2.0
"""Seconds to the next look after one that failed."""
CATCH_UP = 200
"""Missed entries that are told one by one."""

_BACKLOG = 100
_KINDS = {
    "request.opened": "arrived",
    "request.approved": "decided",
    "request.rejected": "decided",
    "request.returned": "decided",
    "request.expired": "decided",
    "request.withdrawn": "decided",
    "request.recalled": "undone",
}
"""What an entry is told as; everything else about a request is `changed`."""

_log = logging.getLogger(__name__)

Told = tuple[tuple[Happening, Request], ...]


@dataclass(eq=False)
class _Listener:
    by: Actor
    waiting: asyncio.Queue[Told | None] = field(default_factory=lambda: asyncio.Queue(_BACKLOG))


class Live:
    """Everybody who listens in this process."""

    def __init__(self, approvals: Approvals) -> None:
        self._watch = Watch(approvals.store, approvals.service.authority)
        self._reading = Reading(approvals.service)
        self._authority = approvals.service.authority
        self._listeners: set[_Listener] = set()
        self._loop: asyncio.Task[None] | None = None
        self._last = 0

    async def stream(self, by: Actor, after: int | None, still: Callable[[], bool]) -> AsyncIterator[str]:
        """Server-sent events for this reader, from the entry after that one on; ends when `still` says no.

        Each `arrived`, `decided`, `undone` or `changed` names its request and carries the counts of the reader's views.
        """
        listener = _Listener(by)
        start = await to_thread.run_sync(self._watch.head)
        self._join(listener, start)
        try:
            yield "retry: 3000\n\n"
            if after is None or after > start:
                yield _message(start, "hello", {"counts": await self._counts(by)})
            else:
                async for missed in self._missed(by, after, start):
                    yield missed
            while True:
                try:
                    told = await asyncio.wait_for(listener.waiting.get(), HEARTBEAT)
                except TimeoutError:
                    if not await to_thread.run_sync(still):
                        return
                    yield ": here\n\n"
                    continue
                if told is None:
                    yield _message(self._last, "resync", {"counts": await self._counts(by)})
                    continue
                if not await to_thread.run_sync(still):
                    return
                async for message in self._messages(by, [one for one in told if one[0].seq > start]):
                    yield message
        finally:
            self._listeners.discard(listener)

    # -- inside --------------------------------------------------------------------------------------------------

    def _join(self, listener: _Listener, head: int) -> None:
        if not self._listeners:
            self._last = head
        self._listeners.add(listener)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """While anybody listens: what is new at the end of the record, to everybody."""
        while self._listeners:
            await asyncio.sleep(EVERY)
            try:
                head = await to_thread.run_sync(self._watch.head)
                while self._last < head:
                    found, self._last, _ = await to_thread.run_sync(self._watch.since, self._last)
                    if found:
                        self._tell(found)
            except Exception as error:
                # Whatever it was: without this loop everybody would listen in vain.
                _log.warning("What happened could not be read: %s", error)
                await asyncio.sleep(AFTER_FAILURE)

    def _tell(self, found: Told) -> None:
        for listener in self._listeners:
            try:
                listener.waiting.put_nowait(found)
            except asyncio.QueueFull:
                # It reads too slowly; what it would miss is told as one.
                while not listener.waiting.empty():
                    with suppress(asyncio.QueueEmpty):
                        listener.waiting.get_nowait()
                listener.waiting.put_nowait(None)

    async def _missed(self, by: Actor, after: int, start: int) -> AsyncIterator[str]:
        if start - after > CATCH_UP:
            yield _message(start, "resync", {"counts": await self._counts(by)})
            return
        found, _, _ = await to_thread.run_sync(self._watch.since, after, CATCH_UP)
        async for message in self._messages(by, [one for one in found if one[0].seq <= start]):
            yield message

    async def _messages(self, by: Actor, found: list[tuple[Happening, Request]]) -> AsyncIterator[str]:
        seen = await to_thread.run_sync(self._seen, by, found)
        if not seen:
            return
        counts = await self._counts(by)
        for happening in seen:
            facts: dict[str, Any] = {
                "id": happening.request_id,
                "name": happening.name,
                "by": happening.by,
                "state": happening.state,
                "version": happening.version,
                "counts": counts,
            }
            yield _message(happening.seq, _KINDS.get(happening.name, "changed"), facts)

    def _seen(self, by: Actor, found: list[tuple[Happening, Request]]) -> list[Happening]:
        return [happening for happening, request in found if self._authority.may_read(request, by)]

    async def _counts(self, by: Actor) -> dict[str, int]:
        return await to_thread.run_sync(self.counts, by)

    def head(self) -> int:
        """Number of the last thing that happened: what a page shows is as of then."""
        return self._watch.head()

    def counts(self, by: Actor) -> dict[str, int]:
        """How many each waiting view holds for this reader; nothing where they may not read any more."""
        views = [view for view in VIEWS if view != "decided"]
        views += [f"group:{group}" for group in sorted(self._authority.groups_of(by))]
        try:
            return self._reading.counts(by, views)
        except ApprovalError:
            return {}


def _message(number: int, kind: str, facts: dict[str, Any]) -> str:
    # JSON in ASCII has no line breaks, which would end the message.
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(facts)}\n\n"
