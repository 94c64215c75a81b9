"""The examiner: which classes it trusts, and what it says of a document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.changes import Create, SetField
from agents.documents import Brief, CrmUpdate, EntityRef, Fact, FactKey, Proposal, Section, Source
from agents.documents import Claim as Sentence
from agents.planning import ABSENT, CATALOGUE
from approvals.canonical import canonical
from approvals.errors import CannotExamine
from approvals.requests import Evidence
from flows import composition
from flows.examiner import ClassExaminer

HALDEN = EntityRef(name="Halden Freight", domain="halden.example")
QUOTE = "Halden Freight runs 40 lorries."


@pytest.fixture
def examiner(at_home: Any) -> ClassExaminer:
    return ClassExaminer(composition.agents, ("agents", "flows", "letters"))


def proposal(text: str = QUOTE, *, facts: tuple[str, ...] = ("f1",)) -> dict[str, Any]:
    claim = Sentence(id="c1", text=text, fact_ids=facts)
    section = Section(key="why", title="Why", claims=(claim,))
    found = Proposal(entity=HALDEN, title="Offer", sections=(section,), currency="EUR", valid_days=30)
    return found.model_dump(mode="json")


def evidence() -> Evidence:
    source = Source(
        id="s1",
        address="https://halden.example/",
        kind="site",
        fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
        sha256="0" * 64,
        text_sha256="0" * 64,
        subject_match="match",
    )
    fact = Fact(
        id="f1",
        key=FactKey.DESCRIPTION,
        value=QUOTE,
        quote=QUOTE,
        source_id="s1",
        start=0,
        end=len(QUOTE),
        method="rule",
        confidence=0.9,
    )
    return Evidence.model_validate(
        {"sources": [source.model_dump(mode="json")], "facts": [fact.model_dump(mode="json")]}
    )


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("subprocess:Popen", "not in a package that is trusted"),
        ("agents_of_somebody_else.documents:Brief", "not in a package that is trusted"),
        ("os.path:join", "not in a package that is trusted"),
        ("", "not in a package that is trusted"),
        ("agents.documents:NoSuchClass", "cannot be imported here"),
        ("agents.no_such_module:Brief", "cannot be imported here"),
        ("agents.documents", "cannot be imported here"),
        ("agents.values:MAX_MONEY", "not a pydantic class"),
        ("agents.documents:FactKey", "not a pydantic class"),
        ("flows.gates:reviewed", "not a pydantic class"),
    ],
)
def test_a_class_that_is_not_a_trusted_document_is_refused(examiner, kind, says):
    with pytest.raises(CannotExamine, match=says):
        examiner.examine(kind, {}, Evidence(), {})


def test_a_package_that_is_not_trusted_is_not_even_imported(examiner, tmp_path, monkeypatch):
    (tmp_path / "burglar.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(CannotExamine, match="FLOWS_DOCUMENT_MODULES"):
        examiner.examine("burglar:Loot", {}, Evidence(), {})


def test_what_does_not_fit_the_class_is_told_field_by_field(examiner):
    document = proposal()
    document["sections"][0]["claims"][0]["text"] = ""
    document["valid_days"] = 999
    document["discount"] = "10"

    examination = examiner.examine("agents.documents:Proposal", document, evidence(), {})

    assert {error.path for error in examination.errors} == {"sections.0.claims.0.text", "valid_days", "discount"}
    assert examination.document == document


def test_what_a_validator_of_the_class_refuses_is_told_in_its_own_words(examiner):
    document = proposal()
    document["sections"].append(document["sections"][0])

    (error,) = examiner.examine("agents.documents:Proposal", document, evidence(), {}).errors

    assert "c1" in error.message
    assert not error.message.startswith("Value error")


def test_what_has_no_canonical_form_is_an_error_and_not_a_failure(examiner):
    (error,) = examiner.examine("letters:Letter", {"to": "\ud800", "text": "x", "postage": "1"}, Evidence(), {}).errors

    assert "canonical" in error.message


def test_the_document_comes_back_in_the_form_that_is_signed(examiner):
    spelled = {"to": "halden", "text": "Dear reader", "postage": 1.1}

    document = examiner.examine("letters:Letter", spelled, Evidence(), {}).document

    assert document == {"to": "halden", "text": "Dear reader", "postage": "1.1"}
    assert canonical(document) == canonical(json.loads(canonical(document)))


def test_a_claim_that_its_source_does_not_bear_out_is_found(examiner):
    kind = "agents.documents:Proposal"

    honest = examiner.examine(kind, proposal(), evidence(), {})
    edited = examiner.examine(kind, proposal("Halden Freight runs 70 lorries."), evidence(), {})
    uncited = examiner.examine(kind, proposal("Halden Freight was founded in 1931.", facts=()), evidence(), {})

    assert honest.unsupported == ()
    assert edited.unsupported == ("c1",)
    assert uncited.unsupported == ("c1",)


def kept(page: str) -> Evidence:
    """Evidence whose one quote is said to stand in this page, which is kept."""
    digest = composition.agents().snapshots.put(page.encode())
    found = evidence()
    source = found.sources[0].model_copy(update={"text_sha256": digest, "title": "Halden Freight"})
    return found.model_copy(update={"sources": (source,)})


@pytest.mark.parametrize(
    ("text", "page", "support", "standing", "found"),
    [
        (QUOTE, f"About us. {QUOTE} Call us.", "supported", "quoted", True),
        (QUOTE, "Halden Freight runs 41 lorries.", "unsupported", "cited", False),
        ("Halden Freight runs 70 lorries.", QUOTE, "unsupported", "cited", True),
    ],
)
def test_each_claim_stands_where_the_stored_page_has_it(examiner, text, page, support, standing, found):
    examination = examiner.examine("agents.documents:Proposal", proposal(text), kept(page), {})

    (finding,) = [one for one in examination.findings if one.claim_id == "c1"]
    (citation,) = examination.citations
    assert (finding.support, finding.standing) == (support, standing)
    assert (citation.claim_id, citation.quote, citation.found) == ("c1", QUOTE, found)
    assert (citation.title, citation.address) == ("Halden Freight", "https://halden.example/")


def test_a_page_that_is_not_kept_leaves_the_claim_cited_with_the_reason(examiner):
    (finding,) = examiner.examine("agents.documents:Proposal", proposal(), evidence(), {}).findings

    assert (finding.support, finding.standing) == ("supported", "cited")
    assert "is not kept here" in finding.reasons[0]


def test_a_claim_without_a_source_is_told_apart_from_one_with_nothing_to_look_up(examiner):
    kind = "agents.documents:Proposal"

    stated = examiner.examine(kind, proposal("Halden Freight was founded in 1931.", facts=()), evidence(), {})
    asked = examiner.examine(kind, proposal("Shall we talk next week?", facts=()), evidence(), {})

    assert [finding.standing for finding in stated.findings] == ["unsourced"]
    assert [finding.standing for finding in asked.findings] == ["none"]


def test_the_facts_of_a_brief_and_the_changes_of_an_update_are_looked_up_too(examiner):
    lying = kept("Nothing of the kind.").model_dump()
    brief = Brief.model_validate({"entity": HALDEN.model_dump(), "sources": lying["sources"], "facts": lying["facts"]})
    change = SetField(
        object="company", key="co:halden.example", field="description", before=None, after=QUOTE, fact_ids=("f1",)
    )
    update = CrmUpdate(crm=composition.crm_address(), entity=HALDEN, changes=(change,))

    of_brief = examiner.examine("agents.documents:Brief", brief.model_dump(mode="json"), Evidence(), {})
    of_update = examiner.examine("agents.documents:CrmUpdate", update.model_dump(mode="json"), kept(QUOTE), {})

    assert [(one.claim_id, one.support, one.standing) for one in of_brief.findings] == [("f1", "unsupported", "cited")]
    assert [(one.claim_id, one.support, one.standing) for one in of_update.findings] == [
        ("changes.0", "supported", "quoted")
    ]


def test_what_approving_changes_is_told_of_the_edited_document(examiner):
    crm = composition.agents().crm
    crm.apply(Create(object="company", key="co:halden.example", fields={"name": "Halden", "phone": "1"}), by="x")
    change = SetField(object="company", key="co:halden.example", field="phone", before="1", after="3", why="Because.")
    update = CrmUpdate(crm=composition.crm_address(), entity=HALDEN, changes=(change,))
    document = update.model_dump(mode="json")
    document["changes"][0]["after"] = "4"
    crm.apply(change.model_copy(update={"after": "2"}), by="somebody")

    (effect,) = examiner.examine("agents.documents:CrmUpdate", document, Evidence(), {}).effects

    assert effect.model_dump() == {
        "record": "Company Halden", "field": "Phone", "before": "1", "after": "4", "why": "Because.",
        "note": "changed to 2 since this was planned", "path": "changes.0.apply", "applies": True,
        "moved": True, "base": "1", "now": "2", "rests_on": "",
    }  # fmt: skip


def test_the_preview_of_a_proposal_follows_the_price_that_was_typed(examiner):
    document = proposal()
    line = {"id": "l1", "offer": "route-insight", "name": "Route Insight", "quantity": 3,
            "unit": "vehicle per year", "unit_price": "86.00"}  # fmt: skip
    document["lines"] = [line]

    def amount() -> str | None:
        found = examiner.examine("agents.documents:Proposal", document, evidence(), {}).effects
        return next(effect.after for effect in found if effect.field == "Deal amount")

    before = amount()
    line["quantity"] = 5

    assert (before, amount()) == ("258.00 EUR", "430.00 EUR")


def test_a_document_that_needs_no_crm_is_examined_without_one(at_home, monkeypatch):
    monkeypatch.setenv("AGENTS_CRM", "nosuch://somewhere")
    examiner = ClassExaminer(composition.agents, ("letters",))

    examination = examiner.examine("letters:Letter", {"to": "halden", "text": "x", "postage": "1"}, Evidence(), {})

    assert (examination.errors, examination.effects, examination.citations) == ((), (), ())


def test_a_record_that_changed_since_it_was_read_is_told(examiner):
    crm = composition.agents().crm
    company = f"{crm.address}company/co:halden.example"
    based_on = {company: ABSENT, CATALOGUE: composition.agents().catalogue.version}
    before = examiner.examine("agents.documents:Proposal", proposal(), evidence(), based_on)

    crm.apply(Create(object="company", key="co:halden.example", fields={"name": "Halden"}), by="somebody")
    after = examiner.examine("agents.documents:Proposal", proposal(), evidence(), {**based_on, CATALOGUE: "older"})

    assert before.moved == ()
    assert {moved.address: moved.was for moved in after.moved} == {company: ABSENT, CATALOGUE: "older"}
    assert all(moved.now != moved.was for moved in after.moved)


def test_what_the_crm_could_never_do_is_an_error_before_anybody_signs(examiner):
    change = SetField(object="company", key="co:halden.example", field="shoe_size", before=None, after="46")
    update = CrmUpdate(crm=composition.crm_address(), entity=HALDEN, changes=(change,))

    examination = examiner.examine("agents.documents:CrmUpdate", update.model_dump(mode="json"), Evidence(), {})

    assert [error.path for error in examination.errors] == ["changes.0.field"]
    assert "shoe_size" in examination.errors[0].message


def test_it_says_what_approving_leads_to(examiner):
    create = Create(object="company", key="co:halden.example", fields={"name": "Halden Freight"})
    update = CrmUpdate(crm=composition.crm_address(), entity=HALDEN, changes=(create,))
    brief = Brief(entity=HALDEN, sources=(), facts=())

    of_update = examiner.examine("agents.documents:CrmUpdate", update.model_dump(mode="json"), Evidence(), {})
    of_brief = examiner.examine("agents.documents:Brief", brief.model_dump(mode="json"), Evidence(), {})

    assert any("Creates the company Halden Freight" in sentence for sentence in of_update.consequences)
    assert any("nothing is written" in sentence for sentence in of_brief.consequences)


def test_where_the_crm_cannot_be_read_nothing_can_be_said(at_home, monkeypatch):
    monkeypatch.setenv("AGENTS_CRM", "nosuch://somewhere")
    examiner = ClassExaminer(composition.agents, ("agents",))
    update = CrmUpdate(crm="nosuch://somewhere", entity=HALDEN, changes=())

    with pytest.raises(CannotExamine, match="could not be checked"):
        examiner.examine("agents.documents:CrmUpdate", update.model_dump(mode="json"), Evidence(), {})
