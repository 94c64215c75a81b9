"""A note's words as HubSpot keeps them, which is HTML, and back again to the same words."""

from __future__ import annotations

import html
import re

from agents.errors import CrmError

LONGEST = 65_536
"""Characters that HubSpot takes in a note, markup included."""

# A paragraph that somebody added in HubSpot's editor ends a line, unless it is the last.
_BREAKS = re.compile(r"<br\s*/?>|</(?:p|div|li)>", re.IGNORECASE)
_LAST = re.compile(r"(?:</(?:p|div|li|ul|ol)>\s*)+$", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")


def to_html(words: str) -> str:
    """The words as HTML.

    Raises:
        CrmError: they are longer than HubSpot takes.
    """
    body = html.escape(words, quote=False).replace("\r", "&#13;").replace("\n", "<br>")
    if len(body) > LONGEST:
        raise CrmError(
            f"The note has {len(body):,} characters as HTML, and HubSpot takes {LONGEST:,}. Shorten it, or split it."
        )
    return body


def to_words(body: str) -> str:
    """The words of a note's HTML; ours come back letter by letter."""
    text = _BREAKS.sub("\n", _LAST.sub("", body.replace("\n", "")))
    return html.unescape(_TAGS.sub("", text))
