"""Who writes proposals. One file per vendor; `open_model` finds the one an address names."""

from __future__ import annotations

from collections.abc import Callable

from agents.errors import UnknownScheme
from agents.ports import Model


def _offline(_address: str) -> Model:
    from agents.providers.offline import OfflineModel

    return OfflineModel()


MODELS: dict[str, Callable[[str], Model]] = {
    "offline": _offline,
}
"""Scheme -> factory. A vendor is a file beside this one and a line here."""


def open_model(address: str) -> Model:
    """The model at this address, such as `offline:`.

    Raises:
        UnknownScheme: no model is registered for the address; the message names the ones there are.
    """
    scheme = address.partition(":")[0]
    if scheme not in MODELS:
        known = ", ".join(f"{name}:" for name in sorted(MODELS))
        raise UnknownScheme(f"No model is registered for {address!r}. Known: {known}. Set AGENTS_MODEL to one of them.")
    return MODELS[scheme](address)
