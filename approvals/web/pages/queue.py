"""The list of what waits, the preview beside it, and the list of what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from approvals.errors import ApprovalError
from approvals.lifecycle import Action
from approvals.requests import Request
from approvals.web.pages import listing, looks, seen, words
from approvals.web.pages.done import done
from approvals.web.pages.listing import Filters
from approvals.web.pages.rows import context_of, grouped
from approvals.web.pages.visit import Sent, Visit, Visited, moved_to, new_key, queue_address, title_of

router = APIRouter(include_in_schema=False)

PAGE = 40
"""Rows that are shown at once."""

_SORTS = (("due", "Soonest due"), ("newest", "Newest first"), ("value", "Highest value"))
_KINDS = ("proposal", "brief", "crm_update")


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


class Terms(NamedTuple):
    """The list that was asked for."""

    filters: Filters
    after: str | None


def terms(
    view: Annotated[str, Query(max_length=80)] = "mine",
    gate: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=20)] = "due",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Terms:
    """The terms of a list, as its address says them; what it cannot be reads as usual."""
    known = view if view in ("mine", "all", "others", "high", "snoozed", "decided") or view.startswith("group:") else "mine"
    chosen: Any = sort if sort in dict(_SORTS) else "due"
    return Terms(Filters(view=known, gate=gate or None, text=q.strip() or None, sort=chosen), after)


@router.get("/")
def home() -> Response:
    """The list is the first page."""
    return moved_to("/queue")


@router.get("/queue")
def queue(
    visit: Visited,
    view: Annotated[str, Query(max_length=80)] = "mine",
    gate: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=20)] = "due",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """What waits, soonest due first."""
    if view == "decided":
        return moved_to("/decided")
    return _page(visit, terms(view, gate, q, sort, after))


@router.get("/decided")
def decided(
    visit: Visited,
    gate: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """What was decided, newest first."""
    return _page(visit, terms("decided", gate, q, "due", after))


@router.get("/r/{request_id}/peek")
def peek(visit: Visited, request_id: str, view: str = "mine", gate: str = "", q: str = "", sort: str = "due") -> Response:
    """The inside of the preview, for the row that somebody moved to."""
    request = visit.at.reading.visible(request_id, visit.by)
    shown = _peek(visit, request, terms(view, gate, q, sort).filters)
    return visit.fragment("peek.html", peek=shown, shell=visit.visitor)


@router.post("/theme")
def theme(form: Sent) -> Response:
    """Light or dark, kept in a cookie that says nothing else."""
    answer = moved_to(form.get("next", "/queue"))
    if form.get("theme") in ("light", "dark"):
        answer.set_cookie("theme", form.get("theme"), max_age=365 * 86_400, samesite="lax", path="/")
    return answer


def _page(visit: Visit, asked: Terms) -> Response:
    filters = asked.filters
    found = listing.listed(visit.at.reading, visit.by, filters, limit=PAGE, after=asked.after)
    groups = grouped(visit, found.rows, filters)
    is_list = filters.view != "decided"
    here = {"view": filters.view, "gate": filters.gate, "q": filters.text, "sort": filters.sort}
    address = queue_address if is_list else _decided_address
    part: dict[str, Any] = {
        "groups": groups,
        "next_href": address(**here, after=found.next) if found.next else "",
        "bulk": is_list and any(row.bulk for group in groups for row in group.rows),
        "peek": None,
    }
    if visit.http.headers.get("x-fragment") == "rows":
        return visit.fragment("rows.html", **part)
    first = found.rows[0] if found.rows and is_list else None
    if first is not None:
        part["peek"] = _peek(visit, visit.at.reading.visible(first.id, visit.by), filters)
    return visit.page(
        "queue.html",
        filters.view,
        **part,
        title=title_of(filters.view),
        total=found.total,
        exact=found.exact,
        filters=filters,
        path="/queue" if is_list else "/decided",
        hidden=tuple((k, v) for k, v in here.items() if v and k != "q" and (k, v) not in (("view", "mine"), ("sort", "due"), ("view", "decided"))),
        chips=_chips(here, address),
        sorts=tuple(Choice(text, "", address(**{**here, "sort": key}), filters.sort == key) for key, text in _SORTS) if is_list else (),
        empty=_empty(filters),
        key=new_key(),
        done=done(visit, visit.http.query_params.get("done", "")),
    )


def _decided_address(**terms: Any) -> str:
    address = queue_address(**{key: value for key, value in terms.items() if key not in ("view", "sort")})
    return "/decided" + address.removeprefix("/queue")


def _chips(here: dict[str, Any], address: Any) -> tuple[Choice, ...]:
    kinds = [kind for kind in _KINDS if kind != here["gate"]]
    shown = [*_KINDS] if here["gate"] in (None, *_KINDS) else [here["gate"], *kinds]
    every = Choice("All kinds", "", address(**{**here, "gate": None}), here["gate"] is None)
    looked = [(kind, looks.gate(kind)) for kind in shown]
    return (every, *(Choice(look.label, look.icon, address(**{**here, "gate": kind}), here["gate"] == kind) for kind, look in looked))


def _empty(filters: Filters) -> Empty:
    if filters.text:
        everyone = filters.view not in ("all", "decided")
        where = "everything that was decided" if filters.view == "decided" else "everything still waiting in this view"
        return Empty(
            "search",
            f"No request matches “{filters.text}”",
            f"Search looks at company, title and summary of {where}.",
            queue_address(view="all", q=filters.text) if everyone else ("/decided" if filters.view == "decided" else "/queue?view=all"),
            "Search everyone’s requests" if everyone else "Clear the search",
        )
    if filters.gate:
        name = looks.gate(filters.gate).label
        return Empty("seal", f"No {name} is waiting here", "Requests of other kinds may be.", queue_address(view=filters.view), "Show all kinds")
    told = {
        "mine": ("Nothing is waiting for you", "New requests appear here as soon as an agent needs a signature.", "/queue?view=all", "See what waits for everyone"),
        "all": ("Nothing is waiting", "Every request is decided. New ones appear here by themselves.", "/decided", "See what was decided"),
        "high": ("No high risk is waiting", "Requests with a serious flag stand here, each to be read on its own.", "/queue", "Back to yours"),
        "others": ("Nobody else is holding anything up", "Requests that you signed or asked for, and that wait for somebody else, stand here.", "/queue", "Back to yours"),
        "snoozed": ("Nothing is snoozed", "Snooze a request to have it back at a better time.", "/queue", "Back to yours"),
        "decided": ("Nothing was decided yet", "What people decide stands here, with undo while that lasts.", "/queue", "See what is waiting"),
    }.get(filters.view, ("Nothing is waiting for this group", "New requests appear here by themselves.", "/queue", "Back to yours"))
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
    risk = listing.risk(request)
    facts = [
        Fact("Due", due.text, f"due {due.tone}".strip()) if request.is_open else Fact("Outcome", str(request.state).title()),
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
        about=listing.about(request),
        money=words.money(getattr(request, "amount", None), getattr(request, "currency", None)),
        look=looks.gate(request.identity.gate),
        facts=tuple(facts),
        gist=seen.gist(request),
        checks=lines,
        follows=seen.follows(examination),
        href=f"/r/{request.id}{context}",
        back=f"/queue{context}",
        high=risk == "high",
        unsupported=bool(examination and examination.unsupported),
        may_approve=Action.APPROVE in actions,
        may_reject=Action.REJECT in actions,
    )
