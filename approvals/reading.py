"""What somebody finds in the queue. To those whom a request does not concern it does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from approvals.authority import same_person
from approvals.decisions import Actor
from approvals.errors import Disabled, NotACandidate, NotAPerson, NotFound, NotPermitted, OutOfScope
from approvals.filters import Filters
from approvals.lifecycle import OPEN, State
from approvals.ports import Decided, Listed, ListOf, PageOf, Person, Transaction, Wanted
from approvals.requests import Request, new_id
from approvals.service import ApprovalService

_PAGE = 200
_WHOLE = len(new_id())


class Reading:
    """Lists and finds requests for one service; every surface looks through it."""

    def __init__(self, service: ApprovalService) -> None:
        self._service = service

    def visible(self, request_id: str, by: Actor) -> Request:
        """The request, if this actor may see it.

        Raises:
            NotFound: there is none, or it does not concern them; nobody can tell which.
            NotPermitted: they read nothing at all, whichever request it is.
        """
        self.check_reads(by)
        unknown = NotFound(f"There is no request {request_id!r}.")
        try:
            return self._service.get(request_id, by)
        except NotPermitted as error:
            if self._everything(by):
                raise
            raise unknown from error
        except NotFound:
            raise unknown from None

    def check_acts(self, by: Actor) -> None:
        """Nothing, if the actor is a person: nothing else decides, whichever request it is.

        Raises:
            NotAPerson: it is a machine.
        """
        if by.kind != "person":
            raise NotAPerson(f"Only a person can decide; this is the {by.kind} {by.id!r}.")

    def page(
        self,
        by: Actor,
        *,
        states: frozenset[State] | None = None,
        gate: str | None = None,
        run: str | None = None,
        requester: str | None = None,
        text: str | None = None,
        mine: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> PageOf:
        """Requests that this actor may see, soonest due first; `mine`: open, and their groups' turn.

        People with a role of `reviewer` list what is or was asked of their groups, and what they asked for themselves
        where `requester` names them.
        """
        self.check_reads(by)
        groups = self._service.authority.groups_of(by)
        own = requester is not None and same_person(requester, by.id)
        narrowed = mine or not (own or self._everything(by))
        wanted = Wanted(
            states=(states or OPEN) & OPEN if mine else states,
            groups=groups if narrowed else None,
            gate=gate,
            run=run,
            requester=requester,
            text=text,
        )
        with self._service.store.read() as transaction:
            return transaction.page(wanted, limit=limit, after=after)

    def listed(self, by: Actor, filters: Filters, *, limit: int = 40, after: str | None = None) -> ListOf:
        """The rows of a view, as far as this actor may see them, in its order."""
        wanted = self._wanted(by, filters)
        with self._service.store.read() as transaction:
            return transaction.listed(wanted, sort=filters.order, limit=limit, after=after)

    def of_run(self, by: Actor, run: str, *, limit: int) -> tuple[Listed, ...]:
        """The requests of a run as rows, as far as this actor may see them, soonest due first."""
        self.check_reads(by)
        groups = None if self._everything(by) else self._service.authority.groups_of(by)
        with self._service.store.read() as transaction:
            return transaction.listed(Wanted(run=run, groups=groups), sort="due", limit=limit).rows

    def around(self, by: Actor, filters: Filters, request: Request) -> tuple[Listed | None, Listed | None]:
        """The rows before and after a request in this list; of one that is not in it, only the first of all."""
        wanted = self._wanted(by, filters)
        with self._service.store.read() as transaction:
            return transaction.around(wanted, sort=filters.order, of=request)

    def decided(self, by: Actor, since: datetime) -> Iterator[Decided]:
        """What people decided since then, as far as this actor may see it; read as it is consumed."""
        self.check_reads(by)
        groups = None if self._everything(by) else self._service.authority.groups_of(by)
        wanted = Wanted(states=frozenset({State.APPROVED, State.REJECTED, State.RETURNED}), groups=groups)
        with self._service.store.read() as transaction:
            yield from transaction.decided(wanted, since)

    def counts(self, by: Actor, views: Sequence[str]) -> dict[str, int]:
        """How many each of these views holds for this actor, by the predicate that lists them."""
        wanted = [self._wanted(by, Filters(view=view)) for view in views]
        with self._service.store.read() as transaction:
            return dict(zip(views, transaction.counts(wanted), strict=True))

    def overdue(self, by: Actor) -> int:
        """How many of what waits, as far as this actor may see it, are past their deadline."""
        late = self._wanted(by, Filters(view="all")).model_copy(update={"due_by": self._service.now()})
        with self._service.store.read() as transaction:
            return transaction.counts([late])[0]

    def _wanted(self, by: Actor, filters: Filters) -> Wanted:
        self.check_reads(by)
        return filters.wanted(self._person(by), everything=self._everything(by), now=self._service.now())

    def found(self, beginning: str, by: Actor) -> Request:
        """The one request that this actor may see and whose id begins so, in upper or lower case.

        Raises:
            NotFound: none, or more than one.
        """
        self.check_reads(by)
        wanted = beginning.strip().upper()
        try:
            return self.visible(wanted, by)
        except NotFound:
            if len(wanted) >= _WHOLE:
                raise
        with self._service.store.read() as transaction:
            fits = [request for request in self._all(transaction) if wanted and request.id.startswith(wanted)]
        seen = [request for request in fits if self._service.authority.may_read(request, by)]
        if len(seen) == 1:
            return seen[0]
        if not seen:
            raise NotFound(f"There is no request {beginning!r}.")
        listed = ", ".join(request.id for request in seen[:5])
        raise NotFound(f"{len(seen)} requests begin with {beginning!r} ({listed}{', …' if len(seen) > 5 else ''}).")

    # -- inside --------------------------------------------------------------------------------------------------

    def _all(self, transaction: Transaction) -> Iterator[Request]:
        page = transaction.page(Wanted(), limit=_PAGE)
        yield from page.requests
        while page.next is not None:
            page = transaction.page(Wanted(), limit=_PAGE, after=page.next)
            yield from page.requests

    def check_reads(self, by: Actor) -> None:
        """Nothing, if the actor may read anything at all.

        Raises:
            NotPermitted: their token does not reach that far, or nobody knows them.
        """
        if by.kind in ("system", "policy"):
            return
        if "read" not in by.scopes:
            raise OutOfScope("This token may not read requests; it needs the scope 'read'.")
        if by.kind == "agent":
            raise OutOfScope("An agent's token reads nothing in the queue.")
        if by.kind != "person":
            return
        person = self._person(by)
        if person is None:
            raise NotACandidate(f"{by.id} is not among the people of this queue.")
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")

    def _everything(self, by: Actor) -> bool:
        person = self._person(by)
        return by.kind != "person" or (person is not None and person.role in ("admin", "viewer"))

    def _person(self, by: Actor) -> Person | None:
        return self._service.directory.person(by.id) if by.kind == "person" else None
