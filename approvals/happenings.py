"""What happened in the queue, as far as somebody may see it: read from the record, so that nothing is told twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pydantic import Field

from approvals.authority import Authority
from approvals.decisions import Actor, UtcDatetime, Value
from approvals.lifecycle import State
from approvals.ports import Store
from approvals.requests import Request

MOST = 500
"""Entries of the record that are read at once."""


class Happening(Value):
    """One entry of the record that is about a request."""

    seq: int = Field(description="its number in the record; pass the last one as `after`")
    name: str = Field(description="such as `request.approved`")
    at: UtcDatetime
    by: str
    request_id: str
    title: str
    state: State = Field(description="of the request now")
    version: int
    revision: int


class Happenings(Value):
    """A part of what happened, in order."""

    happenings: tuple[Happening, ...]
    last: int = Field(description="number of the last entry that was looked at; pass it as `after`")
    more: bool = Field(default=False, description="there is more already")


class Watch:
    """Looks on."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store = store
        self._authority = authority

    def head(self) -> int:
        """Number of the last entry."""
        with self._store.read() as transaction:
            return transaction.head()[0]

    def since(self, after: int, limit: int = MOST) -> tuple[tuple[tuple[Happening, Request], ...], int, bool]:
        """What happened after this entry, whoever may see it, with the requests; up to which entry; whether more is."""
        with self._store.read() as transaction:
            entries = list(islice(transaction.entries(after=after), limit + 1))
            known: dict[str, Request | None] = {}
            found: list[tuple[Happening, Request]] = []
            for entry in entries[:limit]:
                event = entry.event
                if event.request_id is None:
                    continue
                if event.request_id not in known:
                    known[event.request_id] = transaction.request(event.request_id)
                if (request := known[event.request_id]) is not None:
                    by = event.actor if event.actor_kind == "person" else f"{event.actor_kind}:{event.actor}"
                    found.append((_happening(entry.seq, event.name, event.at, by, request), request))
        last = entries[:limit][-1].seq if entries else after
        return tuple(found), last, len(entries) > limit

    def seen(self, by: Actor, after: int, limit: int = MOST) -> Happenings:
        """What happened after this entry, as far as this actor may see it."""
        found, last, more = self.since(after, limit)
        shown = tuple(self._visible(by, found))
        return Happenings(happenings=shown, last=last, more=more)

    def _visible(self, by: Actor, found: tuple[tuple[Happening, Request], ...]) -> Iterator[Happening]:
        may: dict[str, bool] = {}
        for happening, request in found:
            if request.id not in may:
                may[request.id] = self._authority.may_read(request, by)
            if may[request.id]:
                yield happening


def _happening(seq: int, name: str, at: UtcDatetime, by: str, request: Request) -> Happening:
    return Happening(
        seq=seq,
        name=name,
        at=at,
        by=by,
        request_id=request.id,
        title=request.title,
        state=request.state,
        version=request.version,
        revision=request.revision,
    )
