"""What can be set about agents, from the environment. Built once in `bootstrap`, passed down."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """The environment variables `AGENTS_…`, and `COUNTERSIGN_HOME` for all packages together."""

    model_config = SettingsConfigDict(env_prefix="AGENTS_", frozen=True, populate_by_name=True, extra="ignore")

    home: Path = Field(
        default=Path("~/.countersign"),
        validation_alias="COUNTERSIGN_HOME",  # not `home` as well: that would read the user's $HOME
        description="Folder for everything that is kept: the embedded CRM and the pages that were read.",
    )
    crm: str = Field(
        default="embedded://",
        min_length=1,
        description="Address of the CRM: `embedded://` (a file in the home), `embedded:///path`, "
        "`embedded://?memory`, or a vendor's such as `hubspot://12345678`.",
    )
    crm_fields: Path | None = Field(
        default=None,
        description="TOML file that says which field of ours is which of the vendor's; without it, the one that ships.",
    )
    hubspot_token: SecretStr | None = Field(
        default=None, description="Access token of a private app of the HubSpot account."
    )
    hubspot_url: str = Field(
        default="https://api.hubapi.com", min_length=1, description="Where HubSpot's API is; tests set it."
    )
    hubspot_version: str = Field(
        default="2026-03", min_length=1, description="Version of HubSpot's API: a dated one, or `v3`."
    )
    tryton_key: SecretStr | None = Field(
        default=None, description="Key of a Tryton user's application for the REST API, validated by that user."
    )
    salesforce_client_id: str | None = Field(
        default=None, description="Consumer key of the external client app in Salesforce."
    )
    salesforce_client_secret: SecretStr | None = Field(default=None, description="Consumer secret of that app.")
    salesforce_url: str | None = Field(
        default=None, description="Where Salesforce is, if not at its My Domain; tests set it."
    )
    salesforce_version: str = Field(default="v62.0", min_length=1, description="Version of Salesforce's API.")
    model: str = Field(
        default="offline:",
        min_length=1,
        description="Address of the model that drafts: `offline:` is deterministic and needs no key and no network; "
        "`openai:MODEL@BASE_URL` asks an OpenAI-compatible server, `pydantic-ai:VENDOR:MODEL` others by an extra.",
    )
    model_key: SecretStr | None = Field(
        default=None, description="The key that the model's server asks for; it stands nowhere else."
    )
    model_fallback: Literal["none", "offline"] = Field(
        default="none",
        description="What drafts where the model gives no draft: `none` ends the run in a named state, `offline` has "
        "the deterministic drafter write it and says so on the draft.",
    )
    model_prices: Path | None = Field(
        default=None, description="TOML file with what models cost; without it, the table that ships."
    )
    model_run_budget: Decimal | None = Field(
        default=None, ge=0, description="The most one run may spend on the model, in the price table's currency."
    )
    model_day_budget: Decimal | None = Field(
        default=None,
        ge=0,
        description="The most all runs of this home may spend on the model in a day (UTC), in the same currency.",
    )
    model_edits: int = Field(
        default=0,
        ge=0,
        le=20,
        description="How many sentences that reviewers changed in earlier drafts are shown to the model. They may be "
        "about other companies, and they leave this machine.",
    )
    catalogue: Path | None = Field(
        default=None, description="TOML file with the offers and their prices; without it, the sample that ships."
    )
    crm_facts: Path | None = Field(
        default=None,
        description="TOML file: which fact fills which field of the CRM, and how; without it, the one that ships.",
    )
    suppression: str = Field(
        default="file:",
        min_length=1,
        description="Address of the suppression list: `file:` (a file in the home) or `file:///path`.",
    )
    profile: Path | None = Field(
        default=None,
        description="TOML file with the ideal customer, or `sample` for the one that ships; without it, nobody is "
        "scored.",
    )
    web: str = Field(
        default="https:",
        min_length=1,
        description="Address of the fetcher: `https:` reads companies' sites, `offline:` refuses.",
    )

    sources: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Sources beyond the company's site, separated by commas: `wikidata`, `rss`, `greenhouse` and "
        "`lever`, the last two also as `greenhouse:TOKEN` and `lever:SITE`.",
    )
    fetch_allow_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Private hosts that may be read all the same: `host` or `host:port`, separated by commas.",
    )
    fetch_contact: str = Field(
        default="", description="How a site reaches you, such as an e-mail address; sent with every fetch."
    )

    @field_validator("fetch_allow_hosts", "sources", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def folder(self) -> Path:
        """The home with `~` resolved."""
        return self.home.expanduser()
