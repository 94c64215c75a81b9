"""A home that runs once: its lock, the note of where its parts are, and ports that are free for them."""

from __future__ import annotations

import fcntl
import json
import socket
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import IO

from flows.errors import ServerError
from flows.prefect_server import Addresses


def running(home: Path) -> Addresses | None:
    """The addresses of what runs on this home now; None where nothing does."""
    try:
        addresses = Addresses(**json.loads((home / "up.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return addresses if _held(home) else None


def locked(home: Path) -> IO[str]:
    """The lock of this home, held until it is closed.

    Raises:
        ServerError: another `up` holds it; the message says where its parts are.
    """
    lock = (home / "up.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        found = running(home)
        where = f": Prefect at {found.prefect}, the queue at {found.queue}" if found else ""
        raise ServerError(f"Countersign runs on {str(home)!r} already{where}. Stop it first with Ctrl-C.") from None
    return lock


def free_port(port: int, what: str, setting: str) -> int:
    """This port, if a server may listen on it; for 0, one that is free.

    Raises:
        ServerError: somebody listens there, or the port is reserved; the message names the setting that changes it.
    """
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerError(
                f"Port {port} for {what} is not to be had ({error.strerror}){_whose(port)}. "
                f"Stop what uses it, or set {setting} to another port (0 takes a free one)."
            ) from error
        return int(probe.getsockname()[1])


def _whose(port: int) -> str:
    """Of which Prefect's server the port is, if it is one's."""
    with (
        suppress(OSError, ValueError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/admin/version", timeout=1) as answer,
    ):
        version = json.loads(answer.read(100))
        return f": a server of Prefect {version} answers there" if isinstance(version, str) else ""
    return ""


def _held(home: Path) -> bool:
    try:
        with (home / "up.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
