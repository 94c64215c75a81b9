from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from agents.changes import AddNote, Associate, Create, SetField
from agents.documents import (
    Applied,
    Brief,
    Claim,
    Conflict,
    CrmReceipt,
    CrmUpdate,
    EntityRef,
    Fact,
    FactKey,
    PriceLine,
    Proposal,
    Prospect,
    Section,
    Source,
    contradictions,
    dump,
)
from agents.values import Money, UtcDatetime

MONEY: TypeAdapter[Any] = TypeAdapter(Money)
MOMENT: TypeAdapter[Any] = TypeAdapter(UtcDatetime)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
money = st.decimals(min_value=0, max_value=10**9, places=2)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))]),
)
entities = st.builds(EntityRef, name=words, domain=st.none() | words, aliases=st.lists(words, max_size=2).map(tuple))
sources = st.builds(
    Source,
    id=st.just("s1"),
    address=words,
    kind=st.sampled_from(["site", "file", "text"]),
    fetched_at=moments,
    sha256=words,
    text_sha256=words,
)
facts = st.builds(
    Fact,
    id=words,
    key=st.sampled_from(FactKey),
    value=words,
    quote=words,
    source_id=st.just("s1"),
    start=st.integers(0, 10**6),
    end=st.integers(0, 10**6),
    method=st.sampled_from(["jsonld", "rule", "person"]),
    confidence=st.floats(0, 1),
)
briefs = st.builds(
    Brief,
    entity=entities,
    sources=st.tuples(sources),
    facts=st.lists(facts, max_size=4, unique_by=lambda fact: fact.id).map(tuple),
    open_questions=st.lists(words, max_size=2).map(tuple),
    not_found=st.lists(st.sampled_from(FactKey), max_size=3).map(tuple),
)
claims = st.lists(st.builds(Claim, id=words, text=words), max_size=4, unique_by=lambda claim: claim.id).map(tuple)
lines = st.lists(
    st.builds(
        PriceLine,
        id=words.map("line-{}".format),
        offer=words,
        name=words,
        quantity=st.integers(1, 10**6),
        unit=words,
        unit_price=money,
    ),
    max_size=3,
    unique_by=lambda line: line.id,
).map(tuple)
proposals = st.builds(
    Proposal,
    entity=entities,
    title=words,
    sections=st.tuples(st.builds(Section, key=words, title=words, claims=claims)),
    lines=lines,
    currency=st.sampled_from(["EUR", "USD"]),
    valid_days=st.integers(1, 365),
)
objects = st.sampled_from(["company", "contact", "deal"])
changes = st.one_of(
    st.builds(Create, object=objects, key=words, fields=st.dictionaries(words, words, max_size=3)),
    st.builds(SetField, object=objects, key=words, field=words, before=st.none() | words, after=words),
    st.builds(AddNote, object=objects, key=words, about=words, body=words),
    st.builds(Associate, object=objects, key=words, to_object=objects, to_key=words),
)
updates = st.builds(CrmUpdate, crm=words, entity=entities, changes=st.lists(changes, max_size=4).map(tuple))
receipts = st.builds(
    CrmReceipt,
    crm=words,
    entity=entities,
    applied=st.lists(
        st.builds(Applied, index=st.integers(0, 9), outcome=st.sampled_from(["written", "skipped"])), max_size=3
    ).map(tuple),
)
documents = st.one_of(
    st.builds(Prospect, target=words, name=st.none() | words),
    briefs,
    proposals,
    updates,
    receipts,
    st.builds(Conflict, receipt=receipts, remaining=updates),
)


@given(documents)
def test_a_document_has_one_form(document: BaseModel) -> None:
    once = dump(document)

    assert dump(type(document).model_validate(once)) == once


@given(money)
def test_an_amount_keeps_its_value_and_two_decimals(amount: Decimal) -> None:
    read = MONEY.validate_python(str(amount))

    assert read == amount
    assert MONEY.dump_python(read, mode="json") == f"{amount:.2f}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (1150.0, "1150.00"),
        (1150, "1150.00"),
        ("1150", "1150.00"),
        ("1150.5", "1150.50"),
        ("1e3", "1000.00"),
        (" 12.30 ", "12.30"),
        ("-0", "0.00"),
        (Decimal("0.10"), "0.10"),
        ("999999999999.99", "999999999999.99"),
    ],
)
def test_an_amount_is_brought_to_two_decimals(written: object, read: str) -> None:
    assert str(MONEY.validate_python(written)) == read


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("1150.005", "an amount has at most two decimals"),
        ("NaN", "an amount is a finite number"),
        ("Infinity", "an amount is a finite number"),
        (True, "an amount is a number such as 1150.00"),
        (None, "an amount is a number such as 1150.00"),
        ("1,150.00", "an amount is a number such as 1150.00"),
        ("1.150,00", "an amount is a number such as 1150.00"),
        ("12 EUR", "an amount is a number such as 1150.00"),
        ("", "an amount is a number such as 1150.00"),
        ([], "an amount is a number such as 1150.00"),
        ("1e12", "an amount is below one trillion"),
        (0.1 + 0.2, "an amount has at most two decimals"),
    ],
)
def test_what_is_no_amount_is_refused_with_a_sentence(written: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        MONEY.validate_python(written)


@pytest.mark.parametrize(
    "written",
    ["2026-03-01T09:00:00Z", "2026-03-01T09:00:00+00:00", "2026-03-01T14:45:00+05:45", "2026-03-01T01:00:00-08:00"],
)
def test_a_moment_is_kept_in_utc_whatever_its_offset(written: str) -> None:
    read = MOMENT.validate_python(written)

    assert read == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert MOMENT.dump_python(read, mode="json") == "2026-03-01T09:00:00Z"


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python("2026-03-01T09:00:00")


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Prospect.model_validate({"target": "halden.example", "budget": 7})


def test_the_total_is_exact() -> None:
    price_lines = tuple(
        PriceLine(id=str(n), offer="o", name="n", quantity=3, unit="u", unit_price="0.10")  # type: ignore[arg-type]
        for n in range(10)
    )
    proposal = Proposal(
        entity=EntityRef(name="Halden"), title="t", sections=(), lines=price_lines, currency="EUR", valid_days=1
    )

    assert str(proposal.total) == "3.00"


def test_a_contradiction_counts_for_both_sides(brueckner: Brief) -> None:
    assert contradictions(brueckner.facts) == {"f2": frozenset({"f3"}), "f3": frozenset({"f2"})}


# -- hints for forms ---------------------------------------------------------------------------------------------


def _hints(schema: Any) -> list[dict[str, Any]]:
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = [schema["ui"]] if isinstance(schema, dict) and isinstance(schema.get("ui"), dict) else []
    return own + [hint for one in inner for hint in _hints(one)]


@pytest.mark.parametrize("document", [Brief, Proposal, CrmUpdate])
def test_hints_say_only_what_forms_know(document: type[BaseModel]) -> None:
    hints = _hints(document.model_json_schema())

    assert hints
    assert {key for hint in hints for key in hint} <= {
        "hidden", "readonly", "widget", "group", "label", "currency", "order",
    }  # fmt: skip
    assert {hint["widget"] for hint in hints if "widget" in hint} <= {"lines", "markdown"}


@pytest.mark.parametrize("document", [Brief, Proposal, CrmUpdate])
def test_an_order_names_fields_that_there_are(document: type[BaseModel]) -> None:
    schema = document.model_json_schema()

    for one in (schema, *schema["$defs"].values()):
        assert set(one.get("ui", {}).get("order", ())) <= set(one.get("properties", ()))


def test_what_binds_a_claim_to_its_sources_is_kept_out_of_sight() -> None:
    fields = Proposal.model_json_schema()["$defs"]["Claim"]["properties"]

    assert {name for name, field in fields.items() if field.get("ui", {}).get("hidden")} == {
        "id", "fact_ids", "catalogue_ids",
    }  # fmt: skip
    assert fields["text"]["ui"] == {"widget": "lines"}


def test_the_tick_box_of_a_change_comes_first() -> None:
    definitions = CrmUpdate.model_json_schema()["$defs"]

    for name in ("Create", "SetField", "AddNote", "Associate"):
        assert definitions[name]["ui"]["order"][0] == "apply"
        assert definitions[name]["properties"]["kind"]["ui"] == {"hidden": True}


def test_hints_are_no_part_of_a_document() -> None:
    claim = Claim(id="c1", text="x")

    assert dump(claim) == {"id": "c1", "text": "x", "fact_ids": [], "catalogue_ids": []}
