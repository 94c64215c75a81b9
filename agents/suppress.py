"""The commands `suppress`: who is not to be approached. Errors are one sentence on stderr and exit code 1."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from agents.bootstrap import build, utc_now
from agents.cli import AsJson, refusals
from agents.documents import dump
from agents.errors import SuppressionInvalid
from agents.ports import Suppression
from agents.suppressing import Subject, digests, subject_of

suppress_app = typer.Typer(name="suppress", help="Keep a list of who is not to be approached.", no_args_is_help=True)

Who = Annotated[
    list[str] | None, typer.Argument(metavar="WHO…", help="E-mail addresses or domains, such as halden.example.")
]
File = Annotated[
    Path | None,
    typer.Option(
        "--csv", help="CSV file whose column `who`, `email` or `domain` names them; `sha256` takes digests as they are."
    ),
]

_COLUMNS = ("who", "email", "domain")


@suppress_app.command("add")
def add(
    who: Who = None,
    file: File = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; told wherever somebody is kept out.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who put them there.")] = "",
) -> None:
    """Put people or companies on the list. A domain stands for every address at it and every host below it."""
    with refusals():
        now = utc_now()
        entries = [
            Suppression(sha256=digest, kind=kind, reason=told or reason, at=now, by=by)
            for digest, kind, told in _named(who or [], file)
        ]
        added = build().suppressed.add(entries)
    there = len(entries) - added
    typer.echo(f"Added {added}{f'; {there} were on the list already' if there else ''}.")


@suppress_app.command("remove")
def remove(who: Who = None, file: File = None) -> None:
    """Take people or companies off the list."""
    with refusals():
        named = [digest for digest, _, _ in _named(who or [], file)]
        removed = build().suppressed.remove(named)
    typer.echo(f"Removed {removed}.")


@suppress_app.command("list")
def list_entries(as_json: AsJson = False) -> None:
    """List the entries. They are digests: the list itself names nobody."""
    with refusals():
        entries = build().suppressed.entries()
    if as_json:
        typer.echo(json.dumps([dump(entry) for entry in entries], ensure_ascii=False, indent=2))
    for entry in entries if not as_json else ():
        typer.echo(f"{entry.sha256[:16]}  {entry.kind:6}  {entry.at:%Y-%m-%d}  {entry.reason}".rstrip())
    if not entries and not as_json:
        typer.echo("Nobody is on the list.")


@suppress_app.command("check")
def check(who: Annotated[str, typer.Argument(metavar="WHO", help="An e-mail address or a domain.")]) -> None:
    """Say whether somebody is on the list; exit 1 where they are."""
    with refusals():
        subject = subject_of(who)
        found = build().suppressed.find(digests(who))
    if found is None:
        typer.echo(f"{subject.text} is not on the list.")
        return
    typer.echo(f"{subject.text} is on the list since {found.at:%Y-%m-%d}{f': {found.reason}' if found.reason else ''}.")
    raise typer.Exit(1)


def _named(who: list[str], file: Path | None) -> Iterator[tuple[str, str, str]]:
    """Digest, kind and reason of everybody named."""
    if not who and file is None:
        raise SuppressionInvalid("Name an e-mail address or a domain, or a file with --csv.")
    for text in who:
        subject = subject_of(text)
        yield subject.sha256, subject.kind, ""
    if file is not None:
        yield from _of_file(file)


def _of_file(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            columns = reader.fieldnames or []
            if "sha256" not in columns and not set(_COLUMNS) & set(columns):
                told = ", ".join(columns) or "nothing"
                raise SuppressionInvalid(
                    f"{str(path)!r} has none of the columns who, email, domain or sha256 (it has: {told})."
                )
            for row in reader:
                yield from _of_row(path, reader.line_num, row)
    except (OSError, UnicodeDecodeError) as error:
        raise SuppressionInvalid(f"The file {str(path)!r} cannot be read ({error}).") from error


def _of_row(path: Path, line: int, row: dict[str, str | None]) -> Iterator[tuple[str, str, str]]:
    reason = (row.get("reason") or "").strip()
    if digest := (row.get("sha256") or "").strip().lower():
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise SuppressionInvalid(f"{str(path)!r}, line {line}: {digest!r} is no sha256, 64 digits of 0 to f.")
        yield digest, "domain" if row.get("kind") == "domain" else "email", reason
        return
    for text in (row.get(column) for column in _COLUMNS):
        if text and text.strip():
            subject: Subject = _subject(path, line, text)
            yield subject.sha256, subject.kind, reason


def _subject(path: Path, line: int, text: str) -> Subject:
    try:
        return subject_of(text)
    except SuppressionInvalid as error:
        raise SuppressionInvalid(f"{str(path)!r}, line {line}: {error}") from error
