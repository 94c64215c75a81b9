"""Where two documents differ: what the screen shows as changes, and what a decision stores as such."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from approvals.aligning import aligned, rising
from approvals.decisions import FieldDifference

NAMES = ("id", "key")
"""Members that name an item, in the order in which they are tried."""

_MOST_PAIRINGS = 400
"""Length times length up to which unnamed items are paired by likeness; beyond it, by place."""

_DEEPEST = 200
_DEEPEST_LIKENESS = 2


class Match(NamedTuple):
    """One item of a list on both sides, by its places there."""

    before: int
    after: int
    moved: bool = False
    """Whether it left its old neighbours."""
    equal: bool = False
    """Whether it is known to be the same; else it has to be looked at."""


def differences(before: Any, after: Any) -> tuple[FieldDifference, ...]:
    """Where two JSON values differ, leaf by leaf, with paths such as `sections.0.claims.2.text`.

    Items of a list are found again wherever they went, so one that was taken out is one removal. The path of what was
    removed is where it stood before; every other path is where it stands after. What moved tells its old and its new
    place, counted from 0, and what changed in it is told beside that.
    """
    return tuple(_differences(before, after, "", "", 0))


def same(before: Any, after: Any) -> bool:
    """Whether two JSON values have one canonical form: 1 and 1.0 do, 1 and true do not."""
    if before is after:
        return True
    return bool(before == after) and (type(before) is str or _same_kinds(before, after))


def _same_kinds(before: Any, after: Any) -> bool:
    # To Python True is 1; to JSON, and to a reader, it is not.
    if isinstance(before, dict):
        return all(type(inner) is str or _same_kinds(inner, after[key]) for key, inner in before.items())
    if isinstance(before, list):
        return all(map(_same_kinds, before, after))
    return isinstance(before, bool) is isinstance(after, bool)


def matches(before: list[Any], after: list[Any]) -> list[Match]:
    """Which item of a list is which of another, in the order of the other.

    By a unique `id` or `key` where each item has one on both sides; else by equality; what is left between two equal
    ones is paired with what is most like it.
    """
    head = 0
    while head < min(len(before), len(after)) and same(before[head], after[head]):
        head += 1
    found = [Match(place, place, equal=True) for place in range(head)]
    old, new = before[head:], after[head:]
    if not old or not new:
        return found
    # What names an item must be unique in the whole list, its equal head included.
    name = _naming(before, after)
    inner = _by_name(old, new, name) if name else _by_equality(old, new)
    return found + [one._replace(before=head + one.before, after=head + one.after) for one in inner]


def _differences(before: Any, after: Any, old_path: str, path: str, depth: int) -> Iterator[FieldDifference]:
    if depth < _DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, old_path, path, depth)
    elif depth < _DEEPEST and isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, old_path, path, depth)
    elif not same(before, after):
        yield FieldDifference(path=path, before=before, after=after)


def _of_objects(
    before: dict[str, Any], after: dict[str, Any], old_path: str, path: str, depth: int
) -> Iterator[FieldDifference]:
    for key, old in before.items():
        if key in after:
            yield from _differences(old, after[key], _below(old_path, key), _below(path, key), depth + 1)
        else:
            yield FieldDifference(path=_below(old_path, key), before=old, change="removed")
    for key, new in after.items():
        if key not in before:
            yield FieldDifference(path=_below(path, key), after=new, change="added")


def _of_lists(before: list[Any], after: list[Any], old_path: str, path: str, depth: int) -> Iterator[FieldDifference]:
    by_place = {match.after: match for match in matches(before, after)}
    kept = {match.before for match in by_place.values()}
    for place, old in enumerate(before):
        if place not in kept:
            yield FieldDifference(path=_below(old_path, place), before=old, change="removed")
    for place, new in enumerate(after):
        match = by_place.get(place)
        if match is None:
            yield FieldDifference(path=_below(path, place), after=new, change="added")
            continue
        if match.moved:
            yield FieldDifference(path=_below(path, place), before=match.before, after=place, change="moved")
        if not match.equal:
            old = before[match.before]
            yield from _differences(old, new, _below(old_path, match.before), _below(path, place), depth + 1)


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


# -- which item is which -----------------------------------------------------------------------------------------


def _naming(before: list[Any], after: list[Any]) -> str | None:
    return next((name for name in NAMES if _names_all(before, name) and _names_all(after, name)), None)


def _names_all(items: list[Any], name: str) -> bool:
    named = [item.get(name) if isinstance(item, dict) else None for item in items]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in named):
        return False
    return len(set(named)) == len(named)


def _by_name(before: list[Any], after: list[Any], name: str) -> list[Match]:
    place_before = {item[name]: place for place, item in enumerate(before)}
    return _in_order([(place_before[item[name]], j) for j, item in enumerate(after) if item[name] in place_before])


def _by_equality(before: list[Any], after: list[Any]) -> list[Match]:
    old, new = [_key(item) for item in before], [_key(item) for item in after]
    pairs = aligned(old, new)
    pairs += _elsewhere(old, new, pairs)
    taken_before, taken_after = {i for i, _ in pairs}, {j for _, j in pairs}
    in_order = [match._replace(equal=True) for match in _in_order(sorted(pairs, key=lambda pair: pair[1]))]
    edges = [(match.before, match.after) for match in in_order if not match.moved]
    low, start = 0, 0
    for high, end in [*edges, (len(before), len(after))]:
        left_before = [i for i in range(low, high) if i not in taken_before]
        left_after = [j for j in range(start, end) if j not in taken_after]
        in_order += [
            Match(left_before[i], left_after[j])
            for i, j in _alike([before[i] for i in left_before], [after[j] for j in left_after])
        ]
        low, start = high + 1, end + 1
    return sorted(in_order, key=lambda match: match.after)


def _elsewhere(old: list[Any], new: list[Any], pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Equal items that no common order pairs: they moved."""
    taken_before, taken_after = {i for i, _ in pairs}, {j for _, j in pairs}
    free: dict[Any, list[int]] = {}
    for i in range(len(old) - 1, -1, -1):
        if i not in taken_before:
            free.setdefault(old[i], []).append(i)
    # Text and objects are things that can be moved; a number or a mark that turns up elsewhere is just another one.
    return [
        (free[key].pop(), j)
        for j, key in enumerate(new)
        if j not in taken_after and key[0] in _MOVABLE and free.get(key)
    ]


def _in_order(pairs: list[tuple[int, int]]) -> list[Match]:
    stay = set(rising([i for i, _ in pairs]))
    return [Match(i, j, moved=place not in stay) for place, (i, j) in enumerate(pairs)]


def _alike(before: list[Any], after: list[Any]) -> list[tuple[int, int]]:
    """Pairs of items between two equal ones: what is most like each other, in order; one of each is always a pair."""
    if len(before) == len(after) or len(before) * len(after) > _MOST_PAIRINGS:
        return list(zip(range(len(before)), range(len(after)), strict=False))
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    likeness = [[_likeness(old, new) for new in after] for old in before]
    for i in range(len(before) - 1, -1, -1):
        for j in range(len(after) - 1, -1, -1):
            best[i][j] = max(likeness[i][j] + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(before) and j < len(after):
        if best[i][j] == likeness[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(before: Any, after: Any, depth: int = 0) -> float:
    """From a little above 0 for the same kind of thing to 1 for the same thing; 0 for another kind."""
    if isinstance(before, dict) and isinstance(after, dict) and depth < _DEEPEST_LIKENESS:
        shared = [key for key in before if key in after]
        total = sum(_likeness(before[key], after[key], depth + 1) for key in shared)
        return 0.1 + 0.9 * total / max(len(before), len(after), 1)
    if isinstance(before, str) and isinstance(after, str):
        old, new = set(before.split()), set(after.split())
        return 0.1 + 0.9 * len(old & new) / max(len(old), len(new), 1)
    if type(before) is not type(after):
        return 0.0
    return 1.0 if before == after else 0.1


_MOVABLE = "sdl"


def _key(value: Any) -> Any:
    """A hashable stand-in that is equal exactly where the canonical forms are; its first item says the kind."""
    if isinstance(value, str):
        return ("s", value)
    if isinstance(value, bool) or value is None:
        return ("b", value)
    if isinstance(value, dict):
        return ("d", frozenset((key, _key(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return ("l", tuple(map(_key, value)))
    return ("n", value)
