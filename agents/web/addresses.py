"""Which addresses may be fetched: public web hosts by name, and nothing private, local, disguised or reserved."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from agents.errors import AddressRefused

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\]")
_HOST = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)$")
_NUMERIC = re.compile(r"^(?:0x[0-9a-f]*|\d+)$")
_LOCAL_NAMES = re.compile(
    r"(?:^|\.)(?:localhost|localdomain|local|internal|intranet|lan|home|corp|private|onion|arpa|metadata)$"
)
_REFUSED_V4 = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24",
        "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32", "100.100.100.200/32",  # metadata and wire servers of clouds, on public or shared addresses
    )
)  # fmt: skip
_REFUSED_V6 = tuple(
    ipaddress.ip_network(net)
    for net in (
        "::/128", "::1/128", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3ffe::/16", "3fff::/20",
        "5f00::/16", "64:ff9b:1::/48", "fc00::/7", "fd00:ec2::254/128",
        "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart and found well-formed; `allowed` stands on the caller's own list of hosts."""

    address: str
    scheme: str
    host: str
    port: int
    allowed: bool

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == standard else f":{self.port}")


def parse(address: str, *, ports: frozenset[int], allow_hosts: frozenset[str]) -> Target:
    """The address, if it is one of the public web.

    Raises:
        AddressRefused: another scheme or port, credentials, control characters, or a local or disguised host.
    """
    if _CONTROL.search(address):
        raise AddressRefused(
            f"{address!r} is not fetched: it holds spaces, control characters or backslashes.", address=address
        )
    try:
        parts = urlsplit(address)
        port, host = parts.port, (parts.hostname or "")
    except ValueError:
        raise AddressRefused(f"{address!r} is not fetched: it is not a well-formed address.", address=address) from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise AddressRefused(f"{address!r} is not fetched: only http and https addresses are.", address=address)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise AddressRefused(f"{address!r} is not fetched: it holds a user name or password.", address=address)
    if "[" in parts.netloc and ":" not in host:
        raise AddressRefused(f"{address!r} is not fetched: {host!r} is no address.", address=address)
    host = _canonical(host, address)
    port = port if port is not None else (443 if scheme == "https" else 80)
    allowed = host in allow_hosts or f"{host}:{port}" in allow_hosts
    if not allowed:
        if port not in ports:
            listed = ", ".join(map(str, sorted(ports)))
            raise AddressRefused(f"{address!r} is not fetched: port {port} is not among {listed}.", address=address)
        _check_name(host, address)
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if parts.port is None else f"{shown}:{port}"
    return Target(urlunsplit((scheme, netloc, parts.path or "/", parts.query, "")), scheme, host, port, allowed)


def _canonical(host: str, address: str) -> str:
    if not host or "%" in host:
        raise AddressRefused(f"{address!r} is not fetched: its host is missing or disguised.", address=address)
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise AddressRefused(f"{address!r} is not fetched: {host!r} is no address.", address=address) from None
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower()
    try:
        return plain if plain.isascii() else plain.encode("idna").decode("ascii")
    except UnicodeError:
        raise AddressRefused(f"{address!r} is not fetched: {host!r} is no host name.", address=address) from None


def _check_name(host: str, address: str) -> None:
    if ":" in host:
        _check_literal(ipaddress.IPv6Address(host), address)
        return
    bare = host.rstrip(".")
    if _NUMERIC.match(bare.rsplit(".", 1)[-1]):
        # Browsers read 127.1, 0x7f.1 and 2130706433 as addresses; only the plain form with four decimals is taken.
        try:
            literal = ipaddress.IPv4Address(bare)
        except ValueError:
            raise AddressRefused(
                f"{address!r} is not fetched: {host!r} is an address in disguise.", address=address
            ) from None
        _check_literal(literal, address)
        return
    if "." not in bare or _LOCAL_NAMES.search(bare):
        raise AddressRefused(
            f"{address!r} is not fetched: {host!r} is a name of a local network. An intranet host "
            "can be allowed in the settings.",
            address=address,
        )
    if not _HOST.match(bare):
        raise AddressRefused(f"{address!r} is not fetched: {host!r} is no host name.", address=address)


def _check_literal(ip: IpAddress, address: str) -> None:
    if (why := refusal(str(ip))) is not None:
        raise AddressRefused(f"{address!r} is not fetched: {ip} is {why}.", address=address)


def refusal(text: str) -> str | None:
    """Why an IP address may not be connected to; None for a public one."""
    try:
        ip: IpAddress = ipaddress.ip_address(text)
    except ValueError:
        return "no address"
    if isinstance(ip, ipaddress.IPv4Address):
        return _refusal_v4(ip)
    if ip.scope_id is not None:
        return "a local address"
    inner = _wrapped(ip)
    if inner is not None and (why := _refusal_v4(inner)) is not None:
        return f"{inner} in disguise, {why}"
    if ip.ipv4_mapped is not None or ip in _NAT64:
        return None
    if any(ip in net for net in _REFUSED_V6) or ip not in _GLOBAL_V6 or not ip.is_global:
        return "a private, local or reserved address"
    return None


def _refusal_v4(ip: ipaddress.IPv4Address) -> str | None:
    if any(ip in net for net in _REFUSED_V4) or not ip.is_global or ip.is_multicast or ip.is_reserved:
        return "a private, local or reserved address"
    return None


def _wrapped(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one carries: mapped, compatible, NAT64, 6to4, Teredo or ISATAP."""
    raw = int(ip)
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    low = ipaddress.IPv4Address(raw & 0xFFFFFFFF)
    if ip in _NAT64 or raw >> 32 == 0 or (raw >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):
        return low
    return None
