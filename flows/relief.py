"""Relief for a run whose process ended without a word: it begins again, a few times.

Nothing is done twice by that: gates read the store, and effects show their permits. The roll holds, on this machine,
which runs a worker has taken, so that whoever follows a killed worker finds those that nobody runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import psutil
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from flows.prefect_server import ENDED_WITH_UP

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

MOST = 3
"""How often a run begins again before it suspends again; a document that kills its process would do so for ever."""

STOPPED = "Its worker was stopped."
"""Why a run begins again that was handed over in order; that is no fault of the run, and not counted."""

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
        if _losses(await client.read_flow_run_states(run_id)) >= MOST:
            return "given up"
        again: State[Any] = Scheduled(name=_NAME, message=why[:500])
        await client.set_flow_run_state(run_id, again, force=True)
    except ObjectNotFound:
        return "settled"
    return "again"


def _losses(states: Sequence[State[Any]]) -> int:
    """How many processes in a row were lost."""
    losses = 0
    for state in sorted(states, key=lambda one: one.timestamp):
        if state.is_paused():
            losses = 0
        elif state.name == _NAME and state.message not in (STOPPED, ENDED_WITH_UP):
            losses += 1
    return losses


class Roll:
    """The runs that the workers of a home have taken, a file for each."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "run" / "taken"
        self._host = socket.gethostname()
        self._me = _known_as(os.getpid())

    def take(self, run_id: UUID, process: int | None = None) -> None:
        """Note that this worker has the run, and in which process it is at work, once it is."""
        entry = {"host": self._host, "worker": self._me, "process": _known_as(process) if process else None}
        path = self._folder / str(run_id)
        with contextlib.suppress(OSError):  # without it, one who is killed is found by the waker, or by nobody
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = path.with_suffix(".new")
            written.write_text(json.dumps(entry), encoding="utf-8")
            written.replace(path)

    def strike(self, run_id: UUID) -> None:
        """Note that the run has come to a rest, or is somebody else's."""
        with contextlib.suppress(OSError):
            (self._folder / str(run_id)).unlink(missing_ok=True)

    def lost(self) -> Iterator[UUID]:
        """The runs of workers that are gone whose processes are gone as well."""
        with contextlib.suppress(OSError):
            for path in sorted(self._folder.iterdir()):
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                    run_id, entry = UUID(path.name), json.loads(path.read_text(encoding="utf-8"))
                    # Of the processes of another machine, or container, nothing is seen from here.
                    noted = [one for one in (entry["worker"], entry["process"]) if one is not None]
                    if entry["host"] == self._host and not any(_known_as(int(one[0])) == one for one in noted):
                        yield run_id


def _known_as(pid: int) -> list[float] | None:
    """What tells a process from a later one of the same number; None where there is none at work."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else [pid, process.create_time()]
    except psutil.Error:
        return None
