"""The suppression list that ships: a CSV file of digests, changed under a lock and replaced as a whole."""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from agents.errors import SuppressionUnavailable
from agents.ports import Suppression

_COLUMNS = tuple(Suppression.model_fields)


class FileList:
    """One file for every process of a home; each reads it again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._known: dict[str, Suppression] = {}

    @classmethod
    def open(cls, address: str, *, home: Path) -> FileList:
        """The list in `<home>/suppressed.csv`, or in the file that the address names."""
        rest = address.removeprefix("file:").removeprefix("//")
        return cls(Path(rest) if rest else home / "suppressed.csv")

    def entries(self) -> tuple[Suppression, ...]:
        """Every entry, oldest first."""
        return tuple(self._read().values())

    def find(self, digests: Collection[str]) -> Suppression | None:
        """The first entry under one of these digests, or None."""
        known = self._read()
        return next((known[digest] for digest in digests if digest in known), None)

    def add(self, entries: Sequence[Suppression]) -> int:
        """Put these on the list; tells how many were not there."""
        with self._locked():
            known = self._read()
            new = {entry.sha256: entry for entry in reversed(entries) if entry.sha256 not in known}
            if new:
                self._write({**known, **dict(reversed(new.items()))})
            return len(new)

    def remove(self, digests: Collection[str]) -> int:
        """Take these off the list; tells how many were on it."""
        with self._locked():
            known = self._read()
            left = {digest: entry for digest, entry in known.items() if digest not in digests}
            if len(left) != len(known):
                self._write(left)
            return len(known) - len(left)

    # -- the file ------------------------------------------------------------------------------------------------

    def _read(self) -> dict[str, Suppression]:
        try:
            with self._path.open(encoding="utf-8", newline="") as file:
                stat = os.fstat(file.fileno())
                stamp = (stat.st_ino, stat.st_mtime_ns)
                if stamp != self._seen:
                    self._known = dict(self._parsed(file.read()))
                    self._seen = stamp
        except FileNotFoundError:
            self._known, self._seen = {}, None
        except (OSError, UnicodeDecodeError) as error:
            raise SuppressionUnavailable(
                f"The suppression list {str(self._path)!r} cannot be read ({error}). "
                "Nobody is approached until it can; mend it, or point AGENTS_SUPPRESSION to another."
            ) from error
        return self._known

    def _parsed(self, text: str) -> Iterator[tuple[str, Suppression]]:
        reader = csv.DictReader(io.StringIO(text))
        for row in reader:
            try:
                entry = Suppression.model_validate(row)
            except ValidationError as error:
                first = error.errors()[0]
                raise SuppressionUnavailable(
                    f"The suppression list {str(self._path)!r} does not read at line {reader.line_num} "
                    f"({first['loc'][0]}: {first['msg']}). Nobody is approached until it does; mend the line."
                ) from error
            yield entry.sha256, entry

    def _write(self, known: dict[str, Suppression]) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(entry.model_dump(mode="json") for entry in known.values())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise SuppressionUnavailable(
                f"The suppression list {str(self._path)!r} cannot be written ({error.strerror}). "
                "Make its folder writable, or point AGENTS_SUPPRESSION to another file."
            ) from error
