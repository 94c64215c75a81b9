from __future__ import annotations

import asyncio

import pytest

from agents.applying import apply_update, problems
from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.crm import open_crm
from agents.documents import Conflict, CrmReceipt, CrmUpdate, EntityRef
from agents.errors import CrmError, CrmUnavailable
from agents.ports import Crm, Done

COMPANY = Create(object="company", key="co:halden.example", fields={"name": "Halden", "phone": "1"}, why="New.")
DEAL = Create(object="deal", key="dl:1", fields={"name": "Offer", "amount": "10.00", "currency": "EUR"})
NOTE = AddNote(key="nt:1", object="deal", about="dl:1", body="Signed.")
LINK = Associate(object="deal", key="dl:1", to_object="company", to_key="co:halden.example")


def update_of(*changes: Change, crm: str = "embedded://?memory") -> CrmUpdate:
    return CrmUpdate(crm=crm, entity=EntityRef(name="Halden", domain="halden.example"), changes=changes)


def applied(update: CrmUpdate, crm: Crm) -> CrmReceipt | Conflict:
    return asyncio.run(apply_update(update, crm=crm, by="anna"))


def outcomes(result: CrmReceipt | Conflict) -> list[str]:
    receipt = result.receipt if isinstance(result, Conflict) else result
    return [one.outcome for one in receipt.applied]


def test_everything_is_done_whatever_the_order_and_told_in_the_signed_order(crm: Crm) -> None:
    result = applied(update_of(NOTE, LINK, DEAL, COMPANY), crm)

    assert outcomes(result) == ["written"] * 4
    assert isinstance(result, CrmReceipt)
    assert [one.index for one in result.applied] == [0, 1, 2, 3]
    assert [one.record for one in result.applied] == [
        "note nt:1",
        "deal dl:1 → company co:halden.example",
        "deal dl:1",
        "company co:halden.example",
    ]


def test_what_others_did_already_is_not_claimed(crm: Crm) -> None:
    update = update_of(COMPANY, DEAL, NOTE, LINK)
    asyncio.run(apply_update(update, crm=crm, by="somebody else"))

    assert outcomes(applied(update, crm)) == ["already"] * 4


def test_things_are_taken_away_after_what_hangs_on_them(crm: Crm) -> None:
    applied(update_of(COMPANY, DEAL, NOTE, LINK), crm)

    result = applied(
        update_of(
            Remove(object="company", key=COMPANY.key, fields=COMPANY.fields),
            Remove(object="deal", key="dl:1", fields=DEAL.fields),
            Dissociate(object="deal", key="dl:1", to_object="company", to_key=COMPANY.key),
            RemoveNote(key="nt:1", object="deal", about="dl:1", body="Signed."),
        ),
        crm,
    )

    assert outcomes(result) == ["written"] * 4
    assert crm.records() == ()


def test_a_record_that_changed_is_asked_about_again_with_what_it_holds_now(crm: Crm) -> None:
    applied(update_of(COMPANY), crm)
    crm.apply(SetField(object="company", key=COMPANY.key, field="phone", before="1", after="2"), by="somebody else")

    result = applied(update_of(Remove(object="company", key=COMPANY.key, fields=COMPANY.fields)), crm)

    assert isinstance(result, Conflict)
    assert result.remaining.changes == (
        Remove(object="company", key=COMPANY.key, fields={**COMPANY.fields, "phone": "2"}),
    )


def test_applying_again_writes_nothing(crm: Crm) -> None:
    update = update_of(COMPANY, DEAL, NOTE, LINK)
    applied(update, crm)
    before = (crm.records(), crm.notes(), crm.history("company", COMPANY.key))

    again = applied(update, crm)

    # What it says it wrote it did write, though not this time.
    assert outcomes(again) == ["written"] * 4
    assert (crm.records(), crm.notes(), crm.history("company", COMPANY.key)) == before


def test_an_update_for_another_crm_is_refused(crm: Crm) -> None:
    with pytest.raises(CrmError, match=r"signed for 'embedded:///elsewhere'"):
        applied(update_of(COMPANY, crm="embedded:///elsewhere"), crm)

    assert crm.records() == ()


def test_what_is_unticked_is_skipped(crm: Crm) -> None:
    result = applied(update_of(COMPANY, DEAL, NOTE.model_copy(update={"apply": False})), crm)

    assert outcomes(result) == ["written", "written", "skipped"]
    assert crm.notes() == ()


def test_what_needs_an_unticked_record_is_skipped_with_the_reason(crm: Crm) -> None:
    result = applied(update_of(COMPANY, DEAL.model_copy(update={"apply": False}), NOTE, LINK), crm)

    assert isinstance(result, CrmReceipt)
    assert outcomes(result) == ["written", "skipped", "skipped", "skipped"]
    assert result.applied[2].detail == "The CRM has no deal 'dl:1'. Its creation was unticked."
    assert crm.notes() == ()


def test_a_record_that_came_into_being_becomes_field_changes_and_the_rest_is_done(crm: Crm) -> None:
    crm.apply(Create(object="company", key=COMPANY.key, fields={"name": "Halden", "phone": "2"}), by="bert")

    result = applied(update_of(COMPANY, DEAL, NOTE, LINK), crm)

    assert isinstance(result, Conflict)
    assert outcomes(result) == ["conflict", "written", "written", "written"]
    assert result.remaining.changes == (
        SetField(object="company", key=COMPANY.key, field="phone", before="2", after="1", base="", why="New."),
    )
    record = crm.read("company", COMPANY.key)
    assert record is not None
    assert record.fields["phone"] == "2"


def test_what_remains_can_be_signed_and_applied(crm: Crm) -> None:
    crm.apply(Create(object="company", key=COMPANY.key, fields={"name": "Halden", "phone": "2"}), by="bert")
    result = applied(update_of(COMPANY), crm)
    assert isinstance(result, Conflict)

    after = applied(result.remaining, crm)

    assert outcomes(after) == ["written"]
    record = crm.read("company", COMPANY.key)
    assert record is not None
    assert record.fields["phone"] == "1"


def test_a_field_that_moved_is_asked_again_with_what_it_holds_now(crm: Crm) -> None:
    crm.apply(COMPANY, by="bert")
    change = SetField(object="company", key=COMPANY.key, field="phone", before="0", after="3", why="Because.")

    result = applied(update_of(change), crm)

    assert isinstance(result, Conflict)
    assert result.remaining.changes == (change.model_copy(update={"before": "1", "base": "0"}),)
    assert result.remaining.crm == "embedded://?memory"


def test_a_field_that_moves_twice_keeps_what_it_held_at_first(crm: Crm) -> None:
    crm.apply(COMPANY, by="bert")
    change = SetField(object="company", key=COMPANY.key, field="phone", before="0", after="3")
    first = applied(update_of(change), crm)
    assert isinstance(first, Conflict)
    crm.apply(change.model_copy(update={"before": "1", "after": "2"}), by="bert")

    second = applied(first.remaining, crm)

    assert isinstance(second, Conflict)
    (again,) = second.remaining.changes
    assert isinstance(again, SetField)
    assert (again.base, again.before, again.after) == ("0", "2", "3")


def test_a_note_key_taken_by_other_words_is_asked_again_under_a_new_key(crm: Crm) -> None:
    crm.apply(DEAL, by="bert")
    for key in ("nt:1", "nt:1#2"):
        crm.apply(NOTE.model_copy(update={"key": key, "body": "Other words."}), by="bert")

    result = applied(update_of(NOTE), crm)

    assert isinstance(result, Conflict)
    (again,) = result.remaining.changes
    assert isinstance(again, AddNote)
    assert (again.key, again.body) == ("nt:1#3", "Signed.")
    assert outcomes(applied(result.remaining, crm)) == ["written"]


def test_fields_of_a_record_that_vanished_become_one_creation(crm: Crm) -> None:
    changes = [
        SetField(object="company", key=COMPANY.key, field=field, before=None, after=after)
        for field, after in (("name", "Halden"), ("phone", "1"))
    ]

    result = applied(update_of(*changes), crm)

    assert isinstance(result, Conflict)
    (again,) = result.remaining.changes
    assert isinstance(again, Create)
    assert again.fields == {"name": "Halden", "phone": "1"}
    assert outcomes(applied(result.remaining, crm)) == ["written"]


def test_a_change_that_the_crm_cannot_do_does_not_keep_the_others_from_being_done(crm: Crm) -> None:
    wrong = Create(object="deal", key="dl:2", fields={"amount": "a lot"})

    result = applied(update_of(wrong, COMPANY), crm)

    assert isinstance(result, Conflict)
    assert outcomes(result) == ["conflict", "written"]
    assert result.receipt.applied[0].detail == "The amount of a deal is a number such as 1150.00, and 'a lot' is not."
    assert result.remaining.changes == (wrong,)


def test_problems_name_what_the_crm_could_never_do(crm: Crm) -> None:
    unticked = SetField(object="company", key="co:x", field="owner", before=None, after="me", apply=False)

    found = problems(
        update_of(
            Create(object="deal", key="dl:2", fields={"amount": "a lot", "name": "Offer"}),
            SetField(object="company", key="co:x", field="owner", before=None, after="me"),
            unticked,
            NOTE,
        ),
        crm=crm,
    )

    assert [path for path, _ in found] == ["changes.0.fields.amount", "changes.1.field"]
    assert "'a lot' is not" in found[0][1]
    assert "no field 'owner'" in found[1][1]


def test_a_crm_that_stops_answering_is_an_error_and_the_next_try_goes_on_from_there() -> None:
    class Flaky:
        """Stops answering after so many changes."""

        def __init__(self, crm: Crm, left: int) -> None:
            self._crm = crm
            self.left = left
            self.address = crm.address

        def apply(self, change: Change, *, by: str) -> Done:
            if self.left == 0:
                raise CrmUnavailable
            self.left -= 1
            return self._crm.apply(change, by=by)

    flaky = Flaky(open_crm("embedded://?memory"), left=2)
    update = update_of(COMPANY, DEAL, NOTE, LINK)

    with pytest.raises(CrmUnavailable):
        applied(update, flaky)  # type: ignore[arg-type]
    flaky.left = 9

    assert outcomes(applied(update, flaky)) == ["written"] * 4  # type: ignore[arg-type]
