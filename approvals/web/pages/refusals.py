"""Refusals and failures as pages: what happened, in a sentence, and where to go from there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from approvals import errors
from approvals.web.pages.visit import answered, theme_of
from approvals.web.problems import kind_of, request_id_of
from approvals.web.templating import rendered
from approvals.web.visitors import wants_page

log = logging.getLogger(__name__)

_PROGRAMS = ("/api/", "/healthz", "/events", "/static/")
Handler = Callable[[HttpRequest, Exception], Response]


class Wall(NamedTuple):
    """What such a page says."""

    status: int
    title: str
    text: str
    lines: tuple[str, ...] = ()


def tell_on_pages(app: FastAPI) -> None:
    """Have refusals, wrong addresses and failures told as pages to whoever looks at pages, and as before to others."""
    for kind in (errors.ApprovalError, RequestValidationError, HTTPException, Exception):
        before = app.exception_handlers[kind]
        app.add_exception_handler(kind, _either(before))


def _either(before: Callable[..., object]) -> Handler:
    def tell(http: HttpRequest, error: Exception) -> Response:
        if not _looks(http):
            answer = before(http, error)
            if not isinstance(answer, Response):  # pragma: no cover, those of the API answer at once
                raise error
            return answer
        return _page(http, wall_of(http, error))

    return tell


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


def _looks(http: HttpRequest) -> bool:
    path = f"{http.url.path}/"
    return not path.startswith(_PROGRAMS) and "x-fragment" not in http.headers and wants_page(http)


def _page(http: HttpRequest, wall: Wall) -> Response:
    html = rendered("wall.html", wall=wall, theme=theme_of(http), request_id=request_id_of(http))
    return answered(http, html, wall.status)
