"""The order in which a class names its fields; canonical JSON sorts an object's members, and a form must not."""

from __future__ import annotations

from typing import Any


def ordered(schema: Any) -> Any:
    """The schema with each object's fields listed under `ui.order`, so that their order survives being stored."""
    if isinstance(schema, list):
        return [ordered(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: _within(key, value) for key, value in schema.items()}
    fields = schema.get("properties")
    if isinstance(fields, dict) and fields:
        hints = schema.get("ui")
        told["ui"] = {"order": list(fields), **(hints if isinstance(hints, dict) else {})}
    return told


def _within(keyword: str, value: Any) -> Any:
    if keyword in _NAMED and isinstance(value, dict):
        return {name: ordered(inner) for name, inner in value.items()}
    return value if keyword in _VALUES else ordered(value)


def in_order(schema: dict[str, Any], hints: dict[str, Any]) -> list[str]:
    """The names of an object's fields: as hinted, then as `required` has them, then the rest."""
    fields = schema.get("properties")
    if not isinstance(fields, dict):
        return []
    hinted = hints.get("order")
    required = schema.get("required")
    first = [*(hinted if isinstance(hinted, list) else []), *(required if isinstance(required, list) else [])]
    return list(dict.fromkeys([key for key in first if isinstance(key, str) and key in fields] + list(fields)))


_NAMED = ("properties", "$defs", "definitions", "patternProperties")
"""Keywords under which stand schemas by a name of the author's."""

_VALUES = ("default", "const", "enum", "examples", "ui")
"""Keywords under which stand values, not schemas."""
