"""The queue on the command line: reading, deciding and looking after it, for whoever mounts `commands`."""

from __future__ import annotations

from collections.abc import Callable

import typer

from approvals.bootstrap import Approvals
from approvals.cli import deciding, entering, notifying, operating, reading
from approvals.cli.counter import Counter, Render

__all__ = ["Render", "commands"]


def commands(compose: Callable[[], Approvals], *, render: Render | None = None) -> typer.Typer:
    """The commands, working on the queue that `compose` puts together when one of them runs.

    `render(kind, document)` says a document as plain text where it knows its kind, and None elsewhere.
    """
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    counter = Counter(compose, render)
    for part in (reading, deciding, operating, entering, notifying):
        part.register(app, counter)
    return app
