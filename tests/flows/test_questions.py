"""What a gate asks: whom it is about and what is at stake come from the document's own class."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agents.changes import Create, SetField
from agents.documents import Brief, CrmUpdate, Draft, EntityRef, PriceLine, Proposal
from agents.values import Document, Worth
from approvals.requests import Identity, Proposed, RunReference
from flows.questions import proposed
from flows.scope import Gate

HALDEN = EntityRef(name="Halden Freight", domain="halden.example")
LINE = PriceLine(
    id="l1", offer="route-insight", name="Route Insight", quantity=3, unit="vehicle", unit_price=Decimal("86.00")
)
OFFER = Proposal(entity=HALDEN, title="Offer", sections=(), lines=(LINE,), currency="EUR", valid_days=30)
DEAL = Create(object="deal", key="dl:1", fields={"amount": "258.00", "currency": "EUR"})


class Memo(Document):
    """Says neither whom it is about nor what is at stake."""

    text: str


class Odd(Document):
    """Says both in ways that no list could hold."""

    @property
    def about(self) -> int:
        return 7

    @property
    def worth(self) -> tuple[Decimal, str]:
        return Decimal("NaN"), "euro"


def asked(draft: Any, **more: Any) -> Proposed:
    document = draft.document if isinstance(draft, Draft) else draft
    gate = Gate("memo", type(document))
    identity = Identity(run="r1", gate="memo", key="k")
    return proposed(draft, gate, identity, run=RunReference(id="r1"), requester="rita@brightwater.example", **more)


def worth(request: Proposed) -> tuple[str, str | None, str | None]:
    return request.about, request.amount, request.currency


def test_a_proposal_is_about_its_company_and_worth_its_total() -> None:
    assert worth(asked(OFFER)) == ("Halden Freight", "258.00", "EUR")


def test_a_brief_is_about_its_company_and_worth_nothing() -> None:
    assert worth(asked(Brief(entity=HALDEN, sources=(), facts=()))) == ("Halden Freight", None, None)


@pytest.mark.parametrize(
    ("changes", "amount", "currency"),
    [
        ((DEAL,), "258.00", "EUR"),
        ((DEAL, SetField(object="deal", key="dl:1", field="amount", before=None, after="300.5")), "300.5", "EUR"),
        ((DEAL.model_copy(update={"apply": False}),), None, None),
        ((Create(object="deal", key="dl:1", fields={"amount": "many", "currency": "EUR"}),), None, None),
        ((Create(object="deal", key="dl:1", fields={"amount": "NaN", "currency": "EUR"}),), None, None),
        ((Create(object="deal", key="dl:1", fields={"amount": "258.00"}),), None, None),
        ((), None, None),
    ],
)
def test_an_update_is_worth_what_it_gives_a_deal(
    changes: tuple[Any, ...], amount: str | None, currency: str | None
) -> None:
    update = CrmUpdate(crm="embedded://", entity=HALDEN, changes=changes)

    assert worth(asked(update)) == ("Halden Freight", amount, currency)


def test_where_the_class_does_not_say_it_the_draft_may() -> None:
    draft = Draft[Memo](document=Memo(text="x"), about="Kiel", worth=Worth(Decimal("10.00"), "SEK"))

    assert worth(asked(Memo(text="x"))) == ("", None, None)
    assert worth(asked(draft)) == ("Kiel", "10.00", "SEK")


def test_what_no_list_could_hold_is_left_out() -> None:
    assert worth(asked(Odd())) == ("", None, None)


def test_everything_beside_the_document_goes_along() -> None:
    draft = Draft[Memo](document=Memo(text="x"), title="A memo", summary="Short.", based_on={"catalogue:": "1"})

    request = asked(draft, verdicts=("approve", "reject"), supersedes="ABC")

    assert (request.title, request.summary, request.based_on) == ("A memo", "Short.", {"catalogue:": "1"})
    assert (request.verdicts, request.supersedes) == (("approve", "reject"), "ABC")
    assert request.document == {"text": "x"}
    assert asked(Memo(text="x")).title == "Memo"
