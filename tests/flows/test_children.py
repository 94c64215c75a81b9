"""The fork server and its children, without a Prefect server: they wait, are replaced, and go home."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.children import Children, can_fork

pytestmark = [
    pytest.mark.skipif(not can_fork(), reason="this machine cannot fork"),
    pytest.mark.xdist_group("children"),
]


async def until(found: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.02)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that the fork server imports."""
    (tmp_path / "imported_ahead.py").write_text("VALUE = 1\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")
    return tmp_path / "imported_ahead.py"


async def test_children_wait_are_replaced_when_code_changes_and_leave_with_the_worker(module):
    children = Children(["imported_ahead"], ahead=())
    children.load(["imported_ahead"], os.environ)
    first = await children.take()
    server = psutil.Process(first.pid).parent()
    second = await children.take()
    module.write_text("VALUE = 22\n")
    third = await children.take()

    assert len({first.pid, second.pid, third.pid}) == 3
    assert psutil.Process(second.pid).ppid() == server.pid
    assert psutil.Process(third.pid).ppid() != server.pid

    # Who has a run keeps the old server until it has ended; who is sent home ends without one.
    children.look()
    assert server.is_running()
    first.dismiss()
    second.dismiss()
    assert (await first.wait(), await second.wait()) == (0, 0)
    children.look()
    await until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    left = psutil.Process(third.pid)
    children.close()
    await until(lambda: not left.is_running())


async def test_a_fork_server_that_is_killed_is_started_anew_and_a_child_at_work_is_seen_to_its_end(module):
    children = Children(["imported_ahead"], ahead=())
    children.load(["imported_ahead"], os.environ)
    child = await children.take()
    os.kill(psutil.Process(child.pid).ppid(), signal.SIGKILL)
    await asyncio.sleep(1.1)

    another = await children.take()
    os.kill(child.pid, signal.SIGKILL)

    assert another.pid != child.pid
    assert await asyncio.wait_for(child.wait(), 10) == -signal.SIGKILL
    another.dismiss()
    assert await asyncio.wait_for(another.wait(), 10) == 0
    children.close()


async def test_a_module_that_cannot_be_imported_keeps_nobody_from_waiting(module, caplog):
    children = Children(["imported_ahead"], ahead=())
    module.write_text("raise RuntimeError('half written')\n")
    children.load(["imported_ahead"], os.environ)

    child = await children.take()

    assert "half written" in caplog.text
    child.dismiss()
    assert await child.wait() == 0
    children.close()
