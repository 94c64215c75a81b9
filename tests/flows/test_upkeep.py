"""Upkeep: a record that verifies, one that somebody wrote into, and requests that wait for nobody."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import letters
import pytest
from houses import FakeRuns, House
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from test_handled import asked

from flows.strays import Stray, strays
from flows.upkeep import upkeep

upkeeping = import_module("flows.upkeep")

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


def test_requests_that_wait_for_nobody_are_told_with_the_reason(at_home: House) -> None:
    runs, now = FakeRuns(), at_home.approvals.clock()
    gone, stuck, fine, late = (asked(at_home, run) for run in ("gone", "stuck", "fine", "late"))
    at_home.approve(decided := asked(at_home, "decided"), recall=0)
    runs.set("gone", "ended", name="Cancelled")
    for run in ("stuck", "fine", "late", "decided"):
        runs.set(run, "suspended")
    approvals = at_home.approvals
    early = strays(replace(approvals, clock=lambda: now + timedelta(minutes=1)), runs)
    later = strays(replace(approvals, clock=lambda: now + timedelta(hours=1)), runs)
    overdue = strays(replace(approvals, clock=lambda: now + timedelta(days=4)), runs)

    assert early == ()
    assert {(one.request, one.why) for one in later} == {
        (gone.id, "its run is cancelled, and the queue did not withdraw it"),
        (decided.id, "it was approved, and its run has not taken that up: it is suspended"),
    }
    assert {one.request for one in overdue} == {gone.id, stuck.id, fine.id, late.id, decided.id}


def test_what_upkeep_found_stands_beside_its_run_and_in_an_event(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    request = asked(house, "none of Prefect's")
    stray = Stray(request=request.id, title="A letter", why="nobody may", since=request.opened_at, run="r")
    monkeypatch.setattr(upkeeping, "strays", lambda *_: (stray,))
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(upkeeping, "emit_event", lambda **terms: emitted.append(terms))

    state = house.call(upkeep)

    key = ArtifactFilter(key=ArtifactFilterKey(any_=["strays"]))
    (table,) = house.client.read_artifacts(artifact_filter=key, sort="CREATED_DESC", limit=1)
    assert state.name == "Strays found"
    assert state.message.startswith("1 requests want a look; ")
    assert request.id in table.data
    assert [one["event"] for one in emitted] == ["countersign.upkeep.verified", "countersign.upkeep.strays"]
    assert emitted[1]["payload"]["strays"][0]["why"] == "nobody may"
