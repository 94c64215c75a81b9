"""By which door a browser comes in: under which name, from which page, through which proxy, with which cookies."""

from __future__ import annotations

import ipaddress
import logging
import re
from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from approvals.errors import Forged
from approvals.settings import Settings
from approvals.web.problems import WrongHost

HOME = "/queue"
"""Where somebody who signed in goes who wanted nothing else."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
Cookie = Literal["session", "login", "oidc"]

log = logging.getLogger(__name__)


class Door:
    """What the settings say of it."""

    def __init__(self, settings: Settings) -> None:
        self.address = settings.address
        named = urlsplit(self.address)
        self.secure = named.scheme == "https"
        # Any name will do only where other machines are let in and nobody said under which name.
        open_to_all = settings.public_url is None and not is_loopback(settings.host)
        self._names = None if open_to_all else {str(named.hostname)}
        self._header = settings.header
        self._proxies = tuple(ipaddress.ip_network(one, strict=False) for one in settings.header_proxies)
        self._told_of: set[str] = set()

    # -- under which name ----------------------------------------------------------------------------------------

    def check_host(self, http: HttpRequest) -> None:
        """Nothing, if the browser asked for a name of ours: another one may have been pointed here by its owner.

        Raises:
            WrongHost: it did not.
        """
        name = _name(http.headers.get("host", ""))
        if self._names is None or name in self._names or (name is not None and is_loopback(name)):
            return
        raise WrongHost(
            f"This queue is not known under that name. Go to {self.address}, or have whoever runs it set "
            "APPROVALS_PUBLIC_URL to the address that you use."
        )

    # -- from which page -----------------------------------------------------------------------------------------

    def check_origin(self, http: HttpRequest) -> None:
        """Nothing, if it was a page of ours that sent the form.

        Raises:
            Forged: it was not, or nothing tells.
        """
        site = http.headers.get("sec-fetch-site")
        if site is not None:
            if site == "same-origin":
                return
        elif (origin := http.headers.get("origin")) is not None and origin in self._origins(http):
            return
        raise Forged

    def _origins(self, http: HttpRequest) -> set[str]:
        host = http.headers.get("host", "").lower()
        name = _name(host)
        if self._names is None:
            return {f"http://{host}", f"https://{host}"}
        # On this machine the port may be another than the settings say: `up` takes a free one.
        return {self.address, *([f"http://{host}"] if name is not None and is_loopback(name) else [])}

    # -- through which proxy -------------------------------------------------------------------------------------

    def told(self, http: HttpRequest) -> str | None:
        """The e-mail that a proxy which is believed tells of; what anybody else tells is left aside."""
        if self._header is None:
            return None
        values = http.headers.getlist(self._header)
        if not values:
            return None
        peer = http.client.host if http.client else ""
        if not self._believed(peer) or len(values) > 1:
            self._tell_once(peer)
            return None
        return values[0].strip() or None

    def client(self, http: HttpRequest) -> str:
        """Where a request comes from: its peer, or whom proxies that are believed name."""
        peer = http.client.host if http.client else "unknown"
        for hop in reversed(http.headers.get("x-forwarded-for", "").split(",")):
            if not self._believed(peer) or not hop.strip():
                break
            peer = hop.strip()
        return _network(peer)

    def _believed(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._proxies)

    def _tell_once(self, peer: str) -> None:
        if peer not in self._told_of and len(self._told_of) < 100:
            self._told_of.add(peer)
            log.warning(
                "The header %s came from %s, which is not in APPROVALS_HEADER_PROXIES, or came twice: it was ignored.",
                self._header,
                peer or "nowhere",
            )

    # -- with which cookies --------------------------------------------------------------------------------------

    def cookie(self, http: HttpRequest, cookie: Cookie) -> str | None:
        """What the browser keeps for us under this name."""
        return http.cookies.get(self._cookie_name(cookie))

    def keep(self, response: Response, cookie: Cookie, value: str, seconds: int) -> None:
        """Have the browser keep this for so long, for this host alone and out of reach of any script."""
        response.set_cookie(
            self._cookie_name(cookie), value, seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop(self, response: Response, cookie: Cookie) -> None:
        """Have the browser forget it."""
        self.keep(response, cookie, "", 0)

    def _cookie_name(self, cookie: Cookie) -> str:
        # The prefix keeps other hosts of the same domain from planting one; browsers ask for TLS with it.
        return f"__Host-{cookie}" if self.secure else cookie


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def here(path: str | None, *, longest: int = 2_000) -> str:
    """The path, if it leads to a page of this queue; else the way home. Never to another site."""
    # Browsers take a backslash for a slash, and leave out tabs and line ends.
    if path is None or not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return HOME
    first = re.split("[/?#]", path[1:], maxsplit=1)[0]
    return HOME if first in ("login", "logout", "api") or len(path) > longest else path


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _network(peer: str) -> str:
    """An address as tries are counted for it: one customer has many in IPv6."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:100]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
