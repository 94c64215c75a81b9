"""What a step, a run and a gate cost beside Prefect alone.

Run `python bench/overhead.py [--rounds 10] [--steps 50] [--gates 20] [--quick] [--json FILE]`. It starts
`countersign up`'s own parts in a home of their own. Steps and runs: one process calls flows without and with so many
steps that do nothing, in turns, ours and Prefect's own, on the same server; a step is the difference divided by the
steps. Gates: a deployed run passes so many gates at which nobody is asked, waits at another, and is woken: the second
time it goes through gates that are decided, which reads each answer and runs no step.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from resume import Figure, Home, approved, figure, row


def stepped(rounds: int, steps: int) -> list[Figure]:
    """Runs without steps, and steps."""
    command = [sys.executable, "-m", "staging.stepping", str(rounds), str(steps)]
    quiet = {**os.environ, "PREFECT_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(command, env=quiet, stdout=subprocess.PIPE, check=True, text=True)
    took = json.loads(done.stdout.splitlines()[-1])
    figures = []
    for name in ("Prefect alone", "Countersign"):
        empty = took[f"{name}, 0 steps"]
        base = statistics.median(empty)
        figures += [
            figure(f"{name}: a run without steps", empty),
            figure(f"{name}: a step", [(one - base) / steps for one in took[f"{name}, {steps} steps"]]),
        ]
    return figures


def gates_of(home: Home, rounds: int, gates: int) -> list[Figure]:
    """A gate that nobody is asked at, and one that is decided when the run comes by again."""
    first, again = [], []
    for number in range(rounds):
        name = f"gates-{number}"
        run = home.start("gates-before/bench", {"name": name, "gates": gates})
        home.suspended([run])
        approved(home, home.requests([run])[run], f"{name}.passed")
        home.ended(run)
        begun, passed = home.times(f"{name}.begun"), home.times(f"{name}.passed")
        first.append((passed[0] - begun[0]) / gates)
        again.append((passed[1] - begun[1]) / gates)
    return [
        figure("a gate that nobody is asked at: its step, opened, taken up", first),
        figure("a gate that is decided, when the run comes by again", again),
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="few samples, to see that it works")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rounds = 2 if given.quick else given.rounds
    folder = Path(tempfile.mkdtemp(prefix="countersign-overhead-"))
    try:
        home = Home(folder)
        with home.up(4):
            figures = [*stepped(rounds, given.steps), *gates_of(home, rounds, given.gates)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'milliseconds':<64} {'n':>4} {'p50':>9} {'p95':>9} {'most':>9}")
    for one in figures:
        print(row(one))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite")
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in figures], indent=1))


if __name__ == "__main__":
    main()
