"""Messages on the command line: what became of them, another try and a test."""

from __future__ import annotations

import json

import pytest

from approvals.errors import NotDelivered

HOOK = "webhook+https://hooks.example/s3cr3t-s3cr3t"


@pytest.fixture
def failing(subscribed, receivers, open_request, outbox):
    subscribed.notify(HOOK, secret="s3cr3t-s3cr3t", name="hook")
    receivers.failures["webhook"] = NotDelivered("The webhook at hooks.example answered 410.", retryable=False)
    asked = open_request()
    outbox.once()
    return asked


def test_list_says_what_became_of_each_message(run, failing):
    listed = run("notifications", "list")

    assert listed.exit_code == 0
    assert "hook" in listed.stdout
    assert "The webhook at hooks.example answered 410." in listed.stdout
    assert "s3cr3t" not in listed.output


def test_list_can_be_read_by_programs_and_by_state(run, failing):
    (failed,) = json.loads(run("notifications", "list", "--json").stdout)

    assert (failed["request_id"], failed["state"], failed["attempts"]) == (failing.id, "failed", 1)
    assert json.loads(run("notifications", "list", "--state", "delivered", "--json").stdout) == []


def test_nothing_told_yet_is_said(run):
    assert run("notifications", "list").stdout == "Nobody was told of anything yet.\n"
    assert "No place is told of anything" in run("notifications", "places").stdout


def test_a_broken_file_is_said_beside_the_list(run, subscribed):
    subscribed.broken = "entry 1 of [[notify]]: 'to' is missing."

    for command in ("list", "places"):
        assert f"Nobody is notified: {subscribed.broken}" in run("notifications", command).stderr


def test_retry_sends_again_what_failed(run, failing, receivers, outbox):
    (failed,) = json.loads(run("notifications", "list", "--json").stdout)
    receivers.failures.clear()

    assert run("notifications", "retry", failed["id"]).exit_code == 0
    outbox.once()

    assert [notice.id for notice in receivers.notices()] == [failed["event_id"]]


def test_places_are_shown_without_their_addresses(run, failing):
    shown = run("notifications", "places")

    assert "hook" in shown.stdout
    assert "s3cr3t" not in shown.output


def test_a_test_arrives_or_says_why_not(run, failing, receivers):
    refused = run("notifications", "test", "hook")
    receivers.failures.clear()
    done = run("notifications", "test", "hook")

    assert (refused.exit_code, done.exit_code) == (1, 0)
    assert "answered 410" in refused.stderr
    assert "hook took the test evt_test_" in done.stdout


def test_only_administrators_look(run, failing):
    assert run("notifications", "list", who="ben@acme.example").exit_code == 1
    assert run("notifications", "list", who="ada@acme.example").exit_code == 0
