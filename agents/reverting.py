"""Plans the way back from a CRM update that was applied: what was there before, where the CRM holds what we wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from agents.applying import alike, record_of
from agents.changes import AddNote, Associate, Change, Create, CrmObject, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Conflict, CrmReceipt, CrmUpdate, Draft, Flag
from agents.errors import NothingToRevert
from agents.glance import Glance
from agents.planning import ABSENT
from agents.ports import Crm
from agents.values import Value

_BACK = "Takes back what was written before."


class Written(Value):
    """An update that was signed, and what was really done of it."""

    request: str = Field(description="id of the request that it was signed in")
    document: CrmUpdate
    receipt: CrmReceipt | Conflict

    @property
    def done(self) -> Iterator[Change]:
        """The changes that were written, in the order they stand in the update."""
        receipt = self.receipt.receipt if isinstance(self.receipt, Conflict) else self.receipt
        for one in receipt.applied:
            if one.outcome == "written":
                yield self.document.changes[one.index]

    @property
    def found(self) -> Iterator[Change]:
        """The changes that were there already when it was applied, and so are not ours to take back."""
        receipt = self.receipt.receipt if isinstance(self.receipt, Conflict) else self.receipt
        for one in receipt.applied:
            if one.outcome == "already":
                yield self.document.changes[one.index]


def plan_revert(written: Sequence[Written], *, crm: Crm) -> Draft[CrmUpdate]:
    """The update that takes these back, the last first. What moved since is left out, and a flag says so.

    Raises:
        NothingToRevert: nothing is left that could be taken back; the message says why.
    """
    if not written:
        raise NothingToRevert("Nothing was written that could be taken back.")
    last = written[-1].document
    if last.crm != crm.address:
        raise NothingToRevert(f"It was written to {last.crm}, and {crm.address} is open here. Point AGENTS_CRM to it.")
    way = _Way(crm)
    for one in reversed(written):
        for change in reversed(list(one.done)):
            way.back(change)
        for change in one.found:
            way.left.append(f"{_named(change)}: it was there already when the update was applied.")
    way.keep_what_bears()
    if not way.changes:
        why = " ".join(way.left) or "Nothing was written that could be taken back."
        raise NothingToRevert(why)
    update = CrmUpdate(crm=last.crm, entity=last.entity, changes=tuple(way.changes))
    left = [Flag(code="revert_left", message=sentence) for sentence in way.left]
    return Draft[CrmUpdate](
        document=update,
        title=f"Revert of the CRM update for {last.entity.name}",
        summary=_summary(update, len(left)),
        flags=tuple(left),
        based_on=way.based_on,
    )


class _Way:
    """The inverse changes so far, and the records as they will be once those are done."""

    def __init__(self, crm: Crm) -> None:
        self._crm = Glance(lambda: crm)
        self._removes = crm.capabilities.removes
        self._will_be: dict[tuple[CrmObject, str], dict[str, str] | None] = {}
        self.changes: list[Change] = []
        self.left: list[str] = []
        self.based_on: dict[str, str] = {}

    def back(self, change: Change) -> None:
        """Add the inverse of a change that was written, or the sentence why there is none."""
        why = f"Takes back: {change.why}" if change.why else _BACK
        if isinstance(change, Create | AddNote | Associate) and not self._removes:
            self.left.append(f"{_named(change)}: {self._crm.address} takes nothing away; do it there by hand.")
            return
        match change:
            case SetField():
                self._field(change, why)
            case Create():
                self._record(change, why)
            case AddNote():
                self._note(change, why)
            case Associate():
                self._link(change, why)
            case Remove():
                self._removed(change, why)
            case RemoveNote():
                self._removed_note(change, why)
            case Dissociate():
                self._unlinked(change, why)

    def keep_what_bears(self) -> None:
        """Leave out records on which others have hung something since."""
        notes = {change.key for change in self.changes if isinstance(change, RemoveNote)}
        gone = {_ends(change) for change in self.changes if isinstance(change, Dissociate)}
        for change in [one for one in self.changes if isinstance(one, Remove)]:
            bears = [f"the note {note.key}" for note in self._crm.notes(change.key) if note.key not in notes]
            bears += [
                f"a link to the {link.object} {link.key}"
                for link in self._crm.associations(change.object, change.key)
                if frozenset({(change.object, change.key), (link.object, link.key)}) not in gone
            ]
            if bears:
                self.changes.remove(change)
                self.left.append(f"{_named(change)}: it bears {bears[0]}, which this update did not write; it stays.")

    # -- kinds ---------------------------------------------------------------------------------------------------

    def _field(self, change: SetField, why: str) -> None:
        fields = self._fields(change.object, change.key)
        now = None if fields is None else fields.get(change.field)
        if fields is None:
            self.left.append(f"{_named(change)}: there is no such record any more.")
        elif not alike(change.field, now, change.after):
            self.left.append(f"{_named(change)}: it was changed to {now!r} since.")
        else:
            if change.before:
                fields[change.field] = change.before
            else:
                fields.pop(change.field, None)
            self._set_back(change, now, why)

    def _set_back(self, change: SetField, now: str | None, why: str) -> None:
        """One change of a field, however often it was changed: from what it holds now to what it held first."""
        after = change.before or ""
        for index, one in enumerate(self.changes):
            if isinstance(one, SetField) and _field_of(one) == _field_of(change):
                self.changes[index] = one.model_copy(update={"after": after, "why": why})
                return
        self.changes.append(
            SetField(object=change.object, key=change.key, field=change.field, before=now, after=after, why=why)
        )

    def _record(self, change: Create, why: str) -> None:
        fields = self._fields(change.object, change.key)
        if fields is None:
            self.left.append(f"{_named(change)}: there is no such record any more.")
            return
        names = {*fields, *change.fields}
        moved = sorted(name for name in names if not alike(name, fields.get(name), change.fields.get(name) or ""))
        if moved:
            self.left.append(f"{_named(change)}: {', '.join(moved)} changed since; the record stays.")
            return
        self._will_be[change.object, change.key] = None
        self.changes.append(Remove(object=change.object, key=change.key, fields=fields, why=why))

    def _note(self, change: AddNote, why: str) -> None:
        note = self._crm.note(change.key)
        if note is None:
            self.left.append(f"{_named(change)}: there is no such note any more.")
        elif note.body != change.body:
            self.left.append(f"{_named(change)}: its words were changed since; it stays.")
        else:
            self.changes.append(
                RemoveNote(key=change.key, object=change.object, about=change.about, body=change.body, why=why)
            )

    def _link(self, change: Associate, why: str) -> None:
        linked = self._crm.associations(change.object, change.key)
        if any((link.object, link.key) == (change.to_object, change.to_key) for link in linked):
            self.changes.append(
                Dissociate(
                    object=change.object, key=change.key, to_object=change.to_object, to_key=change.to_key, why=why
                )
            )
        else:
            self.left.append(f"{_named(change)}: the two are not linked any more.")

    def _removed(self, change: Remove, why: str) -> None:
        if self._fields(change.object, change.key) is not None:
            self.left.append(f"{_named(change)}: there is such a record again.")
        else:
            self._will_be[change.object, change.key] = dict(change.fields)
            self.changes.append(Create(object=change.object, key=change.key, fields=change.fields, why=why))

    def _removed_note(self, change: RemoveNote, why: str) -> None:
        if self._crm.note(change.key) is not None:
            self.left.append(f"{_named(change)}: there is such a note again.")
        else:
            self.changes.append(
                AddNote(key=change.key, object=change.object, about=change.about, body=change.body, why=why)
            )

    def _unlinked(self, change: Dissociate, why: str) -> None:
        linked = self._crm.associations(change.object, change.key)
        if any((link.object, link.key) == (change.to_object, change.to_key) for link in linked):
            self.left.append(f"{_named(change)}: the two are linked again.")
        else:
            self.changes.append(
                Associate(
                    object=change.object, key=change.key, to_object=change.to_object, to_key=change.to_key, why=why
                )
            )

    def _fields(self, object: CrmObject, key: str) -> dict[str, str] | None:  # noqa: A002
        """What a record will hold once the changes so far are done; None where there will be none."""
        if (object, key) not in self._will_be:
            record = self._crm.read(object, key)
            self.based_on[f"{self._crm.address}{object}/{key}"] = record.version if record else ABSENT
            self._will_be[object, key] = dict(record.fields) if record else None
        return self._will_be[object, key]


def _ends(change: Dissociate) -> frozenset[tuple[str, str]]:
    return frozenset({(change.object, change.key), (change.to_object, change.to_key)})


def _field_of(change: SetField) -> tuple[str, str, str]:
    return change.object, change.key, change.field


def _named(change: Change) -> str:
    named = record_of(change)
    return f"{change.field} of {named}" if isinstance(change, SetField) else named


def _summary(update: CrmUpdate, left: int) -> str:
    archived = sum(isinstance(change, Remove) for change in update.changes)
    fields = sum(isinstance(change, SetField) for change in update.changes)
    parts = [
        f"archives {archived} record{'' if archived == 1 else 's'}" if archived else "",
        f"sets {fields} field{'' if fields == 1 else 's'} back" if fields else "",
        f"takes {len(update.changes) - archived - fields} more back" if len(update.changes) > archived + fields else "",
        f"leaves {left} as {'it is' if left == 1 else 'they are'}" if left else "",
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}."
