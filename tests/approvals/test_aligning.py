"""Common subsequences: the longest where that can be afforded, and one in any case."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import aligning
from approvals.aligning import aligned, rising

ITEMS = st.lists(st.integers(0, 4), max_size=25)


def longest(before: list[int], after: list[int]) -> int:
    best = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i, old in enumerate(before):
        for j, new in enumerate(after):
            best[i + 1][j + 1] = best[i][j] + 1 if old == new else max(best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


@given(ITEMS, ITEMS)
def test_the_longest_common_subsequence_is_found(before, after):
    pairs = aligned(before, after)

    assert all(before[i] == after[j] for i, j in pairs)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(pairs))
    assert len(pairs) == longest(before, after)


@given(st.lists(st.integers(0, 60), max_size=60), st.lists(st.integers(0, 60), max_size=60))
def test_where_it_cannot_be_afforded_a_common_subsequence_is_still_one(before, after):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aligning, "MOST_CELLS", 30)
        pairs = aligned(before, after)

    assert all(before[i] == after[j] for i, j in pairs)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(pairs))


@given(st.lists(st.integers(), unique=True))
def test_a_rising_subsequence_rises(numbers):
    places = rising(numbers)

    assert places == sorted(places)
    assert all(numbers[a] < numbers[b] for a, b in pairwise(places))
    assert bool(places) == bool(numbers)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([n % 3 for n in range(100_000)], [n % 2 for n in range(100_000)]),
        (list(range(100_000)), list(range(100_000))[::-1]),
        ([n // 2 for n in range(80_000)], [n * 7 % 40_000 for n in range(80_000)]),
    ],
)
def test_it_never_takes_long(before, after):
    begun = time.process_time()

    aligned(before, after)

    assert time.process_time() - begun < 3
