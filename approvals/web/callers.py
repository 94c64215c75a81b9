"""Who calls the API (the bearer of a token, and nobody else), and what their calls work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request as HttpRequest

from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.errors import NotAuthenticated
from approvals.reading import Reading
from approvals.web.answering import Answering

_BEARER = HTTPBearer(auto_error=False, description="a token that `countersign token create` made")


@dataclass(frozen=True)
class Desk:
    """What every handler works with."""

    approvals: Approvals
    reading: Reading
    answering: Answering

    @classmethod
    def of(cls, approvals: Approvals) -> Desk:
        """The desk of this queue."""
        return cls(approvals, Reading(approvals.service), Answering(approvals.store, approvals.clock))


def desk(http: HttpRequest) -> Desk:
    """The desk that `create_app` set up."""
    found: Desk = http.app.state.desk
    return found


AtDesk = Annotated[Desk, Depends(desk)]
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


def caller(at: AtDesk, credentials: _Credentials) -> Actor:
    """Who calls.

    Raises:
        NotAuthenticated: without a token that counts. Disabled: the person's account is not active.
    """
    if credentials is None:
        raise NotAuthenticated("Send a token: `Authorization: Bearer cs_…`.")
    return at.approvals.tokens.authenticate(credentials.credentials)


Caller = Annotated[Actor, Depends(caller)]
