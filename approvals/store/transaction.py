"""One transaction on one connection: what `ports.Transaction` promises, in SQL that both databases understand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, delete, func, select

from approvals.audit import Attested, Entry, Event
from approvals.decisions import Ruling, SignOff
from approvals.errors import NotFound, Overtaken
from approvals.lifecycle import Action, is_open, sources
from approvals.permits import Permit
from approvals.ports import Decided, Listed, ListOf, PageOf, Remembered, Sort, Token, Wanted
from approvals.requests import Content, Identity, Request, WorkingCopy
from approvals.store import facets, listing, prepared, rows, searching
from approvals.store.attesting import ATTESTED, ERASABLE, attested, erasure
from approvals.store.checking import check_whole
from approvals.store.conversing import Conversing
from approvals.store.deliveries import DeliveryRows
from approvals.store.facets import Facet
from approvals.store.identities import SqlIdentities
from approvals.store.predicates import occurs
from approvals.store.recording import Recorder
from approvals.store.tables import (
    AUDIT,
    CONTENT,
    HEAD_OF_RECORD,
    LEASE,
    PERMIT,
    REMEMBERED,
    REQUEST,
    RULING,
    SIGNOFF,
    TOKEN,
    WORKING_COPY,
)


class SqlTransaction(Conversing, SqlIdentities, DeliveryRows):
    """Reads and writes values; remembers which rows the next entry of the record must commit to."""

    def __init__(self, connection: Connection, *, writes: bool) -> None:
        self._connection = connection
        self._rows = Recorder(connection, writes=writes)
        # What only reads sees one moment, and may be asked for the same thing all the time.
        self._seen: dict[str, Request | None] | None = None if writes else {}
        self._facets: tuple[Facet, ...] | None = None
        self._tallied: Counter[str] = Counter()
        self._recalled: set[str] = set()
        self.erased = False
        self.answered: list[Request] = []

    # -- requests ------------------------------------------------------------------------------------------------

    def request(self, request_id: str) -> Request | None:
        """The request with its current content and the ruling that stands."""
        if self._seen is None:
            return listing.request(self._connection, request_id)
        if request_id not in self._seen:
            self._seen[request_id] = listing.request(self._connection, request_id)
        return self._seen[request_id]

    def identified(self, identity: Identity) -> Request | None:
        """The request of this identity."""
        wanted = {name: rows.stored(value) for name, value in identity.model_dump().items()}
        where = (REQUEST.c[name] == value for name, value in wanted.items())
        return next(iter(listing.requests(self._connection, *where)), None)

    def of_key(self, run: str, gate: str, key: str) -> tuple[Request, ...]:
        """Every request of one gate and key of a run, in order of round and succession."""
        wanted = {"run": run, "gate": gate, "key": key}
        where = (REQUEST.c[name] == rows.stored(value) for name, value in wanted.items())
        return listing.requests(self._connection, *where, order=(REQUEST.c.round, REQUEST.c.succession))

    def add_request(self, request: Request) -> None:
        """Keep a new request with its content.

        Raises:
            Overtaken: there is one of this id or identity.
        """
        row = rows.request_row(request)
        self._rows.add(REQUEST, row, "This request was opened by somebody else in between.")
        if (place := searching.enter(self._connection, row["id"], row["words"])) is not None:
            self._rows.update(REQUEST, {"place": place}, REQUEST.c.id == row["id"])
        self._tallied[row["facet"]] += 1
        self.add_content(request.id, request.content)
        if request.ruling is not None:
            self.add_ruling(request.id, request.ruling)

    def change(self, before: Request, after: Request, action: Action | None) -> Request:
        """Write what differs, if the row is still at `before.revision` and the action may start from its state."""
        old, new = rows.request_row(before), rows.request_row(after)
        columns = {column: value for column, value in new.items() if value != old[column]}
        columns["revision"] = before.revision + 1
        guard = [REQUEST.c.revision == before.revision]
        if action is not None:
            guard.append(REQUEST.c.state.in_(sorted(sources(action))))
        if not ERASABLE[REQUEST].keys().isdisjoint(columns):
            guard.append(REQUEST.c.erased.is_(None))  # what was erased is not written again
        moved = self._rows.update(REQUEST, columns, REQUEST.c.id == before.id, *guard)
        if not moved:
            raise Overtaken(f"Request {before.id} changed in between; look at it again.")
        if "facet" in columns:
            self._tallied.update({old["facet"]: -1})
            self._tallied.update({new["facet"]: 1})
        if is_open(before.state) != is_open(after.state):
            waits = int(is_open(after.state))
            self._rows.update(SIGNOFF, {"waits": waits}, SIGNOFF.c.request_id == rows.stored(before.id))
        if before.wake_since is None and after.wake_since is not None:
            self.answered.append(after)
        if before.id in self._recalled and (again := self.request(before.id)) is not None:
            return again
        return after.model_copy(update={"revision": before.revision + 1})

    def content(self, request_id: str, version: int) -> Content | None:
        """One version of what is to be signed."""
        row = self._rows.one(CONTENT, CONTENT.c.request_id == rows.stored(request_id), CONTENT.c.version == version)
        return None if row is None else rows.content_of(row)

    def add_content(self, request_id: str, content: Content) -> None:
        """Keep a version; the same one twice is one.

        Raises:
            Overtaken: there is another one of this number.
        """
        if self.content(request_id, content.version) != content:
            told = f"Request {request_id} has another version {content.version} already."
            self._rows.add(CONTENT, rows.content_row(request_id, content), told)

    def check_whole(self, request_id: str | None) -> None:
        """Nothing, if every row of the request is as the record has it; with None, every token."""
        check_whole(self._rows, request_id)

    def _ask(self, key: Hashable, make: Callable[[], Executable], of: Any) -> prepared.Found:
        return prepared.ask(self._connection, key, make, {"of": of})

    def head(self) -> tuple[int, str]:
        """Number and hash of the last entry, as noted apart; zeros where the note is gone."""
        row = self._rows.one(HEAD_OF_RECORD, HEAD_OF_RECORD.c.id == 1)
        return (0, "") if row is None else (int(row["seq"]), str(row["hash"]))

    # -- what people did -----------------------------------------------------------------------------------------

    def signoffs(self, request_id: str) -> tuple[SignOff, ...]:
        """Every sign-off in order, voided ones too."""
        found = self._rows.all(SIGNOFF, SIGNOFF.c.request_id == rows.stored(request_id), order=SIGNOFF.c.place)
        return tuple(rows.signoff_of(row) for row in found)

    def add_signoff(self, request_id: str, signoff: SignOff) -> None:
        """Keep a sign-off after those there are."""

        def made() -> Executable:
            return select(func.max(SIGNOFF.c.place)).where(SIGNOFF.c.request_id == prepared.given("of"))

        place = (self._ask("last signoff", made, rows.stored(request_id)).scalar() or 0) + 1
        told = f"Somebody else signed request {request_id} at the same moment."
        self._rows.add(SIGNOFF, rows.signoff_row(request_id, place, signoff), told)

    def void_signoffs(self, request_id: str, *, person: str | None = None, other_than_sha256: str | None = None) -> int:
        """Void the sign-offs of one person, or all that are not for this document, or all; tell how many."""
        where = [SIGNOFF.c.request_id == rows.stored(request_id), SIGNOFF.c.voided == 0]
        if person is not None:
            where.append(SIGNOFF.c.person == rows.stored(person))
        if other_than_sha256 is not None:
            where.append(SIGNOFF.c.sha256 != other_than_sha256)
        return self._rows.update(SIGNOFF, {"voided": 1}, *where)

    def rulings(self, request_id: str) -> tuple[Ruling, ...]:
        """Every ruling in order, recalled ones too."""
        found = self._rows.all(RULING, RULING.c.request_id == rows.stored(request_id), order=RULING.c.seq)
        return tuple(rows.ruling_of(row) for row in found)

    def add_ruling(self, request_id: str, ruling: Ruling) -> None:
        """Keep a ruling.

        Raises:
            Overtaken: there is one of this number.
        """
        told = f"Somebody else answered request {request_id} at the same moment."
        self._rows.add(RULING, rows.ruling_row(request_id, ruling), told)

    def mark_recalled(self, request_id: str, seq: int) -> None:
        """Note that a ruling was taken back.

        Raises:
            Overtaken: there is no such ruling that stands.
        """
        where = (RULING.c.request_id == rows.stored(request_id), RULING.c.seq == seq, RULING.c.recalled == 0)
        if not self._rows.update(RULING, {"recalled": 1}, *where):
            raise Overtaken(f"Ruling {seq} of request {request_id} does not stand any more.")
        self._recalled.add(request_id)

    def working_copy(self, request_id: str, person: str, version: int) -> WorkingCopy | None:
        """What this person has typed on this version."""
        wanted = {"request_id": rows.stored(request_id), "person": rows.stored(person), "version": version}
        row = self._rows.one(WORKING_COPY, *(WORKING_COPY.c[name] == value for name, value in wanted.items()))
        return None if row is None else rows.working_copy_of(row)

    def put_working_copy(self, copy: WorkingCopy) -> None:
        """Keep what was typed, in place of what was there."""
        row = rows.working_copy_row(copy)
        new = {column: row[column] for column in ("document", "at")}
        self._rows.execute(
            self._rows.insert(WORKING_COPY)
            .values(row)
            .on_conflict_do_update(index_elements=list(WORKING_COPY.primary_key), set_=new)
        )

    def drop_working_copies(self, request_id: str, person: str | None = None) -> None:
        """Forget what one person, or everybody, typed."""
        dropped = delete(WORKING_COPY).where(WORKING_COPY.c.request_id == rows.stored(request_id))
        if person is not None:
            dropped = dropped.where(WORKING_COPY.c.person == rows.stored(person))
        self._rows.execute(dropped)

    def erase(self, request_id: str) -> tuple[str, ...]:
        """Remove what the request says of anybody; commitments stay, so the record verifies. Names the columns."""
        names: dict[str, None] = {}
        for table in ERASABLE:
            of_request = table.c.id if table is REQUEST else table.c.request_id
            for row in self._rows.all(table, of_request == request_id, table.c.erased.is_(None)):
                columns, erased = erasure(table, row)
                if table is REQUEST:
                    columns |= {"revision": row["revision"] + 1, "words": "", "worth": 0, "place": None}
                    searching.leave(self._connection, row["place"])
                self._rows.update(table, columns, *(column == row[column.name] for column in table.primary_key))
                names |= dict.fromkeys(erased)
        self.drop_working_copies(request_id)
        # An answer kept for repeats may quote the request; its id is how it can be known.
        self._rows.execute(delete(REMEMBERED).where(occurs(self._connection, request_id, REMEMBERED.c.answer)))
        self.erased = True
        return tuple(names)

    # -- permits -------------------------------------------------------------------------------------------------

    def permit(self, permit_id: str) -> Permit | None:
        """The permit."""
        row = self._rows.one(PERMIT, PERMIT.c.id == rows.stored(permit_id))
        return None if row is None else rows.permit_of(row)

    def permit_of(self, request_id: str) -> Permit | None:
        """The permit that came of a request."""
        row = self._rows.one(PERMIT, PERMIT.c.request_id == rows.stored(request_id))
        return None if row is None else rows.permit_of(row)

    def add_permit(self, permit: Permit) -> None:
        """Keep a permit.

        Raises:
            Overtaken: the request has one.
        """
        told = f"A permit for request {permit.request_id} was minted by somebody else in between."
        self._rows.add(PERMIT, rows.permit_row(permit), told)

    def change_permit(self, before: Permit, after: Permit) -> None:
        """Write what differs, if the row still has `before`'s state and fence; else raise Overtaken."""
        old, new = rows.permit_row(before), rows.permit_row(after)
        columns = {column: value for column, value in new.items() if value != old[column]}
        where = (PERMIT.c.id == before.id, PERMIT.c.state == before.state, PERMIT.c.fence == before.fence)
        # Written even where nothing differs: the question whether the row still is `before` wants its answer.
        if not self._rows.update(PERMIT, columns or {"fence": after.fence}, *where):
            raise Overtaken(f"Permit {before.id} changed in between.")

    # -- the record ----------------------------------------------------------------------------------------------

    def record(self, event: Event) -> Entry:
        """Append an entry that commits to every row written since the last one in this transaction."""
        entry = self._rows.record(event)
        # Whoever holds the head is alone with the tallies: nobody waits crosswise for another's.
        facets.count(self._connection, self._tallied)
        self._tallied.clear()
        return entry

    def check_recorded(self) -> None:
        """Nothing, if every row that was written stands in the record; else a RuntimeError."""
        self._rows.check()

    def entries(self, *, request_id: str | None = None, after: int = 0) -> Iterator[Entry]:
        """The record in order, read as it is consumed."""
        wanted = select(AUDIT).where(AUDIT.c.seq > after) if after else select(AUDIT)
        if request_id is not None:
            wanted = wanted.where(AUDIT.c.request_id == rows.stored(request_id))
        for row in self._rows.stream(wanted.order_by(AUDIT.c.seq)):
            yield rows.entry_of(row)

    def rows(self) -> Iterator[Attested]:
        """Every row the record commits to, as it stands now, read as it is consumed."""
        for table in ATTESTED:
            for row in self._rows.stream(select(table).order_by(*table.primary_key)):
                yield attested(table, row)

    # -- tokens, idempotency, leadership -------------------------------------------------------------------------

    def add_token(self, token: Token) -> None:
        """Keep a token's digest.

        Raises:
            Overtaken: there is one of this id or digest.
        """
        self._rows.add(TOKEN, rows.token_row(token), f"There is a token {token.id!r} already.")

    def token(self, sha256: str) -> Token | None:
        """The token of this digest, whether or not it still counts."""
        row = self._rows.one(TOKEN, TOKEN.c.sha256 == rows.stored(sha256))
        return None if row is None else rows.token_of(row)

    def tokens(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        return tuple(rows.token_of(row) for row in self._rows.all(TOKEN, order=TOKEN.c.created_at))

    def change_token(self, token: Token) -> None:
        """Write what differs.

        Raises:
            NotFound: there is no token of this id.
        """
        row = self._rows.one(TOKEN, TOKEN.c.id == token.id)
        if row is None:
            raise NotFound(f"There is no token {token.id!r}.")
        columns = {column: value for column, value in rows.token_row(token).items() if value != row[column]}
        if columns:
            self._rows.update(TOKEN, columns, TOKEN.c.id == token.id)

    def remembered(self, key: str, subject: str) -> Remembered | None:
        """What this caller was answered under this key."""
        where = (REMEMBERED.c.key == rows.stored(key), REMEMBERED.c.subject == rows.stored(subject))
        row = self._rows.one(REMEMBERED, *where)
        return None if row is None else rows.remembered_of(row)

    def remember(self, key: str, subject: str, remembered: Remembered, at: datetime) -> None:
        """Keep an answer.

        Raises:
            Overtaken: the same call was answered in between.
        """
        told = "The same call was answered in between."
        self._rows.add(REMEMBERED, rows.remembered_row(key, subject, remembered, at), told)

    def take_lease(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take or renew a named lease; False while another holder's has not lapsed."""
        asked = self._rows.insert(LEASE).values(name=name, holder=rows.stored(holder), until=rows.instant(until))
        mine_or_lapsed = (LEASE.c.holder == asked.excluded.holder) | (LEASE.c.until <= rows.instant(now))
        taken = asked.on_conflict_do_update(
            index_elements=[LEASE.c.name],
            set_={"holder": asked.excluded.holder, "until": asked.excluded.until},
            where=mine_or_lapsed,
        )
        return self._rows.execute(taken.returning(LEASE.c.name)).first() is not None

    def _known(self) -> tuple[Facet, ...]:
        if self._facets is None or self._seen is None:
            self._facets = facets.every(self._connection)
        return self._facets

    # -- lists ---------------------------------------------------------------------------------------------------

    def listed(self, wanted: Wanted, *, sort: Sort, limit: int, after: str | None = None) -> ListOf:
        """A page of rows in this order."""
        return listing.listed(self._connection, self._known(), wanted, sort, limit, after)

    def around(self, wanted: Wanted, *, sort: Sort, of: Request) -> tuple[Listed | None, Listed | None]:
        """The rows before and after a request in this list; of one that is not in it, only the first of all."""
        return listing.around(self._connection, self._known(), wanted, sort, of)

    def counts(self, wanted: Sequence[Wanted]) -> tuple[int, ...]:
        """How many each of these fits, by the predicate that lists them."""
        return listing.counts(self._connection, self._known(), wanted)

    def recount(self) -> int:
        """Count anew what lists are counted by; tells how many counts were wrong, as after somebody's hand."""
        # Whoever counts holds the head, as whoever changes a count does.
        self._rows.execute(select(HEAD_OF_RECORD).with_for_update())
        return facets.recount(self._connection)

    def page(self, wanted: Wanted, *, limit: int, after: str | None = None) -> PageOf:
        """A page of requests, soonest due first."""
        return listing.page(self._connection, self._known(), wanted, limit, after)

    def decided(self, wanted: Wanted, since: datetime) -> Iterator[Decided]:
        """What people decided since then and what stands, of these groups' requests."""
        return listing.decided(self._connection, self._known(), wanted, since)

    def overdue(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of open requests past their deadline, oldest first."""
        return listing.overdue(self._connection, now, limit)

    def to_wake(self, now: datetime, limit: int, after: Request | None = None) -> tuple[Request, ...]:
        """Answered requests whose answer counts and was not taken up, oldest first, after this one."""
        return listing.to_wake(self._connection, now, limit, after)

    def has_asked(self, run: str) -> bool:
        """Whether this run has ever opened a request."""

        def made() -> Executable:
            return select(REQUEST.c.id).where(REQUEST.c.run == prepared.given("of")).limit(1)

        return self._ask("has asked", made, rows.stored(run)).first() is not None

    def untaken(self, run: str) -> tuple[Request, ...]:
        """The requests of a run whose answer was not taken up yet, open ones included, by id."""
        return listing.untaken(self._connection, run)

    def waiting(self, limit: int, after: str | None = None) -> tuple[Request, ...]:
        """Open requests by id, after this one."""
        return listing.waiting(self._connection, limit, after)

    def waiting_runs(self, limit: int, after: str | None = None) -> tuple[tuple[str, str], ...]:
        """Open requests as (id, run) by id, after this one."""
        return listing.waiting_runs(self._connection, limit, after)
