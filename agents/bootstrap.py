"""Chooses the implementation behind every port, from the settings. Nothing is opened before it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from pydantic import SecretStr, ValidationError

from agents.catalogue import Catalogue, read_catalogue
from agents.crm import open_crm
from agents.crm.access import Access
from agents.errors import AgentError
from agents.fields import Fields, read_fields
from agents.ports import Clock, Crm, Elsewhere, Model, Snapshots, SuppressionList, Web
from agents.profile import Profile, read_profile
from agents.providers import Terms, open_model, with_fallback
from agents.research.stored import StoredPages
from agents.settings import Settings
from agents.suppression import open_suppression


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Agents:
    """Everything the steps need, each opened when it is first asked for: research needs no CRM."""

    settings: Settings
    clock: Clock = utc_now

    @cached_property
    def crm(self) -> Crm:
        """The CRM at `AGENTS_CRM`."""
        return open_crm(self.settings.crm, home=self.settings.folder, access=self._access)

    @property
    def _access(self) -> Access:
        settings = self.settings
        return Access(
            fields=settings.crm_fields,
            hubspot_token=_secret(settings.hubspot_token),
            hubspot_url=settings.hubspot_url,
            hubspot_version=settings.hubspot_version,
            tryton_key=_secret(settings.tryton_key),
            salesforce_client_id=settings.salesforce_client_id,
            salesforce_client_secret=_secret(settings.salesforce_client_secret),
            salesforce_url=settings.salesforce_url,
            salesforce_version=settings.salesforce_version,
            clock=self.clock,
        )

    @cached_property
    def model(self) -> Model:
        """The model at `AGENTS_MODEL`, with the drafter behind it that `AGENTS_MODEL_FALLBACK` names."""
        settings = self.settings
        terms = Terms(
            home=settings.folder,
            key=settings.model_key.get_secret_value() if settings.model_key else "",
            prices=settings.model_prices,
            run_budget=settings.model_run_budget,
            day_budget=settings.model_day_budget,
            clock=self.clock,
        )
        model = open_model(settings.model, terms)
        return with_fallback(model) if settings.model_fallback == "offline" and model.name != "offline:" else model

    @cached_property
    def catalogue(self) -> Catalogue:
        """The offers of `AGENTS_CATALOGUE`, or the sample."""
        path = self.settings.catalogue
        return read_catalogue(path.expanduser() if path else None)

    @cached_property
    def fields(self) -> Fields:
        """The rules of `AGENTS_CRM_FACTS`, or those that ship."""
        path = self.settings.crm_facts
        return read_fields(path.expanduser() if path else None)

    @cached_property
    def suppressed(self) -> SuppressionList:
        """The list at `AGENTS_SUPPRESSION`."""
        return open_suppression(self.settings.suppression, home=self.settings.folder)

    @cached_property
    def profile(self) -> Profile | None:
        """The ideal customer of `AGENTS_PROFILE`; None where nobody is scored."""
        path = self.settings.profile
        return read_profile(path.expanduser()) if path else None

    @cached_property
    def web(self) -> Web:
        """The fetcher at `AGENTS_WEB`."""
        from agents.web import open_web
        from agents.web.visits import Visits

        settings = self.settings
        return open_web(
            settings.web,
            allow_hosts=settings.fetch_allow_hosts,
            contact=settings.fetch_contact,
            visits=Visits(settings.folder / "visits", self.snapshots),
        )

    @cached_property
    def sources(self) -> tuple[Elsewhere, ...]:
        """The sources beyond the site that `AGENTS_SOURCES` names."""
        from agents.sources import open_source

        return tuple(open_source(name) for name in self.settings.sources)

    @cached_property
    def snapshots(self) -> Snapshots:
        """What was read, kept in the home."""
        from agents.web.snapshots import FolderSnapshots

        return FolderSnapshots(self.settings.folder / "snapshots")

    @cached_property
    def pages(self) -> StoredPages:
        """The texts of what was read, the last of them at hand."""
        return StoredPages(self.snapshots)


def _secret(value: SecretStr | None) -> Callable[[], str | None]:
    return lambda: value.get_secret_value() if value else None


def build(settings: Settings | None = None) -> Agents:
    """The agents that these settings describe; without any, those of the environment.

    Raises:
        AgentError: a setting is wrong; the message names it.
    """
    try:
        return Agents(settings or Settings())
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "AGENTS_…"
        variable = name if name.isupper() else f"AGENTS_{name.upper()}"
        held = "" if "KEY" in variable else f" (it holds {first['input']!r})"
        raise AgentError(f"The setting {variable} is wrong: {first['msg']}{held}.") from error
