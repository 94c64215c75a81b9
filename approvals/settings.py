"""What can be set about the approval queue, from the environment; every field has a safe default."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from approvals.errors import ApprovalError

PREFIX = "APPROVALS_"


class Settings(BaseSettings):
    """The settings of the approval queue, read from `APPROVALS_*` and `COUNTERSIGN_HOME`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    home: Path = Field(
        default=Path("~/.countersign"),
        validation_alias="COUNTERSIGN_HOME",
        description="the folder that holds everything Countersign keeps on this machine",
    )
    store: str = Field(
        default_factory=lambda given: f"sqlite:///{given['home'] / 'approvals.sqlite'}",
        min_length=1,
        # It may hold a database password.
        repr=False,
        description="address of the store: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; "
        "by default approvals.sqlite in the home",
    )
    policies: Path | None = Field(default=None, description="TOML file of the policies; by default those that ship")
    people: Path = Field(
        default_factory=lambda given: given["home"] / "people.toml",
        description="TOML file of the people; by default people.toml in the home",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address that the queue listens on")
    port: int = Field(default=4280, ge=0, le=65_535, description="port that the queue listens on; 0 takes a free one")
    exposed: bool = Field(
        default=False,
        description="allow `host` to be reached from other machines; put a proxy that speaks TLS in front",
    )
    examine_limit: float = Field(
        default=10.0, gt=0, le=600, description="seconds that checking a document may take before it is refused"
    )
    token_days: int = Field(
        default=90, ge=1, le=3_660, description="days that a new token is valid, unless its maker says otherwise"
    )

    public_url: str | None = Field(
        default=None,
        description="address at which browsers reach the queue, such as https://queue.example; "
        "by default http:// with `host` and `port`",
    )
    link_key: SecretStr | None = Field(
        default=None,
        description="keys that sign links in messages, newest first, with blanks between them; "
        "by default link.key in the home, which is made when it is first needed",
    )
    link_hours: int = Field(default=72, ge=1, le=72, description="hours that a link in a message can decide")
    notifications: Path = Field(
        default_factory=lambda given: given["home"] / "notifications.toml",
        description="TOML file of who is told of what; by default notifications.toml in the home",
    )
    notify_summary: bool = Field(
        default=True, description="say a request's summary and amount in messages; its title is always said"
    )
    webhook_private: bool = Field(default=False, description="allow webhooks to addresses that are not public")

    @field_validator("public_url")
    @classmethod
    def _origin(cls, address: str | None) -> str | None:
        if address is None:
            return None
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("it must read https://NAME or http://NAME:PORT, with nothing after it")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"

    @property
    def address(self) -> str:
        """Where browsers reach the queue, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host.strip("[]") and not self.host.startswith("[") else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @field_validator("home", "policies", "people", "notifications")
    @classmethod
    def _expanded(cls, path: Path | None) -> Path | None:
        return None if path is None else Path(os.path.abspath(path.expanduser()))


def read_settings(**given: Any) -> Settings:
    """The settings as the environment has them now, with `given` on top.

    Raises:
        ApprovalError: a value is wrong, or a variable is misspelt; the message names it.
    """
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in _known():
            raise ApprovalError(f"{name} is not a setting. {_hint(name)}")
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
    field = str(first["loc"][0])
    name = "COUNTERSIGN_HOME" if field.lower() in ("home", "countersign_home") else f"{PREFIX}{field.upper()}"
    raise ApprovalError(f"{name} is wrong: {first['msg']} (given was {first['input']!r}).")


def _known() -> list[str]:
    return [f"{PREFIX}{field.upper()}" for field in Settings.model_fields if field != "home"]


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), [*_known(), "COUNTERSIGN_HOME"], n=1)
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(_known())}."
