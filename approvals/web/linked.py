"""The page behind a signed link: one request, and its person's verdict without signing in.

Looking changes nothing, however often and by whomever. The link leaves the address bar at once: it is kept in a cookie
that goes to this one page only, and the form that decides must come from that page.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, NamedTuple
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from approvals.authority import same_person
from approvals.bootstrap import Approvals
from approvals.characters import visible
from approvals.decisions import Approve, Reject, Return, Verdict
from approvals.errors import (
    ApprovalError,
    Forged,
    LinkInvalid,
    LinkUsed,
    NotPermitted,
    StaleDecision,
    VerdictInvalid,
)
from approvals.lifecycle import PAST_TENSE, Action, State
from approvals.links import Link
from approvals.outline import outline
from approvals.rendering import document_of, instant
from approvals.requests import Request
from approvals.web.callers import AtDesk
from approvals.web.headers import PAGE_HEADERS
from approvals.web.problems import kind_of
from approvals.web.templating import page
from approvals.web.walls import Wall, wall

SignedIn = Callable[[HttpRequest], str | None]
"""Tells the e-mail of the person who has a session in this browser; None where nobody has."""

router = APIRouter(include_in_schema=False)

LINK_HEADERS = {**PAGE_HEADERS, "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
"""No address of a link, nor of its page, is told to anybody. (So a browser tells `Origin: null` with the page's forms:
what counts is `Sec-Fetch-Site`, which browsers send over TLS and on this machine.)"""

_LOOKING = ["GET", "HEAD"]
_MOST_FIELDS = 20
_REOPEN = "This page opens from the link in your message. Open the message, and the link in it once more."

Token = Annotated[str, Path(max_length=2_000)]
Handle = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


# -- looking -----------------------------------------------------------------------------------------------------


@router.api_route("/d/{token}", methods=_LOOKING)
def opened(at: AtDesk, http: HttpRequest, token: Token) -> Response:
    """Move the link from the address into a cookie for its own page; decides and uses up nothing."""
    try:
        link = at.approvals.links.read(token)
    except ApprovalError as error:
        return _refusal(http, error)
    place = _place(link)
    answer = RedirectResponse(place, 303, LINK_HEADERS)
    # Lax, not Strict: a browser that comes from a mail would not send a strict one along to the page itself.
    answer.set_cookie(
        _cookie(at.approvals), token, path=place, httponly=True, samesite="lax", secure=_is_tls(at.approvals)
    )
    return answer


@router.api_route("/d/r/{handle}", methods=_LOOKING)
def looked(at: AtDesk, http: HttpRequest, handle: Handle) -> Response:
    """The request, its outcome where it has one, and what the link can do with it; changes nothing."""
    try:
        return _shown(at.approvals, _link(at.approvals, http, handle), _session(http))
    except ApprovalError as error:
        return _refusal(http, error)


# -- deciding ----------------------------------------------------------------------------------------------------


async def _form(http: HttpRequest) -> dict[str, str]:
    if http.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    body = await http.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


@router.post("/d/r/{handle}")
def decided(at: AtDesk, http: HttpRequest, handle: Handle, form: Annotated[dict[str, str], Depends(_form)]) -> Response:
    """Hand in the verdict of the link's person, or take it back; a refusal leaves request and link as they are."""
    approvals, link = at.approvals, None
    try:
        _check_origin(approvals, http)
        link = _link(approvals, http, handle)
        if not hmac.compare_digest(form.get("csrf", "").encode(), approvals.links.form_secret(link).encode()):
            raise Forged
        _act(approvals, link, _session(http), form)
    except ApprovalError as error:
        if link is None or isinstance(error, Forged):
            return _refusal(http, error)
        try:
            return _shown(approvals, link, _session(http), error, form)
        except ApprovalError as worse:
            return _refusal(http, worse)
    return RedirectResponse(_place(link), 303, LINK_HEADERS)


def _act(approvals: Approvals, link: Link, session: str | None, form: dict[str, str]) -> None:
    _check_session(link, session)
    actor = approvals.links.actor(link, signed_in=session is not None)
    if form.get("verdict") == "recall":
        approvals.service.recall(link.request_id, actor)
        return
    verdict = _verdict(form)
    recall = approvals.service.get(link.request_id, actor).policy.recall
    approvals.service.decide(link.request_id, verdict, actor, version=link.version, recall=recall)


def _verdict(form: dict[str, str]) -> Verdict:
    words = form.get("words", "")
    match form.get("verdict"):
        case "approve":
            return Approve()
        case "reject":
            # Not validated here: without words the service refuses it as it does everywhere.
            return Reject.model_construct(reason=words)
        case "return":
            return Return.model_construct(feedback=words)
    raise Forged("This form says nothing that a link could do. Load the page again.")


# -- the page ----------------------------------------------------------------------------------------------------


class _Seen(NamedTuple):
    """What the link's person can do now, and why not more."""

    actions: tuple[Action, ...]
    hints: tuple[str, ...]
    signs_in: bool


def _shown(
    approvals: Approvals,
    link: Link,
    session: str | None,
    error: ApprovalError | None = None,
    form: dict[str, str] | None = None,
) -> Response:
    request = approvals.service.get(link.request_id, approvals.links.reader(link))
    seen = _seen(approvals, request, link, session)
    over = approvals.links.is_over(link)
    status = 200 if error is None else kind_of(type(error))[1].status
    return page(
        "linked.html",
        status,
        LINK_HEADERS,
        title=visible(request.title),
        summary=visible(request.summary),
        open=request.is_open,
        due=instant(request.due_at),
        requester=visible(request.requester),
        person=link.person,
        outcome=_outcome(request, approvals.clock()),
        error=None if error is None else _sentence(error),
        hints=seen.hints,
        # Who holds an old link is told what became of the request, and reads no more of it.
        heading="Signed document" if request.state is State.APPROVED else "Draft",
        document=() if over else outline(document_of(request)),
        consequences=_consequences(approvals, request) if request.is_open and not over else (),
        actions=tuple(action.value for action in seen.actions),
        place=_place(link),
        csrf=approvals.links.form_secret(link),
        words=(form or {}).get("words", ""),
        said=(form or {}).get("verdict", ""),
        sign_in=f"/login?next={quote(_place(link) if request.risk == 'medium' else f'/r/{request.id}')}",
        signs_in=seen.signs_in,
        until=instant(link.expires_at),
    )


def _seen(approvals: Approvals, request: Request, link: Link, session: str | None) -> _Seen:
    try:
        _check_session(link, session)
        actor = approvals.links.actor(link, signed_in=session is not None)
        allowed = approvals.service.allowed_actions(request, actor)
        if request.is_open:
            approvals.service.authority.check_decider(request, actor)
            _check_fresh(approvals, request, link)
    except NotPermitted as error:
        return _Seen((), (str(error),) if request.is_open else (), signs_in=request.is_open)
    except StaleDecision as error:
        return _Seen((), (str(error),), signs_in=True)
    if request.is_open and not allowed:
        holder = request.claimed_at(approvals.clock())
        return _Seen((), (f"{holder} is working on this request.",) if holder else (), signs_in=True)
    return _Seen(allowed, (), signs_in=False)


def _check_session(link: Link, session: str | None) -> None:
    if session is not None and not same_person(session, link.person):
        raise NotPermitted(
            f"You are signed in as {session}, and this link is {link.person}'s. "
            "Decide as yourself on the request's own page."
        )


def _check_fresh(approvals: Approvals, request: Request, link: Link) -> None:
    if link.version != request.version:
        raise StaleDecision(
            f"Your message was about version {link.version}; this is version {request.version}. "
            "Decide by the link in the newest message, or sign in."
        )
    with approvals.store.read() as transaction:
        if transaction.link_use(link.nonce) is not None:
            raise LinkUsed


def _outcome(request: Request, now: datetime) -> tuple[str, ...]:
    ruling = request.ruling
    if request.is_open or ruling is None:
        return ()
    by = visible(ruling.by.id) if ruling.by.kind == "person" else "the queue"
    done = "sent back" if ruling.action is Action.RETURN else PAST_TENSE[ruling.action]
    told = [f"This was {done} by {by} at {instant(ruling.at)}."]
    if words := ruling.reason or ruling.feedback:
        told.append(visible(words))
    if ruling.effective_at > now:
        told.append(f"It takes effect at {instant(ruling.effective_at)}; until then it can be undone.")
    return tuple(told)


def _consequences(approvals: Approvals, request: Request) -> tuple[str, ...]:
    try:
        return tuple(visible(line) for line in approvals.service.examine(request).consequences)
    except ApprovalError as error:
        return (str(error),)


def _sentence(error: ApprovalError) -> str:
    return "Say in a few words why." if isinstance(error, VerdictInvalid) else str(error)


def _refusal(http: HttpRequest, error: ApprovalError) -> Response:
    kind = kind_of(type(error))[1]
    return wall(http, Wall(kind.status, kind.title, str(error)), LINK_HEADERS)


# -- the link's way ----------------------------------------------------------------------------------------------


def _place(link: Link) -> str:
    # A page of its own for each link: two that are open side by side do not take each other's cookie.
    return f"/d/r/{link.handle}"


def _link(approvals: Approvals, http: HttpRequest, handle: str) -> Link:
    token = http.cookies.get(_cookie(approvals))
    if token is None:
        raise LinkInvalid(_REOPEN)
    link = approvals.links.read(token)
    if link.handle != handle:
        raise LinkInvalid(_REOPEN)
    return link


def _cookie(approvals: Approvals) -> str:
    return "__Secure-link" if _is_tls(approvals) else "link"


def _is_tls(approvals: Approvals) -> bool:
    return approvals.settings.address.startswith("https:")


def _session(http: HttpRequest) -> str | None:
    asked: SignedIn | None = getattr(http.app.state, "signed_in", None)
    return None if asked is None else asked(http)


def _check_origin(approvals: Approvals, http: HttpRequest) -> None:
    """Nothing, if a page of ours sent the form.

    Raises:
        Forged: another one did, or nothing tells.
    """
    site, origin = http.headers.get("sec-fetch-site"), http.headers.get("origin")
    if site is not None:
        if site == "same-origin":
            return
    elif origin is not None and origin in (approvals.settings.address, f"{http.url.scheme}://{http.url.netloc}"):
        return
    raise Forged
