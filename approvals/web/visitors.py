"""Who looks at the pages: the person of a session, and nobody else. Every form is held against its session here."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Annotated, NamedTuple
from urllib.parse import parse_qsl, quote

from anyio import to_thread
from fastapi import Depends, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from approvals.authority import same_person
from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.errors import ApprovalError, Disabled, Forged, NotAuthenticated
from approvals.identities import Proof, Session, SessionVia
from approvals.ports import Person
from approvals.sessions import LONGEST, Recognised, form_token
from approvals.web.callers import PREFIX
from approvals.web.doors import HOME, SAFE, Cookie, Door, here
from approvals.web.headers import TLS_HEADERS
from approvals.web.problems import FormInvalid, WrongHost, refused, request_id_of
from approvals.web.walls import wall, wall_of

# Forms sent before there is a session: their handlers ask for a token of their own.
_WITHOUT_SESSION = ("/login/", "/d/")
_MOST_FIELDS = 20_000
_ENTRY = "countersign.entry"

Form = Sequence[tuple[str, str]]


class NotSignedIn(NotAuthenticated):
    """Sign in to see this page; `why` says what ended the session before, if there was one."""

    def __init__(self, next_: str = HOME, message: str | None = None) -> None:
        self.next = next_
        self.why = message
        super().__init__(message or "Sign in to see this page.")


class Visiting(NamedTuple):
    """Somebody who signed in."""

    actor: Actor
    person: Person
    session: Session
    csrf: str
    """What every form of theirs must carry as `csrf`, or every fetch as the header X-CSRF-Token."""

    @property
    def session_id(self) -> str:
        """The session's id, which is no secret."""
        return self.session.id


class Entry:
    """One request for a page: what it carries, and who sends it once somebody asks."""

    def __init__(self, approvals: Approvals, door: Door, http: HttpRequest, *, listens: bool = False) -> None:
        self.door = door
        self._listens = listens
        self.form: Form = ()
        self.cookies = Response()
        """Whose cookies are sent along with whatever answers."""
        self.approvals = approvals
        self._http = http
        self._visiting: Visiting | None = None

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.door.client(self._http)

    def cookie(self, cookie: Cookie) -> str | None:
        """What the browser keeps for us under this name."""
        return self.door.cookie(self._http, cookie)

    def visiting(self) -> Visiting:
        """Who sends it.

        Raises:
            NotSignedIn: nobody who is signed in; the message says why, where there is something to say.
        """
        if self._visiting is None:
            self._visiting = self._recognised()
        return self._visiting

    def check_token(self, wanted: str) -> None:
        """Nothing, if the form or the fetch carries this token.

        Raises:
            Forged: it does not.
        """
        given = self._http.headers.get("x-csrf-token") or dict(self.form).get("csrf", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
            raise Forged

    def begin(self, person: Person, proof: Proof, via: SessionVia = "session") -> str:
        """Sign this person in, in place of whoever was, and tell the secret: the one that was there opens nothing now.

        Raises:
            Disabled: the person's account is not active.
        """
        begun = self.approvals.sessions.begin(
            person,
            proof,
            via=via,
            agent=self._http.headers.get("user-agent", ""),
            replaces=self.cookie("session"),
        )
        self.door.keep(self.cookies, "session", begun.secret, int(LONGEST.total_seconds()))
        return begun.secret

    def _recognised(self) -> Visiting:
        secret, told = self.cookie("session"), self.door.told(self._http)
        found, why = None, None
        if secret is not None:
            try:
                # Listening is no use: a browser that somebody left open must not keep their session alive.
                found = self.approvals.sessions.recognise(secret, used=not self._listens)
            except (NotAuthenticated, Disabled) as error:
                why = str(error)
        if told is not None:
            return self._told(told, found, secret)
        # A session that began with a proxy's word counts only together with that word.
        if found is None or secret is None or found.session.via == "header":
            raise NotSignedIn(self._wanted(), why)
        return _visiting(found, secret)

    def _told(self, told: str, found: Recognised | None, secret: str | None) -> Visiting:
        same = found is not None and found.session.via == "header" and same_person(found.person.email, told)
        if found is not None and secret is not None and same:
            return _visiting(found, secret)
        person = self.approvals.directory.person(told)
        if person is None:
            raise NotSignedIn(self._wanted(), f"{told} is not among the people of this queue.")
        # Only who opens a page keeps its cookie: a program without one would begin a session with every request.
        if self._listens or not wants_page(self._http):
            raise NotSignedIn(self._wanted())
        try:
            secret = self.begin(person, "header", "header")
        except Disabled as error:
            raise NotSignedIn(self._wanted(), str(error)) from error
        return _visiting(self.approvals.sessions.recognise(secret), secret)

    def _wanted(self) -> str:
        url = self._http.url
        return here(f"{url.path}?{url.query}" if url.query else url.path) if self._http.method in SAFE else HOME


def _visiting(found: Recognised, secret: str) -> Visiting:
    return Visiting(found.actor, found.person, found.session, form_token(secret))


# -- before any handler ------------------------------------------------------------------------------------------


class Entering:
    """Lets a request for a page through to its handler once its name, its origin and its form's token are right."""

    def __init__(self, app: ASGIApp, approvals: Approvals, door: Door) -> None:
        self._app = app
        self.approvals = approvals
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its `Entry`, or refuse it."""
        if scope["type"] != "http" or not is_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        http = HttpRequest(scope, receive)
        entry = scope[_ENTRY] = Entry(self.approvals, self._door, http)

        async def accompanied(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in entry.cookies.raw_headers:
                    if name == b"set-cookie":
                        headers.append("set-cookie", value.decode("latin-1"))
                if self._door.secure:
                    headers.update(TLS_HEADERS)
            await send(message)

        try:
            self._door.check_host(http)
            if http.method not in SAFE:
                receive = await self._checked(http, entry)
        except ApprovalError as error:
            await refusal(http, error)(scope, receive, accompanied)
            return
        await self._app(scope, receive, accompanied)

    async def _checked(self, http: HttpRequest, entry: Entry) -> Receive:
        self._door.check_origin(http)
        body = await http.body()
        entry.form = _fields(http.headers.get("content-type", ""), body)
        if not f"{http.scope['path']}/".startswith(_WITHOUT_SESSION):
            # It asks the database, which must not hold up everybody else.
            visiting = await to_thread.run_sync(entry.visiting)
            entry.check_token(visiting.csrf)
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return unread.pop() if unread else await http.receive()

        return replayed


def is_page(path: str) -> bool:
    """Whether people look at it with a browser; what is for programs knows neither cookies nor forms."""
    return not f"{path}/".startswith((f"{PREFIX}/", "/api/openapi.json/", "/healthz/"))


def _fields(media_type: str, body: bytes) -> Form:
    if media_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return ()
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise FormInvalid("The form cannot be read: it is not UTF-8, or has too many fields.") from error


# -- what handlers ask for ---------------------------------------------------------------------------------------


def entry(http: HttpRequest) -> Entry:
    """The request as it came in."""
    found: Entry = http.scope[_ENTRY]
    return found


def visitor(http: HttpRequest) -> Visiting:
    """Who looks.

    Raises:
        NotSignedIn: nobody who is signed in.
    """
    return entry(http).visiting()


def signed_in(http: HttpRequest) -> str | None:
    """E-mail of who is signed in with this browser; None where nobody is."""
    try:
        return visitor(http).person.email
    except NotAuthenticated:
        return None


async def form(http: HttpRequest) -> Form:
    """The fields of the form that was sent, in order."""
    return entry(http).form


def still_signed_in(http: HttpRequest) -> bool:
    """Whether whoever was let in may look on: asked again, of the session and of the person."""
    came = entry(http)
    try:
        Entry(came.approvals, came.door, http, listens=True).visiting()
    except ApprovalError:
        return False
    return True


AtDoor = Annotated[Entry, Depends(entry)]
Visitor = Annotated[Visiting, Depends(visitor)]
Fields = Annotated[Form, Depends(form)]


# -- refusals ----------------------------------------------------------------------------------------------------


def wants_page(http: HttpRequest) -> bool:
    """Whether a browser asks for a page, and no script for a part of one."""
    return "text/html" in http.headers.get("accept", "") and http.headers.get("sec-fetch-dest", "document") != "empty"


def refusal(http: HttpRequest, error: ApprovalError) -> Response:
    """A refusal as a browser shows it: the way to the sign-in page, or a page with the sentence."""
    if not wants_page(http):
        return refused(request_id_of(http), error)
    if isinstance(error, NotSignedIn):
        return RedirectResponse(f"/login?next={quote(error.next, safe='/')}", 303)
    return wall(http, wall_of(http, error))


def admit(app: FastAPI, approvals: Approvals) -> None:
    """Have every request for a page of the app come in through `Entering`."""

    def refuse(http: HttpRequest, error: Exception) -> Response:
        if not isinstance(error, ApprovalError):  # pragma: no cover, handlers are chosen by class
            raise error
        return refusal(http, error)

    for known in (NotSignedIn, Forged, WrongHost, FormInvalid):
        app.add_exception_handler(known, refuse)
    app.add_middleware(Entering, approvals=approvals, door=Door(approvals.settings))
