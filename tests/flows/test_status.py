"""What a terminal shows of `up`, and what a file does."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows.parts import Standing, Stands
from flows.status import Counts, Picture, Plain, status


def standing(name: str, stands: Stands = "running", *, since: float = 125, deaths: int = 0) -> Standing:
    return Standing(
        name, stands, since, None if stands == "waits to start again" else 1, deaths, Path(f"logs/{name}.log")
    )


PARTS = (standing("server"), standing("queue"), standing("worker", since=3_700))


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def read(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_terminal_shows_parts_addresses_and_what_there_is_to_do(tmp_path: Path) -> None:
    console = terminal()
    with status(tmp_path, lambda: Counts(3, 1, 0, 4), console) as told:
        told.tell("Starting the server …")
        told.note("Queue", "http://127.0.0.1:4280/queue")
        told.show(PARTS)

    shown = read(console)
    assert isinstance(told, Picture)
    assert "Starting the server …" in shown
    assert "http://127.0.0.1:4280/queue" in shown
    assert "4 open requests · 3 runs wait for review · 1 at work · 0 due" in shown
    assert "2 min 5 s" in shown
    assert "1 h 1 min" in shown


def test_a_part_that_died_is_shown_with_its_log(tmp_path: Path) -> None:
    console = terminal()
    with status(tmp_path, lambda: None, console) as told:
        told.show((*PARTS[:2], standing("worker", "waits to start again", deaths=2)))

    assert "waits to start again" in read(console)
    assert "died 2 times  logs/worker.log" in read(console)


def test_nothing_is_counted_before_every_part_runs(tmp_path: Path) -> None:
    counted: list[int] = []

    def count() -> Counts:
        counted.append(1)
        return Counts(0, 0, 0, 0)

    with status(tmp_path, count, terminal()) as told:
        told.show(PARTS[:1])
        told.show((standing("server"), standing("queue", "starting")))
        before = len(counted)
        told.show(PARTS)

    assert (before, len(counted)) == (0, 1)


def test_where_nobody_looks_there_are_lines_and_nothing_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def count() -> Counts:
        raise AssertionError("nobody asked")

    with status(tmp_path, count, Console(file=io.StringIO())) as told:
        told.tell("Starting the server …")
        told.note("Queue", "http://127.0.0.1:4280/queue")
        told.show(PARTS)

    assert type(told) is Plain
    assert capsys.readouterr().out == "Starting the server …\nQueue        http://127.0.0.1:4280/queue\n"
