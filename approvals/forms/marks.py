"""Which text of a document says which claim, and how that claim stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Standing = Literal["quoted", "cited", "unsourced", "none"]


class Mark(NamedTuple):
    """A claim, and whether its words were found in what it cites."""

    claim_id: str
    standing: Standing
    sources: tuple[int, ...] = ()
    """Numbers of the sources that it cites, as the page counts them."""
    facts: tuple[str, ...] = ()
    """What it cites in them."""


def marks(document: Any, standings: Mapping[str, Standing]) -> dict[str, Mark]:
    """Path of a claim's text -> its mark: wherever an object has an `id` that is a claim's, and a `text`."""
    return dict(_marks(document, standings, "", 0))


def _marks(value: Any, standings: Mapping[str, Standing], path: str, depth: int) -> Iterator[tuple[str, Mark]]:
    if depth > 100:
        return
    if isinstance(value, dict):
        claim = value.get("id")
        if isinstance(claim, str) and claim in standings and isinstance(value.get("text"), str):
            yield f"{path}.text" if path else "text", Mark(claim, standings[claim])
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        if isinstance(inner, dict | list):
            yield from _marks(inner, standings, f"{path}.{key}" if path else str(key), depth + 1)
