"""Workers of a test, real processes, and the queue's loop beside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from houses import PATH, House

from approvals.resume import PrefectRuns
from flows.handover import Ear, tell
from flows.waking import Waker


class Worker:
    """A worker, by default of the pool `letters`."""

    def __init__(self, home: Path, type_: str = "process") -> None:
        self._home = home
        self.type, self.pool = type_, "letters"
        self.path = PATH
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it and its runs have said."""
        return (self._home / "worker.log").read_text()

    def start(self, *options: str) -> None:
        """Start it; it takes what is scheduled."""
        command = ("-m", "prefect", "worker", "start", "--pool", self.pool, "--type", self.type, *options)
        with (self._home / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                env={**os.environ, "PYTHONPATH": self.path},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, seconds: float = 30) -> None:
        """Ask it to end, as `up` and systemd do, and wait for it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(seconds)

    def kill(self) -> None:
        """kill -9, and every run process it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def waking(house: House) -> Iterator[None]:
    """The queue's loop, as its process runs it: it tells the worker directly."""
    runs = PrefectRuns(announce=lambda what, run: tell(house.home, "worker", {"is": what, "run": run}))
    waker = Waker(house.approvals, runs, every=1.0, ear=Ear(house.home, "waker", "test"))
    stop = threading.Event()
    thread = threading.Thread(target=waker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
