"""What people settle about how they come in: password, sessions, and for administrators tokens and sign-in links."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from approvals.accounts import SHORTEST
from approvals.bootstrap import Approvals
from approvals.decisions import Scope, UtcDatetime, Value
from approvals.errors import ApprovalError, PasswordUnfit
from approvals.ports import Token
from approvals.tokens import SCOPES, Kind
from approvals.web.callers import AtDesk, Desk
from approvals.web.pages.visit import Visit
from approvals.web.problems import FormInvalid, kind_of
from approvals.web.visitors import AtDoor, Fields, Visiting, Visitor

router = APIRouter(include_in_schema=False)


class OwnSession(Value):
    """A browser in which the visitor is signed in."""

    id: str
    agent: str
    seen_at: UtcDatetime
    here: bool


class ShownToken(Value):
    """A token, without its secret."""

    id: str
    subject: str
    kind: Kind
    scopes: tuple[Scope, ...]
    label: str
    standing: Literal["valid", "expired", "revoked"]


class AccountView(Value):
    """What the settings page shows of it; the macros of `account.html` take it."""

    email: str
    name: str
    may_set_password: bool
    asks_old_password: bool
    shortest: int = SHORTEST
    sessions: tuple[OwnSession, ...]
    tokens: tuple[ShownToken, ...] | None = None
    """None for those who administer nothing."""


class Shown(NamedTuple):
    """A secret that is shown once."""

    told: str
    secret: str


def account_view(approvals: Approvals, by: Visiting) -> AccountView:
    """What there is to settle for this visitor."""
    asks = approvals.accounts.asks_old(by.session)
    sessions = tuple(
        OwnSession(id=one.id, agent=one.agent, seen_at=one.seen_at, here=one.id == by.session_id)
        for one in approvals.sessions.own(by.actor)
    )
    tokens = None
    if "admin" in by.actor.scopes:
        now = approvals.clock()
        tokens = tuple(_shown(token, now) for token in approvals.tokens.listed(by.actor))
    return AccountView(
        email=by.person.email,
        name=by.person.name,
        may_set_password=not asks or approvals.accounts.has_password(by.person.email),
        asks_old_password=asks,
        sessions=sessions,
        tokens=tokens,
    )


def _shown(token: Token, now: datetime) -> ShownToken:
    over = token.expires_at is not None and token.expires_at <= now
    taken = token.model_dump(include={"id", "subject", "kind", "label"})
    standing = "revoked" if token.revoked_at is not None else "expired" if over else "valid"
    return ShownToken.model_validate({**taken, "scopes": tuple(sorted(token.scopes)), "standing": standing})


# -- the page and its forms --------------------------------------------------------------------------------------


@router.get("/settings")
def settings(http: HttpRequest, at: AtDesk, by: Visitor) -> Response:
    """The page."""
    return _page(http, at, by)


@router.post("/settings/password")
def set_password(http: HttpRequest, at: AtDesk, came: AtDoor, by: Visitor, sent: Fields) -> Response:
    """Set one's own password; one's other sessions end."""
    fields = dict(sent)
    try:
        if fields.get("new", "") != fields.get("again", ""):
            raise PasswordUnfit("The two new passwords are not the same; type them again.")
        at.approvals.accounts.set_password(
            fields.get("new", ""), by.actor, by.session, old=fields.get("old", ""), address=came.address
        )
    except ApprovalError as error:
        return _page(http, at, by, error)
    return RedirectResponse("/settings#password", 303)


@router.post("/settings/sessions/revoke")
def revoke_session(http: HttpRequest, at: AtDesk, came: AtDoor, by: Visitor, sent: Fields) -> Response:
    """End a session, or with `others` all of one's own but this one."""
    named = dict(sent).get("session", "")
    try:
        if named == "others":
            at.approvals.sessions.revoke_all(by.person.email, by.actor, but=by.session_id)
        else:
            at.approvals.sessions.revoke(named, by.actor)
    except ApprovalError as error:
        return _page(http, at, by, error)
    if named.upper() == by.session_id:
        came.door.drop(came.cookies, "session")
        return RedirectResponse("/login", 303)
    return RedirectResponse("/settings#sessions", 303)


@router.post("/settings/tokens")
def make_token(http: HttpRequest, at: AtDesk, by: Visitor, sent: Fields) -> Response:
    """Make a token and show its secret, this once. For administrators."""
    fields = dict(sent)
    kind, scopes = fields.get("kind", "person"), [value for name, value in sent if name == "scope"]
    try:
        if kind not in SCOPES:
            raise FormInvalid(f"{kind!r} is nobody whom a token can be for; known are {', '.join(SCOPES)}.")
        minted = at.approvals.tokens.create(
            fields.get("subject", "").strip(),
            by.actor,
            kind=kind,
            scopes=cast("list[Scope]", scopes),
            label=fields.get("label", "")[:200],
        )
    except ApprovalError as error:
        return _page(http, at, by, error)
    told = f"The token {minted.token.id} for {minted.token.subject}. Copy it now; it is shown once."
    return _page(http, at, by, shown=Shown(told, minted.secret))


@router.post("/settings/tokens/revoke")
def revoke_token(http: HttpRequest, at: AtDesk, by: Visitor, sent: Fields) -> Response:
    """End a token. For administrators."""
    try:
        at.approvals.tokens.revoke(dict(sent).get("token", ""), by.actor)
    except ApprovalError as error:
        return _page(http, at, by, error)
    return RedirectResponse("/settings#tokens", 303)


@router.post("/settings/links")
def make_link(http: HttpRequest, at: AtDesk, came: AtDoor, by: Visitor, sent: Fields) -> Response:
    """Make a sign-in link and show it, this once. For administrators."""
    try:
        made = at.approvals.tickets.make(dict(sent).get("email", "").strip(), by.actor)
    except ApprovalError as error:
        return _page(http, at, by, error)
    told = f"A link that signs {made.ticket.person} in, once, until {made.ticket.expires_at:%d %b %Y, %H:%M} UTC."
    return _page(http, at, by, shown=Shown(told, came.door.address + made.path))


def _page(
    http: HttpRequest, at: Desk, by: Visiting, problem: ApprovalError | None = None, shown: Shown | None = None
) -> Response:
    context: dict[str, Any] = {"account": account_view(at.approvals, by), "csrf": by.csrf, "shown": shown}
    status = kind_of(type(problem))[1].status if problem else 200
    sentence = str(problem) if problem else None
    return Visit(http, at, by).page("settings.html", "settings", status=status, sentence=sentence, **context)
