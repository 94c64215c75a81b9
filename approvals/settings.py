"""What can be set about the approval queue, from the environment; every field has a safe default."""

from __future__ import annotations

import difflib
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from approvals.errors import ApprovalError
from approvals.identities import Role

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
    oidc_issuer: str | None = Field(
        default=None, description="address of an OpenID Connect provider that people may sign in through"
    )
    oidc_client_id: str = Field(default="", description="what the provider calls this queue")
    oidc_client_secret: SecretStr | None = Field(default=None, description="secret that the provider gave this queue")
    oidc_name: str = Field(
        default="your organisation", min_length=1, max_length=60, description="the provider on the sign-in button"
    )
    oidc_scopes: str = Field(
        default="openid email profile", pattern=r"\bopenid\b", description="what the provider is asked to tell"
    )
    oidc_trust_email: bool = Field(
        default=False, description="believe an e-mail that the provider does not say it has verified"
    )
    oidc_groups_claim: str = Field(
        default="groups", min_length=1, description="claim with a person's groups, or the path to it with dots"
    )
    oidc_groups: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        default=(),
        description="groups here and at the provider: `sales=crm-sales,legal=cs-legal,role:admin=cs-admins`; "
        "separated by semicolons where a name has a comma",
    )
    header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
        description="name of the header in which a proxy tells who has signed in, by e-mail",
    )
    header_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="addresses or networks of proxies that are believed, separated by commas: in `header`, and in "
        "X-Forwarded-For about where a sign-in comes from",
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
    queue_url: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="of a run's process on another machine: address of the queue, or of its replicas, separated by "
        "commas; the store is then never opened there",
    )
    gate_token: SecretStr | None = Field(
        default=None, description="token with the scope `gate` by which runs speak to the queue at `queue_url`"
    )
    queue_plain: bool = Field(
        default=False,
        description="allow an address of the queue on another machine that begins with http://, where what lies "
        "between is encrypted otherwise",
    )
    gate_patience: float = Field(
        default=300.0, gt=0, le=86_400, description="seconds that a run waits for a queue that does not answer"
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

    @field_validator("queue_url", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(filter(None, (cls._origin(one.strip()) for one in value.split(",") if one.strip())))

    @field_validator("oidc_groups", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        entries = [entry.strip() for entry in value.split(";" if ";" in value else ",") if entry.strip()]
        pairs = [tuple(part.strip() for part in entry.split("=", 1)) for entry in entries]
        if any(len(pair) != 2 or not all(pair) for pair in pairs):
            raise ValueError("it must read group=group-of-the-provider, for each")
        if wrong := [ours for ours, _ in pairs if ours.startswith("role:") and ours[5:] not in get_args(Role)]:
            raise ValueError(f"{wrong[0]!r} is no role; roles are {', '.join(get_args(Role))}")
        return tuple(pairs)

    @field_validator("header_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(one.strip() for one in value.split(",") if one.strip())
        for one in value if isinstance(value, tuple) else ():
            ipaddress.ip_network(one, strict=False)
        return value

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
