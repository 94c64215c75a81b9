"""What is linked with what in Tryton: contacts with companies by a relation, deals with the one party they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents.changes import CrmObject
from agents.crm.changing import Taken
from agents.crm.tryton_api import Database
from agents.crm.tryton_records import ARCHIVED, CONTACT, DEAL, PARTY, PREFIXES, Seen
from agents.errors import CrmError, CrmUnavailable

_RELATION, _TYPE = "party.relation", "party.relation.type"
CONTACT_OF = "Contact of (Countersign)"
Place = tuple[str, int]
"""Model and number of a record."""


class Ties:
    """The links that Tryton can hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_up(self) -> str:
        """Make the type of relation, unless it is there; what was done, as a sentence."""
        if self._type() is not None:
            return f"The type of relation “{CONTACT_OF}” is there."
        self._database.create(_TYPE, {"name": CONTACT_OF})
        return f"Made the type of relation “{CONTACT_OF}”."

    def of(self, one: Seen) -> set[Place]:
        """The records at the other ends."""
        if one.object == "deal":
            return {(PARTY, one.party)} if one.party is not None else set()
        others = {(PARTY, int(row[end])) for row in self._relations(one.number) for end in ("from_", "to")}
        domain = [
            ["party", "=", one.number],
            ["OR", ["reference", "=", None], ["reference", "not like", f"{ARCHIVED}%"]],
        ]
        deals = {(DEAL, int(row["id"])) for row in self._database.search(DEAL, domain, ["id"])}
        return (others | deals) - {(PARTY, one.number)}

    def keys(self, places: Iterable[Place]) -> dict[Place, tuple[CrmObject, str]]:
        """Object and key of those records that have a key of ours."""
        found: dict[Place, tuple[CrmObject, str]] = {}
        wanted = list(places)
        for model, name in ((PARTY, "code"), (DEAL, "reference")):
            ids = sorted({number for of, number in wanted if of == model})
            if not ids:
                continue
            domain: list[Any] = [["id", "in", ids]]
            if model == PARTY:
                domain.append(["active", "in", [True, False]])
            for row in self._database.search(model, domain, ["id", name]):
                key = str(row[name] or "")
                kind: CrmObject = "deal" if model == DEAL else "contact" if key.startswith(CONTACT) else "company"
                if key.startswith(PREFIXES[kind]):
                    found[model, int(row["id"])] = (kind, key)
        return found

    def link(self, one: Seen, other: Seen) -> None:
        """Link two parties, or a deal with its party.

        Raises:
            CrmError: the deal has another party already, or both are deals.
        """
        deal, party = _deal_first(one, other)
        if deal is None:
            self._relate(one.number, other.number)
        elif deal.party is not None:
            raise CrmError(f"The deal {deal.key!r} belongs to another party in Tryton, and it can belong to one only.")
        else:
            self._database.write(DEAL, deal.number, {"party": party.number})

    def unlink(self, one: Seen, other: Seen) -> None:
        """Take their link away."""
        deal, _ = _deal_first(one, other)
        if deal is not None:
            self._database.write(DEAL, deal.number, {"party": None})
            return
        for row in self._relations(one.number):
            if other.number in (row["from_"], row["to"]):
                self._database.delete(_RELATION, int(row["id"]))

    def _relate(self, one: int, other: int) -> None:
        type_ = self._type()
        if type_ is None:
            raise CrmUnavailable(f"Tryton has no type of relation “{CONTACT_OF}”. Run `countersign crm setup`.")
        made = self._database.create(_RELATION, {"from_": one, "to": other, "type": type_})
        between = [int(row["id"]) for row in self._relations(one) if other in (row["from_"], row["to"])]
        if min(between, default=made) != made:
            self._database.delete(_RELATION, made)
            raise Taken("Another writer linked the two in between.")

    def _type(self) -> int | None:
        found = self._database.search(_TYPE, [["name", "=", CONTACT_OF]], ["id"])
        return int(found[0]["id"]) if found else None

    def _relations(self, number: int) -> list[dict[str, Any]]:
        domain = [["OR", ["from_", "=", number], ["to", "=", number]], ["type.name", "=", CONTACT_OF]]
        return self._database.search(_RELATION, domain, ["id", "from_", "to"])


def _deal_first(one: Seen, other: Seen) -> tuple[Seen | None, Seen]:
    """A deal and its party, whichever came first; two parties are no deal."""
    if one.object == other.object == "deal":
        raise CrmError("Tryton links no deal with a deal.")
    if one.object == "deal":
        return one, other
    return (other, one) if other.object == "deal" else (None, other)
