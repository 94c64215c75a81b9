"""Many at once, in threads and in processes: exactly one wins, nothing is lost, and the record stays one chain."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

from approvals.audit import verify
from approvals.errors import Overtaken
from approvals.lifecycle import Action, State
from approvals.ports import Wanted
from approvals.store import open_store

ROUNDS = 50

DECIDER = textwrap.dedent(
    """
    import sys
    from datetime import UTC, datetime

    from approvals.audit import Event
    from approvals.errors import Overtaken
    from approvals.lifecycle import Action, State
    from approvals.store import open_store

    address, name = sys.argv[1:]
    store = open_store(address)
    print("ready", flush=True)
    for line in sys.stdin:
        number = line.strip()
        try:
            with store.begin() as transaction:
                request = transaction.request(number)
                if not request.is_open:
                    raise Overtaken
                after = request.model_copy(update={"state": State.REJECTED, "claimed_by": name})
                transaction.change(request, after, Action.REJECT)
                transaction.record(Event(name="request.rejected", actor_kind="person", actor=name, via="session",
                                         at=datetime.now(UTC), request_id=number))
            print("won", flush=True)
        except Overtaken:
            print("lost", flush=True)
    store.close()
    """
)

OPENER = textwrap.dedent(
    """
    import sys

    import alembic.command
    import approvals.store.postgresql
    from approvals.store import open_store

    print("ready", flush=True)
    sys.stdin.readline()
    open_store(sys.argv[1]).close()
    """
)


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs this script."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_of_two_threads_that_decide_on_one_reading_exactly_one_wins(store, made, opened, verified):
    start = threading.Barrier(2)

    def decide(number: str, who: str, action: Action, state: State) -> str | None:
        with store.read() as transaction:
            request = transaction.request(number)
        start.wait()
        try:
            with store.begin() as transaction:
                after = request.model_copy(update={"state": state, "claimed_by": who})
                transaction.add_ruling(number, made.ruling(action))
                transaction.change(request, after, action)
                transaction.record(made.event(actor=who, request_id=number))
        except Overtaken:
            return None
        return who

    for place in range(ROUNDS):
        number = f"R{place}"
        opened(store, number)

        with ThreadPoolExecutor(2) as pool:
            anna = pool.submit(decide, number, "anna", Action.APPROVE, State.APPROVED)
            ben = pool.submit(decide, number, "ben", Action.REJECT, State.REJECTED)
            winners = [who for who in (anna.result(), ben.result()) if who]

        with store.read() as transaction:
            assert [transaction.request(number).claimed_by] == winners
            assert len(transaction.rulings(number)) == 1
    assert verified(store).ok
    assert len(list(store.entries())) == 2 * ROUNDS


def test_of_two_processes_exactly_one_wins(shared_address, shared_store, opened, verified):
    deciders = [python(DECIDER, shared_address, name) for name in ("anna", "ben")]
    try:
        assert [decider.stdout.readline() for decider in deciders] == ["ready\n", "ready\n"]
        wins = {"won": 0, "lost": 0}
        for place in range(ROUNDS):
            opened(shared_store, f"R{place}")
            for decider in deciders:
                decider.stdin.write(f"R{place}\n")
                decider.stdin.flush()
            told = sorted(decider.stdout.readline().strip() for decider in deciders)
            assert told == ["lost", "won"]
            for word in told:
                wins[word] += 1
    finally:
        ends = [decider.communicate(timeout=30) for decider in deciders]

    assert [error for _, error in ends] == ["", ""]
    assert wins == {"won": ROUNDS, "lost": ROUNDS}
    assert verified(shared_store).ok
    assert len(list(shared_store.entries())) == 2 * ROUNDS


def test_many_threads_append_to_one_chain_without_a_gap(store, made, opened, verified):
    def work(number: str) -> None:
        request = opened(store, number)
        for _ in range(5):
            with store.begin() as transaction:
                request = transaction.change(request, request.model_copy(update={"title": number}), None)
                transaction.record(made.event(request_id=number))

    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(work, f"R{place}") for place in range(24)]:
            done.result()

    assert [entry.seq for entry in store.entries()] == list(range(1, 24 * 6 + 1))
    assert verified(store).ok


def test_a_lease_that_many_want_is_taken_once(store, made):
    start = threading.Barrier(8)

    def take(holder: str) -> bool:
        start.wait()
        with store.begin() as transaction:
            return transaction.take_lease("waking", holder, made.now, made.now.replace(hour=13))

    with ThreadPoolExecutor(8) as pool:
        taken = [pool.submit(take, f"h{place}") for place in range(8)]

    assert sum(one.result() for one in taken) == 1


def test_an_identity_that_many_open_at_once_is_opened_once(store, made):
    start = threading.Barrier(6)

    def open_it(number: str) -> bool:
        request = made.request(number, identity=made.request().identity)
        start.wait()
        try:
            with store.begin() as transaction:
                transaction.add_request(request)
                transaction.record(made.event())
        except Overtaken:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        opened = [pool.submit(open_it, f"R{place}") for place in range(6)]

    assert sum(one.result() for one in opened) == 1
    with store.read() as transaction:
        assert transaction.page(Wanted(), limit=9).total == 1


def test_four_processes_may_open_a_new_store_at_once(shared_address, verified):
    openers = [python(OPENER, shared_address) for _ in range(4)]

    assert [opener.stdout.readline() for opener in openers] == ["ready\n"] * 4
    for opener in openers:
        opener.stdin.write("go\n")
        opener.stdin.flush()
    ends = [opener.communicate(timeout=60) for opener in openers]

    assert [error for _, error in ends] == [""] * 4
    store = open_store(shared_address)
    assert verified(store).ok
    store.close()


def test_a_record_is_verified_on_one_view_while_others_write(shared_store, made, opened):
    opened(shared_store, "A")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with shared_store.begin() as transaction:
                request = transaction.request("A")
                transaction.change(request, request.model_copy(update={"title": f"{request.revision}"}), None)
                transaction.record(made.event())

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for _ in range(20):
                with shared_store.read() as transaction:
                    assert verify(transaction.entries(), transaction.rows()).problem is None
        finally:
            stop.set()
        writing.result()
