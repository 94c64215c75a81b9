"""Whoever writes to a CRM may be killed at any point: what was signed is there once, and the receipt is true."""

from __future__ import annotations

import asyncio
import importlib.util
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.applying import apply_update
from agents.changes import Change
from agents.crm import open_crm
from agents.documents import Conflict, CrmReceipt
from agents.errors import CrmUnavailable
from agents.ports import Crm, Done

_PLACE = Path(__file__).with_name("killing.py")
_SPEC = importlib.util.spec_from_file_location("killing", _PLACE)
assert _SPEC is not None
assert _SPEC.loader is not None
killing = importlib.util.module_from_spec(_SPEC)
sys.modules["killing"] = killing
_SPEC.loader.exec_module(killing)

STAGES = (*killing.STAGES, killing.COMMITTING)


@pytest.fixture(scope="module")
def launcher() -> Iterator[Any]:
    launcher = killing.Launcher()
    yield launcher
    launcher.close()


@pytest.mark.parametrize("seed", range(20))
def test_a_writer_killed_at_any_point_leaves_everything_written_once(launcher: Any, tmp_path: Path, seed: int) -> None:
    crm = open_crm("embedded://", home=tmp_path)
    crm.apply(killing.BEFOREHAND, by="somebody")
    ends = killing.endings(seed, STAGES)
    job = replace(killing.signed(tmp_path, crm.address), endings=ends)

    *killed, receipt = launcher.receipts(job)

    assert killed[0] is None, f"the process was to be killed, {ends[0]}"
    killing.assert_written_once(lambda: killing.told_by(crm), receipt, knows_writers=True)
    assert rows(tmp_path / "crm.sqlite") == Counter(records=4, notes=3, links=2)
    assert set(writers(tmp_path / "crm.sqlite")) == {"somebody", f"run {job.run}"}
    assert killing.entries(tmp_path).count("permit.used") == 1


def test_the_last_receipt_is_the_one_that_stands(launcher: Any, tmp_path: Path) -> None:
    crm = open_crm("embedded://", home=tmp_path)
    crm.apply(killing.BEFOREHAND, by="somebody")
    job = killing.signed(tmp_path, crm.address)

    (first,) = launcher.receipts(job)
    (again,) = launcher.receipts(job)

    assert first is not None
    assert again == first


# -- answers that are lost ---------------------------------------------------------------------------------------


class Forgetful:
    """A CRM that does what it is told and sometimes does not say so: 500 after the commit, or no answer in time."""

    def __init__(self, crm: Crm, lost: set[int], says: str) -> None:
        self._crm = crm
        self._lost = lost
        self._says = says
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._crm, name)

    def apply(self, change: Change, *, by: str) -> Done:
        self.calls += 1
        done = self._crm.apply(change, by=by)
        if self.calls in self._lost:
            raise CrmUnavailable(self._says)
        return done


@pytest.mark.parametrize("says", ["It answered 500.", "It did not answer within 10 seconds."])
@pytest.mark.parametrize("seed", range(5))
def test_an_answer_that_is_lost_after_the_write_is_found_out_by_reading(tmp_path: Path, says: str, seed: int) -> None:
    crm = open_crm("embedded://", home=tmp_path)
    crm.apply(killing.BEFOREHAND, by="somebody")
    lost = set(random.Random(seed).sample(range(1, 20), 5))
    forgetful = Forgetful(crm, lost, says)
    update = killing.update_for(crm.address)

    def tried() -> CrmReceipt | Conflict | None:
        try:
            return asyncio.run(apply_update(update, crm=forgetful, by="run 1"))  # type: ignore[arg-type]
        except CrmUnavailable:
            return None  # its task tries again, minutes later

    receipt = next(result for _ in range(10) if (result := tried()) is not None)

    assert isinstance(receipt, CrmReceipt)
    killing.assert_written_once(lambda: killing.told_by(crm), receipt, knows_writers=True)
    assert rows(tmp_path / "crm.sqlite") == Counter(records=4, notes=3, links=2)
    assert forgetful.calls > len(killing.CHANGES)


# -- what the file holds -----------------------------------------------------------------------------------------


def rows(file: Path) -> Counter[str]:
    """What the file holds, counted without asking the CRM."""
    with sqlite3.connect(file) as connection:
        tables = {"records": "crm_record", "notes": "crm_note", "links": "crm_association"}
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for name, table in tables.items()
        }
    connection.close()
    return Counter(counts)


def writers(file: Path) -> list[str]:
    """Who wrote each value."""
    with sqlite3.connect(file) as connection:
        found = [by for (by,) in connection.execute("SELECT by FROM crm_field_history")]
    connection.close()
    return found
