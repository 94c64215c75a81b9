"""Both keepers of snapshots, by one suite; and what only a folder can get wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agents.ports import Snapshots
from agents.web.snapshots import FolderSnapshots, MemorySnapshots


@pytest.fixture(params=["folder", "memory"])
def snapshots(request: pytest.FixtureRequest, tmp_path: Path) -> Snapshots:
    return FolderSnapshots(tmp_path / "kept") if request.param == "folder" else MemorySnapshots()


def test_what_was_kept_comes_back_under_its_digest(snapshots: Snapshots) -> None:
    digest = snapshots.put(b"<p>Halden")

    assert digest == hashlib.sha256(b"<p>Halden").hexdigest()
    assert snapshots.get(digest) == b"<p>Halden"


def test_the_same_bytes_are_kept_once(snapshots: Snapshots) -> None:
    assert snapshots.put(b"x") == snapshots.put(b"x")


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", "x" * 64])
def test_an_unknown_digest_gives_nothing(snapshots: Snapshots, digest: str) -> None:
    assert snapshots.get(digest) is None


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)

    with pytest.raises(OSError, match="disk full"):
        FolderSnapshots(tmp_path).put(b"<p>Halden")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_bytes_that_were_changed_on_disk_count_as_lost(tmp_path: Path) -> None:
    kept = FolderSnapshots(tmp_path)
    digest = kept.put(b"<p>Halden")

    next(path for path in tmp_path.rglob("*") if path.is_file()).write_bytes(b"<p>Other")

    assert kept.get(digest) is None
