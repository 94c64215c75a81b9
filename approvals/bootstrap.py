"""Where the approval queue is put together: which store, people, policies and clock everything else works with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from approvals.accounts import Accounts
from approvals.deadlines import Deadlines
from approvals.errors import ApprovalError, StoreUnavailable
from approvals.files import Reread
from approvals.gatekeeping import Gatekeeper
from approvals.keys import open_keys
from approvals.known_people import KnownPeople
from approvals.ledger import Ledger
from approvals.links import Links
from approvals.metrics import Metrics
from approvals.notifications import Notifications
from approvals.notifiers import Terms as NotifierTerms
from approvals.notifiers import open_notifier
from approvals.outbox import Outbox, Terms
from approvals.people import open_directory
from approvals.policies import Policies, read_policies
from approvals.ports import Clock, Directory, Examiner, IdentityProvider, Notifier, RunStarter, Store
from approvals.remote import Queue
from approvals.reverts import Reverts, Way
from approvals.saved import SavedViews
from approvals.service import ApprovalService
from approvals.sessions import Sessions
from approvals.settings import Settings, read_settings
from approvals.store import open_store
from approvals.subscriptions import filled, read_subscriptions
from approvals.tickets import Tickets
from approvals.tokens import Tokens


@dataclass(frozen=True)
class Approvals:
    """The queue, ready for a surface or a gate."""

    settings: Settings
    store: Store
    directory: Directory
    policies: Callable[[], Policies]
    service: ApprovalService
    deadlines: Deadlines
    gatekeeper: Gatekeeper
    ledger: Ledger
    tokens: Tokens
    accounts: Accounts
    tickets: Tickets
    sessions: Sessions
    metrics: Metrics
    saved_views: SavedViews
    links: Links
    outbox: Outbox
    notifications: Notifications
    reverts: Reverts
    clock: Clock
    provider: IdentityProvider | None = None
    known: KnownPeople | None = None

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def build(
    settings: Settings | None = None,
    *,
    examiner: Examiner | None = None,
    clock: Clock | None = None,
    starter: RunStarter | None = None,
    ways_back: Mapping[str, Way] | None = None,
) -> Approvals:
    """The queue that the settings describe.

    Args:
        starter: Starts runs for whoever asks for one on a page or a command line.
        ways_back: For each action that can be taken back, the deployment that does it.

    Raises:
        ApprovalError: a setting is wrong, or the store cannot be opened.
    """
    settings = settings or read_settings()
    clock = clock or _utc_now
    _make_home(settings)
    store = open_store(settings.store)
    listed, provider = open_directory(settings.people.as_uri()), provider_of(settings, clock)
    known = None if provider is None else KnownPeople(listed, store, clock, settings.oidc_groups)
    directory: Directory = known or listed
    policies = policies_of(settings.policies)
    limit = settings.examine_limit
    service = ApprovalService(store, directory, clock, examiner, examine_limit=limit)
    ledger = Ledger(store, clock)
    links = Links(
        open_keys(settings.link_key, settings.home / "link.key"), clock, lasts=timedelta(hours=settings.link_hours)
    )
    subscriptions = Reread(settings.notifications, read_subscriptions)
    opened, terms = _opening(settings), Terms(settings.address, settings.notify_summary)
    outbox = Outbox(store, directory, clock, links, subscriptions, opened, terms)
    return Approvals(
        settings=settings,
        store=store,
        directory=directory,
        policies=policies,
        service=service,
        deadlines=Deadlines(service, ledger),
        gatekeeper=Gatekeeper(ledger, directory, policies, examiner, examine_limit=limit),
        ledger=ledger,
        tokens=Tokens(store, directory, clock, days=settings.token_days),
        accounts=Accounts(store, directory, clock),
        tickets=Tickets(store, directory, clock),
        sessions=Sessions(store, directory, clock),
        metrics=Metrics(store, clock),
        saved_views=SavedViews(store, service.authority),
        links=links,
        outbox=outbox,
        notifications=Notifications(store, directory, clock, subscriptions, opened, outbox, terms),
        reverts=Reverts(ledger, service.authority, policies, ways_back or {}, starter),
        clock=clock,
        provider=provider,
        known=known,
    )


def queue_elsewhere(settings: Settings, page: Callable[[str], bytes | None] = lambda _: None) -> Queue | None:
    """The queue on another machine that the settings name; None where the store is this process's own to open.

    Args:
        page: What was read here, by its sha256.

    Raises:
        ApprovalError: there is an address and no token, or the other way round, or one that would send the token in
            the clear.
    """
    if not settings.queue_url and settings.gate_token is None:
        return None
    if not settings.queue_url or settings.gate_token is None:
        missing = "APPROVALS_GATE_TOKEN" if settings.queue_url else "APPROVALS_QUEUE_URL"
        raise ApprovalError(
            f"{missing} is not set: runs on another machine than the queue's need its address and a token. Make one "
            "with `countersign token create POOL --kind worker --scope gate`, POOL being the name of their work pool."
        )
    if not settings.queue_plain and (bare := [one for one in settings.queue_url if _goes_bare(one)]):
        raise ApprovalError(
            f"APPROVALS_QUEUE_URL names {bare[0]}, and whoever listens on the way could read the token. Write "
            "https://, or set APPROVALS_QUEUE_PLAIN=true where what lies between is encrypted otherwise."
        )
    return Queue(settings.queue_url, settings.gate_token, patience=settings.gate_patience, page=page)


def _goes_bare(address: str) -> bool:
    """Whether a token would leave this machine in the clear."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    with suppress(ValueError):
        return parts.scheme == "http" and not ip_address(host).is_loopback
    return parts.scheme == "http" and host != "localhost"


def provider_of(settings: Settings, clock: Clock) -> IdentityProvider | None:
    """The identity provider that the settings name; None where they name none.

    Raises:
        ApprovalError: they do not say enough of it.
    """
    if settings.oidc_issuer is None:
        return None
    if not settings.oidc_client_id:
        raise ApprovalError("APPROVALS_OIDC_ISSUER is set and APPROVALS_OIDC_CLIENT_ID is not: set both, or neither.")
    # Only where one is asked for: it brings cryptography along.
    from approvals.oidc import OpenIdProvider

    return OpenIdProvider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        clock,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        groups_claim=settings.oidc_groups_claim,
        trust_email=settings.oidc_trust_email,
    )


def policies_of(path: Path | None) -> Callable[[], Policies]:
    """The policies as they read now: those that ship, or a file's, which is read again when it changes.

    A change that cannot be used is refused at every call until it is mended; the terms before it are not kept.
    """
    if path is None:
        shipped = read_policies()
        return lambda: shipped
    return Reread(path, read_policies)


def _opening(settings: Settings) -> Callable[[SecretStr, SecretStr | None], Notifier]:
    """Opens a place that is told, with the variables of its address and secret as they are set now."""

    def opened(address: SecretStr, secret: SecretStr | None) -> Notifier:
        terms = NotifierTerms(
            secret=None if secret is None else filled(secret, os.environ), private=settings.webhook_private
        )
        return open_notifier(filled(address, os.environ).get_secret_value(), terms)

    return opened


def _make_home(settings: Settings) -> None:
    # Only the store that lies in the home needs one; a folder elsewhere is its owner's to make.
    if str(settings.home) in settings.store:
        try:
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"The home {str(settings.home)!r} cannot be made ({error.strerror}). "
                "Point COUNTERSIGN_HOME to a folder that you may write to."
            ) from error


def _utc_now() -> datetime:
    return datetime.now(UTC)
