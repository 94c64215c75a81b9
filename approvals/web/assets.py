"""Stylesheet, script and icons: read once, under an address that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources
from typing import NamedTuple

from fastapi import APIRouter, Response
from starlette.requests import Request as HttpRequest

from approvals.errors import NotFound

router = APIRouter(include_in_schema=False)

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


class Asset(NamedTuple):
    """One file that ships, as it is sent."""

    digest: str
    plain: bytes
    packed: bytes
    media_type: str


@cache
def _shipped() -> dict[str, Asset]:
    found = {}
    for file in resources.files("approvals.web").joinpath("static").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _TYPES:
            plain = file.read_bytes()
            digest = hashlib.sha256(plain).hexdigest()[:16]
            found[file.name] = Asset(digest, plain, gzip.compress(plain, 9, mtime=0), _TYPES[kind])
    return found


def asset(name: str) -> str:
    """The address of a file that ships."""
    return f"/static/{_shipped()[name].digest}/{name}"


def has_asset(name: str) -> bool:
    """Whether such a file ships."""
    return name in _shipped()


@router.get("/static/{digest}/{name}")
def static(http: HttpRequest, digest: str, name: str) -> Response:
    """The file; kept for good under its own digest, and not at all under an older one."""
    found = _shipped().get(name)
    if found is None:
        raise NotFound(f"There is no file {name!r}.")
    current = digest == found.digest
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    packed = "gzip" in http.headers.get("accept-encoding", "")
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packed else found.plain, headers=headers, media_type=found.media_type)
