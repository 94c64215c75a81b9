"""JSON records as sources: read leniently, and each value found again in the text that it was read from."""

from __future__ import annotations

import json
from typing import Any

from agents.errors import FetchFailed
from agents.ports import Page
from agents.research.decoding import decode


def text_of(page: Page) -> str:
    """The page's text, as it is kept and quoted."""
    return decode(page.body, page.charset)[0]


def record_in(text: str, page: Page) -> Any:
    """The JSON value of this text.

    Raises:
        FetchFailed: it is none, or was cut.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FetchFailed(f"{page.address} answered with something that is no JSON.", address=page.address) from error


def written(value: str, text: str, start: int = 0, *, key: str = "") -> tuple[int, int] | None:
    """Where this string stands as JSON in the text, from `start` on, with its key before it; None where it does not."""
    for ascii_only in (False, True):
        bare = json.dumps(value, ensure_ascii=ascii_only)
        for form in (bare, bare.replace("/", "\\/")):
            for gap in (":", ": ") if key else ("",):
                whole = f'"{key}"{gap}{form}' if key else form
                place = text.find(whole, start)
                if place >= 0:
                    return place, place + len(whole)
    return None
