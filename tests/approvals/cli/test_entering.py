"""Sign-in links and sessions on the command line."""

from __future__ import annotations

import json
import re

import pytest

from approvals.errors import NotAuthenticated
from approvals.settings import Settings

BEN = "ben@acme.example"
ADA = "ada@acme.example"


@pytest.fixture
def queue(compose, settings):
    queue = compose(settings)
    yield queue
    queue.close()


@pytest.fixture
def begin(queue, people):
    return lambda email=BEN: queue.sessions.begin(people.person(email), "link", agent="Firefox")


@pytest.mark.parametrize("who", [None, ADA])
def test_the_owner_of_a_home_and_an_administrator_make_a_link(run, queue, who):
    done = run("link", BEN, who=who)

    secret = re.fullmatch(r"http://127\.0\.0\.1:4280/login/([\w-]{43})\n", done.stdout)[1]
    assert done.exit_code == 0
    assert "Earlier links ended" in done.stderr
    assert queue.tickets.use(secret).email == BEN


def test_the_link_has_the_address_that_browsers_know(run, home):
    settings = Settings(home=home, public_url="https://queue.example/")

    assert run("link", BEN, settings=settings).stdout.startswith("https://queue.example/login/")


def test_a_link_for_programs(run, queue):
    told = json.loads(run("link", BEN, "--hours", "2", "--json").stdout)

    assert set(told) == {"person", "expires_at", "link"}
    assert told["expires_at"].startswith("2026-03-02T14:00:00")


@pytest.mark.parametrize(
    ("email", "who", "sentence"),
    [
        (BEN, BEN, "Only an administrator"),
        ("eve@elsewhere.example", None, "not among the people"),
        ("gone@acme.example", None, "not active"),
    ],
)
def test_what_is_not_to_be_is_one_sentence(run, queue, email, who, sentence):
    done = run("link", email, who=who)

    assert done.exit_code == 1
    assert sentence in done.stderr
    assert done.stdout == ""
    assert list(queue.store.entries()) == []


def test_sessions_are_listed_without_what_opens_them(run, begin):
    begun = begin()

    table, told = run("sessions", "list"), run("sessions", "list", "--json")

    assert begun.session.id in table.stdout
    assert "Firefox" in table.stdout
    assert json.loads(told.stdout)[0]["person"] == BEN
    for secret in (begun.secret, begun.session.sha256):
        assert secret not in table.stdout + told.stdout
    assert run("sessions", "list", who=BEN).exit_code == 1


def test_one_session_or_all_of_a_persons_are_ended(run, begin, queue):
    one, two, three, adas = begin(), begin(), begin(), begin(ADA)

    assert run("sessions", "revoke", one.session.id, who=BEN).stdout == f"Ended {one.session.id} of {BEN}.\n"
    assert run("sessions", "revoke", BEN).stdout == f"Ended 2 sessions of {BEN}.\n"

    for begun in (one, two, three):
        with pytest.raises(NotAuthenticated):
            queue.sessions.recognise(begun.secret)
    assert queue.sessions.recognise(adas.secret)


def test_nobody_ends_anybody_elses(run, begin, queue):
    adas = begin(ADA)

    for named in (adas.session.id, ADA):
        assert run("sessions", "revoke", named, who=BEN).exit_code == 1
    assert queue.sessions.recognise(adas.secret)
