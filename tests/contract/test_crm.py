"""One contract for every CRM, and what several processes at once may not break."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.applying import apply_update
from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.crm import CRMS, open_crm
from agents.documents import Conflict, CrmUpdate, EntityRef
from agents.errors import CrmError, CrmUnavailable, UnknownObject, UnknownScheme
from agents.ports import Crm, Link

HALDEN = Create(
    object="company", key="co:halden.example", fields={"name": "Halden Freight", "phone": "+49 431 5550100"}
)
DEAL = Create(
    object="deal", key="dl:halden.example:r1", fields={"name": "Offer", "amount": "12340.00", "currency": "EUR"}
)
NOTE = AddNote(key="nt:r1:proposal", object="company", about="co:halden.example", body="What was signed.\nAll of it. ✓")
LINK = Associate(object="deal", key="dl:halden.example:r1", to_object="company", to_key="co:halden.example")
PHONE = SetField(
    object="company", key="co:halden.example", field="phone", before="+49 431 5550100", after="+49 431 5550199"
)
REMOVED = Remove(object="company", key=HALDEN.key, fields=HALDEN.fields)
NOTE_REMOVED = RemoveNote(key=NOTE.key, object=NOTE.object, about=NOTE.about, body=NOTE.body)
UNLINKED = Dissociate(object=LINK.object, key=LINK.key, to_object=LINK.to_object, to_key=LINK.to_key)
UPDATE = CrmUpdate(
    crm="embedded://",
    entity=EntityRef(name="Halden Freight", domain="halden.example"),
    changes=(NOTE, LINK, DEAL, HALDEN, *(NOTE.model_copy(update={"key": f"nt:r1:{n}"}) for n in range(20))),
)


VENDORS = ["csv_folder", "hubspot", "hubspot_v3", "salesforce", "tryton"]


@pytest.fixture(params=["memory", "file", *VENDORS[:-1], pytest.param("tryton", marks=pytest.mark.tryton)])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Crm:
    if request.param in VENDORS:
        return request.getfixturevalue(request.param)
    if request.param == "memory":
        return open_crm("embedded://?memory")
    return open_crm(f"embedded:///{tmp_path}/deep/crm.sqlite")


def everything(crm: Crm) -> object:
    """All a CRM holds, to compare before and after."""
    records = crm.records()
    return (
        records,
        crm.notes(),
        [crm.history(record.object, record.key) for record in records],
        [crm.associations(record.object, record.key) for record in records],
    )


def test_it_is_a_crm(crm: Crm) -> None:
    assert isinstance(crm, Crm)
    assert set(crm.describe()) == {"company", "contact", "deal"}
    assert all("name" in fields for fields in crm.describe().values())


def test_an_empty_crm_holds_nothing(crm: Crm) -> None:
    assert crm.read("company", "co:halden.example") is None
    assert crm.note("nt:r1:proposal") is None
    assert crm.records() == ()
    assert crm.notes() == ()
    assert crm.history("company", "co:halden.example") == ()
    assert crm.associations("company", "co:halden.example") == ()


def test_a_created_record_reads_as_it_was_created(crm: Crm) -> None:
    done = crm.apply(HALDEN, by="anna")

    record = crm.read("company", "co:halden.example")
    assert done.outcome == "written"
    assert record is not None
    assert record.fields == HALDEN.fields
    if crm.capabilities.history:
        assert [(one.field, one.before, one.after, one.by) for one in crm.history("company", record.key)] == [
            ("name", None, "Halden Freight", "anna"),
            ("phone", None, "+49 431 5550100", "anna"),
        ]


@pytest.mark.parametrize("change", [HALDEN, PHONE, NOTE, LINK], ids=lambda change: change.kind)
def test_a_change_applied_twice_is_written_once(crm: Crm, change: Create | SetField | AddNote | Associate) -> None:
    for one in (HALDEN, DEAL):
        if one != change:
            crm.apply(one, by="anna")
    first = crm.apply(change, by="anna")
    after = everything(crm)

    second = crm.apply(change, by="bert")

    assert (first.outcome, second.outcome) == ("written", "already")
    assert everything(crm) == after


def test_creating_a_record_that_holds_something_else_is_a_conflict(crm: Crm) -> None:
    crm.apply(HALDEN, by="anna")
    before = everything(crm)

    done = crm.apply(HALDEN.model_copy(update={"fields": {"name": "Halden", "email": "a@halden.example"}}), by="bert")

    assert done.outcome == "conflict"
    assert done.now == {"name": "Halden Freight", "phone": "+49 431 5550100", "email": None}
    assert everything(crm) == before


def test_a_field_is_set_where_it_holds_what_was_planned_on(crm: Crm) -> None:
    crm.apply(HALDEN, by="anna")
    before = crm.read("company", HALDEN.key)

    done = crm.apply(PHONE, by="bert")

    after = crm.read("company", HALDEN.key)
    assert done.outcome == "written"
    assert before is not None
    assert after is not None
    assert after.fields["phone"] == "+49 431 5550199"
    assert after.version != before.version
    if crm.capabilities.history:
        last = crm.history("company", HALDEN.key)[-1]
        assert (last.field, last.before, last.after, last.by) == ("phone", "+49 431 5550100", "+49 431 5550199", "bert")


def test_a_field_that_was_changed_since_is_a_conflict_and_says_what_it_holds(crm: Crm) -> None:
    crm.apply(HALDEN.model_copy(update={"fields": {"name": "Halden Freight", "phone": "112"}}), by="anna")
    before = everything(crm)

    done = crm.apply(PHONE, by="bert")

    assert (done.outcome, done.now) == ("conflict", {"phone": "112"})
    assert everything(crm) == before


def test_an_empty_value_clears_a_field(crm: Crm) -> None:
    crm.apply(HALDEN, by="anna")

    done = crm.apply(PHONE.model_copy(update={"after": ""}), by="anna")

    record = crm.read("company", HALDEN.key)
    assert done.outcome == "written"
    assert record is not None
    assert "phone" not in record.fields
    assert crm.apply(PHONE.model_copy(update={"before": "", "after": "1"}), by="anna").outcome == "written"


def test_a_note_keeps_every_character(crm: Crm) -> None:
    crm.apply(HALDEN, by="anna")

    crm.apply(NOTE, by="anna")

    note = crm.note(NOTE.key)
    assert note is not None
    assert note.body == NOTE.body
    assert crm.notes("co:halden.example") == (note,)
    assert crm.notes("co:other.example") == ()


def test_a_note_under_a_used_key_with_other_words_is_a_conflict(crm: Crm) -> None:
    crm.apply(HALDEN, by="anna")
    crm.apply(NOTE, by="anna")

    done = crm.apply(NOTE.model_copy(update={"body": "Something else."}), by="bert")

    assert done.outcome == "conflict"
    assert done.now["body"] == NOTE.body
    assert len(crm.notes()) == 1


def test_a_link_is_seen_from_both_ends(crm: Crm) -> None:
    crm.apply(HALDEN, by="anna")
    crm.apply(DEAL, by="anna")

    crm.apply(LINK, by="anna")

    assert crm.associations("company", HALDEN.key) == (Link(object="deal", key=DEAL.key),)
    assert crm.associations("deal", DEAL.key) == (Link(object="company", key=HALDEN.key),)


@pytest.mark.parametrize(
    "change",
    [
        PHONE,
        NOTE,
        LINK,
        HALDEN.model_copy(update={"fields": {"name": "Halden", "owner": "me"}}),
    ],
    ids=["field of no record", "note on no record", "link of no record", "unknown field"],
)
def test_what_the_crm_does_not_know_is_refused_and_nothing_is_written(
    crm: Crm, change: Create | SetField | AddNote | Associate
) -> None:
    with pytest.raises(UnknownObject):
        crm.apply(change, by="anna")

    assert crm.records() == ()
    assert crm.notes() == ()


def test_an_amount_is_kept_with_two_decimals_and_compares_as_an_amount(crm: Crm) -> None:
    crm.apply(DEAL.model_copy(update={"fields": {"name": "Offer", "amount": "12340", "currency": "EUR"}}), by="anna")

    record = crm.read("deal", DEAL.key)
    assert record is not None
    assert record.fields["amount"] == "12340.00"
    assert crm.apply(DEAL, by="bert").outcome == "already"


def test_an_amount_that_is_none_is_refused(crm: Crm) -> None:
    with pytest.raises(CrmError, match=r"'a lot' is not"):
        crm.apply(DEAL.model_copy(update={"fields": {"amount": "a lot"}}), by="anna")

    assert crm.records() == ()


def test_records_come_in_a_stable_order_and_by_object(crm: Crm) -> None:
    for change in (DEAL, HALDEN, HALDEN.model_copy(update={"key": "co:anna.example"})):
        crm.apply(change, by="anna")

    assert [record.key for record in crm.records()] == ["co:anna.example", "co:halden.example", "dl:halden.example:r1"]
    assert [record.key for record in crm.records("deal")] == ["dl:halden.example:r1"]


def test_values_that_look_like_sql_are_values(crm: Crm) -> None:
    name = "Robert'); DROP TABLE crm_record;--"

    crm.apply(HALDEN.model_copy(update={"fields": {"name": name}}), by="anna")

    record = crm.read("company", HALDEN.key)
    assert record is not None
    assert record.fields == {"name": name}


# -- taking away -------------------------------------------------------------------------------------------------


@pytest.fixture
def removing(crm: Crm) -> Crm:
    """A CRM that can take away, with two linked records and a note."""
    if not crm.capabilities.removes:
        pytest.skip(f"{crm.address} says that it takes nothing away")
    for change in (HALDEN, DEAL, NOTE, LINK):
        crm.apply(change, by="anna")
    return crm


def test_a_link_a_note_and_a_record_are_taken_away_in_turn(removing: Crm) -> None:
    outcomes = [removing.apply(change, by="bert").outcome for change in (UNLINKED, NOTE_REMOVED, REMOVED)]

    assert outcomes == ["written"] * 3
    assert removing.associations("deal", DEAL.key) == ()
    assert removing.note(NOTE.key) is None
    assert removing.notes() == ()
    assert removing.read("company", HALDEN.key) is None
    assert [record.key for record in removing.records()] == [DEAL.key]


def test_what_was_taken_away_is_taken_away_once(removing: Crm) -> None:
    for change in (UNLINKED, NOTE_REMOVED, REMOVED):
        removing.apply(change, by="bert")
    after = everything(removing)

    outcomes = [removing.apply(change, by="cleo").outcome for change in (UNLINKED, NOTE_REMOVED, REMOVED)]

    assert outcomes == ["already"] * 3
    assert everything(removing) == after


@pytest.mark.parametrize("moved", ["a field changed", "a field added", "a field emptied"])
def test_a_record_that_holds_something_else_is_not_archived(removing: Crm, moved: str) -> None:
    for change in (UNLINKED, NOTE_REMOVED):
        removing.apply(change, by="bert")
    other = {
        "a field changed": PHONE,
        "a field added": PHONE.model_copy(update={"field": "name", "before": "Halden Freight", "after": "Halden"}),
        "a field emptied": PHONE.model_copy(update={"after": ""}),
    }[moved]
    removing.apply(other, by="somebody else")
    before = everything(removing)

    done = removing.apply(REMOVED, by="bert")

    assert done.outcome == "conflict"
    assert (done.now.get(other.field) or "") == other.after
    assert everything(removing) == before


@pytest.mark.parametrize("left", [(UNLINKED,), (NOTE_REMOVED,)], ids=["a note hangs on it", "a link hangs on it"])
def test_a_record_on_which_something_hangs_is_not_archived(removing: Crm, left: tuple[Change, ...]) -> None:
    for change in left:
        removing.apply(change, by="bert")
    before = everything(removing)

    done = removing.apply(REMOVED, by="bert")

    assert done.outcome == "conflict"
    assert "bears" in done.detail
    assert everything(removing) == before


def test_a_note_with_other_words_is_not_taken_away(removing: Crm) -> None:
    before = everything(removing)

    done = removing.apply(NOTE_REMOVED.model_copy(update={"body": "Other words."}), by="bert")

    assert (done.outcome, done.now["body"]) == ("conflict", NOTE.body)
    assert everything(removing) == before


def test_what_was_taken_away_can_be_made_again(removing: Crm) -> None:
    if not removing.capabilities.restores:
        pytest.skip(f"{removing.address} says that it brings nothing back")
    for change in (UNLINKED, NOTE_REMOVED, REMOVED):
        removing.apply(change, by="bert")
    again = HALDEN.model_copy(update={"fields": {"name": "Halden Freight GmbH"}})

    outcomes = [removing.apply(change, by="cleo").outcome for change in (again, NOTE, LINK)]

    record = removing.read("company", HALDEN.key)
    assert outcomes == ["written"] * 3
    assert record is not None
    assert record.fields == again.fields
    assert [note.key for note in removing.notes()] == [NOTE.key]
    assert removing.associations("company", HALDEN.key) == (Link(object="deal", key=DEAL.key),)


@pytest.mark.parametrize("change", [HALDEN, PHONE, NOTE, LINK], ids=lambda change: change.kind)
def test_who_did_what_is_done_already_is_told_or_left_open(crm: Crm, change: Change) -> None:
    """A run that was interrupted knows its own writes by that; it must never be told somebody else's name."""
    for one in (HALDEN, DEAL):
        if one != change:
            crm.apply(one, by="anna")
    crm.apply(change, by="bert")

    assert crm.apply(change, by="cleo").by in {"bert", ""}


# -- addresses ---------------------------------------------------------------------------------------------------


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(UnknownScheme, match="embedded://"):
        open_crm("gopher://crm")

    assert "embedded" in CRMS


def test_the_file_in_the_home_is_kept_between_openings(tmp_path: Path) -> None:
    open_crm("embedded://", home=tmp_path).apply(HALDEN, by="anna")

    again = open_crm("embedded://", home=tmp_path)

    assert again.address == "embedded://"
    assert (tmp_path / "crm.sqlite").exists()
    assert [record.key for record in again.records()] == ["co:halden.example"]


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda home: home.write_text("a file"), "cannot be made"),
        (lambda home: (home / "crm.sqlite").mkdir(parents=True), "cannot be used"),
        (lambda home: (home.mkdir(), (home / "crm.sqlite").write_text("no database " * 200)), "no usable SQLite file"),
    ],
    ids=["the home is a file", "the file is a folder", "the file is no database"],
)
def test_a_home_that_cannot_be_used_is_named_with_the_fix(
    tmp_path: Path, prepare: Callable[[Path], object], says: str
) -> None:
    home = tmp_path / "home"
    prepare(home)

    with pytest.raises(CrmUnavailable, match=says) as refused:
        open_crm("embedded://", home=home).records()

    assert str(home) in str(refused.value)
    assert "AGENTS_CRM" in str(refused.value)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_crm("embedded://", home=tmp_path).records()
    with sqlite3.connect(tmp_path / "crm.sqlite") as connection:
        connection.execute("UPDATE agents_crm_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(CrmUnavailable, match="newer Countersign"):
        open_crm("embedded://", home=tmp_path).records()


# -- several processes -------------------------------------------------------------------------------------------

WRITER = """
import asyncio, sys, time
from pathlib import Path
from agents.applying import apply_update
from agents.crm import open_crm
from agents.documents import CrmUpdate

class Slow:
    def __init__(self, crm, seconds):
        self._crm, self._seconds, self.address = crm, seconds, crm.address

    def apply(self, change, *, by):
        time.sleep(self._seconds)
        return self._crm.apply(change, by=by)

crm = Slow(open_crm("embedded://", home=Path(sys.argv[1])), float(sys.argv[2]))
update = CrmUpdate.model_validate_json(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
print(type(asyncio.run(apply_update(update, crm=crm, by="a process"))).__name__)
"""


def writer(home: Path, *, seconds: float = 0) -> subprocess.Popen[str]:
    """A process that waits for a line and then applies the update, each change after so many seconds."""
    arguments = [sys.executable, "-c", WRITER, str(home), str(seconds), UPDATE.model_dump_json()]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def assert_written_exactly_once(home: Path) -> None:
    crm = open_crm("embedded://", home=home)
    assert [record.key for record in crm.records()] == ["co:halden.example", "dl:halden.example:r1"]
    assert sorted(note.key for note in crm.notes()) == sorted(
        change.key for change in UPDATE.changes if isinstance(change, AddNote)
    )
    assert crm.associations("deal", DEAL.key) == (Link(object="company", key=HALDEN.key),)
    assert len(crm.history("company", HALDEN.key)) == len(HALDEN.fields)
    assert all(record.version == "1" for record in crm.records())


def test_processes_that_apply_the_same_update_at_once_write_everything_once(tmp_path: Path) -> None:
    """The file does not exist yet, so that they race for the migrations too."""
    processes = [writer(tmp_path) for _ in range(3)]
    assert [answer(process) for process in processes] == ["ready"] * 3

    for process in processes:
        go(process)

    assert [answer(process) for process in processes] == ["CrmReceipt"] * 3
    for process in processes:
        process.communicate()
    assert_written_exactly_once(tmp_path)


def test_a_writer_killed_in_the_middle_and_run_again_writes_everything_once(tmp_path: Path) -> None:
    crm = open_crm("embedded://", home=tmp_path)
    crm.records()
    process = writer(tmp_path, seconds=0.03)
    assert answer(process) == "ready"

    go(process)
    give_up = time.monotonic() + 30
    while len(crm.notes()) < 5 and time.monotonic() < give_up and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    written = len(crm.notes())

    result = asyncio.run(apply_update(UPDATE, crm=crm, by="anna"))

    assert 5 <= written < 21, "the process was meant to die in the middle"
    assert not isinstance(result, Conflict)
    assert sum(one.outcome == "already" for one in result.applied) >= written
    assert_written_exactly_once(tmp_path)
