"""What happens, told to the browsers of those who look at pages."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from approvals.web.headers import PAGE_HEADERS
from approvals.web.pages.visit import Visited
from approvals.web.visitors import still_signed_in

router = APIRouter(include_in_schema=False)

_HEADERS = {
    **PAGE_HEADERS,
    # A proxy that gathers the stream before it passes it on would tell everything late.
    "X-Accel-Buffering": "no",
    "Cache-Control": "no-store, no-transform",
}


@router.get("/events")
async def events(http: HttpRequest, visit: Visited) -> Response:
    """Server-sent events for this person, from where their browser was; they end when the session does."""
    told = visit.at.live.stream(visit.by, _last(http), lambda: still_signed_in(http))
    return StreamingResponse(told, headers=_HEADERS, media_type="text/event-stream")


def _last(http: HttpRequest) -> int | None:
    """The last event that the browser has: of this connection, or of the tab that listened before."""
    text = http.headers.get("last-event-id") or http.query_params.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
