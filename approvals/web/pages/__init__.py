"""The reviewer's pages: what people see, and the forms they send. Every act goes through the service."""

from __future__ import annotations

from fastapi import APIRouter

from approvals.web.pages import assets, deciding, queue, review, several

routers: tuple[APIRouter, ...] = (assets.router, queue.router, review.router, deciding.router, several.router)
