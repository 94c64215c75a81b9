"""What is known of pages that were read before, so that a site need not send again what has not changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import Field, ValidationError

from agents.ports import Page, Snapshots
from agents.values import Value

_LONGEST = 1_000


class Visit(Value):
    """One answer of a site: what it called this state of the page, and where its bytes are kept."""

    address: str
    etag: str = Field(default="", max_length=_LONGEST)
    last_modified: str = Field(default="", max_length=_LONGEST)
    sha256: str
    media_type: str
    charset: str | None = None


class Visits:
    """Notes in a folder, one for each address; their bytes lie with the snapshots. What is lost is fetched anew."""

    def __init__(self, folder: Path, snapshots: Snapshots) -> None:
        self._folder = folder
        self._snapshots = snapshots

    def conditions(self, address: str) -> dict[str, str]:
        """Headers that ask for the page only if it has changed; none where it is not known, or its bytes are lost."""
        visit = self._read(address)
        if visit is None or self._snapshots.get(visit.sha256) is None:
            return {}
        headers = {"If-None-Match": visit.etag, "If-Modified-Since": visit.last_modified}
        return {name: value for name, value in headers.items() if value}

    def unchanged(self, address: str, page: Page) -> Page | None:
        """The page as it was read last, with the time of this answer; None where it is lost meanwhile."""
        visit = self._read(address)
        body = self._snapshots.get(visit.sha256) if visit else None
        if visit is None or body is None:
            return None
        return page.model_copy(update={"body": body, "media_type": visit.media_type, "charset": visit.charset})

    def note(self, page: Page, *, etag: str, last_modified: str) -> None:
        """Keep a whole page that the site has a name for; one that it has none for is not noted."""
        validators = [value for value in (etag, last_modified) if value]
        odd = any(len(value) > _LONGEST or not value.isprintable() or not value.isascii() for value in validators)
        if page.truncated or not validators or odd:
            return
        visit = Visit(
            address=page.address,
            etag=etag,
            last_modified=last_modified,
            sha256=self._snapshots.put(page.body),
            media_type=page.media_type,
            charset=page.charset,
        )
        path = self._path(page.address)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(visit.model_dump_json())
        Path(name).replace(path)  # whole or not at all

    def _read(self, address: str) -> Visit | None:
        try:
            visit = Visit.model_validate_json(self._path(address).read_bytes())
        except (OSError, ValidationError):
            return None
        return visit if visit.address == address else None

    def _path(self, address: str) -> Path:
        digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / digest[:2] / f"{digest}.json"
