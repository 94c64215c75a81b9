"""What the person has just done, told on the page after it, with its undo while that lasts."""

from __future__ import annotations

from typing import NamedTuple

from approvals.authority import same_person
from approvals.bulk import MOST
from approvals.errors import ApprovalError
from approvals.lifecycle import Action, State
from approvals.requests import Request
from approvals.web import words
from approvals.web.pages.visit import Visit

_SAID = {State.APPROVED: "Approved", State.REJECTED: "Rejected", State.RETURNED: "Sent back"}


class Done(NamedTuple):
    """One act and its undo."""

    id: str
    ids: tuple[str, ...]
    tone: str
    icon: str
    text: str
    undo: bool
    next: str


def done(visit: Visit, ids: str) -> Done | None:
    """What the address says was just done, as the requests themselves have it; None where it is nothing of theirs."""
    requests = []
    for one in [part for part in ids.split(",") if part][:MOST]:
        try:
            requests.append(visit.at.reading.visible(one, visit.by))
        except ApprovalError:
            continue
    own = [request for request in requests if _own(request, visit)]
    if not own:
        signed = [request for request in requests if request.is_open and _signed(request, visit)]
        return (
            Done(
                signed[0].id,
                (),
                "ok",
                "check",
                f"Signed: {named(signed[0])}. It waits for the next signature.",
                False,
                "",
            )
            if signed
            else None
        )
    service = visit.at.approvals.service
    back = [request for request in own if Action.RECALL in service.allowed_actions(request, visit.by)]
    seconds = max((left(request, visit) for request in back), default=0)
    what = (
        f"{_SAID[own[0].state]}: {named(own[0])}" if len(own) == 1 else f"Approved {words.several(len(own), 'request')}"
    )
    when = f" It takes effect in {seconds} s." if back else " It has taken effect."
    ids_back = tuple(request.id for request in back)
    return Done(own[0].id, ids_back, "ok", "check", f"{what}.{when}", bool(back), _without_done(visit))


def named(request: Request) -> str:
    """The request in a sentence."""
    about = request.about
    return f"{request.title}, {about}" if about and about not in request.title else request.title


def left(request: Request, visit: Visit) -> int:
    """Seconds until the decision takes effect."""
    return max(0, round((request.effective_at - visit.now).total_seconds())) if request.effective_at else 0


def _own(request: Request, visit: Visit) -> bool:
    ruling = request.ruling
    return (
        not request.is_open
        and ruling is not None
        and ruling.by.kind == "person"
        and same_person(ruling.by.id, visit.by.id)
        and request.state in _SAID
    )


def _signed(request: Request, visit: Visit) -> bool:
    signoffs = visit.at.approvals.service.history(request.id, visit.by).signoffs
    return any(not one.voided and same_person(one.person, visit.by.id) for one in signoffs)


def _without_done(visit: Visit) -> str:
    return str(visit.http.url.remove_query_params("done").replace(scheme="", netloc="")) or "/queue"
