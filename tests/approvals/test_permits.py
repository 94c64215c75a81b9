"""A permit as a value; what it allows is tested with the gatekeeper."""

from __future__ import annotations

from datetime import UTC, datetime

from approvals.permits import OPERATIONAL, Permit, PermitState

PERMIT = Permit(
    id="P1",
    request_id="R1",
    run_id="run-1",
    action="offer.send",
    target="mail://northwind.example",
    sha256="a" * 64,
    policy="offer",
    policy_version="abc",
    minted_at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
)


def test_a_new_permit_was_taken_by_nobody():
    assert (PERMIT.state, PERMIT.holder, PERMIT.fence, PERMIT.receipt) == (PermitState.MINTED, None, 0, None)


def test_the_slip_repeats_what_was_signed():
    slip = PERMIT.slip

    for name in ("id", "action", "target", "sha256", "request_id", "run_id"):
        assert getattr(slip, name) == getattr(PERMIT, name)


def test_only_who_holds_it_is_operational():
    assert {"holder", "lease_until", "fence"} == OPERATIONAL
    assert set(Permit.model_fields) >= OPERATIONAL
