"""Flows of many steps that do nothing, ours and Prefect's own; run as `python -m staging.stepping ROUNDS STEPS`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import prefect
from prefect import task

from flows.gates import Gate, flow, reviewed
from flows.steps import ungated
from staging.gated import NOTE, Note, mark, write

PASSED = Gate("passed", Note)


@task(**ungated)
async def ours(number: int) -> int:
    """A step as our flows have them."""
    return number


@task
async def theirs(number: int) -> int:
    """A step as Prefect has them."""
    return number


@flow(gates=[NOTE])
async def stepping(steps: int) -> int:
    """So many steps, one after the other; no gate is reached."""
    for number in range(steps):
        await ours(number)
    return steps


@prefect.flow(persist_result=True, result_serializer="json")
async def bare_stepping(steps: int) -> int:
    """The same on Prefect alone."""
    for number in range(steps):
        await theirs(number)
    return steps


@flow(gates=[PASSED, NOTE])
async def gates_before(name: str, gates: int) -> str:
    """So many gates that nobody is asked at, then one that waits; notes when each stretch of gates is behind it."""
    mark(f"{name}.begun")
    for turn in range(gates):
        await reviewed(PASSED, write, name, turn)
    mark(f"{name}.passed")
    await reviewed(NOTE, write, name, gates)
    return name


async def _took(called: Any, steps: int) -> float:
    began = time.perf_counter()
    await called(steps)
    return time.perf_counter() - began


async def _measured(rounds: int, steps: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, called in (("Prefect alone", bare_stepping), ("Countersign", stepping)):
            for length in (0, steps):
                seconds = await _took(called, length)
                if number:  # the first of each opens stores and connections
                    took.setdefault(f"{name}, {length} steps", []).append(seconds)
    return took


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(int(sys.argv[1]), int(sys.argv[2])))))
