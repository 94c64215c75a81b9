"""What models cost per token: a table that ships, or the user's own. What no entry names has no price, and not zero."""

from __future__ import annotations

import tomllib
from decimal import ROUND_UP, Decimal
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from agents.errors import AgentError
from agents.values import Currency, Value

_MILLION = Decimal(1_000_000)
_MICRO = Decimal("0.000001")

PerMillion = Annotated[Decimal, Field(ge=0, le=1_000_000, description="in the table's currency, per million tokens")]


class Price(Value):
    """What one model costs; `*` in its name or host stands for anything."""

    model: str = Field(min_length=1)
    host: str = Field(default="*", min_length=1, description="host, or host:port, that serves it")
    input: PerMillion
    output: PerMillion

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """What so many tokens cost, rounded up to the millionth."""
        return ((self.input * tokens_in + self.output * tokens_out) / _MILLION).quantize(_MICRO, ROUND_UP)


class PriceTable(Value):
    """Prices in one currency, and when they were looked up."""

    currency: Currency
    as_of: str = ""
    prices: tuple[Price, ...] = ()

    def price_of(self, model: str, host: str) -> Price | None:
        """The first entry for this model at this `host` or `host:port`; None where there is none."""
        places = {host, host.partition(":")[0]}
        for price in self.prices:
            if fnmatchcase(model, price.model) and any(fnmatchcase(place, price.host) for place in places):
                return price
        return None


def read_prices(path: Path | None = None) -> PriceTable:
    """The prices in this TOML file, or those that ship.

    Raises:
        AgentError: the file is missing, is not TOML, or an entry is wrong; the message names it.
    """
    name = str(path or "agents/providers/prices.toml")
    try:
        text = (
            path.read_text("utf-8")
            if path
            else resources.files("agents.providers").joinpath("prices.toml").read_text("utf-8")
        )
        return PriceTable.model_validate(tomllib.loads(text))
    except OSError as error:
        raise AgentError(
            f"The price table {name!r} cannot be read ({error.strerror}). "
            "Set AGENTS_MODEL_PRICES to a TOML file, or unset it to use the prices that ship."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AgentError(f"The price table {name!r} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise AgentError(f"The price table {name!r} is wrong at {where}: {first['msg']}.") from error
