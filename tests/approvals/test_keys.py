"""The keys that sign links: made once, for their owner alone, and refused where they are no use."""

from __future__ import annotations

import threading

import pytest
from pydantic import SecretStr

from approvals.errors import LinkKeyError
from approvals.keys import open_keys


def test_a_key_is_made_when_it_is_first_needed_and_stays(tmp_path):
    path = tmp_path / "link.key"
    keys = open_keys(None, path)
    assert not path.exists()

    made = keys()

    assert (path.stat().st_mode & 0o777, len(made)) == (0o600, 1)
    assert open_keys(None, path)() == made
    assert [one.name for one in tmp_path.iterdir()] == ["link.key"]


def test_processes_that_come_at_once_have_one_key(tmp_path):
    path, found, together = tmp_path / "link.key", set(), threading.Barrier(8)

    def ask():
        together.wait()
        found.add(open_keys(None, path)())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 1


def test_keys_that_are_given_count_and_no_file_is_made(tmp_path):
    given = SecretStr(f"{'new' * 12} {'old' * 12}")

    assert open_keys(given, tmp_path / "link.key")() == (b"new" * 12, b"old" * 12)
    assert list(tmp_path.iterdir()) == []


def test_a_new_first_line_is_the_newest_key(tmp_path):
    path = tmp_path / "link.key"
    keys = open_keys(None, path)
    (old,) = keys()

    path.write_text(f"{'new' * 12}\n{old.decode()}\n")

    assert keys() == (b"new" * 12, old)


@pytest.mark.parametrize("given", ["", "short", f"{'long' * 10} short"])
def test_a_key_that_could_be_guessed_is_refused_and_not_repeated(tmp_path, given):
    with pytest.raises(LinkKeyError, match="at least 32") as refusal:
        open_keys(SecretStr(given), tmp_path / "link.key")()

    assert "short" not in str(refusal.value)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "link.key"
    keys = open_keys(None, path)
    keys()
    path.chmod(0o640)

    with pytest.raises(LinkKeyError, match="chmod 600"):
        open_keys(None, path)()


def test_a_home_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(LinkKeyError, match="APPROVALS_LINK_KEY"):
        open_keys(None, tmp_path / "nowhere" / "link.key")()
