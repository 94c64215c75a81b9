"""CSV files: what spreadsheets wrote is read, what we write none runs, and a stop leaves no half of a change."""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.changes import AddNote, Associate, Create, Remove, SetField
from agents.crm import open_crm
from agents.crm.csv import CsvCrm
from agents.crm.csv_tables import Folder, Table, guarded, plain
from agents.errors import CrmUnavailable
from agents.ports import Crm

HALDEN = Create(
    object="company", key="co:halden.example", fields={"name": "Halden Freight", "phone": "+49 431 5550100"}
)
DEAL = Create(object="deal", key="dl:r1", fields={"name": "Offer", "amount": "100.00"})
NOTE = AddNote(key="nt:r1", object="deal", about="dl:r1", body='=HYPERLINK("http://x.example")\n"quoted"; a,b')
LINK = Associate(object="deal", key="dl:r1", to_object="company", to_key="co:halden.example")


def opened(folder: Path) -> Crm:
    return open_crm(f"csv://{folder}")


# -- cells -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "'=", "''+", "\uff1d", "'"])
def test_no_cell_of_ours_begins_a_formula_and_each_reads_as_it_was(begin: str) -> None:
    value = f"{begin}1+1"

    assert guarded(value)[0] not in "=+-@\t\r\n\uff1d"
    assert plain(guarded(value)) == value


@given(st.text())
def test_every_value_reads_as_it_was(value: str) -> None:
    assert plain(guarded(value)) == value


def test_the_files_hold_no_formula_whatever_a_field_holds(tmp_path: Path) -> None:
    crm = opened(tmp_path)
    evil = "=cmd|' /C calc'!A0"
    crm.apply(HALDEN.model_copy(update={"fields": {**HALDEN.fields, "name": evil}}), by="@anna")
    crm.apply(DEAL, by="anna")
    crm.apply(NOTE, by="anna")

    for file in tmp_path.glob("*.csv"):
        for line in csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline="")):
            assert not [cell for cell in line if cell[:1] in set("=+-@\t\r\n")], file
    record, note = crm.read("company", HALDEN.key), crm.note(NOTE.key)
    assert record is not None
    assert note is not None
    assert (record.fields["name"], note.body) == (evil, NOTE.body)
    assert crm.history("company", HALDEN.key)[0].by == "@anna"


# -- what others wrote -------------------------------------------------------------------------------------------


def test_an_export_of_another_program_is_read_and_kept_as_it_is(tmp_path: Path) -> None:
    """Semicolons, no mark, columns that we do not know, and no keys."""
    text = "Name;name;domain;owner;phone\r\n1;Halden Freight;Halden.example;Rita;+49 1\r\n2;Nowhere;;Rita;\r\n"
    (tmp_path / "companies.csv").write_bytes(text.encode())
    crm = opened(tmp_path)

    before = crm.records()
    done = crm.apply(
        SetField(object="company", key="co:halden.example", field="phone", before="+49 1", after="+49 2"), by="anna"
    )

    written = (tmp_path / "companies.csv").read_bytes().decode()
    assert [record.key for record in before] == ["co:halden.example"]
    assert done.outcome == "written"
    lines = written.splitlines()
    assert lines[0].startswith("Name;name;domain;owner;phone;key")
    assert lines[1].startswith("1;Halden Freight;Halden.example;Rita;'+49 2;co:halden.example")
    assert lines[2].startswith("2;Nowhere;;Rita;;")


def test_a_new_file_is_one_that_excel_opens_as_utf8(tmp_path: Path) -> None:
    opened(tmp_path).apply(HALDEN.model_copy(update={"fields": {"name": "Größe & Söhne"}}), by="anna")

    raw = (tmp_path / "companies.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfkey,name,")
    assert "Größe & Söhne" in raw.decode("utf-8-sig")


def test_a_file_in_another_encoding_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "companies.csv").write_bytes("name,domain\nGröße,g.example\n".encode("cp1252"))

    with pytest.raises(CrmUnavailable, match=r"companies\.csv.*CSV UTF-8"):
        opened(tmp_path).records()


def test_a_file_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "companies.csv").write_text('name,domain\n"never closed,x\n')

    with pytest.raises(CrmUnavailable, match="no readable CSV"):
        opened(tmp_path).records()


def test_two_rows_of_one_key_stop_a_write_and_are_named(tmp_path: Path) -> None:
    (tmp_path / "companies.csv").write_text("key,name\nco:x,One\nco:x,Two\n")

    with pytest.raises(CrmUnavailable, match=r"companies\.csv has 2 rows for 'co:x'"):
        opened(tmp_path).apply(HALDEN.model_copy(update={"key": "co:x"}), by="anna")

    assert (tmp_path / "companies.csv").read_text() == "key,name\nco:x,One\nco:x,Two\n"


def test_a_file_saved_while_we_were_at_it_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = opened(tmp_path)
    crm.apply(HALDEN, by="anna")
    file = tmp_path / "companies.csv"
    text, was = Table.text, []

    def saved_meanwhile(self: Table) -> str:
        if not was:
            was.append(self.path)
            file.write_text(file.read_text("utf-8-sig").replace("Halden Freight", "Halden AG"), "utf-8")
        return text(self)

    monkeypatch.setattr(Table, "text", saved_meanwhile)

    done = crm.apply(
        SetField(object="company", key=HALDEN.key, field="name", before="Halden Freight", after="Halden GmbH"), by="b"
    )

    assert (done.outcome, done.now) == ("conflict", {"name": "Halden AG"})


def test_an_address_without_a_folder_is_refused() -> None:
    with pytest.raises(CrmUnavailable, match=r"csv:///path"):
        open_crm("csv://somewhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CrmUnavailable, match="cannot be used"):
        opened(tmp_path / "deep").records()
    tmp_path.chmod(0o700)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "crm").write_text("")

    with pytest.raises(CrmUnavailable, match=r"crm.*cannot be used"):
        opened(tmp_path / "crm").records()


def test_a_row_that_is_archived_keeps_every_column(tmp_path: Path) -> None:
    (tmp_path / "companies.csv").write_text("key,name,owner\nco:x,One,Rita\n")

    opened(tmp_path).apply(Remove(object="company", key="co:x", fields={"name": "One"}), by="anna")

    assert "Rita" in (tmp_path / "archived.csv").read_text("utf-8-sig")
    assert "Rita" not in (tmp_path / "companies.csv").read_text("utf-8-sig")


# -- stops -------------------------------------------------------------------------------------------------------


def test_a_change_that_was_decided_on_is_finished_by_the_next_process(tmp_path: Path) -> None:
    crm = opened(tmp_path)
    crm.apply(HALDEN, by="anna")
    commit = tmp_path / ".countersign-commit"
    commit.mkdir()
    (commit / "companies.csv").write_text("key,name\nco:x,Decided\n")
    (tmp_path / ".countersign-new").mkdir()
    (tmp_path / ".countersign-new" / "companies.csv").write_text("key,name\nco:y,Undecided\n")

    assert [record.key for record in crm.records()] == ["co:x"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


WRITER = """
import sys
from agents.crm import open_crm
from agents.changes import Create
crm = open_crm(sys.argv[1])
print("ready", flush=True)
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    crm.apply(Create(object="company", key=f"co:{n}", fields={"name": f"Company {n}"}), by="anna")
"""


def writer(folder: Path, begin: int, end: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, f"csv://{folder}", str(begin), str(end)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def whole(crm: Crm) -> int:
    """How many records there are, each with exactly one line of history."""
    records = crm.records()
    assert len({record.key for record in records}) == len(records)
    assert all(len(crm.history("company", record.key)) == 1 for record in records)
    return len(records)


def test_processes_take_turns_and_lose_nothing(tmp_path: Path) -> None:
    processes = [writer(tmp_path, begin, begin + 15) for begin in (0, 15, 30)]
    for process in processes:
        process.communicate(timeout=60)

    assert whole(opened(tmp_path)) == 45


def test_a_writer_killed_at_any_moment_leaves_whole_changes(tmp_path: Path) -> None:
    crm, chance = opened(tmp_path), random.Random(7)
    for begin in range(0, 400, 50):
        process = writer(tmp_path, begin, begin + 50)
        time.sleep(chance.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        whole(crm)

    before = whole(crm)
    writer(tmp_path, 0, 60).communicate(timeout=60)
    assert before > 0
    assert whole(crm) >= 60


def test_everything_is_in_files_that_anybody_can_read(tmp_path: Path) -> None:
    crm = opened(tmp_path)
    for change in (HALDEN, DEAL, NOTE, LINK):
        crm.apply(change, by="anna")

    assert isinstance(crm, CsvCrm)
    names = {file.name for file in tmp_path.glob("*.csv")}
    assert names == {"companies.csv", "deals.csv", "notes.csv", "associations.csv", "history.csv"}
    with Folder(tmp_path).tables({"associations": ()}) as tables:
        assert [row["to_key"] for row in tables["associations"].rows] == [HALDEN.key]
