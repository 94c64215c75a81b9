"""People of the file and people whom an identity provider described."""

from __future__ import annotations

import logging

import pytest

from approvals.errors import Disabled, SignInFailed, StoreUnavailable
from approvals.known_people import REMEMBERED, KnownPeople
from approvals.ports import Described

MAPPING = (("sales", "crm-sales"), ("sales", "crm-emea"), ("legal", "cs-legal"), ("role:admin", "cs-admins"))


class Ticks:
    """A stopwatch that stands still until it is told to move."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def known(people, store, clock, ticks):
    return KnownPeople(people, store, clock, MAPPING, ticks=ticks)


def described(email="ida@acme.example", *groups, **terms):
    return Described(**{"email": email, "groups": groups, "issuer": "https://id.example", "subject": "1", **terms})


def test_somebody_with_a_group_that_is_asked_here_is_one_of_the_people(known):
    person = known.learn(described("Ida@acme.example", "crm-emea", "cs-legal", "canteen", name="Ida Roth"))

    assert (person.email, person.name, person.groups, person.role) == (
        "Ida@acme.example", "Ida Roth", ("legal", "sales"), "reviewer",
    )  # fmt: skip
    assert known.person("IDA@acme.example") == person
    assert person in known.members(["legal"])
    assert person in known.people()


@pytest.mark.parametrize("groups", [(), ("canteen",), ("sales",)])
def test_somebody_with_none_is_not_let_in_and_not_kept(known, groups, events, store):
    with pytest.raises(SignInFailed, match="not among the people"):
        known.learn(described("ida@acme.example", *groups))

    assert known.person("ida@acme.example") is None
    assert events() == []


def test_a_role_may_come_from_a_group_and_is_enough(known):
    assert known.learn(described("ida@acme.example", "cs-admins")).role == "admin"


def test_the_file_decides_on_role_and_name_and_groups_are_those_of_both(known, people):
    person = known.learn(described("OMAR@acme.example", "crm-sales", "cs-admins", name="O. Vance"))

    assert (person.email, person.name, person.role) == ("omar@acme.example", "Omar Vance", "reviewer")
    assert person.groups == ("finance", "sales")
    assert people.person("omar@acme.example").groups == ("finance",)


def test_somebody_of_the_file_needs_no_group_of_the_provider(known):
    assert known.learn(described("omar@acme.example")).groups == ("finance",)


def test_whom_the_file_has_as_not_active_is_not_let_in(known, events):
    with pytest.raises(Disabled):
        known.learn(described("gone@acme.example", "crm-sales"))

    assert events() == []


def test_groups_change_with_the_next_sign_in(known):
    known.learn(described("ida@acme.example", "crm-sales", "cs-admins"))

    person = known.learn(described("ida@acme.example", "cs-legal"))

    assert (person.groups, person.role) == (("legal",), "reviewer")


def test_whoever_does_not_come_back_is_forgotten(known, clock):
    known.learn(described("ida@acme.example", "crm-sales"))
    known.learn(described("omar@acme.example", "crm-sales"))

    clock.forward(REMEMBERED.total_seconds())

    assert known.person("ida@acme.example") is None
    assert known.person("omar@acme.example").groups == ("finance",)


def test_the_file_is_read_as_it_is_now(known, people):
    known.learn(described("ida@acme.example", "crm-sales"))

    people.change("ben@acme.example", active=False)

    assert {person.email for person in known.members(["sales"])} >= {"ida@acme.example", "cleo@acme.example"}
    assert "ben@acme.example" not in {person.email for person in known.members(["sales"])}


# -- what is kept in memory --------------------------------------------------------------------------------------


@pytest.fixture
def reads(store, monkeypatch):
    counted = []
    read = store.read
    monkeypatch.setattr(store, "read", lambda: counted.append(1) or read())
    return counted


def test_the_store_is_asked_once_in_two_seconds(known, ticks, reads):
    for _ in range(5):
        known.people()
        known.members(["sales"])
    assert len(reads) == 1
    ticks.now += 1.99
    known.people()
    assert len(reads) == 1
    ticks.now += 0.01
    known.people()
    assert len(reads) == 2


def test_what_another_process_has_learnt_is_seen_by_and_by(known, people, store, clock, ticks):
    other = KnownPeople(people, store, clock, MAPPING, ticks=ticks)
    known.people()
    other.learn(described("ida@acme.example", "crm-sales"))

    assert known.person("ida@acme.example") is None
    ticks.now += 0.25
    assert known.person("ida@acme.example") is not None


def test_while_one_reads_others_go_on_with_what_was_known(known, ticks, reads):
    known.learn(described("ida@acme.example", "crm-sales"))
    ticks.now += 10
    before = len(reads)

    with known._reading:
        assert known.person("ida@acme.example") is not None

    assert len(reads) == before


def test_a_store_that_does_not_answer_leaves_what_was_known(known, ticks, store, monkeypatch, caplog):
    known.learn(described("ida@acme.example", "crm-sales"))
    ticks.now += 10

    def down():
        raise StoreUnavailable

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(store, "read", down)
        assert known.person("ida@acme.example") is not None

    assert "cannot be read now" in caplog.text


def test_before_anything_is_known_a_store_that_does_not_answer_is_told(known, store, monkeypatch):
    def down():
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(store, "read", down)
        with pytest.raises(StoreUnavailable):
            known.people()


def test_the_record_says_what_was_learnt(known, store):
    known.learn(described("ida@acme.example", "crm-sales", "canteen", name="Ida"))

    [entry] = store.entries()

    assert entry.event.name == "person.described"
    assert entry.event.details == {"person": "ida@acme.example", "groups": ["sales"], "role": None}


def test_an_address_that_the_provider_gave_to_somebody_else_lets_nobody_in(known, events, clock):
    known.learn(described("ida@acme.example", "crm-sales", subject="ida"))
    before = events()

    with pytest.raises(SignInFailed, match="another account"):
        known.learn(described("IDA@acme.example", "crm-sales", "cs-admins", subject="her successor"))

    assert events() == before
    assert known.person("ida@acme.example").role == "reviewer"


def test_an_address_is_free_again_once_nobody_used_it_for_long(known, clock):
    known.learn(described("ida@acme.example", "crm-sales", subject="ida"))
    clock.forward(seconds=REMEMBERED.total_seconds())

    person = known.learn(described("ida@acme.example", "cs-legal", subject="her successor"))

    assert person.groups == ("legal",)


def test_another_provider_may_know_the_same_address_by_another_account(known):
    known.learn(described("ida@acme.example", "crm-sales", subject="ida"))

    assert known.learn(described("ida@acme.example", "cs-legal", issuer="https://new.example", subject="9"))
