"""Who looks at the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request as HttpRequest

from approvals.decisions import Actor
from approvals.errors import NotAuthenticated
from approvals.ports import Person


@dataclass(frozen=True)
class Visiting:
    """Somebody who signed in."""

    actor: Actor
    person: Person
    csrf: str
    session_id: str


def visitor(http: HttpRequest) -> Visiting:
    """Who looks."""
    raise NotAuthenticated


def still_signed_in(http: HttpRequest, visiting: Visiting) -> bool:
    """Whether they may look on, a while after they came."""
    desk = http.app.state.desk
    person = desk.approvals.directory.person(visiting.person.email)
    return person is not None and person.active


Visitor = Annotated[Visiting, Depends(visitor)]
