"""Upkeep: a record that verifies, and one that somebody wrote into."""

from __future__ import annotations

import sqlite3

import letters
import pytest
from houses import House

from flows.upkeep import upkeep

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]


def test_a_record_that_verifies_is_told_with_its_head(house: House) -> None:
    house.execute(letters.unasked, house.start(letters.unasked, to="halden"))
    last = list(house.approvals.store.entries())[-1]

    state = house.call(upkeep)

    assert state.name == "Completed"
    assert last.hash in state.message


def test_a_record_that_somebody_wrote_into_fails_the_run_and_names_the_entry(house: House) -> None:
    house.execute(letters.unasked, house.start(letters.unasked, to="halden"))
    database = sqlite3.connect(house.home / "approvals.sqlite")
    (title,) = database.execute("SELECT title FROM approvals_request").fetchone()
    database.execute("UPDATE approvals_request SET title = 'Something else'")
    database.commit()

    state = house.call(upkeep)

    database.execute("UPDATE approvals_request SET title = ?", (title,))
    database.commit()
    database.close()
    assert (state.type.value, state.name) == ("FAILED", "Record broken")
    assert "request" in state.message
