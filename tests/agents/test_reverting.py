from __future__ import annotations

import asyncio

import pytest

from agents.applying import apply_update, take_back
from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.crm import open_crm
from agents.documents import Applied, Conflict, CrmReceipt, CrmUpdate, EntityRef
from agents.errors import NothingToRevert
from agents.ports import Capabilities, Crm
from agents.reverting import Written, plan_revert

HALDEN = EntityRef(name="Halden", domain="halden.example")
OLD = Create(object="company", key="co:arden.example", fields={"name": "Arden", "phone": "1"})
COMPANY = Create(object="company", key="co:halden.example", fields={"name": "Halden", "domain": "halden.example"})
DEAL = Create(object="deal", key="dl:1", fields={"name": "Offer", "amount": "10", "currency": "EUR"}, why="New deal.")
PHONE = SetField(object="company", key=OLD.key, field="phone", before="1", after="2")
EMAIL = SetField(object="company", key=OLD.key, field="email", before=None, after="a@arden.example")
NOTE = AddNote(key="nt:1", object="deal", about="dl:1", body="Signed.")
LINK = Associate(object="deal", key="dl:1", to_object="company", to_key=COMPANY.key)
ALL = (COMPANY, DEAL, PHONE, EMAIL, NOTE, LINK)


@pytest.fixture
def crm(crm: Crm) -> Crm:
    crm.apply(OLD, by="somebody")
    return crm


def written(crm: Crm, *changes: Change, request: str = "R1") -> Written:
    update = CrmUpdate(crm=crm.address, entity=HALDEN, changes=changes)
    receipt = asyncio.run(apply_update(update, crm=crm, by="run 1"))
    return Written(request=request, document=update, receipt=receipt)


def taken_back(crm: Crm, *done: Written) -> CrmReceipt:
    plan = plan_revert(done, crm=crm).document
    return asyncio.run(take_back(plan, crm=crm, by="run 2"))


def held(crm: Crm) -> object:
    return [(one.key, one.fields) for one in crm.records()], crm.notes()


def left(crm: Crm, *done: Written) -> list[str]:
    return [flag.message for flag in plan_revert(done, crm=crm).flags]


def test_what_was_written_is_taken_back_and_the_crm_is_as_it_was(crm: Crm) -> None:
    before = held(crm)
    done = written(crm, *ALL)

    receipt = taken_back(crm, done)

    assert {one.outcome for one in receipt.applied} == {"written"}
    assert held(crm) == before


def test_the_way_back_names_what_it_takes_back(crm: Crm) -> None:
    plan = plan_revert([written(crm, *ALL)], crm=crm)

    back = "Takes back what was written before."
    amount = {"name": "Offer", "amount": "10.00", "currency": "EUR"}
    assert plan.document.changes == (
        Dissociate(object="deal", key="dl:1", to_object="company", to_key=COMPANY.key, why=back),
        RemoveNote(key="nt:1", object="deal", about="dl:1", body="Signed.", why=back),
        SetField(object="company", key=OLD.key, field="email", before="a@arden.example", after="", why=back),
        SetField(object="company", key=OLD.key, field="phone", before="2", after="1", why=back),
        Remove(object="deal", key="dl:1", fields=amount, why="Takes back: New deal."),
        Remove(object="company", key=COMPANY.key, fields=COMPANY.fields, why=back),
    )
    assert plan.title == "Revert of the CRM update for Halden"
    assert plan.summary == "Archives 2 records; sets 2 fields back; takes 2 more back."
    assert {address.removeprefix(crm.address) for address in plan.based_on} == {
        "company/co:arden.example",
        "company/co:halden.example",
        "deal/dl:1",
    }


def test_a_revert_can_be_taken_back_too(crm: Crm) -> None:
    done = written(crm, *ALL)
    after = held(crm)
    plan = plan_revert([done], crm=crm).document
    receipt = asyncio.run(take_back(plan, crm=crm, by="run 2"))

    again = taken_back(crm, Written(request="R2", document=plan, receipt=receipt))

    assert {one.outcome for one in again.applied} == {"written"}
    assert [one[0] for one in held(crm)[0]] == [one[0] for one in after[0]]  # type: ignore[index]
    assert crm.read("company", OLD.key).fields == {"name": "Arden", "phone": "2", "email": "a@arden.example"}  # type: ignore[union-attr]
    assert crm.associations("deal", "dl:1") != ()


def test_a_field_that_somebody_changed_since_is_left_and_said(crm: Crm) -> None:
    done = written(crm, *ALL)
    crm.apply(PHONE.model_copy(update={"before": "2", "after": "3"}), by="somebody")

    assert left(crm, done) == ["phone of company co:arden.example: it was changed to '3' since."]
    taken_back(crm, done)
    assert crm.read("company", OLD.key).fields == {"name": "Arden", "phone": "3"}  # type: ignore[union-attr]


def test_a_record_that_somebody_changed_since_stays(crm: Crm) -> None:
    done = written(crm, COMPANY)
    crm.apply(SetField(object="company", key=COMPANY.key, field="phone", before=None, after="9"), by="somebody")

    with pytest.raises(NothingToRevert, match="phone changed since; the record stays"):
        plan_revert([done], crm=crm)


@pytest.mark.parametrize(
    ("hung", "says"),
    [
        (AddNote(key="nt:9", object="company", about=COMPANY.key, body="Called them."), "the note nt:9"),
        (Associate(object="company", key=COMPANY.key, to_object="company", to_key=OLD.key), "a link to the company"),
    ],
    ids=["a note", "a link"],
)
def test_a_record_on_which_somebody_hung_something_stays(crm: Crm, hung: Change, says: str) -> None:
    done = written(crm, *ALL)
    crm.apply(hung, by="somebody")

    assert [sentence for sentence in left(crm, done) if says in sentence and "it stays" in sentence]
    taken_back(crm, done)
    assert crm.read("company", COMPANY.key) is not None
    assert crm.read("deal", DEAL.key) is None


def test_a_note_that_is_gone_or_reads_otherwise_is_left_and_said(crm: Crm) -> None:
    done = written(crm, DEAL, NOTE)
    crm.apply(RemoveNote(key=NOTE.key, object="deal", about="dl:1", body=NOTE.body), by="somebody")

    assert left(crm, done) == ["note nt:1: there is no such note any more."]
    crm.apply(NOTE.model_copy(update={"body": "Other words."}), by="somebody")
    with pytest.raises(NothingToRevert, match="its words were changed since"):
        plan_revert([done], crm=crm)


def test_what_was_there_already_is_not_ours_to_take_back(crm: Crm) -> None:
    crm.apply(COMPANY, by="somebody")

    done = written(crm, COMPANY, PHONE)

    assert left(crm, done) == ["company co:halden.example: it was there already when the update was applied."]
    taken_back(crm, done)
    assert crm.read("company", COMPANY.key) is not None


def test_what_was_unticked_or_met_a_conflict_is_not_mentioned(crm: Crm) -> None:
    done = written(crm, PHONE.model_copy(update={"before": "7"}), EMAIL, COMPANY.model_copy(update={"apply": False}))

    plan = plan_revert([done], crm=crm)

    assert isinstance(done.receipt, Conflict)
    assert [change.kind for change in plan.document.changes] == ["set_field"]
    assert plan.flags == ()


def test_a_run_that_wrote_twice_is_taken_back_to_before_the_first(crm: Crm) -> None:
    first = written(crm, PHONE, EMAIL)
    second = written(crm, PHONE.model_copy(update={"before": "2", "after": "3"}), request="R2")

    plan = plan_revert([first, second], crm=crm).document

    phone = next(change for change in plan.changes if isinstance(change, SetField) and change.field == "phone")
    assert (phone.before, phone.after) == ("3", "1")
    assert len(plan.changes) == 2


def test_what_moves_between_the_signature_and_the_revert_stays_and_the_receipt_says_so(crm: Crm) -> None:
    done = written(crm, *ALL)
    plan = plan_revert([done], crm=crm).document
    crm.apply(PHONE.model_copy(update={"before": "2", "after": "3"}), by="somebody")
    crm.apply(AddNote(key="nt:9", object="company", about=COMPANY.key, body="Called them."), by="somebody")

    receipt = asyncio.run(take_back(plan, crm=crm, by="run 2"))

    conflicts = {one.record: one.detail for one in receipt.applied if one.outcome == "conflict"}
    assert conflicts == {
        f"company {OLD.key}": "the field was changed since",
        f"company {COMPANY.key}": "the record bears the note 'nt:9'",
    }
    assert crm.read("company", OLD.key).fields["phone"] == "3"  # type: ignore[union-attr]
    assert crm.read("company", COMPANY.key) is not None


def test_a_crm_that_takes_nothing_away_gets_its_fields_back_and_the_rest_is_said(crm: Crm) -> None:
    class Keeping:
        """A CRM that keeps what it has."""

        capabilities = Capabilities(removes=False)

        def __getattr__(self, name: str) -> object:
            return getattr(crm, name)

    done = written(crm, *ALL)

    plan = plan_revert([done], crm=Keeping())  # type: ignore[arg-type]

    assert {change.kind for change in plan.document.changes} == {"set_field"}
    assert len(plan.flags) == 4
    assert "do it there by hand" in plan.flags[0].message


@pytest.mark.parametrize("done", [(), ("skipped",)], ids=["nothing", "nothing that was written"])
def test_where_nothing_was_written_there_is_nothing_to_take_back(crm: Crm, done: tuple[str, ...]) -> None:
    update = CrmUpdate(crm=crm.address, entity=HALDEN, changes=(COMPANY,))
    receipt = CrmReceipt(crm=crm.address, entity=HALDEN, applied=(Applied(index=0, outcome="skipped"),))
    found = [Written(request="R1", document=update, receipt=receipt) for _ in done]

    with pytest.raises(NothingToRevert, match="Nothing was written"):
        plan_revert(found, crm=crm)


def test_what_was_written_to_another_crm_is_not_taken_back_here(crm: Crm) -> None:
    done = written(crm, COMPANY)

    with pytest.raises(NothingToRevert, match=r"was written to embedded://\?memory, and embedded:///.* is open"):
        plan_revert([done], crm=open_crm("embedded:///tmp/never-opened.sqlite"))
