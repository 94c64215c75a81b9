"""Whom a comment means."""

from __future__ import annotations

import pytest

from approvals.mentions import mentioned
from approvals.ports import Person

PEOPLE = [
    Person(email="ben@acme.example"),
    Person(email="Anna.Berg@acme.example"),
    Person(email="max@acme.example"),
    Person(email="max@other.example"),
    Person(email="gone@acme.example", active=False),
]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("@ben, look", ("ben@acme.example",)),
        ("(@BEN)", ("ben@acme.example",)),
        ("@anna.berg.", ("Anna.Berg@acme.example",)),
        ("@anna.berg@acme.example and @ben", ("Anna.Berg@acme.example", "ben@acme.example")),
        ("@ben @ben", ("ben@acme.example",)),
        ("@max", ()),
        ("@max@other.example", ("max@other.example",)),
        ("write to ben@acme.example", ()),
        ("@gone @nobody @", ()),
        ("", ()),
    ],
)
def test_people_are_named_after_an_at_sign(text, meant):
    assert mentioned(text, PEOPLE) == meant


def test_a_long_comment_is_read_in_no_time():
    assert mentioned("@" * 10_000 + "a@" * 10_000, PEOPLE) == ()
