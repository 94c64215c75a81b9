"""Every kind of damage is found, and the first place of it is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from approvals.audit import GENESIS, Attested, Entry, Event, lines, sealed, verify
from approvals.errors import NotCanonical

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def attested(key, digest, table="request"):
    return Attested(table=table, key=key, digest=digest * 64)


def event(name, minute, **terms):
    return Event(
        name=name,
        actor_kind="person",
        actor="anna@acme.example",
        via="session",
        at=AT + timedelta(minutes=minute),
        request_id="R1",
        **terms,
    )


def chained(*links):
    """A chain of `(event, rows)`."""
    entries: list[Entry] = []
    for number, (event, rows) in enumerate(links, start=1):
        entries.append(sealed(number, event, rows, entries[-1].hash if entries else GENESIS))
    return entries


@pytest.fixture
def chain():
    return chained(
        (event("request.opened", 0), [attested("R1", "1"), attested("R1/1", "1", "content")]),
        (event("request.claimed", 1), [attested("R1", "2")]),
        (event("run.woken", 2), []),
        (event("request.approved", 3, details={"from": "claimed", "to": "approved"}), [attested("R1", "3")]),
    )


ROWS = [attested("R1", "3"), attested("R1/1", "1", "content")]


def test_a_whole_chain_verifies(chain):
    found = verify(chain, ROWS)

    assert found.ok
    assert (found.entries, found.rows, found.head, found.problem, found.entry) == (4, 2, chain[-1].hash, None, None)


def test_an_empty_record_is_whole():
    found = verify([], [])

    assert found.ok
    assert found.head == GENESIS


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("event", {"actor": "ben@acme.example"}),
        ("event", {"actor_kind": "system"}),
        ("event", {"via": "token"}),
        ("event", {"name": "request.rejected"}),
        ("event", {"at": AT}),
        ("event", {"request_id": "R2"}),
        ("event", {"run_id": "run-9"}),
        ("event", {"details": {"from": "pending"}}),
        ("rows", (attested("R1", "9"),)),
        ("rows", (attested("R1", "2", "ruling"),)),
        ("rows", ()),
        ("hash", "0" * 64),
    ],
    ids=repr,
)
def test_a_changed_entry_is_named(chain, part, change):
    damaged = chain[1]
    value = damaged.event.model_copy(update=change) if part == "event" else change
    chain[1] = damaged.model_copy(update={part: value})

    found = verify(chain, ROWS)

    assert not found.ok
    assert found.entry == 2
    assert "Entry 2 (" in found.problem
    assert found.problem.endswith(") was changed after it was written.")


def test_a_changed_entry_that_was_sealed_anew_is_betrayed_by_the_next(chain):
    forged = chain[1].event.model_copy(update={"actor": "ben@acme.example"})
    chain[1] = sealed(2, forged, chain[1].rows, chain[0].hash)

    found = verify(chain, ROWS)

    assert (found.entry, found.problem) == (3, "Entry 3 does not follow the one before it.")


@pytest.mark.parametrize(
    ("removed", "sentence"),
    [(0, "Entry 1 is missing: the next one is numbered 2."), (2, "Entry 3 is missing: the next one is numbered 4.")],
)
def test_a_removed_entry_is_named(chain, removed, sentence):
    del chain[removed]

    assert verify(chain, ROWS).problem == sentence


def test_two_entries_in_another_order_are_named(chain):
    chain[1], chain[2] = chain[2], chain[1]

    assert verify(chain, ROWS).problem == "Entry 2 is missing: the next one is numbered 3."


def test_an_entry_twice_is_named(chain):
    chain.insert(2, chain[1])

    found = verify(chain, ROWS)

    assert not found.ok
    assert found.problem == "Entry 3 is missing: the next one is numbered 2."


def test_renumbering_hides_nothing(chain):
    del chain[1]
    renumbered = [entry.model_copy(update={"seq": place}) for place, entry in enumerate(chain, start=1)]

    assert verify(renumbered, ROWS).problem == "Entry 2 does not follow the one before it."


def test_a_chain_cut_at_its_end_looks_whole_without_a_head_noted_elsewhere(chain):
    """This is why the head is exported: nothing inside a chain knows how long it was."""
    head = chain[-1].hash
    cut = chain[:3]
    rows = [attested("R1", "2"), attested("R1/1", "1", "content")]

    assert verify(cut, rows).ok
    assert verify(cut, rows, expected_head=head).problem == (
        f"The chain does not contain the head {head!r}; entries were cut off or replaced."
    )


def test_a_head_noted_earlier_is_found_in_a_chain_that_grew(chain):
    assert verify(chain, ROWS, expected_head=chain[1].hash).ok
    assert verify(chain, ROWS, expected_head=GENESIS).ok


def test_a_chain_written_anew_from_the_first_entry_does_not_contain_the_noted_head(chain):
    forged = chained(*((entry.event.model_copy(update={"actor": "ben@acme.example"}), entry.rows) for entry in chain))

    assert verify(forged, ROWS).ok
    assert not verify(forged, ROWS, expected_head=chain[-1].hash).ok


@pytest.mark.parametrize(
    ("rows", "entry", "sentence"),
    [
        ([attested("R1", "9"), ROWS[1]], 4, "The request R1 is not as entry 4 recorded it."),
        ([attested("R1", "2"), ROWS[1]], 4, "The request R1 is not as entry 4 recorded it."),
        ([ROWS[0], attested("R1/1", "9", "content")], 1, "The content R1/1 is not as entry 1 recorded it."),
        ([ROWS[0]], 1, "The content R1/1 that entry 1 recorded is gone."),
        ([*ROWS, attested("R2", "1")], None, "The request R2 has no entry; it was written past the record."),
        ([*ROWS, ROWS[0]], None, "The request R1 has no entry; it was written past the record."),
        ([], 1, "The content R1/1 that entry 1 recorded is gone."),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_last_entry(chain, rows, entry, sentence):
    found = verify(chain, rows)

    assert (found.entry, found.problem) == (entry, sentence)
    assert found.rows == len(rows)


def test_of_many_problems_the_one_nearest_the_beginning_is_named(chain):
    found = verify(chain, [attested("R1", "9"), attested("R1/1", "9", "content"), attested("R2", "1")])

    assert found.entry == 1


def test_verifying_reads_a_stream_once(chain):
    assert verify(iter(chain), iter(ROWS)).ok


def test_an_event_that_cannot_be_written_canonically_is_not_sealed():
    with pytest.raises(NotCanonical):
        sealed(1, event("request.opened", 0, details={"share": 2**60}), [], GENESIS)


def test_each_entry_is_one_line_for_people(chain):
    told = list(lines(chain))

    assert len(told) == 4
    assert told[3].split() == ["4", "2026-03-02", "12:03:00", "request.approved", "anna@acme.example", "R1"]
