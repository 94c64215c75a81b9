"""Bearer tokens."""

from __future__ import annotations

import re

import pytest

from approvals.canonical import digest
from approvals.decisions import SYSTEM
from approvals.errors import (
    ApprovalError,
    Disabled,
    NotAPerson,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from approvals.ports import Token
from approvals.tokens import SCOPES, Tokens

BEN_MAIL = "ben@acme.example"


@pytest.fixture
def tokens(store, people, clock):
    return Tokens(store, people, clock, days=30)


def test_a_token_is_known_by_its_secret_and_kept_as_its_digest(tokens, store):
    minted = tokens.create("Ben@Acme.example", SYSTEM, scopes=("read", "decide"))

    actor = tokens.authenticate(minted.secret)

    assert re.fullmatch(r"cs_[A-Za-z0-9_-]{40}", minted.secret)
    assert (actor.kind, actor.id, actor.via, actor.scopes) == ("person", BEN_MAIL, "token", {"read", "decide"})
    assert minted.token.sha256 == digest(minted.secret)
    assert minted.secret not in str([entry.model_dump() for entry in store.entries()])


def test_no_two_secrets_are_alike(tokens):
    assert len({tokens.create(BEN_MAIL, SYSTEM).secret for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "secret", ["", "cs_", "cs_" + "A" * 40, "A" * 43, "cs_" + "A" * 41, "cs_\x00" + "A" * 39, "é" * 43]
)
def test_an_unknown_secret_is_nobodys(tokens, secret):
    tokens.create(BEN_MAIL, SYSTEM)

    with pytest.raises(NotAuthenticated):
        tokens.authenticate(secret)


def test_the_digest_of_a_secret_is_no_secret(tokens):
    minted = tokens.create(BEN_MAIL, SYSTEM)

    with pytest.raises(NotAuthenticated):
        tokens.authenticate(minted.token.sha256)


def test_a_token_ends_on_its_day(tokens, clock):
    secret = tokens.create(BEN_MAIL, SYSTEM).secret

    clock.forward(days=30, seconds=-1)
    assert tokens.authenticate(secret)
    clock.forward(1)
    with pytest.raises(NotAuthenticated, match="expired on 2026-04-01"):
        tokens.authenticate(secret)


def test_a_revoked_token_ends_at_once_and_that_is_recorded(tokens, events):
    minted = tokens.create(BEN_MAIL, SYSTEM)

    tokens.revoke(minted.token.id.lower(), SYSTEM)
    tokens.revoke(minted.token.id, SYSTEM)

    with pytest.raises(NotAuthenticated, match="revoked"):
        tokens.authenticate(minted.secret)
    assert events() == ["token.created", "token.revoked"]


def test_a_token_that_is_not_there_cannot_be_revoked(tokens):
    with pytest.raises(NotFound):
        tokens.revoke("ZZZZZZZZZZ", SYSTEM)


@pytest.mark.parametrize("kind", ["agent", "worker"])
@pytest.mark.parametrize("scopes", [("decide",), ("read", "decide"), ("gate", "decide"), ("admin",)])
def test_no_machine_is_given_what_only_people_may(tokens, events, kind, scopes):
    with pytest.raises(NotAPerson):
        tokens.create("drafter", SYSTEM, kind=kind, scopes=scopes)

    assert events() == []


@pytest.mark.parametrize("kind", ["agent", "worker"])
def test_a_row_that_claims_more_reaches_no_further(tokens, store, clock, kind):
    secret = "cs_" + "z" * 40
    forged = Token(
        id="FORGED0000",
        sha256=digest(secret),
        subject="drafter",
        kind=kind,
        scopes=frozenset({"read", "decide", "gate", "admin"}),
        created_at=clock(),
    )
    with store.begin() as transaction:
        transaction.add_token(forged)
        transaction.record(tokens._event("token.created", forged, SYSTEM))

    assert tokens.authenticate(secret).scopes == SCOPES[kind]


def test_a_person_is_given_no_scope_of_a_flow_and_admin_only_as_one(tokens):
    for scope in ("gate", "admin"):
        with pytest.raises(NotPermitted):
            tokens.create(BEN_MAIL, SYSTEM, scopes=(scope,))
    assert tokens.create("ada@acme.example", SYSTEM, scopes=("admin",)).token.scopes == {"admin"}


def test_only_people_of_the_queue_with_an_account_get_one(tokens):
    with pytest.raises(NotFound):
        tokens.create("eve@elsewhere.example", SYSTEM)
    with pytest.raises(Disabled):
        tokens.create("gone@acme.example", SYSTEM)


@pytest.mark.parametrize(
    "terms",
    [
        {"days": 0},
        {"days": 4_000},
        {"scopes": ()},
        {"kind": "worker", "subject": "a b"},
        {"kind": "agent", "subject": ""},
    ],
)
def test_a_token_that_makes_no_sense_is_refused_in_a_sentence(tokens, events, terms):
    with pytest.raises(ApprovalError):
        tokens.create(**{"subject": BEN_MAIL, "by": SYSTEM, **terms})

    assert events() == []


def test_only_an_administrator_makes_lists_or_ends_them(tokens, BEN, ROBOT, ADA):
    token = tokens.create(BEN_MAIL, ADA.model_copy(update={"scopes": frozenset({"admin"})})).token

    for who in (BEN, ROBOT):
        for act in (
            lambda who=who: tokens.create(BEN_MAIL, who),
            lambda who=who: tokens.listed(who),
            lambda who=who: tokens.revoke(token.id, who),
        ):
            with pytest.raises(NotPermitted):
                act()


def test_a_disabled_person_is_not_let_in_and_one_who_is_gone_is_nobody(tokens, people):
    secret = tokens.create(BEN_MAIL, SYSTEM).secret

    people.change(BEN_MAIL, active=False)
    with pytest.raises(Disabled):
        tokens.authenticate(secret)
    people.remove(BEN_MAIL)
    with pytest.raises(NotAuthenticated):
        tokens.authenticate(secret)


def test_the_last_use_is_noted_but_not_on_every_call(tokens, clock):
    secret = tokens.create(BEN_MAIL, SYSTEM).secret

    def last_used():
        return tokens.listed(SYSTEM)[0].last_used_at

    assert last_used() is None
    tokens.authenticate(secret)
    first = last_used()
    clock.forward(59)
    tokens.authenticate(secret)
    assert last_used() == first
    clock.forward(1)
    tokens.authenticate(secret)
    assert last_used() == clock()
