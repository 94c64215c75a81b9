"""What was typed and cannot be read as what is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unreadable:
    """The text as it was typed, and a sentence on what it should be."""

    text: str
    message: str
