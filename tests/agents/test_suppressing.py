from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.applying import apply_update
from agents.changes import AddNote, Associate, Change, Create, Remove, SetField
from agents.documents import Brief, CrmUpdate, Draft, EntityRef, FactKey, Prospect
from agents.errors import Suppressed, SuppressionInvalid
from agents.ports import Crm, Suppression, SuppressionList
from agents.suppressing import (
    adds,
    check_company,
    check_prospect,
    checked_research,
    names_somebody,
    subject_of,
    without_people,
)
from agents.suppression import open_suppression

HALDEN = EntityRef(name="Halden", domain="halden.example")


@pytest.fixture
def suppressed(tmp_path: Path) -> SuppressionList:
    return open_suppression("file:", home=tmp_path)


def put(suppressed: SuppressionList, *texts: str) -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    subjects = [subject_of(text) for text in texts]
    suppressed.add([Suppression(sha256=one.sha256, kind=one.kind, at=at, reason="asked by letter") for one in subjects])


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("halden.example", "halden.example"),
        (" HTTPS://www.Halden.example:443/about?x#y ", "halden.example"),
        ("shop.halden.example.", "shop.halden.example"),
        ("Köln.example", "xn--kln-sna.example"),
        ("mailto:Anna@Halden.Example", "anna@halden.example"),
        ("anna@köln.example", "anna@xn--kln-sna.example"),
    ],
)
def test_every_spelling_has_one_digest(written: str, text: str) -> None:
    subject = subject_of(written)

    assert subject.text == text
    assert subject.kind == ("email" if "@" in text else "domain")
    assert subject.sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "written", ["", "halden", "@halden.example", "anna@", "Anna Berg", "text:halden.example is", "a b.example"]
)
def test_what_is_neither_address_nor_domain_is_refused(written: str) -> None:
    with pytest.raises(SuppressionInvalid, match="neither an e-mail address nor a domain"):
        subject_of(written)


# -- research ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prospect",
    [
        Prospect(target="https://www.halden.example/about"),
        Prospect(target="shop.halden.example"),
        Prospect(target="text:Halden moves freight.", source_url="https://halden.example/"),
    ],
)
def test_a_suppressed_prospect_is_not_researched(suppressed: SuppressionList, prospect: Prospect) -> None:
    check_prospect(prospect, suppressed)
    put(suppressed, "halden.example")

    with pytest.raises(Suppressed, match="is on the suppression list since 2026-03-02: asked by letter"):
        check_prospect(prospect, suppressed)


def test_a_company_that_is_recognised_only_by_research_is_refused_then(
    suppressed: SuppressionList, halden: Brief
) -> None:
    put(suppressed, "halden.example")
    check_prospect(Prospect(target="text:Halden Freight moves freight."), suppressed)

    with pytest.raises(Suppressed):
        checked_research(Draft[Brief](document=halden), suppressed)


def test_a_suppressed_person_does_not_stand_in_the_brief_and_a_flag_says_so(
    suppressed: SuppressionList, halden: Brief
) -> None:
    put(suppressed, "Dispatch@halden.example")

    draft = checked_research(Draft[Brief](document=halden), suppressed)

    assert "dispatch@" not in draft.document.model_dump_json()
    assert draft.document.of(FactKey.CONTACT_PERSON) == ()
    assert draft.flags[-1].message == "2 facts are left out, for somebody in the quote is on the suppression list."
    assert draft.flags[-1].severity == "info"


def test_whoever_is_not_listed_is_let_through_untouched(suppressed: SuppressionList, halden: Brief) -> None:
    put(suppressed, "kestrel.example", "anna@halden.example", "den.example")
    draft = Draft[Brief](document=halden)

    assert checked_research(draft, suppressed) is draft
    check_company(halden.entity, suppressed)
    assert without_people(halden, suppressed) is halden


@pytest.mark.parametrize(
    "text",
    [
        "Write to <Anna@Halden.example>, please.",
        "mailto:anna@halden.example",
        "“anna@halden.example”",
        "anna@halden.example.",
    ],
)
def test_an_address_is_found_wherever_it_stands(suppressed: SuppressionList, text: str) -> None:
    assert not names_somebody(text, suppressed)
    put(suppressed, "anna@halden.example")

    assert names_somebody(text, suppressed)
    assert not names_somebody("joanna@halden.example and anna@halden.example.org", suppressed)


def test_a_domain_stands_for_every_address_at_it(suppressed: SuppressionList) -> None:
    put(suppressed, "halden.example")

    assert names_somebody("anna@mail.halden.example", suppressed)


# -- writing -----------------------------------------------------------------------------------------------------

COMPANY = Create(object="company", key="co:halden.example", fields={"name": "Halden", "email": "anna@halden.example"})
CONTACT = Create(object="contact", key="ct:anna@halden.example", fields={"name": "Anna"})
NAME = SetField(object="company", key="co:arden.example", field="name", before=None, after="Arden")
LINK = Associate(object="contact", key="ct:anna@halden.example", to_object="company", to_key="co:arden.example")
NOTE = AddNote(key="nt:1", object="company", about="co:arden.example", body="Write to anna@halden.example.")
PLAIN = AddNote(key="nt:2", object="company", about="co:arden.example", body="Write to them.")


def written(crm: Crm, suppressed: SuppressionList, *changes: Change) -> list[str]:
    update = CrmUpdate(crm=crm.address, entity=HALDEN, changes=changes)
    receipt = asyncio.run(apply_update(update, crm=crm, by="run 1", suppressed=suppressed))
    return [one.outcome for one in receipt.applied]  # type: ignore[union-attr]


def test_nothing_is_written_about_a_suppressed_company(crm: Crm, suppressed: SuppressionList) -> None:
    put(suppressed, "halden.example")

    with pytest.raises(Suppressed):
        written(crm, suppressed, COMPANY, PLAIN)

    assert crm.records() == ()


def test_nothing_is_written_about_a_suppressed_person_and_the_rest_is(crm: Crm, suppressed: SuppressionList) -> None:
    crm.apply(Create(object="company", key="co:arden.example", fields={"phone": "1"}), by="somebody")
    put(suppressed, "anna@halden.example")

    outcomes = written(crm, suppressed, COMPANY, CONTACT, NAME, LINK, NOTE, PLAIN)

    assert outcomes == ["skipped", "skipped", "written", "skipped", "skipped", "written"]
    assert [record.key for record in crm.records()] == ["co:arden.example"]
    assert [note.key for note in crm.notes()] == ["nt:2"]


def test_what_only_takes_away_approaches_nobody() -> None:
    removal = Remove(object="company", key="co:halden.example", fields={})
    update = CrmUpdate(crm="embedded://", entity=HALDEN, changes=(removal, NAME))

    assert not adds(update)
    assert adds(update.model_copy(update={"changes": (removal, PLAIN)}))
    assert not adds(update.model_copy(update={"changes": (PLAIN.model_copy(update={"apply": False}),)}))
