"""Makes what lists are told by anew, from the requests themselves: after an older version wrote them, or a hand did."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, case, exists, or_, update

from approvals.lifecycle import OPEN
from approvals.requests import Request
from approvals.store import facets, listing, searching
from approvals.store.rows import derived, stored
from approvals.store.tables import REQUEST, SIGNOFF

_AT_ONCE = 500


def relist(connection: Connection) -> int:
    """Bring every derived column, every tally and the search index to what the requests say; tells what was wrong."""
    wrong = sum(_mend(connection, page) for page in _pages(connection))
    return wrong + _wait(connection) + facets.recount(connection)


def _wait(connection: Connection) -> int:
    opened = exists().where(REQUEST.c.id == SIGNOFF.c.request_id, REQUEST.c.state.in_(sorted(OPEN)))
    waits = case((opened, 1), else_=0)
    wrong = or_(SIGNOFF.c.waits.is_(None), SIGNOFF.c.waits != waits)
    return connection.execute(update(SIGNOFF).where(wrong).values(waits=waits)).rowcount


def _pages(connection: Connection) -> Iterator[tuple[Request, ...]]:
    after = ""
    while page := listing.requests(connection, REQUEST.c.id > after, order=(REQUEST.c.id,), limit=_AT_ONCE):
        yield page
        after = str(stored(page[-1].id))


def _mend(connection: Connection, page: tuple[Request, ...]) -> int:
    ids = [stored(request.id) for request in page]
    stand = {row["id"]: row for row in connection.execute(REQUEST.select().where(REQUEST.c.id.in_(ids))).mappings()}
    mended = []
    for request in page:
        row, right = stand[stored(request.id)], derived(request)
        if row["erased"] is not None:
            right |= {"words": "", "worth": 0}
        indexed = row["place"] is not None or connection.dialect.name != "sqlite" or not right["words"]
        if indexed and all(row[column] == value for column, value in right.items()):
            continue
        searching.leave(connection, row["place"])
        place = searching.enter(connection, row["id"], right["words"]) if right["words"] else None
        mended.append({"of": row["id"], **right, "place": place})
    if mended:
        columns = [column for column in mended[0] if column != "of"]
        written = update(REQUEST).where(REQUEST.c.id == bindparam("of"))
        connection.execute(written.values({column: bindparam(column) for column in columns}), mended)
    return len(mended)
