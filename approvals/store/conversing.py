"""What people say beside requests, what they do not want to see for now, and the lists they keep."""

from __future__ import annotations

from sqlalchemy import delete, or_, select

from approvals.requests import Comment, SavedView, Snooze
from approvals.store import rows
from approvals.store.recording import Recorder
from approvals.store.tables import COMMENT, SAVED_VIEW, SNOOZE


class Conversing:
    """A part of a transaction, on its connection."""

    _rows: Recorder

    def comments(self, request_id: str) -> tuple[Comment, ...]:
        """What people said beside the request, in order."""
        found = self._rows.all(COMMENT, COMMENT.c.request_id == rows.stored(request_id), order=COMMENT.c.place)
        return tuple(rows.comment_of(row) for row in found)

    def add_comment(self, request_id: str, comment: Comment) -> None:
        """Keep a comment.

        Raises:
            Overtaken: there is one of this number.
        """
        told = f"Somebody else commented on request {request_id} at the same moment."
        self._rows.add(COMMENT, rows.comment_row(request_id, comment), told)

    def snooze(self, request_id: str, person: str) -> Snooze | None:
        """How long this person does not want to see the request, whether or not that is over."""
        where = (SNOOZE.c.request_id == rows.stored(request_id), SNOOZE.c.person == rows.stored(person))
        row = self._rows.one(SNOOZE, *where)
        return None if row is None else rows.snooze_of(row)

    def put_snooze(self, snooze: Snooze) -> None:
        """Keep a snooze, in place of the one there was."""
        row = rows.snooze_row(snooze)
        new = {column: row[column] for column in ("version", "until")}
        kept = self._rows.insert(SNOOZE).values(row)
        self._rows.execute(kept.on_conflict_do_update(index_elements=list(SNOOZE.primary_key), set_=new))

    def drop_snooze(self, request_id: str, person: str | None = None) -> None:
        """Show the request again to this person, or to everybody."""
        dropped = delete(SNOOZE).where(SNOOZE.c.request_id == rows.stored(request_id))
        if person is not None:
            dropped = dropped.where(SNOOZE.c.person == rows.stored(person))
        self._rows.execute(dropped)

    def saved_views(self, person: str) -> tuple[SavedView, ...]:
        """Those of everybody and those of this person, by name."""
        mine = or_(SAVED_VIEW.c.owner.is_(None), SAVED_VIEW.c.owner == rows.stored(person))
        order = (SAVED_VIEW.c.owner.is_not(None), SAVED_VIEW.c.name, SAVED_VIEW.c.id)
        found = self._rows.stream(select(SAVED_VIEW).where(mine).order_by(*order))
        return tuple(SavedView(**rows.unstored(row)) for row in found)

    def put_saved_view(self, view: SavedView) -> None:
        """Keep a view, in place of the one of its id."""
        row = {column: rows.stored(value) for column, value in view.model_dump().items()}
        new = {column: row[column] for column in ("owner", "name", "query")}
        kept = self._rows.insert(SAVED_VIEW).values(row)
        self._rows.execute(kept.on_conflict_do_update(index_elements=[SAVED_VIEW.c.id], set_=new))

    def drop_saved_view(self, view_id: str) -> None:
        """Forget a view."""
        self._rows.execute(delete(SAVED_VIEW).where(SAVED_VIEW.c.id == rows.stored(view_id)))
