"""The research step: from a prospect to a brief in which every fact has its exact quote.

Extractive and deterministic: nothing is written that does not stand on a page, and the same pages give the same brief.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.documents import Brief, Draft, EntityRef, Flag, Prospect, Source
from agents.ports import Clock, Elsewhere, Page, Snapshots, Web
from agents.profile import Profile
from agents.research.beyond import looked_up_elsewhere, subject_of
from agents.research.briefing import Sourced, brief
from agents.research.contacts import host_of
from agents.research.countries import country_of
from agents.research.crawling import crawl
from agents.research.extraction import extract, first_look, legal_name, read_page
from agents.research.identity import Reading, judge, resolve
from agents.research.languages import READ_LANGUAGES, language_of
from agents.research.stored import StoredPages, part_of
from agents.research.targets import is_home, read_saved, web_address
from agents.scoring import scored

__all__ = ["StoredPages", "part_of", "research"]


async def research(
    prospect: Prospect,
    *,
    web: Web,
    snapshots: Snapshots,
    now: Clock,
    profile: Profile | None = None,
    elsewhere: Sequence[Elsewhere] = (),
) -> Draft[Brief]:
    """A brief on the company, from its site, saved pages or pasted text, and from sources elsewhere.

    Where there is a profile of the ideal customer it is scored. Only a company that is reached by a web address is
    looked up elsewhere: whose page a saved one is, nobody can be asked.

    Raises:
        TargetError: the target is missing, empty, too large or no page.
        FetchError: the site's first page could not be fetched.
    """
    address = web_address(prospect.target)
    if address is not None:
        pages, flags = await crawl(address, web)
    else:
        saved = read_saved(prospect.target, now)
        pages, flags = saved.pages, saved.flags
    pages = sorted(pages, key=lambda page: not is_home(page.address))  # what a company says first of itself
    draft = await _draft(
        prospect, pages, list(flags), snapshots, web=web, elsewhere=elsewhere if address is not None else None
    )
    return draft if profile is None else _with_score(draft, profile)


async def _draft(
    prospect: Prospect,
    pages: list[Page],
    flags: list[Flag],
    snapshots: Snapshots,
    *,
    web: Web,
    elsewhere: Sequence[Elsewhere] | None,
) -> Draft[Brief]:
    from_web = elsewhere is not None
    sources: list[Source] = []
    readings: list[Reading] = []
    for number, page in enumerate(pages, start=1):
        read, charset = read_page(page)
        origin = host_of(page.address) if from_web else host_of(prospect.source_url or "")
        reading, seen = first_look(read, origin, _called(page, number))
        flags.extend(seen)
        readings.append(reading)
        language = language_of(read)
        if language is not None and language not in READ_LANGUAGES:
            flags.append(_unread_language(_called(page, number), language))
        kind = "site" if from_web else "text" if page.address.startswith("text:") else "file"
        sources.append(
            Source(
                id=f"s{number}", address=page.address, kind=kind, title=read.title, fetched_at=page.fetched_at,
                sha256=snapshots.put(page.body), text_sha256=snapshots.put(read.text.encode("utf-8")),
                media_type=f"{page.media_type}; charset={charset}", language=language,
                hidden_characters=read.hidden_characters, truncated=read.truncated,
            )
        )  # fmt: skip
    entity = resolve(prospect, readings, host_of(pages[0].address) if from_web else "")
    found: list[Sourced] = []
    for number, reading in enumerate(readings):
        judge(reading, entity, prospect, from_web=from_web, alone=len(readings) == 1)
        sources[number] = sources[number].model_copy(update={"subject_match": reading.match})
        if reading.match == "match":
            found.extend(
                Sourced(c, sources[number], reading.page, len(found) + n)
                for n, c in enumerate(extract(reading, entity))
            )
        else:
            flags.append(_aside(reading, _called(pages[number], number + 1), entity))
    if elsewhere:
        more, missed = await looked_up_elsewhere(
            subject_of(entity, readings), elsewhere, web, snapshots, found, sources
        )
        found.extend(more)
        flags.extend(missed)
    candidates = [one.candidate for one in found]
    seen_text = "\n".join(reading.page.text[:50_000] for reading in readings if reading.match == "match")
    country = country_of(candidates, entity.domain, seen_text)
    entity = entity.model_copy(update={"legal_name": legal_name(candidates, entity), "country": country})
    document, contradictions = brief(entity, tuple(sources), found)
    flags.extend(contradictions)
    if not document.facts:
        flags.append(
            Flag(
                code="nothing_found",
                message=f"Nothing was found about {entity.name}: no page gave a fact that could be quoted.",
            )
        )
    return Draft[Brief](
        document=document,
        title=f"Brief: {entity.name}",
        summary=_summary(document),
        sources=document.sources,
        facts=document.facts,
        flags=_distinct(flags),
    )


def _with_score(draft: Draft[Brief], profile: Profile) -> Draft[Brief]:
    document = scored(draft.document, profile)
    got, most = document.points
    told = ", ".join(f"{one.points:+} {one.says}" for one in document.score if one.points)
    summary = f"Lead score {got} of {most}{f' ({told})' if told else ''}. {draft.summary}"
    return draft.model_copy(update={"document": document, "summary": summary})


def _called(page: Page, number: int) -> str:
    """How a page is named in a flag."""
    if page.address.startswith("text:"):
        return "The pasted text"
    if page.address.startswith("file:"):
        return f"The page {page.address.rsplit('/', 1)[-1]!r} (s{number})"
    return f"{page.address} (s{number})"


def _unread_language(where: str, language: str) -> Flag:
    return Flag(
        code="language_not_read",
        message=f"{where} is in {language!r}; sentences are read well in English, German, French and Spanish only, "
        "so mostly its structured data, labels and contacts count.",
        severity="info",
    )


def _aside(reading: Reading, where: str, entity: EntityRef) -> Flag:
    if reading.match == "other":
        return Flag(code="other_company", message=f"{where} was left out: {reading.why}.", severity="high")
    return Flag(
        code="unknown_subject",
        message=f"{where} was left out: {reading.why or f'it is not clear that it is about {entity.name}'}.",
    )


def _summary(document: Brief) -> str:
    if not document.facts:
        return "Nothing found."
    pages = len({fact.source_id for fact in document.facts})
    text = f"{len(document.facts)} facts from {pages} page{'s' if pages > 1 else ''}, each with its quote."
    if document.not_found:
        text += " Not found: " + ", ".join(key.value.replace("_", " ") for key in document.not_found) + "."
    return text


def _distinct(flags: list[Flag]) -> tuple[Flag, ...]:
    return tuple({(flag.code, flag.message): flag for flag in flags}.values())
