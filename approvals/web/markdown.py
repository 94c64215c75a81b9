"""Markdown that an agent wrote, for reading: no markup of its own, no picture, and links that say where they lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

from approvals.characters import revealed, visible


def read_markdown(text: str) -> Markup:
    """The text as HTML that asks for nothing and leads nowhere: a link is its words and its target, spelled out."""
    return Markup(_READER.render(revealed(text)))  # noqa: S704, the reader escapes what it does not know


def equip(environment: Environment) -> None:
    """Give templates the filter `read_markdown`, which the form needs."""
    environment.filters["read_markdown"] = read_markdown


class _Renderer(RendererHTML):
    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        return '<span class="link">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        opening = _opening(tokens, idx)
        if opening is None or opening.info == "auto":
            return "</span>"
        return f'</span> <span class="link-target">({escape(visible(str(opening.attrGet("href") or "")))})</span>'

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        # The page has a heading of its own above each text.
        return f"<h{_level(tokens[idx])}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        return f"</h{_level(tokens[idx])}>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        return f"<th{_aligned(tokens[idx])}>"

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        return f"<td{_aligned(tokens[idx])}>"


def _level(token: Token) -> int:
    return min(int(token.tag[1:]) + 2, 6)


def _aligned(token: Token) -> str:
    # Where the reader would write a style, which the pages' policy forbids.
    side = str(token.attrGet("style") or "").removeprefix("text-align:")
    return f' class="to-the-{side}"' if side in ("left", "right", "center") else ""


def _opening(tokens: Sequence[Token], closing: int) -> Token | None:
    # Links do not nest, so the nearest one before is the one that is closed.
    return next((tokens[place] for place in range(closing - 1, -1, -1) if tokens[place].type == "link_open"), None)


_READER = MarkdownIt(
    "js-default", {"html": False, "linkify": False, "typographer": False}, renderer_cls=_Renderer
).disable("image")
