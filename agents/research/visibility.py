"""What a person would not see on the page: hidden elements, invisible characters, text in the ground's colour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# Zero-width characters, joiners, direction marks, soft hyphen, fillers and the tag block: they carry text nobody sees.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_SMALL = r"(?:0+(?:\.0+)?(?:px|pt|em|rem|%|vw)?|0?\.[0-2]\d*r?em|[01](?:\.\d+)?p[xt])"
_FAR = r"-\s*(?:\d{4,}|[5-9]\d\d)"
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|font-size\s*:\s*" + _SMALL + r"\s*(?:;|!|$)"
    r"|(?:text-indent|left|top|right|bottom|margin-left|margin-top)\s*:\s*" + _FAR + r"\s*(?:px|em|rem|vw|pt)"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\)"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    r"|transform\s*:\s*scale\(\s*0\s*\)|color\s*:\s*transparent|content-visibility\s*:\s*hidden",
    re.IGNORECASE,
)
_FADED = re.compile(r"opacity\s*:\s*0*\.?0+\s*(?:;|!|$)", re.IGNORECASE)
_MOVING = re.compile(r"transform|transition|animation|will-change", re.IGNORECASE)  # fades in as one scrolls
_FLAT = re.compile(r"(?:^|[;\s])(?:max-)?(?:height|width)\s*:\s*[01](?:px)?\s*(?:;|!|$)", re.IGNORECASE)
_OVERFLOW = re.compile(r"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_INK = re.compile(r"(?:^|[;\s])color\s*:\s*([^;!]{1,60})", re.IGNORECASE)
_GROUND = re.compile(r"(?:^|[;\s])background(?:-color)?\s*:\s*([^;!]{1,120})", re.IGNORECASE)
_RULE = re.compile(r"([^{}@]{1,400})\{([^{}]{0,4000})\}")
_SIMPLE = re.compile(r"^(?:[a-z][a-z0-9]*)?([.#][A-Za-z_][\w-]*)$|^([a-z][a-z0-9]*)$")
_AT_BLOCK = re.compile(r"@(?:media|supports|keyframes|-webkit-keyframes|container|layer|font-face|page)\b[^{]{0,400}\{")
_COLOURS = {
    "white": "ffffff",
    "black": "000000",
    "red": "ff0000",
    "silver": "c0c0c0",
    "gray": "808080",
    "grey": "808080",
}
_RESPONSIVE = re.compile(
    r"(?:^|\s)(?:d-\w+-(?:block|flex|inline|inline-block|grid)|\w+:(?:block|flex|inline|inline-block|grid))(?:\s|$)"
)
_HIDDEN_CLASS = re.compile(
    r"(?:^|\s)(?:d-none|hidden|is-hidden|visually-hidden|sr-only|screen-reader-text"
    r"|screenreader-only|hide|w-hidden)(?:\s|$)"
)


@dataclass(slots=True)
class Style:
    """What is known of an element's look from its own declarations."""

    hidden: bool = False
    ink: str | None = None
    ground: str | None = None


@dataclass
class Stylesheet:
    """The plain rules of a page's own style elements: by class, by id and by tag."""

    rules: dict[str, Style] = field(default_factory=dict)

    @classmethod
    def read(cls, sheets: list[str]) -> Stylesheet:
        """Only simple selectors outside of media queries: what a narrow screen hides, a wide one shows."""
        rules: dict[str, Style] = {}
        for sheet in sheets:
            plain = _without_at_blocks(re.sub(r"/\*[^*]{0,5000}(?:\*(?!/)[^*]{0,5000}){0,50}\*/", " ", sheet[:200_000]))
            for match in _RULE.finditer(plain):
                style = declared(match[2])
                if not (style.hidden or style.ink or style.ground):
                    continue
                for selector in match[1].split(","):
                    if simple := _SIMPLE.match(selector.strip()):
                        _merge(rules.setdefault(simple[1] or simple[2], Style()), style)
        return cls(rules)

    def of(self, tag: str, attributes: Mapping[str, str | None]) -> Style:
        """How this element looks by its own tag, id, classes and style attribute."""
        style = Style()
        if self.rules:
            names = [tag, f"#{attributes.get('id') or ''}"]
            names += [f".{name}" for name in (attributes.get("class") or "").split()[:30]]
            for name in names:
                if rule := self.rules.get(name):
                    _merge(style, rule)
        if inline := attributes.get("style"):
            own = declared(inline[:4000])
            if re.search(r"display\s*:\s*(?!none)\w", inline, re.IGNORECASE):
                style.hidden = own.hidden
            _merge(style, own)
        if ground := attributes.get("bgcolor"):
            style.ground = _colour(ground)
        if tag == "font" and (ink := attributes.get("color")):
            style.ink = _colour(ink)
        return style


def declared(css: str) -> Style:
    """What a block of declarations says about being seen."""
    hidden = (
        _HIDING.search(css) is not None
        or (_FLAT.search(css) is not None and _OVERFLOW.search(css) is not None)
        or (_FADED.search(css) is not None and _MOVING.search(css) is None)
    )
    ink, ground = _INK.search(css), _GROUND.search(css)
    return Style(hidden, _colour(ink[1]) if ink else None, _colour(ground[1]) if ground else None)


def is_hidden(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Whether the element's own attributes hide it: `hidden`, `aria-hidden`, a class that frameworks hide."""
    if "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found":
        return True
    if (attributes.get("aria-hidden") or "").lower() == "true":
        return True
    if tag == "dialog" and "open" not in attributes:
        return True
    classes = attributes.get("class") or ""
    return bool(classes) and _HIDDEN_CLASS.search(classes) is not None and _RESPONSIVE.search(classes) is None


def _merge(style: Style, other: Style) -> None:
    style.hidden = style.hidden or other.hidden
    style.ink = other.ink or style.ink
    style.ground = other.ground or style.ground


def _colour(value: str) -> str | None:
    """A colour as six hex digits, or the word as it stands; None where it is no plain colour."""
    word = value.strip().lower()
    if word in ("inherit", "initial", "unset", "currentcolor", "none", "") or "url(" in word or "var(" in word:
        return None
    if match := re.match(r"#([0-9a-f]{3}|[0-9a-f]{6})\b", word):
        digits = match[1]
        return "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    if match := re.match(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})", word):
        return "".join(f"{min(int(part), 255):02x}" for part in match.groups())
    first = word.split()[0]
    return _COLOURS.get(first, first)


def same_colour(ink: str | None, ground: str | None) -> bool:
    """Whether text in this ink cannot be read on this ground: the same colour, or all but the same."""
    if ink is None or ground is None:
        return False
    if ink == ground:
        return True
    try:
        pairs = [(int(ink[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (0, 2, 4)]
    except ValueError:
        return False
    return len(ink) == len(ground) == 6 and all(abs(a - b) <= 8 for a, b in pairs)


def _without_at_blocks(css: str) -> str:
    kept: list[str] = []
    position = 0
    while match := _AT_BLOCK.search(css, position):
        kept.append(css[position : match.start()])
        depth, cursor = 1, match.end()
        while depth and cursor < len(css):
            opening, closing = css.find("{", cursor), css.find("}", cursor)
            if closing < 0:
                return "".join(kept)
            if 0 <= opening < closing:
                depth, cursor = depth + 1, opening + 1
            else:
                depth, cursor = depth - 1, closing + 1
        position = cursor
    kept.append(css[position:])
    return "".join(kept)
