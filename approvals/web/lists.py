"""Lists over REST: the rows of a view, their counts, views that are kept, several decisions at once, what happened."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from approvals.bulk import MOST, Bulk, BulkOutcome, Item
from approvals.decisions import Value
from approvals.filters import VIEWS, Filters
from approvals.happenings import Happenings, Watch
from approvals.ports import ListOf, Sort
from approvals.requests import Risk, SavedView
from approvals.web.answering import IdempotencyKey, once
from approvals.web.callers import PREFIX, AtDesk, Caller, caller
from approvals.web.problems import described

router = APIRouter(prefix=PREFIX, dependencies=[Depends(caller)], tags=["lists"])

_READS = described(401, 403, 404, 422, 503)
_ACTS = described(400, 401, 403, 404, 413, 422, 503)
_LARGEST = 2**53 - 1


class Counts(Value):
    """How many each view holds for the caller."""

    counts: dict[str, int]


class NewView(Value):
    """Filters to keep under a name."""

    name: str = Field(min_length=1, max_length=60)
    query: str = Field(max_length=2_000, description="url-encoded filters, such as `view=all&gate=proposal`")
    shared: bool = Field(default=False, description="for everybody; administrators only")


class Approvals(Value):
    """Requests to approve as they stand."""

    items: tuple[Item, ...] = Field(min_length=1, max_length=MOST)
    recall: int = Field(default=0, ge=0, le=3_600, description="seconds to take them back, up to the policy's")


class Recalls(Value):
    """One's own decisions to take back."""

    ids: tuple[Annotated[str, Field(max_length=64)], ...] = Field(min_length=1, max_length=MOST)


@router.get("/queue", responses=_READS)
def queue(
    at: AtDesk,
    by: Caller,
    *,
    view: Annotated[
        str, Query(max_length=80, description="mine, all, high, others, snoozed, decided, or group:NAME")
    ] = "mine",
    gate: Annotated[str | None, Query(max_length=200)] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="words; each begins one of title, company, summary, gate or id")
    ] = None,
    risk: Risk | None = None,
    requester: Annotated[str | None, Query(max_length=320)] = None,
    claimed_by: Annotated[str | None, Query(max_length=320)] = None,
    run: Annotated[str | None, Query(max_length=200)] = None,
    sort: Sort | None = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 40,
) -> ListOf:
    """The rows of a view, without documents; the fastest way to look at many."""
    given = {
        "view": view, "gate": gate, "q": q, "risk": risk, "requester": requester, "claimed_by": claimed_by,
        "run": run, "sort": sort,
    }  # fmt: skip
    filters = Filters.of((name, value) for name, value in given.items() if value is not None)
    return at.reading.listed(by, filters, limit=limit, after=cursor)


@router.get("/queue/counts", responses=described(401, 403, 503))
def counts(at: AtDesk, by: Caller) -> Counts:
    """How many requests each view holds for the caller, by the predicate that lists them."""
    groups = sorted(at.approvals.service.authority.groups_of(by))
    views = [*(view for view in VIEWS if view != "decided"), *(f"group:{group}" for group in groups)]
    return Counts(counts=at.reading.counts(by, views))


@router.get("/views", responses=described(401, 403, 503))
def views(at: AtDesk, by: Caller) -> tuple[SavedView, ...]:
    """The views that the caller keeps, and those of everybody."""
    return at.approvals.saved_views.listed(by)


@router.post("/views", status_code=201, responses=_ACTS)
def save_view(at: AtDesk, by: Caller, body: NewView) -> SavedView:
    """Keep filters under a name; the same name is replaced."""
    return at.approvals.saved_views.save(body.name, body.query, by, shared=body.shared)


@router.delete("/views/{view_id}", status_code=204, responses=described(401, 403, 404, 422, 503))
def remove_view(at: AtDesk, by: Caller, view_id: Annotated[str, Path(max_length=64)]) -> Response:
    """Forget a view."""
    at.approvals.saved_views.remove(view_id, by)
    return Response(status_code=204)


@router.post("/bulk/approvals", responses=_ACTS, response_model=BulkOutcome)
def approve(
    at: AtDesk,
    by: Caller,
    body: Approvals,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Approve drafts as they stand. High risk, and whatever has something to look at, is skipped and named."""
    at.reading.check_acts(by)
    bulk = Bulk(at.approvals.service)

    def act() -> str:
        return bulk.approve(body.items, by, recall=body.recall).model_dump_json()

    return once(at, by, idempotency_key, {"bulk": "approvals", "body": body.model_dump(mode="json")}, act)


@router.post("/bulk/recalls", responses=_ACTS)
def recall(at: AtDesk, by: Caller, body: Recalls) -> BulkOutcome:
    """Take the caller's own decisions back, those that have no effect yet."""
    return Bulk(at.approvals.service).recall(body.ids, by)


@router.get("/events", responses=_READS)
def events(
    at: AtDesk,
    by: Caller,
    after: Annotated[int, Query(ge=0, le=_LARGEST, description="number of the last entry that was seen")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> Happenings:
    """What happened to requests that the caller may see, in order. Ask again with `last` as `after`."""
    at.reading.check_reads(by)
    return Watch(at.approvals.store, at.approvals.service.authority).seen(by, after, limit)
