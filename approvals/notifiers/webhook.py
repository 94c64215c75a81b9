"""Signed webhooks, as the Standard Webhooks specification describes them.

The address is the administrator's, not an agent's; still nothing is sent beyond it: no redirect is followed, and an
address that is not public is refused unless a setting allows it.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import SecretStr
from standardwebhooks import Webhook

from approvals.deliveries import Notice
from approvals.errors import NotDelivered, NotificationsError
from approvals.ports import Notifier

_SCHEMES = {"webhook+https": "https", "webhook+http": "http"}
_LONGEST_WAIT = 24 * 3600.0


class WebhookNotifier:
    """Posts each message as JSON, signed so that the receiver can tell that it is ours."""

    def __init__(
        self,
        url: httpx.URL,
        secret: SecretStr,
        *,
        private: bool = False,
        seconds: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url
        self._signing = Webhook(secret.get_secret_value())
        self._private = private
        self._seconds = seconds
        self._now = now
        self._where = f"The webhook at {url.host}"

    def send(self, notice: Notice) -> None:
        """Post the message and wait for a 2xx.

        Raises:
            NotDelivered: any other answer, or none in time; not to be tried again after a 410 or a redirect.
        """
        address = self._address()
        at = self._now()
        body = json.dumps(
            {"type": notice.type, "id": notice.id, "timestamp": _told(notice.at), "data": notice.data},
            ensure_ascii=True,
            separators=(",", ":"),
        )
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Countersign",
            "Host": self._url.netloc.decode("ascii"),
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signing.sign(notice.id, at, body),
        }
        extensions: dict[str, Any] = {"timeout": httpx.Timeout(self._seconds).as_dict()}
        if self._url.scheme == "https":
            extensions["sni_hostname"] = self._url.host
        # To the very address that was checked: a name that is looked up twice may mean two machines.
        url = self._url.copy_with(host=address)
        try:
            # Not through a client, which would follow what its environment says of proxies, and log the address.
            with httpx.HTTPTransport(trust_env=False) as transport:
                request = httpx.Request("POST", url, content=body, headers=headers, extensions=extensions)
                answer = transport.handle_request(request)
                status, after = answer.status_code, answer.headers.get("retry-after")
                answer.close()
        except httpx.TimeoutException:
            raise NotDelivered(f"{self._where} did not answer within {self._seconds:.0f} s.") from None
        except httpx.HTTPError as error:
            raise NotDelivered(f"{self._where} could not be reached ({type(error).__name__}).") from None
        if 200 <= status < 300:
            return
        final = status == 410 or 300 <= status < 400
        told = "it redirects, which is not followed" if 300 <= status < 400 else f"it answered {status}"
        raise NotDelivered(
            f"{self._where} did not take the message: {told}.", retryable=not final, after=_after(after, at)
        )

    def _address(self) -> str:
        host = self._url.host
        try:
            found = socket.getaddrinfo(host, self._url.port or 0, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NotDelivered(f"{self._where} could not be reached (its name is not known).") from None
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            ip = ipaddress.ip_address(address.partition("%")[0])
            ip = getattr(ip, "ipv4_mapped", None) or ip
            if self._url.scheme == "http" and not ip.is_loopback:
                raise NotDelivered(f"{self._where} speaks no TLS, which is for this machine alone.", retryable=False)
            if not self._private and (not ip.is_global or ip.is_multicast):
                raise NotDelivered(
                    f"{self._where} is not a public address. If it is meant, set APPROVALS_WEBHOOK_PRIVATE=true.",
                    retryable=False,
                )
        return addresses[0]


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _after(header: str | None, now: datetime) -> float | None:
    """Seconds that the receiver asks for, as a number or as a date; up to a day."""
    if header is None:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else (parsedate_to_datetime(header) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def open_webhook(address: str, *, secret: SecretStr | None, private: bool = False, seconds: float = 10.0) -> Notifier:
    """The webhook at `webhook+https://host/path`; `webhook+http` for this machine alone.

    Raises:
        NotificationsError: it has no secret, or the secret or the address cannot be used; neither is repeated.
    """
    scheme, _, rest = address.partition(":")
    try:
        url = httpx.URL(f"{_SCHEMES[scheme.casefold()]}:{rest}")
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if not url.host or url.userinfo:
        raise NotificationsError("A webhook is named as webhook+https://HOST/PATH, without a user or password.")
    if secret is None:
        raise NotificationsError("A webhook needs a `secret`, such as ${WEBHOOK_SECRET}, by which it is signed.")
    try:
        Webhook(secret.get_secret_value())
    except Exception:
        raise NotificationsError(
            "The `secret` of a webhook is base64, perhaps with whsec_ before it; `openssl rand -base64 32` makes one."
        ) from None
    return WebhookNotifier(url, secret, private=private, seconds=seconds)
