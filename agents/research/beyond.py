"""What sources beyond the site say of the company, brought into the same form as what its own pages say."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin

from agents.documents import EntityRef, Flag, Source
from agents.errors import FetchError
from agents.ports import Elsewhere, Snapshots, Subject, Told, Web
from agents.research.briefing import Sourced
from agents.research.candidates import MAX_QUOTE, MAX_VALUE, Candidate
from agents.research.identity import Reading
from agents.research.pages import ReadPage

_FEEDS = ("application/rss+xml", "application/atom+xml")


def subject_of(entity: EntityRef, readings: Sequence[Reading]) -> Subject:
    """The company, and where those of its pages point that are certainly its own."""
    links: list[str] = []
    feeds: list[str] = []
    for reading in readings:
        if reading.match != "match":
            continue
        page = reading.page
        links += [_joined(page.address, link.href) for link in page.links]
        feeds += [
            _joined(page.address, tag.get("href"))
            for tag in page.tags
            if tag.name == "link" and tag.get("type").lower() in _FEEDS and tag.get("href")
        ]
    return Subject(entity=entity, links=tuple(dict.fromkeys(links)), feeds=tuple(dict.fromkeys(feeds)))


async def looked_up_elsewhere(
    subject: Subject,
    elsewhere: Sequence[Elsewhere],
    web: Web,
    snapshots: Snapshots,
    found: Sequence[Sourced],
    sources: list[Source],
) -> tuple[list[Sourced], list[Flag]]:
    """What each of them says, its source added to `sources`; and a flag for each that could not be read."""
    more: list[Sourced] = []
    flags: list[Flag] = []
    for one in elsewhere:
        try:
            told = await one.read(subject, web)
        except FetchError as error:
            flags.append(Flag(code="page_not_read", message=f"{one.name} was not read: {error}", severity="info"))
            continue
        if told is None:
            message = f"{one.name} knows nothing that is certainly about {subject.entity.name}."
            flags.append(Flag(code="not_found_elsewhere", message=message, severity="info"))
            continue
        source = _source(told, f"s{len(sources) + 1}", snapshots)
        sources.append(source)
        more += _sourced(told, source, len(found) + len(more))
    return more, flags


def _source(told: Told, source_id: str, snapshots: Snapshots) -> Source:
    page = told.page
    return Source(
        id=source_id,
        address=page.address,
        kind=told.kind,
        title=told.title,
        fetched_at=page.fetched_at,
        sha256=snapshots.put(page.body),
        text_sha256=snapshots.put(told.text.encode("utf-8")),
        media_type=page.media_type,
        subject_match="match",
        truncated=page.truncated,
    )


def _sourced(told: Told, source: Source, first: int) -> list[Sourced]:
    read = ReadPage(address=told.page.address, markup=told.text, text=told.text, lines=[], tags=[], is_html=False)
    return [
        Sourced(
            Candidate(one.key, one.value[:MAX_VALUE], "text", one.start, one.end, "rule", one.confidence, one.as_of),
            source,
            read,
            first + number,
        )
        for number, one in enumerate(told.sayings)
        if one.end - one.start <= MAX_QUOTE
    ]


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href)
    except ValueError:
        return ""
