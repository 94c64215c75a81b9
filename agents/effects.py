"""Says field by field what approving a document changes in the CRM, held against what the CRM holds now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents.catalogue import Catalogue
from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Brief, CrmUpdate, Proposal
from agents.fields import Fields
from agents.glance import Glance
from agents.planning import CATALOGUE, deal_key, note_key, planned
from agents.ports import Crm
from agents.records import Records, short, words
from agents.texts import money_text
from agents.values import Document, Value

_RUN = "preview"
PREVIEW = "planned from this text; waits for its own approval"


class Effect(Value):
    """One thing that approving changes: of which record, what, from which value to which."""

    record: str
    field: str
    before: str | None = None
    after: str | None = None
    moved: bool = False
    """Somebody else changed it since it was first planned: `base` is what it held then, `now` what it holds."""
    base: str | None = None
    now: str | None = None
    rests_on: str = ""
    """Address of what `now` was read from, where it counts only if that moved."""
    why: str = ""
    note: str = ""
    path: str = ""
    applies: bool = True


def effects(document: Document, *, crm: Crm, catalogue: Catalogue, fields: Fields | None = None) -> tuple[Effect, ...]:
    """What this very document leads to: an update's changes, or those that would be planned from a proposal.

    `before` is what a field held when the change was planned; where it holds something else now, the note says so.
    """
    if isinstance(document, CrmUpdate):
        if document.crm != crm.address:
            return ()
        return tuple(_of_update(Records(document, crm)))
    if isinstance(document, Proposal):
        return _of_proposal(document, crm, catalogue, fields)
    return ()


def _of_proposal(proposal: Proposal, crm: Crm, catalogue: Catalogue, fields: Fields | None) -> tuple[Effect, ...]:
    """What the planner makes of the proposal alone: what else research found comes with the signed brief."""
    nothing = Brief(entity=proposal.entity, sources=(), facts=())
    # The run's own deal and note are not there yet, whatever their keys will be.
    fresh = frozenset({deal_key(proposal.entity, _RUN), note_key(_RUN)})
    glance = Glance(lambda: crm, fresh=fresh)
    update = planned(proposal, nothing, crm=glance, catalogue=catalogue, run_key=_RUN, fields=fields).document
    # Nothing can be ticked here: the update will be a document of its own.
    found = [effect.model_copy(update={"path": ""}) for effect in _of_update(Records(update, glance))]
    found += _of_prices(proposal, catalogue)
    return (found[0].model_copy(update={"note": PREVIEW}), *found[1:])


def _of_prices(proposal: Proposal, catalogue: Catalogue) -> Iterator[Effect]:
    """Price lines that the catalogue prices otherwise; told only where it changed since the draft was made."""
    for line in proposal.lines:
        offer = catalogue.offer(line.offer)
        if offer is not None and offer.unit_price == line.unit_price:
            continue
        price = money_text(line.unit_price, proposal.currency)
        yield Effect(
            record=f"Offer {line.name}",
            field="Unit price",
            before=price,
            base=price,
            now=money_text(offer.unit_price, catalogue.currency) if offer else "no longer offered",
            after=price,
            moved=True,
            rests_on=CATALOGUE,
        )


def _of_update(records: Records) -> Iterator[Effect]:
    for index, change in enumerate(records.update.changes):
        for effect in _of_change(change, records):
            yield effect.model_copy(update={"path": f"changes.{index}.apply", "applies": change.apply})


def _of_change(change: Change, records: Records) -> Iterator[Effect]:
    match change:
        case Create():
            yield from _of_create(change, records)
        case SetField():
            yield _of_field(change, records)
        case AddNote():
            yield _of_note(change, records)
        case Associate():
            yield _of_link(change, records)
        case Remove():
            yield from _of_removal(change, records)
        case RemoveNote():
            yield _of_note_removal(change, records)
        case Dissociate():
            yield _of_unlinking(change, records)


def _of_create(change: Create, records: Records) -> Iterator[Effect]:
    record = f"New {records.called(change.object, change.key)}"
    there = records.read(change.object, change.key)
    note = "it is in the CRM by now; only an equal record counts as done" if there else ""
    for number, (field, value) in enumerate(change.fields.items()):
        after = records.value(change.object, change.key, field, value)
        held = records.holds(change.object, change.key, field)
        now = records.value(change.object, change.key, field, held) if held else None
        yield Effect(
            record=record,
            field=_called(change.object, field),
            after=after,
            **(_moved(None, now, after) if now else {}),
            why=change.why if number == 0 else "",
            note=note if number == 0 else "",
        )


def _of_field(change: SetField, records: Records) -> Effect:
    def shown(value: str | None) -> str | None:
        return records.value(change.object, change.key, change.field, value) if value else None

    now, before, after = (
        shown(records.holds(change.object, change.key, change.field)),
        shown(change.before),
        shown(change.after),
    )
    base = before if change.base is None else shown(change.base)
    note = ""
    if not records.will_be(change.object, change.key):
        note = "there is no such record now, so nothing is written"
    elif now == after:
        note = "the CRM holds this already"
    elif now != before:
        note = f"changed to {now} since this was planned" if now else "emptied since this was planned"
    return Effect(
        record=_capital(records.called(change.object, change.key)),
        field=_called(change.object, change.field),
        before=before,
        after=after,
        **_moved(base, now, after),
        why=change.why,
        note=note,
    )


def _of_note(change: AddNote, records: Records) -> Effect:
    there = records.note(change.key)
    note = ""
    other = there is not None and there.body != change.body
    if there is not None:
        same = there.body == change.body
        note = "this note is there already" if same else "a note with other words is there already"
    elif not records.will_be(change.object, change.about):
        note = "its record is not made, so nothing is written"
    return Effect(
        record=_capital(records.called(change.object, change.about)),
        field="Note",
        after=f"{len(change.body):,} characters: {short(change.body)}",
        moved=other,
        now=short(there.body) if there and other else None,
        why=change.why,
        note=note,
    )


def _of_link(change: Associate, records: Records) -> Effect:
    note = ""
    if records.linked(change.object, change.key, change.to_object, change.to_key):
        note = "the two are linked already"
    elif not (records.will_be(change.object, change.key) and records.will_be(change.to_object, change.to_key)):
        note = "one of the two is not made, so nothing is written"
    return Effect(
        record=_capital(records.called(change.object, change.key)),
        field="Link",
        after=_capital(records.called(change.to_object, change.to_key)),
        why=change.why,
        note=note,
    )


def _of_removal(change: Remove, records: Records) -> Iterator[Effect]:
    called = _capital(records.called(change.object, change.key))
    record = records.read(change.object, change.key)
    note = ""
    if record is None:
        note = "there is no such record any more"
    elif record.fields != {field: value for field, value in change.fields.items() if value}:
        note = "changed since this was planned, so it is not archived"
    told = change.fields or {"record": change.key}
    for number, (field, value) in enumerate(told.items()):
        held = records.holds(change.object, change.key, field) if record else None
        before, now = (records.value(change.object, change.key, field, one) if one else None for one in (value, held))
        yield Effect(
            record=f"Archived: {called}",
            field=_called(change.object, field),
            before=before,
            **(_moved(before, now, None) if record and change.fields else {}),
            why=change.why if number == 0 else "",
            note=note if number == 0 else "",
        )


def _of_note_removal(change: RemoveNote, records: Records) -> Effect:
    there = records.note(change.key)
    note = ""
    if there is None:
        note = "there is no such note any more"
    elif there.body != change.body:
        note = "changed since this was planned, so it stays"
    return Effect(
        record=_capital(records.called(change.object, change.about)),
        field="Note",
        before=f"{len(change.body):,} characters: {short(change.body)}",
        why=change.why,
        note=note,
    )


def _of_unlinking(change: Dissociate, records: Records) -> Effect:
    linked = records.linked(change.object, change.key, change.to_object, change.to_key)
    return Effect(
        record=_capital(records.called(change.object, change.key)),
        field="Link",
        before=_capital(records.called(change.to_object, change.to_key)),
        why=change.why,
        note="" if linked else "the two are not linked any more",
    )


def _moved(base: str | None, now: str | None, after: str | None) -> dict[str, Any]:
    """What a value was, is and will be, where it is neither as it was nor as it will be."""
    return {"moved": True, "base": base, "now": now} if now not in (base, after) else {}


def _called(kind: str, field: str) -> str:
    return "Deal amount" if (kind, field) == ("deal", "amount") else _capital(words(field))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
