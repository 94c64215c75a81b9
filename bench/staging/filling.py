"""Fills a store with any number of requests, as fast as the database takes them.

Every row, up to a hundred thousand that wait, is what the store's own functions write of a request of the showcase,
under another id, company, amount and time; each is committed to by an entry of the record as opening and deciding
would have done it. `checked` holds a sample against those functions. Beyond that the database makes copies
(`multiply`).
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from approvals.audit import Event, sealed
from approvals.decisions import Actor, FieldDifference, Ruling, SignOff
from approvals.lifecycle import Action, State, event_name
from approvals.requests import Request
from approvals.store import facets, listing, rows, searching
from approvals.store.attesting import attested, salted
from approvals.store.database import SqlStore
from approvals.store.searching import words_of
from approvals.store.tables import AUDIT, CONTENT, HEAD_OF_RECORD, REQUEST, RULING, SIGNOFF
from staging.companies import RARE, names

Row = dict[str, Any]
_AT_ONCE = 5_000
_SHARE_DECIDED = 0.6
_WHOLE_ONE_IN = 10
"""Of so many requests one has a whole document; the others have a letter's."""
_WORKER = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))
_OUTCOMES = (Action.APPROVE,) * 15 + (Action.REJECT,) * 2 + (Action.RETURN,) * 3
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TABLES = (REQUEST, CONTENT, SIGNOFF, RULING, AUDIT)


class Prototype:
    """One request of the showcase as rows, so that a copy costs little more than its digests."""

    def __init__(self, request: Request, ruling: Ruling | None) -> None:
        self.request = request
        self.row = rows.request_row(request)
        self.content = rows.content_row(request.id, request.content)
        self.ruling = ruling
        self.ruling_row = None if ruling is None else rows.ruling_row(request.id, ruling)


class Filler:
    """Makes the rows of so many requests."""

    def __init__(self, models: list[Request], reviewers: list[str], now: datetime, seed: int, largest: Request) -> None:
        self._chance = random.Random(seed)
        self._names = names(self._chance)
        self._now = now
        self._reviewers = reviewers
        light = [one for one in models if len(one.content.document) < 1_000]
        self._whole = self._prototypes(models)
        self._light = self._prototypes([lean(light[0], one) for one in models])
        self._largest = Prototype(reset(largest), None)
        self.largest = ""
        self.tallies: Counter[str] = Counter()

    def _prototypes(self, models: list[Request]) -> dict[str, list[Prototype]]:
        found: dict[str, list[Prototype]] = {"open": [], "decided": []}
        for model in models:
            found["open"].append(Prototype(reset(model), None))
            if model.policy.quorum > 1:
                continue
            for action in dict.fromkeys(_OUTCOMES):
                by = Actor(kind="person", id=self._chance.choice(self._reviewers), via="session")
                found["decided"] += [Prototype(*self._decided(model, action, by))] * _OUTCOMES.count(action)
        return found

    def _decided(self, model: Request, action: Action, by: Actor) -> tuple[Request, Ruling]:
        content, approved = model.content, action is Action.APPROVE
        edited = approved and self._chance.random() < 0.3
        changes = (FieldDifference(path="subject", before="Hello", after="Good morning"),) if edited else ()
        ruling = Ruling(
            seq=1, action=action, by=by, at=self._now, effective_at=self._now, version=content.version,
            document=content.document if approved else None, sha256=content.sha256 if approved else None,
            edited=edited, changes=changes,
            reason="The price is last year's." if action is Action.REJECT else None,
            code="wrong_price" if action is Action.REJECT else None,
            feedback="Shorter, please." if action is Action.RETURN else None,
        )  # fmt: skip
        state = {Action.APPROVE: State.APPROVED, Action.REJECT: State.REJECTED, Action.RETURN: State.RETURNED}[action]
        return reset(model).model_copy(update={"state": state, "ruling": ruling, "revision": 3}), ruling

    def rows(self, pending: int, seq: int, head: str) -> Iterator[tuple[dict[Table, list[Row]], str]]:
        """Batches of rows of every table, each with the hash of its last entry."""
        decided = int(pending * _SHARE_DECIDED)
        kinds = ["open"] * pending + ["decided"] * decided
        self._chance.shuffle(kinds)
        batch: dict[Table, list[Row]] = {table: [] for table in _TABLES}
        for number, kind in enumerate(kinds):
            pool = self._whole if number % _WHOLE_ONE_IN == 0 else self._light
            first = kind == "open" and not self.largest
            prototype = self._largest if first else self._chance.choice(pool[kind])
            seq, head = self._add(batch, prototype, number, seq, head)
            if first:
                self.largest = batch[REQUEST][-1]["id"]
            if len(batch[REQUEST]) == _AT_ONCE:
                yield batch, head
                batch = {table: [] for table in _TABLES}
        yield batch, head

    def _add(
        self, batch: dict[Table, list[Row]], prototype: Prototype, number: int, seq: int, head: str
    ) -> tuple[int, str]:
        chance, request = self._chance, prototype.request
        request_id = "".join(chance.choices(_ALPHABET, k=10))
        run = f"run-{number:08d}-{chance.getrandbits(32):08x}"
        name = f"{RARE.title()} Holdings" if number == 7 else self._names[number % len(self._names)]
        gate = request.identity.gate
        title, summary = (
            f"{gate.replace('_', ' ').capitalize()} for {name}",
            f"{chance.randint(2, 400)} seats, {number}",
        )
        amount = f"{chance.randint(5, 900) * 100}.00" if request.amount is not None else None
        ruling = prototype.ruling
        opened = self._now - timedelta(minutes=chance.randint(5, 4_000))
        due = self._now + timedelta(minutes=chance.randint(-600, 14_000))
        decided = None
        if ruling is not None:
            decided = self._now - timedelta(minutes=chance.randint(2, 80 * 24 * 60))
            opened = decided - timedelta(minutes=1 + int(chance.lognormvariate(4.2, 0.9)))
            due = opened + timedelta(days=3)
        row = salted(
            REQUEST,
            {
                **prototype.row,
                "id": request_id, "run": run, "run_id": run, "key": f"key-{number}", "title": title, "summary": summary,
                "searched": rows.folded(f"{title}\n{summary}"), "about": name, "amount": amount,
                "worth": int(Decimal(amount) * 100) if amount is not None else 0,
                "words": words_of(title, name, summary, gate, request_id),
                "opened_at": rows.instant(opened), "due_at": rows.instant(due),
                "effective_at": None if decided is None else rows.instant(decided + timedelta(seconds=8)),
                "taken_up_at": None if decided is None else rows.instant(decided + timedelta(seconds=20)),
                "place": None,
            },
        )  # fmt: skip
        content = salted(CONTENT, {**prototype.content, "request_id": request_id, "at": rows.instant(opened)})
        batch[REQUEST].append(row)
        batch[CONTENT].append(content)
        self.tallies[row["facet"]] += 1
        opening = row if ruling is None else {**row, "state": "pending", "effective_at": None, "taken_up_at": None}
        written = [(REQUEST, opening), (CONTENT, content)]
        seq, head = self._entry(batch, "request.opened", _WORKER, opened, request_id, run, written, seq, head)
        if ruling is None or decided is None or prototype.ruling_row is None:
            return seq, head
        person = ruling.by.id
        ruled = salted(
            RULING,
            {
                **prototype.ruling_row, "request_id": request_id, "at": rows.instant(decided),
                "effective_at": row["effective_at"],
            },
        )  # fmt: skip
        written = [(REQUEST, row), (RULING, ruled)]
        batch[RULING].append(ruled)
        if ruling.sha256 is not None:
            given = SignOff(person=person, sha256=ruling.sha256, version=ruling.version, at=decided, via="session")
            signed = {**rows.signoff_row(request_id, 1, given), "waits": 0}
            batch[SIGNOFF].append(signed)
            written.append((SIGNOFF, signed))
        name = event_name(ruling.action)
        return self._entry(batch, name, ruling.by, decided, request_id, run, written, seq, head)

    @staticmethod
    def _entry(
        batch: dict[Table, list[Row]], name: str, by: Actor, at: datetime, request_id: str, run: str,
        written: list[tuple[Table, Row]], seq: int, head: str,
    ) -> tuple[int, str]:  # fmt: skip
        event = Event(
            name=name, actor_kind=by.kind, actor=by.id, via=by.via, at=at, request_id=request_id, run_id=run,
            details={"version": 1},
        )  # fmt: skip
        entry = sealed(seq + 1, event, [attested(table, row) for table, row in written], head)
        batch[AUDIT].append(rows.entry_row(entry))
        return entry.seq, entry.hash


def reset(request: Request) -> Request:
    """The request as it was opened, with its current content as the first."""
    content = request.content.model_copy(update={"version": 1, "author": "agent", "moved": ()})
    identity = request.identity.model_copy(update={"round": 1, "succession": 0})
    opened = {
        "state": State.PENDING, "version": 1, "revision": 1, "ruling": None, "claimed_by": None, "claimed_until": None,
        "effective_at": None, "taken_up_at": None, "wake_since": None, "attempt": 0, "holder": None,
        "held_until": None, "supersedes": None, "escalated": False,
    }  # fmt: skip
    return request.model_copy(update={**opened, "content": content, "identity": identity})


def lean(letter: Request, model: Request) -> Request:
    """A request like the model with a letter's short document, so that a million of them fit on a disk."""
    flags = model.content.flags
    return model.model_copy(update={"kind": letter.kind, "content": letter.content.model_copy(update={"flags": flags})})


def fill(store: SqlStore, filler: Filler, pending: int) -> float:
    """Fill the store; tells the seconds it took."""
    started = time.perf_counter()
    database: Any = store._database
    with database.connected(writes=True) as connection:
        seq, head = connection.execute(select(HEAD_OF_RECORD.c.seq, HEAD_OF_RECORD.c.hash)).one()
        indexes = [index for table in _TABLES for index in table.indexes]
        for index in indexes:
            index.drop(connection)
        words = _without_words(connection)
        for batch, last in filler.rows(pending, seq, head):
            seq, head = seq + len(batch[AUDIT]), last
            _index_words(connection, batch[REQUEST])
            for table, added in batch.items():
                _put(connection, table, added)
        for index in indexes:
            index.create(connection)
        if words:
            connection.exec_driver_sql(words)
        facets.count(connection, filler.tallies)
        connection.execute(HEAD_OF_RECORD.update().values(seq=seq, hash=head))
    with database.connected(writes=True) as connection:
        connection.exec_driver_sql("ANALYZE")
    return time.perf_counter() - started


_COPIES = "abcdefghijklmnopqrstuvwxyz"
COPIED = 11
"""Characters of the id of a copy; what was opened and recorded has ten."""


def multiply(store: SqlStore, times: int) -> None:
    """So many times as many requests: copies that the database makes, under other ids, runs and places.

    No entry of the record commits to a copy and its document is not copied, so lists, counts and searches show it like
    any other, and it can be neither opened nor decided: whoever measures that takes what was opened and recorded.
    """
    database: Any = store._database
    with database.connected(writes=True) as connection:
        indexes = [index for table in _TABLES for index in table.indexes]
        for index in indexes:
            index.drop(connection)
        words = _without_words(connection)
        last = connection.execute(select(func.coalesce(func.max(REQUEST.c.place), 0))).scalar_one()
        for number, letter in enumerate(_COPIES[: times - 1], start=1):
            for table in (REQUEST, SIGNOFF, RULING):
                _copy(connection, table, letter, last * number)
        if connection.dialect.name == "sqlite":
            copies = f"SELECT place, words, id FROM {REQUEST.name} WHERE place > {last}"
            connection.exec_driver_sql(f"INSERT INTO {searching.FTS}(rowid, words, id) {copies}")
        for index in indexes:
            index.create(connection)
        if words:
            connection.exec_driver_sql(words)
        connection.execute(facets.TALLY.update().values(n=facets.TALLY.c.n * times))
    with database.connected(writes=True) as connection:
        connection.exec_driver_sql("ANALYZE")


def _copy(connection: Connection, table: Table, letter: str, places: int) -> None:
    own = table.c.id if table is REQUEST else table.c.request_id
    changed: dict[str, Any] = {own.name: own + letter}
    if table is REQUEST:
        changed |= {"run": table.c.run + letter, "run_id": table.c.run_id + letter, "place": table.c.place + places}
    names = [column.name for column in table.columns]
    shown = select(*(changed.get(name, table.c[name]) for name in names)).where(func.length(own) < COPIED)
    connection.execute(insert(table).from_select(names, shown))


def _without_words(connection: Connection) -> str:
    """On PostgreSQL the index of words is made at the end, too."""
    if connection.dialect.name == "sqlite":
        return ""
    searching.unmake(connection)
    return searching._MADE["postgresql"]


def _index_words(connection: Connection, added: list[Row]) -> None:
    if connection.dialect.name != "sqlite" or not added:
        return
    place = connection.execute(text(f"SELECT coalesce(max(rowid), 0) FROM {searching.FTS}")).scalar_one()
    for number, row in enumerate(added, start=place + 1):
        row["place"] = number
    entered = text(f"INSERT INTO {searching.FTS}(rowid, words, id) VALUES (:place, :words, :id)")
    connection.execute(entered, [{key: row[key] for key in ("place", "words", "id")} for row in added])


def _put(connection: Connection, table: Table, added: list[Row]) -> None:
    if not added:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), added)
        return
    columns = [column.name for column in table.columns]
    driver: Any = connection.connection.driver_connection
    with driver.cursor().copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in added:
            copy.write_row([row.get(column) for column in columns])


def checked(store: SqlStore, sample: int = 200) -> None:
    """Nothing, if a sample reads back as requests whose rows the store would write just so, and every tally fits.

    Raises:
        AssertionError: a row is otherwise.
    """
    database: Any = store._database
    with database.connected(writes=False) as connection:
        recorded = select(REQUEST.c.id).where(func.length(REQUEST.c.id) < COPIED)
        ids = connection.execute(recorded.order_by(func.random()).limit(sample)).scalars().all()
        for request in listing.requests(connection, REQUEST.c.id.in_(ids)):
            stands = dict(connection.execute(select(REQUEST).where(REQUEST.c.id == request.id)).mappings().one())
            made = rows.request_row(request)
            wrong = {column: (stands[column], value) for column, value in made.items() if stands[column] != value}
            assert not wrong, f"{request.id} was filled in otherwise than the store writes it: {wrong}"
        counted = dict(
            connection.execute(select(REQUEST.c.facet, func.count()).group_by(REQUEST.c.facet)).tuples().all()
        )
        tallied = {facet.key: facet.n for facet in facets.every(connection)}
        assert counted == tallied, "the tallies do not fit the requests"
    with store.begin() as transaction:
        for one in ids:
            transaction.check_whole(one)


def soon() -> datetime:
    """Now, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def token() -> str:
    """Something nobody has used."""
    return secrets.token_urlsafe(12)
