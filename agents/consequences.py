"""Says in plain sentences what follows when a document is approved, derived from the document as it would be signed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from agents.documents import (
    AddNote,
    Associate,
    Brief,
    Change,
    Create,
    CrmObject,
    CrmUpdate,
    Document,
    Proposal,
    SetField,
)
from agents.ports import Crm
from agents.texts import line_text, money_text

MOST = 12
_SHORT = 80


def consequences(document: Document, *, crm: Crm) -> tuple[str, ...]:
    """What approving this brief, proposal or CRM update leads to, in at most twelve sentences."""
    if isinstance(document, Brief):
        sentences = _of_brief(document)
    elif isinstance(document, Proposal):
        sentences = _of_proposal(document)
    elif isinstance(document, CrmUpdate):
        sentences = _of_update(document, crm)
    else:
        return ()
    if len(sentences) <= MOST:
        return tuple(sentences)
    return (*sentences[: MOST - 1], f"And {len(sentences) - MOST + 1} more changes, listed in the document.")


def _of_brief(brief: Brief) -> list[str]:
    facts, sources = len(brief.facts), len(brief.sources)
    return [
        f"A proposal for {brief.entity.name} is drafted from {_count(facts, 'fact')} of {_count(sources, 'source')}.",
        "Nothing is sent to anyone and nothing is written to the CRM.",
    ]


def _of_proposal(proposal: Proposal) -> list[str]:
    sentences = [f"Offers {proposal.entity.name} {line_text(line, proposal.currency)}." for line in proposal.lines]
    total = money_text(proposal.total, proposal.currency)
    if len(sentences) > MOST - 3:
        sentences = [f"Offers {proposal.entity.name} {_count(len(proposal.lines), 'price line')}."]
    return [
        *(sentences or [f"Offers {proposal.entity.name} nothing at a price: there are no price lines."]),
        f"The total of {total} becomes the deal amount that the CRM update proposes.",
        "The CRM update is planned from this text and waits for its own approval.",
        "Nothing is sent to the customer.",
    ]


def _of_update(update: CrmUpdate, crm: Crm) -> list[str]:
    if update.crm != crm.address:
        return [f"Nothing is written: the update is for {update.crm}, and {crm.address} is open here."]
    speaker = _Speaker(update, crm)
    sentences = [speaker.sentence(change) for change in update.changes if change.apply]
    left_out = sum(not change.apply for change in update.changes)
    if not sentences:
        return ["Nothing is written to the CRM: every change is unticked."]
    if left_out:
        sentences.insert(0, f"Leaves out {_count(left_out, 'unticked change')}.")
    return sentences


class _Speaker:
    """Words for the changes of one update, with the names and values the CRM holds now."""

    def __init__(self, update: CrmUpdate, crm: Crm) -> None:
        self._crm = crm
        self._update = update
        self._creates = {(change.object, change.key): change for change in update.changes if isinstance(change, Create)}

    def sentence(self, change: Change) -> str:
        if isinstance(change, Create):
            return self._create(change)
        if isinstance(change, SetField):
            return self._set_field(change)
        if isinstance(change, AddNote):
            return f"Adds a note of {len(change.body):,} characters to {self._the(change.object, change.about)}."
        return self._associate(change)

    def _create(self, change: Create) -> str:
        told = [
            f"{_words(field)} {self._value(change.object, change.key, field, value)}"
            for field, value in change.fields.items()
            if field != "name"
        ]
        details = f" with {', '.join(told[:4])}" if told else ""
        more = f" and {_count(len(told) - 4, 'more field')}" if len(told) > 4 else ""
        record = self._crm.read(change.object, change.key)
        existing = " — it exists by now, so only a record equal to this one counts as done" if record else ""
        name = change.fields.get("name") or change.key
        return f"Creates the {change.object} {_short(name)}{details}{more}{existing}."

    def _set_field(self, change: SetField) -> str:
        record = self._crm.read(change.object, change.key)
        now = record.fields.get(change.field) if record else None
        now_text = f"now {self._value(change.object, change.key, change.field, now)}" if now else "now empty"
        what = f"the {change.object} {_words(change.field)} of {self._name(change.object, change.key)}"
        if not change.after:
            return f"Clears {what} ({now_text})."
        return f"Sets {what} to {self._value(change.object, change.key, change.field, change.after)} ({now_text})."

    def _associate(self, change: Associate) -> str:
        return f"Links {self._the(change.object, change.key)} with {self._the(change.to_object, change.to_key)}."

    def _the(self, kind: CrmObject, key: str) -> str:
        return f"the {kind} {'of ' if kind == 'deal' and self._is_own(key) else ''}{self._name(kind, key)}"

    def _name(self, kind: CrmObject, key: str) -> str:
        if kind == "deal" and self._is_own(key):
            return self._update.entity.name
        created = self._creates.get((kind, key))
        record = self._crm.read(kind, key)
        name = (record.fields.get("name") if record else None) or (created.fields.get("name") if created else None)
        return _short(name or key)

    def _is_own(self, key: str) -> bool:
        return key.removeprefix("dl:").startswith(self._update.entity.external_key.removeprefix("co:"))

    def _value(self, kind: CrmObject, key: str, field: str, value: str) -> str:
        if (kind, field) != ("deal", "amount"):
            return _short(value)
        try:
            return money_text(Decimal(value), self._currency(key)).strip()
        except InvalidOperation:
            return _short(value)

    def _currency(self, key: str) -> str:
        for change in self._update.changes:
            if isinstance(change, SetField) and change.apply and (change.key, change.field) == (key, "currency"):
                return change.after
        created = self._creates.get(("deal", key))
        if created and created.apply:
            return created.fields.get("currency", "")
        record = self._crm.read("deal", key)
        return record.fields.get("currency", "") if record else ""


def _words(field: str) -> str:
    return field.replace("_", " ")


def _short(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
