"""What a research target is: a web address, a saved page, a folder of them, or the text itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agents.documents import Flag
from agents.errors import TargetEmpty, TargetNotFound, TargetTooLarge, TargetUnreadable
from agents.ports import Page
from agents.research.decoding import binary_kind, looks_like_html, refuse_binary

MAX_PAGE = 8 * 1024 * 1024
MAX_FILES = 60
MAX_FOLDER = 64 * 1024 * 1024
MAX_WALKED = 5_000
_TEXT = "text:"
_SUFFIXES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
_DOMAIN = re.compile(
    r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,24}(?::\d{1,5})?(?:[/?#]\S*)?$", re.IGNORECASE
)
_FILE_ENDING = re.compile(
    r"\.(?:x?html?|txt|md|markdown|pdf|docx?|zip|json|csv|xml|rtf|mhtml?|webarchive)$", re.IGNORECASE
)


@dataclass
class Saved:
    """Pages that are at hand without the web, and what was left aside."""

    pages: list[Page] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)


def web_address(target: str) -> str | None:
    """The address to fetch, for a web address or bare domain; None for anything else."""
    text = target.strip()
    if re.match(r"https?://", text, re.IGNORECASE):
        return text
    if text.startswith((_TEXT, "file:", "/", ".", "~")) or _existing(text) is not None:
        return None
    try:
        ascii_text = text if text.isascii() or "/" in text else text.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if _DOMAIN.match(ascii_text) and not _FILE_ENDING.search(ascii_text):
        return f"https://{ascii_text}" + ("" if "/" in ascii_text else "/")
    return None


def read_saved(target: str, now: Callable[[], datetime]) -> Saved:
    """The pages of a path or of pasted text.

    Raises:
        TargetNotFound: there is no such path.
        TargetEmpty: nothing readable is in it.
        TargetTooLarge: a page is over the size that is read.
        TargetUnreadable: it is a PDF, an image or other binary data.
    """
    if target.startswith(_TEXT):
        return Saved([_pasted(target[len(_TEXT) :], now())])
    path = _existing(target)
    if path is None:
        raise TargetNotFound(
            f"{target!r} does not exist; give a web address, the path of a saved page or folder, "
            "or text after 'text:'.",
            path=target,
        )
    if path.is_dir():
        return _folder(path, now())
    if not path.is_file():
        raise TargetUnreadable(f"{target!r} is not a file; save the page as HTML or paste its text.", path=target)
    return Saved([_file(path, target, now())])


def _existing(target: str) -> Path | None:
    if target.startswith("file:"):
        target = unquote(urlsplit(target).path)
    if not target.strip() or "\x00" in target or "\n" in target:
        return None
    try:
        path = Path(target).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):
        return None


def is_home(address: str) -> bool:
    """Whether an address is a site's first page: its root, or a saved `index.html` or `home.html`."""
    path = urlsplit(address).path.rstrip("/")
    name = path.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
    if address.startswith("file:"):
        return name in _HOME
    return not path or (path.count("/") == 1 and (name in _HOME or len(name) == 2))


_HOME = frozenset({"index", "home", "default", "start", "startseite", "accueil", "inicio", "homepage"})


def _pasted(text: str, now: datetime) -> Page:
    body = text.strip().encode("utf-8", "replace")
    if not body:
        raise TargetEmpty("The pasted text is empty; put the text after 'text:'.")
    _check_size(len(body), "The pasted text")
    kind = "text/html" if re.match(r"\s*(?:<!doctype html|<html)", text, re.IGNORECASE) else "text/plain"
    return Page(address=_TEXT, body=body, media_type=kind, charset="utf-8", fetched_at=now)


def _file(path: Path, shown: str, now: datetime) -> Page:
    try:
        _check_size(path.stat().st_size, repr(shown))
        with path.open("rb") as stream:
            body = stream.read(MAX_PAGE + 1)
    except OSError as error:
        raise TargetUnreadable(f"{shown!r} cannot be read: {error.strerror or error}.", path=shown) from error
    _check_size(len(body), repr(shown))
    if not body.strip():
        raise TargetEmpty(f"{shown!r} is empty; save the page again or paste its text.", path=shown)
    refuse_binary(body, repr(shown))
    media_type = "text/html" if looks_like_html(body) else _SUFFIXES.get(path.suffix.lower(), "text/plain")
    if path.suffix.lower() in (".md", ".markdown", ".txt") and not body.lstrip()[:100].lower().startswith(
        (b"<!doctype", b"<html")
    ):
        media_type = _SUFFIXES[path.suffix.lower()]
    return Page(address=path.resolve().as_uri(), body=body, media_type=media_type, fetched_at=now)


def _check_size(size: int, name: str) -> None:
    if size > MAX_PAGE:
        raise TargetTooLarge(
            f"{name} has {size / 1_048_576:.1f} MB; pages up to {MAX_PAGE // 1_048_576} MB are "
            "read. Save the part that matters, or paste its text.",
            size=size,
            limit=MAX_PAGE,
        )


def _folder(folder: Path, now: datetime) -> Saved:
    saved = Saved()
    total = 0
    files = _files(folder, saved)
    for path in files[:MAX_FILES]:
        name = path.relative_to(folder).as_posix()
        try:
            page = _file(path, name, now)
        except (TargetTooLarge, TargetUnreadable, TargetEmpty) as error:
            saved.flags.append(Flag(code="unreadable_file", message=f"Skipped: {error}"))
            continue
        total += len(page.body)
        if total > MAX_FOLDER:
            saved.flags.append(
                Flag(
                    code="unreadable_file",
                    message=(
                        f"{name!r} and what follows were not read: a folder is read up to {MAX_FOLDER // 1_048_576} MB."
                    ),
                )
            )
            break
        saved.pages.append(page)
    if len(files) > MAX_FILES:
        saved.flags.append(
            Flag(
                code="unreadable_file",
                message=(
                    f"{len(files) - MAX_FILES} more files in {folder.name!r} were not read; {MAX_FILES} is the most."
                ),
            )
        )
    if not saved.pages:
        names = " ".join(flag.message for flag in saved.flags[:3])
        raise TargetEmpty(
            f"{str(folder)!r} holds no page that can be read (.html, .htm, .txt or .md). {names}".strip(),
            path=str(folder),
        )
    return saved


def _files(folder: Path, saved: Saved) -> list[Path]:
    """Files that are pages by name or content, sorted; assets that browsers save beside a page are no pages."""
    found: list[Path] = []
    root = folder.resolve()
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= MAX_WALKED:
            break
        relative = path.relative_to(folder)
        if any(part.startswith(".") or part.endswith("_files") for part in relative.parts):
            continue
        try:
            if not path.is_file() or not path.resolve().is_relative_to(root):
                continue
            if path.suffix.lower() in _SUFFIXES:
                found.append(path)
            elif path.suffix.lower() not in _ASSETS:
                with path.open("rb") as stream:
                    head = stream.read(4096)
                if head and binary_kind(head) is None and looks_like_html(head):
                    found.append(path)
                elif binary_kind(head) is not None or path.suffix.lower() in (".pdf", ".docx", ".doc"):
                    saved.flags.append(
                        Flag(
                            code="unreadable_file",
                            message=(
                                f"Skipped: {relative.as_posix()!r} is {binary_kind(head) or 'no page'}, not a web page."
                            ),
                        )
                    )
        except OSError as error:
            saved.flags.append(
                Flag(
                    code="unreadable_file",
                    message=f"Skipped: {relative.as_posix()!r} cannot be read: {error.strerror or error}.",
                )
            )
    return found


_ASSETS = frozenset(
    {
        ".css",
        ".js",
        ".mjs",
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".svg",
        ".webp",
        ".ico",
        ".woff",
        ".woff2",
        ".ttf",
        ".map",
        ".json",
        ".mp4",
        ".webm",
        ".py",
    }
)
