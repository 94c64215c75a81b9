"""How people come in, as rows and back: passwords, tries, sign-in links, sessions, and whom a provider described."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, select

from approvals.identities import Account, Cost, KnownPerson, Session, Ticket, Tries
from approvals.store.recording import Recorder
from approvals.store.rows import Row, instant, stored, unstored
from approvals.store.tables import ACCOUNT, KNOWN_PERSON, SESSION, TICKET, TRIES


class SqlIdentities:
    """What `identities.Identities` promises. No row here is attested; whoever acts on one records the act."""

    _rows: Recorder

    # -- passwords and tries -------------------------------------------------------------------------------------

    def account(self, person: str) -> Account | None:
        """The person's password, as its hash."""
        row = self._rows.one(ACCOUNT, ACCOUNT.c.person == stored(person))
        if row is None:
            return None
        row = unstored(row)
        cost = Cost(n=row["n"], r=row["r"], p=row["p"])
        return Account(**{name: row[name] for name in ("person", "hash", "salt", "changed_at")}, cost=cost)

    def put_account(self, account: Account) -> None:
        """Keep a password in place of the one before."""
        plain = {name: stored(getattr(account, name)) for name in ("person", "hash", "salt")}
        self._put(ACCOUNT, {**plain, **account.cost.model_dump(), "changed_at": instant(account.changed_at)})

    def try_once(self, key: str, now: datetime, since: datetime) -> Tries:
        """Count a try under this key, and tell how many there were; tries that began before `since` are forgotten."""
        asked = self._rows.insert(TRIES).values(key=key, count=1, since=instant(now))
        old = TRIES.c.since <= instant(since)
        counted = asked.on_conflict_do_update(
            index_elements=[TRIES.c.key],
            set_={
                "count": case((old, 1), else_=TRIES.c.count + 1),
                "since": case((old, asked.excluded.since), else_=TRIES.c.since),
            },
        )
        row = self._rows.execute(counted.returning(TRIES.c.count, TRIES.c.since)).one()
        return Tries(count=row.count, since=row.since)

    def untry(self, key: str, *, all_of_them: bool) -> None:
        """Take one try back, or all of them."""
        where = TRIES.c.key == key
        if all_of_them:
            self._rows.execute(delete(TRIES).where(where))
        else:
            self._rows.update(TRIES, {"count": TRIES.c.count - 1}, where, TRIES.c.count > 0)

    # -- sign-in links -------------------------------------------------------------------------------------------

    def add_ticket(self, ticket: Ticket) -> None:
        """Keep a link; unused ones of the same person and purpose end.

        Raises:
            Overtaken: there is one of this id or digest.
        """
        row = _row(ticket, "created_at", "expires_at", "used_at")
        same = (TICKET.c.person == row["person"], TICKET.c.purpose == row["purpose"], TICKET.c.used_at.is_(None))
        self._rows.update(TICKET, {"used_at": row["created_at"]}, *same)
        self._rows.add(TICKET, row, f"There is a sign-in link {ticket.id!r} already.")

    def ticket(self, sha256: str) -> Ticket | None:
        """The link of this digest, whether or not it still counts."""
        row = self._rows.one(TICKET, TICKET.c.sha256 == stored(sha256))
        return None if row is None else Ticket(**unstored(row))

    def use_ticket(self, sha256: str, now: datetime) -> bool:
        """Use a link up; False where somebody was first, or it has expired."""
        unused = (TICKET.c.sha256 == stored(sha256), TICKET.c.used_at.is_(None), TICKET.c.expires_at > instant(now))
        return self._rows.update(TICKET, {"used_at": instant(now)}, *unused) == 1

    # -- sessions ------------------------------------------------------------------------------------------------

    def add_session(self, session: Session) -> None:
        """Keep a session.

        Raises:
            Overtaken: there is one of this id or digest.
        """
        row = _row(session, "created_at", "seen_at", "expires_at", "revoked_at")
        self._rows.add(SESSION, row, f"There is a session {session.id!r} already.")

    def session(self, sha256: str) -> Session | None:
        """The session of this digest, whether or not it still counts."""
        row = self._rows.one(SESSION, SESSION.c.sha256 == stored(sha256))
        return None if row is None else Session(**unstored(row))

    def sessions(self, person: str | None = None) -> tuple[Session, ...]:
        """Everybody's sessions or one person's, ended ones too, the newest first."""
        where = () if person is None else (SESSION.c.person == stored(person),)
        found = self._rows.all(SESSION, *where, order=SESSION.c.created_at.desc())
        return tuple(Session(**unstored(row)) for row in found)

    def any_session(self) -> bool:
        """Whether anybody ever signed in, as far as is still kept."""
        return self._rows.connection.execute(select(SESSION.c.id).limit(1)).first() is not None

    def touch_session(self, session_id: str, seen_at: datetime) -> None:
        """Note a use, unless the session has ended."""
        where = (SESSION.c.id == stored(session_id), SESSION.c.revoked_at.is_(None))
        self._rows.update(SESSION, {"seen_at": instant(seen_at)}, *where)

    def end_session(self, session_id: str, now: datetime) -> bool:
        """End a session; False where it had ended already."""
        where = (SESSION.c.id == stored(session_id), SESSION.c.revoked_at.is_(None))
        return self._rows.update(SESSION, {"revoked_at": instant(now)}, *where) == 1

    # -- people --------------------------------------------------------------------------------------------------

    def known_people(self) -> tuple[KnownPerson, ...]:
        """Whom an identity provider described, by e-mail."""
        return tuple(_known_person(row) for row in self._rows.all(KNOWN_PERSON))

    def put_known_person(self, person: KnownPerson) -> None:
        """Keep what a provider says of somebody in place of what it said before."""
        plain = {name: stored(getattr(person, name)) for name in ("name", "role", "issuer", "subject")}
        folded = {"email": stored(person.email.casefold()), "written": stored(person.email)}
        groups = json.dumps(sorted(person.groups))
        self._put(KNOWN_PERSON, {**folded, **plain, "groups": groups, "seen_at": instant(person.seen_at)})

    def forget_identities(self, before: datetime) -> None:
        """Remove tries, links and sessions that had ended before this moment."""
        past = instant(before)
        self._rows.execute(delete(TRIES).where(TRIES.c.since < past))
        for table in (TICKET, SESSION):
            self._rows.execute(delete(table).where(table.c.expires_at < past))

    def _put(self, table: Any, row: Row) -> None:
        keys = {column.name for column in table.primary_key}
        new = {column: value for column, value in row.items() if column not in keys}
        put = self._rows.insert(table).values(row)
        self._rows.execute(put.on_conflict_do_update(index_elements=list(table.primary_key), set_=new))


def _row(value: Ticket | Session, *instants: str) -> Row:
    row = {name: stored(getattr(value, name)) for name in type(value).model_fields}
    return {**row, **{name: None if row[name] is None else instant(row[name]) for name in instants}}


def _known_person(row: Mapping[str, Any]) -> KnownPerson:
    row = unstored(row)
    same = {name: row[name] for name in ("name", "role", "issuer", "subject", "seen_at")}
    return KnownPerson(**same, email=row["written"], groups=tuple(json.loads(row["groups"])))
