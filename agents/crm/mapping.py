"""Which fields of ours are which properties of a vendor's: read from TOML, so that a portal's own ways are no code."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from agents.changes import CrmObject
from agents.errors import CrmError, UnknownObject
from agents.values import Money

OBJECTS: tuple[CrmObject, ...] = get_args(CrmObject)
AMOUNT = ("deal", "amount")
_MONEY: TypeAdapter[Any] = TypeAdapter(Money)


@dataclass(frozen=True)
class Place:
    """Where one field of ours stands: in one property, or split over two as a first and a last name."""

    properties: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    """Our word -> the vendor's, where the vendor keeps a code; any other word passes as it is."""

    def outgoing(self, value: str | None) -> dict[str, str]:
        """Property -> what it is to hold; nothing empties it."""
        if len(self.properties) == 1:
            return {self.properties[0]: self.values.get(value or "", value or "")}
        first, _, last = (value or "").rpartition(" ")
        return dict(zip(self.properties, (first, last), strict=True))

    def incoming(self, held: Mapping[str, str | None]) -> str | None:
        """The field's value in these properties; None where they are empty."""
        value = " ".join(part for name in self.properties if (part := held.get(name)))
        return next((ours for ours, theirs in self.values.items() if theirs == value), value) or None


class FieldMap:
    """The fields that may be read and written at one vendor's, and nothing else."""

    def __init__(self, places: Mapping[CrmObject, Mapping[str, Place]], *, of: str) -> None:
        self._places = places
        self._of = of

    @classmethod
    def read(cls, name: str, path: Path | None = None) -> FieldMap:
        """The map that ships for this vendor, or the one in a file of the same shape.

        Raises:
            CrmError: it is not to be read; the message names the file and the place in it.
        """
        where = path.expanduser() if path else Path(__file__).with_name(f"{name}.toml")
        try:
            tables = tomllib.loads(where.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CrmError(f"The field map {str(where)!r} cannot be read: {error}. Mend AGENTS_CRM_FIELDS.") from error
        places: dict[CrmObject, dict[str, Place]] = {}
        for kind in OBJECTS:
            table = tables.pop(kind, {})
            if not isinstance(table, dict) or "name" not in table:
                raise CrmError(f"The field map {str(where)!r} needs a table [{kind}] with at least `name`.")
            places[kind] = {
                ours: _place(theirs, f"[{kind}] {ours} in {str(where)!r}") for ours, theirs in table.items()
            }
        if tables:
            known = ", ".join(OBJECTS)
            raise CrmError(f"The field map {str(where)!r} names {sorted(tables)[0]!r}; its tables are {known}.")
        return cls(places, of=name)

    def fields(self) -> dict[CrmObject, tuple[str, ...]]:
        """The fields that each object has."""
        return {kind: tuple(places) for kind, places in self._places.items()}

    def properties(self, kind: CrmObject) -> tuple[str, ...]:
        """The vendor's properties behind one object's fields."""
        return tuple(dict.fromkeys(name for place in self._places[kind].values() for name in place.properties))

    def outgoing(self, kind: CrmObject, values: Mapping[str, str | None]) -> dict[str, str]:
        """Property -> what it is to hold, for fields that were brought to canonical form."""
        return {
            name: value
            for ours, wanted in values.items()
            for name, value in self._places[kind][ours].outgoing(wanted).items()
        }

    def incoming(self, kind: CrmObject, held: Mapping[str, str | None]) -> dict[str, str]:
        """Field -> value, without the empty ones; an amount with two decimals."""
        found = {ours: place.incoming(held) for ours, place in self._places[kind].items()}
        return {ours: _with_cents(kind, ours, value) for ours, value in found.items() if value}

    def property_of(self, kind: CrmObject, ours: str) -> tuple[str, ...]:
        """The properties behind one field."""
        return self._places[kind][ours].properties

    def canonical(self, kind: CrmObject, ours: str, value: str | None) -> str | None:
        """A value as it reads back: nothing for an empty one, two decimals for an amount.

        Raises:
            UnknownObject: the object has no such field here.
            CrmError: the amount is none.
        """
        known = self._places[kind]
        if ours not in known:
            raise UnknownObject(
                f"A {kind} has no field {ours!r} in this CRM. It has: {', '.join(known)}.", object=kind, field=ours
            )
        if not value:
            return None
        if (kind, ours) == AMOUNT:
            try:
                return str(_MONEY.validate_python(value))
            except ValidationError:
                raise CrmError(f"The {ours} of a {kind} is a number such as 1150.00, and {value!r} is not.") from None
        place = known[ours]
        return value if len(place.properties) == 1 else " ".join(value.split())


def version_of(fields: Mapping[str, str]) -> str:
    """A record's version: a digest of what the map lets us see.

    A vendor's own time of change moves with each score and counter it keeps; nothing that was signed rests on those.
    """
    text = json.dumps(dict(sorted(fields.items())), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_cents(kind: CrmObject, ours: str, value: str) -> str:
    if (kind, ours) != AMOUNT:
        return value
    try:
        return str(_MONEY.validate_python(value))
    except ValidationError:
        return value


def _place(theirs: object, where: str) -> Place:
    table: dict[str, object] = theirs if isinstance(theirs, dict) else {"property": theirs}
    theirs, values = table.get("property"), table.get("values", {})
    names = (theirs,) if isinstance(theirs, str) else tuple(theirs) if isinstance(theirs, list) else ()
    if not names or len(names) > 2 or not all(isinstance(name, str) and name for name in names):
        raise CrmError(f"{where} is the name of a property, or two of them for a first and a last name.")
    if not isinstance(values, dict) or len(set(map(str, values.values()))) != len(values):
        raise CrmError(f"The values of {where} are a table of our words to different ones of the vendor's.")
    return Place(names, {str(ours): str(code) for ours, code in values.items()})
