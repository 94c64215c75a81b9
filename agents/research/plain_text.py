"""Reads plain text and Markdown into the same lines as a page."""

from __future__ import annotations

import re

from agents.research.pages import Line, Link, ReadPage
from agents.research.visibility import INVISIBLE

MAX_LINES = 20_000
_WRAP = 55
_HEADING = re.compile(r"^(#{1,6})\s+(.{1,200}?)\s*#*$")
_BULLET = re.compile(r"^\s{0,8}(?:[-*+•–·]|\d{1,2}[.)])\s+")
_RULE = re.compile(r"^\s*(?:[-=_*]{3,}|\|?[\s:|-]+\|[\s:|-]*)\s*$")
_STRONG = re.compile(r"^\*\*(.{1,80})\*\*:?$|^__(.{1,80})__:?$")
_MARKDOWN_LINK = re.compile(r"\[([^\]\[]{1,200})\]\(([^)\s]{1,500})\)")


def read_text(markup: str, address: str, *, truncated: bool = False) -> ReadPage:
    """The text with its headings, bullets and table rows; hard-wrapped lines are joined into paragraphs."""
    page = ReadPage(address, markup, "", [], [], truncated=truncated, is_html=False)
    clean = INVISIBLE.sub("", markup)
    page.hidden_characters = len(markup) - len(clean) - markup.count("\u00ad")
    parts: list[str] = []
    length = 0
    for row, raw in enumerate(_joined(clean)):
        words, tag, level, item = raw, "p", 0, -1
        if match := _HEADING.match(raw):
            words, tag, level = match[2], f"h{len(match[1])}", len(match[1])
        elif match := _STRONG.match(raw):
            words, tag, level = match[1] or match[2], "h5", 5
        elif match := _BULLET.match(raw):
            words, tag, item = raw[match.end() :], "li", row
        cells = [cell.strip() for cell in words.strip().strip("|").split("|")] if words.count("|") >= 1 else [words]
        for number, cell in enumerate(cells):
            visible = _MARKDOWN_LINK.sub(lambda found: found[1], cell).replace("**", "").strip()
            if not visible:
                continue
            start = length + (1 if parts else 0)
            parts.append(("\n" if parts else "") + visible)
            length = start + len(visible)
            for match in _MARKDOWN_LINK.finditer(cell):
                at = visible.find(match[1])
                if at >= 0:
                    page.links.append(Link(match[2], match[1], start + at, start + at + len(match[1]), len(page.lines)))
            page.lines.append(
                Line(start, length, visible, "td" if len(cells) > 1 else tag, level=level,
                     row=row if len(cells) > 1 else -1, cell=number if len(cells) > 1 else -1, items=(item,
                     ) if item >= 0 else ())
            )  # fmt: skip
    page.text = "".join(parts)
    page.title = next((line.text for line in page.lines if line.level == 1), "")
    _headings(page)
    return page


def _headings(page: ReadPage) -> None:
    open_headings: list[int] = []
    for index, line in enumerate(page.lines):
        if not line.level and _reads_like_heading(page, index):
            line.level, line.tag = 4, "h4"
        if line.level:
            while open_headings and page.lines[open_headings[-1]].level >= line.level:
                open_headings.pop()
        line.heading = open_headings[-1] if open_headings else -1
        if line.level:
            open_headings.append(index)


def _reads_like_heading(page: ReadPage, index: int) -> bool:
    """A short line with a colon at its end, or in capitals, above a bullet."""
    line = page.lines[index]
    if line.tag != "p" or len(line.text) > 60 or index + 1 >= len(page.lines):
        return False
    following = page.lines[index + 1]
    return (following.tag == "li" and line.text[-1] not in ".!?;,") or (line.text.isupper() and len(line.text) > 4)


def _joined(text: str) -> list[str]:
    lines: list[str] = []
    open_paragraph = False
    raws = text.splitlines()[:MAX_LINES]
    for number, raw in enumerate(raws):
        line = " ".join(raw.split())
        if not line or (_RULE.match(line) and len(line) > 2):
            if line and set(line) <= {"=", "-"} and lines and open_paragraph and len(lines[-1]) < 80:
                lines[-1] = ("# " if line[0] == "=" else "## ") + lines[-1]
            open_paragraph = False
            continue
        starts = _HEADING.match(line) or _BULLET.match(raw) or "|" in line
        if open_paragraph and not starts and lines and _was_wrapped(raws[number - 1], line):
            lines[-1] += " " + line
        else:
            lines.append(line)
        open_paragraph = not (_HEADING.match(line) or "|" in line)
    return lines


def _was_wrapped(above: str, line: str) -> bool:
    """Whether the line goes on where a long one above it was broken."""
    if len(above.rstrip()) >= _WRAP and above.rstrip()[-1:] not in (":",):
        return True
    return line[:1].islower() and above.rstrip()[-1:] not in ".:!?" and len(above.rstrip()) > 30
