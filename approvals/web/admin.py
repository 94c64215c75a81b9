"""What is around the requests: the caller, the figures, the record and the tokens."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from approvals.audit import Entry
from approvals.decisions import Scope, Value
from approvals.deliveries import Delivery, DeliveryState
from approvals.errors import OutOfScope
from approvals.metrics import Figures
from approvals.tokens import Kind
from approvals.views import CallerView, MintedView, TokenView, minted_view, token_view
from approvals.web.callers import PREFIX, AtDesk, Caller, caller
from approvals.web.problems import described

router = APIRouter(prefix=PREFIX, dependencies=[Depends(caller)])

_LARGEST = 2**53 - 1
_READS = described(401, 403, 422, 503)


class NewToken(Value):
    """What a token is to be for."""

    subject: str = Field(min_length=1, max_length=320, description="e-mail of a person, or a name")
    kind: Kind = "person"
    scopes: tuple[Scope, ...] = Field(default=("read",), max_length=4)
    label: str = Field(default="", max_length=200)
    days: int | None = Field(default=None, ge=1, le=3_660, description="the setting's, if not said")


class Record(Value):
    """A part of the record, in order."""

    entries: tuple[Entry, ...]
    next: int | None = Field(description="pass as `after` for what follows; null at the end")


class Verified(Value):
    """What walking the record has shown."""

    ok: bool
    entries: int
    rows: int
    head: str
    problem: str | None
    entry: int | None


@router.get("/me", responses=described(401, 403, 503), tags=["caller"])
def me(at: AtDesk, by: Caller) -> CallerView:
    """Who is asking, and how far they reach."""
    person = at.approvals.directory.person(by.id) if by.kind == "person" else None
    return CallerView(
        kind=by.kind,
        id=by.id,
        via=by.via,
        scopes=tuple(sorted(by.scopes)),
        name=person.name if person else "",
        groups=person.groups if person else (),
        role=person.role if person else None,
    )


@router.get("/metrics", responses=_READS, tags=["figures"])
def metrics(at: AtDesk, by: Caller) -> Figures:
    """How the queue fares; names nobody."""
    if by.kind == "agent" or "read" not in by.scopes:
        raise OutOfScope("This token may not read; it needs the scope 'read'.")
    return at.approvals.metrics.figures()


# -- the record --------------------------------------------------------------------------------------------------


@router.get("/audit", responses=_READS, tags=["record"])
def audit(
    at: AtDesk,
    by: Caller,
    request: Annotated[str | None, Query(max_length=64, description="only what is about this request")] = None,
    after: Annotated[int, Query(ge=0, le=_LARGEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Record:
    """The record in order; for administrators."""
    at.approvals.service.authority.check_admin(by)
    entries = tuple(islice(at.approvals.store.entries(request_id=request, after=after), limit + 1))
    more = len(entries) > limit
    return Record(entries=entries[:limit], next=entries[limit - 1].seq if more else None)


@router.get("/audit/verification", responses=_READS, tags=["record"])
def verification(
    at: AtDesk,
    by: Caller,
    head: Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="a head noted elsewhere")] = None,
) -> Verified:
    """Whether the record and every row that it commits to still fit; for administrators."""
    at.approvals.service.authority.check_admin(by)
    shown = at.approvals.ledger.verify(head)
    return Verified(
        ok=shown.ok,
        entries=shown.entries,
        rows=shown.rows,
        head=shown.head,
        problem=shown.problem,
        entry=shown.entry,
    )


# -- messages ----------------------------------------------------------------------------------------------------


@router.get("/deliveries", responses=_READS, tags=["messages"])
def deliveries(
    at: AtDesk,
    by: Caller,
    state: Annotated[list[DeliveryState] | None, Query(description="one or more; all if none is named")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[Delivery]:
    """Who was told of what, newest first, and why not; for administrators."""
    return list(at.approvals.notifications.listed(by, states=state, limit=limit))


@router.post("/deliveries/{delivery_id}/retry", responses=described(401, 403, 404, 409, 422, 503), tags=["messages"])
def retry_delivery(at: AtDesk, by: Caller, delivery_id: Annotated[str, Path(max_length=64)]) -> Delivery:
    """Send again what failed; for administrators."""
    return at.approvals.notifications.retry(delivery_id, by)


# -- tokens ------------------------------------------------------------------------------------------------------


@router.get("/tokens", responses=described(401, 403, 503), tags=["tokens"])
def tokens(at: AtDesk, by: Caller) -> list[TokenView]:
    """Every token, without its secret; for administrators."""
    return [token_view(token) for token in at.approvals.tokens.listed(by)]


@router.post("/tokens", status_code=201, responses=described(400, 401, 403, 404, 413, 422, 503), tags=["tokens"])
def create_token(at: AtDesk, by: Caller, body: NewToken) -> MintedView:
    """Mint a token; its secret is in this answer and nowhere else. For administrators."""
    minted = at.approvals.tokens.create(
        body.subject, by, kind=body.kind, scopes=body.scopes, label=body.label, days=body.days
    )
    return minted_view(minted.token, minted.secret)


@router.delete("/tokens/{token_id}", status_code=204, responses=described(401, 403, 404, 422, 503), tags=["tokens"])
def revoke_token(at: AtDesk, by: Caller, token_id: Annotated[str, Path(max_length=64)]) -> Response:
    """End a token now; for administrators."""
    at.approvals.tokens.revoke(token_id, by)
    return Response(status_code=204)
