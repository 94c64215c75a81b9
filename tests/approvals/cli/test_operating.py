"""Looking after the queue from the command line."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine, text

from approvals.audit import verify
from approvals.people import read_people
from approvals.store import open_store

BEN_MAIL = "ben@acme.example"
ADA_MAIL = "ada@acme.example"


def test_the_record_is_printed_in_order(run, open_request):
    request, other = open_request(), open_request()
    run("approve", request.id, who=BEN_MAIL)

    result = run("audit", "log", "--request", request.id)

    assert result.exit_code == 0
    assert ["request.opened" in result.stdout, "request.approved" in result.stdout] == [True, True]
    assert other.id not in result.stdout
    assert [entry["event"]["name"] for entry in json.loads(run("audit", "log", "--json").stdout)] == [
        "request.opened",
        "request.opened",
        "request.approved",
    ]


def test_a_record_that_fits_is_told_with_its_length_and_head(run, open_request, store):
    open_request()
    *_, last = store.entries()

    result = run("audit", "verify")

    assert result.exit_code == 0
    assert "1 entries" in result.stdout
    assert last.hash in result.stdout
    assert json.loads(run("audit", "verify", "--json").stdout)["head"] == last.hash


def test_a_row_changed_by_hand_is_named(run, open_request, settings, tmp_path):
    open_request()
    copy = tmp_path / "copy.sqlite"
    assert run("backup", str(copy)).exit_code == 0
    home = settings.home
    moved = settings.model_copy(update={"store": f"sqlite:///{home}/tampered.sqlite"})
    copy.rename(home / "tampered.sqlite")
    engine = create_engine(moved.store)
    with engine.begin() as connection:
        connection.execute(text("UPDATE approvals_request SET title = 'Something else'"))
    engine.dispose()

    result = run("audit", "verify", settings=moved)
    as_json = run("audit", "verify", "--json", settings=moved)

    assert result.exit_code == as_json.exit_code == 1
    assert "entry 1" in result.stderr
    assert json.loads(as_json.stdout)["entry"] == 1


def test_a_head_that_is_not_in_the_record_shows_that_its_end_was_cut_off(run, open_request):
    open_request()

    result = run("audit", "verify", "--head", "ab" * 32)

    assert result.exit_code == 1
    assert "cut off" in result.stderr


def test_a_token_is_shown_once_and_listed_without_its_secret(run):
    made = run("token", "create", BEN_MAIL, "--scope", "read", "--scope", "decide", who=ADA_MAIL)
    secret = made.stdout.strip()

    listed = run("token", "list", "--json", who=ADA_MAIL)

    assert made.exit_code == 0
    assert secret.startswith("cs_")
    assert len(secret) == 43
    assert secret not in listed.stdout
    assert json.loads(listed.stdout)[0]["scopes"] == ["decide", "read"]


def test_a_revoked_token_is_listed_as_that(run, store):
    token = json.loads(run("token", "create", BEN_MAIL, "--json", who=ADA_MAIL).stdout)

    assert run("token", "revoke", token["id"], who=ADA_MAIL).exit_code == 0

    assert "revoked" in run("token", "list", who=ADA_MAIL).stdout
    assert [entry.event.name for entry in store.entries()] == ["token.created", "token.revoked"]


@pytest.mark.parametrize("kind", ["agent", "worker"])
def test_no_machine_gets_a_token_that_decides(run, store, kind):
    result = run("token", "create", "drafter", "--kind", kind, "--scope", "decide", who=ADA_MAIL)

    assert result.exit_code == 1
    assert "cannot have the scope 'decide'" in result.stderr
    assert list(store.entries()) == []


def test_only_an_administrator_makes_tokens_or_reads_the_record(run):
    for words in (("token", "create", BEN_MAIL), ("token", "list"), ("audit", "log"), ("backup", "b.sqlite")):
        result = run(*words, who=BEN_MAIL)
        assert (result.exit_code, "administrator" in result.stderr) == (1, True)


def test_an_unknown_kind_of_token_is_wrong_usage(run):
    assert run("token", "create", BEN_MAIL, "--kind", "robot", who=ADA_MAIL).exit_code == 2


def test_people_are_added_to_the_file_and_to_the_record(run, settings, store):
    result = run("people", "add", "nina@acme.example", "--name", "Nina Falk", "--group", "sales", who=ADA_MAIL)

    assert result.exit_code == 0
    assert read_people(settings.people)[0].groups == ("sales",)
    assert [entry.event.name for entry in store.entries()] == ["person.added"]
    assert run("people", "add", "NINA@acme.example", who=ADA_MAIL).exit_code == 1


@pytest.mark.parametrize("words", [("nobody",), ("nina@acme.example", "--role", "king")])
def test_a_wrong_person_is_refused_and_nothing_is_written(run, settings, words):
    result = run("people", "add", *words, who=ADA_MAIL)

    assert result.exit_code == 1
    assert not settings.people.exists()


def test_people_are_listed(run):
    people = json.loads(run("people", "list", "--json").stdout)

    assert {person["email"] for person in people} >= {BEN_MAIL, ADA_MAIL}
    assert "not active" in run("people", "list").stdout


def test_the_terms_of_each_gate_are_shown_and_checked(run, policies):
    shown, checked = run("policies"), run("policies", "check")

    assert "quorum: 1" in shown.stdout
    assert "groups: sales" in shown.stdout
    assert "due: 3d" in shown.stdout
    assert "claim: 15m" in shown.stdout
    assert "separation_of_duties: yes" in shown.stdout
    assert json.loads(run("policies", "--json").stdout)["policies"]["offer"]["on_timeout"] == "expire"
    assert checked.exit_code == 0
    policies.set("offer", quorum=20)
    assert run("policies", "check").exit_code == 1


def test_a_policy_file_can_be_tried_before_it_is_used(run, tmp_path):
    file = tmp_path / "policies.toml"
    file.write_text('[policies.offer]\ngroups = ["sales"]\n')

    result = run("policies", "check", str(file))

    assert result.exit_code == 1
    assert "policies.offer.on_timeout is required" in result.stderr


def test_a_backup_opens_as_a_store_and_is_never_overwritten(run, open_request, tmp_path):
    request = open_request()
    file = tmp_path / "backup.sqlite"

    first, second = run("backup", str(file)), run("backup", str(file))

    assert (first.exit_code, second.exit_code) == (0, 1)
    copy = open_store(f"sqlite:///{file}")
    assert verify(copy.entries(), copy.rows()).ok
    with copy.read() as transaction:
        assert transaction.request(request.id) is not None
    copy.close()


def test_an_erased_request_says_nothing_of_anybody_and_the_record_verifies(
    run, open_request, gatekeeper, WORKER, service
):
    request = open_request()
    run("approve", request.id, who=BEN_MAIL)
    refused = run("erase", request.id, who=ADA_MAIL)
    gatekeeper.take_up(request.id, request.identity.run, WORKER)

    erased = run("erase", request.id, who=ADA_MAIL)

    assert (refused.exit_code, erased.exit_code) == (1, 0)
    assert "Northwind" not in run("show", request.id, "--json").stdout.replace("northwind", "")
    assert run("audit", "verify").exit_code == 0
    assert service.get(request.id).title == "(erased)"
