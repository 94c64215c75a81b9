"""What a reader must be told of a text: what hides in it, what turns its direction, what looks like something else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Literal
from urllib.parse import urlsplit

from approvals.decisions import Value

SuspicionKind = Literal["hidden", "direction", "control", "look-alike", "link"]

MOST_SUSPICIONS = 50
"""What is told of one text at most; whoever hides a thousand characters is found by the first."""

_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\ud800-\udfff"
_ZERO_WIDTH = "\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"
_UNSEEN = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
_VARIATIONS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"

# Controls, and what turns the direction of text or hides in it: none of it may reach a terminal or a page unseen.
_SIGNED = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_ZERO_WIDTH}\u00ad\U000e0000-\U000e007f]")
NAMED = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_ZERO_WIDTH}{_UNSEEN}{_VARIATIONS}]")
_RUN = re.compile(f"(?:{NAMED.pattern})+")
_DIRECTION = re.compile(f"[{_DIRECTIONS}]")
_CONTROL = re.compile(f"[{_CONTROLS}]")
_VARIATION = re.compile(f"[{_VARIATIONS}]")

# Joiners between letters of scripts that are written with them, and in emoji, are ordinary spelling.
_JOINED_SCRIPTS = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff]"
)
_UNSPACED_SCRIPTS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_MONGOLIAN = re.compile("[\u1820-\u18aa]")
_IDEOGRAPHS = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_PICTURES = re.compile("[\u00a9\u00ae\u203c-\u3299\ufe0f\U0001f000-\U0001faff]")

_TOLD: dict[SuspicionKind, str] = {
    "direction": "A character that turns the direction of the text",
    "control": "A control character",
    "hidden": "A character that cannot be seen",
}


class Suspicion(Value):
    """One thing in a text that does not show, or shows as something else."""

    kind: SuspicionKind
    start: int
    end: int
    text: str
    message: str


# -- showing -----------------------------------------------------------------------------------------------------


def visible(text: str, *, multiline: bool = False) -> str:
    """The text with control, escape and direction characters replaced by signs that can be seen."""
    shown = _SIGNED.sub(_sign, text)
    return shown if multiline else shown.replace("\n", "⏎").replace("\t", "⇥")


def spelled(text: str) -> str:
    """The raw view: everything that does not show, and every look-alike, is followed or replaced by its code point."""
    look_alikes = {place for place, _ in _look_alike_places(text)}
    return "".join(
        f"{character}⟦{_code(character)}⟧"
        if place in look_alikes
        else f"⟦{_code(character)}⟧"
        if NAMED.match(character)
        else character
        for place, character in enumerate(text)
    )


def revealed(text: str) -> str:
    """The text with only what a reader must be told of replaced by signs; ordinary spelling stays as it is."""
    if text.isascii() and NAMED.search(text) is None:
        return text
    return NAMED.sub(lambda match: _sign(match) if _kind(text, match.start()) else match[0], text)


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    name = unicodedata.name(match[0], "")
    return f"⟦{name or f'U+{code:04X}'}⟧"


def _code(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


# -- finding -----------------------------------------------------------------------------------------------------


def suspicious(text: str) -> tuple[Suspicion, ...]:
    """What a reader of this text must be told, in its order; words wholly in one script are never told of."""
    found = list(islice(_links(text), MOST_SUSPICIONS))
    if not text.isascii() or NAMED.search(text):
        found += [*_unseen(text), *islice(_look_alikes(text), MOST_SUSPICIONS)]
    return tuple(sorted(found, key=lambda one: (one.start, one.end))[:MOST_SUSPICIONS])


def _unseen(text: str) -> Iterator[Suspicion]:
    for number, run in enumerate(_RUN.finditer(text)):
        if number > MOST_SUSPICIONS:
            return
        kinds = {_kind(text, place) for place in range(run.start(), run.end())}
        worst = next((kind for kind in _TOLD if kind in kinds), None)
        if worst is not None:
            yield _unseen_run(text, run.start(), run.end(), worst)


def _unseen_run(text: str, start: int, end: int, kind: SuspicionKind) -> Suspicion:
    written = text[start:end]
    names = list(dict.fromkeys(map(_code, written)))
    tagged = "".join(chr(ord(one) - 0xE0000) for one in written if 0xE0020 <= ord(one) < 0xE007F)
    says = f"; it spells {tagged!r}" if tagged else ""
    times = f", and {len(written) - 1} more" if len(written) > 1 else ""
    return Suspicion(kind=kind, start=start, end=end, text=written, message=f"{_TOLD[kind]} ({names[0]}{times}){says}.")


def _kind(text: str, place: int) -> SuspicionKind | None:
    character = text[place]
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if _DIRECTION.match(character):
        return "direction"
    if _CONTROL.match(character):
        return "control"
    if character in "\u200c\u200d":
        spelled_so = _JOINED_SCRIPTS.match(before)
        # An emoji's skin tone or variation may stand before the joiner; both count as pictures.
        drawn_so = character == "\u200d" and _PICTURES.match(before) and _PICTURES.match(after)
        return None if spelled_so or drawn_so else "hidden"
    return None if _is_ordinary(text, place, character, before, after) else "hidden"


def _is_ordinary(text: str, place: int, character: str, before: str, after: str) -> bool:
    """Whether what does not show is how this place is spelled."""
    if _VARIATION.match(character):
        return bool(before) and bool(_PICTURES.match(before) or _IDEOGRAPHS.match(before) or before in "#*0123456789")
    if character == "\u200b":
        return bool(_UNSPACED_SCRIPTS.match(before) and _UNSPACED_SCRIPTS.match(after))
    if "\u180b" <= character <= "\u180f":
        return bool(_MONGOLIAN.match(before))
    return "\U000e0020" <= character <= "\U000e007f" and _in_flag(text, place)


def _in_flag(text: str, place: int) -> bool:
    # England, Scotland and Wales: a black flag, at most six tags and an end. Anything longer is a message.
    head = text[max(0, place - 7) : place + 1]
    flag = head.rfind("\U0001f3f4")
    return flag >= 0 and all("\U000e0020" <= one <= "\U000e007f" for one in head[flag + 1 :])


# -- look-alikes -------------------------------------------------------------------------------------------------

# Letters of other scripts, each with the Latin one that it is drawn like.
_DRAWN_LIKE = dict(
    zip(
        "аеорсухіјѕһԁԛԝкмтвнѵԍӏгпАВЕКМНОРСТУХІЈЅԌԜԚӀαγεικνορστυχωϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹօոսցհղԱՍՏᎪᏴᏟᎠᎬᎻᏆᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ",
        "aeopcyxijshdqwkmtbhvglrnABEKMHOPCTYXIJSGWQIayeikvopotuxwcjABEZHIKMNOPTYXConughnUUSABCDEHIJKLMPRSTVWZ",
        strict=True,
    )
)
_WORD = re.compile(r"[^\W_]+")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def _look_alikes(text: str) -> Iterator[Suspicion]:
    for start, word, strangers in _mixed_words(text):
        drawn = ", ".join(dict.fromkeys(f"{one} is {_code(one)}" for _, one in strangers[:5]))
        told = f"{word[:60]!r} holds letters that are not what they look like: {drawn}."
        yield Suspicion(kind="look-alike", start=start, end=start + len(word), text=word, message=told)


def _look_alike_places(text: str) -> Iterator[tuple[int, str]]:
    for _, _, strangers in _mixed_words(text):
        yield from strangers


def _mixed_words(text: str) -> Iterator[tuple[int, str, list[tuple[int, str]]]]:
    """Words in which a letter is drawn like one of another script that stands beside it, and these letters."""
    if text.isascii():
        return
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii():
            continue
        scripts = [_script(character) for character in word]
        mixed = "LATIN" in scripts and len(set(scripts) - {""}) > 1
        strangers = [
            (match.start() + place, character)
            for place, character in enumerate(word)
            if (mixed and character in _DRAWN_LIKE) or _is_styled(character)
        ]
        if strangers:
            yield match.start(), word, strangers


def _script(character: str) -> str:
    """The script of a letter, of those whose letters are drawn alike; else nothing."""
    if character.isascii():
        return "LATIN" if character.isalpha() else ""
    first = unicodedata.name(character, "").partition(" ")[0]
    # µ and Ω as signs, and letters such as ª, belong to no script by name.
    return first if first in _SCRIPTS else ""


def _is_styled(character: str) -> bool:
    """A letter or digit of mathematics or full width, drawn like an ordinary one."""
    return "\U0001d400" <= character <= "\U0001d7ff" or "\uff10" <= character <= "\uff5a"


# -- links -------------------------------------------------------------------------------------------------------

# No part repeats within another, so that reading takes one pass whatever was written.
_MARKDOWN_LINK = re.compile(r"\[([^\[\]\n]{0,500})\]\(\s{0,9}<?([^\s()<>]{1,2000})")
_SCHEME = re.compile(r"\b(javascript|data|vbscript|file|blob)\s{0,3}:", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.)+[a-z]{2,24})(?![\w.-]*@)", re.IGNORECASE)
_HARMLESS = {"http", "https", "mailto", "tel", ""}


def _links(text: str) -> Iterator[Suspicion]:
    if ":" not in text and "](" not in text:
        return
    for match in _SCHEME.finditer(text):
        if match[1].casefold() != "data" or text[match.end() : match.end() + 1].strip():
            told = (
                f"An address of the kind {match[1].casefold()}: runs or embeds something instead of leading somewhere."
            )
            yield Suspicion(kind="link", start=match.start(), end=match.end(), text=match[0], message=told)
    for match in _MARKDOWN_LINK.finditer(text):
        if told := _misleads(match[1], match[2]):
            yield Suspicion(kind="link", start=match.start(), end=match.end(), text=match[0], message=told)


def _misleads(shown: str, target: str) -> str:
    try:
        split = urlsplit(target)
        host = (split.hostname or "").removeprefix("www.")
    except ValueError:
        return f"The link leads to {visible(target)!r}, which is no address."
    if split.scheme.casefold() not in _HARMLESS:
        return f"The link leads to {visible(target)!r}, which is not a web address."
    if split.username is not None:
        return f"The link to {host!r} has {visible(split.username)!r} before its host, which reads like another host."
    named = _HOST.search(shown)
    if named and host and named[1].casefold().removeprefix("www.") != host:
        return f"The link reads {visible(named[1])!r} and leads to {visible(host)!r}."
    if host.startswith("xn--") or ".xn--" in host:
        return f"The link leads to {host!r}, a name in other letters: {_decoded(host)!r}."
    return ""


def _decoded(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except (UnicodeError, ValueError):
        return host
