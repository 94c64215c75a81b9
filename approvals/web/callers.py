"""Who calls the API (the bearer of a token, and nobody else), and what their calls work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Receive, Scope, Send

from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.errors import ApprovalError, NotAuthenticated, RunsUnavailable
from approvals.ports import KnownRun, Pages, RunRecords
from approvals.reading import Reading
from approvals.tokens import Tokens
from approvals.turnstile import Turnstile
from approvals.web.answering import Answering
from approvals.web.live import Live
from approvals.web.problems import refused, request_id_of

PREFIX = "/api/v1"
"""Everything below it needs a token."""

_CALLER = "countersign.caller"


@dataclass(frozen=True)
class Desk:
    """What every handler works with."""

    approvals: Approvals
    reading: Reading
    answering: Answering
    live: Live
    insights: dict[Any, Any]
    """Figures that were read a moment ago, by the groups of who sees them."""

    turnstile: Turnstile
    """Where workers of other machines come in."""
    pages: Pages | None

    @classmethod
    def of(cls, approvals: Approvals, records: RunRecords | None = None, pages: Pages | None = None) -> Desk:
        """The desk of this queue."""
        return cls(
            approvals,
            Reading(approvals.service),
            Answering(approvals.store, approvals.clock),
            Live(approvals),
            {},
            Turnstile(approvals.gatekeeper, approvals.store, records or _NoRecords(), approvals.clock),
            pages,
        )


class _NoRecords:
    """Stands where a queue was started without an orchestrator beside it."""

    def known(self, run_id: str) -> KnownRun | None:
        raise RunsUnavailable("This queue was started without Prefect, so it lets no run of another machine in.")


# No threads for what only looks something up: `async`, though nothing is awaited.
async def desk(http: HttpRequest) -> Desk:
    """The desk that `create_app` set up."""
    found: Desk = http.app.state.desk
    return found


class Authenticating:
    """Asks who calls before anything of a call below `PREFIX` is read: its path, its terms or its body."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on with its caller, or refuse it."""
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{PREFIX}/"):
            http = HttpRequest(scope)
            try:
                # It asks the database, which must not hold up everybody else.
                scope[_CALLER] = await to_thread.run_sync(self._caller, http.headers.get("authorization"))
            except ApprovalError as error:
                await refused(request_id_of(http), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _caller(self, header: str | None) -> Actor:
        kind, _, secret = (header or "").partition(" ")
        if kind.casefold() != "bearer":
            raise NotAuthenticated("Send a token: `Authorization: Bearer cs_…`.")
        return self._tokens.authenticate(secret.strip())


# Only describes what `Authenticating` has done by then.
_BEARER = HTTPBearer(auto_error=False, description="a token that `countersign token create` made")


async def caller(http: HttpRequest, _: Annotated[object, Depends(_BEARER)]) -> Actor:
    """Who calls.

    Raises:
        NotAuthenticated: nobody asked, so nobody may go on.
    """
    found = http.scope.get(_CALLER)
    if not isinstance(found, Actor):
        raise NotAuthenticated
    return found


AtDesk = Annotated[Desk, Depends(desk)]
Caller = Annotated[Actor, Depends(caller)]
