"""How fast the queue answers with very many requests waiting, measured at a client of a real server.

Run `python bench/queue_speed.py [--pending 100000] [--database sqlite|postgresql|both] [--quick] [--json FILE]`. It
fills a store, starts a server process of it, signs in, and asks one thing after the other over loopback on one
kept connection. Each figure is the quietest of the rounds, because other processes may share the machine;
processor time of the server
process stands beside, which they disturb less. Nothing fails here where a budget is passed: the table says so.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import os
import platform
import random
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from staging.companies import RARE
from staging.filling import COPIED
from staging.serving import Browser, Server, Stage, stages

from approvals.bootstrap import Approvals
from approvals.decisions import SYSTEM
from flows.demo.theatre import SAM

_LISTS = 200
_ACTS = 60
_BULKS = 20


@dataclass
class Figure:
    """What one page or act takes, in milliseconds."""

    name: str
    budget: float | None
    n: int
    p50: float
    p95: float
    most: float
    cpu: float
    """Of the server process."""
    bytes: int


class Measuring:
    """Asks the same thing many times."""

    def __init__(self, server: Server, rounds: int, share: float) -> None:
        self._server = server
        self._rounds = rounds
        self._share = share
        self.figures: list[Figure] = []

    def time(self, name: str, budget: float | None, n: int, act: Callable[[int], Any], status: int = 200) -> None:
        """The quietest of the rounds; the first answers warm caches and are left aside."""
        n = max(8, int(n * self._share))
        for number in range(min(3, n)):
            act(-1 - number)
        best: Figure | None = None
        for number in range(self._rounds):
            figure = self._round(name, budget, n, lambda index, first=number * n: act(first + index), status)
            best = figure if best is None or figure.p95 < best.p95 else best
        assert best is not None
        self.figures.append(best)
        print(row(best), flush=True)

    def once(self, name: str, budget: float | None, act: Callable[[int], Any]) -> None:
        """The first time, which is what it is."""
        self.figures.append(self._round(name, budget, 1, act, 200))
        print(row(self.figures[-1]), flush=True)

    def _round(self, name: str, budget: float | None, n: int, act: Callable[[int], Any], status: int) -> Figure:
        took, size, cpu = [], 0, self._server.cpu()
        for index in range(n):
            started = time.perf_counter()
            answer = act(index)
            took.append((time.perf_counter() - started) * 1000)
            if answer.status_code != status:
                raise AssertionError(f"{name}: {answer.status_code} instead of {status}\n{answer.text[:2000]}")
            size = max(size, len(answer.content))
        took.sort()
        cpu = (self._server.cpu() - cpu) * 1000 / n
        p95 = took[min(n - 1, int(n * 0.95))]
        return Figure(name, budget, n, statistics.median(took), p95, took[-1], cpu, size)


def row(one: Figure) -> str:
    """A line of the table."""
    budget = "" if one.budget is None else f"{one.budget:.0f}"
    missed = "" if one.budget is None or one.p95 <= one.budget else "  over"
    return (
        f"{one.name:<44}{one.n:>5}{one.p50:>9.1f}{one.p95:>9.1f}{one.most:>9.1f}{budget:>8}{one.cpu:>9.1f}"
        f"{one.bytes / 1000:>9.1f}{missed}"
    )


HEADING = f"{'':<44}{'n':>5}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}{'budget':>8}{'cpu ms':>9}{'kB':>9}"


class Reviewer:
    """Somebody at the queue, and a program with their token."""

    def __init__(self, server: Server, approvals: Approvals, largest: str, measuring: Measuring) -> None:
        self.browser: Browser = server.signed_in(approvals, SAM)
        self.token = approvals.tokens.create(SAM, SYSTEM, scopes=("read", "decide")).secret
        self.largest = largest
        self.on = measuring
        self.chance = random.Random(3)

    def lists(self) -> None:
        """Every kind of list."""
        get, time_ = self.browser.get, self.on.time
        time_("Queue, first page, mine", 15, _LISTS, lambda _: get("/queue"))
        time_("Queue, first page, everyone", 15, _LISTS, lambda _: get("/queue?view=all"))
        deep = self._cursors()
        time_(
            "Queue, deep page by cursor", 15, _LISTS, lambda _: get(f"/queue?view=all&after={self.chance.choice(deep)}")
        )
        rows = {"X-Fragment": "rows"}
        time_("Next 40 rows, deep", 15, _LISTS, lambda _: get(f"/queue?after={self.chance.choice(deep)}", **rows))
        time_("Queue by value", 15, _LISTS, lambda _: get("/queue?sort=value"))
        time_("Queue, newest first", 15, _LISTS, lambda _: get("/queue?sort=newest"))
        time_("Queue, one kind", 20, _LISTS, lambda _: get("/queue?gate=proposal"))
        time_(
            "Queue, one kind and risk, everyone", 20, _LISTS, lambda _: get("/queue?view=all&gate=proposal&risk=medium")
        )
        time_("Decided", 20, _LISTS, lambda _: get("/decided"))
        time_("Search, a rare word", 20, _LISTS, lambda _: get(f"/queue?view=all&q={RARE}"))
        names = ["amberfield hotels", "kestrelmoor clinics group", "proposal thornwick valves", "orrinstead print ltd"]
        time_("Search, two or three words", 20, _LISTS, lambda index: get(f"/queue?view=all&q={names[index % 4]}"))
        time_("Search, a very common word", 30, _LISTS, lambda _: get("/queue?view=all&q=group"))
        begun = ["a", "th", "kes", "p", "mo", "gro"]
        time_("Search, one to three letters", 30, _LISTS, lambda index: get(f"/queue?view=all&q={begun[index % 6]}"))
        headers = {"Authorization": f"Bearer {self.token}"}
        time_("GET /api/v1/queue", 15, _LISTS, lambda _: get("/api/v1/queue", **headers))
        time_("GET /api/v1/queue/counts", 15, _LISTS, lambda _: get("/api/v1/queue/counts", **headers))

    def _cursors(self) -> list[str]:
        """Places all over the list: a cursor is the key of the row before it, so any time is one."""
        headers = {"Authorization": f"Bearer {self.token}"}
        first = self.browser.get("/api/v1/queue?view=all&limit=200", **headers).json()["next"]
        sort, due, request_id = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
        found = []
        for _ in range(60):
            place = datetime.fromisoformat(due) + timedelta(minutes=self.chance.randint(1, 14_000))
            told = json.dumps([sort, place.isoformat(timespec="microseconds").replace("+00:00", "Z"), request_id])
            found.append(base64.urlsafe_b64encode(told.encode()).decode().rstrip("="))
        return found

    def open_ones(self, number: int, query: str = "") -> list[dict[str, Any]]:
        """Requests that wait for this person and that nothing keeps from being approved."""
        headers = {"Authorization": f"Bearer {self.token}"}
        found: list[dict[str, Any]] = []
        after = None
        while len(found) < number:
            page = self.browser.get(
                f"/api/v1/queue?limit=200&risk=low{query}" + (f"&cursor={after}" if after else ""), **headers
            ).json()
            found += [one for one in page["rows"] if not one["kind"].endswith("CrmUpdate") and len(one["id"]) < COPIED]
            after = page["next"]
            if after is None:
                break
        return found

    def requests(self) -> None:
        """One request: its preview, its page, and what follows typing."""
        get, post, time_ = self.browser.get, self.browser.post, self.on.time
        ids = [one["id"] for one in self.open_ones(200)]
        time_("Preview", 10, _LISTS, lambda index: get(f"/r/{ids[index % len(ids)]}/peek"))
        time_("Request, any", 20, _LISTS, lambda index: get(f"/r/{ids[index % len(ids)]}"))
        time_("Request, largest form (40 claims)", 20, _LISTS, lambda _: get(f"/r/{self.largest}"))
        page = get(f"/r/{ids[0]}").text
        fields = form_of(page)
        time_("Live diff, any", 15, _LISTS, lambda index: post(f"/r/{ids[0]}/diff", typed(fields, index)))
        large = form_of(get(f"/r/{self.largest}").text)
        time_("Live diff, largest form", 15, _LISTS, lambda index: post(f"/r/{self.largest}/diff", typed(large, index)))
        time_("Insights, warm", 30, _LISTS, lambda _: get("/insights"))

    def decisions(self) -> None:
        """Deciding, one by one and many at once; and taking back."""
        post, time_ = self.browser.post, self.on.time
        waiting = iter(self.open_ones(6_000))

        def decide(_: int) -> Any:
            one = next(waiting)
            fields = {"version": one["version"], "key": f"{one['id']}-a", "verdict": "approve", "next": "/queue"}
            return post(f"/r/{one['id']}/decide", fields)

        time_("Decide on the page", 20, _ACTS * 3, decide, status=303)

        def rest(_: int) -> Any:
            one = next(waiting)
            body = {"verdict": {"kind": "approve"}, "version": one["version"], "recall": 8}
            headers = {"Authorization": f"Bearer {self.token}"}
            return self.browser.client.post(f"/api/v1/requests/{one['id']}/verdicts", json=body, headers=headers)

        time_("Decide over REST", 20, _ACTS * 3, rest)
        decided: list[str] = []

        def undo(_: int) -> Any:
            return post("/undo", {"id": decided.pop(), "next": "/queue"})

        took = []
        for _ in range(max(8, int(_ACTS * self.on._share))):
            one = next(waiting)
            post(f"/r/{one['id']}/decide", {"version": one["version"], "key": f"{one['id']}-u", "verdict": "approve"})
            decided.append(one["id"])
            started = time.perf_counter()
            answer = undo(0)
            took.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 303, answer.text[:500]
        took.sort()
        n = len(took)
        figure = Figure("Undo", 20, n, statistics.median(took), took[int(n * 0.95)], took[-1], 0.0, 0)
        self.on.figures.append(figure)
        print(row(figure), flush=True)

        def bulk(_: int) -> Any:
            picked = [next(waiting) for _ in range(100)]
            return post("/bulk", {"pick": [f"{one['id']}.{one['version']}" for one in picked], "next": "/queue"})

        time_("Bulk, 100 at once", 80, _BULKS, bulk, status=303)


_INPUT = re.compile(r"<(input|textarea|select)\b([^>]*)>([^<]*)")
_ATTRIBUTE = re.compile(r'([a-z-]+)(?:="([^"]*)")?')


def form_of(page: str) -> list[tuple[str, str]]:
    """The fields of the document's form, roughly as a browser would send them."""
    inside = page.partition('<form id="decide"')[2].partition("</form>")[0]
    found = []
    for kind, attributes, content in _INPUT.findall(inside):
        told = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
        if "name" not in told or told["name"] == "csrf" or (told.get("type") == "checkbox" and "checked" not in told):
            continue
        if kind == "select":
            chosen = re.search(rf'name="{re.escape(told["name"])}".*?<option value="([^"]*)" selected', inside, re.S)
            found.append((told["name"], html.unescape(chosen[1]) if chosen else ""))
        else:
            value = html.unescape(content).removeprefix("\n") if kind == "textarea" else told.get("value", "")
            found.append((told["name"], value))
    return found


def typed(fields: list[tuple[str, str]], number: int) -> list[tuple[str, str]]:
    """The form with another word in its longest text."""
    place = max(range(len(fields)), key=lambda index: len(fields[index][1]) if " " in fields[index][1] else 0)
    changed = list(fields)
    changed[place] = (fields[place][0], f"{fields[place][1]} and {number} more")
    return changed


def measure(name: str, stage: Stage, *, rounds: int, share: float) -> list[Figure]:
    """Every figure of one database."""
    approvals = stage.open()
    try:
        with stage.served() as server:
            measuring = Measuring(server, rounds, share)
            reviewer = Reviewer(server, approvals, stage.largest, measuring)
            print(HEADING)
            measuring.once("Insights, first call", None, lambda _: reviewer.browser.get("/insights"))
            reviewer.lists()
            reviewer.requests()
            reviewer.decisions()
            return measuring.figures
    finally:
        approvals.close()


def machine() -> str:
    """What it was measured on."""
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}"
    )


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="a fifth of the samples, one round")
    parser.add_argument("--rounds", type=int, default=2, help="the quietest of so many is told")
    parser.add_argument("--keep", type=Path, help="folder in which filled stores are kept for the next run")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    databases = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    told: dict[str, Any] = {"machine": machine(), "pending": given.pending}
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    with stages(databases, given.keep) as (models, made):
        for name, stage in made.items():
            stage.fill(models, given.pending)
            print(f"\n{name}: {given.pending:,} waiting and {int(given.pending * 0.6):,} decided; {machine()}")
            if stage.filled_in:
                print(f"filled in {stage.filled_in:.0f} s")
            figures = measure(name, stage, rounds=1 if given.quick else given.rounds, share=0.2 if given.quick else 1.0)
            told[name] = [asdict(one) for one in figures]
    if given.json:
        given.json.write_text(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
