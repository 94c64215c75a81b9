"""A permit: the right to do one action with exactly one signed document, once."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from approvals.decisions import PermitSlip, UtcDatetime, Value


class PermitState(StrEnum):
    """Where a permit stands."""

    MINTED = "minted"
    IN_USE = "in_use"
    USED = "used"


class Permit(Value):
    """Minted in the transaction that takes an approval up; used once, with a receipt."""

    id: str
    request_id: str
    run_id: str
    action: str
    target: str
    sha256: str = Field(description="of the signed document")
    policy: str
    policy_version: str
    state: PermitState = PermitState.MINTED
    minted_at: UtcDatetime
    receipt: str | None = Field(default=None, description="canonical JSON text of what was done")
    used_at: UtcDatetime | None = None
    # Operational: not part of the record.
    holder: str | None = None
    lease_until: UtcDatetime | None = None
    fence: int = Field(default=0, description="grows with each holder; a late one is refused by it")

    @property
    def slip(self) -> PermitSlip:
        """What the flow carries."""
        return PermitSlip(
            id=self.id,
            action=self.action,
            target=self.target,
            sha256=self.sha256,
            request_id=self.request_id,
            run_id=self.run_id,
        )


OPERATIONAL = frozenset({"holder", "lease_until", "fence"})
"""Columns of a permit that are no part of its record."""


class Grant(Value):
    """Go ahead: you hold the permit until `lease_until`. `repeated` says that somebody may have begun before you."""

    permit_id: str
    fence: int
    lease_until: UtcDatetime
    repeated: bool


class Used(Value):
    """It was done already; this is what was done."""

    permit_id: str
    receipt: str
