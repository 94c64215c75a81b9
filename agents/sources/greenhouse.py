"""Open positions from a Greenhouse job board, which the company's own pages link to or which bears its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from agents.documents import FactKey
from agents.ports import Saying, Subject, Told, Web
from agents.research.identity import similar
from agents.sources.records import record_in, text_of, written

_BOARD = "https://boards-api.greenhouse.io/v1/boards/{token}"
_LINK = re.compile(
    r"^https?://(?:boards|job-boards)(?:\.eu)?\.greenhouse\.io/(?:embed/job_board(?:/js)?\?for=)?([A-Za-z0-9_-]{2,60})\b"
)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{2,60}")
_MOST_JOBS = 20


class Greenhouse:
    """A token that was set counts only for the company whose name its board bears."""

    def __init__(self, token: str = "") -> None:
        self._token = token if _TOKEN.fullmatch(token) else ""

    @property
    def name(self) -> str:
        """How it is set."""
        return f"greenhouse:{self._token}" if self._token else "greenhouse"

    async def read(self, subject: Subject, web: Web) -> Told | None:
        """The positions of this company's board; None where it has none that is certainly its own.

        Raises:
            FetchError: Greenhouse does not answer, or knows no such board.
        """
        linked = next((match[1] for link in subject.links if (match := _LINK.match(link))), "")
        token = linked if linked and linked != "embed" else self._token
        if not token:
            return None
        if token != linked and not await self._theirs(token, subject, web):
            return None
        page = await web.fetch(f"{_BOARD.format(token=token)}/jobs")
        text = text_of(page)
        record = record_in(text, page)
        jobs = record.get("jobs") if isinstance(record, dict) else None
        sayings = tuple(_positions(jobs if isinstance(jobs, list) else [], text))
        return Told(page=page, text=text, title=f"Greenhouse: {token}", kind="jobs", sayings=sayings)

    async def _theirs(self, token: str, subject: Subject, web: Web) -> bool:
        page = await web.fetch(_BOARD.format(token=token))
        record = record_in(text_of(page), page)
        name = record.get("name") if isinstance(record, dict) else None
        return isinstance(name, str) and similar(name, subject.entity.name)


def _positions(jobs: list[Any], text: str) -> Iterator[Saying]:
    for job in [one for one in jobs if isinstance(one, dict)][:_MOST_JOBS]:
        title, changed = job.get("title"), job.get("updated_at")
        if not isinstance(title, str) or not title.strip():
            continue
        place = written(title, text, key="title")
        if place:
            day = re.match(r"\d{4}-\d{2}-\d{2}", changed) if isinstance(changed, str) else None
            yield Saying(
                key=FactKey.JOB,
                value=" ".join(title.split()),
                start=place[0],
                end=place[1],
                confidence=0.9,
                as_of=day[0] if day else None,
            )
