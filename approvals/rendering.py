"""A request as text that can be read and sent on: what was asked, on which evidence, what was signed, and by whom."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from markdown_it import MarkdownIt

from approvals.characters import visible
from approvals.decisions import FieldDifference, Ruling, SignOff, Value
from approvals.differences import differences
from approvals.lifecycle import PAST_TENSE, Action, State
from approvals.ports import Examination
from approvals.requests import Content, Request, WorkingCopy
from approvals.service import History

_BREAK = "  \n"
"""A line break within a paragraph; it does not show where the Markdown is read as it stands."""

# What Markdown would read as more than text: anywhere in a line, and at its beginning.
_MARKDOWN = re.compile(r"([\\`*_\[\]<>&~|#])")
_MARKDOWN_FIRST = re.compile(r"^([-+=]|\d{1,9}(?=[.)](?:\s|$)))")


class Report(Value):
    """One request with everything that happened to it, as one person sees it."""

    request: Request
    document: Any
    contents: tuple[Content, ...]
    signoffs: tuple[SignOff, ...]
    rulings: tuple[Ruling, ...]
    examination: Examination | None = None
    examination_refused: str | None = None
    allowed_actions: tuple[Action, ...] = ()
    working_copy: WorkingCopy | None = None

    @classmethod
    def of(cls, request: Request, history: History, **more: Any) -> Report:
        """The report of a request with its history, and what else this person may know."""
        past = {"contents": history.contents, "signoffs": history.signoffs, "rulings": history.rulings}
        return cls(request=request, document=document_of(request), **past, **more)

    @property
    def is_signed(self) -> bool:
        """Whether `document` is what was signed, and not a draft."""
        return self.request.state is State.APPROVED


def document_of(request: Request) -> Any:
    """What was signed, where the request is approved; else the draft as it stands."""
    ruling = request.ruling
    if request.state is State.APPROVED and ruling is not None and ruling.document is not None:
        return json.loads(ruling.document)
    return request.content.value()


# -- plain text --------------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """A JSON value in one line; text in quotation marks."""
    if value is None:
        return "nothing"
    return visible(json.dumps(value, ensure_ascii=False))


def difference_lines(changes: Iterable[FieldDifference]) -> tuple[str, ...]:
    """One line a change: where, and what stood there and stands there now, or what was added, removed or moved."""
    return tuple(f"{visible(change.path) or 'document'}: {_change(change)}" for change in changes)


def _change(change: FieldDifference) -> str:
    match change.change:
        case "added":
            return f"added {shown(change.after)}"
        case "removed":
            return f"removed {shown(change.before)}"
        case "moved":
            return f"moved here from place {shown(change.before)}"
        case _:
            return f"{shown(change.before)} → {shown(change.after)}"


def instant(at: datetime) -> str:
    """A moment, to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


# -- Markdown ----------------------------------------------------------------------------------------------------


def as_markdown(report: Report, body: str | None = None) -> str:
    """The request as Markdown; `body` is its document as plain text, where somebody knows how to say it better."""
    request = report.request
    parts = [f"# {_md(request.title)}", *([_md(request.summary)] if request.summary else [])]
    parts += ["## Approval record" if report.is_signed else "## Where it stands", _bullets(_record(report))]
    changes = _changes(report)
    if changes:
        parts += ["### What people changed", _bullets(_md(line) for line in difference_lines(changes))]
    parts += [f"## {'Signed document' if report.is_signed else 'Draft'}"]
    parts += [_body(body) if body is not None else "\n".join(_tree(report.document)) or "*empty*"]
    for heading, lines in (
        ("What to look at", _warnings(report)),
        ("What will follow", _consequences(report)),
        ("Evidence", _evidence(report)),
        ("What you can do", [_md(action.value) for action in report.allowed_actions]),
        ("History", _history(report)),
    ):
        if lines:
            parts += [f"## {heading}", _bullets(lines)]
    return "\n\n".join(parts) + "\n"


def as_html(report: Report, body: str | None = None) -> str:
    """The same as one HTML page: no script, no style of its own beyond the plain, nothing fetched."""
    # Raw HTML stays text, and no image is asked for from a page that somebody forwards.
    reader = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
    title = html.escape(visible(report.request.title))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{reader.render(as_markdown(report, body))}</body>\n</html>\n"
    )


def _record(report: Report) -> Iterator[str]:
    request, ruling = report.request, report.request.ruling
    yield f"**State:** {request.state.value}" + (" (escalated)" if request.escalated else "")
    if ruling is not None and not request.is_open:
        yield f"**{PAST_TENSE[ruling.action].capitalize()} by:** {_md(str(ruling.by))}, via {ruling.by.via}"
        yield f"**When:** {instant(ruling.at)}; in effect from {instant(ruling.effective_at)}"
        for label, said in (
            ("Reason", ruling.reason),
            ("Code", ruling.code),
            ("Feedback", ruling.feedback),
            ("Rule", ruling.rule),
        ):
            if said:
                yield f"**{label}:** {_md_lines(said, '  ')}"
        if ruling.sha256:
            yield f"**Signed:** version {ruling.version}, {'edited' if ruling.edited else 'as drafted'}"
            yield f"**sha256 of what was signed:** `{ruling.sha256}`"
        if ruling.vouched:
            yield f"**Vouched for by {_md(str(ruling.by))}:** {_md(', '.join(ruling.vouched))}"
        if ruling.examination:
            yield f"**Digest of the examination:** `{ruling.examination}`"
        yield f"**Taken up by the run:** {instant(request.taken_up_at) if request.taken_up_at else 'not yet'}"
    else:
        yield f"**Due:** {instant(request.due_at)}"
        yield f"**Version:** {request.version}"
    for signoff in report.signoffs:
        if not signoff.voided:
            vouched = f", vouching for {_md(', '.join(signoff.vouched))}" if signoff.vouched else ""
            yield f"**Signed off:** {_md(signoff.person)}, {instant(signoff.at)}, via {signoff.via}{vouched}"
    yield f"**Policy:** {_md(request.policy.name)}, version `{request.policy.version}`"
    if request.action:
        yield f"**Allows:** {_md(request.action)} on {_md(request.target or '')}"
    yield f"**Request:** `{request.id}`, gate {_md(request.identity.gate)}, round {request.identity.round}"
    yield f"**Asked for by:** {_md(request.requester)}, run {_md(request.run.name or request.run.id)}"
    if request.supersedes:
        yield f"**Follows:** {_md(request.supersedes)}"


def _changes(report: Report) -> tuple[FieldDifference, ...]:
    request = report.request
    if report.is_signed and request.ruling is not None:
        return request.ruling.changes
    if report.working_copy is not None:
        return differences(request.content.value(), report.working_copy.document)
    return ()


def _warnings(report: Report) -> list[str]:
    content, examination = report.request.content, report.examination
    lines = [f"{flag.severity}: {_md(flag.message)}" for flag in content.flags]
    moved = examination.moved if examination is not None else content.moved
    lines += [f"{_md(one.address)} changed: was {_md(one.was)}, is {_md(one.now)}" for one in moved]
    if examination is not None:
        lines += [f"{_md(error.path or 'document')}: {_md(error.message)}" for error in examination.errors]
    if report.examination_refused:
        lines.append(_md(report.examination_refused))
    return lines


def _consequences(report: Report) -> list[str]:
    return [_md(line) for line in report.examination.consequences] if report.examination is not None else []


def _evidence(report: Report) -> list[str]:
    evidence = report.request.content.evidence
    findings = report.examination.findings if report.examination is not None else evidence.findings
    lines = []
    for finding in findings:
        reasons = f" ({_md('; '.join(finding.reasons))})" if finding.reasons else ""
        lines.append(f"**{_md(finding.claim_id)}**: {_md(finding.support.replace('_', ' '))}{reasons}")
    lines += [
        f"**{_md(fact.id)}** {_md(fact.key)} = {_md(fact.value)}: “{_md(fact.quote)}” ({_md(fact.source_id)})"
        for fact in evidence.facts
    ]
    for source in evidence.sources:
        digest = f", sha256 {_md(source.sha256)}" if source.sha256 else ""
        lines.append(f"**{_md(source.id)}** {_md(source.title or source.address)}, {_md(source.address)}{digest}")
    return lines


def _history(report: Report) -> list[str]:
    happened = [(content.at, f"version {content.version} by {_md(content.author)}") for content in report.contents]
    for signoff in report.signoffs:
        void = " (void since)" if signoff.voided else ""
        happened.append((signoff.at, f"signed off by {_md(signoff.person)} on version {signoff.version}{void}"))
    for ruling in report.rulings:
        said = ruling.feedback or ruling.reason or ruling.rule
        back = " (taken back)" if ruling.recalled else ""
        why = f": {_md(said)}" if said else ""
        happened.append((ruling.at, f"{PAST_TENSE[ruling.action]} by {_md(str(ruling.by))}{back}{why}"))
    return [f"{instant(at)}: {what}" for at, what in sorted(happened, key=lambda one: one[0])]


def _tree(value: Any, depth: int = 0) -> Iterator[str]:
    """JSON values as a nested list."""
    indent = "  " * depth
    entries: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        entries = ((f"**{_md(key.replace('_', ' '))}:**", inner) for key, inner in value.items())
    elif isinstance(value, list):
        entries = ((f"**{place}:**", inner) for place, inner in enumerate(value, start=1))
    else:
        yield f"{indent}- {_leaf(value, indent)}"
        return
    for label, inner in entries:
        if isinstance(inner, dict | list) and inner:
            yield f"{indent}- {label}"
            yield from _tree(inner, depth + 1)
        else:
            yield f"{indent}- {label} {_leaf(inner, indent)}"


def _leaf(value: Any, indent: str) -> str:
    if value is None or value in ([], {}):
        return "nothing"
    return _md_lines(value, indent + "  ") if isinstance(value, str) else _md(json.dumps(value))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _md_lines(text: str, indent: str) -> str:
    """Untrusted text of several lines, in a list's entry: each newline is a hard break, also of an empty line."""
    return f"{_BREAK}{indent}".join(_md(line.strip(" \t")) or "\u00a0" for line in text.strip().split("\n"))


def _md(text: str) -> str:
    """Untrusted text as Markdown that says exactly that: no link, no emphasis, no new line."""
    escaped = _MARKDOWN.sub(r"\\\1", visible(text))
    first = _MARKDOWN_FIRST.match(escaped)
    if first is None:
        return escaped
    # `-` opens a list when it comes first, and `1.` does by its full stop.
    place = first.end() if first[1].isdigit() else 0
    return f"{escaped[:place]}\\{escaped[place:]}"


def _body(text: str) -> str:
    """Untrusted plain text as Markdown: its lines and paragraphs as they are, and nothing in them read as markup."""
    paragraphs = re.split(r"\n[ \t]*\n", text.strip("\n"))
    return "\n\n".join(_BREAK.join(_body_line(line) for line in paragraph.split("\n")) for paragraph in paragraphs)


def _body_line(line: str) -> str:
    bare = line.lstrip(" \t")
    # Four plain blanks would be a block of code; these are not.
    return "\u00a0" * (len(line) - len(bare)) + _md(bare)
