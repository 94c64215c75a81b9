"""Gates on a real Prefect server: what suspends, what wakes, and what a wake decides (nothing)."""

from __future__ import annotations

import pytest

import letters

pytestmark = pytest.mark.server


def test_a_run_at_a_gate_is_suspended_and_nobody_holds_its_request(house):
    run = house.start(letters.one_letter, to="halden")

    state = house.execute(letters.one_letter, run)

    request = house.the_request(run)
    assert state.name == "Suspended"
    assert state.state_details.pause_timeout is None
    assert (request.holder, request.held_until) == (None, None)
    assert request.requester == "rita@acme.example"
    assert house.calls == ["run halden", "write halden 1"]
    assert house.box("halden") == []


def test_an_approved_run_goes_on_once_and_no_gated_step_runs_again(house):
    run = house.begin(letters.two_letters, to="halden")
    house.approve(house.the_request(run))
    assert house.go_on(letters.two_letters, run).name == "Suspended"
    house.approve(house.the_request(run))

    state = house.go_on(letters.two_letters, run)

    assert state.name == "Completed"
    assert house.calls == ["write halden 1", "answer halden", "post halden"]
    assert house.box("halden") == ["Re: Dear halden, draft 1"]
    assert house.result(run) == {"letters": ["Re: Dear halden, draft 1"]}
