"""Short messages between the processes of one home on one machine, through sockets that only its owner can reach.

They save waiting, and nothing depends on them: whoever missed one finds out by looking. There are three listeners.
The waker is told that an answer was given; workers, that a run is about to be resumed, and that it was; and a process
that lingers in a gate, that its request was answered.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
from pathlib import Path
from typing import Any, Literal

Message = dict[str, Any]

Whom = Literal["waker", "worker", "run"]

log = logging.getLogger("countersign.handover")

_FOLDER = "run"
_MOST = 4096


class Ear:
    """Where one listener of a home is told things; other users of the machine can neither read nor write it."""

    def __init__(self, home: Path, whom: Whom, name: str) -> None:
        """
        Raises:
            OSError: there are no such sockets here, or the home cannot be written.
        """
        folder = home / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
        self._path = folder / f"{whom}-{name}.sock"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            with _short(folder) as short:
                self._socket.bind(f"{short}/{self._path.name}")
            os.chmod(self._path, 0o600)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Of the socket, for whoever waits for several things."""
        return self._socket.fileno()

    def heard(self, seconds: float = 0.0) -> list[Message]:
        """What has been said, after waiting at most so long for the first word."""
        if seconds > 0 and not select.select([self._socket], [], [], seconds)[0]:
            return []
        said: list[Message] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                words = self._socket.recv(_MOST)
                with contextlib.suppress(ValueError):
                    if isinstance(message := json.loads(words), dict):
                        said.append(message)
        return said

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def tell(home: Path, whom: Whom, message: Message, *, name: str = "*") -> int:
    """Tell every listener of this kind in this home; how many there were. Never waits, never fails."""
    folder, words, told = home / _FOLDER, json.dumps(message).encode(), 0
    try:
        paths = list(folder.glob(f"{whom}-{name}.sock"))
        if not paths:
            return 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth, _short(folder) as short:
            mouth.setblocking(False)
            for path in paths:
                try:
                    mouth.sendto(words, f"{short}/{path.name}")
                    told += 1
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)  # its listener was killed
                except OSError as error:
                    log.debug("%s was not told: %s", path.name, error)
    except OSError as error:
        log.debug("Nobody was told: %s", error)
    return told


@contextlib.contextmanager
def _short(folder: Path) -> Any:
    """The folder by a path that is short enough for a socket's address."""
    if len(str(folder)) < 60 or not Path("/proc/self/fd").exists():
        yield folder
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
