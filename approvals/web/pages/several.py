"""Several requests at once: approving what needs no closer look, and taking back what was just done."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from approvals.bulk import Bulk, Item, Skipped
from approvals.web.pages.visit import Form, Sent, Visited, local

router = APIRouter(include_in_schema=False)

_RECALL = 3_600  # as long as each policy grants


class Left(NamedTuple):
    """One that was left as it is."""

    href: str
    title: str
    reason: str


@router.post("/bulk")
def bulk(visit: Visited, form: Sent) -> Response:
    """Approve what was ticked; what cannot be approved together is told and stays."""
    after = local(form.get("next", "/queue"))
    items = _picked(form)
    outcome = Bulk(visit.at.approvals.service).approve(items, visit.by, recall=_RECALL)
    approved = ",".join(one.id for one in outcome.approved)
    if outcome.skipped:
        left = tuple(_left(one) for one in outcome.skipped)
        return visit.page("left.html", "mine", left=left, approved=outcome.approved, after=after, ids=approved)
    return visit.moved(f"{after}{'&' if '?' in after else '?'}done={approved}" if approved else after)


@router.post("/undo")
def undo(visit: Visited, form: Sent) -> Response:
    """Take one's own decisions back, those that have no effect yet."""
    after = local(form.get("next", "/queue"))
    outcome = Bulk(visit.at.approvals.service).recall(form.all("id"), visit.by)
    if outcome.skipped:
        left = tuple(_left(one) for one in outcome.skipped)
        return visit.page("late.html", "decided", status=409, left=left, back=outcome.approved, after=after)
    return visit.moved(after)


def _picked(form: Form) -> list[Item]:
    items = []
    for picked in form.all("pick"):
        request_id, _, version = picked.rpartition(".")
        if request_id and version.isdecimal() and len(version) < 10:
            items.append(Item(id=request_id, version=int(version)))
    return items


def _left(skipped: Skipped) -> Left:
    return Left(f"/r/{skipped.id}", skipped.title or skipped.id, skipped.reason)
