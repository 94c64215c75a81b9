from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.documents import Source
from agents.research import StoredPages
from agents.web import FolderSnapshots, MemorySnapshots


class Counting(MemorySnapshots):
    """Counts how often it was asked."""

    asked = 0

    def get(self, sha256: str) -> bytes | None:
        self.asked += 1
        return super().get(sha256)


def source_of(
    snapshots: MemorySnapshots | FolderSnapshots, text: str, body: bytes = b"", charset: str = "utf-8"
) -> Source:
    return Source(
        id="s1",
        address="https://halden.example/",
        kind="site",
        fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
        sha256=snapshots.put(body),
        text_sha256=snapshots.put(text.encode()),
        media_type=f"text/html; charset={charset}",
    )


def test_each_part_is_read_from_what_was_kept() -> None:
    snapshots = MemorySnapshots()
    source = source_of(snapshots, "Präzision", "<p>Präzision</p>".encode("cp1252"), "cp1252")
    pages = StoredPages(snapshots)

    assert pages.text(source, "text") == "Präzision"
    assert pages.text(source, "markup") == "<p>Präzision</p>"


def test_a_text_is_fetched_once() -> None:
    snapshots = Counting()
    source = source_of(snapshots, "Kiel")
    pages = StoredPages(snapshots)

    assert [pages.text(source, "text") for _ in range(5)] == ["Kiel"] * 5
    assert snapshots.asked == 1


def test_what_is_kept_at_hand_is_bounded_and_the_oldest_goes_first() -> None:
    snapshots = Counting()
    sources = [source_of(snapshots, letter * 40) for letter in "abc"]
    pages = StoredPages(snapshots, most=100)
    for source in sources:
        pages.text(source, "text")

    pages.text(sources[2], "text")
    asked = snapshots.asked
    pages.text(sources[0], "text")

    assert (asked, snapshots.asked) == (3, 4)


def test_a_text_beyond_the_bound_is_read_and_not_kept() -> None:
    snapshots = Counting()
    source = source_of(snapshots, "x" * 200)
    pages = StoredPages(snapshots, most=100)

    assert pages.text(source, "text") == pages.text(source, "text") == "x" * 200
    assert snapshots.asked == 2


def test_what_is_lost_spoilt_or_unreadable_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = FolderSnapshots(tmp_path)
    source = source_of(snapshots, "Kiel")
    kept = tmp_path / source.text_sha256[:2] / source.text_sha256
    pages = StoredPages(snapshots)

    kept.write_bytes(b"Oslo")
    spoilt = pages.text(source, "text")
    kept.unlink()
    lost = pages.text(source, "text")
    kept.mkdir()
    unreadable = pages.text(source, "text")

    assert (spoilt, lost, unreadable) == (None, None, None)
