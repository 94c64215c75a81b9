"""Requests over REST. Every handler asks the service; none has a rule of its own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from approvals.decisions import Actor, Edit, UtcDatetime, Value, Verdict
from approvals.editing import check_typed
from approvals.errors import NotActionable
from approvals.lifecycle import TRANSITIONS, State
from approvals.ports import StartedRun
from approvals.requests import Comment, Request, Snooze
from approvals.views import (
    Detail,
    ExaminationView,
    HistoryView,
    RequestPage,
    WorkingCopyView,
    detail,
    examination_view,
    history_view,
    page_view,
)
from approvals.web.answering import IdempotencyKey, once
from approvals.web.callers import PREFIX, AtDesk, Caller, Desk, caller
from approvals.web.problems import Gone, described

router = APIRouter(prefix=PREFIX, dependencies=[Depends(caller)], tags=["requests"])

RequestId = Annotated[str, Path(description="id of a request")]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="the version that the caller read")]
READS = described(401, 403, 404, 422, 503)
ACTS = described(400, 401, 403, 404, 409, 413, 422, 503)


class Decide(Value):
    """A verdict on the version that was read."""

    verdict: Verdict
    version: Version
    recall: int = Field(default=0, ge=0, le=3_600, description="seconds to take it back, up to the policy's")


class Typed(Value):
    """A document as somebody has typed it so far."""

    document: Any
    version: Version


class Examine(Value):
    """An edited document, to be checked without deciding."""

    document: Any


class Said(Value):
    """Something to say."""

    text: str = Field(min_length=1, max_length=10_000)


class Later(Value):
    """When a request is to be seen again."""

    until: UtcDatetime


class Why(Value):
    """The reason for taking a question back."""

    reason: str = Field(min_length=1, max_length=4_000)


def _told(at: Desk, request: Request, by: Actor) -> Detail:
    service = at.approvals.service
    return detail(request, service.allowed_actions(request, by), service.working_copy(request.id, by))


def _to_act_on(at: Desk, request_id: str, by: Actor) -> Request:
    at.reading.check_acts(by)
    return at.reading.visible(request_id, by)


# -- reading -----------------------------------------------------------------------------------------------------


@router.get("/requests", responses=READS)
def requests(
    at: AtDesk,
    by: Caller,
    *,
    state: Annotated[list[State] | None, Query(description="one or more; all if none is named")] = None,
    gate: Annotated[str | None, Query(max_length=200)] = None,
    run: Annotated[str | None, Query(max_length=200)] = None,
    requester: Annotated[str | None, Query(max_length=320)] = None,
    text: Annotated[str | None, Query(max_length=200, description="occurs in title or summary")] = None,
    mine: Annotated[bool, Query(description="open, and the turn of the caller's groups")] = False,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RequestPage:
    """Requests that the caller may read, soonest due first."""
    states = frozenset(state) if state else None
    page = at.reading.page(
        by, states=states, gate=gate, run=run, requester=requester, text=text, mine=mine, limit=limit, after=cursor
    )
    return page_view(page)


@router.get("/requests/{request_id}", responses=READS)
def request(at: AtDesk, by: Caller, request_id: RequestId) -> Detail:
    """One request with its evidence, and what the caller can do with it."""
    return _told(at, at.reading.visible(request_id, by), by)


@router.get("/requests/{request_id}/history", responses=READS)
def history(at: AtDesk, by: Caller, request_id: RequestId) -> HistoryView:
    """Every version, sign-off and ruling, oldest first."""
    return history_view(at.approvals.service.history(at.reading.visible(request_id, by).id, by))


@router.get("/requests/{request_id}/examination", responses=READS)
def examination(at: AtDesk, by: Caller, request_id: RequestId) -> ExaminationView:
    """What the examiner says of the draft, and what would follow from approving it."""
    seen = at.reading.visible(request_id, by)
    return examination_view(seen, at.approvals.service.examine(seen))


@router.post("/requests/{request_id}/examination", responses=ACTS)
def examination_of(at: AtDesk, by: Caller, request_id: RequestId, body: Examine) -> ExaminationView:
    """The same of an edited document; decides nothing and keeps nothing."""
    seen = at.reading.visible(request_id, by)
    check_typed(body.document)
    return examination_view(seen, at.approvals.service.examine(seen, body.document))


# -- working on it -----------------------------------------------------------------------------------------------


@router.put("/requests/{request_id}/working-copy", responses=ACTS)
def working_copy(at: AtDesk, by: Caller, request_id: RequestId, body: Typed) -> WorkingCopyView:
    """Keep what the caller has typed so far; decides nothing."""
    seen = _to_act_on(at, request_id, by)
    check_typed(body.document)
    copy = at.approvals.service.save_working_copy(seen.id, body.document, by, version=body.version)
    return WorkingCopyView(version=copy.version, document=copy.document, at=copy.at)


@router.delete("/requests/{request_id}/working-copy", responses=ACTS)
def discard_working_copy(at: AtDesk, by: Caller, request_id: RequestId) -> Detail:
    """Forget what the caller has typed."""
    seen = _to_act_on(at, request_id, by)
    at.approvals.service.discard_working_copy(seen.id, by)
    return _told(at, seen, by)


@router.post("/requests/{request_id}/claim", responses=ACTS)
def claim(at: AtDesk, by: Caller, request_id: RequestId) -> Detail:
    """Keep the request for the caller for a while."""
    return _told(at, at.approvals.service.claim(_to_act_on(at, request_id, by).id, by), by)


@router.post("/requests/{request_id}/release", responses=ACTS)
def release(at: AtDesk, by: Caller, request_id: RequestId) -> Detail:
    """Give a claimed request back."""
    return _told(at, at.approvals.service.release(_to_act_on(at, request_id, by).id, by), by)


@router.post("/requests/{request_id}/recall", responses=ACTS)
def recall(at: AtDesk, by: Caller, request_id: RequestId) -> Detail:
    """Take the caller's own decision back, while it has no effect yet."""
    return _told(at, at.approvals.service.recall(_to_act_on(at, request_id, by).id, by), by)


@router.post("/requests/{request_id}/withdraw", responses=ACTS)
def withdraw(at: AtDesk, by: Caller, request_id: RequestId, body: Why) -> Detail:
    """Take an open question back; for who asked it, administrators, and the flow's worker."""
    seen = at.reading.visible(request_id, by)
    return _told(at, at.approvals.service.withdraw(seen.id, body.reason, by), by)


# -- deciding ----------------------------------------------------------------------------------------------------


@router.post("/requests/{request_id}/verdicts", responses={**ACTS, **described(410)}, response_model=Detail)
def decide(
    at: AtDesk,
    by: Caller,
    request_id: RequestId,
    body: Decide,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Hand in a verdict. Under an Idempotency-Key the same call gets the same answer however often it is sent."""
    at.reading.check_acts(by)
    if isinstance(body.verdict, Edit):
        check_typed(body.verdict.document)

    def act() -> str:
        seen = at.reading.visible(request_id, by)
        try:
            decided = at.approvals.service.decide(seen.id, body.verdict, by, version=body.version, recall=body.recall)
        except NotActionable as error:
            # Nothing leads on from there: the caller need not look again.
            if not TRANSITIONS[at.approvals.service.get(seen.id).state]:
                raise Gone(str(error)) from error
            raise
        return _told(at, decided, by).model_dump_json()

    return once(at, by, idempotency_key, {"request": request_id, "body": body.model_dump(mode="json")}, act)


# -- beside deciding ---------------------------------------------------------------------------------------------


@router.get("/requests/{request_id}/comments", responses=READS)
def comments(at: AtDesk, by: Caller, request_id: RequestId) -> tuple[Comment, ...]:
    """What people said beside a request, oldest first."""
    return at.approvals.service.comments(at.reading.visible(request_id, by).id, by)


@router.post("/requests/{request_id}/comments", status_code=201, responses=ACTS)
def comment(at: AtDesk, by: Caller, request_id: RequestId, body: Said) -> Comment:
    """Say something beside a request; @name tells a colleague."""
    return at.approvals.service.comment(_to_act_on(at, request_id, by).id, body.text, by)


@router.put("/requests/{request_id}/snooze", responses=ACTS)
def snooze(at: AtDesk, by: Caller, request_id: RequestId, body: Later) -> Snooze:
    """Put a request out of the caller's sight until then, or until it changes."""
    return at.approvals.service.snooze(_to_act_on(at, request_id, by).id, by, body.until)


@router.delete("/requests/{request_id}/snooze", status_code=204, responses=described(401, 403, 404, 422, 503))
def unsnooze(at: AtDesk, by: Caller, request_id: RequestId) -> Response:
    """Show a request to the caller again."""
    at.approvals.service.unsnooze(_to_act_on(at, request_id, by).id, by)
    return Response(status_code=204)


@router.post("/requests/{request_id}/revert", responses=ACTS)
def revert(at: AtDesk, by: Caller, request_id: RequestId) -> StartedRun:
    """Ask for what was done to be taken back; a run of its own has that signed first, and one goes on at a time."""
    return at.approvals.reverts.ask(_to_act_on(at, request_id, by).id, by)
