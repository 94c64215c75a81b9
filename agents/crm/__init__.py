"""Customer records. One file per vendor; `open_crm` finds the one an address names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.errors import UnknownScheme
from agents.ports import Crm


def _embedded(address: str, home: Path | None) -> Crm:
    from agents.crm.embedded import EmbeddedCrm

    return EmbeddedCrm.open(address, home=home)


CRMS: dict[str, Callable[[str, Path | None], Crm]] = {
    "embedded": _embedded,
}
"""Scheme -> factory. A vendor is a file beside this one and a line here."""


def open_crm(address: str, *, home: Path | None = None) -> Crm:
    """The CRM at this address, such as `embedded://` (kept in `home`), `embedded:///a/path` or `embedded://?memory`.

    Raises:
        UnknownScheme: no CRM is registered for the address; the message names the ones there are.
        CrmUnavailable: it cannot be opened; the message says what to change.
    """
    scheme = address.partition(":")[0]
    if scheme not in CRMS:
        known = ", ".join(f"{name}://" for name in sorted(CRMS))
        raise UnknownScheme(f"No CRM is registered for {address!r}. Known: {known}. Set AGENTS_CRM to one of them.")
    return CRMS[scheme](address, home)
