"""Lists that people keep: filters under a name, of one person or, from an administrator, of everybody."""

from __future__ import annotations

from approvals.authority import Authority
from approvals.decisions import Actor
from approvals.errors import FieldError, NotFound, SavedViewInvalid
from approvals.filters import Filters
from approvals.ports import Store, Transaction
from approvals.requests import SavedView, new_id

MOST = 50
"""Views that one person keeps."""
_LONGEST = 60


class SavedViews:
    """Keeps them. They narrow what somebody sees, and never widen it."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store = store
        self._authority = authority

    def listed(self, by: Actor) -> tuple[SavedView, ...]:
        """Those of everybody and this person's own."""
        with self._store.read() as transaction:
            return transaction.saved_views(self._authority.check_person(by).email)

    def save(self, name: str, query: str, by: Actor, *, shared: bool = False) -> SavedView:
        """Keep these filters under this name; the same name of the same owner is replaced.

        Raises:
            SavedViewInvalid: no name, or too long a one, or too many views. FiltersInvalid: the query is none.
            NotPermitted: only an administrator keeps views for everybody.
        """
        person = self._authority.check_person(by)
        if shared:
            self._authority.check_admin(by)
        named = " ".join(name.split())
        if not 0 < len(named) <= _LONGEST:
            raise SavedViewInvalid([FieldError("name", f"a name has 1 to {_LONGEST} characters")])
        query = Filters.read(query).query()
        owner = None if shared else person.email
        with self._store.begin() as transaction:
            mine = [view for view in transaction.saved_views(person.email) if view.owner == owner]
            same = next((view for view in mine if view.name.casefold() == named.casefold()), None)
            if same is None and len(mine) >= MOST:
                raise SavedViewInvalid([FieldError("name", f"there are {MOST} already; remove one first")])
            view = SavedView(id=same.id if same else new_id(), name=named, query=query, owner=owner)
            transaction.put_saved_view(view)
            return view

    def remove(self, view_id: str, by: Actor) -> None:
        """Forget a view of one's own; an administrator also one of everybody.

        Raises:
            NotFound: this person has none of this id.
        """
        person = self._authority.check_person(by)
        with self._store.begin() as transaction:
            view = _found(transaction, view_id, person.email)
            if view.owner is None:
                self._authority.check_admin(by)
            transaction.drop_saved_view(view.id)


def _found(transaction: Transaction, view_id: str, email: str) -> SavedView:
    for view in transaction.saved_views(email):
        if view.id == view_id:
            return view
    raise NotFound(f"There is no view {view_id!r} of yours.")
