"""Every address of the reviewer's pages."""

from __future__ import annotations

from fastapi import APIRouter

from approvals.web import assets
from approvals.web.pages import deciding, events, insights, keeping, queue, record, review, several

routers: tuple[APIRouter, ...] = (
    assets.router,
    queue.router,
    review.router,
    deciding.router,
    several.router,
    keeping.router,
    insights.router,
    record.router,
    events.router,
)
