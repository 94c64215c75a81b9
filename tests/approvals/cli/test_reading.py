"""Looking at the queue from the command line."""

from __future__ import annotations

import json

import pytest

from approvals.requests import Flag

BEN_MAIL = "ben@acme.example"
HOSTILE = "Offer \x1b[2J\x1b]0;owned\x07 \u202egpj.exe\u202c [red]x[/red] :smile:\r\nsecond line\u2066"


def test_the_queue_lists_what_waits_for_the_owner_of_the_home(run, open_request):
    request = open_request()

    result = run("queue")

    assert result.exit_code == 0
    assert request.id in result.stdout
    assert "in 3 d" in result.stdout


def test_an_empty_queue_says_so(run):
    assert run("queue").stdout == "Nothing is waiting.\n"


def test_answered_requests_show_only_where_they_are_asked_for(run, open_request):
    waiting, rejected = open_request(), open_request()
    run("reject", rejected.id, "--reason", "No.", who=BEN_MAIL)

    def listed(*words):
        return [request["id"] for request in json.loads(run("queue", "--json", *words).stdout)]

    assert listed() == [waiting.id]
    assert sorted(listed("--all")) == sorted([waiting.id, rejected.id])
    assert listed("--state", "rejected") == [rejected.id]


def test_a_person_lists_only_what_concerns_them(run, open_request):
    open_request()

    assert json.loads(run("queue", "--json", who="omar@acme.example").stdout) == []
    assert len(json.loads(run("queue", "--json", who=BEN_MAIL).stdout)) == 1


def test_a_long_queue_is_listed_whole_and_not_cropped(run, open_request):
    requests = [open_request(title=f"Offer {number} " + "long " * 60) for number in range(3)]

    _, *lines = run("queue").stdout.splitlines()

    assert len(lines) == len(requests)
    assert all("long " * 59 in line for line in lines)


@pytest.mark.parametrize("words", [("queue",), ("show",), ("show", "--format", "html")])
def test_what_others_wrote_cannot_act_on_the_terminal(run, open_request, words):
    request = open_request(title=HOSTILE, summary=HOSTILE)

    result = run(words[0], *([request.id] if words[0] == "show" else []), *words[1:])

    assert result.exit_code == 0
    for character in "\x1b\x07\r\u202e\u202c\u2066":
        assert character not in result.stdout
    assert "␛" in result.stdout
    assert ":smile:" in result.stdout.replace("\\", ""), "emoji codes and markup stay what they are"


def test_json_is_alone_and_says_everything(run, open_request):
    request = open_request(title=HOSTILE)

    shown = run("show", request.id, "--json")

    told = json.loads(shown.stdout)
    assert shown.stderr == ""
    assert told["request"]["title"] == HOSTILE
    assert "\x1b" not in shown.stdout
    assert told["signed"] is False
    assert told["examination"]["consequences"] == ["An offer over 1200.00 goes out."]
    assert run("show", request.id, "--format", "json").stdout == shown.stdout


def test_an_open_request_shows_draft_evidence_flags_findings_and_what_can_be_done(run, open_request, make_offer):
    request = open_request(
        document=make_offer(claims=[{"id": "c1", "text": "It never rains."}]),
        flags=(Flag(code="large", message="Larger than usual", severity="high"),),
    )

    shown = run("show", request.id, who=BEN_MAIL).stdout.replace("\\", "")

    for part in (
        "## Draft",
        "It never rains.",
        "high: Larger than usual",
        "**c1**: unsupported",
        "An offer over 1200.00 goes out.",
        "https://northwind.example/about",
        "Northwind runs 40 shops.",
        "- approve",
    ):
        assert part in shown


def test_what_an_outsider_can_do_is_nothing(run, open_request):
    request = open_request()

    assert "## What you can do" not in run("show", request.id, who="vera@acme.example").stdout


def test_a_signed_document_carries_its_approval_record(run, open_request, service):
    request = open_request()
    run("approve", request.id, "--set", "title=Signed title", who=BEN_MAIL)

    shown = run("show", request.id).stdout.replace("\\", "")

    for part in (
        "## Signed document",
        "Signed title",
        "## Approval record",
        f"**Approved by:** {BEN_MAIL}, via embedded",
        "2026-03-02 12:00:00 UTC",
        f"version `{request.policy.version}`",
        'title: "Offer for Northwind" → "Signed title"',
        service.get(request.id).ruling.sha256,
    ):
        assert part in shown
    assert "## Draft" not in shown


def test_a_renderer_says_the_document_better(run, open_request):
    request = open_request()

    shown = run("show", request.id, render=lambda kind, document: f"{document['title']} as {kind}").stdout

    assert "Offer for Northwind as tests:Offer" in shown


def test_without_an_examiner_a_request_is_shown_and_says_so(run, open_request, examiner):
    request = open_request()
    examiner.failure = RuntimeError("no class")

    result = run("show", request.id)

    assert result.exit_code == 0
    assert "could not be checked" in result.stdout
