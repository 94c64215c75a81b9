"""Wikidata: founding, employees and description of the item whose official website is the company's domain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from agents.documents import FactKey
from agents.ports import Page, Saying, Subject, Told, Web
from agents.research.contacts import host_of
from agents.research.identity import registrable
from agents.sources.records import record_in, text_of, written

_SEARCH = (
    "https://www.wikidata.org/w/api.php?action=wbsearchentities&type=item&format=json&limit=5&language=en&search={name}"
)
_ITEM = "https://www.wikidata.org/wiki/Special:EntityData/{id}.json"
_MOST_ITEMS = 3
_WEBSITE, _INCEPTION, _EMPLOYEES, _POINT_IN_TIME = "P856", "P571", "P1128", "P585"


class Wikidata:
    """Items are tried until one names the company's domain as its website (P856); a name alone is nobody."""

    name = "wikidata"

    async def read(self, subject: Subject, web: Web) -> Told | None:
        """What the item of this company says; None where no item names its domain.

        Raises:
            FetchError: Wikidata does not answer, or asks not to be read.
        """
        domain = subject.entity.domain
        if not domain:
            return None
        search = await web.fetch(_SEARCH.format(name=quote(subject.entity.name)))
        hits = _got(record_in(text_of(search), search), "search")
        ids = [str(_got(hit, "id")) for hit in hits] if isinstance(hits, list) else []
        for item_id in [one for one in ids if re.fullmatch(r"Q\d{1,12}", one)][:_MOST_ITEMS]:
            page = await web.fetch(_ITEM.format(id=item_id))
            text = text_of(page)
            item = _got(_got(record_in(text, page), "entities"), item_id)
            if any(registrable(host_of(site)) == registrable(domain) for site in _values(item, _WEBSITE)):
                return _told(item, item_id, page, text)
        return None


def _told(item: Any, item_id: str, page: Page, text: str) -> Told:
    label = _got(_got(_got(item, "labels"), "en"), "value") or item_id
    sayings = [*_described(item, text), *_founded(item, text), *_employed(item, text)]
    return Told(page=page, text=text, title=f"Wikidata: {label}", kind="register", sayings=tuple(sayings))


def _described(item: Any, text: str) -> Iterator[Saying]:
    words = _got(_got(_got(item, "descriptions"), "en"), "value")
    if isinstance(words, str) and words and (place := written(words, text, key="value")):
        yield Saying(key=FactKey.DESCRIPTION, value=words, start=place[0], end=place[1], confidence=0.6)


def _founded(item: Any, text: str) -> Iterator[Saying]:
    for value in _values(item, _INCEPTION):
        time = _got(value, "time")
        year = re.match(r"\+(\d{4})-", time) if isinstance(time, str) else None
        place = written(str(time), text, _start_of(text, _INCEPTION), key="time")
        # Nine is the precision of a year; a decade or a century is no founding year.
        precision = _got(value, "precision")
        if year and place and isinstance(precision, int) and precision >= 9:
            yield Saying(key=FactKey.FOUNDED, value=year[1], start=place[0], end=place[1], confidence=0.85)


def _employed(item: Any, text: str) -> Iterator[Saying]:
    """The count that was taken last; one without a date only where it is the only one."""
    counted: list[tuple[str, str, tuple[int, int]]] = []
    for statement in _statements(item, _EMPLOYEES):
        amount = _got(_got(_got(_got(statement, "mainsnak"), "datavalue"), "value"), "amount")
        place = written(str(amount), text, _start_of(text, _EMPLOYEES), key="amount")
        if isinstance(amount, str) and re.fullmatch(r"\+\d{1,8}", amount) and place:
            counted.append((_as_of(statement), amount.removeprefix("+"), place))
    if counted:
        as_of, value, (start, end) = max(counted)
        if as_of or len(counted) == 1:
            yield Saying(key=FactKey.EMPLOYEES, value=value, start=start, end=end, confidence=0.75, as_of=as_of or None)


def _as_of(statement: Any) -> str:
    moments = _got(_got(statement, "qualifiers"), _POINT_IN_TIME)
    time = _got(_got(_got(moments[0], "datavalue"), "value"), "time") if isinstance(moments, list) and moments else ""
    match = re.match(r"\+(\d{4})-(\d{2})-(\d{2})", str(time))
    if match is None:
        return ""
    return "-".join(part for part in match.groups() if part != "00")


def _start_of(text: str, claim: str) -> int:
    """Where the statements of a property begin: the same words may stand elsewhere too."""
    return max(0, text.find(f'"{claim}"', max(0, text.find('"claims"'))))


def _values(item: Any, claim: str) -> Iterator[Any]:
    for statement in _statements(item, claim):
        value = _got(_got(_got(statement, "mainsnak"), "datavalue"), "value")
        if value is not None:
            yield value


def _statements(item: Any, claim: str) -> list[Any]:
    found = _got(_got(item, "claims"), claim)
    return [one for one in found if _got(one, "rank") != "deprecated"] if isinstance(found, list) else []


def _got(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
