"""What `up` says while it runs: one tidy picture in a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flows.parts import Standing, Stands

_COUNT_SECONDS = 5.0
_STYLES: dict[Stands, str] = {
    "starting": "yellow",
    "running": "green",
    "not answering": "bold red",
    "waits to start again": "bold red",
    "stopped": "dim",
}


class Counts(NamedTuple):
    """How much there is to do."""

    waiting: int
    """Runs that wait for review."""
    running: int
    due: int
    """Runs whose time has come and that no process has taken up."""
    requests: int
    """Open ones."""


class Plain:
    """A line for each thing that happens."""

    def tell(self, sentence: str) -> None:
        """Say this."""
        typer.echo(sentence)

    def note(self, name: str, said: str) -> None:
        """Say this once everything runs: an address, a link."""
        typer.echo(f"{name:<12} {said}")

    def show(self, standings: Sequence[Standing]) -> None:
        """Nothing: what changes is told."""


class Picture(Plain):
    """The same, with the parts and what there is to do below it, drawn anew about once a second."""

    def __init__(
        self,
        live: Live,
        home: Path,
        counts: Callable[[], Counts | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live, self._home, self._counts, self._clock = live, home, counts, clock
        self._notes: list[tuple[str, str]] = []
        self._counted: Counts | None = None
        self._counted_at = -_COUNT_SECONDS
        self._drawn_at = 0.0
        self._standings: Sequence[Standing] = ()

    def tell(self, sentence: str) -> None:
        """Say this above the picture, where it stays."""
        self._live.console.print(Text(f"{time.strftime('%H:%M:%S')}  {sentence}"))

    def note(self, name: str, said: str) -> None:
        """Keep this in the picture."""
        self._notes.append((name, said))

    def show(self, standings: Sequence[Standing]) -> None:
        """Draw how the parts stand, if something changed or a second has passed."""
        now = self._clock()
        if now - self._drawn_at < 1 and [one.stands for one in standings] == [one.stands for one in self._standings]:
            return
        ready = len(standings) > 2 and all(one.stands == "running" for one in standings)
        if ready and now - self._counted_at >= _COUNT_SECONDS:
            self._counted, self._counted_at = self._counts(), now
        self._standings, self._drawn_at = standings, now
        self._live.update(self.drawn(), refresh=True)

    def drawn(self) -> RenderableType:
        """The picture."""
        table = Table.grid(padding=(0, 2))
        for one in self._standings:
            died = f"died {one.deaths} times" if one.deaths > 1 else "died once" if one.deaths else ""
            where = str(one.log) if one.stands in ("not answering", "waits to start again") or one.deaths else ""
            stands = Text(one.stands, style=_STYLES[one.stands])
            since = _lasted(one.since) if one.pid is not None else ""
            table.add_row(Text(one.name, style="bold"), stands, since, Text(f"{died}  {where}".strip(), style="dim"))
        notes = Table.grid(padding=(0, 2))
        for name, said in self._notes:
            notes.add_row(Text(name, style="bold"), Text(said, overflow="fold"))
        notes.add_row(Text("To do", style="bold"), _told(self._counted) if self._counted else Text("…", style="dim"))
        notes.add_row(Text("Logs", style="bold"), Text(str(self._home / "logs"), overflow="fold"))
        stopped = bool(self._standings) and all(one.stands == "stopped" for one in self._standings)
        last = "Everything has stopped." if stopped else "Ctrl-C stops everything."
        return Group(Text(), table, Text(), notes, Text(last, style="dim"))


@contextmanager
def status(
    home: Path, counts: Callable[[], Counts | None], console: Console | None = None
) -> Iterator[Plain | Picture]:
    """What fits where this is read: a picture in a terminal, else lines."""
    console = console or Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield Plain()
        return
    # Drawn by whoever shows it: a thread here would make it unsafe to start processes.
    with Live(console=console, auto_refresh=False, transient=False) as live:
        yield Picture(live, home, counts)


def _told(counts: Counts) -> Text:
    some = Text(f"{counts.requests} open", style="bold yellow" if counts.requests else "")
    return Text.assemble(
        some,
        f" {'request' if counts.requests == 1 else 'requests'} · {counts.waiting} ",
        f"{'run waits' if counts.waiting == 1 else 'runs wait'} for review · ",
        f"{counts.running} at work · {counts.due} due",
    )


def _lasted(seconds: float) -> str:
    """A span in the two units that matter."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
