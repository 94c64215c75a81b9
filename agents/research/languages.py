"""Which language a page is written in: what it declares, unless its words say otherwise."""

from __future__ import annotations

import re
from collections import Counter

from agents.research.pages import ReadPage

_COMMON = {
    "en": frozenset(
        ["the", "and", "of", "to", "in", "for", "with", "we", "our", "is", "are", "that", "from", "your", "by"]
    ),
    "de": frozenset(
        [
            "der",
            "die",
            "das",
            "und",
            "für",
            "mit",
            "wir",
            "von",
            "ist",
            "im",
            "den",
            "auf",
            "sind",
            "unsere",
            "zu",
            "ein",
            "eine",
        ]
    ),
    "fr": frozenset(
        [
            "le",
            "la",
            "les",
            "et",
            "des",
            "pour",
            "nous",
            "dans",
            "une",
            "est",
            "notre",
            "vos",
            "sur",
            "avec",
            "du",
            "au",
        ]
    ),
    "es": frozenset(
        [
            "el",
            "los",
            "las",
            "y",
            "de",
            "para",
            "con",
            "una",
            "en",
            "nuestro",
            "nuestra",
            "que",
            "por",
            "del",
            "somos",
            "su",
        ]
    ),
}


READ_LANGUAGES = frozenset(_COMMON)


def language_of(page: ReadPage) -> str | None:
    """ISO 639-1 code; None where neither the page nor its words tell."""
    words = Counter(re.findall(r"[a-zäöüßéèàáíóúñç]+", page.text[:20_000].lower()))
    scores = {language: sum(words[word] for word in common) for language, common in _COMMON.items()}
    best = max(scores, key=lambda language: scores[language])
    if scores[best] >= 5 and scores[best] > 2 * scores.get(page.language or "", 0):
        return best
    return page.language or (best if scores[best] >= 2 else None)
