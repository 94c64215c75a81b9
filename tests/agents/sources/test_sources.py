"""Sources beyond the site, against answers of the shape that each of them gives, written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.bootstrap import build
from agents.documents import Brief, Draft, EntityRef, FactKey, Prospect, dump
from agents.errors import FetchFailed, RobotsDisallow, UnknownScheme
from agents.grounding import looked_up_brief
from agents.ports import Page, Subject
from agents.research import StoredPages, research
from agents.settings import Settings
from agents.sources import SOURCES, open_source
from agents.web import MemorySnapshots

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HALDEN = EntityRef(name="Halden Freight", domain="halden.example")
HOME = """<!doctype html><html lang="en"><head><title>Halden Freight</title>
<link rel="alternate" type="application/rss+xml" href="/news/feed.xml"></head>
<body><h1>Halden Freight</h1><p>Halden Freight was founded in 1987.</p><p>Today we have 420 employees.</p>
<p><a href="https://boards.greenhouse.io/haldenfreight">Jobs</a> <a href="https://jobs.lever.co/halden/">More</a></p>
</body></html>"""
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Halden news</title><link>https://halden.example/</link>
<item><title><![CDATA[Third depot opened & staffed]]></title><pubDate>Tue, 12 Mar 2024 08:00:00 GMT</pubDate></item>
<item><title>Night shift in Kiel &#8211; hiring</title><pubDate>someday</pubDate></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><title type="html">A new fleet</title><updated>2025-02-03T10:00:00Z</updated></entry></feed>"""
SEARCH = {"search": [{"id": "Q11", "label": "Halden Freight"}, {"id": "Q12"}, {"id": "../../etc"}]}


def statement(value: Any, *, rank: str = "normal", year: str = "") -> dict[str, Any]:
    moment = {"datavalue": {"value": {"time": f"+{year}-00-00T00:00:00Z", "precision": 9}}}
    qualifiers = {"qualifiers": {"P585": [moment]}} if year else {}
    return {"mainsnak": {"snaktype": "value", "datavalue": {"value": value}}, "rank": rank, **qualifiers}


def item(item_id: str, website: str, **claims: list[dict[str, Any]]) -> str:
    body = {
        "labels": {"en": {"language": "en", "value": "Halden Freight"}},
        "descriptions": {"en": {"language": "en", "value": "haulage company in Kiel"}},
        "claims": {"P856": [statement(website)], **claims},
    }
    return json.dumps({"entities": {item_id: body}})


NAMESAKE = item(
    "Q11", "https://halden-freight.test/", P571=[statement({"time": "+1901-00-00T00:00:00Z", "precision": 9})]
)
OURS = item(
    "Q12",
    "https://www.halden.example/",
    P571=[
        statement({"time": "+1988-00-00T00:00:00Z", "precision": 9}),
        statement({"time": "+1980-00-00T00:00:00Z", "precision": 8}),
        statement({"time": "+1950-00-00T00:00:00Z", "precision": 9}, rank="deprecated"),
    ],
    P1128=[
        statement({"amount": "+390", "unit": "1"}, year="2019"),
        statement({"amount": "+415", "unit": "1"}, year="2022"),
    ],
)
JOBS = {
    "jobs": [
        {"id": 1, "title": "Night dispatcher", "updated_at": "2026-02-01T09:00:00-05:00", "location": {"name": "Kiel"}},
        {"id": 2, "title": "Fahrer/in – Nord"},
        {"id": 3, "title": None},
    ],
    "meta": {"total": 3},
}
POSTINGS = [{"id": "a", "text": "Fleet planner", "createdAt": 1_767_225_600_000, "categories": {"location": "Oslo"}}]

WIKIDATA = "https://www.wikidata.org/"
SEARCHED = (
    f"{WIKIDATA}w/api.php?action=wbsearchentities&type=item&format=json&limit=5&language=en&search=Halden%20Freight"
)
ANSWERS: dict[str, tuple[str, str]] = {
    "https://halden.example/": ("text/html", HOME),
    "https://halden.example/news/feed.xml": ("application/xml", FEED),
    SEARCHED: ("application/json", json.dumps(SEARCH)),
    f"{WIKIDATA}wiki/Special:EntityData/Q11.json": ("application/json", NAMESAKE),
    f"{WIKIDATA}wiki/Special:EntityData/Q12.json": ("application/json", OURS),
    "https://boards-api.greenhouse.io/v1/boards/haldenfreight": ("application/json", '{"name": "Halden Freight"}'),
    "https://boards-api.greenhouse.io/v1/boards/other": ("application/json", '{"name": "Other Ltd"}'),
    "https://boards-api.greenhouse.io/v1/boards/haldenfreight/jobs": ("application/json", json.dumps(JOBS)),
    "https://api.lever.co/v0/postings/halden?mode=json": ("application/json", json.dumps(POSTINGS)),
}


class RecordedWeb:
    """Answers from what was recorded, and notes what it was asked for."""

    def __init__(self, answers: Mapping[str, tuple[str, str]] = ANSWERS) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def fetch(self, address: str) -> Page:
        self.asked.append(address)
        if address not in self._answers:
            raise FetchFailed(f"{address} answered 404 instead of a page.")
        media_type, body = self._answers[address]
        return Page(address=address, body=body.encode(), media_type=media_type, charset="utf-8", fetched_at=NOW)


async def told(name: str, subject: Subject, **answers: tuple[str, str]) -> list[tuple[FactKey, str, str | None]] | None:
    found = await open_source(name).read(subject, RecordedWeb({**ANSWERS, **answers}))
    return None if found is None else [(one.key, one.value, one.as_of) for one in found.sayings]


async def test_wikidata_is_believed_where_it_names_the_companys_own_domain() -> None:
    assert await told("wikidata", Subject(entity=HALDEN)) == [
        (FactKey.DESCRIPTION, "haulage company in Kiel", None),
        (FactKey.FOUNDED, "1988", None),
        (FactKey.EMPLOYEES, "415", "2022"),
    ]
    assert await told("wikidata", Subject(entity=HALDEN.model_copy(update={"domain": "halden.test"}))) is None
    assert await told("wikidata", Subject(entity=HALDEN.model_copy(update={"domain": None}))) is None


async def test_a_feed_is_read_where_the_companys_pages_name_one_of_their_own() -> None:
    feed = "https://halden.example/news/feed.xml"

    assert await told("rss", Subject(entity=HALDEN, feeds=("https://elsewhere.example/feed", feed))) == [
        (FactKey.NEWS, "Third depot opened & staffed", "2024-03-12"),
        (FactKey.NEWS, "Night shift in Kiel – hiring", None),
    ]
    assert await told("rss", Subject(entity=HALDEN, feeds=(feed,)), **{feed: ("application/xml", ATOM)}) == [
        (FactKey.NEWS, "A new fleet", "2025-02-03")
    ]
    assert await told("rss", Subject(entity=HALDEN, feeds=("https://elsewhere.example/feed",))) is None


@pytest.mark.parametrize(
    "body", ['<!DOCTYPE x [<!ENTITY a "b">]><rss><item><title>&a;</title></item></rss>', "<html>no</html>"]
)
async def test_a_feed_that_declares_entities_or_is_none_is_not_read(body: str) -> None:
    feed = "https://halden.example/news/feed.xml"

    with pytest.raises(FetchFailed, match="no feed that can be read"):
        await told("rss", Subject(entity=HALDEN, feeds=(feed,)), **{feed: ("application/xml", body)})


@pytest.mark.parametrize(
    ("name", "links", "found"),
    [
        ("greenhouse", ("https://boards.greenhouse.io/haldenfreight",), True),
        ("greenhouse", ("https://boards.greenhouse.io/embed/job_board?for=haldenfreight",), True),
        ("greenhouse", (), False),
        ("greenhouse", ("https://boards.greenhouse.io.evil.example/haldenfreight",), False),
        ("greenhouse:haldenfreight", (), True),
        ("greenhouse:other", (), False),
        ("greenhouse:../../etc", (), False),
    ],
)
async def test_a_greenhouse_board_is_linked_by_the_company_or_bears_its_name(
    name: str, links: tuple[str, ...], found: bool
) -> None:
    jobs = await told(name, Subject(entity=HALDEN, links=links))

    assert jobs == (
        [(FactKey.JOB, "Night dispatcher", "2026-02-01"), (FactKey.JOB, "Fahrer/in – Nord", None)] if found else None
    )


@pytest.mark.parametrize(
    ("name", "links", "found"),
    [
        ("lever", ("https://jobs.lever.co/halden",), True),
        ("lever", ("https://jobs.lever.co/halden/123",), True),
        ("lever", (), False),
        ("lever:halden", (), True),
        ("lever:other", (), False),
    ],
)
async def test_a_lever_site_is_linked_by_the_company_or_bears_its_name(
    name: str, links: tuple[str, ...], found: bool
) -> None:
    jobs = await told(name, Subject(entity=HALDEN, links=links))

    assert jobs == ([(FactKey.JOB, "Fleet planner", "2026-01-01")] if found else None)


@pytest.mark.parametrize("name", sorted(SOURCES))
@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", '{"jobs": 3}', "[1, null]", '{"entities": []}', "<html>", "[" * 9_000]
)
async def test_an_answer_of_another_shape_says_nothing_or_is_refused(name: str, body: str) -> None:
    subject = Subject(
        entity=HALDEN,
        links=("https://boards.greenhouse.io/haldenfreight", "https://jobs.lever.co/halden"),
        feeds=("https://halden.example/news/feed.xml",),
    )
    answers = dict.fromkeys(ANSWERS, ("application/json", body))

    try:
        found = await open_source(name).read(subject, RecordedWeb(answers))
    except FetchFailed:
        return
    assert found is None or found.sayings == ()


# -- in a brief --------------------------------------------------------------------------------------------------


async def looked_up(web: RecordedWeb, *names: str, snapshots: MemorySnapshots) -> Draft[Brief]:
    elsewhere = [open_source(name) for name in names]
    return await research(
        Prospect(target="https://halden.example/"), web=web, snapshots=snapshots, now=lambda: NOW, elsewhere=elsewhere
    )


async def test_what_they_say_stands_in_the_brief_with_quotes_that_are_found_again() -> None:
    snapshots = MemorySnapshots()

    draft = await looked_up(RecordedWeb(), "wikidata", "rss", "greenhouse", "lever", snapshots=snapshots)

    brief = draft.document
    kinds = {source.id: source.kind for source in brief.sources}
    assert set(kinds.values()) == {"site", "register", "feed", "jobs"}
    beyond = {(fact.key.value, fact.value) for fact in brief.facts if kinds[fact.source_id] != "site"}
    assert beyond >= {("news", "Third depot opened & staffed"), ("job", "Night dispatcher"), ("job", "Fleet planner")}
    found = looked_up_brief(brief, StoredPages(snapshots)).findings
    assert {one.standing for one in found} == {"quoted"}
    founded = [fact for fact in brief.facts if fact.key is FactKey.FOUNDED]
    assert {fact.value for fact in founded} == {"1987", "1988"}
    assert all(fact.conflicts_with for fact in founded), "told side by side, and none of them chosen"
    assert dump(Brief.model_validate(dump(brief))) == dump(brief)


async def test_one_that_does_not_answer_is_named_and_the_others_still_count() -> None:
    class NoWikidata(RecordedWeb):
        async def fetch(self, address: str) -> Page:
            if address.startswith(WIKIDATA):
                raise RobotsDisallow("https://www.wikidata.org asks robots not to read it.")
            return await super().fetch(address)

    draft = await looked_up(NoWikidata(), "wikidata", "lever", snapshots=MemorySnapshots())

    assert any("wikidata was not read" in flag.message and flag.severity == "info" for flag in draft.flags)
    assert any(fact.value == "Fleet planner" for fact in draft.document.facts)


async def test_nothing_is_looked_up_elsewhere_unless_it_is_set_or_of_a_saved_page() -> None:
    web, pasted = RecordedWeb(), RecordedWeb()
    await looked_up(web, snapshots=MemorySnapshots())
    await research(
        Prospect(target="text:Halden Freight has 420 employees.", name="Halden Freight"),
        web=pasted,
        snapshots=MemorySnapshots(),
        now=lambda: NOW,
        elsewhere=[open_source("wikidata")],
    )

    assert all(address.startswith("https://halden.example/") for address in web.asked)
    assert pasted.asked == []


def test_settings_name_them_and_a_wrong_name_is_refused() -> None:
    def names(*sources: str) -> list[str]:
        return [one.name for one in build(Settings(sources=sources)).sources]

    assert names("wikidata", "rss", "greenhouse:halden", "lever") == ["wikidata", "rss", "greenhouse:halden", "lever"]
    with pytest.raises(UnknownScheme, match=r"no source 'crystal-ball'.*greenhouse, lever, rss, wikidata"):
        names("crystal-ball")
