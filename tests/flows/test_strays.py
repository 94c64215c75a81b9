"""Requests and runs that lost each other, on a real Prefect server: what the waker makes of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import letters
import pytest
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelling, Crashed, Running

from approvals.ledger import Ledger
from approvals.lifecycle import State
from approvals.resume import PrefectRuns
from flows import gates
from flows.waking import Waker

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]


def waker(house, *, in_seconds=0.0):
    """The waker of this house, now or at a later time."""
    ledger = Ledger(house.approvals.store, lambda: house.approvals.clock() + timedelta(seconds=in_seconds))
    return Waker(replace(house.approvals, ledger=ledger), PrefectRuns())


def cancel(house, run):
    house.client.set_flow_run_state(UUID(run), Cancelling())


def crash(house, run):
    house.client.set_flow_run_state(UUID(run), Crashed(message="out of memory"), force=True)


def delete(house, run):
    house.client.delete_flow_run(UUID(run))


def remove_deployment(house, run):
    with suppress(ObjectNotFound):  # it is the other run's too
        house.client.delete_deployment(house.client.read_flow_run(UUID(run)).deployment_id)


@pytest.mark.parametrize(
    ("lose", "reason"),
    [
        (cancel, "its run was cancelled"),
        (crash, "its run was crashed"),
        (delete, "its run was deleted"),
        (remove_deployment, "the deployment of its run was removed"),
    ],
)
def test_a_question_that_lost_its_run_is_withdrawn_and_an_answer_is_given_up(house, lose, reason):
    asked, answered = house.begin(letters.by_hand, to="halden"), house.begin(letters.by_hand, to="kestrel")
    house.approve(house.the_request(answered))
    lose(house, asked)
    lose(house, answered)

    done = waker(house).once()

    (withdrawn,), (orphaned,) = house.requests(asked), house.requests(answered)
    assert (done.withdrawn, done.abandoned, done.woken) == (1, 1, 0)
    assert (withdrawn.state, withdrawn.ruling.reason) == (State.WITHDRAWN, reason)
    assert (orphaned.state, orphaned.wake_since) == (State.APPROVED, None)
    assert house.events(orphaned)[-1] == "request.orphaned"


def test_a_run_that_is_running_by_force_with_nobody_running_it_is_started_again(house):
    run = house.begin(letters.one_letter, to="halden")
    house.client.set_flow_run_state(UUID(run), Running(), force=True)

    at_once = waker(house).once()
    later = waker(house, in_seconds=60).once()

    assert (at_once.restarted, later.restarted) == (0, 1)
    assert house.state(run).name == "Rescheduled"
    assert house.execute(letters.one_letter, run).name == "Suspended"
    assert house.calls.count("write halden 1") == 1


def test_a_gate_that_cannot_suspend_since_prefect_is_away_loses_nothing_of_its_run(house, monkeypatch):
    async def away(**_: object) -> None:
        raise httpx.ConnectError("All connection attempts failed")

    run = house.start(letters.one_letter, to="halden")
    with monkeypatch.context() as patched:
        patched.setattr(gates, "asuspend_flow_run", away)
        left = house.execute(letters.one_letter, run)

    at_once = waker(house).once()
    later = waker(house, in_seconds=60).once()
    again = house.execute(letters.one_letter, run)

    assert left.name == "Running"
    assert (at_once.restarted, later.restarted, later.withdrawn) == (0, 1, 0)
    assert again.name == "Suspended"
    assert house.calls.count("write halden 1") == 1


def test_a_failed_run_that_somebody_retries_goes_on_from_what_was_answered(house):
    run = house.begin(letters.two_letters, to="halden")
    house.approve(house.the_request(run))
    assert house.go_on(letters.two_letters, run).name == "Suspended"
    crash(house, run)
    # Nobody noticed yet: it is retried before the waker comes by.
    house.client.set_flow_run_state(UUID(run), AwaitingRetry())
    retried = house.execute(letters.two_letters, run)
    house.approve(house.the_request(run))
    state = house.go_on(letters.two_letters, run)

    assert (retried.name, state.name) == ("Suspended", "Completed")
    assert house.calls == ["write halden 1", "answer halden", "post halden"]


def test_a_waiting_run_takes_no_place_from_the_next_of_its_deployment(house):
    deployment = house.deploy(letters.by_hand, concurrency_limit=1)
    runs = [
        str(house.client.create_flow_run_from_deployment(deployment, parameters={"to": to}).id)
        for to in ("halden", "kestrel")
    ]

    states = [house.execute(letters.by_hand, run) for run in runs]
    house.approve(house.the_request(runs[0]))
    state = house.go_on(letters.by_hand, runs[0])

    assert [one.name for one in states] == ["Suspended", "Suspended"]
    assert state.name == "Completed"
