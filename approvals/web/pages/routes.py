"""The pages by address, and the refusals that they show."""

from __future__ import annotations

from fastapi import APIRouter

from approvals.web.pages import assets, deciding, events, insights, queue, record, review, several
from approvals.web.pages.refusals import tell_on_pages

__all__ = ["routers", "tell_on_pages"]

routers: tuple[APIRouter, ...] = (
    assets.router,
    queue.router,
    review.router,
    deciding.router,
    several.router,
    insights.router,
    record.router,
    events.router,
)
