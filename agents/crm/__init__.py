"""Customer records. One file per vendor; `open_crm` finds the one an address names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from agents.crm.access import Access
from agents.errors import UnknownScheme
from agents.ports import Crm


@runtime_checkable
class SetsUp(Protocol):
    """A CRM that must be made ready once, by `countersign crm setup`."""

    def set_up(self) -> tuple[str, ...]:
        """Make what is missing; what was done, a sentence each. Doing it again makes nothing twice.

        Raises:
            CrmError: something is in the way; the message says what to change.
        """
        ...


def _embedded(address: str, home: Path | None, _access: Access) -> Crm:
    from agents.crm.embedded import EmbeddedCrm

    return EmbeddedCrm.open(address, home=home)


def _hubspot(address: str, _home: Path | None, access: Access) -> Crm:
    from agents.crm.hubspot import HubspotCrm

    return HubspotCrm.open(address, access)


def _csv(address: str, _home: Path | None, access: Access) -> Crm:
    from agents.crm.csv import CsvCrm

    return CsvCrm.open(address, access)


def _salesforce(address: str, _home: Path | None, access: Access) -> Crm:
    from agents.crm.salesforce import SalesforceCrm

    return SalesforceCrm.open(address, access)


def _tryton(address: str, _home: Path | None, access: Access) -> Crm:
    from agents.crm.tryton import TrytonCrm

    return TrytonCrm.open(address, access)


CRMS: dict[str, Callable[[str, Path | None, Access], Crm]] = {
    "csv": _csv,
    "embedded": _embedded,
    "hubspot": _hubspot,
    "salesforce": _salesforce,
    "tryton": _tryton,
}
"""Scheme -> factory. A vendor is a file beside this one and a line here."""


def open_crm(address: str, *, home: Path | None = None, access: Access | None = None) -> Crm:
    """The CRM at this address, such as `embedded://` (kept in `home`), `embedded:///a/path` or `embedded://?memory`.

    Raises:
        UnknownScheme: no CRM is registered for the address; the message names the ones there are.
        CrmUnavailable: it cannot be opened; the message says what to change.
    """
    scheme = address.partition(":")[0]
    if scheme not in CRMS:
        known = ", ".join(f"{name}://" for name in sorted(CRMS))
        raise UnknownScheme(f"No CRM is registered for {address!r}. Known: {known}. Set AGENTS_CRM to one of them.")
    return CRMS[scheme](address, home, access or Access())
