from __future__ import annotations

from decimal import Decimal

import pytest

from agents.documents import Claim, EntityRef, PriceLine, Proposal, Section
from agents.texts import money_text, render_text

PROPOSAL = Proposal(
    entity=EntityRef(name="Halden Freight"),
    title="Proposal for Halden Freight",
    sections=(
        Section(key="opening", title="About you", claims=(Claim(id="a", text="One."), Claim(id="b", text="Two."))),
    ),
    lines=(
        PriceLine(id="l", offer="o", name="Route Insight", quantity=1200, unit="vehicle", unit_price=Decimal("86.00")),
    ),
    currency="EUR",
    valid_days=30,
)


@pytest.mark.parametrize(
    ("amount", "language", "text"),
    [
        ("12340", "en", "12,340.00 EUR"),
        ("12340", "de", "12.340,00 EUR"),
        ("0.5", "en", "0.50 EUR"),
        ("1234567.89", "de", "1.234.567,89 EUR"),
        ("-3", "en", "-3.00 EUR"),
        ("12340", "fr", "12,340.00 EUR"),
    ],
)
def test_an_amount_reads_as_the_language_writes_it(amount: str, language: str, text: str) -> None:
    assert money_text(Decimal(amount), "EUR", language) == text


def test_the_whole_proposal_reads_as_plain_text() -> None:
    assert render_text(PROPOSAL) == (
        "Proposal for Halden Freight\nFor Halden Freight\n\nAbout you\nOne.\nTwo.\n\n"
        "Offer\n- Route Insight: 1,200 × 86.00 EUR (vehicle) = 103,200.00 EUR\nTotal: 103,200.00 EUR\n\n"
        "This offer stands for 30 days."
    )


def test_a_german_proposal_has_german_labels_and_marks() -> None:
    text = render_text(PROPOSAL.model_copy(update={"language": "de"}))

    assert "Summe: 103.200,00 EUR" in text
    assert "Dieses Angebot gilt 30 Tage." in text


def test_without_price_lines_there_is_no_total() -> None:
    assert "Total" not in render_text(PROPOSAL.model_copy(update={"lines": ()}))
