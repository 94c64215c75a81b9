"""News from the feed that the company's own pages name: RSS or Atom, each item with its date."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from agents.documents import FactKey
from agents.errors import FetchFailed
from agents.ports import Saying, Subject, Told, Web
from agents.research.contacts import host_of
from agents.research.identity import registrable
from agents.sources.records import text_of

_MOST_ITEMS = 10
_LONGEST_ITEM = 20_000
# Patterns, not a parser: offsets are needed, and no entity is ever expanded.
_ITEM = re.compile(r"<(item|entry)\b[^>]*>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^>]*>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</title>", re.DOTALL | re.IGNORECASE)
_DATE = re.compile(r"<(pubDate|published|updated|dc:date)\b[^>]*>\s*(.*?)\s*</\1>", re.DOTALL | re.IGNORECASE)


class Rss:
    """Reads the first feed on the company's own domain."""

    name = "rss"

    async def read(self, subject: Subject, web: Web) -> Told | None:
        """The news of that feed; None where the company's pages name none of their own.

        Raises:
            FetchError: the feed does not answer, or is none.
        """
        domain = subject.entity.domain or ""
        own = [feed for feed in subject.feeds if domain and registrable(host_of(feed)) == registrable(domain)]
        if not own:
            return None
        page = await web.fetch(own[0])
        text = text_of(page)
        if re.search(r"<!(?:DOCTYPE|ENTITY)\b", text[:10_000], re.IGNORECASE) or not _ITEM.search(text):
            raise FetchFailed(f"{page.address} is no feed that can be read.", address=page.address)
        if registrable(host_of(page.address)) != registrable(domain):
            return None  # it redirects to somebody else's
        heading = _TITLE.search(text)
        title = _plain(heading[1]) if heading else "Feed"
        return Told(page=page, text=text, title=title, kind="feed", sayings=tuple(_news(text)))


def _news(text: str) -> Iterator[Saying]:
    for number, item in enumerate(_ITEM.finditer(text)):
        if number >= _MOST_ITEMS:
            return
        if len(item[2]) > _LONGEST_ITEM:
            continue
        title, date = _TITLE.search(item[2]), _DATE.search(item[2])
        if title is None or not (words := _plain(title[1])):
            continue
        start = item.start(2) + title.start(1)
        yield Saying(
            key=FactKey.NEWS,
            value=words,
            start=start,
            end=item.start(2) + title.end(1),
            confidence=0.85,
            as_of=_day(date[2]) if date else None,
        )


def _plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.unescape(text)).split())


def _day(written: str) -> str | None:
    if iso := re.match(r"\d{4}-\d{2}-\d{2}", written):
        return iso[0]
    try:
        return parsedate_to_datetime(written).date().isoformat()
    except (ValueError, TypeError):
        return None
