"""Sources beyond a company's own site. One file each, behind one protocol, read by the safe web; off unless set."""

from __future__ import annotations

from collections.abc import Callable

from agents.errors import UnknownScheme
from agents.ports import Elsewhere


def _wikidata(_argument: str) -> Elsewhere:
    from agents.sources.wikidata import Wikidata

    return Wikidata()


def _rss(_argument: str) -> Elsewhere:
    from agents.sources.rss import Rss

    return Rss()


def _greenhouse(argument: str) -> Elsewhere:
    from agents.sources.greenhouse import Greenhouse

    return Greenhouse(argument)


def _lever(argument: str) -> Elsewhere:
    from agents.sources.lever import Lever

    return Lever(argument)


SOURCES: dict[str, Callable[[str], Elsewhere]] = {
    "wikidata": _wikidata,
    "rss": _rss,
    "greenhouse": _greenhouse,
    "lever": _lever,
}
"""Name -> factory. A source is a file beside this one and a line here."""


def open_source(name: str) -> Elsewhere:
    """The source of this name, such as `wikidata` or `lever:SITE`.

    Raises:
        UnknownScheme: there is none; the message names the ones there are.
    """
    kind, _, argument = name.partition(":")
    if kind not in SOURCES:
        known = ", ".join(sorted(SOURCES))
        raise UnknownScheme(f"There is no source {name!r}. Known: {known}. Set AGENTS_SOURCES to some of them.")
    return SOURCES[kind](argument.strip())
