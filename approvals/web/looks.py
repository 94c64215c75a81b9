"""How gates, groups and people look: label, icon, hue and initials."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from approvals.web import words

_SPELLED = {"crm": "CRM", "api": "API", "id": "ID", "nda": "NDA", "url": "URL", "email": "e-mail", "revops": "RevOps"}
_TILES = (
    (("proposal", "offer", "quote"), "doc", 1),
    (("brief", "research", "prospect"), "lens", 2),
    (("crm", "record", "deal"), "db", 3),
    (("mail", "message", "outreach", "letter", "follow"), "mail", 4),
    (("contract", "clause", "redline", "legal"), "contract", 5),
)
_GROUP_ICONS = (("legal", "legal"), ("finance", "money"), ("sales", "hand"))


class Look(NamedTuple):
    """What a gate is called, and its tile."""

    label: str
    icon: str
    hue: int


@lru_cache(maxsize=1024)
def label(name: str) -> str:
    """`crm_update` as `CRM update`, `unit_price` as `Unit price`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    spelled = [_SPELLED.get(part.lower(), part.lower() if part.istitle() else part) for part in parts]
    text = " ".join(spelled)
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=1024)
def gate(name: str) -> Look:
    """The look of this gate; one that nobody knows keeps its colour by its name."""
    for needles, icon, hue in _TILES:
        if any(needle in name.lower() for needle in needles):
            return Look(label(name), icon, hue)
    return Look(label(name), "doc", crc32(name.encode()) % 5 + 1)


def group_icon(name: str) -> str:
    """The icon of a group's view."""
    return next((icon for needle, icon in _GROUP_ICONS if needle in name.lower()), "people")


@lru_cache(maxsize=1024)
def initials(name: str) -> str:
    """`Maya Okafor` as `MO`; an address by its first letters."""
    parts = re.split(r"[\s._-]+", name.partition("@")[0])
    letters = [part[0] for part in parts if part]
    return "".join(letters[:1] + letters[-1:] if len(letters) > 1 else letters).upper() or "?"


@lru_cache(maxsize=1024)
def hue(name: str) -> int:
    """A colour that stays with a person."""
    return crc32(name.casefold().encode()) % 5 + 1


FILTERS: dict[str, Callable[..., Any]] = {
    "label": label,
    "gate": gate,
    "initials": initials,
    "hue": hue,
    "count": words.count,
    "several": words.several,
    "moment": words.moment,
    "money": words.money,
}
