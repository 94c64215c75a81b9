"""Keeps what was read: one file per body, named by its sha256; or in memory, for as long as the process lives."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

_DIGEST = re.compile(r"^[0-9a-f]{64}$")


class FolderSnapshots:
    """Bodies in a folder. A file appears whole or not at all, and is never written twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, body: bytes) -> str:
        """Keep these bytes; return their sha256 as hex."""
        digest = hashlib.sha256(body).hexdigest()
        path = self._path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(body)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return digest

    def get(self, sha256: str) -> bytes | None:
        """The bytes kept under this digest, or None; bytes that no longer fit their digest count as lost."""
        if not _DIGEST.match(sha256):
            return None
        try:
            body = self._path(sha256).read_bytes()
        except FileNotFoundError:
            return None
        return body if hashlib.sha256(body).hexdigest() == sha256 else None

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


class MemorySnapshots:
    """Bodies in memory, gone with the process."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def put(self, body: bytes) -> str:
        """Keep these bytes; return their sha256 as hex."""
        digest = hashlib.sha256(body).hexdigest()
        self._bodies.setdefault(digest, body)
        return digest

    def get(self, sha256: str) -> bytes | None:
        """The bytes kept under this digest, or None."""
        return self._bodies.get(sha256)
