"""The knot that Prefect's server on SQLite ties now and then, and a collector that keeps out of it."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import aiosqlite
import pytest

from flows.server_process import Collector

BUSY_MILLISECONDS = 60_000


@pytest.fixture
async def connections(tmp_path: Path) -> AsyncIterator[tuple[aiosqlite.Connection, aiosqlite.Connection]]:
    """Two connections to one file, as patient as Prefect's."""
    open_file = partial(aiosqlite.connect, tmp_path / "prefect.db", isolation_level=None)
    async with open_file() as one, open_file() as two:
        for connection in (one, two):
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        yield one, two


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Nothing is collected unless the test says so."""
    gc.disable()
    yield
    gc.enable()


async def test_a_cursor_freed_in_a_thread_of_its_own_lets_the_loop_end_what_everybody_waits_for(connections, by_hand):
    writing, waiting = connections
    await writing.execute("BEGIN IMMEDIATE")
    # A cursor in the middle of its rows that only the collector can free, of a connection that goes on working.
    cycle: list[object] = [await waiting.execute("VALUES (1), (2), (3)")]
    cycle.append(cycle)
    del cycle
    await (await waiting.execute("VALUES (4)")).close()  # its thread holds on to what it returned last
    locked = asyncio.create_task(waiting.execute("BEGIN IMMEDIATE"))
    await asyncio.sleep(0.5)  # it is in SQLite's busy handler by now, with the connection's mutex in its hand
    collected = threading.Event()
    thread = threading.Thread(target=lambda: (gc.collect(), collected.set()))
    thread.start()

    went_on = await asyncio.to_thread(lambda: not collected.is_set())
    await writing.execute("COMMIT")
    await locked
    await asyncio.to_thread(thread.join)

    assert went_on
    assert collected.is_set()
    await waiting.execute("ROLLBACK")


def test_it_looks_at_what_is_young_only_when_there_is_much_of_it(by_hand):
    collector = Collector()
    gc.collect()

    little = collector.look()
    kept = [[] for _ in range(2 * gc.get_threshold()[0])]
    much = collector.look()

    assert (little, much, len(kept)) == (False, True, 2 * gc.get_threshold()[0])


def test_garbage_is_freed_without_python_s_own_collector_and_left_to_it_again_afterwards():
    class Loop:
        def __init__(self, freed: threading.Event) -> None:
            self.me, self.freed = self, freed

        def __del__(self) -> None:
            self.by = threading.current_thread().name
            names.append(self.by)
            self.freed.set()

    names: list[str] = []
    freed = threading.Event()
    collector = Collector()
    collector.start()
    try:
        off = not gc.isenabled()
        Loop(freed)
        kept = [[] for _ in range(2 * gc.get_threshold()[0])]

        assert freed.wait(30)
    finally:
        collector.stop()

    assert off
    assert kept
    assert names == ["countersign-garbage"]
    assert gc.isenabled()


def test_it_says_what_prefect_s_command_line_says(tmp_path):
    terms = {"capture_output": True, "text": True, "env": {**os.environ, "PREFECT_HOME": str(tmp_path)}, "timeout": 120}

    ours = subprocess.run([sys.executable, "-m", "flows.server_process", "version", "--omit-integrations"], **terms)

    assert ours.returncode == 0, ours.stderr
    assert "Version" in ours.stdout
