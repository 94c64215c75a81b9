"""Several requests at once: approving what needs no closer look, and taking back what was just done."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from approvals.bulk import Bulk, BulkOutcome, Item, Skipped
from approvals.lifecycle import State, is_open
from approvals.web.doors import here
from approvals.web.pages.visit import Form, Sent, Visit, Visited

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
    after = here(form.get("next"))
    bulk, items = Bulk(visit.at.approvals.service), _picked(form)
    answer = visit.once(form, lambda: bulk.approve(items, visit.by, recall=_RECALL).model_dump_json())
    outcome = BulkOutcome.model_validate_json(answer.text)
    if answer.repeated:
        outcome = _as_it_is(visit, outcome)
    approved = ",".join(one.id for one in outcome.approved)
    if outcome.skipped:
        left = tuple(_left(one) for one in outcome.skipped)
        return visit.page("left.html", "mine", left=left, approved=outcome.approved, after=after, ids=approved)
    return visit.moved(f"{after}{'&' if '?' in after else '?'}done={approved}" if approved else after)


@router.post("/undo")
def undo(visit: Visited, form: Sent) -> Response:
    """Take one's own decisions back, those that have no effect yet."""
    after = here(form.get("next"))
    outcome = Bulk(visit.at.approvals.service).recall(form.all("id"), visit.by)
    if outcome.skipped:
        left = tuple(_left(one) for one in outcome.skipped)
        return visit.page("late.html", "decided", status=409, left=left, back=outcome.approved, after=after)
    return visit.moved(after)


def _as_it_is(visit: Visit, outcome: BulkOutcome) -> BulkOutcome:
    """What became of a form that was sent before: sending it again approves nothing that was taken back since."""
    stand, back = [], []
    for one in outcome.approved:
        current = visit.at.reading.visible(one.id, visit.by)
        if current.is_open and not is_open(State(one.state)):
            back.append(Skipped(id=one.id, title=one.title, reason="You took this decision back; decide again."))
        else:
            stand.append(one)
    return BulkOutcome(approved=tuple(stand), skipped=(*outcome.skipped, *back))


def _picked(form: Form) -> list[Item]:
    items = []
    for picked in form.all("pick"):
        request_id, _, version = picked.rpartition(".")
        if request_id and version.isdecimal() and len(version) < 10:
            items.append(Item(id=request_id, version=int(version)))
    return items


def _left(skipped: Skipped) -> Left:
    return Left(f"/r/{skipped.id}", skipped.title or skipped.id, skipped.reason)
