"""How vendors' systems are reached: keys and addresses, handed in from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agents.crm.http import Patience
from agents.errors import CrmUnavailable
from agents.ports import Clock


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Access:
    """What a connector needs beside its address. Keys are handed on as functions, so that no traceback shows one."""

    fields: Path | None = None
    hubspot_token: Callable[[], str | None] = lambda: None
    hubspot_url: str = "https://api.hubapi.com"
    hubspot_version: str = "2026-03"
    tryton_key: Callable[[], str | None] = lambda: None
    salesforce_client_id: str | None = None
    salesforce_client_secret: Callable[[], str | None] = lambda: None
    salesforce_url: str | None = None
    salesforce_version: str = "v62.0"
    clock: Clock = _now
    patience: Patience = field(default_factory=Patience)

    def needed(self, key: str | None, variable: str, what: str) -> str:
        """The key, which must be set.

        Raises:
            CrmUnavailable: it is not; the message names the variable.
        """
        if not key:
            raise CrmUnavailable(f"{variable} is not set. Set it to {what}.")
        return key
