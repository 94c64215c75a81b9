"""Lists that somebody keeps: their filters under a name, in the navigation."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from approvals.web.pages.visit import Sent, Visited

router = APIRouter(include_in_schema=False)


@router.post("/views")
def keep(visit: Visited, form: Sent) -> Response:
    """Keep the list that somebody looks at under a name."""
    shared = form.get("shared") == "on"
    view = visit.at.approvals.saved_views.save(form.get("name"), form.get("query"), visit.by, shared=shared)
    return visit.moved(f"/queue?{view.query}" if view.query else "/queue")


@router.post("/views/{view_id}/remove")
def forget(visit: Visited, view_id: str, form: Sent) -> Response:
    """Forget a list that was kept."""
    visit.at.approvals.saved_views.remove(view_id, visit.by)
    return visit.moved(form.get("next", "/queue"))
