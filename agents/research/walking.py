"""Walks a page's tree once and writes down what a person would see, line by line, and what they would not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from agents.research.markup import scan
from agents.research.pages import HEADINGS, Line, Link, Passage, Picture, Property, ReadPage
from agents.research.visibility import INVISIBLE, Style, Stylesheet, is_hidden, same_colour

MAX_NODES = 250_000
MAX_TEXT = 200_000
MAX_LINES = 4_000
MAX_DEPTH = 500
MAX_PASSAGES = 2_000

_BLOCKS = frozenset(
    ["address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
        "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main",
        "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "td", "tfoot", "th",
        "thead", "tr", "ul"]
) | HEADINGS  # fmt: skip
_SKIPPED = frozenset(
    ["script", "style", "template", "head", "svg", "math", "iframe", "object", "canvas", "audio", "video", "datalist"]
)
_UNSEEN = frozenset({"noscript", "textarea", "input"})
_LEAVES = frozenset({"p", "li", "dt", "dd", "td", "th", "figcaption", "legend"})
_ANY_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,30})")
# Elements without an end, or with one that may be left out: they do not nest by being repeated.
_CLOSED_BY_OTHERS = frozenset(
    {
        *("a", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"),
        *("wbr", "p", "li", "td", "tr", "th", "dt", "dd", "option", "tbody", "thead", "tfoot", "html", "head", "body"),
        *("path", "g", "circle", "rect", "line", "polygon", "use", "stop"),
    }
)
_REGIONS = {"header": "header", "footer": "footer", "nav": "nav", "aside": "aside"}
_SPACED = frozenset({"a", "button", "label", "option", "td", "th", "img"})
_INLINE = frozenset({"span", "strong", "b", "small"})
_CAPTION = re.compile(r"[^\W\d_]{4}|d[e'’]")
_FIGURE_ENDS = frozenset("0123456789+%€$£")
_SPACES = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_SPOKEN = re.compile(r"^[\"“„«»‘][^\"”“«»]{15,}[\"”“«»’]\s?(?:$|[—–-]|by |von )")
_TESTIMONIAL = re.compile(
    r"testimonial|(?<!p)review|customer-quote|case-quote|zitat|temoignage|kundenstimme", re.IGNORECASE
)
_FOOTERISH = re.compile(r"(?:^|[\s_-])footer(?:$|[\s_-])|copyright|impressum", re.IGNORECASE)
_NAVISH = re.compile(r"(?:^|[\s_-])(?:nav|navbar|menu|breadcrumbs?)(?:$|[\s_-])", re.IGNORECASE)
_TITLED = ("title", "alt", "aria-label", "placeholder", "data-tooltip", "summary")


@dataclass(slots=True)
class _Frame:
    """An element on the way from the root to where the walk is."""

    tag: str
    serial: int
    attributes: dict[str, str | None]
    hidden: bool = False
    region: str = "main"
    ink: str | None = None
    ground: str | None = None
    quoted: bool = False
    row: int = -1
    cell: int = -1
    items: tuple[int, ...] = ()
    link_at: int = -1
    link_line: int = -1
    scope: int = -1
    scope_type: str = ""
    prop_at: int = -1
    outer_scope: int = -1
    outer_type: str = ""
    when: str = ""


def read_html(markup: str, address: str, *, truncated: bool = False) -> ReadPage:
    """The page with its lines, links, pictures, microdata and everything hidden from view."""
    return _Walk(markup, address, truncated).run()


class _Walk:
    def __init__(self, markup: str, address: str, truncated: bool) -> None:
        self.page = ReadPage(address, markup, "", [], list(scan(markup)), truncated=truncated)
        self.parts: list[str] = []
        self.length = 0
        self.line: list[str] = []
        self.line_length = 0
        self.line_frame: _Frame | None = None
        self.line_parent = 0
        self.pending_space = False
        self.frames: list[_Frame] = []
        self.serial = 0
        self.scopes: list[tuple[str, str, int]] = []
        self.hidden_run: list[str] = []

    def run(self) -> ReadPage:
        sheets = [
            self.page.markup[tag.inner[0] : tag.inner[1]] for tag in self.page.tags if tag.name == "style" and tag.inner
        ]
        self.sheet = Stylesheet.read(sheets[:20])
        markup, deep = _shallow(_with_title_closed(self.page.markup))
        self.page.truncated = self.page.truncated or deep
        tree = LexborHTMLParser(markup)
        self._head(tree)
        if tree.root is not None:
            self._walk(tree.root)
        self._flush()
        self._flush_hidden()
        self.page.text = "".join(self.parts)
        _link_headings(self.page)
        self._attributes()
        return self.page

    def _head(self, tree: LexborHTMLParser) -> None:
        if tree.root is not None:
            language = (tree.root.attributes.get("lang") or "").strip().lower()[:2]
            self.page.language = language if language.isalpha() and len(language) == 2 else None
        title = next((tag for tag in self.page.tags if tag.name == "title" and tag.inner), None)
        if title is not None and tree.head is not None and (node := tree.head.css_first("title")) is not None:
            self.page.title = _SPACES.sub(" ", INVISIBLE.sub("", node.text())).strip()[:500]

    def _attributes(self) -> None:
        for tag in self.page.tags:
            if tag.name == "meta":
                content = tag.get("content")
                if len(content) > 20:
                    self._pass("meta", content)
                elif INVISIBLE.search(content):
                    self.page.hidden_characters += len(INVISIBLE.findall(content))

    def _pass(self, channel: str, text: str) -> None:
        if len(self.page.passages) < MAX_PASSAGES and text.strip():
            self.page.passages.append(Passage(channel, text.strip()[:4000]))

    # -- the walk ------------------------------------------------------------------------------------------------

    def _walk(self, root: Any) -> None:
        node, visited = root, 0
        while node is not None:
            visited += 1
            if visited > MAX_NODES or self.length > MAX_TEXT or len(self.page.lines) > MAX_LINES:
                self.page.truncated = True
                break
            child = self._enter(node)
            if child is not None:
                node = child
                continue
            # Upwards by our own frames: every frame has its node's place in the tree.
            while True:
                if node.tag[0] != "-" and self.frames and self.frames[-1].serial == self._serial_of(node):
                    self._leave()
                if node.mem_id == root.mem_id:
                    node = None
                    break
                following = node.next
                if following is not None:
                    node = following
                    break
                node = node.parent
                if node is None:
                    break
        while self.frames:
            self._leave()

    def _serial_of(self, node: Any) -> int:
        return int(node.mem_id)

    def _enter(self, node: Any) -> Any:
        tag = node.tag
        if tag == "-text":
            self._text(node.text_content or "")
            return None
        if tag == "-comment":
            self._pass("comment", node.comment_content or "")
            return None
        if tag.startswith("-"):
            return node.child
        if tag in _SKIPPED:
            if tag == "template":
                self._pass("template", _SPACES.sub(" ", re.sub(r"<[^>]{0,500}>", " ", (node.html or "")[:8000])))
            return None
        frame = self._frame(node, tag)
        if tag == "br":
            self._flush()
            return None
        if tag in _BLOCKS:
            self._flush()
        elif tag in _SPACED:
            self.pending_space = True
        self.frames.append(frame)
        if not frame.hidden:
            self._note(frame)
        return node.child if tag != "option" else self._unseen(node)

    def _unseen(self, node: Any) -> None:
        self._pass("option", node.text())

    def _frame(self, node: Any, tag: str) -> _Frame:
        above = self.frames[-1] if self.frames else None
        attributes: dict[str, str | None] = node.attributes
        style = self.sheet.of(tag, attributes) if attributes or self.sheet.rules else Style()
        frame = _Frame(tag, self._serial_of(node), attributes)
        if above is not None:
            frame.region, frame.quoted, frame.row, frame.cell = above.region, above.quoted, above.row, above.cell
            frame.items, frame.ink, frame.ground = above.items, above.ink, above.ground
            frame.scope, frame.scope_type, frame.when = above.scope, above.scope_type, above.when
        frame.ink, frame.ground = style.ink or frame.ink, style.ground or frame.ground
        frame.hidden = (
            (above is not None and above.hidden)
            or style.hidden
            or (bool(attributes) and tag not in ("html", "body") and is_hidden(tag, attributes))
            or same_colour(frame.ink, frame.ground)
            or tag in _UNSEEN
        )
        if tag in ("html", "body") and not same_colour(frame.ink, frame.ground):
            frame.hidden = False  # pages hide their body until a script shows it
        classes = f"{attributes.get('class') or ''} {attributes.get('id') or ''}" if attributes else ""
        if tag in _REGIONS:
            frame.region = "footer" if frame.region == "footer" else _REGIONS[tag]
        elif classes.strip() and tag in ("div", "section", "ul"):
            if _FOOTERISH.search(classes):
                frame.region = "footer"
            elif _NAVISH.search(classes):
                frame.region = "nav"
        if tag in ("blockquote", "q") or (classes.strip() and _TESTIMONIAL.search(classes)):
            frame.quoted = True
        if tag in ("tr", "dl"):
            frame.row, frame.cell = frame.serial, -1
        elif tag in ("td", "th", "dd", "dt"):
            frame.cell = frame.serial
        elif tag in ("li", "article") or (tag == "div" and re.search(r"card|item|entry|post|teaser|tile|box", classes)):
            frame.items = (*above.items[-5:], frame.serial) if above is not None else (frame.serial,)
        return frame

    def _note(self, frame: _Frame) -> None:
        """Write down links, pictures, dates and microdata as their element begins."""
        attributes = frame.attributes
        if not attributes:
            return
        for name in _TITLED:
            if (words := attributes.get(name)) and len(words) > 20:
                self._pass(name, words)
        if frame.tag == "a" and attributes.get("href"):
            frame.link_at, frame.link_line = self._position(), len(self.page.lines)
        elif frame.tag == "img" and (alt := attributes.get("alt")) and alt.strip():
            self.page.pictures.append(Picture(alt, len(self.page.lines), frame.region))
        elif frame.tag == "time" and (when := attributes.get("datetime")):
            frame.when = when
            for above in self.frames:
                if frame.items and above.items == frame.items:
                    above.when = above.when or when
        if "itemscope" in attributes:
            frame.outer_scope, frame.outer_type = frame.scope, frame.scope_type
            kind = (attributes.get("itemtype") or "").strip().rstrip("/").rsplit("/", 1)[-1].rsplit("#", 1)[-1]
            self.scopes.append((kind, (attributes.get("itemprop") or "").strip(), frame.scope))
            frame.scope, frame.scope_type = len(self.scopes) - 1, kind
        elif attributes.get("itemprop") and frame.scope >= 0:
            frame.prop_at = self._position()

    def _leave(self) -> None:
        frame = self.frames[-1]
        if not frame.hidden:
            if frame.link_at >= 0:
                self._link(frame)
            if frame.prop_at >= 0:
                self._property(frame)
        if frame.tag in _BLOCKS:
            self._flush()
        elif frame.tag in _SPACED:
            self.pending_space = True
        self.frames.pop()

    def _link(self, frame: _Frame) -> None:
        start, end = frame.link_at, self._end()
        text, start, end = self._between(start, end)
        self.page.links.append(Link((frame.attributes.get("href") or "").strip(), text, start, end, frame.link_line))

    def _property(self, frame: _Frame) -> None:
        kind, parent_property, parent = self.scopes[frame.scope]
        content = next((frame.attributes[n] for n in ("content", "datetime") if frame.attributes.get(n)), None)
        if content is None and frame.tag in ("a", "link", "area"):
            content = frame.attributes.get("href")
        text, start, end = self._between(frame.prop_at, self._end())
        for name in (frame.attributes.get("itemprop") or "").split()[:4]:
            if content:
                self.page.properties.append(
                    Property(frame.scope, kind, parent_property, parent, name, content, -1, -1, in_text=False)
                )
            if text:
                self.page.properties.append(
                    Property(frame.scope, kind, parent_property, parent, name, text, start, end, in_text=True)
                )

    # -- the text ------------------------------------------------------------------------------------------------

    def _position(self) -> int:
        """Where the next visible character will stand, give or take a space or a line break."""
        return self.length + (1 if self.page.lines else 0) + self.line_length

    def _end(self) -> int:
        return self.length + (1 if self.page.lines else 0) + self.line_length if self.line else self.length

    def _between(self, start: int, end: int) -> tuple[str, int, int]:
        so_far = "".join(self.parts[-60:])
        if self.line:
            so_far += ("\n" if self.page.lines else "") + "".join(self.line)
        base = self._end() - len(so_far)
        words = so_far[max(0, start - base) : max(0, end - base)]
        stripped = words.strip()
        at = start + len(words) - len(words.lstrip())
        return (stripped, at, at + len(stripped)) if stripped and start >= base else ("", start, start)

    def _text(self, raw: str) -> None:
        frame = self.frames[-1] if self.frames else None
        if frame is None or (not self.line and not raw.strip()):
            return
        if len(raw) > MAX_TEXT:
            raw = raw[:MAX_TEXT]
            self.page.truncated = True
        if frame.hidden:
            words = _SPACES.sub(" ", raw).strip()
            if words:
                self.page.hidden_characters += len(words)
                self.hidden_run.append(words)
            return
        if self.hidden_run:
            self._flush_hidden()
        clean = INVISIBLE.sub("", raw)
        if len(clean) != len(raw):
            removed = len(raw) - len(clean)
            # A soft hyphen or a joiner in an emoji is typography; only what could carry words is worth a passage.
            self.page.hidden_characters += removed - raw.count("\u00ad")
        words = self._spaced(_SPACES.sub(" ", clean), frame)
        self.pending_space = False
        if not words:
            return
        if not self.line:
            self.line_frame = frame
        self.line.append(words)
        self.line_length += len(words)

    def _spaced(self, words: str, frame: _Frame) -> str:
        """The words with one space before them, or none, as they follow what stands in the line."""
        if words[:1] == " " or self.pending_space:
            words = " " + words.lstrip(" ")
        if not self.line:
            return words.lstrip(" ")
        if words[:1] == " " and self.line[-1].endswith(" "):
            return words[1:]
        if frame.tag in _INLINE and self.line[-1][-1:] in _FIGURE_ENDS and _CAPTION.match(words):
            return " " + words  # a figure and its caption, which style sheets set apart
        return words

    def _flush_hidden(self) -> None:
        if self.hidden_run:
            self._pass("hidden", " ".join(self.hidden_run))
            self.hidden_run = []

    def _flush(self) -> None:
        self.pending_space = False
        if not self.line or self.line_frame is None:
            return
        text = "".join(self.line).rstrip(" ")
        frame, blocks = self.line_frame, [f for f in self.frames if f.tag in _BLOCKS]
        self.line, self.line_length, self.line_frame = [], 0, None
        if not text:
            return
        prefix = "\n" if self.page.lines else ""
        start = self.length + len(prefix)
        self.parts.append(prefix + text)
        self.length = start + len(text)
        block = blocks[-1] if blocks else frame
        path = tuple(f.tag for f in blocks[-6:])
        quoted = frame.quoted or (len(text) > 25 and _SPOKEN.match(text) is not None)
        level = _level(blocks)
        leaf = block.tag in _LEAVES or block.tag in HEADINGS
        parent = blocks[-2].serial if leaf and len(blocks) > 1 else block.serial
        self.page.lines.append(
            Line(
                start, self.length, text, block.tag, parent, frame.region, path, level,
                row=frame.row, cell=frame.cell, items=frame.items, quoted=quoted,
                when=frame.when or block.when,
            )
        )  # fmt: skip


def _shallow(markup: str) -> tuple[str, bool]:
    """The markup as far as it is nested no deeper than browsers go, and whether it was cut: parsers turn slow there."""
    depth = 0
    if markup.count("<") < MAX_DEPTH:
        return markup, False
    for match in _ANY_TAG.finditer(markup):
        if match[2].lower() not in _CLOSED_BY_OTHERS:
            depth = max(0, depth - 1) if match[1] else depth + 1
            if depth > MAX_DEPTH:
                return markup[: match.start()], True
    return markup, False


def _level(blocks: list[_Frame]) -> int:
    """The rank of the heading a line is; a list inside of a heading nobody closed is no heading."""
    for frame in reversed(blocks):
        if frame.tag in HEADINGS:
            return int(frame.tag[1])
        if frame.tag in ("li", "td", "dd", "ul", "ol", "table"):
            break
    return 0


def _with_title_closed(markup: str) -> str:
    """A title that is never closed would swallow the page; it ends where the first tag after it begins."""
    opened = re.search(r"<title\b[^>]{0,200}>", markup[:20_000], re.IGNORECASE)
    if opened is None or re.search(r"</title", markup, re.IGNORECASE):
        return markup
    at = markup.find("<", opened.end())
    return markup if at < 0 else f"{markup[:at]}</title>{markup[at:]}"


def _link_headings(page: ReadPage) -> None:
    """Give each line the heading above it; a heading's own is the nearest of higher rank."""
    open_headings: list[int] = []
    for index, line in enumerate(page.lines):
        # A heading inside of a card or list item says nothing about what comes after it.
        while open_headings and (inside := page.lines[open_headings[-1]].items) and inside[-1] not in line.items:
            open_headings.pop()
        if line.level:
            while open_headings and page.lines[open_headings[-1]].level >= line.level:
                open_headings.pop()
            line.heading = open_headings[-1] if open_headings else -1
            open_headings.append(index)
        elif line.region == "footer" and open_headings and page.lines[open_headings[-1]].region != "footer":
            line.heading = -1
        else:
            line.heading = open_headings[-1] if open_headings else -1
