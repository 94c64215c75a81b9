"""Names in a sentence: of companies, people, places and products. German nouns are capitalised, and are no names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

_WORD = r"[^\W\d_][\w’'&.-]{0,60}[^\W_]|[^\W\d_]|\d+[^\W\d_]\w*"
_TOKEN = re.compile(_WORD)
_JOINERS = {"&", "of", "and", "und", "von", "van", "de"}
_GERMAN = re.compile(
    r"\b(?:und|der|die|das|mit|für|wir|sie|ist|sind|nicht|eine?[rmns]?|im|auf|zu|zum|zur|von|den|dem|des|ihre?[rmns]?"
    r"|unsere?[rmns]?|bei|seit|wird|werden|aus|haben|hat|bereits|nach|noch|auch|je|bis|ab|dass|damit|wenn|kostet|als)\b"
    r"|[äöüß]",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"\b(?:and|the|with|for|we|you|is|are|not|a|of|to|your|our|from|by|has|have|at|on|that|it|this|be|as)\b",
    re.IGNORECASE,
)
_ROMANCE = re.compile(
    r"\b(?:le|la|les|des|du|une?|vous|votre|vos|nous|notre|nos|et|est|sont|dans|sur|pour|par|avec|depuis|comme|qui|que|à|au"
    r"|el|los|las|una|su|sus|y|en|con|para|por|desde|como|nuestr[oa]s?|usted(?:es)?|ya|del|al|se|un)\b|[çñ¿êèû]",
    re.IGNORECASE,
)
_LISTED = re.compile(rf"(?<!\w)({_WORD})(?:,\s|\s(?:und|oder|sowie|and|or)\s)(?=({_WORD}))")
_ENDS_SENTENCE = re.compile(r"(?:^|[.!?:;]\s+|\n\s*|[–—]\s+)[\s\"“„»«'(\[*•¿¡-]*$")
_LONGEST_NAME = 12
_SIDE_BY_SIDE = 3
_TITLES = {
    "herr",
    "frau",
    "herrn",
    "mr",
    "mrs",
    "ms",
    "dr",
    "madame",
    "monsieur",
    "mme",
    "señor",
    "señora",
    "sra",
    "sr",
}
_AT_SOMEBODYS = re.compile(r"\s+(?:bereits |schon )?(?:im Einsatz|in Betrieb|eingeführt)\b", re.IGNORECASE)


_TITLE = re.compile(r"\b(?:Herrn?|Frau|Mr|Mrs|Ms|Dr|Mme|Madame|Monsieur|[Ss]eñora?|Sra?|[Dd]on|[Dd]oña)\.?\s$")


class _Words(NamedTuple):
    functions: frozenset[str]
    ordinary: frozenset[str]
    relations: re.Pattern[str]
    deeds: re.Pattern[str]
    places: dict[str, frozenset[str]]


@cache
def _words() -> _Words:
    content = resources.files("agents.grounding").joinpath("words.toml").read_text("utf-8")
    data = tomllib.loads(content)
    places = {name.casefold(): frozenset(one.casefold() for one in names) for names in data["places"] for name in names}
    return _Words(
        frozenset(data["functions"]),
        frozenset(data["ordinary"]),
        re.compile(rf"\b(?:{'|'.join(data['relations'])})\s*$", re.IGNORECASE),
        re.compile(rf"\s+(?:{'|'.join(data['deeds'])})\b", re.IGNORECASE),
        places,
    )


def is_german(text: str, otherwise: str) -> bool:
    """Whether the sentence is German, by its small words; the document's language decides where they do not."""
    german = len(_GERMAN.findall(text))
    others = max(len(_ENGLISH.findall(text)), len(_ROMANCE.findall(text)))
    return otherwise == "de" if german == others else german > others


class Known:
    """Names that may be used, from everything a claim rests on."""

    def __init__(self, texts: tuple[str, ...], names: tuple[str, ...]) -> None:
        self._text = " ".join(f" {_flat(text)} |" for text in (*texts, *names))
        self._names = tuple(flat for name in names if (flat := _flat(name)))

    def holds(self, phrase: str) -> bool:
        """Whether these words stand there, one after the other; places count in either language."""
        flat = _flat(phrase)
        if not flat:
            return True
        forms = {flat, *_words().places.get(flat, ())}
        if flat.endswith("s") and " " not in flat:
            forms.add(flat.removesuffix("s"))
        return any(f" {form} " in self._text or f" {form}s " in self._text for form in forms)

    def covers(self, words: list[str]) -> bool:
        """Whether the words are such a phrase, or several known names side by side."""
        if self.holds(" ".join(words)):
            return True
        if len(words) > _LONGEST_NAME:
            return False
        for cut in range(1, len(words)):
            head, tail = words[:cut], words[cut:]
            if self._whole(head) and (self._whole(tail) or self.covers(tail)):
                return True
        return False

    def is_name(self, word: str) -> bool:
        """Whether this word is a whole name by itself, or a place."""
        flat = _flat(word)
        return flat in self._names or flat in _words().places

    def _whole(self, words: list[str]) -> bool:
        phrase = " ".join(words)
        if _flat(phrase) in self._names or _flat(phrase) in _words().ordinary:
            return True
        return len(words) > 1 and self.holds(phrase)


def unknown_names(text: str, known: Known, *, german: bool) -> tuple[str, ...]:
    """Names in this sentence that what it rests on does not hold."""
    missing = [" ".join(run) for run in _runs(text, german=german) if not _passes(run, known, german=german)]
    missing += [word for word in _single(text, german=german) if not known.holds(word)]
    missing += [word for word in _beside_names(text, known) if not known.holds(word)]
    return tuple(dict.fromkeys(missing))


def _passes(run: list[str], known: Known, *, german: bool) -> bool:
    if known.covers(run):
        return True
    # Two German nouns may stand side by side without being a name: “fertigen Ihre Mitarbeiter Spindeln”.
    if german and len(run) <= _SIDE_BY_SIDE and all(known.holds(word) and not _is_strong(word) for word in run):
        return True
    # Sentences start with a capital letter: the first word may not belong to the name.
    return len(run) > 2 and known.covers(run[1:]) and not _is_strong(run[0])


def _runs(text: str, *, german: bool) -> Iterator[list[str]]:
    """Capitalised words side by side, without the small words around them."""
    run: list[str] = []
    end = -1
    starts_sentence = False
    for match in _TOKEN.finditer(text):
        word = _bare(match[0])
        gap = text[end : match.start()] if end >= 0 else ""
        joined = bool(run) and gap in {" ", " & ", "-", "/"}
        if not joined or not _capital(word):
            yield from _closed(run, starts_sentence=starts_sentence, german=german)
            run = []
        if _capital(word):
            if not run:
                starts_sentence = _starts_sentence(text, match.start())
            run.append(word)
            end = match.end()
    yield from _closed(run, starts_sentence=starts_sentence, german=german)


def _closed(run: list[str], *, starts_sentence: bool, german: bool) -> Iterator[list[str]]:
    words = _words()
    while run and (run[0].casefold() in words.functions or (run[0].casefold() in words.ordinary and len(run) == 1)):
        run = run[1:]
        starts_sentence = False
    while run and run[-1].casefold() in words.functions:
        run = run[:-1]
    run = [word for word in run if word.casefold() not in _TITLES] or run
    if all(word.casefold() in words.ordinary for word in run):
        return
    if len(run) > 1 or not (german or starts_sentence):
        yield run


def _single(text: str, *, german: bool) -> Iterator[str]:
    """Single words that are names by their form or by what stands beside them."""
    words = _words()
    for match in _TOKEN.finditer(text):
        word = _bare(match[0])
        flat = word.casefold()
        if flat in words.functions or flat in words.ordinary:
            continue
        before, after = text[max(0, match.start() - 60) : match.start()], text[match.end() : match.end() + 60]
        named = _capital(word) and bool(words.relations.search(before) or words.deeds.match(after))
        named = named or (_capital(word) and before.casefold().endswith("bei ") and bool(_AT_SOMEBODYS.match(after)))
        titled = bool(_TITLE.search(before)) and _capital(word)
        place = flat in words.places and (_capital(word)) and not (flat == "essen" and not before.endswith(" in "))
        possessive = not german and _capital(match[0]) and match[0].endswith(("'s", "’s")) and not _common(flat)
        if _is_strong(word) or named or place or titled or possessive:
            yield word


def _starts_sentence(text: str, start: int) -> bool:
    window = text[max(0, start - 12) : start]
    return bool(_ENDS_SENTENCE.search(window if start <= 12 else f"x{window}"))


def _beside_names(text: str, known: Known) -> Iterator[str]:
    """Words listed together with a name: in “Esslingen und Ulm” the second is one too."""
    for match in _LISTED.finditer(text):
        one, other = _bare(match[1]), _bare(match[2])
        for word, beside in ((one, other), (other, one)):
            ordinary = word.casefold() in _words().ordinary | _words().functions
            if known.is_name(beside) and _capital(word) and not ordinary and not _in_list_start(text, match, word):
                yield word


def _in_list_start(text: str, match: re.Match[str], word: str) -> bool:
    return word == _bare(match[1]) and _starts_sentence(text, match.start())


def _common(flat: str) -> bool:
    return flat in {"today", "tomorrow", "yesterday", "company", "it", "let", "that", "here", "there", "what", "who"}


def _is_strong(word: str) -> bool:
    """CamelCase, an abbreviation, or letters mixed with digits: a name wherever it stands."""
    if re.fullmatch(r"\d+(?:s|st|nd|rd|th|er|ern|x|h|m2)", word, re.IGNORECASE):
        return False
    if re.search(r"\d", word) and re.search(r"[^\W\d_]", word):
        return True
    capitals = re.sub(r"[^\w]", "", word)
    parts = re.split(r"[-/&.]", word)
    return (len(capitals) > 1 and capitals.isupper()) or any(re.search(r"[a-zß-ÿ][A-ZÀ-Þ]", part) for part in parts)


def _capital(word: str) -> bool:
    return word[:1].isupper() or (word[:1].isdigit() and word[1:2].isupper())


def _bare(word: str) -> str:
    return re.sub(r"['’]s$", "", word).rstrip(".'’-&")


def _flat(text: str) -> str:
    return " ".join(re.findall(r"\w+", re.sub(r"['’]s\b", "", text).casefold()))
