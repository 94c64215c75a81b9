"""Several requests at once: only what is low risk and has nothing to look at. The rest is told, and stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from approvals.decisions import Actor, UtcDatetime, Value
from approvals.errors import ApprovalError, FieldError, TooManyAtOnce
from approvals.reading import Reading
from approvals.requests import Request
from approvals.service import ApprovalService

MOST = 200
"""Requests that are decided at once."""


class Item(Value):
    """One request, on the version that was read."""

    id: str
    version: int


class Skipped(Value):
    """One that was left as it is, and why."""

    id: str
    title: str
    reason: str


class Approval(Value):
    """One that was approved, or signed where others must sign too."""

    id: str
    title: str
    state: str
    effective_at: UtcDatetime | None


class BulkOutcome(Value):
    """What became of each."""

    approved: tuple[Approval, ...] = ()
    skipped: tuple[Skipped, ...] = ()


class Bulk:
    """Approves and recalls through the service, one by one; each stands for itself."""

    def __init__(self, service: ApprovalService) -> None:
        self._service = service
        self._reading = Reading(service)

    def approve(self, items: Sequence[Item], by: Actor, *, recall: int = 0) -> BulkOutcome:
        """Approve the drafts as they stand, where nothing wants a closer look.

        Raises:
            TooManyAtOnce: more than `MOST`. NotAPerson, NotPermitted: they decide nothing at all.
        """
        self._reading.check_acts(by)
        wanted = {item.id: item for item in items}
        _check_number(wanted)
        approved: list[Approval] = []
        skipped: list[Skipped] = []
        for item in wanted.values():
            title = ""
            try:
                request = self._reading.visible(item.id, by)
                title = request.title
                if (reason := alone(request)) is not None:
                    skipped.append(Skipped(id=item.id, title=title, reason=reason))
                    continue
                after = self._service.approve(item.id, by, version=item.version, recall=recall)
                approved.append(Approval(id=item.id, title=title, state=after.state, effective_at=after.effective_at))
            except ApprovalError as error:
                skipped.append(Skipped(id=item.id, title=title, reason=str(error)))
        return BulkOutcome(approved=tuple(approved), skipped=tuple(skipped))

    def recall(self, ids: Iterable[str], by: Actor) -> BulkOutcome:
        """Take one's own decisions back, those that have no effect yet."""
        self._reading.check_acts(by)
        wanted = dict.fromkeys(ids)
        _check_number(wanted)
        back: list[Approval] = []
        skipped: list[Skipped] = []
        for request_id in wanted:
            title = ""
            try:
                title = self._reading.visible(request_id, by).title
                after = self._service.recall(request_id, by)
                back.append(Approval(id=request_id, title=title, state=after.state, effective_at=None))
            except ApprovalError as error:
                skipped.append(Skipped(id=request_id, title=title, reason=str(error)))
        return BulkOutcome(approved=tuple(back), skipped=tuple(skipped))


def alone(request: Request) -> str | None:
    """Why this request is not decided with others; None where it may be."""
    if request.risk == "high":
        return "It is high risk: open it and decide on it alone."
    if request.risk != "low":
        things = request.content.checks
        return f"There {'is 1 thing' if things == 1 else f'are {things} things'} to look at: open it and decide."
    return None


def _check_number(wanted: dict[str, Item] | dict[str, None]) -> None:
    if len(wanted) > MOST:
        raise TooManyAtOnce([FieldError("items", f"these are {len(wanted)}, and {MOST} is the most at once")])
