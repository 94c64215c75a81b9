"""What reaches the terminal: nothing that others wrote can move its cursor, colour it or turn its direction."""

from __future__ import annotations

import functools
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, TextIO, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from approvals.characters import visible
from approvals.errors import ApprovalError

P = ParamSpec("P")
R = TypeVar("R")

_UNCROPPED = 1_000_000


def say(text: str) -> None:
    """Print text, line by line as it stands."""
    _write(sys.stdout, text)


def say_markdown(text: str) -> None:
    """Print Markdown: laid out for a person at a terminal, and as it stands where somebody pipes it."""
    if not sys.stdout.isatty():
        say(text)
        return
    # No links: an address is to be read, and what lies behind a word cannot be.
    Console(highlight=False, emoji=False).print(Markdown(visible(text, multiline=True), hyperlinks=False))


def note(text: str) -> None:
    """Print text beside what the command answers: to the standard error."""
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    shown = visible(text, multiline=True).rstrip("\n") + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def say_json(value: Any) -> None:
    """Print JSON and nothing else; a reader gets every character, whatever the terminal can show."""
    plain = _plain(value)
    # Escaped: a direction mark or an escape sequence must not act where somebody looks at the JSON.
    sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns: folded to the terminal's width, and as wide as they are where somebody pipes them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNCROPPED
    laid_out = io.StringIO()
    Console(file=laid_out, width=width, color_system=None, markup=False, highlight=False, emoji=False).print(table)
    say("\n".join(line.rstrip() for line in laid_out.getvalue().splitlines()))


def refusing(command: Callable[P, R]) -> Callable[P, R]:
    """The command, ending with one sentence and exit code 1 where something is refused or fails."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            sentence = f"{where}: {first['msg']}." if where else f"{first['msg']}."
        except ApprovalError as error:
            sentence = str(error)
        except UnicodeError as error:
            sentence = f"What was given is not text that can be kept: {error}."
        except BrokenPipeError:
            raise  # whoever read our output has enough; the command-line library ends quietly
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            sentence = f"{named}{error.strerror or error}."
        note(" ".join(sentence.split()))
        raise typer.Exit(1)

    return told
