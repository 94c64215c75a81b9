"""The keys that sign links: given as a setting, or in a file of the home that is made when it is first needed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from approvals.errors import LinkKeyError
from approvals.files import Reread

SHORTEST = 32
"""Characters that a key has at least."""


def open_keys(given: SecretStr | None, path: Path) -> Callable[[], tuple[bytes, ...]]:
    """The keys as they are now, newest first: those given, or those of the file, which is made if it is not there."""
    if given is not None:
        text = given.get_secret_value()
        return lambda: _keys(text, "APPROVALS_LINK_KEY")
    read = Reread(path, _read)

    def kept() -> tuple[bytes, ...]:
        if not path.exists():
            _make(path)
        return read()

    return kept


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        if path.stat().st_mode & 0o077:
            raise LinkKeyError(f"Others can read the key that signs links. Run: chmod 600 {str(path)!r}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LinkKeyError(f"The key that signs links cannot be read from {str(path)!r}: {error}.") from error
    return _keys(text, repr(str(path)))


def _keys(text: str, where: str) -> tuple[bytes, ...]:
    keys = tuple(key.encode() for key in re.split(r"[\s,]+", text) if key)
    if not keys or min(map(len, keys)) < SHORTEST:
        raise LinkKeyError(
            f"{where} needs keys of at least {SHORTEST} characters, the newest first, with blanks between them. "
            "`openssl rand -base64 32` makes one."
        )
    return keys


def _make(path: Path) -> None:
    """Put a new key there, whole and readable by nobody else; one that somebody else put there meanwhile stays."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{secrets.token_urlsafe(32)}\n")
                file.flush()
                os.fsync(file.fileno())
            # A link does not replace what came there in between.
            with suppress(FileExistsError):
                os.link(partial, path)
        finally:
            os.unlink(partial)
    except OSError as error:
        raise LinkKeyError(
            f"The key that signs links cannot be kept at {str(path)!r} ({error.strerror}). "
            "Make the home writable, or set APPROVALS_LINK_KEY."
        ) from error
