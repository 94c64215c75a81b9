"""What HubSpot remembers of a record's properties, as changes of our fields, and who made each.

HubSpot knows the app that wrote. Who approved stands in a property of ours, written in the same request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agents.changes import CrmObject
from agents.crm.hubspot_setup import BY
from agents.crm.mapping import FieldMap
from agents.ports import FieldHistory


def changes_of(found: Mapping[str, Any], kind: CrmObject, fields: FieldMap) -> tuple[FieldHistory, ...]:
    """Each change of each field, oldest first."""
    entries = _entries(found)
    names = [name for name in entries if name != BY]
    events = sorted(
        ((_at(entry), name, entry) for name in names for entry in entries[name]), key=lambda event: event[0]
    )
    held: dict[str, str | None] = {}
    shown: dict[str, str] = {}
    changes: list[FieldHistory] = []
    for position, (at, name, entry) in enumerate(events):
        held[name] = entry.get("value")
        if position + 1 < len(events) and events[position + 1][0] == at:
            continue  # the rest of the same request
        now = fields.incoming(kind, held)
        for field in fields.fields()[kind]:
            if shown.get(field) != now.get(field):
                by = _who(entry, at, entries.get(BY, []))
                changes.append(FieldHistory(field=field, before=shown.get(field), after=now.get(field), at=at, by=by))
        shown = now
    return tuple(changes)


def author_of(found: Mapping[str, Any], properties: Iterable[str]) -> str:
    """Who gave all these properties the value they have; nobody where it was more than one."""
    entries = _entries(found)
    last = [max(entries[name], key=_at) for name in properties if entries.get(name)]
    authors = {_who(entry, _at(entry), entries.get(BY, [])) for entry in last}
    return authors.pop() if len(authors) == 1 else ""


def _entries(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {name: list(values) for name, values in (found.get("propertiesWithHistory") or {}).items()}


def _at(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entry["timestamp"]))


def _who(entry: Mapping[str, Any], at: datetime, signers: list[dict[str, Any]]) -> str:
    """The name that stood in our property when our app wrote this, or what HubSpot says of another hand."""
    before = [one for one in signers if _at(one) <= at]
    signer = max(before, key=_at, default=None)
    if signer is not None and _source(signer) == _source(entry) and signer.get("value"):
        return str(signer["value"])
    kind, number = _source(entry)
    label = entry.get("sourceLabel") or number
    return f"{kind.lower()}:{label}" if label else kind.lower()


def _source(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry.get("sourceType") or "unknown"), str(entry.get("sourceId") or entry.get("updatedByUserId") or "")
