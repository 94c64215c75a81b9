"""From bytes to characters: what kind of file it is, and in which charset its text is written."""

from __future__ import annotations

import codecs
import re

from agents.errors import TargetUnreadable

_META = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|div|p|h1|ul|table|article|section|main)\b", re.IGNORECASE
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# What the web's encoding standard calls Latin-1 and ASCII is cp1252; utf-7 and its like hide markup and are not read.
_LATIN = {"iso8859-1", "latin_1", "ascii", "cp1252", "iso8859-15"}
_READABLE = re.compile(r"^(utf_8|utf-8|utf_16(_[bl]e)?|utf-16(-[bl]e)?|iso8859-\d+|cp125\d|cp866|koi8-[ru]|mac-roman|"
                       r"gb18030|gbk|gb2312|big5|shift_jis|euc_jp|euc_kr|cp949)$")  # fmt: skip

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a media file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "an RTF document"),
    (b"bplist", "a Safari web archive"),
)


def binary_kind(body: bytes) -> str | None:
    """What this is when it is no text: `a PDF`, `a ZIP archive`, `binary data`; None for text."""
    head = body[:4096].lstrip(b"\r\n\t ")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if any(body.startswith(bom) for bom, _ in _BOMS):
        return None
    control = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in body[:4096])
    if control == 0:
        return None
    if body[:4096].count(0) <= 4 and control <= 8 and _HTML.search(body[:65536]):
        return None  # a stray control character in a page is dirt, not another format
    return "binary data"


def refuse_binary(body: bytes, name: str) -> None:
    """Raise a sentence that says what the file is, where it is neither a page nor text.

    Raises:
        TargetUnreadable: it is a PDF, an image, an archive or other binary data.
    """
    kind = binary_kind(body)
    if kind is not None:
        raise TargetUnreadable(
            f"{name} is {kind}, not a web page; save the page as HTML or paste its text.", path=name, kind=kind
        )


def looks_like_html(body: bytes) -> bool:
    """Whether the first kilobytes hold tags of a page."""
    return _HTML.search(_without_nul(body[:65536])) is not None


def _without_nul(head: bytes) -> bytes:
    return head.replace(b"\x00", b"")


def _known(label: str | None) -> str | None:
    if not label:
        return None
    try:
        name = codecs.lookup(label.strip()).name
    except LookupError:
        return None
    if name in _LATIN:
        return "cp1252"
    return name if _READABLE.match(name) else None


def decode(body: bytes, charset: str | None = None) -> tuple[str, str]:
    """The text and the charset it was read in: HTTP header, byte order mark, meta, utf-8, then cp1252."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return _as(body, name), name
    declared = _known(charset)
    if declared is None:
        match = _XML.search(body[:1024]) or _META.search(body[:16384])
        declared = _known(match.group(1).decode("ascii")) if match else None
        if declared is not None and declared.startswith("utf-16"):
            declared = "utf-8"  # a meta tag that can be read as ASCII is not utf-16
    if declared is None or declared == "cp1252":
        # Many pages that say Latin-1 are utf-8: bytes that are valid utf-8 and hold umlauts are hardly anything else.
        try:
            return body.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            if declared is None:
                declared = "utf-8" if _nearly_utf8(body) else "cp1252"
    elif declared == "utf-8":
        try:
            return body.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            declared = "utf-8" if _nearly_utf8(body) else "cp1252"
    return _as(body, declared), declared


def _nearly_utf8(body: bytes) -> bool:
    """Whether a few broken bytes, or a cut, spoil what is utf-8 otherwise."""
    text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for char in text[:200_000] if char > "\x7f") - bad
    return good > bad


def _as(body: bytes, charset: str) -> str:
    if charset == "cp1252":
        return body.decode("cp1252", "replace")
    text = body.decode(charset, "replace")
    return text.removeprefix("\ufeff")
