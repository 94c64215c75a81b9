"""Who is not to be approached, kept as digests. `open_suppression` finds the list that an address names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.errors import UnknownScheme
from agents.ports import SuppressionList


def _file(address: str, home: Path) -> SuppressionList:
    from agents.suppression.file import FileList

    return FileList.open(address, home=home)


LISTS: dict[str, Callable[[str, Path], SuppressionList]] = {
    "file": _file,
}
"""Scheme -> factory. Another place to keep the list is a file beside this one and a line here."""


def open_suppression(address: str, *, home: Path) -> SuppressionList:
    """The list at this address: `file:` (kept in `home`) or `file:///a/path`.

    Raises:
        UnknownScheme: nothing is registered for the address; the message names what is.
    """
    scheme = address.partition(":")[0]
    if scheme not in LISTS:
        known = ", ".join(f"{name}:" for name in sorted(LISTS))
        raise UnknownScheme(
            f"No suppression list is registered for {address!r}. Known: {known}. Set AGENTS_SUPPRESSION to one of them."
        )
    return LISTS[scheme](address, home)
