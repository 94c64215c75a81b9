"""What a completions server answers, read leniently: the text, why it ended, whether it declined, and what it took."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from agents.providers.metering import Usage

_LONGEST = 200


class Completion(NamedTuple):
    """One answer of a server; `broken` where it is no JSON, `markup` where it is a web page."""

    text: str = ""
    cut: bool = False
    refusal: str = ""
    usage: Usage | None = None
    broken: bool = False
    markup: bool = False


def completion_of(body: bytes) -> Completion:
    """What this body says."""
    text = body.decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Completion(broken=True, markup=bool(re.match(r"\s*<(?:!doctype|html|head|body)", text, re.IGNORECASE)))
    usage = _usage(data)
    try:
        choice = data["choices"][0]
        message = choice.get("message") or {}
        ended = str(choice.get("finish_reason") or "")
        refusal = message.get("refusal")
        written = _text(message.get("content"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return Completion(usage=usage)
    if refusal:
        return Completion(refusal=short(str(refusal)), usage=usage)
    if ended == "content_filter":
        return Completion(refusal="its content filter stopped the answer.", usage=usage)
    return Completion(text=written, cut=ended == "length", usage=usage)


def told(body: bytes) -> str:
    """The sentence in an error's body, on one line, without markup, and short."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return short(re.sub(r"<[^>]*>", " ", text)) or "nothing"
    error = data.get("error", data) if isinstance(data, dict) else data
    if isinstance(error, dict):
        words = [str(error[name]) for name in ("message", "detail", "code", "param") if error.get(name)]
        return short("; ".join(dict.fromkeys(words)) or json.dumps(error))
    return short(str(error))


def short(text: str) -> str:
    """The beginning of a text, on one line, without characters that nobody would see."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _usage(data: Any) -> Usage | None:
    usage = data.get("usage") if isinstance(data, dict) else None
    if not isinstance(usage, dict):
        return None
    asked, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not (isinstance(asked, int) and isinstance(written, int) and 0 <= asked < 10**9 and 0 <= written < 10**9):
        return None
    return Usage(asked, written)


def _text(content: Any) -> str:
    if isinstance(content, list):  # some servers hand it in parts
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
