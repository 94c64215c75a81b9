"""Pairs of a label and what it labels: table rows, definition lists, `Label: value`, and a label above its value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.documents import FactKey
from agents.research.pages import ReadPage
from agents.research.vocabulary import PRIVATE, label_key

_INLINE = re.compile(r"(?:^|(?<=[|•·;]\s)|(?<=[.,] ))([^\W\d_][^:|•·;.]{0,45}?\.?)\s?[:：]\s+(?=\S)")
_MAX_VALUE = 300
_COUNT = re.compile(r"[~≈>+]?\s?\d[\d.,'’\u00a0 ]{0,9}\s?[+k]?\+?")
_SUM = re.compile(
    r"[~≈>+]?\s?(?:(?:€|\$|£|EUR|USD|GBP|CHF)\s?\d[\d.,]{0,9}\s?(?:k|m|bn|M|Mio\.?|Mrd\.?|million|billion)?"
    r"|\d[\d.,]{0,9}\s?(?:M|Md|Mio\.?|Mrd\.?|million|millions|Millionen|millones)?\s?(?:€|EUR|Euro|\$|£|CHF|d['’]euros"
    r"|d['’]€|de euros))\+?"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A label and its value; `start` is the label's, `value_start` and `end` the value's place in the text."""

    label: str
    key: FactKey | None
    value: str
    start: int
    value_start: int
    end: int
    index: int


def pairs(page: ReadPage) -> Iterator[Pair]:
    """Every labelled value of the page, in order."""
    yield from _of_rows(page)
    for index, line in enumerate(page.lines):
        if not line.excluded and len(line.text) < 1_500:
            yield from _inline(page, index)
    yield from _stacked(page)


def _of_rows(page: ReadPage) -> Iterator[Pair]:
    for row in page.rows:
        if len(row) < 2 or any(page.lines[i].excluded for i in row):
            continue
        if page.lines[row[0]].tag in ("dt", "dd"):
            yield from _definitions(page, row)
            continue
        cells: list[list[int]] = []
        for index in row:
            if cells and page.lines[cells[-1][0]].cell == page.lines[index].cell:
                cells[-1].append(index)
            else:
                cells.append([index])
        for position in range(0, len(cells) - 1, 2):
            if len(cells) == 2 or label_key(page.lines[cells[position][0]].text):
                yield from _pair(page, cells[position], cells[position + 1])


def _definitions(page: ReadPage, row: list[int]) -> Iterator[Pair]:
    term: list[int] = []
    body: list[int] = []
    for index in [*row, -1]:
        is_term = index < 0 or (page.lines[index].tag == "dt" or "dt" in page.lines[index].path[-2:])
        if is_term:
            if term and body:
                yield from _pair(page, term, body)
            if index >= 0:
                term, body = ([*term, index] if term and not body else [index]), []
        else:
            body.append(index)


def _pair(page: ReadPage, label: list[int], value: list[int]) -> Iterator[Pair]:
    words = " ".join(page.lines[i].text for i in label)
    first, last = page.lines[value[0]], page.lines[value[-1]]
    end = min(last.end, first.start + _MAX_VALUE)
    yield Pair(
        words, label_key(words), page.text[first.start : end], page.lines[label[0]].start, first.start, end, value[0]
    )


def _inline(page: ReadPage, index: int) -> Iterator[Pair]:
    line = page.lines[index]
    matches = [m for m in _INLINE.finditer(line.text) if label_key(m[1]) or m.start() == 0]
    for number, match in enumerate(matches):
        stop = matches[number + 1].start() if number + 1 < len(matches) else len(line.text)
        value = line.text[match.end() : stop].rstrip(" |•·;,")
        if not value:
            continue
        start = line.start + match.end()
        key = label_key(match[1])
        end = start + min(len(value), _MAX_VALUE)
        if key is FactKey.ADDRESS:
            end = _following(page, index, end)
        yield Pair(match[1], key, page.text[start:end], line.start + match.start(1), start, end, index)


def _following(page: ReadPage, index: int, end: int) -> int:
    """An address goes on over the next lines of its block while they look like one."""
    for line in page.lines[index + 1 : index + 3]:
        if (
            line.parent != page.lines[index].parent
            or not re.search(r"\d{4,5}|^[A-Z][\w' .-]{2,30}$", line.text)
            or ":" in line.text
            or sum(char.isdigit() for char in line.text) > 8  # a telephone number
        ):
            break
        end = line.end
    return end


def _stacked(page: ReadPage) -> Iterator[Pair]:
    """A line that is nothing but a label, with its value in the next line, or a number with its label below."""
    for index, line in enumerate(page.lines[:-1]):
        following = page.lines[index + 1]
        if (
            line.excluded
            or following.excluded
            or "nav" in (line.region, following.region)
            or line.row >= 0
            or len(line.text) > 45
            or (following.level and not line.level)
        ):
            continue
        key = label_key(line.text)
        counted = index > 0 and _COUNT.fullmatch(page.lines[index - 1].text) is not None
        if counted and _COUNT.fullmatch(following.text):
            key = None  # its number stands above it; the one below belongs to the next label
        if key is not None and len(following.text) <= 160 and label_key(following.text) is None:
            end = _following(page, index + 1, following.end) if key is FactKey.ADDRESS else following.end
            yield Pair(line.text, key, page.text[following.start : end], line.start, following.start, end, index + 1)
        if _SUM.fullmatch(line.text) and label_key(following.text) is FactKey.REVENUE:
            yield Pair(following.text, FactKey.REVENUE, line.text, line.start, line.start, following.end, index)
        if _COUNT.fullmatch(line.text) and (key := label_key(following.text)):
            yield Pair(following.text, key, line.text, line.start, line.start, following.end, index)
        if re.fullmatch(r"(?:1[89]|20)\d\d", line.text) and (key := label_key(following.text)) is FactKey.FOUNDED:
            yield Pair(following.text, key, line.text, line.start, line.start, following.end, index)


def is_private(page: ReadPage, index: int) -> bool:
    """Whether the line above, or the label of this row, calls what stands here private."""
    if PRIVATE.search(page.lines[index].text[:200]):
        return True
    above = page.lines[index - 1].text if index else ""
    return 0 < len(above) < 40 and PRIVATE.search(above) is not None and not re.search(r"[\d@]", above)
