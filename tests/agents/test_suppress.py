from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.suppress import suppress_app
from agents.suppressing import subject_of

DIGEST = subject_of("kestrel.example").sha256


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(suppress_app, list(arguments), catch_exceptions=False)


def test_whoever_is_added_is_on_the_list_until_they_are_removed() -> None:
    added = run("add", "Halden.example", "mailto:Anna@kestrel.example", "--reason", "asked by letter", "--by", "rita")
    on, below = run("check", "halden.example"), run("check", "joe@shop.halden.example")
    removed = run("remove", "https://www.halden.example/")
    off = run("check", "halden.example")

    assert added.output == "Added 2.\n"
    assert (on.exit_code, below.exit_code, off.exit_code) == (1, 1, 0)
    assert "halden.example is on the list since" in on.output
    assert ": asked by letter." in on.output
    assert removed.output == "Removed 1.\n"
    assert off.output == "halden.example is not on the list.\n"


def test_the_list_names_nobody() -> None:
    empty = run("list")
    run("add", "halden.example", "--reason", "asked by letter")

    told, values = run("list"), json.loads(run("list", "--json").output)

    assert empty.output == "Nobody is on the list.\n"
    assert "halden" not in told.output
    assert "asked by letter" in told.output
    assert values[0]["sha256"] == subject_of("halden.example").sha256


def test_adding_again_changes_nothing() -> None:
    run("add", "halden.example")

    assert run("add", "halden.example", "kestrel.example").output == "Added 1; 1 were on the list already.\n"


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("who,reason\nhalden.example,asked\nanna@kestrel.example,\n", 2),
        ("\ufeffemail\nanna@halden.example\n\njoe@halden.example\n", 2),
        (f"sha256,kind\n{DIGEST},domain\n", 1),
        ("email,domain\nanna@halden.example,kestrel.example\n", 2),
    ],
    ids=["who", "e-mail", "digests", "both"],
)
def test_a_file_is_read_line_by_line(tmp_path: Path, text: str, added: int) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")

    assert run("add", "--csv", str(path)).output == f"Added {added}.\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("who\nhalden.example\nnobody\n", "line 3: 'nobody' is neither"),
        ("name\nHalden\n", "none of the columns who, email, domain or sha256 (it has: name)"),
        ("sha256\nabc\n", "line 2: 'abc' is no sha256"),
    ],
)
def test_a_file_that_is_wrong_adds_nobody(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)

    refused = run("add", "--csv", str(path))

    assert refused.exit_code == 1
    assert says in refused.stderr
    assert run("list").output == "Nobody is on the list.\n"


@pytest.mark.parametrize("arguments", [("add",), ("remove",)])
def test_nobody_named_is_a_sentence(arguments: tuple[str, ...]) -> None:
    refused = run(*arguments)

    assert refused.exit_code == 1
    assert "Name an e-mail address or a domain" in refused.stderr


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    assert "cannot be read" in run("add", "--csv", str(tmp_path / "none.csv")).stderr
