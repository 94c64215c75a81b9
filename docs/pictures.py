"""Draws docs/queue.svg: what `countersign queue` and `countersign show` really print over the demo's own data.

Run `.venv/bin/python docs/pictures.py`; with `--check` it draws nothing and fails where the picture is out of date.
The clock, the ids and the requester are fixed, so the same code draws the same picture on every machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from agents import drafting, planning, research
from agents.bootstrap import Agents
from agents.documents import Draft, Prospect
from agents.settings import Settings as AgentSettings
from approvals import cli as approvals_cli
from approvals import requests as numbering
from approvals.bootstrap import Approvals, build
from approvals.decisions import Actor
from approvals.people import add_person
from approvals.ports import Person
from approvals.requests import Cost, Evidence, Flag, Identity, Proposed, RunReference
from approvals.settings import Settings
from flows.cli import _render
from flows.demo import MANAGER, PROSPECTS, REQUESTER, REVIEWER, edited
from flows.examiner import ClassExaminer
from flows.steps import CRM_UPDATE, PROPOSAL

PICTURE = Path(__file__).parent / "queue.svg"
OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COLUMNS = 140
LINES = 32
"""How much of one request the picture shows: where it stands, and the beginning of its draft."""


class _Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = OPENED

    def __call__(self) -> datetime:
        return self.now


class _Terminal(io.StringIO):
    """Where a command sees a terminal, so that it folds what is too wide."""

    def isatty(self) -> bool:
        return True


def draw() -> str:
    """The picture as SVG."""
    with tempfile.TemporaryDirectory(prefix="countersign-picture-") as folder, _counted_ids():
        home, clock = Path(folder), _Clock()
        agents = Agents(AgentSettings(home=home, web="offline:"), clock)
        approvals = _approvals(home, agents, clock)
        try:
            shown = asyncio.run(_filled(agents, approvals, clock))
            return _svg(
                _said(approvals, "queue", "--as", REVIEWER),
                _said(approvals, "show", shown, "--as", REVIEWER),
                shown,
            )
        finally:
            approvals.close()


def _approvals(home: Path, agents: Agents, clock: _Clock) -> Approvals:
    for person in (
        Person(email=REQUESTER, name="Rita, RevOps", groups=("revops",)),
        Person(email=REVIEWER, name="Sam, Sales", groups=("sales", "revops")),
        Person(email=MANAGER, name="Mara, Management", groups=("managers",)),
    ):
        add_person(home / "people.toml", person)
    examiner = ClassExaminer(lambda: agents, ("agents",))
    return build(Settings(home=home), examiner=examiner, clock=clock)


async def _filled(agents: Agents, approvals: Approvals, clock: _Clock) -> str:
    """Three proposals: two wait, the third was edited and approved, and its CRM update waits. The first one's id."""
    waiting: list[str] = []
    pages = resources.files("flows.demo").joinpath("pages")
    for number, name in enumerate(PROSPECTS):
        clock.now = OPENED + timedelta(minutes=7 * number)
        with resources.as_file(pages.joinpath(name)) as folder:
            prospect = Prospect(target=str(folder), source_url=f"https://{name}.example/")
            found = await research.research(prospect, web=agents.web, snapshots=agents.snapshots, now=clock)
        brief = found.document
        draft = await drafting.draft_proposal(brief, model=agents.model, catalogue=agents.catalogue)
        asked = _asked(approvals, PROPOSAL, draft, name)
        if name != "kestrel-feinwerk":
            waiting.append(asked)
            continue
        by = Actor(kind="person", id=REVIEWER, via="embedded")
        approvals.service.approve(asked, by, version=1, edited=edited(approvals.service.get(asked).content.value()))
        signed = PROPOSAL.document.model_validate_json(_signed(approvals, asked))
        update = await planning.plan_update(
            signed, brief, crm=agents.crm, catalogue=agents.catalogue, run_key=f"run{number}"
        )
        _asked(approvals, CRM_UPDATE, update, name)
    clock.now = OPENED + timedelta(hours=2)
    return waiting[0]


def _signed(approvals: Approvals, request_id: str) -> str:
    ruling = approvals.service.get(request_id).ruling
    if ruling is None or ruling.document is None:
        raise AssertionError("it was approved above")
    return ruling.document


def _asked(approvals: Approvals, gate: Any, draft: Draft[Any], run: str) -> str:
    """Open a request as a gate does; tells its id."""
    proposed = Proposed(
        identity=Identity(run=run, gate=gate.name, key="picture"),
        kind=gate.kind,
        action=gate.action,
        target="embedded://" if gate.action else None,
        title=draft.title,
        summary=draft.summary,
        document=draft.document.model_dump(mode="json"),
        document_schema=gate.document.model_json_schema(mode="validation"),
        evidence=Evidence.model_validate(
            {
                "sources": [source.model_dump(mode="json") for source in draft.sources],
                "facts": [fact.model_dump(mode="json") for fact in draft.facts],
            }
        ),
        based_on=draft.based_on,
        flags=tuple(Flag.model_validate(flag.model_dump()) for flag in draft.flags),
        cost=Cost.model_validate(draft.cost.model_dump()),
        requester=REQUESTER,
        run=RunReference(id=run, name=run, flow="outreach"),
        policy=gate.terms,
    )
    worker = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))
    return approvals.gatekeeper.open(proposed, worker).id


def _said(approvals: Approvals, *arguments: str) -> str:
    """What the command prints, as the console script runs it."""
    app = approvals_cli.commands(lambda: approvals, render=_render)
    said = _Terminal()
    with contextlib.redirect_stdout(said):
        app(list(arguments), standalone_mode=False)
    return said.getvalue()


@contextlib.contextmanager
def _counted_ids() -> Iterator[None]:
    """Ids that look as ever and are the same each time; and nothing of the caller's settings."""
    before, kept = numbering.secrets, dict(os.environ)
    chosen: Any = random.Random(7)
    numbering.secrets = chosen
    for name in kept:
        if name.startswith(("APPROVALS_", "AGENTS_", "COUNTERSIGN_")):
            del os.environ[name]
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        os.environ.pop(name, None)
    os.environ |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    try:
        yield
    finally:
        numbering.secrets = before
        os.environ.clear()
        os.environ.update(kept)


def _svg(queue: str, request: str, request_id: str) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", highlight=False)
    short = request_id[:4]
    _prompt(console, f"countersign queue --as {REVIEWER}")
    for line in queue.rstrip().splitlines():
        console.print(Text(line), no_wrap=True, crop=False)
    console.print()
    _prompt(console, f"countersign show {short} --as {REVIEWER}")
    for line in request.splitlines()[:LINES]:
        console.print(Text.from_ansi(line.rstrip()))
    console.print(Text("…", style="dim"))
    # Nothing is fetched by whoever looks at it: the font is the viewer's own.
    without_fonts = re.sub(r"<!--.*?-->|@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    drawn = console.export_svg(title="Countersign", code_format=without_fonts, unique_id="queue")
    return "\n".join(line.rstrip() for line in drawn.splitlines()).strip() + "\n"


def _prompt(console: Console, command: str) -> None:
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))


def main() -> int:
    """Draw it, or say whether what is there is what would be drawn."""
    drawn = draw()
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(drawn, encoding="utf-8")
        return 0
    same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == drawn
    print("docs/queue.svg is up to date." if same else "docs/queue.svg is out of date: run docs/pictures.py.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
