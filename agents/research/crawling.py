"""Reads a company's site: its first page, then the few pages that tell who they are."""

from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin, urlsplit

from agents.documents import Flag
from agents.errors import FetchError
from agents.ports import Page, Web
from agents.research.contacts import host_of
from agents.research.extraction import read_page
from agents.research.identity import registrable

MAX_PAGES = 8
# Most telling first; one page for each.
_PROMISING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            r"about|company|who-we-are|our-story|ueber|%c3%bcber|über|unternehmen|firma\b|a-propos"
            r"|qui-sommes|entreprise|nosotros|quienes|empresa|sobre"
        ),
        r"impressum|imprint|legal-notice|mentions|aviso-legal|legal\b",
        r"contact|kontakt|contacto",
        r"product|produkt|produit|producto|solution|loesung|lösung",
        r"service|leistung|prestation|servicio|what-we-do",
        r"career|job|karriere|stellen|recrut|empleo|vacanc",
        r"news|press|aktuell|presse|actualit|noticias|blog",
        r"customer|client|reference|referenz|kunden|case|partner|certif|zertif|quality|qualit",
    )
)
_SKIPPED = re.compile(
    r"\.(?:pdf|jpe?g|png|gif|svg|zip|docx?|xlsx?|mp4|css|js|ics|xml|rss)$|/(?:login|cart|basket"
    r"|account|wp-admin|feed)\b|privacy|datenschutz|cookie|terms|agb\b",
    re.IGNORECASE,
)


async def crawl(address: str, web: Web) -> tuple[list[Page], list[Flag]]:
    """The pages of one site, at most eight, and flags for those that could not be had.

    Raises:
        FetchError: the first page could not be fetched.
    """
    first = await web.fetch(address)
    pages, flags = [first], []
    seen = {_bare(first.address), _bare(address)}
    for link in promising(first):
        if len(pages) >= MAX_PAGES:
            break
        if _bare(link) in seen:
            continue
        seen.add(_bare(link))
        try:
            page = await web.fetch(link)
        except FetchError as error:
            flags.append(Flag(code="page_not_read", message=f"{link} was not read: {error}", severity="info"))
            continue
        if registrable(host_of(page.address)) != registrable(host_of(first.address)) or any(
            page.body == other.body for other in pages
        ):
            continue
        seen.add(_bare(page.address))
        pages.append(page)
    return pages, flags


def promising(page: Page) -> list[str]:
    """Links of a page to others of the same host that are worth a fetch, most telling first."""
    if "html" not in page.media_type:
        return []
    read, _ = read_page(page)
    home = host_of(page.address)
    found: list[tuple[int, int, str]] = []
    for order, link in enumerate(read.links):
        try:
            target = urldefrag(urljoin(page.address, link.href))[0]
            parts = urlsplit(target)
        except ValueError:
            continue
        if (
            parts.scheme not in ("http", "https")
            or host_of(target) != home
            or parts.query
            or _SKIPPED.search(parts.path)
        ):
            continue
        if page.address.startswith("https:") and parts.scheme == "http":
            target = "https" + target[4:]
        for rank, pattern in enumerate(_PROMISING):
            if pattern.search(parts.path) or pattern.search(link.text[:40]):
                # Of two pages on one topic the shallower says more about the company as a whole.
                found.append((rank, parts.path.strip("/").count("/") * 1_000 + order, target))
                break
    chosen: list[str] = []
    later: list[str] = []
    ranks: set[int] = set()
    for rank, _, target in sorted(found):
        (later if rank in ranks else chosen).append(target)
        ranks.add(rank)
    return list(dict.fromkeys(chosen + later))


def _bare(address: str) -> str:
    parts = urlsplit(address)
    return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/') or '/'}"
