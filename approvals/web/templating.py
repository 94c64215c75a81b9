"""Templates of the pages: compiled once, everything escaped, unknown names refused."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from approvals.web.markdown import equip
from approvals.web.pages.assets import asset
from approvals.web.pages.looks import FILTERS


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
