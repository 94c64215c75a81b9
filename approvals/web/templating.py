"""Templates of the pages: compiled once, everything escaped, unknown names refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from approvals.web.assets import asset
from approvals.web.headers import PAGE_HEADERS
from approvals.web.looks import FILTERS
from approvals.web.markdown import equip


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("approvals.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = asset
    environment.filters.update(FILTERS)
    equip(environment)
    return environment


_TEMPLATES = _environment()


def rendered(name: str, /, **context: Any) -> str:
    """The template of this name with these values."""
    return _TEMPLATES.get_template(name).render(context)


def page(name: str, /, status: int = 200, headers: Mapping[str, str] = PAGE_HEADERS, **context: Any) -> HTMLResponse:
    """A page as a response; no text of a template or a value can become markup, script or style."""
    # What came in by some way may hold half a character, which no page can.
    text = rendered(name, **context).encode("utf-8", "backslashreplace")
    return HTMLResponse(text, status, dict(headers))
