from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agents.applying import apply_update, problems
from agents.catalogue import Catalogue
from agents.changes import AddNote, Create, SetField
from agents.documents import Brief, Conflict, CrmUpdate, EntityRef, FactKey, Proposal, dump
from agents.drafting import draft_proposal
from agents.errors import FieldsError
from agents.fields import Fields, read_fields
from agents.planning import plan_update
from agents.ports import Crm, Model
from approvals.canonical import canonical, settled

COMPANY = "co:halden.example"


@pytest.fixture
def proposal(halden: Brief, model: Model, catalogue: Catalogue) -> Proposal:
    return asyncio.run(draft_proposal(halden, model=model, catalogue=catalogue)).document


def rules(**company: dict[str, str]) -> Fields:
    return Fields.model_validate({"company": company, "deal": {"name": {"from": "title", "policy": "overwrite"}}})


def update_of(crm: Crm, *changes: Create | SetField | AddNote) -> CrmUpdate:
    return CrmUpdate(crm=crm.address, entity=EntityRef(name="Halden", domain="halden.example"), changes=changes)


# -- planning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "planned"),
    [
        ("fill_empty", None),
        ("overwrite", "420"),
        ("append", "about 400\n420"),
        ("never", None),
    ],
)
def test_a_field_that_holds_something_changes_as_its_policy_says(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue, policy: str, planned: str | None
) -> None:
    crm.apply(Create(object="company", key=COMPANY, fields={"employees": "about 400"}), by="somebody")
    fields = rules(employees={"from": "employees", "policy": policy})

    update = asyncio.run(
        plan_update(proposal, halden, crm=crm, catalogue=catalogue, run_key="r1", fields=fields)
    ).document

    changed = [change for change in update.changes if isinstance(change, SetField) and change.object == "company"]
    assert [(one.before, one.after, one.policy) for one in changed] == (
        [("about 400", planned, policy)] if planned else []
    )


@pytest.mark.parametrize("policy", ["fill_empty", "overwrite", "append", "never"])
def test_an_empty_field_is_filled_unless_it_is_never_to_change(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue, policy: str
) -> None:
    fields = rules(employees={"from": "employees", "policy": policy}, name={"from": "name", "policy": "fill_empty"})

    update = asyncio.run(
        plan_update(proposal, halden, crm=crm, catalogue=catalogue, run_key="r1", fields=fields)
    ).document

    company = next(one for one in update.changes if isinstance(one, Create) and one.object == "company")
    assert ("employees" in company.fields) == (policy != "never")
    assert set(company.fields) <= {"employees", "name"}


def test_what_a_field_says_already_is_not_added_again(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    crm.apply(Create(object="company", key=COMPANY, fields={"employees": "2019: 380\n2024: 420"}), by="somebody")
    fields = rules(employees={"from": "employees", "policy": "append"})

    update = asyncio.run(
        plan_update(proposal, halden, crm=crm, catalogue=catalogue, run_key="r1", fields=fields)
    ).document

    assert not [one for one in update.changes if isinstance(one, SetField) and one.object == "company"]


def test_a_fact_fills_the_field_that_the_file_names(
    proposal: Proposal, halden: Brief, crm: Crm, catalogue: Catalogue
) -> None:
    fields = rules(description={"from": "certification", "policy": "fill_empty"})

    update = asyncio.run(
        plan_update(proposal, halden, crm=crm, catalogue=catalogue, run_key="r1", fields=fields)
    ).document

    company = next(one for one in update.changes if isinstance(one, Create) and one.object == "company")
    assert company.fields == {"description": "ISO 9001"}


# -- what may be edited ------------------------------------------------------------------------------------------


def test_an_edit_of_a_field_that_is_not_listed_is_refused_with_its_path(crm: Crm) -> None:
    fields = rules(name={"from": "name", "policy": "fill_empty"}, phone={"policy": "never"})
    update = update_of(
        crm,
        Create(object="company", key=COMPANY, fields={"name": "Halden", "revenue": "1", "phone": "2"}),
        SetField(object="deal", key="dl:1", field="stage", before=None, after="Won"),
        SetField(object="deal", key="dl:1", field="amount", before=None, after="1", apply=False),
    )

    found = dict(problems(update, crm=crm, fields=fields))

    assert set(found) == {"changes.0.fields.revenue", "changes.0.fields.phone", "changes.1.field"}
    assert "is not among the fields that may change (name)" in found["changes.0.fields.revenue"]
    assert "never changed through Countersign" in found["changes.0.fields.phone"]
    assert all("AGENTS_CRM_FACTS" in sentence for sentence in found.values())


def test_what_may_not_change_is_not_written_though_it_was_signed(crm: Crm) -> None:
    fields = rules(name={"from": "name", "policy": "fill_empty"})
    update = update_of(
        crm,
        Create(object="company", key=COMPANY, fields={"name": "Halden"}),
        SetField(object="company", key=COMPANY, field="phone", before=None, after="1"),
    )

    receipt = asyncio.run(apply_update(update, crm=crm, by="run 1", fields=fields))

    assert not isinstance(receipt, Conflict)
    assert [one.outcome for one in receipt.applied] == ["written", "skipped"]
    assert "is not among the fields that may change" in receipt.applied[1].detail
    assert crm.read("company", COMPANY).fields == {"name": "Halden"}  # type: ignore[union-attr]


def test_the_rules_that_ship_let_every_field_of_the_embedded_crm_change(crm: Crm) -> None:
    shipped = read_fields()

    for kind, there in crm.describe().items():
        assert set(shipped.of(kind)) == set(there)
        assert not [field for field in there if shipped.refusal(kind, field)]


# -- documents that were signed before ---------------------------------------------------------------------------


def test_an_update_that_was_signed_before_there_were_policies_reads_and_dumps_as_it_did() -> None:
    change = {"apply": True, "fact_ids": [], "why": "", "object": "company", "key": COMPANY}
    stored = {
        "crm": "embedded://",
        "entity": dump(EntityRef(name="Halden", domain="halden.example")),
        "changes": [
            {**change, "kind": "create", "fields": {"name": "Halden"}},
            {**change, "kind": "set_field", "field": "phone", "before": None, "after": "1"},
        ],
    }

    update = settled(CrmUpdate, stored)

    assert canonical(update) == canonical(stored)
    assert "policy" not in json.dumps(dump(update))


@pytest.mark.parametrize("policy", ["fill_empty", "overwrite", "append", "never"])
def test_a_policy_stands_in_what_is_signed(policy: str) -> None:
    change = SetField.model_validate(
        {"object": "company", "key": COMPANY, "field": "phone", "before": None, "after": "1", "policy": policy}
    )

    assert dump(change)["policy"] == policy
    assert SetField.model_validate(dump(change)) == change


# -- the file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[company", "is not valid TOML"),
        ('[company]\nname = { from = "name" }', "company.name.policy: Field required. A policy is one of fill_empty,"),
        ('[company]\nname = { from = "name", policy = "maybe" }', "wrong at company.name.policy"),
        ('[company]\nname = { from = "shoe_size", policy = "append" }', "filled from 'shoe_size', which there is not"),
        ('[person]\nname = { policy = "append" }', "wrong at person"),
    ],
    ids=["no TOML", "no policy", "another policy", "another fact", "another object"],
)
def test_a_file_that_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "fields.toml"
    path.write_text(text)

    with pytest.raises(FieldsError) as refused:
        read_fields(path)

    assert says in str(refused.value)
    assert "AGENTS_CRM_FACTS" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FieldsError, match=r"none\.toml' cannot be read.*AGENTS_CRM_FACTS"):
        read_fields(tmp_path / "none.toml")


def test_every_kind_of_fact_can_fill_a_field_of_a_company() -> None:
    rules(**{key.value: {"from": key.value, "policy": "append"} for key in FactKey})
