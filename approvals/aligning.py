"""Which items of two sequences are the same item: the longest common subsequence, in bounded time."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise

MOST_CELLS = 16_000_000
"""Length times length up to which the longest common subsequence is exact: about 20 ms and 2 MB."""

_MOST_SPLITS = 12


def aligned(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pairs of places whose items are equal, rising on both sides.

    Exact while `MOST_CELLS` suffices. Larger stretches are split at items that occur once on both sides; what
    offers none stays unpaired, so it reads as replaced as a whole.
    """
    pairs: list[tuple[int, int]] = []
    stretches = [(0, len(before), 0, len(after), 0)]
    while stretches:
        low, high, start, end, splits = stretches.pop()
        while low < high and start < end and before[low] == after[start]:
            pairs.append((low, start))
            low, start = low + 1, start + 1
        while low < high and start < end and before[high - 1] == after[end - 1]:
            high, end = high - 1, end - 1
            pairs.append((high, end))
        if low == high or start == end:
            continue
        old, new = before[low:high], after[start:end]
        if len(old) * len(new) <= MOST_CELLS:
            pairs += [(low + i, start + j) for i, j in _longest(old, new)]
        elif splits < _MOST_SPLITS and (anchors := _anchors(old, new)):
            pairs += [(low + i, start + j) for i, j in anchors]
            edges = [(-1, -1), *anchors, (high - low, end - start)]
            for (i, j), (next_i, next_j) in pairwise(edges):
                stretches.append((low + i + 1, low + next_i, start + j + 1, start + next_j, splits + 1))
    return sorted(pairs)


def rising(numbers: Sequence[int]) -> list[int]:
    """Places of a longest rising subsequence, in order."""
    tails: list[int] = []
    tail_places: list[int] = []
    came_from: list[int] = []
    for place, number in enumerate(numbers):
        at = bisect_left(tails, number)
        came_from.append(tail_places[at - 1] if at else -1)
        if at == len(tails):
            tails.append(number)
            tail_places.append(place)
        else:
            tails[at], tail_places[at] = number, place
    found: list[int] = []
    place = tail_places[-1] if tail_places else -1
    while place >= 0:
        found.append(place)
        place = came_from[place]
    return found[::-1]


def _longest(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    # One bit for each item of `before`: where a row has 0, the common subsequence grew by that item. Integers of any
    # length make a row one addition.
    places: dict[Hashable, int] = {}
    for place, item in enumerate(before):
        places[item] = places.get(item, 0) | 1 << place
    everywhere = (1 << len(before)) - 1
    row = everywhere
    rows = [row]
    for item in after:
        grown = row & places.get(item, 0)
        row = ((row + grown) | (row - grown)) & everywhere
        rows.append(row)
    pairs: list[tuple[int, int]] = []
    i, j = len(before), len(after)
    while i and j:
        bit = 1 << (i - 1)
        if rows[j] & bit:
            i -= 1
        elif not rows[j - 1] & bit:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _anchors(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    once_before, once_after = Counter(before), Counter(after)
    place_after = {item: place for place, item in enumerate(after)}
    pairs = [
        (place, place_after[item])
        for place, item in enumerate(before)
        if once_before[item] == 1 and once_after.get(item) == 1
    ]
    return [pairs[place] for place in rising([after_place for _, after_place in pairs])]
