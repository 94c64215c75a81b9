"""Where pages come from. `open_web("https:")` fetches, safely; `open_web("offline:")` refuses."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from agents.errors import UnknownScheme
from agents.ports import Web
from agents.web.offline import OfflineWeb
from agents.web.safe import SafeWeb
from agents.web.snapshots import FolderSnapshots, MemorySnapshots

__all__ = ["FolderSnapshots", "MemorySnapshots", "open_web"]


def _safe(*, allow_hosts: Collection[str], **options: Any) -> Web:
    return SafeWeb(allow_hosts=frozenset(host.lower() for host in allow_hosts), **options)


def _offline(**_: Any) -> Web:
    return OfflineWeb()


WEBS: dict[str, Callable[..., Web]] = {"https": _safe, "offline": _offline}


def open_web(address: str, *, allow_hosts: Collection[str] = (), **options: Any) -> Web:
    """The web behind this address: `https:` fetches, `offline:` refuses.

    `allow_hosts` names hosts, or `host:port`, that are reached although they are private: an intranet, a test. The
    other options are those of `SafeWeb`.

    Raises:
        UnknownScheme: no web has this scheme.
    """
    scheme = address.partition(":")[0].lower()
    try:
        factory = WEBS[scheme]
    except KeyError:
        known = ", ".join(f"{name}:" for name in sorted(WEBS))
        raise UnknownScheme(f"No web is registered for {address!r}; there are {known}", address=address) from None
    return factory(allow_hosts=allow_hosts, **options)
