"""Where a model is: `openai:MODEL@BASE_URL`, taken apart and found safe to send a key to."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from agents.errors import AgentError

_HOME = "https://api.openai.com/v1"
_FORM = "Write it as openai:MODEL@BASE_URL, such as openai:llama3.1@http://127.0.0.1:11434/v1."


class Place(NamedTuple):
    """A model on a server."""

    model: str
    base: str
    host: str
    port: int | None

    @property
    def address(self) -> str:
        """How it is addressed; stands on every draft it writes. It holds no key."""
        return f"openai:{self.model}@{self.base}"

    @property
    def served_by(self) -> str:
        """`host`, or `host:port` where the address names a port; what a price table knows it by."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


def place_of(address: str, *, with_key: bool) -> Place:
    """The model and server that the address names; without a server, OpenAI's own.

    Raises:
        AgentError: no model, no web address, a secret in it, or a key that would be sent for everybody to read.
    """
    named = address.partition(":")[2]
    model, at, base = named.rpartition("@http")
    model, base = (model, f"http{base}") if at else (named, _HOME)
    if not model or re.search(r"[\s\x00-\x1f@]", model):
        raise AgentError(f"AGENTS_MODEL names no model: {_shown(address)!r}. {_FORM}")
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\\]", base):
        raise AgentError(f"AGENTS_MODEL names no web address of a server: {_shown(address)!r}. {_FORM}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise AgentError(
            "AGENTS_MODEL holds more than a server's address: a user name, a password or a query does not belong "
            "there. The key goes into AGENTS_MODEL_KEY."
        )
    if parts.scheme == "http" and with_key and not _is_this_machine(host):
        raise AgentError(
            f"AGENTS_MODEL is at http://{host}, where AGENTS_MODEL_KEY would be sent for everybody to read. "
            "Use https, or unset the key."
        )
    return Place(model, base.rstrip("/"), host, port)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(address: str) -> str:
    """The address without what may be a password."""
    return re.sub(r"//[^/]*@", "//…@", address)
