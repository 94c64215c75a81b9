"""A hundred clients decide the same two hundred requests at once, against real server processes.

Run `python bench/storm.py [--clients 100] [--requests 200] [--database sqlite|postgresql|both]`. Every client
goes through every request in an order of its own: some approve, some reject, some send back. Then each request
must have exactly
one ruling and one entry of it in the record, which must verify; nobody may have been answered with a fault of the
server. On PostgreSQL it is done again with two server processes on one database.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
from staging.serving import Stage, stages

from approvals.bootstrap import Approvals
from approvals.decisions import SYSTEM
from approvals.filters import Filters
from approvals.lifecycle import OPEN
from approvals.reading import Reading
from flows.demo.theatre import SAM, TOM

_AT_ONCE = 100


@dataclass
class Storm:
    """What came of it."""

    answers: Counter[int] = field(default_factory=Counter)
    won: Counter[str] = field(default_factory=Counter)
    """Refused for the moment, in the server's words: nothing was decided, and nothing was lost."""
    odd: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


async def client(number: int, address: str, token: str, ids: list[tuple[str, int]], storm: Storm) -> None:
    """Try to decide every request."""
    chance = random.Random(number)
    order = list(ids)
    chance.shuffle(order)
    verdicts = (
        {"kind": "approve"},
        {"kind": "reject", "reason": f"client {number} says no"},
        {"kind": "return", "feedback": f"client {number} wants another"},
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=120) as http:
        for request_id, version in order:
            body = {"verdict": chance.choice(verdicts), "version": version}
            started = time.perf_counter()
            answer = await http.post(f"/api/v1/requests/{request_id}/verdicts", json=body)
            storm.milliseconds.append((time.perf_counter() - started) * 1000)
            storm.answers[answer.status_code] += 1
            if answer.status_code not in (200, 409, 410):
                storm.odd.append(f"{answer.status_code}: {answer.text[:300]}")
            if answer.status_code == 200:
                storm.won[request_id] += 1


async def raged(addresses: list[str], tokens: list[str], ids: list[tuple[str, int]], clients: int) -> Storm:
    """Let every client loose at once."""
    storm = Storm()
    started = time.perf_counter()
    await asyncio.gather(
        *(
            client(number, addresses[number % len(addresses)], tokens[number % len(tokens)], ids, storm)
            for number in range(clients)
        )
    )
    storm.seconds = time.perf_counter() - started
    return storm


def faults(approvals: Approvals, storm: Storm, ids: list[tuple[str, int]]) -> list[str]:
    """What is not as it must be."""
    told = [f"the server answered {answer}" for answer in storm.odd]
    for request_id, _ in ids:
        with approvals.store.read() as transaction:
            request = transaction.request(request_id)
            standing = [ruling for ruling in transaction.rulings(request_id) if not ruling.recalled]
            decisions = [
                entry
                for entry in transaction.entries(request_id=request_id)
                if entry.event.name in ("request.approved", "request.rejected", "request.returned")
            ]
        if request is None or request.state in OPEN:
            told.append(f"{request_id} was lost")
        if len(standing) != 1 or len(decisions) != 1 or storm.won[request_id] != 1:
            told.append(f"{request_id}: {len(standing)} rulings, {len(decisions)} entries, {storm.won[request_id]} won")
    checked = approvals.ledger.verify()
    if not checked.ok:
        told.append(str(checked.problem))
    return told


def one(name: str, stage: Stage, servers: int, clients: int, requests: int) -> bool:
    """One storm; tells whether all is as it must be."""
    approvals = stage.open()
    with ExitStack() as stack:
        stack.callback(approvals.close)
        addresses = [stack.enter_context(stage.served()).address for _ in range(servers)]
        tokens = [approvals.tokens.create(who, SYSTEM, scopes=("read", "decide")).secret for who in (SAM, TOM)]
        reader = approvals.tokens.authenticate(tokens[1])
        filters = Filters(view="group:sales", risk="low")
        rows = Reading(approvals.service).listed(reader, filters, limit=requests * 2).rows
        # One signature closes each of them; where two must sign, two are answered that they did.
        alone = [row for row in rows if approvals.service.get(row.id).policy.quorum == 1]
        ids = [(row.id, row.version) for row in alone[:requests]]
        storm = asyncio.run(raged(addresses, tokens, ids, clients))
        told = faults(approvals, storm, ids)
    took = sorted(storm.milliseconds)
    answered = ", ".join(f"{status}: {n:,}" for status, n in sorted(storm.answers.items()))
    processes = f"{servers} server process{'es' if servers > 1 else ''}"
    print(f"{name}, {processes}: {clients} clients, {len(ids)} requests")
    print(f"  {len(took):,} attempts in {storm.seconds:.1f} s, {len(took) / storm.seconds:.0f} a second; {answered}")
    print(
        f"  ms an attempt: p50 {statistics.median(took):.0f}, p95 {took[int(len(took) * 0.95)]:.0f}, max {took[-1]:.0f}"
    )
    print(f"  decisions     {len(storm.won)} of {len(ids)}, each once; the record verifies" if not told else "  FAULTS")
    for line in told[:20]:
        print(f"    {line}")
    return not told


def main() -> int:
    """Storm every database; fail where a decision was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=_AT_ONCE)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    databases = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    fine = True
    with stages(databases, None) as (models, made):
        for name, stage in made.items():
            # Of the lean requests nearly all are low risk; enough of them for two storms.
            stage.fill(models, given.requests * 12)
            for servers in (1, 2) if name == "postgresql" else (1,):
                fine = one(name, stage, servers, given.clients, given.requests) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
