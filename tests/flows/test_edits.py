"""What people type is taken in the one form that is shown and signed, or refused by field path with the text kept."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.documents import Claim, EntityRef, PriceLine, Proposal, Section
from approvals.canonical import canonical, digest
from approvals.decisions import Actor
from approvals.errors import DocumentInvalid, UnsupportedClaims
from approvals.lifecycle import State
from approvals.requests import Identity as RequestIdentity
from approvals.requests import Proposed, Request, RunReference
from flows import composition

ANNA = Actor(kind="person", id="anna@acme.example", via="embedded")
FLOW = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))
LONG = "wörter " * 30_000
TURNED = "yes 🎉 naïve \u202esdrawkcab"


def draft() -> dict[str, Any]:
    thanks = Claim(id="thanks", text="thank you for your time.")
    line = PriceLine(
        id="line.route",
        offer="route-insight",
        name="Route Insight",
        quantity=2,
        unit="vehicle per year",
        unit_price="86.00",  # type: ignore[arg-type]
    )
    proposal = Proposal(
        entity=EntityRef(name="Halden Freight", domain="halden.example"),
        title="Offer",
        sections=(Section(key="close", title="Close", claims=(thanks,)),),
        lines=(line,),
        currency="EUR",
        valid_days=30,
    )
    return proposal.model_dump(mode="json")


@pytest.fixture
def asked(at_home: Any) -> Request:
    return composition.approvals().gatekeeper.open(
        Proposed(
            identity=RequestIdentity(run="run-1", gate="proposal", key="k"),
            kind="agents.documents:Proposal",
            action="offer.send",
            target="mail://halden.example",
            title="Offer",
            document=draft(),
            document_schema=Proposal.model_json_schema(),
            requester="rita@acme.example",
            run=RunReference(id="run-1"),
            policy="letter",
        ),
        FLOW,
    )


def with_price(value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["lines"][0].update(unit_price=value)


def with_text(value: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["sections"][0]["claims"][0].update(text=value)


def with_key(document: dict[str, Any]) -> None:
    document["approved"] = True


@pytest.mark.parametrize(
    ("edit", "read", "stands"),
    [
        (with_price(86.0), lambda one: one["lines"][0]["unit_price"], "86.00"),
        (with_price("86.0"), lambda one: one["lines"][0]["unit_price"], "86.00"),
        (with_price("8.6e1"), lambda one: one["lines"][0]["unit_price"], "86.00"),
        (with_text(LONG), lambda one: one["sections"][0]["claims"][0]["text"], LONG),
        (with_text("{{ 7*7 }} {% raw %}"), lambda one: one["sections"][0]["claims"][0]["text"], "{{ 7*7 }} {% raw %}"),
        (
            with_text("yes 🎉 naïve \u202esdrawkcab"),
            lambda one: one["sections"][0]["claims"][0]["text"],
            "yes 🎉 naïve \u202esdrawkcab",
        ),
        (with_text("  blanks kept \n"), lambda one: one["sections"][0]["claims"][0]["text"], "  blanks kept \n"),
    ],
    ids=["a number", "one decimal", "an exponent", "200 kB", "braces", "emoji and direction", "blanks"],
)
def test_what_is_signed_is_the_form_that_was_examined_and_the_permit_is_for_exactly_that(asked, edit, read, stands):
    approvals = composition.approvals()
    document = copy.deepcopy(draft())
    edit(document)
    shown = approvals.service.examine(asked, document)
    vouched = shown.unsupported

    approvals.service.approve(asked.id, ANNA, version=1, edited=document, vouched=vouched)
    answer = approvals.gatekeeper.take_up(asked.id, "run-1", FLOW)

    assert answer is not None
    assert answer.permit is not None
    ruling = answer.request.ruling
    assert ruling is not None
    assert ruling.document == canonical(shown.document)
    assert read(json.loads(ruling.document)) == stands
    assert answer.permit.sha256 == digest(ruling.document)
    assert json.loads(ruling.typed or "null") == document, "what was typed is kept beside it"
    assert Proposal.model_validate_json(ruling.document).model_dump(mode="json") == json.loads(ruling.document)


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (with_key, "approved"),
        (with_price("86.005"), "lines.0.unit_price"),
        (with_price("NaN"), "lines.0.unit_price"),
        (with_price("1,150.00"), "lines.0.unit_price"),
        (with_price(True), "lines.0.unit_price"),
        (lambda one: one["lines"][0].update(quantity=0), "lines.0.quantity"),
        (lambda one: one["lines"][0].update(quantity="2.5"), "lines.0.quantity"),
        (lambda one: one.update(currency="euro"), "currency"),
        (lambda one: one["sections"][0]["claims"].append({"id": "thanks", "text": "Twice."}), ""),
        (lambda one: one["sections"][0]["claims"][0].pop("text"), "sections.0.claims.0.text"),
    ],
    ids=["extra key", "half a cent", "NaN", "separators", "true", "none", "a half", "no code", "same id", "missing"],
)
def test_what_does_not_fit_is_refused_by_its_path_and_what_was_typed_is_kept(asked, edit, path):
    approvals = composition.approvals()
    document = copy.deepcopy(draft())
    edit(document)

    with pytest.raises(DocumentInvalid) as refused:
        approvals.service.approve(asked.id, ANNA, version=1, edited=document)

    assert path in [error.path for error in refused.value.errors]
    assert approvals.service.get(asked.id).state is State.PENDING
    kept = approvals.service.working_copy(asked.id, ANNA)
    assert kept is not None
    assert kept.document == document


def test_a_price_that_the_catalogue_does_not_know_needs_somebody_to_answer_for_it(asked):
    approvals = composition.approvals()
    document = copy.deepcopy(draft())
    document["lines"][0]["unit_price"] = "1e1"

    with pytest.raises(UnsupportedClaims) as refused:
        approvals.service.approve(asked.id, ANNA, version=1, edited=document)
    approvals.service.approve(asked.id, ANNA, version=1, edited=document, vouched=refused.value.claims)

    ruling = approvals.service.get(asked.id).ruling
    assert ruling is not None
    assert ruling.vouched == ("line.route",)
    assert json.loads(ruling.document or "")["lines"][0]["unit_price"] == "10.00"


def test_a_moment_with_any_offset_is_signed_in_utc() -> None:
    from agents.documents import Source

    fields = {"id": "s1", "address": "https://halden.example/", "kind": "site", "sha256": "0", "text_sha256": "0"}

    source = Source.model_validate({**fields, "fetched_at": "2026-03-02T13:00:00+01:00"})

    assert source.fetched_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert source.model_dump(mode="json")["fetched_at"] == "2026-03-02T12:00:00Z"
