"""Where messages go. One file per vendor; `open_notifier` finds the one asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from approvals.ports import Notifier


@dataclass(frozen=True)
class Terms:
    """What a notifier is told besides its address."""

    secret: SecretStr | None = None
    private: bool = False
    """Whether a webhook may go to an address that is not public."""
    seconds: float = 10.0
    """How long a receiver may take."""


def _embedded(address: str, _: Terms) -> Notifier:
    from approvals.notifiers.embedded import open_embedded

    return open_embedded(address)


def _webhook(address: str, terms: Terms) -> Notifier:
    from approvals.notifiers.webhook import open_webhook

    return open_webhook(address, secret=terms.secret, private=terms.private, seconds=terms.seconds)


def _apprise(address: str, terms: Terms) -> Notifier:
    from approvals.notifiers.apprise import open_apprise

    return open_apprise(address, seconds=terms.seconds)


NOTIFIERS: dict[str, Callable[[str, Terms], Notifier]] = {
    "memory": _embedded,
    "file": _embedded,
    "webhook+https": _webhook,
    "webhook+http": _webhook,
}
"""Scheme -> factory. What is not here is an address of Apprise's, which knows a hundred services, or of nobody's."""


def open_notifier(address: str, terms: Terms | None = None) -> Notifier:
    """The notifier at this address: `file:///path`, `webhook+https://host/path`, `mailto://…`, `slack://…`, …

    Raises:
        UnknownScheme: no notifier is registered for the address, or Apprise cannot read it.
        NotificationsError: what the notifier needs besides is missing or wrong.
    """
    return NOTIFIERS.get(address.partition(":")[0].casefold(), _apprise)(address, terms or Terms())
