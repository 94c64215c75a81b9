"""One part of `up`: a process with a log, that is started again when it dies and asked whether it is well."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

_STOP_SECONDS = 10.0
_PROBE_SECONDS = 15.0
"""Between two looks at a part that runs: whether it still answers."""
_LONGEST_WAIT = 30.0
_STEADY_SECONDS = 60.0
"""After so long a part counts as well, and its next death as the first."""

Stands = Literal["starting", "running", "not answering", "waits to start again", "stopped"]


@dataclass(frozen=True)
class Standing:
    """How a part stands, for whoever looks."""

    name: str
    stands: Stands
    since: float
    """Seconds that it has run."""
    pid: int | None
    deaths: int
    """How often it died since `up` began."""
    log: Path


class Part:
    """One of the processes that `up` looks after."""

    def __init__(
        self,
        name: str,
        command: list[str],
        healthy: Callable[[], bool],
        *,
        environment: Mapping[str, str],
        home: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.log = home / "logs" / f"{name}.log"
        self._command, self._healthy, self._environment, self._home = command, healthy, environment, home
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._written: IO[bytes] | None = None
        self._stands: Stands = "stopped"
        self._started = self._probed = 0.0
        self._again: float | None = None
        self._failures = self._deaths = self._unanswered = 0

    def launch(self) -> None:
        """Start its process. Its log is added to, never begun anew."""
        if self._written is None:
            self._written = self.log.open("ab")
        self._started, self._probed, self._again, self._stands = self._clock(), 0.0, None, "starting"
        self._process = subprocess.Popen(
            self._command,
            env=dict(self._environment),
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=self._written,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches us alone, and we stop the parts in order.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread of ours yet
        )

    def code(self) -> int | None:
        """With which code its process ended; None while it runs."""
        return self._process.poll() if self._process else None

    def is_healthy(self) -> bool:
        """Whether it answers now."""
        if self._healthy():
            self._stands, self._probed = "running", self._clock()
            return True
        return False

    def look(self, *, ask: bool = True) -> str:
        """What is new of it, in a sentence: it died, and is started again in a while; it is silent; it answers.

        Args:
            ask: Whether to find out if it answers; not while what it leans on does not.
        """
        now = self._clock()
        if self._again is not None:
            if now >= self._again:
                self.launch()
            return ""
        if (code := self.code()) is not None:
            return self._died(code, now)
        if ask and (self._stands != "running" or now - self._probed >= _PROBE_SECONDS):
            return self._probe(now)
        return ""

    def standing(self) -> Standing:
        """How it stands."""
        pid = self._process.pid if self._process and self.code() is None else None
        return Standing(self.name, self._stands, self._clock() - self._started, pid, self._deaths, self.log)

    def last_words(self) -> str:
        """The last line of its log, and where the rest is."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (log: {self.log})"

    def end(self) -> None:
        """Ask its processes to end, and make those end that do not."""
        if self._process is not None:
            _end(self._process)
        self._stands, self._again = "stopped", None
        if self._written is not None:
            self._written.close()
            self._written = None

    def _died(self, code: int, now: float) -> str:
        self._deaths += 1
        self._failures = self._failures + 1 if now - self._started < _STEADY_SECONDS else 1
        wait = min(2.0 ** (self._failures - 1), _LONGEST_WAIT)
        self._again, self._stands = now + wait, "waits to start again"
        how = f"exit {code}" if code >= 0 else signal.Signals(-code).name
        return f"The {self.name} ended ({how}); starting it again in {wait:g} s. Log: {self.log}"

    def _probe(self, now: float) -> str:
        before = self._stands
        self._probed = now
        if self.is_healthy():
            self._unanswered = 0
            return f"The {self.name} runs again." if before != "running" and self._deaths else ""
        self._unanswered += 1
        # A busy machine lets one question go unanswered.
        if before == "running" and self._unanswered > 1:
            self._stands = "not answering"
            return f"The {self.name} runs and does not answer. Log: {self.log}"
        return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    """Ask the kernel to end this process when `up` is killed, so that no orphan keeps the port."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG
