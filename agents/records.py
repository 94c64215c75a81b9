"""The records that a CRM update speaks of: what they hold now, and how they are called in a sentence."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from agents.changes import Create, CrmObject, SetField
from agents.documents import CrmUpdate
from agents.glance import Glance
from agents.ports import Capabilities, Crm, Note, Record
from agents.texts import money_text

_SHORT = 80


class Records:
    """The records that one update speaks of, as they are now."""

    def __init__(self, update: CrmUpdate, crm: Crm) -> None:
        self.update = update
        self._crm = crm if isinstance(crm, Glance) else Glance(lambda: crm)
        self._creates = {(change.object, change.key): change for change in update.changes if isinstance(change, Create)}

    @property
    def capabilities(self) -> Capabilities:
        """What their CRM can do of what not every CRM can."""
        return self._crm.capabilities

    def read(self, kind: CrmObject, key: str) -> Record | None:
        """The record, or None where there is none."""
        return self._crm.read(kind, key)

    def holds(self, kind: CrmObject, key: str, field: str) -> str | None:
        """What a field holds now; None where it is empty or there is no record."""
        record = self.read(kind, key)
        return (record.fields.get(field) or None) if record else None

    def note(self, key: str) -> Note | None:
        """The note under this key, or None."""
        return self._crm.note(key)

    def linked(self, kind: CrmObject, key: str, other: CrmObject, other_key: str) -> bool:
        """Whether the two records are linked already."""
        return any((link.object, link.key) == (other, other_key) for link in self._crm.associations(kind, key))

    def will_be(self, kind: CrmObject, key: str) -> bool:
        """Whether the record is there, or the update makes it."""
        made = self._creates.get((kind, key))
        return self.read(kind, key) is not None or (made is not None and made.apply)

    # -- words ---------------------------------------------------------------------------------------------------

    def the(self, kind: CrmObject, key: str) -> str:
        """The record as part of a sentence: `the company Halden Freight`, `the deal of Halden Freight`."""
        return f"the {self.called(kind, key)}"

    def called(self, kind: CrmObject, key: str) -> str:
        """The record without an article: `company Halden Freight`, `deal of Halden Freight`."""
        return f"{kind} {'of ' if kind == 'deal' and self._is_own(key) else ''}{self.name(kind, key)}"

    def name(self, kind: CrmObject, key: str) -> str:
        """What people call the record; its key where it has no name."""
        if kind == "deal" and self._is_own(key):
            return self.update.entity.name
        created = self._creates.get((kind, key))
        record = self.read(kind, key)
        name = (record.fields.get("name") if record else None) or (created.fields.get("name") if created else None)
        return short(name or key)

    def value(self, kind: CrmObject, key: str, field: str, value: str) -> str:
        """A value as people write it: the amount of a deal with its currency."""
        if (kind, field) != ("deal", "amount"):
            return short(value)
        try:
            return money_text(Decimal(value), self.currency(key)).strip()
        except InvalidOperation:
            return short(value)

    def currency(self, key: str) -> str:
        """The currency that a deal will have; empty where nobody says."""
        for change in self.update.changes:
            if isinstance(change, SetField) and change.apply and (change.key, change.field) == (key, "currency"):
                return change.after
        created = self._creates.get(("deal", key))
        if created and created.apply:
            return created.fields.get("currency", "")
        return self.holds("deal", key, "currency") or ""

    def _is_own(self, key: str) -> bool:
        return key.removeprefix("dl:").startswith(self.update.entity.external_key.removeprefix("co:"))


def short(value: str) -> str:
    """The value on one line, cut where it is long."""
    text = " ".join(value.split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def words(field: str) -> str:
    """A field's name as words."""
    return field.replace("_", " ")


def count(number: int, noun: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
