"""The append-only record: a hash chain whose entries commit to the rows they changed.

An entry holds ids, states and digests, never content: content lives in tables that can be erased without breaking
the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from approvals.canonical import canonical, digest
from approvals.decisions import Actor, ActorKind, UtcDatetime, Value, Via

GENESIS = "0" * 64


class Attested(Value):
    """A row as it stood after the change: its table, its key, and the digest over its recorded columns."""

    table: str
    key: str
    digest: str


class Event(Value):
    """Something that happened, before it has a place in the chain."""

    name: str = Field(description="such as `request.approved`")
    actor_kind: ActorKind
    actor: str
    via: Via
    at: UtcDatetime
    request_id: str | None = None
    run_id: str | None = None
    details: dict[str, Any] = Field(default_factory=dict, description="ids, states and digests; no content")

    @classmethod
    def of(cls, name: str, by: Actor, at: datetime, **details: Any) -> Event:
        """An event about no request: somebody came in, or looked after the queue."""
        return cls(name=name, actor_kind=by.kind, actor=by.id, via=by.via, at=at, details=details)


class Entry(Value):
    """An event in its place."""

    seq: int = Field(ge=1)
    event: Event
    rows: tuple[Attested, ...] = ()
    prev_hash: str
    hash: str


def sealed(seq: int, event: Event, rows: Iterable[Attested], prev_hash: str) -> Entry:
    """The entry that follows the one with `prev_hash`."""
    rows = tuple(rows)
    return Entry(seq=seq, event=event, rows=rows, prev_hash=prev_hash, hash=_hash(seq, event, rows, prev_hash))


def _hash(seq: int, event: Event, rows: tuple[Attested, ...], prev_hash: str) -> str:
    body = {
        "seq": seq,
        "event": event.model_dump(mode="json"),
        "rows": [row.model_dump(mode="json") for row in rows],
        "prev_hash": prev_hash,
    }
    return digest(canonical(body))


@dataclass(frozen=True)
class Verification:
    """What walking the chain has shown."""

    entries: int
    rows: int
    head: str
    problem: str | None = None
    entry: int | None = None

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return self.problem is None


def verify(entries: Iterable[Entry], rows: Iterable[Attested], *, expected_head: str | None = None) -> Verification:
    """Walk the chain, then hold every row against the last entry that commits to it; name the first that does not fit.

    A chain cut at its end looks whole; only a head noted elsewhere (`expected_head`) shows that.
    """
    latest: dict[tuple[str, str], tuple[str, int]] = {}
    head, count, seen_expected = GENESIS, 0, expected_head in (None, GENESIS)
    for entry in entries:
        count += 1
        if (problem := _misfit(entry, count, head)) is not None:
            return Verification(entries=count, rows=0, head=head, problem=problem, entry=entry.seq)
        for row in entry.rows:
            latest[row.table, row.key] = (row.digest, entry.seq)
        head = entry.hash
        seen_expected = seen_expected or head == expected_head
    if not seen_expected:
        problem = f"The chain does not contain the head {expected_head!r}; entries were cut off or replaced."
        return Verification(entries=count, rows=0, head=head, problem=problem)
    return _rows_fit(rows, latest, count, head)


def _misfit(entry: Entry, place: int, head: str) -> str | None:
    if entry.seq != place:
        return f"Entry {place} is missing: the next one is numbered {entry.seq}."
    if entry.prev_hash != head:
        return f"Entry {entry.seq} does not follow the one before it."
    if entry.hash != _hash(entry.seq, entry.event, entry.rows, entry.prev_hash):
        return f"Entry {entry.seq} ({entry.event.name}) was changed after it was written."
    return None


def _rows_fit(
    rows: Iterable[Attested], latest: dict[tuple[str, str], tuple[str, int]], count: int, head: str
) -> Verification:
    # The problem nearest the beginning of the chain is the one to name.
    misfits: list[tuple[int, str]] = []
    checked = 0
    for row in rows:
        checked += 1
        known = latest.pop((row.table, row.key), None)
        if known is None:
            misfits.append((count + 1, f"The {row.table} {row.key} has no entry; it was written past the record."))
        elif known[0] != row.digest:
            misfits.append((known[1], f"The {row.table} {row.key} is not as entry {known[1]} recorded it."))
    misfits += [
        (seq, f"The {table} {key} that entry {seq} recorded is gone.") for (table, key), (_, seq) in latest.items()
    ]
    if not misfits:
        return Verification(entries=count, rows=checked, head=head)
    seq, problem = min(misfits)
    return Verification(entries=count, rows=checked, head=head, problem=problem, entry=seq if seq <= count else None)


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One sentence an entry, for people."""
    for entry in entries:
        event = entry.event
        about = f" {event.request_id}" if event.request_id else ""
        yield f"{entry.seq:>5}  {event.at:%Y-%m-%d %H:%M:%S}  {event.name:<22} {event.actor}{about}"
