"""A file that people edit while we run: its content is read again when it changes, and written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_Stamp = tuple[int, int, int]


class Reread(Generic[T]):
    """What `read` makes of a file, made again once the file has changed.

    A file that became unreadable raises on every call until it is mended: what it said before is not kept.
    """

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path = path
        self._read = read
        self._known: tuple[_Stamp, T] | None = None

    def __call__(self) -> T:
        """The content as it is now."""
        # The stamp is taken first: a change while we read is then noticed at the next call.
        stamp = _stamp(self._path)
        known = self._known
        if known is not None and known[0] == stamp:
            return known[1]
        content = self._read(self._path)
        self._known = (stamp, content) if stamp is not None else None
        return content


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def write_whole(path: Path, text: str) -> None:
    """Replace the file in one step, so that no reader ever sees half of it; keeps its permissions."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder against others who read, change and write one of its files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
