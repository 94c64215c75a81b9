"""The properties of ours that a HubSpot account needs, and making those that are missing."""

from __future__ import annotations

from typing import Any

from agents.changes import CrmObject
from agents.crm.changing import Taken
from agents.crm.hubspot_portal import Portal
from agents.crm.mapping import FieldMap
from agents.errors import CrmError

KEY = "countersign_key"
BY = "countersign_by"
ABOUT = "countersign_about"
NOTES = "notes"
KINDS: dict[CrmObject, str] = {"company": "companies", "contact": "contacts", "deal": "deals"}

_OURS = "countersign"
_LABELS = {KEY: "Countersign key", BY: "Countersign: on whose behalf", ABOUT: "Countersign: about"}


def set_up(portal: Portal, fields: FieldMap) -> tuple[str, ...]:
    """Make what is missing, object by object; what was done, a sentence each. Doing it again makes nothing twice.

    Raises:
        CrmError: a property is there that cannot serve, or one that is not ours to make is missing.
    """
    said: list[str] = []
    wanted: dict[str, tuple[str, ...]] = {KINDS[kind]: (KEY, BY, *fields.properties(kind)) for kind in KINDS}
    wanted[NOTES] = (KEY, BY, ABOUT)
    for kind, names in wanted.items():
        there = portal.properties(kind)
        if KEY in there and not there[KEY].get("hasUniqueValue"):
            raise CrmError(
                f"The property {KEY!r} of {kind} takes one value twice, and HubSpot cannot change that. "
                "Rename or archive it there, then run `countersign crm setup` again."
            )
        missing = [name for name in names if name not in there]
        if foreign := [name for name in missing if not name.startswith(_OURS)]:
            raise CrmError(
                f"HubSpot has no property {foreign[0]!r} on {kind}. Make it there, or point the field to another one "
                "in the file of AGENTS_CRM_FIELDS."
            )
        if missing and _OURS not in portal.groups(kind):
            said += _made(portal, kind, None)
        for name in missing:
            said += _made(portal, kind, name)
        said.append(f"{kind}: {len(names)} properties are there." if not missing else f"{kind}: ready.")
    return tuple(said)


def _made(portal: Portal, kind: str, name: str | None) -> list[str]:
    try:
        if name is None:
            portal.make_group(kind, _OURS, "Countersign")
            return [f"{kind}: made the property group Countersign."]
        portal.make_property(kind, _definition(name))
    except Taken:
        return []  # somebody else is at it too
    return [f"{kind}: made the property {name}{', unique' if name == KEY else ''}."]


def _definition(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": _LABELS.get(name, f"Countersign: {name.removeprefix(f'{_OURS}_').replace('_', ' ')}"),
        "groupName": _OURS,
        "type": "string",
        "fieldType": "text",
        # Said once and for all: HubSpot lets nobody change it later.
        "hasUniqueValue": name == KEY,
    }
