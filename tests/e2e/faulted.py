"""A flow that rests where a test wants it to, so that what carries it can be killed at exactly that point.

It rests at a point for as long as the desk holds a file `rest <point> <to>`, and notes its process when it begins to.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from letters import LETTER, POST, Letter, Posted, desk, note
from prefect import task
from prefect.cache_policies import NO_CACHE

from flows import gates
from flows.gates import Gate, effected, flow, reviewed
from flows.guards import guarded

UNHURRIED = Gate("unhurried", Letter, action="letter.post", target=POST)
"""Its policy lets a run's process stay while it waits."""

_suspend = gates.asuspend_flow_run
_whose: list[str] = []


async def rest(point: str, to: str) -> None:
    """Stay here while the test wants it."""
    barrier = desk() / f"rest {point} {to}"
    if barrier.exists():
        note(f"rests {point} {to} {os.getpid()}")
    while barrier.exists():
        await asyncio.sleep(0.02)


async def _suspended_after_a_rest(**terms: Any) -> Any:
    """The moment between the request's saving and the suspension lies in no code of the flow's."""
    if _whose:
        await rest("saved", _whose[0])
    return await _suspend(**terms)


gates.asuspend_flow_run = _suspended_after_a_rest  # type: ignore[assignment]


@task(cache_policy=NO_CACHE, persist_result=False)
async def draft(to: str) -> Letter:
    """Draft a letter."""
    await rest("drafting", to)
    return Letter(to=to, text=f"Dear {to}")


@task(cache_policy=NO_CACHE, persist_result=False)
@guarded(action="letter.post", target=POST)
async def send(letter: Letter) -> Posted:
    """Put the letter into the box; reads the box first, so that a repetition writes nothing twice."""
    path = desk() / f"box-{letter.to}.txt"
    await rest("before the write", letter.to)
    if not path.exists():
        with path.open("a", encoding="utf-8") as box:
            box.write(f"{letter.text}\n")
    await rest("after the write", letter.to)
    return Posted(letters=(letter.text,))


@flow(gates=[LETTER])
async def rested_letter(to: str) -> Posted:
    """One gate, one effect."""
    _whose[:] = [to]
    note(f"run {to}")
    await rest("resumed", to)
    letter = await reviewed(LETTER, draft, to)
    done: Posted = await effected(LETTER, send, letter)
    return done


@flow(gates=[UNHURRIED])
async def lingering_letter(to: str) -> Posted:
    """As rested_letter, at a gate that its process stays in."""
    note(f"rests lingering {to} {os.getpid()}")
    letter = await reviewed(UNHURRIED, draft, to)
    done: Posted = await effected(UNHURRIED, send, letter)
    return done


@flow(gates=[LETTER], timeout_seconds=2)
async def impatient_letter(to: str) -> Posted:
    """As rested_letter, and given up where one execution of it takes longer than two seconds."""
    await rest("resumed", to)
    letter = await reviewed(LETTER, draft, to)
    done: Posted = await effected(LETTER, send, letter)
    return done
