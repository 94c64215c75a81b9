"""The commands `research` and `crm`, mounted by `flows.cli`. Errors are one sentence on stderr and exit code 1."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.bootstrap import Agents, build
from agents.crm import SetsUp
from agents.documents import Brief, Draft, Prospect, dump
from agents.errors import AgentError, UnknownObject
from agents.ports import Record

crm_app = typer.Typer(name="crm", help="Look into the CRM.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@contextmanager
def refusals() -> Iterator[None]:
    """What agents refuse, as one sentence on stderr and exit code 1."""
    try:
        yield
    except AgentError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from error


def research_command(
    target: Annotated[str, typer.Argument(help="Web address, domain, saved page, folder, or text after `text:`.")],
    name: Annotated[
        str | None, typer.Option("--name", help="The company's name, where the target does not say it.")
    ] = None,
    source_url: Annotated[str | None, typer.Option("--source-url", help="Where a saved page came from.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read a company's pages and print what they say, each fact with its exact quote."""
    with refusals():
        agents = build()
        draft = asyncio.run(_research(agents, Prospect(target=target, name=name, source_url=source_url)))
        if as_json:
            _print_json(_brief_json(draft))
        else:
            _show_brief(draft)


async def _research(agents: Agents, prospect: Prospect) -> Draft[Brief]:
    from agents.research import research

    return await research(
        prospect,
        web=agents.web,
        snapshots=agents.snapshots,
        now=agents.clock,
        profile=agents.profile,
        elsewhere=agents.sources,
    )


@crm_app.command("list")
def list_records(as_json: AsJson = False) -> None:
    """List every record: companies, contacts and deals."""
    with refusals():
        records = build().crm.records()
    if as_json:
        _print_json([dump(record) for record in records])
        return
    if not records:
        typer.echo("The CRM holds no records yet.")
        return
    table = _table("Object", "Key", "Name", "Version")
    for record in records:
        _row(table, record.object, record.key, record.fields.get("name", ""), record.version)
    _console().print(table)


@crm_app.command("show")
def show_record(
    key: Annotated[str, typer.Argument(help="The record's key, such as co:halden.example.")], as_json: AsJson = False
) -> None:
    """Show one record with its notes, associations and the history of its fields."""
    with refusals():
        crm = build().crm
        record = next((found for kind in crm.describe() if (found := crm.read(kind, key))), None)
        if record is None:
            _nothing_under(key)
        shown = {
            **dump(record),
            "associations": [dump(link) for link in crm.associations(record.object, key)],
            "notes": [dump(note) for note in crm.notes(key)],
            "history": [dump(change) for change in crm.history(record.object, key)],
        }
    if as_json:
        _print_json(shown)
    else:
        _show_record(record, shown)


@crm_app.command("setup")
def set_up_crm() -> None:
    """Make what Countersign needs in the CRM of AGENTS_CRM, such as properties of its own; harmless to repeat."""
    with refusals():
        crm = build().crm
        if not isinstance(crm, SetsUp):
            typer.echo(f"{crm.address} needs no setting up.")
            return
        for sentence in crm.set_up():
            typer.echo(sentence)


def _nothing_under(key: str) -> NoReturn:
    raise UnknownObject(f"The CRM has no record {key!r}. `countersign crm list` shows the ones there are.")


# -- how it is printed -------------------------------------------------------------------------------------------


def _brief_json(draft: Draft[Brief]) -> dict[str, Any]:
    brief = draft.document
    addresses = {source.id: source.address for source in brief.sources}
    return {
        "entity": dump(brief.entity),
        "language": brief.language,
        "facts": [
            {"key": fact.key.value, "value": fact.value, "quote": fact.quote, "source": addresses[fact.source_id]}
            for fact in brief.facts
        ],
        "open_questions": list(brief.open_questions),
        "not_found": [key.value for key in brief.not_found],
        **({"score": [dump(point) for point in brief.score]} if brief.score else {}),
        "flags": [dump(flag) for flag in draft.flags],
    }


def _show_brief(draft: Draft[Brief]) -> None:
    console, brief = _console(), draft.document
    addresses = {source.id: source.address for source in brief.sources}
    console.print(Text(_safe(brief.entity.name), style="bold"), Text(_safe(brief.entity.domain or "")))
    if brief.facts:
        table = _table("Fact", "Value", "Quote", "Source")
        for fact in brief.facts:
            _row(table, fact.key.value, fact.value, f"“{fact.quote}”", addresses[fact.source_id])
        console.print(table)
    else:
        console.print("Nothing was found.")
    got, most = brief.points
    for heading, lines in (
        (f"Lead score {got} of {most}", tuple(f"{one.points:+} of {one.out_of:+}: {one.says}" for one in brief.score)),
        ("Open questions", brief.open_questions),
        ("To look at", tuple(f"{flag.severity}: {flag.message}" for flag in draft.flags)),
    ):
        if lines:
            console.print(Text(heading, style="bold"))
        for line in lines:
            console.print(Text(f"- {_safe(line)}"))


def _show_record(record: Record, shown: dict[str, Any]) -> None:
    console = _console()
    console.print(Text(f"{record.object} {_safe(record.key)}, version {record.version}", style="bold"))
    fields = _table("Field", "Value")
    for field, value in record.fields.items():
        _row(fields, field, value)
    console.print(fields)
    for link in shown["associations"]:
        console.print(Text(f"Linked with {link['object']} {_safe(link['key'])}"))
    for note in shown["notes"]:
        console.print(Text(f"\nNote {_safe(note['key'])}, {note['at']}", style="bold"))
        console.print(Text(_safe(note["body"], lines=True)))
    history = _table("When", "Who", "Field", "Before", "After")
    for change in shown["history"]:
        _row(history, change["at"], change["by"], change["field"], change["before"] or "", change["after"] or "")
    console.print(history)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _console() -> Console:
    console = Console(highlight=False, emoji=False)
    # A pipe has no width: lines stay whole there, so that nothing is cropped or broken.
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=100_000)


def _table(*headings: str) -> Table:
    table = Table(*headings, header_style="bold", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(_safe(cell)) for cell in cells))


def _safe(text: str, *, lines: bool = False) -> str:
    """Text from outside without what would steer a terminal."""
    kept = "\n" if lines else ""
    return "".join(one if one in kept or unicodedata.category(one) not in {"Cc", "Cf"} else " " for one in text)
