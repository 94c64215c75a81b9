"""Files that people edit while we run."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from approvals.files import Reread, alone_in, write_whole


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "terms.toml"
    file.write_text("one")
    return file


def test_a_file_is_read_once_until_it_changes(file):
    reads = []

    def read(path):
        reads.append(path.read_text())
        return reads[-1]

    content = Reread(file, read)

    assert (content(), content(), reads) == ("one", "one", ["one"])
    write_whole(file, "two")
    assert (content(), content(), reads) == ("two", "two", ["one", "two"])


def test_a_file_that_was_replaced_by_one_of_the_same_size_and_time_has_changed(file):
    content = Reread(file, lambda path: path.read_text())
    assert content() == "one"
    before = file.stat()

    write_whole(file, "two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert content() == "two"


def test_what_failed_is_tried_again_at_every_call(file):
    calls = []

    def read(path):
        calls.append(path)
        raise ValueError("broken")

    content = Reread(file, read)

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            content()
    assert len(calls) == 2


def test_writing_keeps_the_permissions_and_leaves_nothing_beside_the_file(file):
    file.chmod(0o640)

    write_whole(file, "zwei\r\n")

    assert file.read_bytes() == b"zwei\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(file.parent) == ["terms.toml"]


def test_a_write_that_fails_leaves_the_file_as_it_was(file):
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "\ud800")

    assert file.read_text() == "one"
    assert os.listdir(file.parent) == ["terms.toml"]


def test_who_comes_second_waits(file):
    order, entered = [], threading.Event()

    def second():
        entered.set()
        with alone_in(file.parent):
            order.append("second")

    with alone_in(file.parent):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
