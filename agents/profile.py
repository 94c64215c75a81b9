"""The ideal customer: rules that give a company points, each for something its sources say. Read from a TOML file."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from agents.documents import FactKey
from agents.errors import AgentError
from agents.values import Line, Value

SAMPLE = "sample"
"""Names the profile that ships, instead of a file."""


class Rule(Value):
    """What gives points: a word in one of these facts, a number in a range, a country, or that there is such a fact."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    says: Line = Field(description="what is true of a company that gets the points")
    points: int = Field(ge=-100, le=100, description="below zero where it speaks against the company")
    facts: tuple[FactKey, ...] = Field(default=(), description="the facts that are looked at")
    words: tuple[str, ...] = Field(default=(), description="one of them must stand in the value or the quote")
    at_least: int | None = Field(default=None, description="the number in the value is no smaller")
    at_most: int | None = Field(default=None, description="the number in the value is no greater")
    countries: tuple[str, ...] = Field(default=(), description="ISO 3166 alpha-2 codes; looked up in the company")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if bool(self.facts) == bool(self.countries):
            raise ValueError(f"the rule {self.id!r} needs either facts or countries")
        if self.countries and (self.words or self.at_least is not None or self.at_most is not None):
            raise ValueError(f"the rule {self.id!r} has countries; words and numbers go with facts")
        if not self.points:
            raise ValueError(f"the rule {self.id!r} gives no points")
        return self


class Profile(Value):
    """Whom one would like to sell to, as rules."""

    name: Line
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [rule.id for rule in self.rules]
        for one in ids:
            if ids.count(one) > 1:
                raise ValueError(f"two rules have the id {one!r}")
        return self


def read_profile(path: Path) -> Profile:
    """The profile in this TOML file; `sample` is the one that ships.

    Raises:
        AgentError: the file is missing, is not TOML, or a rule is wrong; the message names it and the fix.
    """
    sample = str(path) == SAMPLE
    name = "agents/profile.toml" if sample else str(path)
    try:
        content = resources.files("agents").joinpath("profile.toml").read_bytes() if sample else path.read_bytes()
        return Profile.model_validate(tomllib.loads(content.decode("utf-8")))
    except OSError as error:
        raise AgentError(
            f"The customer profile {name!r} cannot be read ({error.strerror}). "
            f"Set AGENTS_PROFILE to a TOML file, to `{SAMPLE}`, or unset it to score nobody."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AgentError(f"The customer profile {name!r} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise AgentError(f"The customer profile {name!r} is wrong at {where}: {first['msg']}.") from error
