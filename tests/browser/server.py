"""Serves queues to the browser tests: imports everything once, then a process of its own for each home.

A line `HOME PORT` on standard input starts one, and is answered with its process id; it ends when it is told to.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.bootstrap import build as build_agents
from agents.settings import Settings as AgentSettings
from approvals.bootstrap import Approvals, build
from approvals.settings import read_settings
from approvals.web import serve
from flows.examiner import ClassExaminer


def opened(home: Path) -> Approvals:
    """The queue of a home, whose time is that of the machine and what a test has put on top of it."""
    ahead = home / "ahead"

    def clock() -> datetime:
        seconds = float(ahead.read_text()) if ahead.exists() else 0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    agents = build_agents(AgentSettings(home=home))
    examiner = ClassExaminer(lambda: agents, ("agents", "flows"))
    return build(read_settings(home=home, policies=home / "policies.toml"), examiner=examiner, clock=clock)


def main() -> None:
    """Start a server for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        home, port = line.split()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin.close()
            approvals = opened(Path(home))
            serve(approvals, port=int(port))
            approvals.close()
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
