"""Commands that act on a request. Each asks the service, like every other surface."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from approvals.canonical import canonical
from approvals.cli.counter import As, Counter, RequestId, Session
from approvals.cli.terminal import note, refusing, say
from approvals.decisions import Approve, Edit, Reject, Return, Verdict
from approvals.differences import differences
from approvals.editing import parsed, with_field
from approvals.errors import ApprovalError
from approvals.lifecycle import PAST_TENSE
from approvals.rendering import difference_lines, instant
from approvals.requests import Request

File = Annotated[str | None, typer.Option("--file", metavar="PATH", help="JSON of the whole document; - reads it.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one field, such as lines.0.quantity=3; may be repeated."),
]
Version = Annotated[int | None, typer.Option("--version", help="The version you read; the current one, if not said.")]
Recall = Annotated[int, typer.Option("--recall", min=0, help="Seconds to take it back, up to the policy's.")]


def register(app: typer.Typer, counter: Counter) -> None:
    """Add the commands."""

    @app.command("approve")
    @refusing
    def approve(
        request_id: RequestId,
        file: File = None,
        fields: Set = None,
        vouch: Annotated[
            list[str] | None, typer.Option("--vouch", metavar="CLAIM", help="A claim you answer for by name.")
        ] = None,
        version: Version = None,
        recall: Recall = 0,
        who: As = None,
    ) -> None:
        """Sign what you have typed on the current version, or else the draft; with your changes, if you give any."""
        with counter.session(who) as at:
            request = _to_act_on(at, request_id)
            document = _edited(at, request, file, fields)
            vouched = tuple(vouch or ())
            same = canonical(document) == request.content.document
            verdict = Approve(vouched=vouched) if same else Edit(document=document, vouched=vouched)
            _decide(at, request, verdict, version, recall)

    @app.command("edit")
    @refusing
    def edit(
        request_id: RequestId,
        file: File = None,
        fields: Set = None,
        editor: Annotated[
            bool, typer.Option("--editor", help="Open $EDITOR, which is done without options too.")
        ] = False,
        version: Version = None,
        who: As = None,
    ) -> None:
        """Keep your changes as a working copy. Decides nothing; `approve` signs it."""
        with counter.session(who) as at:
            request = _to_act_on(at, request_id)
            document = _edited(at, request, file, fields)
            if editor or not (file or fields):
                document = _from_editor(document, request)
            number = request.version if version is None else version
            at.approvals.service.save_working_copy(request.id, document, at.by, version=number)
            changes = differences(request.content.value(), document)
            say(f"Kept your working copy of {request.id}, version {number}; nothing is decided.")
            _say_changes(changes, "It is the same as the draft.")
            _say_examination(at, request, document)

    @app.command("return")
    @refusing
    def send_back(
        request_id: RequestId,
        feedback: Annotated[str, typer.Option("--feedback", help="What should be different.")],
        version: Version = None,
        recall: Recall = 0,
        who: As = None,
    ) -> None:
        """Send the draft back to the agent, with what should be different."""
        with counter.session(who) as at:
            _decide(at, _to_act_on(at, request_id), Return(feedback=feedback), version, recall)

    @app.command("reject")
    @refusing
    def reject(
        request_id: RequestId,
        reason: Annotated[str, typer.Option("--reason", help="Why not.")],
        code: Annotated[str, typer.Option("--code", help="One word for it, for counting.")] = "other",
        version: Version = None,
        recall: Recall = 0,
        who: As = None,
    ) -> None:
        """Say no, with a reason."""
        with counter.session(who) as at:
            _decide(at, _to_act_on(at, request_id), Reject(reason=reason, code=code), version, recall)

    @app.command("recall")
    @refusing
    def recall_(request_id: RequestId, who: As = None) -> None:
        """Take your own decision back, while it has no effect yet."""
        with counter.session(who) as at:
            request = at.approvals.service.recall(_to_act_on(at, request_id).id, at.by)
            say(f"Took the decision on {request.id} back; it is open again.")

    @app.command("claim")
    @refusing
    def claim(request_id: RequestId, who: As = None) -> None:
        """Keep a request for yourself for a while."""
        with counter.session(who) as at:
            request = at.approvals.service.claim(_to_act_on(at, request_id).id, at.by)
            until = f" until {instant(request.claimed_until)}" if request.claimed_until else ""
            say(f"{request.id} is yours{until}.")

    @app.command("release")
    @refusing
    def release(request_id: RequestId, who: As = None) -> None:
        """Give a request that you keep back to the queue."""
        with counter.session(who) as at:
            say(f"Released {at.approvals.service.release(_to_act_on(at, request_id).id, at.by).id}.")

    @app.command("withdraw")
    @refusing
    def withdraw(
        request_id: RequestId,
        reason: Annotated[str, typer.Option("--reason", help="Why nobody need answer any more.")],
        who: As = None,
    ) -> None:
        """Take an open question back; for who asked it, and administrators."""
        if not reason.strip():
            raise ApprovalError("A withdrawal needs a reason.")
        with counter.session(who) as at:
            request = at.reading.found(request_id, at.by)
            say(f"Withdrew {at.approvals.service.withdraw(request.id, reason, at.by).id}.")


def _to_act_on(at: Session, request_id: str) -> Request:
    at.reading.check_acts(at.by)
    return at.reading.found(request_id, at.by)


def _decide(at: Session, request: Request, verdict: Verdict, version: int | None, recall: int) -> None:
    number = request.version if version is None else version
    decided = at.approvals.service.decide(request.id, verdict, at.by, version=number, recall=recall)
    ruling = decided.ruling
    if decided.is_open or ruling is None:
        say(f"Signed off {decided.id} as {at.by.id}; {decided.policy.quorum} people must sign the same document.")
        _say_changes(differences(request.content.value(), decided.content.value()), "As it was drafted.")
        return
    effect = "" if ruling.effective_at <= ruling.at else f"; it can be taken back until {instant(ruling.effective_at)}"
    say(f"{PAST_TENSE[ruling.action].capitalize()} {decided.id} as {at.by.id}, version {ruling.version}{effect}.")
    if ruling.document is not None:
        _say_changes(ruling.changes, "Signed as it was drafted.")
        if ruling.vouched:
            say(f"Vouched for: {', '.join(ruling.vouched)}")


def _say_changes(changes: Any, none: str) -> None:
    lines = difference_lines(changes)
    say("\n".join(f"  {line}" for line in lines) if lines else none)


def _say_examination(at: Session, request: Request, document: Any) -> None:
    try:
        examination = at.approvals.service.examine(request, document)
    except ApprovalError as error:
        note(str(error))
        return
    for wrong in examination.errors:
        note(f"Not valid yet: {wrong.path or 'document'}: {wrong.message}")
    if examination.unsupported:
        note(f"Nothing supports: {', '.join(examination.unsupported)}")
    for line in examination.consequences:
        say(f"When approved: {line}")


# -- what is to be signed ----------------------------------------------------------------------------------------


def _edited(at: Session, request: Request, file: str | None, fields: list[str] | None) -> Any:
    """What the caller typed before on this version, or the draft, or the file; with single fields on top."""
    pairs = [_pair(field) for field in fields or ()]
    if file is not None:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
        document = parsed(text, "The standard input" if file == "-" else repr(file))
    else:
        copy = at.approvals.service.working_copy(request.id, at.by) if request.is_open else None
        document = request.content.value() if copy is None else copy.document
    for path, value in pairs:
        document = with_field(document, path, value)
    return document


def _pair(field: str) -> tuple[str, str]:
    path, equals, value = field.partition("=")
    if not equals or not path:
        raise typer.BadParameter(f"{field!r} is not PATH=VALUE, such as lines.0.quantity=3.", param_hint="--set")
    return path, value


def _from_editor(document: Any, request: Request) -> Any:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise ApprovalError("No editor is set; set EDITOR, or use --file or --set.")
    handle, name = tempfile.mkstemp(prefix=f"countersign-{request.id}-", suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, ensure_ascii=False)
    try:
        ended = subprocess.run([*shlex.split(editor), name], check=False)
        if ended.returncode != 0:
            raise ApprovalError(f"The editor ended with {ended.returncode}; what you typed is in {name}.")
        edited = parsed(Path(name).read_text(encoding="utf-8"), f"What you typed (kept in {name})")
    except OSError as error:
        raise ApprovalError(f"The editor {editor!r} cannot be started ({error.strerror}).") from error
    Path(name).unlink()
    return edited
