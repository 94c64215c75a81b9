"""A refusal or a failure as a page of its own: what happened, in a sentence, and where to go from there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from approvals import errors
from approvals.web.headers import PAGE_HEADERS
from approvals.web.problems import kind_of, request_id_of
from approvals.web.templating import page

THEMES = ("light", "dark")

log = logging.getLogger(__name__)


class Wall(NamedTuple):
    """What such a page says."""

    status: int
    title: str
    text: str
    lines: tuple[str, ...] = ()


def wall_of(http: HttpRequest, error: Exception) -> Wall:
    """What a page says of this error."""
    if isinstance(error, errors.DocumentInvalid):
        _, kind = kind_of(type(error))
        return Wall(kind.status, kind.title, "Go back and mend it; nothing was decided.", _wrong(error))
    if isinstance(error, errors.NotFound):
        return Wall(404, "There is nothing here", "It may have been erased, or it does not concern you.")
    if isinstance(error, errors.ApprovalError):
        _, kind = kind_of(type(error))
        return Wall(kind.status, kind.title, str(error))
    if isinstance(error, RequestValidationError):
        return Wall(404, "There is nothing here", "The address cannot be read. Go back to the list and try again.")
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            return Wall(405, "That cannot be opened so", "This address only takes forms. Go back and use the button.")
        return Wall(error.status_code, "There is nothing here", "The address may be mistyped, or of an older page.")
    log.error("Page request %s failed.", request_id_of(http), exc_info=error)
    return Wall(
        500, "Something failed here", "Nothing was decided. Go back and try again; what you typed is still there."
    )


def _wrong(error: errors.DocumentInvalid) -> tuple[str, ...]:
    return tuple(f"{one.path}: {one.message}" if one.path else one.message for one in error.errors[:20])


def wall(http: HttpRequest, said: Wall, headers: Mapping[str, str] = PAGE_HEADERS) -> Response:
    """The page; it stands where nobody is signed in and no store answers."""
    terms = {"wall": said, "theme": theme_of(http), "request_id": request_id_of(http)}
    return page("wall.html", said.status, headers, **terms)


def theme_of(http: HttpRequest) -> str:
    """`light`, `dark`, or nothing: as the system has it."""
    chosen = http.cookies.get("theme", "")
    return chosen if chosen in THEMES else ""
