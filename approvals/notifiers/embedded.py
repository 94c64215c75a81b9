"""Messages kept on this machine, in memory or as a file of JSON lines: for a first look, and for tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from approvals.deliveries import Notice
from approvals.errors import NotDelivered, UnknownScheme
from approvals.ports import Notifier


class MemoryNotifier:
    """Keeps what is sent for as long as it lives."""

    def __init__(self) -> None:
        self.sent: list[Notice] = []

    def send(self, notice: Notice) -> None:
        """Keep the message."""
        self.sent.append(notice)


class FileNotifier:
    """Appends each message to a file, as a line of JSON, readable for nobody else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, notice: Notice) -> None:
        """Append the message.

        Raises:
            NotDelivered: the file cannot be written.
        """
        line = f"{json.dumps({**notice.model_dump(), 'at': notice.at.isoformat()})}\n".encode()
        try:
            opened = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            try:
                os.write(opened, line)
            finally:
                os.close(opened)
        except OSError as error:
            raise NotDelivered(f"The file {str(self.path)!r} cannot be written: {error.strerror}.") from error


def open_embedded(address: str) -> Notifier:
    """The notifier at `memory:` or `file:///path/messages.jsonl`."""
    scheme, _, rest = address.partition(":")
    if scheme == "memory":
        return MemoryNotifier()
    path = Path(url2pathname(urlsplit(address).path))
    if not rest.startswith("///") or not path.is_absolute():
        raise UnknownScheme("A file of messages is named as file:///PATH, with three slashes.")
    return FileNotifier(path)
