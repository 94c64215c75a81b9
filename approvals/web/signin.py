"""The sign-in page, one-time links, the way to an identity provider and back, and the way out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from approvals.errors import ApprovalError, Disabled, Forged, NotFound, SignInFailed, TicketSpent, TooManyTries
from approvals.sessions import form_token
from approvals.web.callers import AtDesk, Desk
from approvals.web.doors import HOME, Door, here
from approvals.web.headers import SECRET_HEADERS
from approvals.web.problems import kind_of
from approvals.web.templating import page
from approvals.web.visitors import AtDoor, Entry, Fields, NotSignedIn, Visitor

router = APIRouter(include_in_schema=False)

_LOGIN_SECONDS = 3_600
_AWAY_SECONDS = 600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

log = logging.getLogger(__name__)


# -- the page ----------------------------------------------------------------------------------------------------


@router.get("/login")
def login(at: AtDesk, came: AtDoor, wanted: Annotated[str | None, Query(alias="next")] = None) -> Response:
    """The sign-in page; whoever is signed in goes on to where they wanted."""
    try:
        came.visiting()
    except NotSignedIn as error:
        return _page(at, came, here(wanted), error.why)
    return RedirectResponse(here(wanted), 303)


@router.post("/login")
def sign_in(at: AtDesk, came: AtDoor, sent: Fields) -> Response:
    """Sign in with a password."""
    _check_own(came)
    fields = dict(sent)
    email, wanted = fields.get("email", ""), here(fields.get("next"))
    try:
        person = at.approvals.accounts.verify(email, fields.get("password", ""), came.address)
        came.begin(person, "password")
    except (SignInFailed, TooManyTries, Disabled) as error:
        return _page(at, came, wanted, error, email=email[:320])
    came.door.drop(came.cookies, "login")
    return RedirectResponse(wanted, 303)


@router.post("/logout")
def sign_out(at: AtDesk, came: AtDoor, by: Visitor) -> Response:
    """End the session."""
    at.approvals.sessions.revoke(by.session_id, by.actor)
    came.door.drop(came.cookies, "session")
    return RedirectResponse("/login", 303)


def _page(at: Desk, came: Entry, wanted: str, problem: ApprovalError | str | None, *, email: str = "") -> Response:
    status = kind_of(type(problem))[1].status if isinstance(problem, ApprovalError) else 200
    answer = page(
        "signin.html",
        status,
        sentence=None if problem is None else str(problem),
        csrf=form_token(_own_secret(came)),
        next=wanted,
        email=email,
        provider=at.approvals.settings.oidc_name if at.approvals.provider is not None else None,
    )
    if isinstance(problem, TooManyTries):
        answer.headers["Retry-After"] = str(problem.seconds)
    return answer


def _own_secret(came: Entry) -> str:
    """What ties a form to this browser while there is no session; made and kept with the page."""
    kept = came.cookie("login")
    secret = kept if kept is not None and _SECRET.fullmatch(kept) else secrets.token_urlsafe(32)
    came.door.keep(came.cookies, "login", secret, _LOGIN_SECONDS)
    return secret


def _check_own(came: Entry) -> None:
    """Nothing, if the form came from a page that this browser was shown: else somebody signs another one in.

    Raises:
        Forged: it did not.
    """
    kept = came.cookie("login")
    if kept is None or not _SECRET.fullmatch(kept):
        raise Forged("This form is too old, or your browser keeps no cookies. Load the page again.")
    came.check_token(form_token(kept))


# -- through an identity provider --------------------------------------------------------------------------------


@router.get("/login/oidc")
def leave(at: AtDesk, came: AtDoor, wanted: Annotated[str | None, Query(alias="next")] = None) -> Response:
    """Send the browser to the identity provider."""
    provider, secret = at.approvals.provider, secrets.token_urlsafe(32)
    if provider is None:
        raise NotFound("This queue knows no identity provider.")
    try:
        away = provider.start(
            _back(came.door), _derived(secret, "state"), _derived(secret, "nonce"), _derived(secret, "verifier")
        )
    except ApprovalError as error:
        log.warning("Nobody can sign in through the identity provider: %s", error)
        return _page(at, came, here(wanted), error)
    # The browser carries what ties the answer to the question; nothing is kept here for those who never come back.
    carried = base64.urlsafe_b64encode(here(wanted).encode()).decode()
    came.door.keep(came.cookies, "oidc", f"{secret}.{carried}", _AWAY_SECONDS)
    return RedirectResponse(away, 303)


@router.get("/login/oidc/callback")
def come_back(
    at: AtDesk,
    came: AtDoor,
    *,
    code: str = "",
    state: str = "",
    error: str | None = None,
    iss: str | None = None,
) -> Response:
    """Take in who comes back from the identity provider."""
    provider, known = at.approvals.provider, at.approvals.known
    if provider is None or known is None:
        raise NotFound("This queue knows no identity provider.")
    secret, wanted = _carried(came)
    came.door.drop(came.cookies, "oidc")
    try:
        _check_begun(secret, state, error)
        nonce, verifier = _derived(secret, "nonce"), _derived(secret, "verifier")
        described = provider.finish(_back(came.door), code, nonce, verifier, issuer=iss)
        came.begin(known.learn(described), "provider")
    except ApprovalError as refusal:
        log.warning("A sign-in through the identity provider failed: %s", refusal)
        return _page(at, came, wanted, refusal)
    came.door.drop(came.cookies, "login")
    return RedirectResponse(wanted, 303)


def _check_begun(secret: str, state: str, error: str | None) -> None:
    """Nothing, if this browser began it and the provider has let somebody in.

    Raises:
        SignInFailed: it did not, or has not.
    """
    if not secret or not hmac.compare_digest(state.encode("utf-8", "replace"), _derived(secret, "state").encode()):
        raise SignInFailed("This sign-in was not begun in this browser, or too long ago. Begin again.")
    if error == "access_denied":
        raise SignInFailed("The identity provider did not let you in, or you did not consent. Nobody was signed in.")
    if error is not None:
        shown = re.sub(r"[^a-z_]", "", error)[:60] or "it does not say why"
        raise SignInFailed(f"The identity provider refused to let you in ({shown}). Nobody was signed in.")


def _back(door: Door) -> str:
    return f"{door.address}/login/oidc/callback"


def _derived(secret: str, what: str) -> str:
    """One of the three values that an exchange needs; none tells another one, and none the secret."""
    return hmac.new(secret.encode(), f"oidc {what}".encode(), hashlib.sha256).hexdigest()


def _carried(came: Entry) -> tuple[str, str]:
    secret, _, wanted = (came.cookie("oidc") or "").partition(".")
    if not _SECRET.fullmatch(secret):
        return "", HOME
    try:
        return secret, here(base64.urlsafe_b64decode(wanted).decode())
    except (binascii.Error, ValueError):
        return secret, HOME


# -- with a link -------------------------------------------------------------------------------------------------


@router.get("/login/{secret}")
def link(at: AtDesk, came: AtDoor, secret: str) -> Response:
    """Whom a sign-in link is for. Looking uses nothing up: mail scanners and previews look, too."""
    try:
        person = at.approvals.tickets.whose(secret)
    except (TicketSpent, Disabled) as error:
        return _spent(error)
    return page("signin_link.html", 200, SECRET_HEADERS, person=person, csrf=form_token(_own_secret(came)))


@router.post("/login/{secret}")
def use_link(at: AtDesk, came: AtDoor, secret: str) -> Response:
    """Sign in with the link, once."""
    _check_own(came)
    try:
        person = at.approvals.tickets.use(secret)
        came.begin(person, "link")
    except (TicketSpent, Disabled) as error:
        return _spent(error)
    came.door.drop(came.cookies, "login")
    has_password = at.approvals.accounts.has_password(person.email)
    return RedirectResponse(HOME if has_password else "/settings#password", 303)


def _spent(error: ApprovalError) -> Response:
    status = kind_of(type(error))[1].status
    return page("signin_link.html", status, SECRET_HEADERS, person=None, sentence=str(error))
