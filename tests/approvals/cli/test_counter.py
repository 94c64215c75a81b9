"""Who is at the keyboard."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from approvals.bootstrap import build
from approvals.cli import commands
from approvals.decisions import Actor
from approvals.store import open_store
from approvals.tokens import Tokens

ADA_MAIL, BEN_MAIL = "ada@acme.example", "ben@acme.example"
ADMIN = Actor(kind="person", id="ada@acme.example", via="embedded", scopes=frozenset({"read", "admin"}))


@pytest.fixture
def tokens(store, people, clock):
    return Tokens(store, people, clock)


def test_without_a_name_nobody_acts_and_the_reviewers_are_listed(run, open_request, unchanged):
    request = open_request()

    with unchanged(request):
        result = run("approve", request.id)

    assert result.exit_code == 1
    assert "--as EMAIL" in result.stderr
    assert BEN_MAIL in result.stderr
    assert "vera@acme.example" not in result.stderr, "a viewer decides nothing"


def test_with_one_reviewer_alone_nobody_is_guessed(run, open_request, people, unchanged):
    request = open_request()
    for person in people.people():
        if person.email not in (BEN_MAIL, "rita@acme.example"):
            people.remove(person.email)

    with unchanged(request):
        result = run("approve", request.id)

    assert result.exit_code == 1
    assert BEN_MAIL in result.stderr


def test_the_environment_can_name_the_person(run, open_request, service, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_USER", BEN_MAIL)
    request = open_request()

    assert run("approve", request.id).exit_code == 0
    assert service.get(request.id).ruling.by.id == BEN_MAIL


def test_somebody_who_is_not_in_the_list_is_refused(run, open_request, unchanged):
    request = open_request()

    with unchanged(request):
        result = run("approve", request.id, who="eve@elsewhere.example")

    assert result.exit_code == 1


def test_a_token_says_who_it_is_and_how(run, open_request, service, tokens, monkeypatch):
    secret = tokens.create(BEN_MAIL, ADMIN, scopes=("read", "decide")).secret
    monkeypatch.setenv("COUNTERSIGN_TOKEN", secret)
    request = open_request()

    assert run("approve", request.id).exit_code == 0
    assert (service.get(request.id).ruling.by.id, service.get(request.id).ruling.by.via) == (BEN_MAIL, "token")


def test_a_wrong_token_is_refused_even_on_ones_own_queue(run, open_request, unchanged, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_TOKEN", "cs_" + "A" * 40)
    monkeypatch.setenv("COUNTERSIGN_USER", BEN_MAIL)
    request = open_request()

    with unchanged(request):
        result = run("approve", request.id)

    assert result.exit_code == 1
    assert "unknown" in result.stderr


@pytest.fixture
def elsewhere(settings, tmp_path):
    """A store that lies outside the home, as a shared one does."""
    settings = settings.model_copy(update={"store": f"sqlite:///{tmp_path}/shared.sqlite"})
    open_store(settings.store).close()
    return settings


def test_elsewhere_a_name_proves_nothing(run, elsewhere):
    result = run("queue", who=BEN_MAIL, settings=elsewhere)

    assert result.exit_code == 1
    assert "COUNTERSIGN_TOKEN" in result.stderr


def test_elsewhere_nobody_looks_without_a_token(run, elsewhere, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_USER", BEN_MAIL)

    result = run("queue", settings=elsewhere)

    assert result.exit_code == 1
    assert "COUNTERSIGN_TOKEN" in result.stderr


def test_the_first_token_elsewhere_needs_none_and_the_second_does(run, elsewhere, people, monkeypatch):
    """Without it nobody could ever get one; whoever can open the store could write anything into it anyway."""
    first = run("token", "create", ADA_MAIL, "--scope", "read", "--scope", "admin", settings=elsewhere)
    second = run("token", "create", BEN_MAIL, settings=elsewhere)
    monkeypatch.setenv("COUNTERSIGN_TOKEN", first.stdout.strip())
    third = run("token", "create", BEN_MAIL, settings=elsewhere)

    assert (first.exit_code, second.exit_code, third.exit_code) == (0, 1, 0)
    assert "COUNTERSIGN_TOKEN" in second.stderr
    log = run("audit", "log", "--json", settings=elsewhere)
    assert [entry["event"]["actor"] for entry in json.loads(log.stdout)] == ["countersign", ADA_MAIL]


def test_a_home_that_others_can_write_to_is_nobodys_own(run, home, settings):
    home.chmod(0o777)

    assert run("queue", who=BEN_MAIL).exit_code == 1


def test_a_store_reached_through_a_link_out_of_the_home_is_not_embedded(run, settings, home, tmp_path, elsewhere):
    (home / "linked.sqlite").symlink_to(tmp_path / "shared.sqlite")
    linked = settings.model_copy(update={"store": f"sqlite:///{home}/linked.sqlite"})

    assert run("queue", who=BEN_MAIL, settings=linked).exit_code == 1


def test_a_wrong_setting_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setenv("APPROVALS_PORT", "many")

    result = CliRunner().invoke(commands(build), ["queue"], catch_exceptions=False)

    assert result.exit_code == 1
    assert result.stderr.startswith("APPROVALS_PORT is wrong")
