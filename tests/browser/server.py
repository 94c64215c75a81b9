"""Builds and serves queues for the browser tests: imports everything once, then a process of its own for each home.

A line `HOME PORT` on standard input starts one, and is answered with its process id; it ends when it is told to. The
line `HOME build` makes a home as somebody finds it in the morning.
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
from approvals.decisions import Actor
from approvals.settings import read_settings
from approvals.web import serve
from flows.demo.showcase import staged_requests
from flows.demo.theatre import SAM, TOM
from flows.examiner import ClassExaminer

PASSWORD = "correct horse battery staple"


def opened(home: Path) -> Approvals:
    """The queue of a home, whose time is that of the machine and what a test has put on top of it."""
    ahead = home / "ahead"

    def clock() -> datetime:
        seconds = float(ahead.read_text()) if ahead.exists() else 0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    agents = build_agents(AgentSettings(home=home))
    examiner = ClassExaminer(lambda: agents, ("agents", "flows"))
    return build(read_settings(home=home, policies=home / "policies.toml"), examiner=examiner, clock=clock)


def build_home(home: Path) -> None:
    """Four weeks of decisions, what waits this morning, and a password for each of the two who decide."""
    approvals = staged_requests(home, now=datetime.now(UTC)).approvals
    for email in (SAM, TOM):
        person = approvals.directory.person(email)
        assert person
        # As somebody who came by a sign-in link, who need not know the password before.
        begun = approvals.sessions.begin(person, "link")
        approvals.accounts.set_password(PASSWORD, Actor(kind="person", id=email, via="session"), begun.session)
    approvals.close()


def main() -> None:
    """Do what each line says."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        home, port = line.split()
        if port == "build":
            build_home(Path(home))
            print(0, flush=True)
            continue
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
