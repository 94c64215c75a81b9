"""Commands that look: the queue, and one request."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from approvals.cli.counter import As, AsJson, Counter, RequestId, Session
from approvals.cli.terminal import refusing, say, say_json, say_markdown, say_table
from approvals.errors import ApprovalError
from approvals.lifecycle import OPEN, State
from approvals.ports import Examination, PageOf
from approvals.rendering import Report, as_html, as_markdown
from approvals.requests import Request
from approvals.views import detail, examination_view, history_view, page_view, request_view

_PAGE = 200


class Format(StrEnum):
    """How a request is printed."""

    MD = "md"
    HTML = "html"
    JSON = "json"


def register(app: typer.Typer, counter: Counter) -> None:
    """Add the commands."""

    @app.command("queue")
    @refusing
    def queue(
        every: Annotated[bool, typer.Option("--all", help="Answered requests too.")] = False,
        state: Annotated[list[State] | None, typer.Option("--state", help="Only these; may be repeated.")] = None,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """List the requests that wait, soonest due first."""
        states = frozenset(state) if state else None if every else OPEN
        with counter.session(who, owner=True) as at:
            found = _all(at, states)
            if as_json:
                say_json(page_view(found).requests)
                return
            if not found.requests:
                say("Nothing is waiting." if states == OPEN else "There is no such request.")
                return
            now = at.approvals.clock()
            headings = ("ID", "STATE", "DUE", "GATE", "TITLE", "ASKED BY")
            say_table(headings, [_row(request, now) for request in found.requests])

    @app.command("show")
    @refusing
    def show(
        request_id: RequestId,
        form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.MD,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """Print one request: what was signed and its approval record, or the draft with its evidence."""
        with counter.session(who, owner=True) as at:
            request = at.reading.found(request_id, at.by)
            report = report_of(at, request)
            if as_json or form is Format.JSON:
                say_json(_as_json(at, report))
                return
            body = at.render(request.kind, report.document) if at.render else None
            if form is Format.HTML:
                say(as_html(report, body))
            else:
                say_markdown(as_markdown(report, body))


def _all(at: Session, states: frozenset[State] | None) -> PageOf:
    page = at.reading.page(at.by, states=states, limit=_PAGE)
    requests, following = list(page.requests), page.next
    while following is not None:
        more = at.reading.page(at.by, states=states, limit=_PAGE, after=following)
        requests += more.requests
        following = more.next
    return page.model_copy(update={"requests": tuple(requests), "next": None})


def _row(request: Request, now: datetime) -> tuple[str, ...]:
    holder = request.claimed_at(now)
    state = f"{request.state.value} ({holder})" if holder else request.state.value
    return (request.id, state, _due(request, now), request.identity.gate, request.title, request.requester)


def _due(request: Request, now: datetime) -> str:
    if not request.is_open:
        return "-"
    late = request.due_at <= now
    minutes = int(abs((request.due_at - now).total_seconds()) // 60)
    days, hours = minutes // 1_440, minutes // 60
    span = f"{days} d" if days else f"{hours} h" if hours else f"{minutes} min"
    return f"{span} overdue" if late else f"in {span}"


def report_of(at: Session, request: Request) -> Report:
    """Everything there is to tell this caller about the request."""
    service = at.approvals.service
    history = service.history(request.id, at.by)
    working_copy = service.working_copy(request.id, at.by) if request.is_open else None
    examination, refused = _examined(at, request)
    return Report.of(
        request,
        history,
        examination=examination,
        examination_refused=refused,
        allowed_actions=service.allowed_actions(request, at.by),
        working_copy=working_copy,
    )


def _examined(at: Session, request: Request) -> tuple[Examination | None, str | None]:
    if not request.is_open:
        return None, None
    try:
        return at.approvals.service.examine(request), None
    except ApprovalError as error:
        return None, str(error)


def _as_json(at: Session, report: Report) -> dict[str, Any]:
    request = report.request
    history = at.approvals.service.history(request.id, at.by)
    told = detail(request, report.allowed_actions, report.working_copy).model_dump(mode="json")
    examination = report.examination
    return {
        **told,
        "request": request_view(request),
        "document": report.document,
        "signed": report.is_signed,
        "history": history_view(history),
        "examination": None if examination is None else examination_view(request, examination),
        "examination_refused": report.examination_refused,
    }
