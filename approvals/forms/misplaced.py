"""Which of a document's errors belongs to which part of it."""

from __future__ import annotations

from collections.abc import Sequence

Errors = list[tuple[str, str]]
"""Paths, from where one stands, and messages."""

_MOST_STRANGE_STEPS = 4


def sorted_out(errors: Errors, keys: Sequence[str]) -> tuple[Errors, dict[str, Errors]]:
    """The errors that belong here, and those below by the key of the part they belong to."""
    if not errors:
        return [], {}
    own: Errors = []
    below: dict[str, Errors] = {}
    for path, message in errors:
        key, rest = _led(path, keys)
        if key is None:
            own.append(("", message))
        else:
            below.setdefault(key, []).append((rest, message))
    return own, below


def _led(path: str, keys: Sequence[str]) -> tuple[str | None, str]:
    rest = path
    # What a class reports may name an alternative of a union between two steps; such a step leads nowhere here.
    for _ in range(_MOST_STRANGE_STEPS):
        if not rest:
            break
        # The longest counts: a key may have a point in it.
        if fitting := [key for key in keys if rest == key or rest.startswith(f"{key}.")]:
            key = max(fitting, key=len)
            return key, rest[len(key) + 1 :]
        rest = rest.partition(".")[2]
    return None, ""
