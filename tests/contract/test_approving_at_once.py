"""Two people approve one request at the same moment, in processes of their own: one wins, the other is told who."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time

from approvals.audit import verify
from approvals.ledger import Ledger
from approvals.lifecycle import State

ROUNDS = 50

APPROVER = textwrap.dedent(
    """
    import sys
    from datetime import UTC, datetime, timedelta

    from approvals.decisions import Actor
    from approvals.errors import AlreadyDecided
    from approvals.people import PeopleList
    from approvals.ports import Examination, Person
    from approvals.service import ApprovalService
    from approvals.store import open_store

    address, name, moment = sys.argv[1:]

    class Agreeable:
        def examine(self, kind, document, evidence, based_on):
            return Examination(document=document)

    people = PeopleList([Person(email=f"{who}@acme.example", groups=("sales",)) for who in ("anna", "ben")])
    now = datetime.fromisoformat(moment)
    service = ApprovalService(open_store(address), people, lambda: now, Agreeable())
    by = Actor(kind="person", id=f"{name}@acme.example", via="embedded")
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            service.approve(line.strip(), by, version=1)
            print("won", flush=True)
        except AlreadyDecided as refusal:
            print(refusal, flush=True)
    """
)


def approver(address: str, name: str, moment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", APPROVER, address, name, moment],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_exactly_one_approval_counts_and_the_other_is_told_whose(shared_address, shared_store, made, opened):
    people = {name: approver(shared_address, name, made.now.isoformat()) for name in ("anna", "ben")}
    wins = dict.fromkeys(people, 0)

    for number in range(ROUNDS):
        request = opened(shared_store, f"R{number:09}")
        order = list(people.values()) if number % 2 else list(reversed(people.values()))
        for process in order:
            assert process.stdin is not None
            process.stdin.write(f"{request.id}\n")
            process.stdin.flush()
        said = {name: (process.stdout.readline().strip() if process.stdout else "") for name, process in people.items()}

        winners = [name for name, words in said.items() if words == "won"]
        assert len(winners) == 1, said
        wins[winners[0]] += 1
        [refusal] = [words for words in said.values() if words != "won"]
        assert refusal.startswith(f"{winners[0]}@acme.example has approved this request already")
        with shared_store.read() as transaction:
            stands = transaction.request(request.id)
            assert stands.state is State.APPROVED
            assert stands.ruling.by.id == f"{winners[0]}@acme.example"
            assert len(transaction.rulings(request.id)) == 1
            assert len([one for one in transaction.signoffs(request.id) if not one.voided]) == 1
    for process in people.values():
        process.communicate(timeout=20)

    assert sum(wins.values()) == ROUNDS
    with shared_store.read() as transaction:
        approved = [one for one in transaction.entries() if one.event.name == "request.approved"]
        assert len(approved) == ROUNDS
        assert verify(transaction.entries(), transaction.rows()).ok


def test_who_waits_for_another_at_the_same_request_reads_what_that_one_has_made_of_it(shared_store, made, opened):
    request, ruling = opened(shared_store), made.ruling()
    seen = []

    def closing(transaction, stands, _):
        waiting.start()
        time.sleep(0.3)  # long enough for the other to have come as far as it comes
        return first.close(transaction, stands, ruling)

    def looking(_, stands, __):
        seen.append(stands.state)
        return stands

    first, second = (Ledger(shared_store, lambda: made.now) for _ in range(2))
    waiting = threading.Thread(target=second.act, args=(request.id, looking))
    first.act(request.id, closing)
    waiting.join()

    assert seen == [State.APPROVED]
