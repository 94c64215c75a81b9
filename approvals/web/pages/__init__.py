"""The reviewer's pages: what people see, and the forms they send. Every act goes through the service."""

from __future__ import annotations

from fastapi import APIRouter

from approvals.web import assets
from approvals.web.pages import deciding, insights, queue, record, review, several
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
)
