"""The list of what waits, the preview beside it, and the list of what was decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.responses import Response

from approvals.errors import ApprovalError, FiltersInvalid
from approvals.filters import Filters
from approvals.lifecycle import Action
from approvals.ports import Listed
from approvals.requests import Request
from approvals.web import looks, words
from approvals.web.pages import seen
from approvals.web.pages.done import done
from approvals.web.pages.rows import context_of, grouped
from approvals.web.pages.visit import Sent, Visit, Visited, list_address, moved_to, new_key, title_of
from approvals.web.walls import THEMES

router = APIRouter(include_in_schema=False)

PAGE = 40
"""Rows that are shown at once."""

_SORTS = (("due", "Soonest due"), ("newest", "Newest first"), ("value", "Highest value"))


class Choice(NamedTuple):
    """A chip, or an entry of a menu."""

    label: str
    icon: str
    href: str
    current: bool


class Empty(NamedTuple):
    """What stands where no row is."""

    icon: str
    title: str
    text: str
    href: str = ""
    label: str = ""


class Fact(NamedTuple):
    """One fact of the preview."""

    name: str
    value: str
    tone: str = ""


@dataclass(frozen=True)
class Peek:
    """The preview of one request."""

    id: str
    version: int
    key: str
    title: str
    about: str
    money: str
    look: looks.Look
    facts: tuple[Fact, ...]
    gist: str
    checks: tuple[seen.Line, ...]
    follows: tuple[seen.Line, ...]
    href: str
    back: str
    high: bool
    unsupported: bool
    may_approve: bool
    may_reject: bool


def asked(visit: Visit, **fixed: Any) -> Filters:
    """The filters of the address; what none of them can be reads as if it were not there."""
    said = [(key, value) for key, value in visit.http.query_params.multi_items() if key not in fixed]
    pairs = [*said, *((key, str(value)) for key, value in fixed.items())]
    try:
        return Filters.of(pairs)
    except FiltersInvalid as error:
        wrong = {one.path for one in error.errors}
        return Filters.of([(key, value) for key, value in pairs if key not in wrong])


@router.get("/")
def home() -> Response:
    """The list is the first page."""
    return moved_to("/queue")


@router.get("/queue")
def queue(visit: Visited) -> Response:
    """What waits, soonest due first."""
    filters = asked(visit)
    if filters.view == "decided":
        return moved_to(list_address(filters))
    with visit.one_moment():
        return _page(visit, filters)


@router.get("/decided")
def decided(visit: Visited) -> Response:
    """What was decided, newest first."""
    with visit.one_moment():
        return _page(visit, asked(visit, view="decided"))


@router.get("/r/{request_id}/peek")
def peek(visit: Visited, request_id: str) -> Response:
    """The inside of the preview, for the row that somebody moved to."""
    with visit.one_moment():
        request = visit.at.reading.visible(request_id, visit.by)
        return visit.fragment("peek.html", peek=_peek(visit, request, asked(visit)), shell=visit.visitor)


@router.post("/theme")
def theme(form: Sent) -> Response:
    """Light or dark, kept in a cookie that says nothing else."""
    answer = moved_to(form.get("next", "/queue"))
    if form.get("theme") == "auto":
        answer.delete_cookie("theme", path="/")
    if form.get("theme") in THEMES:
        answer.set_cookie("theme", form.get("theme"), max_age=365 * 86_400, samesite="lax", path="/")
    return answer


def _page(visit: Visit, filters: Filters) -> Response:
    found = visit.at.reading.listed(visit.by, filters, limit=PAGE, after=visit.http.query_params.get("after"))
    groups = grouped(visit, found.rows, filters)
    is_list = filters.view != "decided"
    part: dict[str, Any] = {
        "groups": groups,
        "next_href": list_address(filters, after=found.next) if found.next else "",
        "bulk": is_list and any(row.bulk for group in groups for row in group.rows),
        "peek": None,
    }
    if visit.http.headers.get("x-fragment") == "rows":
        return visit.fragment("rows.html", **part)
    first = found.rows[0] if found.rows and is_list else None
    if first is not None:
        part["peek"] = _peek(visit, visit.at.reading.visible(first.id, visit.by), filters)
    kept = filters.model_copy(update={"text": None, **({} if is_list else {"view": "mine"})})
    return visit.page(
        "queue.html",
        filters.view,
        **part,
        title=title_of(filters.view),
        total=found.total,
        exact=found.exact,
        filters=filters,
        is_list=is_list,
        address=list_address(filters),
        shares=visit.visitor.person.role == "admin",
        path="/queue" if is_list else "/decided",
        hidden=parse_qsl(kept.query()),
        chips=_chips(visit, filters, found.rows),
        sorts=_sorts(filters) if is_list else (),
        empty=_empty(filters),
        key=new_key(),
        done=done(visit, visit.http.query_params.get("done", "")),
    )


def _chips(visit: Visit, filters: Filters, rows: Iterable[Listed]) -> tuple[Choice, ...]:
    try:
        # A gate goes by the name of its policy, unless its flow says otherwise.
        known = tuple(visit.at.approvals.policies().policies)
    except ApprovalError:
        known = ()
    here = (filters.gate,) if filters.gate else ()
    shown = list(dict.fromkeys((*known, *here, *(row.gate for row in rows))))
    looked = [(kind, looks.gate(kind)) for kind in shown]
    return (
        Choice("All kinds", "", list_address(filters, gate=None), filters.gate is None),
        *(
            Choice(look.label, look.icon, list_address(filters, gate=kind), filters.gate == kind)
            for kind, look in looked
        ),
    )


def _sorts(filters: Filters) -> tuple[Choice, ...]:
    return tuple(
        Choice(text, "", list_address(filters, sort=None if key == "due" else key), filters.order == key)
        for key, text in _SORTS
    )


def _empty(filters: Filters) -> Empty:
    if filters.text:
        everyone = filters.view not in ("all", "decided")
        where = "everything that was decided" if filters.view == "decided" else "everything still waiting in this view"
        return Empty(
            "search",
            f"No request matches “{filters.text}”",
            f"Search looks at company, title and summary of {where}.",
            list_address(filters, view="all", gate=None) if everyone else list_address(filters, text=None),
            "Search everyone’s requests" if everyone else "Clear the search",
        )
    if filters.gate:
        name = looks.gate(filters.gate).label
        return Empty(
            "seal",
            f"No {name} is waiting here",
            "Requests of other kinds may be.",
            list_address(filters, gate=None),
            "Show all kinds",
        )
    told = {
        "mine": (
            "Nothing is waiting for you",
            "New requests appear here as soon as an agent needs a signature.",
            "/queue?view=all",
            "See what waits for everyone",
        ),
        "all": (
            "Nothing is waiting",
            "Every request is decided. New ones appear here by themselves.",
            "/decided",
            "See what was decided",
        ),
        "high": (
            "No high risk is waiting",
            "Requests with a serious flag stand here, each to be read on its own.",
            "/queue",
            "Back to yours",
        ),
        "others": (
            "Nobody else is holding anything up",
            "Requests that you signed or asked for, and that wait for somebody else, stand here.",
            "/queue",
            "Back to yours",
        ),
        "snoozed": (
            "Nothing is snoozed",
            "Snooze a request to have it back at a better time.",
            "/queue",
            "Back to yours",
        ),
        "decided": (
            "Nothing was decided yet",
            "What people decide stands here, with undo while that lasts.",
            "/queue",
            "See what is waiting",
        ),
    }.get(
        filters.view,
        ("Nothing is waiting for this group", "New requests appear here by themselves.", "/queue", "Back to yours"),
    )
    icon = {"snoozed": "clock", "others": "hourglass"}.get(filters.view, "seal")
    return Empty(icon, *told)


def _peek(visit: Visit, request: Request, filters: Filters) -> Peek:
    service, now = visit.at.approvals.service, visit.now
    content = request.content
    named = seen.claims(content.value())
    try:
        examination = service.examine(request) if request.is_open else None
        lines = seen.checks(content, examination.findings if examination else content.evidence.findings, named)
    except ApprovalError as error:
        examination, lines = None, (seen.unexamined(error),)
    actions = service.allowed_actions(request, visit.by)
    due = words.due(request.due_at, now)
    risk = request.risk
    facts = [
        Fact("Due", due.text, f"due {due.tone}".strip())
        if request.is_open
        else Fact("Outcome", str(request.state).title()),
        Fact("Risk", risk.title(), "no" if risk == "high" else ""),
        Fact("Asked", words.ago(request.opened_at, now)),
        Fact("Workflow", looks.label(request.run.flow) if request.run.flow else "Script"),
    ]
    if holder := request.claimed_at(now):
        facts.append(Fact("With", visit.named(holder)))
    if request.identity.round > 1:
        facts.append(Fact("Round", f"{request.identity.round} of {request.policy.rounds}"))
    context = context_of(filters)
    return Peek(
        id=request.id,
        version=request.version,
        key=new_key(),
        title=request.title,
        about=request.about,
        money=words.money(request.amount, request.currency),
        look=looks.gate(request.identity.gate),
        facts=tuple(facts),
        gist=seen.gist(request),
        checks=lines,
        follows=seen.follows(examination),
        href=f"/r/{request.id}{context}",
        back=list_address(filters),
        high=risk == "high",
        unsupported=bool(examination and examination.unsupported),
        may_approve=Action.APPROVE in actions,
        may_reject=Action.REJECT in actions,
    )
