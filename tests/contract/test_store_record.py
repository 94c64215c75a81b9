"""The record on every store: what was changed behind its back is named, and what was erased is gone and still fits."""

from __future__ import annotations

import pytest
from sqlalchemy import Integer

from approvals.audit import verify
from approvals.decisions import Actor
from approvals.errors import StoreUnavailable
from approvals.lifecycle import Action, State
from approvals.permits import PermitState
from approvals.ports import Remembered, Token
from approvals.requests import RunReference, WorkingCopy
from approvals.store import open_store
from approvals.store.attesting import ATTESTED, ERASABLE, OPERATIONAL, short

ENTRY_OF = {"request": 2, "content": 1, "signoff": 2, "ruling": 2, "permit": 4, "token": 5, "comment": 2}


@pytest.fixture
def full(store, made, answered):
    """A store with a row in every attested table."""
    answered(store)
    token = Token(id="T1", sha256="aa", subject="a", kind="agent", scopes=frozenset({"read"}), created_at=made.now)
    with store.begin() as transaction:
        transaction.add_token(token)
        transaction.record(made.event("token.created"))
    return store


def columns_of(table):
    """Every column that an entry commits to."""
    free = OPERATIONAL.get(table, frozenset()) | {"salt", "erased"}
    keys = {column.name for column in table.primary_key}
    return [column for column in table.columns if column.name not in free | keys]


def test_what_the_store_wrote_verifies(full, verified):
    verification = verified(full)

    assert verification.problem is None
    assert (verification.entries, verification.rows) == (5, 7)


def test_every_row_written_stands_in_exactly_the_entry_after_it(full):
    entries = {entry.event.name: {row.table for row in entry.rows} for entry in full.entries()}

    assert entries == {
        "request.opened": {"request", "content"},
        "request.approved": {"request", "ruling", "signoff", "comment"},
        "request.taken_up": {"permit"},
        "permit.used": {"permit"},
        "token.created": {"token"},
    }


@pytest.mark.parametrize("table", ATTESTED, ids=short)
def test_editing_any_column_by_hand_is_named(table, full, verified, by_hand):
    for column in columns_of(table):
        number = isinstance(column.type, Integer)
        with full._database.connected(writes=False) as connection:
            before = connection.exec_driver_sql(f"SELECT {column.name} FROM {table.name}").scalar()
        forged = (before or 0) + 1 if number else "forged"
        if column.foreign_keys:
            continue  # the database itself refuses those

        assert by_hand(full, f"UPDATE {table.name} SET {column.name} = :value", value=forged) == 1
        verification = verified(full)
        by_hand(full, f"UPDATE {table.name} SET {column.name} = :value", value=before)

        assert not verification.ok, column.name
        assert verification.entry == ENTRY_OF[short(table)], column.name
        assert f"The {short(table)} " in verification.problem
    assert verified(full).ok


@pytest.mark.parametrize("table", ["signoff", "ruling", "permit", "content", "token", "comment"])
def test_a_row_that_is_gone_is_named(table, full, verified, by_hand):
    assert by_hand(full, f"DELETE FROM approvals_{table}") == 1

    verification = verified(full)

    assert verification.entry == ENTRY_OF[table]
    assert verification.problem.endswith("is gone.")


def test_a_row_written_past_the_record_is_named(full, verified, by_hand):
    by_hand(
        full,
        "INSERT INTO approvals_signoff SELECT request_id, 2, 'mallory@acme.example', sha256, version, at, via, "
        "vouched, voided, waits FROM approvals_signoff",
    )

    verification = verified(full)

    assert verification.problem == "The signoff 7K2M9QX4TB/2 has no entry; it was written past the record."


@pytest.mark.parametrize(
    "column",
    ["name", "actor_kind", "actor", "via", "at", "request_id", "run_id", "details", "rows", "prev_hash", "hash"],
)
def test_an_edited_entry_is_named_and_never_breaks_the_reading(column, full, verified, by_hand):
    by_hand(full, f"UPDATE approvals_audit SET {column} = 'forged' WHERE seq = 2")

    verification = verified(full)

    assert verification.entry == 2
    assert len(list(full.entries())) == 5


def test_a_deleted_entry_is_named(full, verified, by_hand):
    by_hand(full, "DELETE FROM approvals_audit WHERE seq = 3")

    assert verified(full).problem == "Entry 3 is missing: the next one is numbered 4."


def test_entries_that_changed_places_are_named(full, verified, by_hand):
    for seq, place in ((2, 99), (3, 2), (99, 3)):
        by_hand(full, "UPDATE approvals_audit SET seq = :place WHERE seq = :seq", seq=seq, place=place)

    verification = verified(full)

    assert verification.entry == 2


def test_cutting_the_last_entry_off_shows_in_the_rows_it_committed_to(full, verified, by_hand):
    by_hand(full, "DELETE FROM approvals_audit WHERE seq = 5")

    assert verified(full).problem == "The token T1 has no entry; it was written past the record."


def test_cutting_an_entry_off_with_its_rows_shows_only_to_who_noted_the_head(full, by_hand, verified):
    noted = verified(full).head
    by_hand(full, "DELETE FROM approvals_audit WHERE seq = 5")
    by_hand(full, "DELETE FROM approvals_token")

    assert verified(full).ok
    assert not verify(full.entries(), full.rows(), expected_head=noted).ok


def test_recording_goes_on_where_the_record_ended_and_not_where_somebody_cut_it(full, made, verified, by_hand):
    by_hand(full, "DELETE FROM approvals_audit WHERE seq = 5")
    by_hand(full, "DELETE FROM approvals_token")

    with full.begin() as transaction:
        transaction.record(made.event("later"))

    assert verified(full).problem == "Entry 5 is missing: the next one is numbered 6."


def test_without_its_head_nothing_can_be_recorded(full, made, by_hand):
    by_hand(full, "DELETE FROM approvals_head")

    with pytest.raises(StoreUnavailable, match="head of the record"), full.begin() as transaction:
        transaction.record(made.event())


def test_entries_come_in_order_for_all_or_for_one_request_and_after_a_place(store, made, opened):
    for number in ("A", "B", "A2"):
        opened(store, number)
    with store.begin() as transaction:
        first = transaction.record(made.event("one", request_id="A", details={"whole": 1.0, "list": [None, "ü"]}))
        second = transaction.record(made.event("two"))

    assert [entry.seq for entry in store.entries()] == [1, 2, 3, 4, 5]
    assert [entry.seq for entry in store.entries(request_id="A")] == [1, 4]
    assert list(store.entries(after=3)) == [first, second]
    assert second.prev_hash == first.hash


# -- erasing -----------------------------------------------------------------------------------------------------


@pytest.fixture
def erased(full, made):
    """A store whose request was erased, and the names that told so."""
    with full.begin() as transaction:
        transaction.put_working_copy(
            WorkingCopy(request_id="7K2M9QX4TB", person="a", version=1, document="Northwind", at=made.now)
        )
        answer = Remembered(body_sha256="a", status=200, answer='{"id":"7K2M9QX4TB","title":"Offer for Northwind"}')
        transaction.remember("key", "anna", answer, made.now)
        transaction.remember("other", "anna", answer.model_copy(update={"answer": '{"id":"ZZZZZZZZZZ"}'}), made.now)
    with full.begin() as transaction:
        names = transaction.erase("7K2M9QX4TB")
        transaction.record(made.event("request.erased", request_id="7K2M9QX4TB", details={"columns": list(names)}))
    return full, names


def test_an_erased_request_reads_on_without_what_it_said(erased):
    store, names = erased

    with store.read() as transaction:
        request = transaction.request("7K2M9QX4TB")
        permit = transaction.permit_of("7K2M9QX4TB")
        assert transaction.working_copy("7K2M9QX4TB", "a", 1) is None
        assert transaction.remembered("key", "anna") is None
        assert transaction.remembered("other", "anna") is not None
    assert (request.title, request.summary, request.run.name) == ("(erased)", "", "")
    assert request.content.document == "{}"
    assert request.content.evidence.facts == request.content.flags == request.content.moved == ()
    assert (request.ruling.document, request.ruling.typed, request.ruling.changes) == (None, None, ())
    assert request.ruling.by.id == "anna.berg@acme.example"
    assert permit.receipt is None
    assert request.state is State.APPROVED
    assert {"request.title", "content.document", "ruling.typed", "permit.receipt"} <= set(names)


def test_nothing_of_what_was_erased_is_left_in_any_table(erased):
    store, _ = erased

    with store._database.connected(writes=False) as connection:
        for table in ATTESTED:
            for row in connection.execute(table.select()).mappings():
                told = " ".join(str(value) for value in row.values())
                assert "Northwind" not in told
                assert "40 shops" not in told
                assert "1100.00" not in told


def test_the_record_still_verifies_after_an_erasure(erased, verified):
    store, _ = erased

    assert verified(store).ok


@pytest.mark.parametrize("table", ERASABLE, ids=short)
def test_a_kept_commitment_that_was_changed_is_named(table, erased, verified, by_hand):
    store, _ = erased
    for forged in ("{}", "forged", '{"title":"00"}', None):
        by_hand(store, f"UPDATE {table.name} SET salt = erased")
        by_hand(store, f"UPDATE {table.name} SET erased = :forged", forged=forged)

        verification = verified(store)
        by_hand(store, f"UPDATE {table.name} SET erased = salt, salt = NULL")

        assert verification.entry == 6, forged
        assert f"The {short(table)} " in verification.problem
    assert verified(store).ok


def test_new_words_cannot_hide_behind_a_kept_commitment(erased, verified, by_hand):
    store, _ = erased
    by_hand(store, "UPDATE approvals_request SET title = 'Something else'")

    assert verified(store).entry == 6


def test_an_erasure_past_the_record_is_named(full, verified, made):
    with full.begin() as transaction:
        transaction.erase("7K2M9QX4TB")
        transaction._rows._unrecorded.clear()

    assert not verified(full).ok


def test_what_was_erased_is_not_written_again(erased, made):
    store, _ = erased
    with store.read() as transaction:
        request = transaction.request("7K2M9QX4TB")

    with store.begin() as transaction:
        later = request.model_copy(update={"taken_up_at": made.now})
        changed = transaction.change(request, later, None)
        transaction.record(made.event())
    with pytest.raises(Exception, match="changed in between"), store.begin() as transaction:
        transaction.change(changed, changed.model_copy(update={"title": "again"}), None)

    with store.read() as transaction:
        assert transaction.request("7K2M9QX4TB") == changed


def test_erasing_twice_erases_what_came_since(erased, made, verified):
    store, _ = erased
    with store.begin() as transaction:
        transaction.add_content("7K2M9QX4TB", made.content(version=2))
        transaction.record(made.event())

    with store.begin() as transaction:
        names = transaction.erase("7K2M9QX4TB")
        transaction.record(made.event())

    assert {name.partition(".")[0] for name in names} == {"content"}
    assert verified(store).ok


# -- copies ------------------------------------------------------------------------------------------------------


def test_a_backup_opens_as_a_store_that_verifies(full, made, verified, tmp_path):
    full.backup(str(tmp_path / "copy.db"))
    with full.begin() as transaction:
        transaction.record(made.event("after the backup"))

    copy = open_store(f"sqlite:///{tmp_path}/copy.db")
    verification = verified(copy)
    with copy.begin() as transaction, full.read() as original:
        assert transaction.request("7K2M9QX4TB") == original.request("7K2M9QX4TB")
        assert transaction.tokens() == original.tokens()
        transaction.record(made.event("in the copy"))
    names = [entry.event.name for entry in copy.entries()]
    copy.close()

    assert verification.ok
    assert verification.entries == 5
    assert names[-1] == "in the copy"
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_backup_replaces_nothing_and_leaves_nothing_half_done(full, tmp_path):
    (tmp_path / "taken.db").write_text("mine")

    with pytest.raises(StoreUnavailable, match="already"):
        full.backup(str(tmp_path / "taken.db"))
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        full.backup(str(tmp_path / "taken.db" / "below"))

    assert (tmp_path / "taken.db").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} <= {"taken.db", "store"}


def test_a_machine_and_a_policy_can_close_a_request_too(store, made, opened, verified):
    request = opened(store, run=RunReference(id="run-1"))
    ruling = made.ruling(
        Action.EXPIRE, by=Actor(kind="system", id="countersign", via="system", scopes=frozenset()), document=None
    )

    with store.begin() as transaction:
        transaction.add_ruling(request.id, ruling)
        transaction.change(request, request.model_copy(update={"state": State.EXPIRED}), Action.EXPIRE)
        transaction.record(made.event())

    with store.read() as transaction:
        assert transaction.request(request.id).ruling == ruling
    assert verified(store).ok


def test_a_lease_on_a_permit_is_renewed_without_an_entry(store, made, opened, verified):
    permit = made.permit(opened(store), state=PermitState.IN_USE, fence=1)
    with store.begin() as transaction:
        transaction.add_permit(permit)
        transaction.record(made.event())

    with store.begin() as transaction:
        transaction.change_permit(permit, permit.model_copy(update={"lease_until": made.now, "holder": "b"}))

    assert verified(store).ok
