"""Several requests at once: only what is low risk and has nothing to look at. The rest is told, and stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from approvals.authority import same_person
from approvals.decisions import Actor, UtcDatetime, Value
from approvals.errors import ApprovalError, FieldError, TooManyAtOnce
from approvals.reading import Reading
from approvals.requests import Request
from approvals.service import ApprovalService

MOST = 200
"""Requests that are decided at once."""

_TOGETHER = 25
"""Requests in one transaction: whoever decides something else meanwhile waits for no more than these."""


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
    """Approves and recalls through the service; each request stands for itself."""

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
        titles, skipped = self._looked_at(wanted, by)
        ready = [item for item in wanted.values() if item.id in titles and item.id not in skipped]
        approved: list[Approval] = []
        for start in range(0, len(ready), _TOGETHER):
            for item, after in self._approved(ready[start : start + _TOGETHER], by, recall):
                title = titles[item.id]
                if isinstance(after, ApprovalError):
                    skipped[item.id] = Skipped(id=item.id, title=title, reason=str(after))
                else:
                    told = {"state": after.state, "effective_at": after.effective_at}
                    approved.append(Approval(id=item.id, title=title, **told))
        left = tuple(skipped[one] for one in wanted if one in skipped)
        return BulkOutcome(approved=tuple(approved), skipped=left)

    def _looked_at(self, wanted: dict[str, Item], by: Actor) -> tuple[dict[str, str], dict[str, Skipped]]:
        """The titles of what this person may see, and what is left as it is."""
        titles: dict[str, str] = {}
        skipped: dict[str, Skipped] = {}
        with self._service.store.view():
            for one in wanted:
                try:
                    request = self._reading.visible(one, by)
                    titles[one], reason = request.title, alone(request)
                except ApprovalError as error:
                    reason = str(error)
                if reason is not None:
                    skipped[one] = Skipped(id=one, title=titles.get(one, ""), reason=reason)
        return titles, skipped

    def _approved(
        self, items: Sequence[Item], by: Actor, recall: int
    ) -> Iterator[tuple[Item, Request | ApprovalError]]:
        """What became of each: together, and one by one where not all of them can be approved."""
        try:
            together = self._service.approve_all([(item.id, item.version) for item in items], by, recall=recall)
        except ApprovalError:
            for item in items:
                try:
                    yield item, self._service.approve(item.id, by, version=item.version, recall=recall)
                except ApprovalError as error:
                    yield item, error
            return
        yield from zip(items, together, strict=True)

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
                request = self._reading.visible(request_id, by)
                title = request.title
                after = request if self._is_back(request, by) else self._service.recall(request_id, by)
                back.append(Approval(id=request_id, title=title, state=after.state, effective_at=None))
            except ApprovalError as error:
                skipped.append(Skipped(id=request_id, title=title, reason=str(error)))
        return BulkOutcome(approved=tuple(back), skipped=tuple(skipped))

    def _is_back(self, request: Request, by: Actor) -> bool:
        """Whether it is open because this person took their own decision back: a second click wants nothing more."""
        rulings = self._service.history(request.id, by).rulings if request.is_open else ()
        return bool(rulings) and rulings[-1].recalled and same_person(rulings[-1].by.id, by.id)


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
