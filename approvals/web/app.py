"""The HTTP application: what stands around the API, and the server that runs it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from approvals.bootstrap import Approvals
from approvals.errors import ApprovalError
from approvals.ports import Pages, RunRecords
from approvals.web import account, admin, api, gates, linked, lists, signin, visitors
from approvals.web.callers import Authenticating, Desk
from approvals.web.doors import is_loopback
from approvals.web.pages.refusals import tell_on_pages
from approvals.web.pages.routes import routers
from approvals.web.problems import MEDIA_TYPE, BodyTooLarge, described, refused, request_id_of, tell_problems
from approvals.web.visitors import admit

MAX_BODY = 5 * 1024 * 1024
"""Bytes that a body may have."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Health(BaseModel):
    """The server answers, and reaches its store."""

    status: str


def create_app(
    approvals: Approvals,
    *,
    signed_in: linked.SignedIn = visitors.signed_in,
    records: RunRecords | None = None,
    pages: Pages | None = None,
) -> FastAPI:
    """The queue as an ASGI application.

    Args:
        signed_in: Tells a page behind a link who has a session in the browser.
        records: Knows whose a run is; without it no run of another machine is let in.
        pages: Keeps what such runs have read.
    """
    app = FastAPI(
        title="Countersign approvals",
        version="1",
        summary="What agents propose, and what people decide.",
        openapi_url="/api/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = Desk.of(approvals, records, pages)
    app.state.signed_in = signed_in
    for router in (
        api.router,
        lists.router,
        admin.router,
        gates.router,
        *routers,
        linked.router,
        signin.router,
        account.router,
    ):
        # As they stand: including a router makes each of its routes anew, at the first request to every app.
        app.router.routes.extend(router.routes)

    @app.get("/healthz", responses=described(503), tags=["server"])
    def healthz() -> Health:
        """Whether the server answers and reaches its store; needs no token and says nothing else."""
        approvals.metrics.waiting()
        return Health(status="ok")

    tell_problems(app)
    tell_on_pages(app)
    admit(app, approvals)
    app.openapi = _openapi(app.openapi)  # type: ignore[method-assign]
    app.add_middleware(BodyLimit)
    app.add_middleware(Authenticating, tokens=approvals.tokens)
    app.add_middleware(Protective)
    return app


def _openapi(generate: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """The description, with problems under the media type that they are sent as."""

    def described() -> dict[str, Any]:
        schema = generate()
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    content = answer.get("content", {})
                    if int(status) >= 400 and "application/json" in content:
                        content[MEDIA_TYPE] = content.pop("application/json")
        return schema

    return described


class Protective:
    """Gives every request an id, and every response the headers that keep browsers from guessing and keeping."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(HttpRequest(scope))

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    # A page that sets its own policy knows better.
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        await self._app(scope, receive, protected)


class BodyLimit:
    """Refuses a body beyond `MAX_BODY` before anything reads it, whatever length its sender claims."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, and pass it on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size, more = 0, True
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = declared.isdigit() and int(declared) > MAX_BODY
        while more and not too_large:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
            too_large = size > MAX_BODY
        if too_large:
            error = BodyTooLarge(f"The body has more than {MAX_BODY // (1024 * 1024)} MiB.")
            await refused(request_id_of(HttpRequest(scope)), error)(scope, receive, send)
            return
        body: list[bytes] = [b"".join(chunks)]

        async def replayed() -> Message:
            if body:
                return {"type": "http.request", "body": body.pop(), "more_body": False}
            return await receive()

        await self._app(scope, replayed, send)


def check_host(host: str, *, exposed: bool) -> None:
    """Nothing, if the queue may listen there.

    Raises:
        ApprovalError: other machines would reach it, and nobody said that they should.
    """
    if not exposed and not is_loopback(host):
        raise ApprovalError(
            f"Listening on {host!r} would let other machines reach the queue. If that is meant, set "
            "APPROVALS_EXPOSED=true and put a proxy that speaks TLS in front; else use 127.0.0.1."
        )


def serve(
    approvals: Approvals,
    host: str | None = None,
    port: int | None = None,
    *,
    exposed: bool | None = None,
    records: RunRecords | None = None,
    pages: Pages | None = None,
) -> None:
    """Run the queue until it is told to stop; beyond this machine only where settings or caller say `exposed`."""
    settings = approvals.settings
    host = host or settings.host
    check_host(host, exposed=settings.exposed if exposed is None else exposed)
    app = create_app(approvals, records=records, pages=pages)
    # What was imported stays: the collector need not walk all of it again while somebody waits for a page.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=host,
        port=settings.port if port is None else port,
        server_header=False,
        # Who speaks to us is who is connected to us: a header must not say otherwise before we have looked.
        proxy_headers=False,
        log_level="warning",
        # A browser that listens never hangs up by itself.
        timeout_graceful_shutdown=2,
    )
