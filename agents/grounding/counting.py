"""Small numbers that a writer counts up instead of reading them: “your three depots”, where a source lists three."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from agents.documents import Fact, FactKey
from agents.grounding.figures import Figure

_MOST = 12
_LONGEST_ITEM = 5
_CHUNK = re.compile(
    r"[.:;()]|\b(?:in|mit|with|with offices in|at|by|from|per|en|à|par|con|de|von|für|for)\b", re.IGNORECASE
)
_JOIN = re.compile(r",\s*(?:and\s+|und\s+|et\s+|y\s+)?|\s+(?:and|und|sowie|et|y|e|&|or|oder|ou|o)\s+", re.IGNORECASE)
_CLOCK = re.compile(r"\b(?:at|after|before|by|until|from|um|nach|vor|bis|ab)\s+$", re.IGNORECASE)
_CLOCK_AFTER = re.compile(r"^\s*(?:o['’]clock\b|uhr\b|[.,;!?]|$)", re.IGNORECASE)
_COUNTS: dict[str, frozenset[FactKey]] = {
    "sites": frozenset({FactKey.LOCATION, FactKey.ADDRESS}),
    "customers": frozenset({FactKey.CUSTOMER}),
}


def counted_up(figure: Figure, text: str, facts: Iterable[Fact], offers: int) -> bool:
    """Whether a small number is how many things the cited facts list, or the cited offers are, or a time of day."""
    if figure.kind != "number" or not 2 <= figure.amount <= _MOST or figure.amount != int(figure.amount):
        return False
    number = int(figure.amount)
    if not figure.measures and not figure.written.isdigit():
        before, after = text[: figure.start], text[figure.start + len(figure.written) :]
        if number == offers or (_CLOCK.search(before) and _CLOCK_AFTER.match(after)):
            return True
    return number in _sizes(figure.measures, facts)


def _sizes(measures: frozenset[str], facts: Iterable[Fact]) -> frozenset[int]:
    """How many things each of these facts lists, and how many facts of a kind there are."""
    wanted: frozenset[FactKey] | None = None
    if measures:
        if not measures <= _COUNTS.keys():
            return frozenset()
        wanted = frozenset[FactKey]().union(*(_COUNTS[one] for one in measures))
    sizes: set[int] = set()
    values: dict[FactKey, set[str]] = defaultdict(set)
    for fact in facts:
        if wanted is None or fact.key in wanted:
            values[fact.key].add(fact.value)
            sizes |= {size for chunk in _CHUNK.split(fact.quote) if (size := _size(chunk))}
    return frozenset(sizes | {len(one) for one in values.values()}) - {0, 1}


def _size(chunk: str) -> int:
    items = [item for item in _JOIN.split(chunk) if item.strip()]
    # The last item may run on into the sentence; what stands before the list may be the sentence's beginning.
    short = all(len(item.split()) <= _LONGEST_ITEM for item in items[1:-1])
    return len(items) if len(items) > 1 and short else 0
