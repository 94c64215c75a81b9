"""Refusals and failures as pages: what happened, in a sentence, and where to go from there."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from approvals import errors
from approvals.web.visitors import wants_page
from approvals.web.walls import wall, wall_of

_PROGRAMS = ("/api/", "/healthz", "/events", "/static/")
Handler = Callable[[HttpRequest, Exception], Response]


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
        return wall(http, wall_of(http, error))

    return tell


def _looks(http: HttpRequest) -> bool:
    path = f"{http.scope['path']}/"
    return not path.startswith(_PROGRAMS) and "x-fragment" not in http.headers and wants_page(http)
