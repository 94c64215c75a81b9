"""Gates over REST: what a run on another machine asks of the queue. Nothing here is for people."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import Field
from starlette.requests import Request as HttpRequest

from approvals.decisions import Value
from approvals.errors import NotActionable, NotFound
from approvals.permits import Grant, Permit, Used
from approvals.requests import Proposed, Request
from approvals.turnstile import OwnGate
from approvals.web.callers import PREFIX, AtDesk, Caller, caller
from approvals.web.problems import described

router = APIRouter(prefix=f"{PREFIX}/gate/runs/{{run_id}}", dependencies=[Depends(caller)], tags=["gates"])

_READS = described(401, 403, 404, 422, 503)
_ACTS = described(400, 401, 403, 404, 409, 413, 422, 503)
_NAMES = 200

RunId = Annotated[str, Path(min_length=1, max_length=64, description="id of the flow run that the caller speaks for")]
RequestId = Annotated[str, Path(max_length=64, description="id of a request of this run")]
PermitId = Annotated[str, Path(max_length=64, description="id of a permit of this run")]
Holder = Annotated[str, Field(min_length=1, max_length=200, description="the process that holds it")]
Seconds = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]
Fence = Annotated[int, Field(ge=0, le=2**31 - 1, description="as the grant has it")]


class Entering(Value):
    """What a run is about to ask under."""

    policies: tuple[Annotated[str, Field(max_length=_NAMES)], ...] = Field(max_length=100)


class Suspension(Value):
    """The number of this suspension; null where an answer is there already."""

    attempt: int | None


class TakingUp(Value):
    """Whether a permit is wanted: not where the run's own check refused what was signed."""

    mint: bool = True


class TakenUp(Value):
    """The answer, once it counts; all null while the request reads as open."""

    request: Request | None
    permit: Permit | None


class Holding(Value):
    """A process is at work on the run."""

    holder: Holder
    seconds: Seconds


class Held(Value):
    """On how many unanswered requests that is noted."""

    requests: int


class Redemption(Value):
    """A guarded effect that wants to run."""

    permit: str | None = Field(max_length=64, description="id of the permit; null where the flow had none")
    action: str = Field(max_length=_NAMES)
    target: str = Field(max_length=2_000)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the document that it is about to act on")
    holder: Holder
    lease: Seconds


class Renewal(Value):
    """The effect is still being carried out."""

    fence: Fence
    lease: Seconds


class Renewed(Value):
    """Whether the permit is still the caller's."""

    held: bool


class Settlement(Value):
    """What was done."""

    fence: Fence
    receipt: Any


class Receipt(Value):
    """The receipt that stands, as canonical JSON text."""

    receipt: str


# They look something up in Prefect and the store, so each runs in a thread: no `async`.
def own(at: AtDesk, by: Caller, run_id: RunId) -> OwnGate:
    """The gate of a run that goes on."""
    return at.turnstile.let_in(by, run_id)


def own_still(at: AtDesk, by: Caller, run_id: RunId) -> OwnGate:
    """The gate of a run that may have ended: what was begun is brought to its end all the same."""
    return at.turnstile.let_in(by, run_id, ended=True)


Own = Annotated[OwnGate, Depends(own)]
OwnStill = Annotated[OwnGate, Depends(own_still)]


# -- asking ------------------------------------------------------------------------------------------------------


@router.post("/enter", status_code=204, responses=_ACTS)
def enter(gate: Own, body: Entering) -> Response:
    """Before the first line: refused where a policy would leave the run waiting for nobody."""
    gate.enter(body.policies)
    return Response(status_code=204)


@router.put("/pages/{sha256}", status_code=204, responses=_ACTS, openapi_extra={
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
})  # fmt: skip
async def page(
    at: AtDesk, by: Caller, run_id: RunId, sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")], http: HttpRequest
) -> Response:
    """Hand in a page that was read, so that the queue can look its quotes up."""
    await to_thread.run_sync(at.turnstile.let_in, by, run_id)
    body = await http.body()
    if hashlib.sha256(body).hexdigest() != sha256:
        raise NotActionable("These are not the bytes with that sha256; nothing was kept.")
    if at.pages is None:
        raise NotFound("This queue keeps no pages.")
    await to_thread.run_sync(at.pages.put, body)
    return Response(status_code=204)


@router.post("/requests", responses=_ACTS)
def open_request(gate: Own, body: Proposed) -> Request:
    """Open a request, or find it: the first draft wins. Requester and run are as Prefect has them."""
    return gate.open(body)


@router.get("/requests", responses=_READS)
def requests(
    gate: Own, name: Annotated[str, Query(alias="gate", max_length=_NAMES)], key: Annotated[str, Query(max_length=400)]
) -> list[Request]:
    """Every request that the run opened at this gate under this key, in order of round and succession."""
    return list(gate.of_key(name, key))


@router.get("/requests/{request_id}", responses={
    **_READS, 304: {"description": "It is as the caller knows it"}
})  # fmt: skip
def request(
    at: AtDesk, gate: Own, request_id: RequestId, response: Response,
    if_none_match: Annotated[str | None, Header(max_length=100)] = None,
) -> Request:  # fmt: skip
    """The request as it is now; an `If-None-Match` with its last ETag saves sending it again."""
    found = gate.get(request_id)
    etag = f'"{found.revision}"'
    # Whether an answer counts is a matter of the queue's clock, not of the caller's.
    now = at.approvals.clock().isoformat()
    if if_none_match == etag:
        return Response(status_code=304, headers={"ETag": etag, "X-Countersign-Time": now})  # type: ignore[return-value]
    response.headers["ETag"], response.headers["X-Countersign-Time"] = etag, now
    return found


# -- waiting -----------------------------------------------------------------------------------------------------


@router.post("/requests/{request_id}/suspension", responses=_ACTS)
def suspension(gate: Own, request_id: RequestId) -> Suspension:
    """Count one more suspension."""
    return Suspension(attempt=gate.suspending(request_id))


@router.post("/requests/{request_id}/waking", status_code=204, responses=_ACTS)
def waking(gate: Own, request_id: RequestId) -> Response:
    """Record that the run woke while its question was open."""
    gate.woken(request_id)
    return Response(status_code=204)


@router.put("/lease", responses=_ACTS)
def hold(gate: Own, body: Holding) -> Held:
    """Note that a live process is at work on the run's unanswered requests."""
    return Held(requests=gate.keep_alive(body.holder, body.seconds))


@router.delete("/lease", status_code=204, responses=_ACTS)
def rest(gate: OwnStill, holder: Annotated[str, Query(min_length=1, max_length=200)]) -> Response:
    """Note that it no longer is."""
    gate.rest(holder)
    return Response(status_code=204)


# -- taking up, and carrying out ---------------------------------------------------------------------------------


@router.post("/requests/{request_id}/answer", responses=_ACTS)
def answer(gate: Own, request_id: RequestId, body: TakingUp) -> TakenUp:
    """Take the answer up, which mints the permit; called again, it answers the same."""
    taken = gate.take_up(request_id, mint=body.mint)
    return TakenUp(request=taken and taken.request, permit=taken and taken.permit)


@router.post("/redemptions", responses=_ACTS)
def redeem(gate: Own, body: Redemption) -> Grant | Used:
    """Leave to carry an action out, or the receipt where it was done already."""
    terms = body.model_dump(exclude={"permit"})
    return gate.redeem(body.permit, **terms)


@router.put("/permits/{permit_id}/lease", responses=_ACTS)
def renew(gate: OwnStill, permit_id: PermitId, body: Renewal) -> Renewed:
    """Keep the permit while the effect is carried out."""
    return Renewed(held=gate.keep(permit_id, body.fence, body.lease))


@router.delete("/permits/{permit_id}/lease", status_code=204, responses=_ACTS)
def let_go(gate: OwnStill, permit_id: PermitId, fence: Annotated[int, Query(ge=0, le=2**31 - 1)]) -> Response:
    """Let go of the permit; the effect was not carried out."""
    gate.let_go(permit_id, fence)
    return Response(status_code=204)


@router.put("/permits/{permit_id}/receipt", responses=_ACTS)
def settle(gate: OwnStill, permit_id: PermitId, body: Settlement) -> Receipt:
    """Use the permit up and keep what was done."""
    return Receipt(receipt=gate.settle(permit_id, body.fence, body.receipt))
