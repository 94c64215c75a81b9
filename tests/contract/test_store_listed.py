"""Rows of a view on every store: what a list shows, its count tells, and nobody reads what is not shown."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from approvals.errors import NotFound
from approvals.lifecycle import OPEN, Action, State
from approvals.ports import Wanted
from approvals.requests import Evidence, Finding, Flag, Identity, Snooze
from approvals.store import searching
from approvals.store.relisting import relist

ANNA = "anna.berg@acme.example"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STATES = (State.PENDING, State.PENDING, State.CLAIMED, State.APPROVED, State.REJECTED)
GROUPS = (("sales",), ("legal",), ("sales", "legal"))
FLAGS = ((), (), (Flag(code="odd", message="odd"),), (Flag(code="bad", message="bad", severity="high"),))


@pytest.fixture
def population(store, made):
    """Seventy requests of every kind, some signed by Anna, some snoozed by her, some her own."""
    chance = random.Random(7)
    requests = []
    signed: set[str] = set()
    snoozed: set[str] = set()
    with store.begin() as transaction:
        for number in range(70):
            state, groups = chance.choice(STATES), chance.choice(GROUPS)
            request = made.request(
                f"R{number:02}",
                identity=Identity(run="run-1", gate=chance.choice(("brief", "proposal")), key=str(number)),
                title=f"Offer {number} for {chance.choice(('Halden Freight', 'Kestrel Optik', 'Müller Söhne'))}",
                about="Halden" if number % 3 else "",
                amount=f"{chance.randrange(10**6)}.{number:02}" if number % 5 else None,
                state=state,
                claimed_by=ANNA if state is State.CLAIMED and number % 2 else None,
                requester=chance.choice((ANNA, "Anna.Berg@acme.example", "rita@acme.example", "schedule:batch")),
                policy=made.policy(groups=groups, separation_of_duties=chance.random() < 0.7),
                opened_at=made.now + timedelta(minutes=chance.randrange(30)),
                due_at=made.now + timedelta(hours=chance.randrange(20)),
                effective_at=None if state in OPEN else made.now + timedelta(minutes=chance.randrange(30)),
                content=made.content(flags=chance.choice(FLAGS), moved=(), evidence=Evidence()),
            )
            transaction.add_request(request)
            if state in OPEN and chance.random() < 0.2:
                transaction.add_signoff(request.id, made.signoff(person=ANNA))
                signed.add(request.id)
            if chance.random() < 0.2:
                late = chance.random() < 0.5
                until = made.now + timedelta(hours=1 if late else -1)
                version = chance.choice((1, 1, 2))
                transaction.put_snooze(Snooze(request_id=request.id, person=ANNA, version=version, until=until))
                if late and version == 1:
                    snoozed.add(request.id)
            requests.append(request)
        transaction.record(made.event("request.opened"))
    return requests, signed, snoozed


def fits(request, wanted, signed, snoozed):
    """The predicate in Python, written apart from the one in SQL."""
    own = request.requester.casefold() == ANNA
    return all(
        (
            wanted.states is None or request.state in wanted.states,
            wanted.groups is None or bool(wanted.groups & set(request.policy.groups)),
            wanted.gate in (None, request.identity.gate),
            wanted.risk in (None, request.risk),
            wanted.requester in (None, request.requester),
            wanted.claimed_by in (None, request.claimed_by),
            wanted.words is None or "halden" in request.title.casefold() + request.about.casefold(),
            wanted.turn_of is None
            or not (request.id in signed | snoozed or (own and request.policy.separation_of_duties)),
            wanted.awaited_by is None or request.id in signed or own,
            wanted.snoozed_by is None or request.id in snoozed,
            wanted.due_by is None or request.due_at <= wanted.due_by,
        )
    )


WANTED = [
    Wanted(states=states, groups=groups, gate=gate, risk=risk, **terms)
    for states, groups, gate, risk, terms in itertools.product(
        (None, OPEN, frozenset(State) - OPEN),
        (None, frozenset({"sales"}), frozenset({"legal", "managers"}), frozenset()),
        (None, "brief"),
        (None, "high"),
        (
            {},
            {"turn_of": ANNA},
            {"awaited_by": ANNA},
            {"snoozed_by": ANNA},
            {"words": "hald"},
            {"words": "Offer HALDEN", "turn_of": ANNA},
            {"requester": "Anna.Berg@acme.example"},
            {"claimed_by": ANNA},
            {"due_by": NOON + timedelta(hours=9)},
        ),
    )
]


def walked(transaction, wanted, sort, limit):
    """Every row over all pages, which must agree about the total."""
    rows, after, totals = [], None, set()
    while True:
        page = transaction.listed(wanted, sort=sort, limit=limit, after=after)
        rows += page.rows
        totals.add((page.total, page.exact))
        if page.next is None:
            return rows, totals
        after = page.next


KEYS = {
    "due": lambda row: (row.due_at, row.id),
    "newest": lambda row: (-row.opened_at.timestamp(), [-ord(letter) for letter in row.id]),
    "value": lambda row: (-float(row.amount or 0), [-ord(letter) for letter in row.id]),
    "decided": lambda row: (-row.effective_at.timestamp(), [-ord(letter) for letter in row.id]),
}


def test_a_list_shows_what_is_wanted_and_its_count_tells_how_many(store, made, population):
    requests, signed, snoozed = population
    with store.read() as transaction:
        for wanted in (one.model_copy(update={"now": made.now}) for one in WANTED):
            expected = {request.id for request in requests if fits(request, wanted, signed, snoozed)}

            rows, totals = walked(transaction, wanted, "due", 9)

            assert [row.id for row in rows] == [row.id for row in sorted(rows, key=KEYS["due"])], wanted
            assert {row.id for row in rows} == expected, wanted
            assert totals == {(len(expected), True)}, wanted
            assert transaction.counts([wanted]) == (len(expected),)


@pytest.mark.parametrize("sort", ["due", "newest", "value", "decided"])
@pytest.mark.parametrize("along", [200, 0])
def test_pages_run_in_every_order_without_gap_or_overlap(sort, along, store, population, monkeypatch):
    monkeypatch.setattr("approvals.store.predicates._ALONG", along)
    wanted = Wanted(states=frozenset(State) - OPEN if sort == "decided" else None)
    with store.read() as transaction:
        rows, _ = walked(transaction, wanted, sort, 7)

    assert [row.id for row in rows] == [row.id for row in sorted(rows, key=KEYS[sort])]
    assert (
        len({row.id for row in rows})
        == len(rows)
        == len([one for one in population[0] if sort != "decided" or one.state not in OPEN])
    )


def test_a_search_for_common_words_walks_the_list_and_finds_the_same(store, population, monkeypatch):
    monkeypatch.setattr(searching, "MOST", 5)
    monkeypatch.setattr("approvals.store.predicates._COUNTED", 5)
    with store.read() as transaction:
        rows, totals = walked(transaction, Wanted(words="halden fre"), "due", 4)

    expected = [one for one in population[0] if "Halden Freight" in one.title]
    assert {row.id for row in rows} == {one.id for one in expected}
    assert totals == {(5, False)}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("muller sohn", {"A"}),
        ("MÜLLER", {"A"}),
        ("öhne", set()),
        ("proposal a", {"A"}),
        ("größe grosse", {"B"}),
        ("100", {"B"}),
        ("%", {"A", "B"}),
        ('" OR words : "', set()),
        ("NEAR(a b)", set()),
        ("' & !x:*", set()),
        ("  ", {"A", "B"}),
    ],
)
def test_each_word_typed_begins_a_word_of_the_request(words, found, store, opened):
    opened(store, "A", title="Müller & Söhne", summary="", about="")
    opened(store, "B", title="Größe: 100%", summary="", about="")

    with store.read() as transaction:
        page = transaction.listed(Wanted(words=words), sort="due", limit=10)

    assert {row.id for row in page.rows} == found
    assert page.total == len(found)


def test_a_change_moves_the_tallies_with_it(store, made, opened):
    request = opened(store)
    open_, closed = Wanted(states=OPEN), Wanted(states=frozenset({State.APPROVED}))

    with store.begin() as transaction:
        approved = request.model_copy(update={"state": State.APPROVED, "effective_at": made.now})
        transaction.change(request, approved, Action.APPROVE)
        transaction.record(made.event())

    with store.read() as transaction:
        assert transaction.counts([open_, closed, Wanted()]) == (0, 1, 1)


def test_a_change_that_is_rolled_back_leaves_the_tallies(store, made, opened):
    request = opened(store)

    def fail():
        with store.begin() as transaction:
            transaction.change(request, request.model_copy(update={"state": State.CLAIMED}), Action.CLAIM)
            transaction.record(made.event())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with store.read() as transaction:
        assert transaction.counts([Wanted(states=frozenset({State.PENDING}))]) == (1,)


def test_a_claim_or_a_finding_makes_a_row_what_it_is(store, made, opened):
    doubted = Evidence(findings=(Finding(claim_id="c1", support="unsupported"),))
    opened(store, "A", content=made.content(flags=(), moved=(), evidence=doubted))
    opened(store, "B", content=made.content(flags=(), moved=(), evidence=Evidence()))
    opened(store, "C", content=made.content(flags=(), moved=(), evidence=Evidence()), policy=made.policy(risk="high"))

    with store.read() as transaction:
        rows = transaction.listed(Wanted(), sort="due", limit=10).rows

    assert [(row.id, row.risk, row.checks) for row in rows] == [("A", "medium", 1), ("B", "low", 0), ("C", "high", 0)]


def test_a_row_says_who_decided_and_whether_they_edited(store, answered):
    answered(store)

    with store.read() as transaction:
        (row,) = transaction.listed(Wanted(), sort="decided", limit=10).rows

    assert (row.decided_by, row.edited, row.state) == (ANNA, True, State.APPROVED)
    assert (row.about, row.amount, row.currency) == ("Northwind", "1200.00", "EUR")


def test_what_was_erased_is_found_by_no_word(store, answered, made, by_hand):
    request = answered(store)

    with store.begin() as transaction:
        transaction.erase(request.id)
        transaction.record(made.event("request.erased", request_id=request.id))

    with store.read() as transaction:
        assert transaction.listed(Wanted(words="northwind"), sort="due", limit=10).rows == ()
        (row,) = transaction.listed(Wanted(), sort="due", limit=10).rows
        assert (row.title, row.about, row.amount) == ("(erased)", "", None)


def test_what_lists_are_told_by_is_made_anew_from_the_requests(store, population, by_hand):
    with store.read() as transaction:
        before = transaction.listed(Wanted(words="halden"), sort="due", limit=90), transaction.counts(WANTED[:20])
    by_hand(store, "UPDATE approvals_tally SET n = n + 3")
    by_hand(store, "UPDATE approvals_request SET facet = NULL, words = '' WHERE id < 'R30'")

    with store._database.connected(writes=True) as connection:
        wrong = relist(connection)
        again = relist(connection)

    assert wrong > 30
    assert again == 0
    with store.read() as transaction:
        after = transaction.listed(Wanted(words="halden"), sort="due", limit=90), transaction.counts(WANTED[:20])
    assert after == before


def test_counts_that_a_hand_changed_are_made_right(store, population, by_hand):
    with store.read() as transaction:
        before = transaction.counts(WANTED[:20])
    by_hand(store, "UPDATE approvals_tally SET n = n + 3")

    with store.begin() as transaction:
        assert transaction.recount() > 0
        assert transaction.recount() == 0

    with store.read() as transaction:
        assert transaction.counts(WANTED[:20]) == before


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WyJkdWUiLDEsMV0", "WyJ2YWx1ZSIsIngiLCJ5Il0"])
@pytest.mark.parametrize("sort", ["due", "value"])
def test_a_place_of_another_order_is_not_found(cursor, sort, store, population):
    with pytest.raises(NotFound, match="begin with the first"), store.read() as transaction:
        transaction.listed(Wanted(), sort=sort, limit=5, after=cursor)


def test_a_backup_can_be_searched(store, population, tmp_path):
    from approvals.store import open_store

    store.backup(str(tmp_path / "copy.sqlite"))

    copy = open_store(f"sqlite:///{tmp_path}/copy.sqlite")
    with copy.read() as there, store.read() as here:
        wanted = Wanted(words="halden")
        assert there.listed(wanted, sort="due", limit=90) == here.listed(wanted, sort="due", limit=90)
    copy.close()
