"""The offer catalogue: the only place prices come from. Read from a TOML file; a sample ships."""

from __future__ import annotations

import hashlib
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from agents.errors import CatalogueError
from agents.values import Currency, Line, Money, Value


class Offer(Value):
    """One thing that can be sold."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    name: Line
    description: str = Field(min_length=1)
    unit: Line
    unit_price: Money = Field(ge=0)
    keywords: tuple[str, ...] = Field(default=(), description="words in a brief that make this offer fit")
    languages: dict[str, str] = Field(default_factory=dict, description="ISO 639-1 -> description in that language")
    units: dict[str, str] = Field(default_factory=dict, description="ISO 639-1 -> unit in that language")

    def described(self, language: str) -> str:
        """The description in this language, or as the catalogue's own language has it."""
        return self.languages.get(language, self.description)

    def sold_per(self, language: str) -> str:
        """The unit in this language, or as the catalogue's own language has it."""
        return self.units.get(language, self.unit)


class Catalogue(Value):
    """Every offer, the currency they are priced in, and a version that changes whenever anything in the file does."""

    seller: Line
    currency: Currency
    valid_days: int = Field(default=30, ge=1, le=365)
    offers: tuple[Offer, ...] = Field(min_length=1)
    version: str = ""

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Catalogue:
        ids = [offer.id for offer in self.offers]
        for one in ids:
            if ids.count(one) > 1:
                raise ValueError(f"two offers have the id {one!r}")
        return self

    def offer(self, offer_id: str) -> Offer | None:
        """The offer with this id, or None."""
        return next((offer for offer in self.offers if offer.id == offer_id), None)


def read_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue in this TOML file, or the sample that ships.

    Raises:
        CatalogueError: the file is missing, is not TOML, or an entry is wrong; the message names it and the fix.
    """
    try:
        content = path.read_bytes() if path else resources.files("agents").joinpath("catalogue.toml").read_bytes()
    except OSError as error:
        raise CatalogueError(
            f"The offer catalogue {str(path)!r} cannot be read ({error.strerror}). "
            "Set AGENTS_CATALOGUE to a TOML file, or unset it to use the sample."
        ) from error
    name = str(path or "agents/catalogue.toml")
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"The offer catalogue {name!r} is not valid TOML: {error}.") from error
    try:
        return Catalogue.model_validate({**data, "version": hashlib.sha256(content).hexdigest()[:16]})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CatalogueError(f"The offer catalogue {name!r} is wrong at {where}: {first['msg']}.") from error
