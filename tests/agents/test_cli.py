from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.applying import apply_update
from agents.bootstrap import build
from agents.changes import AddNote, Associate, Create, SetField
from agents.cli import crm_app, research_command
from agents.documents import CrmUpdate, EntityRef

PAGE = """<html><head><title>Velmar Haulage</title></head><body><h1>Velmar Haulage</h1>
<p>Velmar Haulage is a haulage company, founded in 1987 in Lund. It carries chilled food for producers in the whole of
the north and has never lost the pleasure in doing so.</p></body></html>"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(PAGE, encoding="utf-8")
    return path


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command("research")(research_command)
    app.add_typer(crm_app)
    return CliRunner().invoke(app, list(arguments))


def filled() -> None:
    agents = build()
    update = CrmUpdate(
        crm=agents.crm.address,
        entity=EntityRef(name="Velmar"),
        changes=(
            Create(object="company", key="co:velmar.example", fields={"name": "Velmar [bold]Haulage", "phone": "1"}),
            Create(object="deal", key="dl:velmar.example:r1", fields={"name": "Offer", "amount": "10.00"}),
            SetField(object="company", key="co:velmar.example", field="phone", before="1", after="2"),
            AddNote(key="nt:r1", object="company", about="co:velmar.example", body="Signed.\n" + "long " * 60),
            Associate(object="deal", key="dl:velmar.example:r1", to_object="company", to_key="co:velmar.example"),
        ),
    )
    asyncio.run(apply_update(update, crm=agents.crm, by="anna"))


def test_research_prints_json_alone(home: Path, page: Path) -> None:
    result = run("research", str(page), "--source-url", "https://velmar.example/", "--json")

    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["entity"]["domain"] == "velmar.example"
    assert {"entity", "facts", "open_questions", "flags"} <= set(told)
    founded = next(fact for fact in told["facts"] if fact["key"] == "founded")
    assert founded["value"] == "1987"
    assert "founded in 1987" in founded["quote"]
    assert founded["source"].endswith("page.html")
    assert all(set(fact) == {"key", "value", "quote", "source"} for fact in told["facts"])


def test_research_for_people_crops_nothing_in_a_pipe(home: Path, page: Path) -> None:
    result = run("research", str(page), "--name", "Velmar Haulage")

    assert result.exit_code == 0
    assert "Velmar Haulage is a haulage company, founded in 1987 in Lund." in result.stdout
    assert "…" not in result.stdout


def test_research_needs_no_crm(monkeypatch: pytest.MonkeyPatch, home: Path, page: Path) -> None:
    monkeypatch.setenv("AGENTS_CRM", "nothing://")

    assert run("research", str(page), "--json").exit_code == 0
    assert not (home / "crm.sqlite").exists()


def test_a_target_that_is_not_there_is_one_sentence_and_exit_code_1(home: Path, tmp_path: Path) -> None:
    result = run("research", str(tmp_path / "nowhere.html"))

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "nowhere.html" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def test_a_missing_argument_is_exit_code_2(home: Path) -> None:
    assert run("research").exit_code == 2
    assert run("crm", "show").exit_code == 2


def test_steering_characters_from_a_page_do_not_reach_the_terminal(home: Path, page: Path) -> None:
    page.write_text(PAGE.replace("in Lund", "in Lund \x1b[2J\u202e here"), encoding="utf-8")

    result = run("research", str(page))

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout


def test_an_empty_crm_lists_nothing(home: Path) -> None:
    assert run("crm", "list").stdout == "The CRM holds no records yet.\n"
    assert json.loads(run("crm", "list", "--json").stdout) == []


def test_the_records_are_listed(home: Path) -> None:
    filled()

    listed = json.loads(run("crm", "list", "--json").stdout)

    assert [(one["object"], one["key"], one["version"]) for one in listed] == [
        ("company", "co:velmar.example", "2"),
        ("deal", "dl:velmar.example:r1", "1"),
    ]
    assert "Velmar [bold]Haulage" in run("crm", "list").stdout


def test_a_record_is_shown_with_notes_links_and_history(home: Path) -> None:
    filled()

    shown = json.loads(run("crm", "show", "co:velmar.example", "--json").stdout)

    assert shown["fields"] == {"name": "Velmar [bold]Haulage", "phone": "2"}
    assert shown["associations"] == [{"object": "deal", "key": "dl:velmar.example:r1"}]
    assert [note["key"] for note in shown["notes"]] == ["nt:r1"]
    assert [(one["field"], one["before"], one["after"], one["by"]) for one in shown["history"]] == [
        ("name", None, "Velmar [bold]Haulage", "anna"),
        ("phone", None, "1", "anna"),
        ("phone", "1", "2", "anna"),
    ]


def test_a_record_is_shown_whole_to_people(home: Path) -> None:
    filled()

    told = run("crm", "show", "co:velmar.example").stdout

    assert ("long " * 60).strip() in told
    assert "Linked with deal dl:velmar.example:r1" in told
    assert "anna" in told


def test_a_record_that_is_not_there_is_one_sentence_and_exit_code_1(home: Path) -> None:
    result = run("crm", "show", "co:nobody.example")

    assert result.exit_code == 1
    assert result.stderr == (
        "The CRM has no record 'co:nobody.example'. `countersign crm list` shows the ones there are.\n"
    )


def test_a_wrong_setting_is_one_sentence_and_exit_code_1(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("AGENTS_CRM", "gopher://crm")

    result = run("crm", "list", "--json")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "'gopher://crm'" in result.stderr
