"""How refusals look over HTTP: RFC 9457 problems, from one table of error classes."""

from __future__ import annotations

import logging
import secrets
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

from approvals import errors
from approvals.refusals import URN, slug_of

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Gone(errors.NotActionable):
    """The request was withdrawn or has expired, so nothing can be decided any more."""


class BodyTooLarge(errors.ApprovalError):
    """The body is larger than this queue takes."""


class WrongHost(errors.ApprovalError):
    """This queue is not known under that name."""


class FormInvalid(errors.ApprovalError):
    """The form cannot be read."""


class WrongField(BaseModel):
    """One thing wrong: where, and why."""

    path: str
    message: str


class Problem(BaseModel):
    """What went wrong, for programs (`type`) and for people (`detail`)."""

    type: str = Field(description=f"stable name of the kind of problem, such as {URN}already-decided")
    title: str
    status: int
    detail: str
    request_id: str = Field(description="of this HTTP request; the server's log has it too")
    errors: list[WrongField] | None = Field(default=None, description="what is wrong with a document or a body")
    claims: list[str] | None = Field(default=None, description="claims that nothing supports and nobody vouched for")


class Kind(NamedTuple):
    """How one class of refusal is told."""

    status: int
    title: str


# The nearest class of an error's line of ancestors counts.
KINDS: dict[type[errors.ApprovalError], Kind] = {
    WrongHost: Kind(400, "Another name"),
    FormInvalid: Kind(400, "The form cannot be read"),
    errors.NotAuthenticated: Kind(401, "Who is asking?"),
    errors.SignInFailed: Kind(401, "Not signed in"),
    errors.TicketSpent: Kind(401, "This link does not count"),
    errors.NotPermitted: Kind(403, "Not permitted"),
    errors.CannotActOnOwnRequest: Kind(403, "Your own request"),
    errors.NotACandidate: Kind(403, "You are not asked here"),
    errors.NotAnEditor: Kind(403, "You may not edit"),
    errors.NotAPerson: Kind(403, "Only people decide"),
    errors.NotTheDecider: Kind(403, "Somebody else decided"),
    errors.Disabled: Kind(403, "This account is not active"),
    errors.OutOfScope: Kind(403, "This token does not reach that far"),
    errors.Forged: Kind(403, "Not from a page of yours"),
    errors.LinkTooWeak: Kind(403, "Sign in to decide this"),
    errors.LinkExpired: Kind(403, "This link is too old"),
    errors.LinkUsed: Kind(403, "This link was used"),
    errors.NoPermit: Kind(403, "No permit"),
    errors.NotFound: Kind(404, "There is no such thing"),
    errors.LinkInvalid: Kind(404, "This link is not valid"),
    errors.ClaimedBySomeoneElse: Kind(409, "A colleague is working on it"),
    errors.NotActionable: Kind(409, "Not in this state"),
    errors.AlreadyDecided: Kind(409, "Decided already"),
    errors.TooLateToRecall: Kind(409, "Too late to take back"),
    errors.VerdictNotAllowed: Kind(409, "This gate does not offer that"),
    errors.NotRevertible: Kind(409, "Nothing to take back"),
    errors.StaleDecision: Kind(409, "The draft changed"),
    errors.Overtaken: Kind(409, "The request changed meanwhile"),
    errors.PermitInUse: Kind(409, "Another process is at it"),
    Gone: Kind(410, "Nothing to decide any more"),
    BodyTooLarge: Kind(413, "Too large"),
    errors.DocumentInvalid: Kind(422, "The document is not valid"),
    errors.CommentInvalid: Kind(422, "The comment cannot be kept"),
    errors.SnoozeInvalid: Kind(422, "It cannot be snoozed so"),
    errors.SavedViewInvalid: Kind(422, "The view cannot be kept"),
    errors.FiltersInvalid: Kind(422, "There is no such filter"),
    errors.TooManyAtOnce: Kind(422, "Too many at once"),
    errors.UnsupportedClaims: Kind(422, "Claims without a source"),
    errors.PasswordUnfit: Kind(422, "Another password, please"),
    errors.KeyReused: Kind(422, "Idempotency-Key used before"),
    errors.NotCanonical: Kind(422, "No canonical form"),
    errors.ApprovalError: Kind(422, "Refused"),
    errors.CannotExamine: Kind(503, "Nobody can check the document now"),
    errors.RecordBroken: Kind(409, "The record does not fit"),
    errors.TooManyTries: Kind(429, "Too many tries"),
    errors.ProviderFailed: Kind(503, "The identity provider cannot be used"),
    errors.StoreUnavailable: Kind(503, "The store cannot be reached"),
    errors.QueueUnavailable: Kind(503, "The queue does not answer"),
    errors.RunsUnavailable: Kind(503, "Prefect cannot be asked"),
    errors.PolicyError: Kind(503, "The policies cannot be used"),
    errors.PeopleError: Kind(503, "The list of people cannot be used"),
    errors.NotificationsError: Kind(503, "The notifications cannot be used"),
    errors.NotDelivered: Kind(503, "The message was not delivered"),
    errors.LinkKeyError: Kind(503, "Links cannot be signed"),
    errors.UnknownScheme: Kind(503, "Set up wrongly"),
}


def kind_of(error: type[errors.ApprovalError]) -> tuple[str, Kind]:
    """The slug and the telling of an error class: those of its nearest ancestor in the table."""
    nearest = next(ancestor for ancestor in error.__mro__ if ancestor in KINDS)
    return slug_of(nearest), KINDS[nearest]


def request_id_of(request: HttpRequest) -> str:
    """The id that this HTTP request was given."""
    return str(request.scope.setdefault("countersign.request_id", secrets.token_hex(8)))


def problem(request_id: str, slug: str, status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """A problem as a response."""
    told = Problem(type=URN + slug, title=title, status=status, detail=detail, request_id=request_id, **more)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "5"} if status == 503 else None
    return JSONResponse(told.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def refused(request_id: str, error: errors.ApprovalError) -> JSONResponse:
    """A refusal as a response."""
    slug, kind = kind_of(type(error))
    more: dict[str, Any] = {}
    if isinstance(error, errors.DocumentInvalid):
        more["errors"] = [WrongField(path=wrong.path, message=wrong.message) for wrong in error.errors]
    if isinstance(error, errors.UnsupportedClaims):
        more["claims"] = list(error.claims)
    answer = problem(request_id, slug, kind.status, kind.title, _encodable(str(error)), **more)
    if isinstance(error, errors.TooManyTries):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer


def tell_problems(app: FastAPI) -> None:
    """Have every refusal, wrong call and failure of the app told as a problem."""

    def on_refusal(request: HttpRequest, error: Exception) -> JSONResponse:
        if not isinstance(error, errors.ApprovalError):  # pragma: no cover, handlers are chosen by class
            raise error
        return refused(request_id_of(request), error)

    def on_wrong_call(request: HttpRequest, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):  # pragma: no cover, as above
            raise error
        wrong = [WrongField(path=_path(one["loc"]), message=_encodable(one["msg"])) for one in error.errors()]
        told = "; ".join(f"{one.path}: {one.message}" for one in wrong)
        return problem(request_id_of(request), "invalid", 422, "The call is not valid", told, errors=wrong)

    def on_http(request: HttpRequest, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):  # pragma: no cover, as above
            raise error
        told = _HTTP.get(error.status_code, str(error.detail))
        answer = problem(request_id_of(request), "http", error.status_code, str(error.detail), told)
        answer.headers.update(error.headers or {})
        return answer

    def on_failure(request: HttpRequest, error: Exception) -> JSONResponse:
        request_id = request_id_of(request)
        log.error("Request %s failed.", request_id, exc_info=error)
        told = (
            f"Something failed here, and nothing was decided by this call. Look for {request_id} in the server's log."
        )
        return problem(request_id, "failure", 500, "The server failed", told)

    app.add_exception_handler(errors.ApprovalError, on_refusal)
    app.add_exception_handler(RequestValidationError, on_wrong_call)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_failure)


_HTTP = {
    400: "The body cannot be read as JSON.",
    404: "There is nothing at this address; /api/openapi.json lists what there is.",
    405: "This address does not take that method; /api/openapi.json lists what it takes.",
}


def _path(place: tuple[int | str, ...]) -> str:
    # FastAPI begins with where it looked; a field of the body is named as the caller wrote it.
    inner = place[1:] if place[:1] == ("body",) and len(place) > 1 else place
    return ".".join(str(part) for part in inner)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation can answer with, for its OpenAPI description."""
    return {status: {"model": Problem, "description": _DESCRIPTIONS[status]} for status in sorted({*statuses, 500})}


_DESCRIPTIONS = {
    400: "The body cannot be read",
    401: "No valid token",
    403: "Not permitted",
    404: "There is no such thing, or it does not concern the caller",
    409: "Not in this state, or not any more",
    410: "The request was withdrawn or has expired",
    413: "The body is too large",
    422: "The call, the document or its claims are not acceptable",
    500: "The server failed",
    503: "Something that the answer needs cannot be reached; try again",
}
