"""Whom a comment means: people named in it after an @, by e-mail or by the part of it before its own @."""

from __future__ import annotations

import re
from collections.abc import Iterable

from approvals.ports import Person

_NAMED = re.compile(r"(?<![\w.@])@([\w.+-]+(?:@[\w-]+(?:\.[\w-]+)+)?)")
MOST = 20
"""People that one comment may mean."""


def mentioned(text: str, people: Iterable[Person]) -> tuple[str, ...]:
    """E-mails of the active people who are named, in order; a short name counts where it is one person's alone."""
    active = [person for person in people if person.active]
    whole = {person.email.casefold(): person.email for person in active}
    short: dict[str, list[str]] = {}
    for person in active:
        short.setdefault(person.email.partition("@")[0].casefold(), []).append(person.email)
    found: dict[str, None] = {}
    for match in _NAMED.finditer(text):
        name = match[1].rstrip(".-").casefold()
        meant = [whole[name]] if name in whole else short.get(name, [])
        if len(meant) == 1:
            found[meant[0]] = None
    return tuple(found)[:MOST]
