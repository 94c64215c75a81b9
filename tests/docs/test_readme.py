"""README promises nothing that is not there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest
from pages import README, ROOT, blocks, name, pages, prose, rows, section

NAMED = sorted({named for page in pages() for named in re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", prose(page))})


def test_it_can_be_read_at_one_sitting() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()

    assert len(lines) < 180


def test_the_flow_it_shows_is_the_flow_that_runs() -> None:
    shown = blocks(README, "python")[0].text

    assert (ROOT / "flows" / "outreach.py").read_text(encoding="utf-8").endswith(shown)


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_exists(named: str) -> None:
    path, _, function = named.partition("::")

    assert (ROOT / path).exists()
    tests = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not function or function in tests


def test_enough_is_named_for_the_check_above_to_prove_something() -> None:
    assert len(NAMED) > 15


def test_every_promise_says_what_shows_it() -> None:
    promises = rows(section(README, "What it promises"))

    assert len(promises) > 15
    assert [promise for promise, shown in promises if "tests/" not in shown] == []


def test_the_picture_is_what_the_commands_print_today() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "pictures.py"), "--check"],
        env=dict(os.environ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"({name(ROOT / 'docs' / 'queue.svg')})" in README.read_text(encoding="utf-8")


def test_the_picture_fetches_nothing_and_tells_nothing_of_the_machine_it_was_drawn_on() -> None:
    drawn = (ROOT / "docs" / "queue.svg").read_text(encoding="utf-8")

    assert re.findall(r"https?://[^\s\"]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert "file:" not in drawn
