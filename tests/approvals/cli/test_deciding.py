"""Deciding on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from approvals.lifecycle import State

BEN_MAIL = "ben@acme.example"
ANNA_MAIL = "anna.berg@acme.example"


def test_approve_signs_the_draft_as_it_is(run, open_request, service):
    request = open_request()

    result = run("approve", request.id, who=BEN_MAIL)

    assert result.exit_code == 0
    assert "Signed as it was drafted." in result.stdout
    ruling = service.get(request.id).ruling
    assert (ruling.by.id, ruling.by.via, ruling.edited) == (BEN_MAIL, "embedded", False)


def test_approve_with_set_signs_the_change_and_prints_it(run, open_request, service):
    request = open_request()

    result = run("approve", request.id, "--set", "claims.0.text=Shops.", "--vouch", "c1", who=BEN_MAIL)

    assert result.exit_code == 0
    assert 'claims.0.text: "Northwind runs 40 shops." → "Shops."' in result.stdout
    assert json.loads(service.get(request.id).ruling.document)["claims"] == [{"id": "c1", "text": "Shops."}]


@pytest.mark.parametrize("typed", ["1e3", "true", '"quoted"', "007", "null", "[1]"])
def test_what_is_set_where_text_stands_stays_the_text_that_was_typed(run, open_request, service, typed):
    request = open_request()

    run("approve", request.id, "--set", f"title={typed}", who=BEN_MAIL)

    assert json.loads(service.get(request.id).ruling.document)["title"] == typed


def test_an_edit_that_does_not_fit_is_refused_and_kept(run, open_request, service, BEN):
    request = open_request()

    result = run("approve", request.id, "--set", "amount=-5", who=BEN_MAIL)

    assert result.exit_code == 1
    assert "amount" in result.stderr
    assert service.get(request.id).is_open
    assert service.working_copy(request.id, BEN).document["amount"] == "-5"


def test_approve_with_a_file_signs_the_file(run, open_request, service, make_offer, tmp_path):
    request = open_request()
    file = tmp_path / "offer.json"
    file.write_text(json.dumps(make_offer(title="From a file")))

    result = run("approve", request.id, "--file", str(file), who=BEN_MAIL)

    assert result.exit_code == 0
    assert json.loads(service.get(request.id).ruling.document)["title"] == "From a file"


def test_a_file_is_read_from_the_standard_input(run, open_request, service, make_offer):
    request = open_request()

    result = run("approve", request.id, "--file", "-", who=BEN_MAIL, input=json.dumps(make_offer(title="Piped")))

    assert result.exit_code == 0
    assert json.loads(service.get(request.id).ruling.document)["title"] == "Piped"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ('{"a": 1, "a": 2}', "says 'a' twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_document_is_refused_in_a_sentence(run, open_request, unchanged, tmp_path, content, sentence):
    request = open_request()
    file = tmp_path / "offer.json"
    file.write_text(content)

    with unchanged(request):
        result = run("approve", request.id, "--file", str(file), who=BEN_MAIL)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_missing_file_is_named(run, open_request, tmp_path):
    result = run("approve", open_request().id, "--file", str(tmp_path / "none.json"), who=BEN_MAIL)

    assert result.exit_code == 1
    assert "none.json: No such file" in result.stderr


def test_a_field_that_is_not_there_is_refused_with_the_nearest(run, open_request, unchanged):
    request = open_request()

    with unchanged(request):
        result = run("approve", request.id, "--set", "titel=New", who=BEN_MAIL)

    assert result.exit_code == 1
    assert "Did you mean 'title'?" in result.stderr


def test_set_without_a_value_is_wrong_usage(run, open_request):
    assert run("approve", open_request().id, "--set", "title", who=BEN_MAIL).exit_code == 2


def test_edit_keeps_a_working_copy_and_decides_nothing(run, open_request, service, BEN):
    request = open_request()

    result = run("edit", request.id, "--set", "title=In progress", who=BEN_MAIL)

    assert result.exit_code == 0
    assert service.get(request.id).is_open
    assert service.working_copy(request.id, BEN).document["title"] == "In progress"
    assert "nothing is decided" in result.stdout
    assert "When approved: An offer over 1200.00 goes out." in result.stdout


def test_approve_signs_what_edit_kept(run, open_request, service):
    request = open_request()
    run("edit", request.id, "--set", "title=Kept before", who=BEN_MAIL)

    result = run("approve", request.id, who=BEN_MAIL)

    assert 'title: "Offer for Northwind" → "Kept before"' in result.stdout
    assert json.loads(service.get(request.id).ruling.document)["title"] == "Kept before"


def test_a_colleagues_working_copy_is_not_signed(run, open_request, service):
    request = open_request()
    run("edit", request.id, "--set", "title=Ben was here", who=BEN_MAIL)

    run("approve", request.id, who=ANNA_MAIL)

    assert json.loads(service.get(request.id).ruling.document)["title"] == "Offer for Northwind"


def test_edit_opens_the_editor(run, open_request, service, BEN, tmp_path, monkeypatch):
    request = open_request()
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\nsed -i "s/Offer for Northwind/Typed in an editor/" "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))

    result = run("edit", request.id, who=BEN_MAIL)

    assert result.exit_code == 0
    assert service.working_copy(request.id, BEN).document["title"] == "Typed in an editor"


def test_without_an_editor_edit_says_what_else_there_is(run, open_request, monkeypatch):
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)

    result = run("edit", open_request().id, who=BEN_MAIL)

    assert result.exit_code == 1
    assert "--set" in result.stderr


def test_what_was_typed_in_the_editor_survives_a_mistake(run, open_request, tmp_path, monkeypatch):
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\necho "{ typed" > "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))

    result = run("edit", open_request().id, who=BEN_MAIL)

    assert result.exit_code == 1
    kept = Path(result.stderr.split("kept in ")[1].split(")")[0])
    assert kept.read_text() == "{ typed\n"
    kept.unlink()


def test_return_reject_claim_release_and_recall_do_what_they_say(run, open_request, service):
    returned, rejected, recalled = open_request(), open_request(), open_request()

    assert run("return", returned.id, "--feedback", "Name the shops.", who=BEN_MAIL).exit_code == 0
    assert run("claim", rejected.id, who=BEN_MAIL).exit_code == 0
    assert service.get(rejected.id).claimed_by == BEN_MAIL
    assert run("release", rejected.id, who=BEN_MAIL).exit_code == 0
    assert run("reject", rejected.id, "--reason", "Too dear.", "--code", "price", who=BEN_MAIL).exit_code == 0
    assert run("approve", recalled.id, "--recall", "8", who=BEN_MAIL).exit_code == 0
    assert run("recall", recalled.id, who=BEN_MAIL).exit_code == 0

    assert service.get(returned.id).ruling.feedback == "Name the shops."
    assert (service.get(rejected.id).state, service.get(rejected.id).ruling.code) == (State.REJECTED, "price")
    assert service.get(recalled.id).state is State.PENDING


@pytest.mark.parametrize(
    "words", [("return", "--feedback", ""), ("reject", "--reason", ""), ("withdraw", "--reason", " ")]
)
def test_an_empty_reason_is_refused_in_a_sentence(run, open_request, unchanged, words):
    request = open_request()

    with unchanged(request):
        result = run(words[0], request.id, *words[1:], who="rita@acme.example" if words[0] == "withdraw" else BEN_MAIL)

    assert result.exit_code == 1
    assert result.stderr.strip()


def test_who_asked_can_withdraw(run, open_request, service):
    request = open_request()

    result = run("withdraw", request.id, "--reason", "The customer closed.", who="rita@acme.example")

    assert result.exit_code == 0
    assert service.get(request.id).state is State.WITHDRAWN


def test_an_unsupported_claim_needs_a_voucher(run, open_request, service, make_offer):
    request = open_request(document=make_offer(claims=[{"id": "c1", "text": "It never rains."}]))

    refused = run("approve", request.id, who=BEN_MAIL)
    signed = run("approve", request.id, "--vouch", "c1", who=BEN_MAIL)

    assert (refused.exit_code, signed.exit_code) == (1, 0)
    assert "c1" in refused.stderr
    assert "Vouched for: c1" in signed.stdout
    assert service.get(request.id).ruling.vouched == ("c1",)


def test_the_first_of_two_signatures_says_that_another_is_needed(run, open_request, service):
    request = open_request({"quorum": 2})

    result = run("approve", request.id, who=BEN_MAIL)

    assert "2 people must sign" in result.stdout
    assert service.get(request.id).is_open


def test_an_id_may_be_shortened_and_written_small(run, open_request, service):
    request = open_request()

    result = run("approve", request.id[:6].lower(), who=BEN_MAIL)

    assert result.exit_code == 0
    assert service.get(request.id).state is State.APPROVED


def test_an_id_that_fits_several_requests_is_refused_and_lists_them(run, open_request, service):
    requests = [open_request() for _ in range(40)]  # of 32 letters, two must begin alike
    first = [request.id[0] for request in requests]
    beginning = next(letter for letter in first if first.count(letter) > 1)

    result = run("approve", beginning, who=BEN_MAIL)

    assert result.exit_code == 1
    assert "requests begin with" in result.stderr
    assert all(service.get(request.id).is_open for request in requests)


def test_a_request_of_others_cannot_be_told_from_none(run, open_request):
    request = open_request()

    hidden = run("approve", request.id, who="omar@acme.example")
    unknown = run("approve", "ZZZZZZZZZZ", who="omar@acme.example")

    assert hidden.exit_code == unknown.exit_code == 1
    assert hidden.stderr.replace(request.id, "ID") == unknown.stderr.replace("ZZZZZZZZZZ", "ID")
