"""Carrying out what was signed: permits are redeemed for exactly one document, leased, and used up with a receipt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from approvals.audit import Event
from approvals.canonical import canonical, digest
from approvals.decisions import Actor, PermitSlip
from approvals.errors import NoPermit, NotFound, Overtaken, PermitInUse
from approvals.ledger import Ledger, event, found
from approvals.permits import Grant, Permit, PermitState, Used
from approvals.ports import Transaction


class Effects:
    """Called by guarded effects, never by people."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def redeem(
        self, slip: PermitSlip | None, by: Actor, *, action: str, target: str, sha256: str, run: str,
        holder: str, lease: float,
    ) -> Grant | Used:  # fmt: skip
        """Leave to carry the action out now, for `lease` seconds; or the receipt, where it was done already.

        Raises:
            NoPermit: there is no permit for exactly this action, target, run and document; that is recorded.
            PermitInUse: another process is at it and its lease runs.
        """

        def act(transaction: Transaction, now: datetime) -> Grant | Used | NoPermit:
            permit = transaction.permit(slip.id) if slip else None
            if permit is not None:
                transaction.check_whole(permit.request_id)
            refused = _mismatch(permit, action, target, sha256, run)
            if permit is not None and refused is None:
                return self._granted(transaction, permit, by, now, holder, lease)
            facts = {"action": action, "target": target, "sha256": sha256, "permit": slip.id if slip else None}
            transaction.record(_refusal(by, now, run, facts))
            return NoPermit(refused)

        # Raised outside: the record of the refusal must be kept.
        answer = self._ledger.write(act)
        if isinstance(answer, NoPermit):
            raise answer
        return answer

    def keep(self, permit_id: str, fence: int, lease: float) -> bool:
        """Renew the lease while the effect is carried out; False where another process has taken over."""

        def act(transaction: Transaction, now: datetime) -> bool:
            permit = transaction.permit(permit_id)
            if permit is None or permit.state is not PermitState.IN_USE or permit.fence != fence:
                return False
            until = now + timedelta(seconds=lease)
            transaction.change_permit(permit, permit.model_copy(update={"lease_until": until}))
            return True

        return self._ledger.write(act)

    def settle(self, permit_id: str, fence: int, receipt: object, by: Actor) -> str:
        """Use the permit up and keep what was done; returns the receipt that stands.

        Raises:
            Overtaken: another process has taken over in between.
        """
        text = canonical(receipt)

        def act(transaction: Transaction, now: datetime) -> str | None:
            permit = _existing(transaction, permit_id)
            transaction.check_whole(permit.request_id)
            if permit.state is PermitState.USED and permit.receipt is not None:
                return permit.receipt
            # A permit that nobody took has a fence too: nothing is settled that was not redeemed.
            if permit.state is not PermitState.IN_USE or permit.fence != fence:
                return None
            used = permit.model_copy(
                update={"state": PermitState.USED, "receipt": text, "used_at": now, "holder": None, "lease_until": None}
            )
            transaction.change_permit(permit, used)
            request = found(transaction, permit.request_id)
            facts = {"permit": permit.id, "action": permit.action, "receipt_sha256": digest(text)}
            transaction.record(event("permit.used", by, now, request, facts))
            return text

        stands = self._ledger.write(act)
        if stands is None:
            raise Overtaken("This permit is not yours now: another process took it over, or nobody took it.")
        return stands

    def let_go(self, permit_id: str, fence: int) -> None:
        """End the lease early, so that a retry need not wait for it."""

        def act(transaction: Transaction, now: datetime) -> None:
            permit = transaction.permit(permit_id)
            if permit is not None and permit.state is PermitState.IN_USE and permit.fence == fence:
                transaction.change_permit(permit, permit.model_copy(update={"lease_until": now, "holder": None}))

        self._ledger.write(act)

    def _granted(
        self, transaction: Transaction, permit: Permit, by: Actor, now: datetime, holder: str, lease: float
    ) -> Grant | Used:
        if permit.state is PermitState.USED and permit.receipt is not None:
            return Used(permit_id=permit.id, receipt=permit.receipt)
        repeated = permit.state is PermitState.IN_USE
        if repeated and permit.lease_until is not None and permit.lease_until > now and permit.holder != holder:
            raise PermitInUse(
                f"Another process ({permit.holder}) is carrying this out; its lease runs until "
                f"{permit.lease_until:%H:%M:%S} UTC."
            )
        until = now + timedelta(seconds=lease)
        update = {"state": PermitState.IN_USE, "holder": holder, "lease_until": until, "fence": permit.fence + 1}
        taken = permit.model_copy(update=update)
        transaction.change_permit(permit, taken)
        request = found(transaction, permit.request_id)
        facts = {"permit": permit.id, "action": permit.action, "fence": taken.fence, "repeated": repeated}
        transaction.record(event("permit.taken", by, now, request, facts))
        return Grant(permit_id=permit.id, fence=taken.fence, lease_until=until, repeated=repeated)


def _existing(transaction: Transaction, permit_id: str) -> Permit:
    permit = transaction.permit(permit_id)
    if permit is None:
        raise NotFound(f"There is no permit {permit_id!r}.")
    return permit


def _mismatch(permit: Permit | None, action: str, target: str, sha256: str, run: str) -> str | None:
    """Why the permit does not allow this, in a sentence; None where it does."""
    if permit is None:
        return f"Nobody signed for {action!r}: this effect was called without a permit. Put a gate before it."
    if permit.state is PermitState.USED and permit.receipt is None:
        return "The permit was used, and what was done has been erased since; it is not done again."
    if permit.action != action:
        return f"The permit allows {permit.action!r}, not {action!r}."
    if permit.target != target:
        return f"The permit is for {permit.target!r}, not for {target!r}."
    if permit.run_id != run:
        return "The permit was signed for another run."
    if permit.sha256 != sha256:
        return (
            f"The document is not the one that was signed (signed {permit.sha256[:12]}…, given {sha256[:12]}…). "
            "Use only what the gate returned."
        )
    return None


def _refusal(by: Actor, now: datetime, run: str, facts: dict[str, Any]) -> Event:
    return Event(name="effect.refused", actor_kind=by.kind, actor=by.id, via=by.via, at=now, run_id=run, details=facts)
