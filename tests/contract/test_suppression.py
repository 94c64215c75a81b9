"""One contract for every suppression list."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.errors import SuppressionUnavailable, UnknownScheme
from agents.ports import Suppression, SuppressionList
from agents.suppressing import subject_of
from agents.suppression import LISTS, open_suppression

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(text: str, **terms: str) -> Suppression:
    subject = subject_of(text)
    return Suppression(sha256=subject.sha256, kind=subject.kind, at=NOON, **terms)  # type: ignore[arg-type]


@pytest.fixture(params=["home", "path"])
def suppressed(request: pytest.FixtureRequest, tmp_path: Path) -> SuppressionList:
    address = "file:" if request.param == "home" else f"file:///{tmp_path}/deep/list.csv"
    return open_suppression(address, home=tmp_path / "home")


def test_an_empty_list_holds_nobody(suppressed: SuppressionList) -> None:
    assert suppressed.entries() == ()
    assert suppressed.find([entry("halden.example").sha256]) is None


def test_whoever_is_added_is_found_by_digest_and_kept_in_order(suppressed: SuppressionList) -> None:
    halden, anna = (
        entry("halden.example", reason="Asked, twice; “never again”", by="rita"),
        entry("anna@kestrel.example"),
    )

    assert suppressed.add([halden, anna]) == 2

    assert suppressed.entries() == (halden, anna)
    assert suppressed.find(["0" * 64, anna.sha256]) == anna


def test_whoever_is_there_stays_as_they_are(suppressed: SuppressionList) -> None:
    first = entry("halden.example", reason="by letter")
    suppressed.add([first])

    assert suppressed.add([entry("halden.example", reason="by phone"), entry("kestrel.example")]) == 1

    assert suppressed.find([first.sha256]) == first


def test_whoever_is_removed_is_gone_and_nobody_else(suppressed: SuppressionList) -> None:
    halden, kestrel = entry("halden.example"), entry("kestrel.example")
    suppressed.add([halden, kestrel])

    assert suppressed.remove([halden.sha256]) == 1
    assert suppressed.remove([halden.sha256]) == 0

    assert suppressed.entries() == (kestrel,)


def test_another_opening_sees_what_was_added(tmp_path: Path) -> None:
    one, other = open_suppression("file:", home=tmp_path), open_suppression("file:", home=tmp_path)
    assert other.entries() == ()

    one.add([entry("halden.example")])

    assert [found.kind for found in other.entries()] == ["domain"]


def test_many_at_once_lose_nobody(tmp_path: Path) -> None:
    def add(number: int) -> None:
        open_suppression("file:", home=tmp_path).add([entry(f"c{number}.example")])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(open_suppression("file:", home=tmp_path).entries()) == 12


def test_the_file_names_nobody(tmp_path: Path) -> None:
    open_suppression("file:", home=tmp_path).add([entry("anna@halden.example")])

    assert "halden" not in (tmp_path / "suppressed.csv").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sha256,kind,reason,at,by\nshort,domain,,2026-03-02T12:00:00Z,\n", r"at line 2 \(sha256"),
        ("halden.example\nkestrel.example\n", "does not read at line 2"),
    ],
)
def test_a_list_that_does_not_read_lets_nobody_through(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "suppressed.csv").write_text(text)

    with pytest.raises(SuppressionUnavailable, match=says):
        open_suppression("file:", home=tmp_path).find(["0" * 64])


def test_a_list_that_cannot_be_opened_lets_nobody_through(tmp_path: Path) -> None:
    (tmp_path / "suppressed.csv").mkdir()

    with pytest.raises(SuppressionUnavailable, match="Nobody is approached until it can"):
        open_suppression("file:", home=tmp_path).entries()


def test_an_unknown_scheme_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownScheme, match=r"file:.*AGENTS_SUPPRESSION"):
        open_suppression("ldap://people", home=tmp_path)

    assert "file" in LISTS


def test_what_is_replaced_is_whole_or_not_there(tmp_path: Path) -> None:
    listed = open_suppression("file:", home=tmp_path)
    listed.add([entry("halden.example")])

    assert stat.S_ISREG((tmp_path / "suppressed.csv").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suppressed.csv", "suppressed.csv.lock"]
