"""A row written by hand is refused before anything is built upon it, so that no later entry vouches for it."""

from __future__ import annotations

import pytest

from approvals.errors import RecordBroken
from approvals.ledger import Ledger
from approvals.ports import Token

FORGED = {
    "request": "UPDATE approvals_request SET requester = 'nobody@x'",
    "target": "UPDATE approvals_request SET target = 'elsewhere'",
    "content": "UPDATE approvals_content SET document = '{}'",
    "sign-off": "UPDATE approvals_signoff SET person = 'mallory@x'",
    "ruling": "UPDATE approvals_ruling SET sha256 = 'ff'",
    "permit": "UPDATE approvals_permit SET sha256 = 'ff'",
    "permit used again": "UPDATE approvals_permit SET state = 'minted', receipt = NULL, used_at = NULL",
    "a sign-off added": (
        "INSERT INTO approvals_signoff SELECT request_id, 99, 'x@y', sha256, version, at, via, vouched, 0, 1 "
        "FROM approvals_signoff"
    ),
    "a ruling removed": "DELETE FROM approvals_ruling",
}


@pytest.fixture
def full(store, answered):
    """A store with a row in every table, and its request."""
    return store, answered(store)


@pytest.mark.parametrize("statement", FORGED.values(), ids=FORGED)
def test_nothing_more_is_done_with_a_request_that_somebody_wrote_into(full, made, by_hand, verified, statement):
    store, request = full
    acted = []
    assert by_hand(store, statement)

    with pytest.raises(RecordBroken, match="by hand"):
        Ledger(store, lambda: made.now).act(request.id, lambda *_: acted.append(1))

    assert acted == []
    assert not verified(store).ok


def test_no_token_is_made_beside_one_that_somebody_wrote(full, made, by_hand):
    store, _ = full
    token = Token(id="T1", sha256="aa", subject="a", kind="agent", scopes=frozenset({"read"}), created_at=made.now)
    with store.begin() as transaction:
        transaction.add_token(token)
        transaction.record(made.event("token.created"))
    assert by_hand(store, "UPDATE approvals_token SET scopes = 'admin'")

    with pytest.raises(RecordBroken, match="token"), store.begin() as transaction:
        transaction.check_whole(None)


def test_what_nobody_touched_is_whole(full, made):
    store, request = full

    Ledger(store, lambda: made.now).act(request.id, lambda *_: None)
    with store.begin() as transaction:
        transaction.check_whole(None)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE approvals_head SET seq = seq + 1", "UPDATE approvals_head SET hash = 'ff'", "DELETE FROM approvals_head"],
    ids=["its number", "its hash", "gone"],
)
def test_a_head_that_is_not_the_last_entry_is_named(full, made, by_hand, statement):
    store, _ = full
    ledger = Ledger(store, lambda: made.now)
    assert ledger.verify().ok
    assert by_hand(store, statement)

    shown = ledger.verify()

    assert not shown.ok
    assert "its end was changed" in (shown.problem or "")
