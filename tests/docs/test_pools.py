"""The job templates, the image and the units that ship as examples, held against what Prefect and systemd take."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect
import pytest
import typer
from pages import ROOT
from prefect.utilities.schema_tools.validation import validate

from flows.cli import app
from flows.prefect_server import Addresses, settings_for

POOLS = ROOT / "docs" / "pools"
UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))
OURS = {"countersign", "prefect"}

SHIPPED: dict[str, Any] = json.loads(
    (Path(prefect.__file__).parent / "server/api/collections_data/views/aggregate-worker-metadata.json").read_text()
)
TYPES = {"docker": SHIPPED["prefect-docker"]["docker"], "kubernetes": SHIPPED["prefect-kubernetes"]["kubernetes"]}


def template(type_: str) -> Any:
    return json.loads((POOLS / f"{type_}.json").read_text(encoding="utf-8"))


def placeholders(value: Any) -> set[str]:
    """Every name that a template stands open for."""
    return set(re.findall(r"\{\{\s*([\w.-]+)\s*\}\}", json.dumps(value)))


def defaults(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: one["default"] for name, one in properties.items() if "default" in one}


def rows_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a value with its place."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from rows_of(one, f"{path}.{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from rows_of(one, f"{path}.{number}")
    else:
        yield path, value


# -- job templates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", TYPES)
def test_a_job_template_changes_nothing_of_prefects_own_but_defaults_and_adds_to_its_manifest(type_: str) -> None:
    ours, theirs = template(type_), TYPES[type_]["default_base_job_configuration"]

    mine, given = ours["variables"]["properties"], theirs["variables"]["properties"]
    assert mine.keys() == given.keys()
    for name, one in given.items():
        assert {**mine[name], "default": 0} == {**one, "default": 0}, name
    assert dict(rows_of(theirs["job_configuration"])).items() <= dict(rows_of(ours["job_configuration"])).items()
    assert ours["variables"]["definitions"] == theirs["variables"]["definitions"]


@pytest.mark.parametrize("type_", TYPES)
def test_what_a_job_template_sets_is_valid_and_every_placeholder_has_a_variable(type_: str) -> None:
    ours = template(type_)
    properties = ours["variables"]["properties"]

    validate(defaults(properties), ours["variables"], raise_on_error=True)

    open_for = placeholders(ours["job_configuration"])
    assert open_for <= properties.keys()
    assert placeholders(defaults(properties)) <= {"prefect.blocks.secret.approvals-store"}
    settings = settings_for(Path("home"), Addresses(prefect="", queue="", home="", pid=0))
    known = settings.keys() | {"APPROVALS_STORE", "APPROVALS_PUBLIC_URL"}
    assert properties["env"]["default"].keys() <= known


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
@pytest.mark.parametrize("type_", TYPES)
def test_prefects_server_takes_a_pool_with_the_job_template(
    type_: str, prefect_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("work-pool", "create", f"example-{type_}", "--type", type_, "--overwrite")
    environment = {**os.environ, **prefect_server.environment}
    with_template = ("--base-job-template", str(POOLS / f"{type_}.json"))

    made = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *command, *with_template],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stdout + made.stderr


# -- the image ---------------------------------------------------------------------------------------------------


def test_the_image_copies_what_there_is_and_begins_with_a_module_of_prefects() -> None:
    lines = (POOLS / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]

    assert {"agents", "approvals", "flows", "pyproject.toml", "constraints.txt"} <= set(copied)
    assert [one for one in copied if not (ROOT / one).exists()] == []
    assert 'CMD ["python", "-m", "prefect.engine"]' in lines
    assert "USER countersign" in lines


# -- units -------------------------------------------------------------------------------------------------------


def unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def commands(path: Path) -> list[list[str]]:
    service = unit(path)["Service"]
    return [service[name].split() for name in ("ExecStartPre", "ExecStart") if name in service]


def of_countersign(words: list[str]) -> bool:
    """Whether this is a command of ours with options that it has."""
    found: Any = typer.main.get_command(app)
    words = list(words)
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]
    known = {option for parameter in found.params for option in parameter.opts}
    return found is not typer.main.get_command(app) and {word for word in words if word[:2] == "--"} <= known


def of_prefect(words: list[str]) -> bool:
    """Whether this is a command of Prefect's with options that it has."""
    subcommand = [word for word in words if not word.startswith("-")]
    begin = subcommand[: {"server": 2, "worker": 2, "work-pool": 2, "deploy": 1}[subcommand[0]]]
    asked = [sys.executable, "-m", "prefect", *begin, "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"})
    after = words[words.index(begin[-1]) + 1 :]
    return told.returncode == 0 and all(word in told.stdout for word in after if word.startswith("--"))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_unit_starts_a_command_that_there_is(path: Path) -> None:
    for program, *words in commands(path):
        name = Path(program).name
        assert name in OURS
        assert of_countersign(words) if name == "countersign" else of_prefect(words), words
    assert unit(path)["Service"]["User"] == "countersign"


def test_the_units_settings_are_those_of_up() -> None:
    text = (ROOT / "docs" / "systemd" / "countersign.env").read_text(encoding="utf-8")
    set_there = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    addresses = Addresses(prefect="http://127.0.0.1:4200", queue="http://127.0.0.1:4280", home="", pid=0)

    assert set_there == settings_for(Path(set_there["COUNTERSIGN_HOME"]), addresses)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/countersign/.venv/bin/", f"{tmp_path}/")
        # Of a user and a folder that are not here it knows nothing.
        text = text.replace("User=countersign", "User=root").replace("=/opt/countersign", f"={tmp_path}")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    for name in OURS:
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / path.name) for path in UNITS)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )

    named = [line for line in checked.stderr.splitlines() if "countersign" in line]
    assert named == [], checked.stderr
