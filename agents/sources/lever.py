"""Open positions from a Lever job site, which the company's own pages link to or which bears its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agents.documents import FactKey
from agents.ports import Saying, Subject, Told, Web
from agents.research.identity import similar
from agents.sources.records import record_in, text_of, written

_POSTINGS = "https://api.lever.co/v0/postings/{site}?mode=json"
_LINK = re.compile(r"^https?://jobs(?:\.eu)?\.lever\.co/([A-Za-z0-9._-]{2,60})(?:[/?#]|$)")
_SITE = re.compile(r"[A-Za-z0-9._-]{2,60}")
_MOST_JOBS = 20


class Lever:
    """A site that was set counts only for the company whose name or domain it bears."""

    def __init__(self, site: str = "") -> None:
        self._site = site if _SITE.fullmatch(site) else ""

    @property
    def name(self) -> str:
        """How it is set."""
        return f"lever:{self._site}" if self._site else "lever"

    async def read(self, subject: Subject, web: Web) -> Told | None:
        """The positions of this company's site; None where it has none that is certainly its own.

        Raises:
            FetchError: Lever does not answer, or knows no such site.
        """
        linked = next((match[1] for link in subject.links if (match := _LINK.match(link))), "")
        site = linked or (self._site if self._bears(subject) else "")
        if not site:
            return None
        page = await web.fetch(_POSTINGS.format(site=site))
        text = text_of(page)
        record = record_in(text, page)
        sayings = tuple(_positions(record if isinstance(record, list) else [], text))
        return Told(page=page, text=text, title=f"Lever: {site}", kind="jobs", sayings=sayings)

    def _bears(self, subject: Subject) -> bool:
        label = (subject.entity.domain or "").partition(".")[0]
        bare = self._site.lower().replace("-", "")
        return bool(bare) and (bare == label.replace("-", "") or similar(self._site, subject.entity.name))


def _positions(postings: list[Any], text: str) -> Iterator[Saying]:
    for posting in [one for one in postings if isinstance(one, dict)][:_MOST_JOBS]:
        title, created = posting.get("text"), posting.get("createdAt")
        if not isinstance(title, str) or not title.strip():
            continue
        place = written(title, text, key="text")
        if place:
            day = None
            if isinstance(created, int) and 0 < created < 10**14:
                day = datetime.fromtimestamp(created / 1000, UTC).date().isoformat()
            yield Saying(
                key=FactKey.JOB,
                value=" ".join(title.split()),
                start=place[0],
                end=place[1],
                confidence=0.9,
                as_of=day,
            )
