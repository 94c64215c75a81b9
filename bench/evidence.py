"""How much research finds in the corpus of crafted pages, whether every quote is there, and how long it takes.

Run `python bench/evidence.py`, or with `-v` to see what was missed. `--pages 1000` reads that many in one process, the
corpora over and over with every page made different, and tells the time per page and how memory grows.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from agents.documents import Brief, Draft, Prospect
from agents.research import part_of, research
from agents.web import FolderSnapshots, MemorySnapshots, open_web

TUNED = Path(__file__).parents[1] / "tests" / "agents" / "corpus"
UNSEEN = TUNED / "unseen"
LATER = TUNED / "later"
"""Pages written apart from the rules, in two rounds, and measured before anyone looked at what was missed."""


@dataclass
class Tally:
    """What came of one page, or of all of them."""

    expected: int = 0
    missed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    ungrounded: list[str] = field(default_factory=list)
    missing_flags: list[str] = field(default_factory=list)
    facts: int = 0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Expected facts found, of all expected."""
        return 1 - len(self.missed) / self.expected if self.expected else 1.0


def _plain(value: str) -> str:
    return " ".join(value.split()).casefold()


def _forbidden(key: str, value: str, rule: list[str]) -> bool:
    wanted_key, wanted = rule
    if wanted_key not in ("*", key):
        return False
    if wanted.startswith("="):
        return _plain(value) == _plain(wanted[1:])
    return wanted == "*" or _plain(wanted) in _plain(value)


def examine(corpus: Path, name: str, rules: dict[str, Any], tally: Tally) -> Draft[Brief]:
    """Research one page of a corpus and add what came of it."""
    snapshots = MemorySnapshots()
    prospect = Prospect(target=str(corpus / name), **rules.get("prospect", {}))
    started = time.perf_counter()
    draft = asyncio.run(
        research(prospect, web=open_web("offline:"), snapshots=snapshots, now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    )
    tally.milliseconds.append((time.perf_counter() - started) * 1000)
    tally.facts += len(draft.facts)
    sources = {source.id: source for source in draft.sources}
    for fact in draft.facts:
        text = part_of(sources[fact.source_id], fact.part, snapshots)
        if text is None or text[fact.start : fact.end] != fact.quote:
            tally.ungrounded.append(f"{name}: {fact.key} {fact.value!r}")
        for rule in rules["forbidden"]:
            if _forbidden(fact.key.value, fact.value, rule):
                tally.violations.append(f"{name}: {fact.key.value} {fact.value!r}")
    for key, value in rules["facts"]:
        tally.expected += 1
        if not any(fact.key.value == key and _plain(value) in _plain(fact.value) for fact in draft.facts):
            tally.missed.append(f"{name}: {key} {value!r}")
    codes = {flag.code for flag in draft.flags}
    tally.missing_flags += [f"{name}: {code}" for code in rules["flags"] if code not in codes]
    return draft


def measure(corpus: Path) -> Tally:
    """A whole corpus."""
    tally = Tally()
    for name, rules in json.loads((corpus / "expected.json").read_text("utf-8")).items():
        examine(corpus, name, rules, tally)
    return tally


def report(title: str, tally: Tally, *, verbose: bool) -> None:
    """Print the figures of one corpus, and with `verbose` what was missed."""
    times = sorted(tally.milliseconds)
    print(f"{title}: {len(times)} pages, {tally.facts} facts")
    print(f"  recall            {tally.expected - len(tally.missed)} of {tally.expected} ({tally.recall:.1%})")
    print(f"  violations        {len(tally.violations)}")
    print(f"  ungrounded quotes {len(tally.ungrounded)}")
    print(f"  missing flags     {len(tally.missing_flags)}")
    print(
        f"  ms per page       p50 {statistics.median(times):.1f}, p95 "
        f"{times[int(len(times) * 0.95)]:.1f}, max {times[-1]:.1f}"
    )
    for label, lines in (
        ("missed", tally.missed),
        ("violations", tally.violations),
        ("ungrounded", tally.ungrounded),
        ("flags", tally.missing_flags),
    ):
        for line in lines if verbose else ():
            print(f"  {label}: {line}")


def endurance(count: int) -> bool:
    """Read so many pages in one process; tells whether p95 stays under a second and memory under a tenth more."""
    listed = [
        (corpus / name, rules.get("prospect", {}))
        for corpus in (TUNED, UNSEEN, LATER)
        for name, rules in json.loads((corpus / "expected.json").read_text("utf-8")).items()
    ]
    process, times, marks = psutil.Process(), list[float](), dict[int, int]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            path, more = listed[number % len(listed)]
            page = Path(folder) / path.name
            page.write_bytes(path.read_bytes() + b"\n<!-- %d -->" % number)  # nothing remembered of it helps
            started = time.perf_counter()
            asyncio.run(
                research(
                    Prospect(target=str(page), **more),
                    web=open_web("offline:"),
                    snapshots=FolderSnapshots(Path(folder) / "snapshots"),
                    now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
                )
            )
            times.append((time.perf_counter() - started) * 1000)
            if number in (count // 4, count // 2, count):
                marks[number] = process.memory_info().rss
    times.sort()
    p95 = times[int(len(times) * 0.95)]
    told = ", ".join(f"{rss / 2**20:.1f} MB after {number:,}" for number, rss in marks.items())
    print(f"{count:,} pages: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f}, max {times[-1]:.1f}; {told}")
    return p95 < 1000 and marks[count] < 1.1 * marks[count // 4]


def main() -> int:
    """Print the figures of every corpus; fail where a quote is ungrounded or something forbidden is asserted."""
    failed = "--pages" in sys.argv[1:] and not endurance(int(sys.argv[sys.argv.index("--pages") + 1]))
    for corpus in (TUNED, UNSEEN, LATER):
        tally = measure(corpus)
        report(corpus.name, tally, verbose="-v" in sys.argv[1:])
        failed = failed or bool(tally.violations or tally.ungrounded)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
