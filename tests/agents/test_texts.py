from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agents.changes import AddNote, Associate, Create, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Brief, Claim, CrmUpdate, EntityRef, Fact, FactKey, PriceLine, Proposal, Section, Source
from agents.texts import money_text, render_brief, render_text, render_update

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


TERN = EntityRef(name="Tern Haulage", domain="tern.example")


def test_a_brief_reads_as_facts_under_their_keys_and_says_what_is_missing() -> None:
    source = Source(
        id="s1",
        address="https://tern.example/",
        kind="site",
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
        sha256="0",
        text_sha256="0",
    )
    facts = tuple(
        Fact(
            id=f"f{number}",
            key=FactKey.FOUNDED,
            value=year,
            quote=year,
            source_id="s1",
            start=0,
            end=4,
            method="rule",
            confidence=0.9,
            conflicts_with=("f1",) if number else (),
        )
        for number, year in enumerate(("1971", "1981"))
    )
    brief = Brief(
        entity=TERN, sources=(source,), facts=facts, open_questions=("Which year?",), not_found=(FactKey.PHONE,)
    )

    text = render_brief(brief)

    assert text.startswith("Tern Haulage · tern.example")
    assert "Founded\n- 1971\n- 1981 (contradicted)" in text
    assert "- Which year?" in text
    assert text.endswith("Not found: phone")


def test_an_update_reads_as_its_changes_in_order_and_marks_what_is_not_to_be_done() -> None:
    update = CrmUpdate(
        crm="embedded://",
        entity=TERN,
        changes=(
            Create(object="company", key="co:tern.example", fields={"name": "Tern Haulage"}, why="It is new."),
            SetField(object="deal", key="dl:1", field="amount", before=None, after="12.00", apply=False),
            AddNote(key="nt:1", object="deal", about="dl:1", body="one\ntwo"),
            Associate(object="deal", key="dl:1", to_object="company", to_key="co:tern.example"),
        ),
    )

    text = render_update(update)

    assert "1. Create the company co:tern.example\n  Name: Tern Haulage\n  because: It is new." in text
    assert "2. NOT TO BE DONE: Set amount of the deal dl:1\n  from empty to “12.00”" in text
    assert "3. Add the note nt:1 to the deal dl:1\n  | one\n  | two" in text
    assert "4. Link the deal dl:1 with the company co:tern.example" in text


def test_what_an_update_takes_away_reads_in_its_own_words() -> None:
    update = CrmUpdate(
        crm="embedded://",
        entity=EntityRef(name="Halden Freight"),
        changes=(
            Dissociate(object="deal", key="dl:1", to_object="company", to_key="co:1"),
            RemoveNote(key="nt:1", object="deal", about="dl:1", body="Signed."),
            Remove(object="deal", key="dl:1", fields={"name": "Offer"}),
        ),
    )

    text = render_update(update)

    assert "Unlink the deal dl:1 from the company co:1" in text
    assert "Take the note nt:1 away from the deal dl:1" in text
    assert "Archive the deal dl:1" in text
