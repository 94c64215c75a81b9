"""Relief for a run whose process ended without a word: it begins again, a few times.

Nothing is done twice by that: gates read the store, and effects show their permits. The roll holds, on this machine,
which runs a worker has taken, so that whoever follows a killed worker finds those that nobody runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import psutil
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

MOST = 3
"""How often a run begins again because its process was lost; a document that kills its process would do so for ever."""

SERVER_AWAY = os.EX_TEMPFAIL
"""The exit code of a run's process that could not tell Prefect's server how far it came."""

ASKED_TO_END = 128 + signal.SIGTERM
"""The exit code of a run's process that somebody asked to end, who did not cancel the run."""

_NAME = "Rescheduled"

Outcome = Literal["again", "settled", "given up"]


def lost(code: int | None) -> bool:
    """Whether a process that ended with this code (None: nobody saw how) had no chance to say how its run ended."""
    return code is None or code < 0 or code in (SERVER_AWAY, ASKED_TO_END)


async def relieve(client: PrefectClient, run_id: UUID, why: str) -> Outcome:
    """Schedule the run again, if it is said to be at work. `settled` where it has come to a rest without that.

    Raises:
        httpx.HTTPError: the server does not answer; ask again later.
    """
    try:
        run = await client.read_flow_run(run_id)
        if run.state is None or not (run.state.is_running() or run.state.is_pending()):
            return "settled"
        states = await client.read_flow_run_states(run_id)
        if sum(state.name == _NAME for state in states) >= MOST:
            return "given up"
        again: State[Any] = Scheduled(name=_NAME, message=why[:500])
        await client.set_flow_run_state(run_id, again, force=True)
    except ObjectNotFound:
        return "settled"
    return "again"


class Roll:
    """The runs that the workers of a home have taken, a file for each."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "run" / "taken"
        self._me = _known_as(os.getpid())

    def take(self, run_id: UUID, process: int | None = None) -> None:
        """Note that this worker has the run, and in which process it is at work, once it is."""
        entry = {"worker": self._me, "process": _known_as(process) if process else None}
        with contextlib.suppress(OSError):  # without it, one who is killed is found by the waker, or by nobody
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / str(run_id)).write_text(json.dumps(entry), encoding="utf-8")

    def strike(self, run_id: UUID) -> None:
        """Note that the run has come to a rest, or is somebody else's."""
        with contextlib.suppress(OSError):
            (self._folder / str(run_id)).unlink(missing_ok=True)

    def lost(self) -> Iterator[UUID]:
        """The runs of workers that are gone whose processes are gone as well."""
        with contextlib.suppress(OSError):
            for path in sorted(self._folder.iterdir()):
                with contextlib.suppress(OSError, ValueError):
                    if not _attended(path.read_text(encoding="utf-8")):
                        yield UUID(path.name)


def _known_as(pid: int) -> list[float] | None:
    """What tells a process from a later one of the same number; None where there is none at work."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else [pid, process.create_time()]
    except psutil.Error:
        return None


def _attended(words: str) -> bool:
    try:
        entry = json.loads(words)
        noted = [one for one in (entry["worker"], entry["process"]) if one is not None]
    except (ValueError, KeyError, TypeError):
        return False  # whoever wrote it was killed while writing
    return any(_known_as(int(one[0])) == one for one in noted)
