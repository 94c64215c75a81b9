"""What reviewers ask of the next draft, as far as rules can tell: shorter, mention this, drop that, in German."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from agents.catalogue import Catalogue, Offer

WishKind = Literal[
    "shorter",
    "formal",
    "informal",
    "language",
    "mention",
    "add_offer",
    "drop_offer",
    "drop_discount",
    "remove",
    "quantity",
    "unclear",
]


class Wish(NamedTuple):
    """One thing a reviewer asked for, with the words it was asked in."""

    kind: WishKind
    words: str
    value: str = ""
    number: int = 0


def _any(*words: str) -> str:
    return f"(?:{'|'.join(words)})"


_TO_DROP = _any(
    "drop", "remove", "delete", "cut", "omit", "leave out", "take out", "skip", "strike",
    r"streich\w*(?:\s+sie)?", r"entfern\w*(?:\s+sie)?", r"lass\w*(?:\s+sie)?",
)  # fmt: skip
_TO_MENTION = _any(
    "mention", "add", "include", "bring up", "refer to", "state", "say", "talk about", "point out", "highlight",
    "offer", "propose", r"erwähn\w*(?:\s+sie)?", r"nenn\w*(?:\s+sie)?", r"ergänz\w*(?:\s+sie)?", r"biet\w*(?:\s+sie)?",
)  # fmt: skip
_STARTING = _any(
    _TO_DROP, _TO_MENTION, "shorten", "shorter", "make", "write", "set", "use", "quantity", "more formal", "in german",
    "in english", "auf deutsch", "auf englisch", "kürzer", "menge", "förmlich",
)  # fmt: skip
_STARTS = rf"(?:please\s+|bitte\s+)?{_STARTING}"
_CLAUSES = re.compile(
    rf"[.;!\n]+(?=\s|$)|,?\s+(?:and|und|then|dann|but|aber)\s+(?={_STARTS}\b)|,\s+(?={_STARTS}\b)", re.IGNORECASE
)
_POLITENESS = _any(
    "please", "kindly", "bitte", "could you", "can you", "would you", "i would like you to", "i'd like you to",
    "you should", "we should", "also", "and", "können sie", "könnten sie", "noch", "auch", "und", "but", "aber", "then",
    "dann", "the draft should", "it should", "make sure (?:to|you)",
)  # fmt: skip
_POLITE = re.compile(rf"^(?:{_POLITENESS}\b[\s,]*)+", re.IGNORECASE)
_TEXT = r"(?:it|this|that|the (?:draft|text|proposal))"
_SHORTER = re.compile(
    rf"^(?:(?:make|keep|write)\s+{_TEXT}\s+)?(?:(?:much|a bit|a little|etwas|viel|be)\s+)*"
    + _any(
        "shorter",
        "more concise",
        "briefer",
        rf"shorten(?:\s+{_TEXT})?",
        "(?:(?:it'?s|this is|that is) )?too long",
        "kürzer(?: fassen)?",
        "kürzen",
        "knapper",
        "(?:(?:das|es) ist )?zu lang",
    )
    + "$",
    re.IGNORECASE,
)
_LANGUAGE = {
    "de": re.compile(
        r"\b(?:in german|auf deutsch|into german|german (?:please|version)|ins deutsche|deutsche fassung)\b",
        re.IGNORECASE,
    ),
    "en": re.compile(
        r"\b(?:in english|auf englisch|into english|english (?:please|version)|ins englische|englische fassung)\b",
        re.IGNORECASE,
    ),
}
# "Do not write in German", "the German version was better": whoever follows these does the opposite.
_NEGATED = re.compile(
    r"\b(?:not|never|don['’]?t|nicht|kein\w*|instead of|statt|version (?:was|is)|fassung war)\b", re.IGNORECASE
)
_INFORMAL = re.compile(
    r"\b(?:informal|less formal|not (?:so|as) formal|weniger (?:formell|förmlich)|lockerer)\b", re.IGNORECASE
)
_FORMAL = re.compile(r"\b(?:formal|formally|formell\w*|förmlich\w*)\b", re.IGNORECASE)
_DISCOUNT = re.compile(
    rf"^(?:{_TO_DROP}|no|without|kein\w*|ohne)\s+(?:(?:the|any|den|alle)\s+)*(?:discounts?|rabatte?)$"
    r"|^(?:den\s+)?rabatt\s+(?:streichen|entfernen|weglassen)$",
    re.IGNORECASE,
)
_DROP = re.compile(
    rf"^{_TO_DROP}\s+(?P<what>.+?)(?:\s+(?:weg|aus))?$"
    r"|^(?P<before>.+?)\s+(?:streichen|entfernen|weglassen|löschen)$|^(?:without|ohne)\s+(?P<without>.+)$",
    re.IGNORECASE,
)
_MENTION = re.compile(
    rf"^{_TO_MENTION}\s+(?P<what>.+?)(?:\s+an)?$|^(?P<before>.+?)\s+(?:erwähnen|nennen|ergänzen|aufnehmen|anbieten)$",
    re.IGNORECASE,
)
_NUMBER = r"\d[\d.,' ]*"
_QUANTITY = re.compile(
    rf"\b(?:quantity|menge|anzahl)\s+(?:(?:of|to|auf|von)\s+)?(?P<n1>{_NUMBER})\s*(?:of|for|für|von)?\s*(?P<o1>.*)$"
    r"|^(?:(?:set|change|setz\w*)\s+)?(?:(?:the|die)\s+)?(?:quantity|menge|anzahl)\s+(?:of|for|für|von)\s+(?P<o2>.+?)"
    rf"\s+(?:to|auf|=|is)\s+(?P<n2>{_NUMBER})$"
    rf"|^(?P<n3>{_NUMBER})\s*(?:x|×|mal|times|stück|units? of|pieces? of)\s+(?P<o3>.+)$"
    rf"|^(?:set|change|setze?)\s+(?P<o4>.+?)\s+(?:to|auf)\s+(?P<n4>{_NUMBER})$",
    re.IGNORECASE,
)
_ARTICLES = _any(
    "that", "the fact that", "the", "their", "its", "his", "her", "your", "our", "an?", "dass", "der", "die", "das",
    "den", "dem", "ihre?n?", "sie", "(?:section|sentence|part)(?: on| about)?", "(?:abschnitt|satz)(?: zu| über)?",
)  # fmt: skip
_LEADING = re.compile(rf"^(?:{_ARTICLES}\s+)+", re.IGNORECASE)
_TRAILING = re.compile(r"\s+(?:section|sentence|paragraph|abschnitt|offer|angebot)$", re.IGNORECASE)
_QUOTES = "\"'“”„«»‘’ "


def read_wishes(feedback: tuple[str, ...], catalogue: Catalogue) -> tuple[Wish, ...]:
    """Every wish in the reviewers' words, oldest first; `unclear` where no rule knows what is meant."""
    return tuple(wish for words in feedback for clause in _clauses(words) for wish in _wishes(clause, catalogue))


def offer_named(text: str, catalogue: Catalogue) -> Offer | None:
    """The offer these words name, by its name or id."""
    wanted = _flat(text)
    for offer in catalogue.offers:
        if wanted in (_flat(offer.name), offer.id, _flat(offer.id)):
            return offer
    return None


def _clauses(words: str) -> Iterator[str]:
    for clause in _CLAUSES.split(words):
        clean = (clause or "").strip(" \t\r.,;!")
        if clean:
            yield clean


def _wishes(clause: str, catalogue: Catalogue) -> Iterator[Wish]:
    bare = _POLITE.sub("", clause).strip(" ,")
    bare = re.sub(r"[\s,]+(?:please|bitte|too|auch)$", "", bare, flags=re.IGNORECASE)
    found = list(_several(bare, clause, catalogue))
    yield from found or [Wish("unclear", clause)]


def _several(bare: str, clause: str, catalogue: Catalogue) -> Iterator[Wish]:
    quantity = _quantity(bare, clause, catalogue)
    if quantity:
        yield quantity
        return
    if _DISCOUNT.search(bare):
        yield Wish("drop_discount", clause)
        return
    dropped, mentioned = _DROP.match(bare), _MENTION.match(bare)
    if dropped:
        yield from _dropped(_first(dropped), clause, catalogue)
        return
    if mentioned:
        yield from _mentioned(_first(mentioned), clause, catalogue)
        return
    if _SHORTER.search(bare):
        yield Wish("shorter", clause)
    for language, pattern in _LANGUAGE.items():
        if pattern.search(bare) and not _NEGATED.search(bare):
            yield Wish("language", clause, language)
    if _INFORMAL.search(bare):
        yield Wish("informal", clause)
    elif _FORMAL.search(bare):
        yield Wish("formal", clause)


def _quantity(bare: str, clause: str, catalogue: Catalogue) -> Wish | None:
    match = _QUANTITY.search(bare)
    if match is None:
        return None
    written = next(match[name] for name in ("n1", "n2", "n3", "n4") if match[name])
    named = next((match[name] for name in ("o1", "o2", "o3", "o4") if match[name]), "") or ""
    named = re.sub(r"^(?:of|for|für|von|the|die|das)\s+", "", named.strip(_QUOTES), flags=re.IGNORECASE)
    offer = offer_named(named, catalogue) if named else None
    if named and offer is None:
        return None
    number = int(re.sub(r"\D", "", written) or 0)
    return Wish("quantity", clause, offer.id if offer else "", number)


def _dropped(what: str, clause: str, catalogue: Catalogue) -> Iterator[Wish]:
    for part in _parts(what, catalogue):
        offer = offer_named(part, catalogue)
        yield Wish("drop_offer", clause, offer.id) if offer else Wish("remove", clause, part)


def _mentioned(what: str, clause: str, catalogue: Catalogue) -> Iterator[Wish]:
    for part in _parts(what, catalogue):
        offer = offer_named(part, catalogue)
        yield Wish("add_offer", clause, offer.id) if offer else Wish("mention", clause, part)


def _parts(what: str, catalogue: Catalogue) -> Iterator[str]:
    """The things named: one phrase, or offers joined by `and`."""
    whole = _thing(what)
    pieces = [_thing(piece) for piece in re.split(r",\s*|\s+(?:and|und)\s+", whole)]
    if len(pieces) > 1 and any(offer_named(piece, catalogue) for piece in pieces):
        yield from (piece for piece in pieces if piece)
    else:
        yield whole


def _thing(words: str) -> str:
    bare = words.strip(_QUOTES + ".,")
    return _TRAILING.sub("", _LEADING.sub("", bare)).strip(_QUOTES)


def _first(match: re.Match[str]) -> str:
    return next((group for group in match.groupdict().values() if group), "")


def _flat(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
