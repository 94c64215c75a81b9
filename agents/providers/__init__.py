"""Who writes proposals. One file per vendor; `open_model` finds the one an address names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from agents.errors import UnknownScheme
from agents.ports import Clock, Model

if TYPE_CHECKING:
    from agents.providers.openai import Asked


@dataclass(frozen=True)
class Terms:
    """On what terms a model is asked.

    Attributes:
        home: Folder in which is noted what was spent.
        key: What the endpoint asks for, as a secret; an empty string where it asks for nothing.
        prices: TOML file with what models cost; without it, the table that ships.
        run_budget: The most one run may spend, in the table's currency; None is no limit.
        day_budget: The most one day (UTC) may.
        clock: Tells the time.
    """

    home: Path = Path("~/.countersign")
    key: str = ""
    prices: Path | None = None
    run_budget: Decimal | None = None
    day_budget: Decimal | None = None
    clock: Clock = lambda: datetime.now(UTC)

    def __repr__(self) -> str:
        return "Terms(…)"  # it holds a secret


def _offline(_address: str, _terms: Terms) -> Model:
    from agents.providers.offline import OfflineModel

    return OfflineModel()


def _openai(address: str, terms: Terms) -> Model:
    from agents.providers.addressing import place_of
    from agents.providers.endpoint import Endpoint

    return _asking(Endpoint(place_of(address, with_key=bool(terms.key)), terms.key, now=terms.clock), terms)


def _pydantic_ai(address: str, terms: Terms) -> Model:
    from agents.providers.pydantic_ai import VendorEndpoint

    return _asking(VendorEndpoint(address), terms)


def _asking(endpoint: Asked, terms: Terms) -> Model:
    from agents.providers.budgets import Budget, SpendBook
    from agents.providers.openai import OpenAiModel
    from agents.providers.prices import read_prices

    prices = read_prices(terms.prices.expanduser() if terms.prices else None)
    budget = Budget(terms.run_budget, terms.day_budget)
    book = SpendBook(terms.home.expanduser() / "model-spend.sqlite", budget, prices.currency, terms.clock)
    return OpenAiModel(endpoint, prices, book)


MODELS: dict[str, Callable[[str, Terms], Model]] = {
    "offline": _offline,
    "openai": _openai,
    "pydantic-ai": _pydantic_ai,
}
"""Scheme -> factory. A vendor is a file beside this one and a line here."""


def open_model(address: str, terms: Terms | None = None) -> Model:
    """The model at this address, such as `offline:` or `openai:MODEL@BASE_URL`.

    Raises:
        UnknownScheme: no model is registered for the address; the message names the ones there are.
        AgentError: the address or the terms are wrong; the message names the setting.
    """
    scheme = address.partition(":")[0]
    if scheme not in MODELS:
        known = ", ".join(f"{name}:" for name in sorted(MODELS))
        raise UnknownScheme(f"No model is registered for {address!r}. Known: {known}. Set AGENTS_MODEL to one of them.")
    return MODELS[scheme](address, terms or Terms())


def with_fallback(model: Model) -> Model:
    """The model, and the deterministic drafter where it gives no draft."""
    from agents.providers.fallback import WithFallback
    from agents.providers.offline import OfflineModel

    return WithFallback(model, OfflineModel())
