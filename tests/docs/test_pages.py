"""Whatever the pages name is there: links, commands, options, targets, code."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pages import ROOT, anchors, blocks, code_spans, name, pages, prose

from flows.cli import app

PAGES = pages()
ENDS = {"|", "||", "&&", ";", ">"}


def _commands(page: Path) -> Iterator[list[str]]:
    """Every command line of a page: what stands after a prompt, and what stands in backticks."""
    for block in blocks(page, "console"):
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            if line.startswith("$ "):
                yield shlex.split(line[2:], comments=True)
    for span in code_spans(prose(page)):
        if re.match(r"(?:countersign|make) [a-z-]+", span):
            yield span.split()


COMMANDS = [(name(page), command) for page in PAGES for command in _commands(page)]


def _ids(one: Any) -> str:
    return one if isinstance(one, str) else " ".join(one)[:60]


# -- links -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_something(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (place and place not in anchors(file)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_folder_of_somebodys_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    absolute = set(re.findall(r"(?<![\w.:/~>}])/[a-z][\w.-]*(?:/[\w.{}-]+)+", text))

    assert {path for path in absolute if not path.startswith("/api/")} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_is_unfinished_or_full_of_fog(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    words = ("todo", "tbd", "lorem", "seamless", "leverage", "cutting-edge", "state-of-the-art", "powerful", "robust")

    assert [word for word in words if re.search(rf"\b{word}\b", text)] == []


# -- commands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "command"), [one for one in COMMANDS if one[1][0] == "countersign"], ids=_ids)
def test_every_command_of_ours_exists_with_its_options(page: str, command: list[str]) -> None:
    found: Any = typer.main.get_command(app)
    words = list(takewhile(lambda word: word not in ENDS, command[1:]))
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]

    assert found is not typer.main.get_command(app)
    assert not getattr(found, "commands", {}) or not words, f"{page}: {' '.join(command)}"
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize(("page", "command"), [one for one in COMMANDS if one[1][0] == "make"], ids=_ids)
def test_every_target_of_make_exists(page: str, command: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert {word for word in command[1:] if "=" not in word} <= targets, page


def test_enough_commands_are_named_for_the_checks_above_to_prove_something() -> None:
    assert len({" ".join(command[:2]) for _, command in COMMANDS}) > 25


def test_contributing_lists_every_target_of_make() -> None:
    described = re.findall(r"^([a-z-]+):.*?## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    listed = re.findall(
        r"^\| `make ([a-z-]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert set(described) == set(listed)


# -- code --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_code_parses(page: Path) -> None:
    for block in blocks(page):
        match block.language:
            case "python":
                ast.parse(block.text)
            case "toml":
                tomllib.loads(block.text)
            case "json":
                json.loads(block.text)
            case "yaml":
                yaml.safe_load("pool: &pool {}\nlist:\n" + block.text)
            case language:
                assert language in ("", "console", "mermaid")


# -- decisions ---------------------------------------------------------------------------------------------------

ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))


@pytest.mark.parametrize("page", ADRS, ids=name)
def test_every_decision_tells_context_choice_and_cost(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert re.match(rf"# {int(page.name[:4])}\. ", text)
    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Choice", "Cost"]


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in ADRS] == list(range(1, len(ADRS) + 1))


def test_every_decision_that_the_code_points_to_is_there() -> None:
    sources = [
        ROOT / "pyproject.toml",
        *(path for part in ("agents", "approvals", "flows") for path in (ROOT / part).rglob("*.py")),
    ]
    named = {number for path in sources for number in re.findall(r"docs/adr/(\d{4})", path.read_text(encoding="utf-8"))}

    assert named
    assert named <= {page.name[:4] for page in ADRS}


def test_commits_are_checked_by_tools_that_are_here() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]

    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0] for hook in hooks} == {
        f".venv/bin/{tool}" for tool in ("ruff", "mypy", "lint-imports")
    }
