"""The demo in a terminal: somebody decides, or `--auto` plays the reviewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import typer

from approvals.bootstrap import Approvals
from approvals.characters import visible
from approvals.editing import with_field
from approvals.errors import ApprovalError
from approvals.lifecycle import State
from approvals.ports import Wanted
from approvals.requests import Request
from flows import composition
from flows.demo import Outcome, Review, Stopped, play, reviewer, scripted, stage

_CHOICES = "[a]pprove  [e]dit  send [b]ack  [r]eject  show a[g]ain  [q]uit"
_WIDTH = 100
_TOLD = ("name", "amount", "stage")


def run_demo(home: Path, *, auto: bool, show: Callable[[str], None]) -> int:
    """Run the demo and tell what happened; the exit code: 0 only if all of it is as signed and the record verifies."""
    begun = time.monotonic()

    def tell(sentence: str) -> None:
        typer.echo(f"[{time.monotonic() - begun:5.1f} s] {visible(sentence)}")

    with stage(home, tell):
        try:
            outcome = play(scripted(tell) if auto else _asking(show), tell)
        except (Stopped, typer.Abort, KeyboardInterrupt):
            typer.echo("Left. Nothing of the demo is kept.")
            return 0
        _summarise(outcome)
    if outcome.problems:
        for problem in outcome.problems:
            typer.echo(f"NOT AS SIGNED: {problem}", err=True)
        return 1
    typer.echo("All of it is as signed, and the record verifies.")
    return 0


def _asking(show: Callable[[str], None]) -> Review:
    def review(approvals: Approvals, request: Request) -> None:
        typer.echo("─" * _WIDTH)
        show(request.id)
        while True:
            choice = typer.prompt(_CHOICES, default="a").strip().lower()[:1]
            try:
                if _done(approvals, approvals.service.get(request.id), choice, show):
                    return
            except ApprovalError as error:
                typer.echo(str(error), err=True)

    return review


def _done(approvals: Approvals, request: Request, choice: str, show: Callable[[str], None]) -> bool:
    service, by, version = approvals.service, reviewer(), request.version
    match choice:
        case "a":
            service.approve(request.id, by, version=version, vouched=_vouched(approvals, request))
        case "e":
            document = request.content.value()
            typer.echo("One change a line, such as  sections.0.claims.0.text=New words  (an empty line ends).")
            while change := typer.prompt("change", default="", show_default=False):
                path, _, value = change.partition("=")
                document = with_field(document, path.strip(), value)
            service.approve(request.id, by, version=version, edited=document, vouched=_vouched(approvals, request))
        case "b":
            service.send_back(request.id, by, version=version, feedback=typer.prompt("What should be different?"))
        case "r":
            service.reject(request.id, by, version=version, reason=typer.prompt("Why?"))
        case "g":
            show(request.id)
            return False
        case "q":
            raise Stopped
        case _:
            return False
    return True


def _vouched(approvals: Approvals, request: Request) -> tuple[str, ...]:
    unsupported = approvals.service.examine(request).unsupported
    if not unsupported:
        return ()
    typer.echo(f"No source supports: {', '.join(unsupported)}.")
    return unsupported if typer.confirm("Do you answer for that with your name?") else ()


def _summarise(outcome: Outcome) -> None:
    approvals, crm = composition.approvals(), composition.agents().crm
    typer.echo("─" * _WIDTH)
    for name, state in outcome.runs.items():
        typer.echo(f"{name:<20} run ended: {state}")
    with approvals.store.read() as transaction:
        requests = transaction.page(Wanted(), limit=100).requests
    for request in sorted(requests, key=lambda one: one.opened_at):
        typer.echo(f"  {visible(request.title):<46} {_fate(request)}")
    typer.echo("What landed in the CRM:")
    for record in crm.records():
        told = ", ".join(
            f"{name} {value}" for name, value in record.fields.items() if name in ("name", "amount", "stage")
        )
        typer.echo(f"  {record.object:<8} {record.key:<44} {visible(told)}")
    typer.echo(f"  {len(crm.notes())} notes, each the text of a signed proposal")
    typer.echo(f"The record: {outcome.entries} entries, head {outcome.head[:16]}…")


def _fate(request: Request) -> str:
    ruling = request.ruling
    if ruling is None:
        return f"{request.state.value} (nobody has decided)"
    how = "edited and approved" if ruling.edited and request.state is State.APPROVED else request.state.value
    return f"{how} by {ruling.by}" + (f" ({ruling.rule})" if ruling.rule else "")
