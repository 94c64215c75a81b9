"""CSV files as tables: read as spreadsheets write them, changed together or not at all, and safe to open in Excel."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from agents.errors import CrmUnavailable

BUSY_SECONDS = 15.0
_NEW, _COMMIT, _LOCK = ".countersign-new", ".countersign-commit", ".countersign-lock"
_BOM = "\ufeff"
# A spreadsheet takes a cell that begins so for a formula, and runs it.
_DANGEROUS = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_DELIMITERS = (",", ";", "\t")


def guarded(value: str) -> str:
    """The value as a cell that no spreadsheet runs: an apostrophe before what would begin a formula."""
    return f"'{value}" if _DANGEROUS.match(value) else value


def plain(cell: str) -> str:
    """The value of a cell, whoever wrote it; for every value, `plain(guarded(value)) == value`."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell) else cell


class Changed(Exception):
    """Somebody saved one of the files while we were at it."""


class Row:
    """One line of a table, by heading."""

    def __init__(self, headings: list[str], cells: list[str]) -> None:
        self._headings = headings
        self.cells = cells

    def __getitem__(self, heading: str) -> str:
        place = self._headings.index(heading) if heading in self._headings else len(self.cells)
        return plain(self.cells[place]) if place < len(self.cells) else ""

    def __setitem__(self, heading: str, value: str) -> None:
        if heading not in self._headings:
            self._headings.append(heading)
        place = self._headings.index(heading)
        self.cells.extend([""] * (place + 1 - len(self.cells)))
        self.cells[place] = guarded(value)


class Table:
    """One file: its headings and rows, in the dialect in which it was found."""

    def __init__(self, path: Path, headings: Iterable[str]) -> None:
        self.path = path
        self.headings = list(headings)
        self.rows: list[Row] = []
        self.changed = False
        self._delimiter = ","
        # Excel takes a file without this mark for one in the code page of the machine.
        self._mark = _BOM
        self._seen = _signature(path)
        if self._seen is not None:
            self._read()

    def add(self, **values: str) -> Row:
        """A new row at the end."""
        row = Row(self.headings, [])
        for heading, value in values.items():
            row[heading] = value
        self.rows.append(row)
        self.changed = True
        return row

    def remove(self, row: Row) -> None:
        """Take a row out."""
        self.rows = [one for one in self.rows if one is not row]
        self.changed = True

    def text(self) -> str:
        """The whole file as it is to be written."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=self._delimiter, lineterminator="\r\n")
        writer.writerow(self.headings)
        for row in self.rows:
            writer.writerow(row.cells + [""] * (len(self.headings) - len(row.cells)))
        return self._mark + out.getvalue()

    def moved(self) -> bool:
        """Whether the file is another one by now than was read."""
        return _signature(self.path) != self._seen

    def _read(self) -> None:
        try:
            text = self.path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise CrmUnavailable(
                f"{str(self.path)!r} is not UTF-8 (byte {error.start}). Save it from the spreadsheet as “CSV UTF-8”."
            ) from error
        self._mark = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        first = text.partition("\n")[0]
        self._delimiter = max(_DELIMITERS, key=first.count)
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise CrmUnavailable(f"{str(self.path)!r} is no readable CSV ({error}). Mend it, or restore it.") from error
        found = [heading.strip() for heading in lines[0]] if lines else []
        self.headings = [*found, *(heading for heading in self.headings if heading not in found)]
        self.rows = [Row(self.headings, cells) for cells in lines[1:] if any(cells)]


class Folder:
    """A folder of tables. Whoever reads or writes holds its lock; what changes, changes together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / _LOCK, timeout=BUSY_SECONDS, thread_local=False)

    @contextlib.contextmanager
    def tables(self, headings: dict[str, tuple[str, ...]]) -> Iterator[dict[str, Table]]:
        """Each table by the name of its file without `.csv`; what was changed is written when the block ends well.

        Raises:
            Changed: a file was saved by somebody else meanwhile; nothing of ours was written.
            CrmUnavailable: the folder or a file cannot be used; the message says what to change.
        """
        with self._translated():
            self.path.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._finish()
                tables = {name: Table(self.path / f"{name}.csv", columns) for name, columns in headings.items()}
                yield tables
                self._commit([table for table in tables.values() if table.changed])

    def _commit(self, tables: list[Table]) -> None:
        if not tables:
            return
        new = self.path / _NEW
        new.mkdir()
        for table in tables:
            with (new / table.path.name).open("w", encoding="utf-8", newline="") as file:
                file.write(table.text())
                file.flush()
                os.fsync(file.fileno())
        if any(table.moved() for table in tables):
            shutil.rmtree(new)
            raise Changed
        # From here on it counts: a process killed below is finished by the next one.
        new.rename(self.path / _COMMIT)
        self._finish()

    def _finish(self) -> None:
        """Complete what a process began to put in place, and forget what it had not decided on."""
        shutil.rmtree(self.path / _NEW, ignore_errors=True)
        commit = self.path / _COMMIT
        if commit.is_dir():
            for file in commit.iterdir():
                file.replace(self.path / file.name)
            commit.rmdir()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Timeout as error:
            raise CrmUnavailable(
                f"The folder {str(self.path)!r} was busy for {BUSY_SECONDS:.0f} seconds. Find the process that holds "
                "its lock, or try again."
            ) from error
        except OSError as error:
            raise CrmUnavailable(
                f"The folder {str(self.path)!r} cannot be used ({error.strerror or error}). Make it writable, close "
                "its files in the spreadsheet, or point AGENTS_CRM somewhere else."
            ) from error


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
