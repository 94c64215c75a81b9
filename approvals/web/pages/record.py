"""The record, for administrators: what was done, by whom, and whether it still fits."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from approvals.audit import Entry, Verification
from approvals.web import looks, words
from approvals.web.pages.visit import Visit, Visited

router = APIRouter(include_in_schema=False)

PAGE = 50
_LARGEST = 2**53 - 1


class Written(NamedTuple):
    """One entry as it is shown."""

    seq: int
    when: str
    exact: str
    event: str
    who: str
    via: str
    request: str | None
    facts: str
    hash: str


@router.get("/audit")
def record(
    visit: Visited,
    request: Annotated[str, Query(max_length=64)] = "",
    after: Annotated[int, Query(ge=0, le=_LARGEST)] = 0,
) -> Response:
    """The record in order, all of it or of one request."""
    return _page(visit, request.strip().upper(), after, None)


@router.post("/audit/verify")
def verify(visit: Visited) -> Response:
    """Walk the whole record, and tell whether it and every row still fit."""
    visit.at.approvals.service.authority.check_admin(visit.by)
    return _page(visit, "", 0, visit.at.approvals.ledger.verify(None))


def _page(visit: Visit, request: str, after: int, verified: Verification | None) -> Response:
    visit.at.approvals.service.authority.check_admin(visit.by)
    entries = visit.at.approvals.store.entries(request_id=request or None, after=after)
    found = tuple(islice(entries, PAGE + 1))
    return visit.page(
        "record.html",
        "audit",
        entries=tuple(_written(visit, entry) for entry in found[:PAGE]),
        request_id=request,
        after=after,
        next_after=found[PAGE - 1].seq if len(found) > PAGE else None,
        verified=verified,
    )


def _written(visit: Visit, entry: Entry) -> Written:
    event = entry.event
    return Written(
        seq=entry.seq,
        when=words.ago(event.at, visit.now),
        exact=words.moment(event.at),
        event=looks.label(event.name.replace(".", " ")),
        who=visit.named(event.actor) if event.actor_kind == "person" else f"{event.actor_kind} {event.actor}",
        via=event.via,
        request=event.request_id,
        facts=json.dumps(event.details, ensure_ascii=False) if event.details else "",
        hash=entry.hash,
    )
