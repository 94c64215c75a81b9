"""What controls are called: any key as a name that survives HTML and url-encoding, and marks that no key can imitate.

A control is named by where it stands, `d.sections.0.claims.1.text`. A row is named by its key, not by its place, so
moving and removing rows changes no name. What begins with two underscores says how to read the rest.
"""

from __future__ import annotations

import re

ROOT = "d"
"""The first step of every name, so that a form's other fields cannot be meant."""

ACT = "__do"
"""Name of the buttons that change rows; its value is such as `remove:d.lines.2`."""

IS = "__is"  # which structure stands here: `object`, `map`, `list` or `null`
ROWS = "__k"  # the keys of the rows, in order
KEY = "__key"  # what a row of a map is called
VALUE = "__value"  # what stands in a row of a map
EXTRA = "__x"  # keys that the class does not know, as JSON
JSON = "__json"  # a value written as JSON
NOTHING = "__null"  # ticked: nothing, instead of an empty text
LINES = "__lines"  # a list of short texts, one a line
BOX = "__box"  # a tick box was shown, ticked or not
AS = "__as"  # which alternative of a union
UTC = "__utc"  # a moment in UTC, as a browser's control has it
WALL = "__wall"  # a moment without a zone, likewise
EXACT = "__exact"  # an amount with more than two decimals, in which a point is always the decimal point

ROW_KEY = re.compile(r"[0-9a-z]{1,12}\Z")

_UNSAFE = re.compile(r"^_|[^A-Za-z0-9_-]")


def mark(name: str, mark: str) -> str:
    """The name of one of the marks above, on what is called so; also of a row, by its key."""
    return f"{name}.{mark}"


def member(name: str, key: str) -> str:
    """The name of an object's member; two different keys never have one name."""
    return f"{name}.{escaped(key)}"


def escaped(key: str) -> str:
    """The key as one step of a name; `~` and a code point stand for what could be misread."""
    return _UNSAFE.sub(_escape, key) if key else "~"


def _escape(match: re.Match[str]) -> str:
    return f"~{ord(match[0]):x}~"


def in_words(name: str) -> str:
    """A field's or class's name as people write it: `unit_price` and `UnitPrice` are both `Unit price`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name[:200])
    words = [word for word in re.split(r"[\s_\-]+", spaced) if word]
    if not words:
        return name or "(no name)"
    lowered = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    first = _KNOWN.get(lowered[0], lowered[0][:1].upper() + lowered[0][1:])
    return " ".join([first, *(_KNOWN.get(word, word) for word in lowered[1:])])


_KNOWN = {"id": "ID", "ids": "IDs", "url": "URL", "crm": "CRM", "vat": "VAT", "sha256": "SHA-256", "iso": "ISO"}
