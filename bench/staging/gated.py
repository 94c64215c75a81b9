"""Flows that do nothing but wait, and note when they go on. Run by workers, so it imports little."""

from __future__ import annotations

import os
import time
from pathlib import Path

import prefect
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.flow_runs import asuspend_flow_run
from pydantic import BaseModel, ConfigDict

from flows.gates import Gate, flow, reviewed


class Note(BaseModel):
    """What is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str


NOTE = Gate("note", Note)
QUICK = Gate("quick", Note)


def mark(name: str) -> None:
    """Note that the flow has come here, with the moment."""
    now = time.time()
    with (Path(os.environ["BENCH_MARKS"]) / name).open("a") as marks:
        marks.write(f"{now:.6f}\n")


@task(cache_policy=NO_CACHE, persist_result=False)
async def write(name: str, turn: int) -> Note:
    """A draft that costs nothing."""
    return Note(text=f"{name}, {turn}")


@flow(gates=[NOTE])
async def gated(name: str, gates: int = 1) -> str:
    """As many gates as asked for, one after the other; a mark after each."""
    return await _through(NOTE, name, gates)


@flow(gates=[QUICK])
async def quick(name: str, gates: int = 1) -> str:
    """The same under a policy that lets the process stay."""
    return await _through(QUICK, name, gates)


async def _through(gate: Gate[Note], name: str, gates: int) -> str:
    for turn in range(gates):
        await reviewed(gate, write, name, turn)
        mark(f"{name}.{turn}")
    return name


@prefect.flow(persist_result=True, result_serializer="json")
async def bare(name: str) -> str:
    """The same on Prefect alone."""
    await asuspend_flow_run(key="only")
    mark(name)
    return name
