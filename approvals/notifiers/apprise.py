"""Everything that Apprise reaches: mail, Slack, Teams, and a hundred others.

Apprise raises nothing: it answers false and writes what happened to its log, addresses and all. So its log is read
here for a reason that can be told, and goes nowhere else.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

import apprise

from approvals.deliveries import Notice
from approvals.errors import NotDelivered, UnknownScheme
from approvals.ports import Notifier

_LOG = logging.getLogger("apprise")
_STATUS = re.compile(r"error=(\d{3})\b")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:")
_MAIL = frozenset({"mailto", "mailtos"})

# What chats read as more than text: links with another wording, and calls to everybody in a room.
_CHAT = str.maketrans({"<": "‹", ">": "›", "[": "⟦", "]": "⟧", "`": "'", "*": "∗"})
_CALL = re.compile(r"(?<![\w.+-])@(?=\w)")

_logging = threading.Lock()


class AppriseNotifier:
    """Sends through one address of Apprise's."""

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._scheme = address.partition(":")[0].casefold()

    def send(self, notice: Notice) -> None:
        """Hand the message to Apprise; a mail goes to `notice.to`, where that is said.

        Raises:
            NotDelivered: Apprise says that it did not arrive.
        """
        service: Any = _opened(self._address)
        service.socket_connect_timeout = service.socket_read_timeout = self._seconds
        subject, text = notice.subject, notice.text
        if self._scheme in _MAIL:
            service.notify_format = apprise.NotifyFormat.TEXT
            # Set, not written into the address: nothing of a person's name or address is parsed again.
            if notice.to is not None:
                service.targets = [(" ".join(notice.name.split()) or False, notice.to)]
            service.headers.update({"X-Countersign-Event": notice.id, "Auto-Submitted": "auto-generated"})
        else:
            subject, text = _as_chat(subject, notice.url), _as_chat(text, notice.url)
        sender = apprise.Apprise(asset=_ASSET)
        sender.add(service)
        with _Listening() as heard:
            arrived = sender.notify(body=text, title=subject, body_format=apprise.NotifyFormat.TEXT)
        if not arrived:
            raise NotDelivered(f"{self._scheme}:// did not take the message{heard.reason()}.")


class _Listening(logging.Handler):
    """Hears what Apprise logs while it sends, and keeps it from everybody else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._statuses: list[str] = []
        self._unconnected = False

    def emit(self, record: logging.LogRecord) -> None:
        """Note the status of an answer; the rest may quote an address."""
        said = record.getMessage()
        self._statuses += _STATUS.findall(said)
        self._unconnected = self._unconnected or "onnection error" in said or "onnection rror" in said

    def reason(self) -> str:
        """Why it did not arrive, as far as that can be told."""
        if self._statuses:
            return f"; it answered {self._statuses[-1]}"
        return "; it could not be reached" if self._unconnected else ""

    def __enter__(self) -> _Listening:
        _logging.acquire()
        self._before = (_LOG.propagate, _LOG.handlers[:], _LOG.level)
        _LOG.propagate, _LOG.handlers = False, [self]
        _LOG.setLevel(logging.WARNING)
        return self

    def __exit__(self, *_: object) -> None:
        _LOG.propagate, _LOG.handlers = self._before[:2]
        _LOG.setLevel(self._before[2])
        _logging.release()


_ASSET = apprise.AppriseAsset(
    app_id="Countersign",
    app_desc="Countersign",
    app_url="",
    plugin_paths=[],
    storage_mode=apprise.PersistentStoreMode.MEMORY,
    async_mode=False,
)


def _opened(address: str) -> Any:
    with _Listening():
        service = apprise.Apprise.instantiate(address, asset=_ASSET, suppress_exceptions=True)
    if not isinstance(service, apprise.NotifyBase):
        # Without a scheme the beginning of an address may be all of it.
        scheme = address.partition(":")[0] if _SCHEME.match(address) else "nothing that is a scheme"
        raise UnknownScheme(
            f"No notifier can be made of the address that begins with {scheme}: it is none of ours (file, "
            "webhook+https) and Apprise does not know it, or something in it is missing. See Apprise's page on it."
        )
    return service


def _as_chat(text: str, url: str) -> str:
    """Text of which a chat makes nothing but text, with our own address as it is."""
    parts = text.split(url) if url else [text]
    return url.join(_CALL.sub("@ ", part.translate(_CHAT)) for part in parts)


def open_apprise(address: str, *, seconds: float = 10.0) -> Notifier:
    """The notifier at an address of Apprise's.

    Raises:
        UnknownScheme: Apprise cannot make anything of it.
    """
    _opened(address)
    return AppriseNotifier(address, seconds)
