"""Parties and sale opportunities of a Tryton database, found by our keys and changed one field at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.changes import CrmObject
from agents.crm.changing import Held, Taken
from agents.crm.mapping import FieldMap
from agents.crm.tryton_api import Database, Domain, decimal, plain
from agents.errors import CrmError, CrmUnavailable

PARTY, DEAL = "party.party", "sale.opportunity"
CONTACT, ARCHIVED = "ct:", "archived "
PREFIXES: dict[CrmObject, str] = {"company": "co:", "contact": CONTACT, "deal": "dl:"}
_TYPES = ("phone", "mobile", "fax", "email", "website", "skype", "sip", "other")


@dataclass(frozen=True)
class Seen(Held):
    """A record with what else of it matters when it is changed."""

    state: str = ""
    party: int | None = None
    mechanisms: Mapping[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Tryton's own number of the record."""
        return int(self.id)

    @property
    def model(self) -> str:
        """The model that the record is of."""
        return DEAL if self.object == "deal" else PARTY


def seen(held: Held) -> Seen:
    """The record as it was read here; whatever `find` gave is one."""
    if not isinstance(held, Seen):
        raise TypeError("a record that was not read from Tryton")
    return held


class Records:
    """What the field map lets be read and written."""

    def __init__(self, database: Database, fields: FieldMap) -> None:
        self._database = database
        self._fields = fields
        self._company: int | None = None

    def look(self, kind: CrmObject, key: str) -> Seen | None:
        """The record under this key; a party is a company or a contact by its key."""
        if kind != "deal" and (kind == "contact") != key.startswith(CONTACT):
            return None
        found = self._read(kind, [["reference" if kind == "deal" else "code", "=", key]])
        return found[0] if found else None

    def ours(self, kind: CrmObject) -> list[Seen]:
        """Every record of an object with a key of ours; of several with one key the first."""
        found: dict[str, Seen] = {}
        for one in self._read(kind, [["reference" if kind == "deal" else "code", "like", f"{PREFIXES[kind]}%"]]):
            found.setdefault(one.key, one)
        return list(found.values())

    def insert_party(self, kind: CrmObject, key: str, fields: Mapping[str, str | None]) -> None:
        """Make a party; one with this code that was put away comes back with these fields."""
        given = {name: value for name, value in self._fields.outgoing(kind, fields).items() if value}
        new = [{**_mechanism_of(name), "value": value} for name, value in given.items() if _is_mechanism(name)]
        mechanisms: list[Any] = [["create", new]] if new else []
        values = {"code": key, "name": given.get("name"), "addresses": [], "contact_mechanisms": mechanisms}
        try:
            self._database.create(PARTY, values)
        except Taken:
            away = self._read(kind, [["code", "=", key], ["active", "=", False]])
            if not away:
                raise
            gone = [["delete", list(away[0].mechanisms.values())]] if away[0].mechanisms else []
            # Tryton changes nothing else of a party that was put away.
            self._database.write(PARTY, away[0].number, {"active": True})
            back = {"name": given.get("name"), "contact_mechanisms": [*gone, *mechanisms]}
            self._database.write(PARTY, away[0].number, back)

    def insert_deal(self, key: str, fields: Mapping[str, str | None]) -> None:
        """Make an opportunity."""
        given = {name: value for name, value in self._fields.outgoing("deal", fields).items() if value}
        made = self._database.create(DEAL, {"reference": key, "company": self._our_company(), **self._deal(given)})
        rows = self._database.search(DEAL, [["reference", "=", key]], ["id"])
        if min((int(row["id"]) for row in rows), default=made) != made:
            self._database.press(DEAL, made, "cancel")
            self._database.delete(DEAL, made)
            raise Taken("Another writer made the deal in between.")

    def write(self, held: Seen, field: str, value: str | None) -> None:
        """Let one field hold this value."""
        values: dict[str, Any] = {}
        for name, wanted in self._fields.outgoing(held.object, {field: value}).items():
            if held.object == "deal":
                values |= self._deal({name: wanted})
            elif _is_mechanism(name):
                values["contact_mechanisms"] = _mechanism(name, wanted, held.mechanisms.get(name))
            else:
                values[name] = wanted or None
        self._database.write(held.model, held.number, values)

    def archive(self, held: Seen) -> None:
        """Put a party away; cancel a deal and mark its reference, so that one that people cancelled is still found."""
        if held.object != "deal":
            self._database.write(PARTY, held.number, {"active": False})
            return
        if held.state in ("lead", "opportunity"):
            self._database.press(DEAL, held.number, "cancel")
        self._database.write(DEAL, held.number, {"reference": f"{ARCHIVED}{held.key}"})

    # -- how it stands there -------------------------------------------------------------------------------------

    def _read(self, kind: CrmObject, domain: Domain) -> list[Seen]:
        if kind == "deal":
            names = ["id", "reference", "state", "party", "description", "amount", "currency.code"]
            return [self._seen_deal(row) for row in self._database.search(DEAL, domain, names)]
        names = ["id", "code", "name"]
        names += [f"contact_mechanisms.{name}" for name in ("id", "type", "name", "value")]
        return [self._seen_party(kind, row) for row in self._database.search(PARTY, domain, names)]

    def _seen_deal(self, row: Mapping[str, Any]) -> Seen:
        held = {name: plain(row.get(name)) for name in ("description", "amount")}
        held["currency"] = plain((row.get("currency") or {}).get("code"))
        return Seen(
            str(row["id"]),
            "deal",
            str(row["reference"]),
            self._fields.incoming("deal", held),
            state=str(row["state"]),
            party=row.get("party"),
        )

    def _seen_party(self, kind: CrmObject, row: Mapping[str, Any]) -> Seen:
        held: dict[str, str | None] = {"name": plain(row.get("name"))}
        mechanisms: dict[str, int] = {}
        for one in row.get("contact_mechanisms") or ():
            # The first of a type is the one that Tryton itself shows as the party's.
            name = f"other.{one['name']}" if one["type"] == "other" else str(one["type"])
            if name not in mechanisms:
                mechanisms[name] = int(one["id"])
                held[name] = plain(one["value"])
        fields = self._fields.incoming(kind, held)
        return Seen(str(row["id"]), kind, str(row["code"]), fields, mechanisms=mechanisms)

    def _deal(self, given: Mapping[str, str]) -> dict[str, Any]:
        special = {"amount": decimal, "currency": self._currency}
        return {
            name: (special[name](value) if name in special else value) if value else None
            for name, value in given.items()
        }

    def _currency(self, code: str) -> int:
        found = self._database.search("currency.currency", [["code", "=", code]], ["id"])
        if not found:
            raise CrmError(f"Tryton has no currency {code!r}. Make it there, or correct the change.")
        return int(found[0]["id"])

    def _our_company(self) -> int:
        if self._company is None:
            found = self._database.search("company.company", [], ["id"])
            if len(found) != 1:
                raise CrmUnavailable(
                    f"Tryton's user sees {len(found)} companies, and a deal goes to one. Let the key's user have one."
                )
            self._company = int(found[0]["id"])
        return self._company


def _is_mechanism(name: str) -> bool:
    return name.partition(".")[0] in _TYPES


def _mechanism_of(name: str) -> dict[str, str]:
    """Type and name of a party's contact mechanism: `email`, or `other.domain`."""
    type_, _, called = name.partition(".")
    return {"type": type_, "name": called} if called else {"type": type_}


def _mechanism(name: str, value: str | None, number: int | None) -> list[Any]:
    """What to do with a party's contact mechanism so that it holds this value."""
    if not value:
        return [["delete", [number]]] if number is not None else []
    if number is None:
        return [["create", [{**_mechanism_of(name), "value": value}]]]
    return [["write", [number], {"value": value}]]
