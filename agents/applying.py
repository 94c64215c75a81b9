"""Does a signed CRM update, change by change, and says truthfully what became of each."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from agents.changes import AddNote, Associate, Change, Create, CrmObject, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Applied, Conflict, CrmReceipt, CrmUpdate
from agents.errors import CrmError, CrmUnavailable, UnknownObject
from agents.fields import Fields
from agents.ports import Crm, Done, SuppressionList
from agents.suppressing import left_out
from agents.values import Money

_OBJECTS: tuple[CrmObject, ...] = ("company", "contact", "deal")
_RANKS = {
    "remove_note": 0,
    "dissociate": 10,
    "create": 20,
    "set_field": 30,
    "associate": 40,
    "add_note": 50,
    "remove": 60,
}
_AMOUNT: TypeAdapter[object] = TypeAdapter(Money)


class _Tried(NamedTuple):
    """What became of one change, and what of it is to be asked again."""

    applied: Applied
    again: tuple[Change, ...] = ()


async def apply_update(
    update: CrmUpdate,
    *,
    crm: Crm,
    by: str,
    fields: Fields | None = None,
    suppressed: SuppressionList | None = None,
) -> CrmReceipt | Conflict:
    """Apply every ticked change once; where a record moved since it was planned, hand back what remains to be asked.

    Running it again, after a kill at any point, writes nothing twice. What `fields` do not let change is left out, and
    so is what is about a person on the list.

    Raises:
        CrmError: the update was signed for another CRM.
        Suppressed: the company is on the list. Nothing was written.
        CrmUnavailable: the CRM stopped answering; what was done stays done, and running it again goes on from there.
            `facts["receipt"]` says what was done until then.
    """
    if update.crm != crm.address:
        raise CrmError(
            f"These changes were signed for {update.crm!r}, and {crm.address!r} is open. "
            "Point AGENTS_CRM to the first, or plan the changes again."
        )
    refused = {**_refused(update, fields), **(left_out(update, suppressed) if suppressed else {})}
    tried: dict[int, _Tried] = {}
    for index in sorted(range(len(update.changes)), key=lambda index: _rank(update.changes[index])):
        if sentence := refused.get(index):
            record = record_of(update.changes[index])
            tried[index] = _Tried(Applied(index=index, outcome="skipped", record=record, detail=sentence))
        else:
            try:
                tried[index] = await asyncio.to_thread(_attempt, index, update, crm, by)
            except CrmUnavailable as away:
                raise _stopped(update, tried, away) from away
    in_order = [tried[index] for index in sorted(tried)]
    receipt = CrmReceipt(crm=update.crm, entity=update.entity, applied=tuple(one.applied for one in in_order))
    again = _merged([change for one in in_order for change in one.again])
    if not again:
        return receipt
    return Conflict(receipt=receipt, remaining=CrmUpdate(crm=update.crm, entity=update.entity, changes=again))


async def take_back(update: CrmUpdate, *, crm: Crm, by: str, fields: Fields | None = None) -> CrmReceipt:
    """Apply an update that takes another back. What moved since it was signed stays as it is, and the receipt says so.

    Raises: as `apply_update`.
    """
    done = await apply_update(update, crm=crm, by=by, fields=fields)
    return done.receipt if isinstance(done, Conflict) else done


def problems(update: CrmUpdate, *, crm: Crm, fields: Fields | None = None) -> tuple[tuple[str, str], ...]:
    """What of the ticked changes could never be done, as (path, sentence): by this CRM, or by the rules of `fields`."""
    found = list(fields.refusals(update)) if fields else []
    refused = {path for path, _ in found}
    there = crm.describe()
    for index, change in enumerate(update.changes):
        if not change.apply or not isinstance(change, Create | SetField):
            continue
        created = isinstance(change, Create)
        wanted = change.fields if isinstance(change, Create) else {change.field: change.after}
        for field, value in wanted.items():
            path = f"changes.{index}.fields.{field}" if created else f"changes.{index}.field"
            if path in refused:
                continue
            if field not in there.get(change.object, ()):
                known = ", ".join(there.get(change.object, ()))
                found.append((path, f"A {change.object} has no field {field!r} in this CRM. It has: {known}."))
            elif field == "amount" and value and not _is_amount(value):
                path = path if created else f"changes.{index}.after"
                found.append((path, f"The amount of a deal is a number such as 1150.00, and {value!r} is not."))
    return tuple(found)


def _is_amount(value: str) -> bool:
    try:
        _AMOUNT.validate_python(value)
    except ValidationError:
        return False
    return True


def _stopped(update: CrmUpdate, tried: dict[int, _Tried], away: CrmUnavailable) -> CrmUnavailable:
    """The same trouble, with what was done before it: nothing half-done is hidden."""
    done = [tried[index].applied for index in sorted(tried)]
    told = (
        f"{str(away).rstrip('.')}. This try came through {len(done)} of {len(update.changes)} changes; "
        "what was done stays done, and run again it goes on from there."
    )
    receipt = CrmReceipt(crm=update.crm, entity=update.entity, applied=tuple(done))
    return CrmUnavailable(told, **{**away.facts, "receipt": receipt})


def _refused(update: CrmUpdate, fields: Fields | None) -> dict[int, str]:
    """The examiner has said so before anybody signed; rules may have changed since."""
    return {int(path.split(".")[1]): sentence for path, sentence in fields.refusals(update)} if fields else {}


def _rank(change: Change) -> int:
    """Records come before what is said about them, and go after it."""
    place = _OBJECTS.index(change.object)
    return _RANKS[change.kind] + (-place if isinstance(change, Remove) else place)


def _attempt(index: int, update: CrmUpdate, crm: Crm, by: str) -> _Tried:
    change = update.changes[index]
    record = record_of(change)
    if not change.apply:
        return _Tried(Applied(index=index, outcome="skipped", record=record, detail="unticked by the reviewer"))
    try:
        done = crm.apply(change, by=by)
    except CrmUnavailable:
        raise
    except UnknownObject as error:
        missing = error.facts.get("key")
        if missing and (error.facts.get("object"), missing) in _left_out(update):
            detail = f"{error} Its creation was unticked."
            return _Tried(Applied(index=index, outcome="skipped", record=record, detail=detail))
        applied = Applied(index=index, outcome="conflict", record=record, detail=str(error))
        return _Tried(applied, (_anew(change) if missing else change,))
    except CrmError as error:
        return _Tried(Applied(index=index, outcome="conflict", record=record, detail=str(error)), (change,))
    if done.outcome == "already" and done.by == by:
        done = Done(outcome="written", detail="written before the run was interrupted")
    applied = Applied(index=index, outcome=done.outcome, record=record, detail=done.detail)
    return _Tried(applied, _asked_again(change, done.now, crm) if done.outcome == "conflict" else ())


def _left_out(update: CrmUpdate) -> set[tuple[object, object]]:
    return {(one.object, one.key) for one in update.changes if isinstance(one, Create) and not one.apply}


def _anew(change: Change) -> Change:
    """The record vanished since it was planned: setting its field becomes creating it."""
    if not isinstance(change, SetField):
        return change
    return Create(
        object=change.object,
        key=change.key,
        fields={change.field: change.after},
        why=f"The record was deleted since. {change.why}".strip(),
        fact_ids=change.fact_ids,
    )


def _asked_again(change: Change, now: dict[str, str | None], crm: Crm) -> tuple[Change, ...]:
    """The same wish, planned on the record as it is now."""
    if isinstance(change, Create):
        return tuple(
            SetField(
                object=change.object,
                key=change.key,
                field=field,
                before=now.get(field),
                after=after,
                base="",
                policy=change.policy,
                why=change.why,
                fact_ids=change.fact_ids,
            )
            for field, after in change.fields.items()
            if not alike(field, now.get(field), after)
        )
    if isinstance(change, SetField):
        base = (change.before or "") if change.base is None else change.base
        return (change.model_copy(update={"before": now.get(change.field), "base": base}),)
    if isinstance(change, AddNote):
        key = _next_key(change.key)
        while crm.note(key) is not None:
            key = _next_key(key)
        why = f"A note {change.key!r} with other words is there already. {change.why}".strip()
        return (change.model_copy(update={"key": key, "why": why}),)
    if isinstance(change, Remove):
        return (change.model_copy(update={"fields": {field: value for field, value in now.items() if value}}),)
    if isinstance(change, RemoveNote):
        return (change.model_copy(update={name: now[name] for name in ("object", "about", "body") if now.get(name)}),)
    return (change,)


def alike(field: str, now: str | None, after: str) -> bool:
    """Whether a field that holds `now` holds `after`: amounts compare as amounts, nothing as the empty text."""
    if field == "amount" and now and _is_amount(now) and _is_amount(after):
        return _AMOUNT.validate_python(now) == _AMOUNT.validate_python(after)
    return (now or "") == after


def _next_key(key: str) -> str:
    numbered = re.fullmatch(r"(.*)#(\d+)", key)
    return f"{numbered[1]}#{int(numbered[2]) + 1}" if numbered else f"{key}#2"


def _merged(changes: list[Change]) -> tuple[Change, ...]:
    """One creation for each record that has to be made anew, where its first field stood."""
    merged: list[Change] = []
    places: dict[tuple[str, str], int] = {}
    for change in changes:
        if isinstance(change, Create):
            place = places.setdefault((change.object, change.key), len(merged))
            if place < len(merged):
                first = merged[place]
                if isinstance(first, Create):
                    merged[place] = first.model_copy(update={"fields": {**first.fields, **change.fields}})
                continue
        merged.append(change)
    return tuple(merged)


def record_of(change: Change) -> str:
    """What a change is about: `company co:halden.example`, `note nt:1`."""
    if isinstance(change, AddNote | RemoveNote):
        return f"note {change.key}"
    if isinstance(change, Associate | Dissociate):
        return f"{change.object} {change.key} → {change.to_object} {change.to_key}"
    return f"{change.object} {change.key}"
