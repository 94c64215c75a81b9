"""The page of one request, and the parts of it that follow while somebody types."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from approvals.errors import ApprovalError, DocumentInvalid
from approvals.filters import Filters
from approvals.requests import Content, Request
from approvals.web.pages import document, seen
from approvals.web.pages.document import Change
from approvals.web.pages.done import done
from approvals.web.pages.queue import asked
from approvals.web.pages.rows import context_of
from approvals.web.pages.sheet import CODES, TAGS, Notice, Typed, beside, sheet
from approvals.web.pages.visit import Form, Sent, Visit, Visited

router = APIRouter(include_in_schema=False)


@router.get("/r/{request_id}")
def request(visit: Visited, request_id: str) -> Response:
    """One request, with everything that a decision on it needs."""
    with visit.one_moment():
        return shown(visit, visit.at.reading.visible(request_id, visit.by), asked(visit))


@router.post("/r/{request_id}/diff")
def diff(visit: Visited, form: Sent, request_id: str) -> Response:
    """What the form makes of the draft, as it stands now: changes, errors, effects and consequences."""
    acted = bool(form.get("__do"))
    with visit.one_moment():
        found = visit.at.reading.visible(request_id, visit.by)
        made = sheet(visit, found, asked(visit), typed(visit, form, found.id, found.content))
        return visit.fragment("parts_of_diff.html", sheet=made, tags=TAGS, acted=acted, shell=visit.visitor)


@router.post("/r/{request_id}/revert")
def revert(visit: Visited, form: Sent, request_id: str) -> Response:
    """Ask for what was done to be taken back; a run of its own has that signed first."""
    found = visit.at.reading.visible(request_id, visit.by)

    def act() -> str:
        return visit.at.approvals.reverts.ask(found.id, visit.by).id

    visit.once(form, act)
    return visit.moved(f"/r/{found.id}{context_of(asked(visit))}")


def typed(visit: Visit, form: Form, request_id: str, read: Content) -> Typed:
    """What the form says of the version that it is about; where it cannot be read at all, the draft, and why not.

    Raises:
        StaleDecision: it was typed on what this person has changed in another tab since.
    """
    terms: dict[str, Any] = {"vouched": form.all("vouched"), "tags": form.all("tags")}
    copy = visit.at.approvals.service.working_copy(request_id, visit.by)
    kept = copy.document if copy and copy.version == read.version else None
    try:
        found = document.read(form.pairs, read, kept)
    except DocumentInvalid as error:
        return Typed(read.value(), errors=error.errors, **terms)
    return Typed(found.document, errors=found.errors, focus=found.focus or "", **terms)


def shown(
    visit: Visit,
    request: Request,
    filters: Filters,
    *,
    typed: Typed | None = None,
    conflict: Notice | None = None,
    lost: tuple[Change, ...] = (),
    status: int = 200,
) -> Response:
    """The page, with what was typed and what was refused."""
    made = sheet(visit, request, filters, typed)
    return visit.page(
        "request.html",
        filters.view,
        status=status,
        sheet=made,
        beside=beside(visit, request, filters),
        tags=TAGS,
        codes=CODES,
        conflict=conflict,
        lost=lost,
        cannot=_cannot(visit, request),
        run_link=seen.link(request.run.url) if request.run.url else None,
        done=done(visit, visit.http.query_params.get("done", "")),
    )


def _cannot(visit: Visit, request: Request) -> str:
    """Why this person has no button here, in the service's own words."""
    try:
        visit.at.approvals.service.authority.check_decider(request, visit.by)
    except ApprovalError as error:
        return str(error)
    holder = request.claimed_at(visit.now)
    return f"{visit.named(holder)} is working on it." if holder else "You have signed this; it waits for somebody else."
