"""What the HubSpot fake keeps: objects, associations, properties with their history, and the rules on them.

Written from notes on how the API behaves. No line and no sample of HubSpot's own specification stands here.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NATIVE = {
    "companies": {
        "name": "string",
        "domain": "string",
        "website": "string",
        "country": "string",
        "address": "string",
        "phone": "string",
        "founded_year": "string",
        "description": "string",
        "numberofemployees": "number",
    },
    "contacts": {
        "email": "string",
        "firstname": "string",
        "lastname": "string",
        "jobtitle": "string",
        "phone": "string",
    },
    "deals": {"dealname": "string", "amount": "number", "deal_currency_code": "string", "dealstage": "string"},
    "notes": {"hs_note_body": "string", "hs_timestamp": "datetime"},
}
UNIQUE_NATIVE = {("contacts", "email")}
SINGULAR = {"companies": "Company", "contacts": "Contact", "deals": "Deal", "notes": "Note"}


class Refused(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "status": "error",
            "message": message,
            "correlationId": str(uuid.uuid4()),
            "category": category,
            **more,
        }


@dataclass
class Thing:
    """One object: its properties now, and every value they had."""

    id: str
    properties: dict[str, str | None]
    created: str
    updated: str
    archived: bool = False
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class State:
    """One account."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in NATIVE}
        self.links: set[frozenset[tuple[str, str]]] = set()
        self.properties = {
            kind: {name: _definition(kind, name, type_) for name, type_ in names.items()}
            for kind, names in NATIVE.items()
        }
        self.groups: dict[str, set[str]] = {kind: {f"{kind}information"} for kind in NATIVE}
        self._next = 1000

    # -- properties ----------------------------------------------------------------------------------------------

    def add_group(self, kind: str, name: str) -> None:
        if name in self.groups[kind]:
            raise Refused(409, "OBJECT_ALREADY_EXISTS", f"A group named {name} is there already")
        self.groups[kind].add(name)

    def add_property(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["name"] in self.properties[kind]:
            raise Refused(409, "OBJECT_ALREADY_EXISTS", f"A property named {body['name']} is there already")
        if body["groupName"] not in self.groups[kind]:
            raise Refused(400, "VALIDATION_ERROR", f"There is no property group {body['groupName']}")
        made = {**_definition(kind, body["name"], body["type"]), **body}
        self.properties[kind][body["name"]] = made
        return made

    def is_unique(self, kind: str, name: str) -> bool:
        return bool(self.properties[kind].get(name, {}).get("hasUniqueValue"))

    # -- objects -------------------------------------------------------------------------------------------------

    def by_id(self, kind: str, id_: str) -> Thing | None:
        thing = self.things[kind].get(id_)
        return thing if thing and not thing.archived else None

    def by_property(self, kind: str, name: str, value: str) -> Thing | None:
        if not self.is_unique(kind, name):
            raise Refused(
                400, "VALIDATION_ERROR", f"Unable to perform a read/update/upsert by non-unique {kind} property {name}"
            )
        for thing in self.things[kind].values():
            held = thing.properties.get(name)
            if not thing.archived and held is not None and held.casefold() == value.casefold():
                return thing
        return None

    def alive(self, kind: str) -> list[Thing]:
        return [thing for thing in self.things[kind].values() if not thing.archived]

    def check(self, kind: str, properties: dict[str, Any]) -> None:
        wrong = []
        for name, value in properties.items():
            definition = self.properties[kind].get(name)
            if definition is None:
                wrong.append({"message": f"Property {name!r} does not exist", "code": "PROPERTY_DOESNT_EXIST"})
            elif not isinstance(value, str):
                wrong.append({"message": f"{name} is given as {value!r}, and values are strings", "code": "INVALID"})
            elif definition["type"] == "number" and value and not value.replace(".", "", 1).lstrip("-").isdigit():
                wrong.append({"message": f"{value!r} is no number, for {name}", "code": "INVALID_NUMBER"})
        if wrong:
            said = "; ".join(one["message"] for one in wrong)
            raise Refused(400, "VALIDATION_ERROR", f"Property values were not valid: {said}", errors=wrong)

    def check_unique(self, kind: str, properties: dict[str, str], *, but: Thing | None) -> None:
        for name, value in properties.items():
            if value and self.is_unique(kind, name):
                other = self.by_property(kind, name, value)
                if other is not None and other is not but:
                    raise Refused(
                        409, "CONFLICT", f"{SINGULAR[kind]} already exists. Existing ID: {other.id}", subject=name
                    )

    def create(self, kind: str, properties: dict[str, str], source: str) -> Thing:
        if kind == "notes" and not properties.get("hs_timestamp"):
            raise Refused(400, "VALIDATION_ERROR", "hs_timestamp is required")
        self.check_unique(kind, properties, but=None)
        self._next += 1
        moment = now()
        thing = Thing(str(self._next), {}, moment, moment)
        self.things[kind][thing.id] = thing
        self._set(thing, properties, source, moment)
        return thing

    def change(self, kind: str, thing: Thing, properties: dict[str, str], source: str) -> None:
        self.check_unique(kind, properties, but=thing)
        moment = now()
        thing.updated = moment
        self._set(thing, properties, source, moment)

    def archive(self, kind: str, id_: str) -> None:
        thing = self.by_id(kind, id_)
        if thing is not None:
            thing.archived = True
            self.links = {link for link in self.links if (kind, id_) not in link}

    @staticmethod
    def _set(thing: Thing, properties: dict[str, str], source: str, moment: str) -> None:
        for name, value in properties.items():
            held = value or None
            if thing.properties.get(name) == held:
                continue  # only what changes stands in the history
            thing.properties[name] = held
            entry = {"value": value, "timestamp": moment, "sourceType": "INTEGRATION", "sourceId": source}
            if not source.isdigit():
                entry |= {"sourceType": "CRM_UI", "sourceId": source, "sourceLabel": source}
            thing.history.setdefault(name, []).insert(0, entry)

    # -- upsert --------------------------------------------------------------------------------------------------

    def upsert(self, kind: str, inputs: list[dict[str, Any]], source: str) -> tuple[int, dict[str, Any]]:
        """Each input by its unique property; the whole batch is refused for two inputs of one object."""
        seen: set[tuple[str, str]] = set()
        for one in inputs:
            name = one.get("idProperty")
            if not name or not self.is_unique(kind, name):
                raise Refused(400, "VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique property {name}")
            self.check(kind, one["properties"])
            if (name, one["id"].casefold()) in seen:
                raise Refused(400, "VALIDATION_ERROR", f"Duplicate IDs found in batch input: {one['id']}")
            seen.add((name, one["id"].casefold()))
        results, errors = [], []
        for one in inputs:
            name, value = one["idProperty"], one["id"]
            thing = self.by_property(kind, name, value)
            given = {**one["properties"], name: value}
            try:
                if thing is None:
                    made, new = self.create(kind, given, source), True
                else:
                    self.change(kind, thing, given, source)
                    made, new = thing, False
            except Refused as refused:
                if len(inputs) == 1:
                    raise
                errors.append(
                    {
                        **{key: refused.body[key] for key in ("status", "message", "category")},
                        "id": str(uuid.uuid4()),
                        "context": {"objectWriteTraceId": [one["objectWriteTraceId"]]}
                        if "objectWriteTraceId" in one
                        else {},
                        "links": {},
                        "errors": [],
                    }
                )
                continue
            results.append(
                {
                    **shown(made, list(given)),
                    "new": new,
                    **({"objectWriteTraceId": one["objectWriteTraceId"]} if "objectWriteTraceId" in one else {}),
                }
            )
        answer: dict[str, Any] = {
            "status": "COMPLETE",
            "results": results,
            "requestedAt": now(),
            "startedAt": now(),
            "completedAt": now(),
        }
        if errors:
            return 207, {**answer, "numErrors": len(errors), "errors": errors}
        return 200, answer


def shown(thing: Thing, properties: list[str], history: list[str] | None = None) -> dict[str, Any]:
    """An object as an answer shows it: with the properties that were asked for, and a few always."""
    always = {"hs_object_id": thing.id, "hs_lastmodifieddate": thing.updated}
    body: dict[str, Any] = {
        "id": thing.id,
        "properties": {**{name: thing.properties.get(name) for name in properties}, **always},
        "createdAt": thing.created,
        "updatedAt": thing.updated,
        "archived": thing.archived,
    }
    if history:
        body["propertiesWithHistory"] = {name: thing.history.get(name, []) for name in history}
    return body


def _definition(kind: str, name: str, type_: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "description": "",
        "groupName": f"{kind}information",
        "type": type_,
        "fieldType": "text",
        "options": [],
        "hasUniqueValue": (kind, name) in UNIQUE_NATIVE,
    }
