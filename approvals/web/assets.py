"""Stylesheet, script and icons: read once, under an address that changes with their content.

The script is written as one module a noun, in `static/script/`; they are sent as one file, so that a page asks once.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from fastapi import APIRouter, Response
from starlette.requests import Request as HttpRequest

from approvals.errors import NotFound

router = APIRouter(include_in_schema=False)

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_SCRIPT = "app.js"
_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|let|function|async|class)", re.MULTILINE)
_LEFT_OUT = re.compile(r"^(?:[ \t]*(?://|/\*\*).*\n|[ \t]+|\n)", re.MULTILINE)


class Asset(NamedTuple):
    """One file that ships, as it is sent."""

    digest: str
    plain: bytes
    packed: bytes
    media_type: str


@cache
def _shipped() -> dict[str, Asset]:
    static = resources.files("approvals.web").joinpath("static")
    found = {file.name: file.read_bytes() for file in static.iterdir() if file.name.rpartition(".")[2] in _TYPES}
    found[_SCRIPT] = joined(static.joinpath("script"), _SCRIPT).encode()
    return {name: _asset(name, plain) for name, plain in found.items()}


def _asset(name: str, plain: bytes) -> Asset:
    digest = hashlib.sha256(plain).hexdigest()[:16]
    return Asset(digest, plain, gzip.compress(plain, 9, mtime=0), _TYPES[name.rpartition(".")[2]])


def joined(folder: Traversable, entry: str) -> str:
    """The module with everything it imports before it, each once; they share one scope, so no name may stand twice."""
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        parts[name] = ""
        text = folder.joinpath(name).read_text("utf-8")
        for needed in _IMPORT.findall(text):
            add(needed)
        # Again at the end of the order, behind what it needs.
        parts.pop(name)
        # Comments and indentation are for those who read the modules.
        parts[name] = _LEFT_OUT.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))

    add(entry)
    return "".join(parts.values())


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
