"""Where a command begins: the queue it works on, and who is at the keyboard."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from approvals.bootstrap import Approvals
from approvals.decisions import Actor, Scope
from approvals.errors import NotAuthenticated, PeopleError
from approvals.reading import Reading
from approvals.settings import Settings

Render = Callable[[str, Any], str | None]

As = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help="Who you are, on a queue of your own; else COUNTERSIGN_USER."),
]
RequestId = Annotated[str, typer.Argument(metavar="ID", help="Id of the request, or how it begins.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

TOKEN = "COUNTERSIGN_TOKEN"  # noqa: S105, the name of a variable
USER = "COUNTERSIGN_USER"


@dataclass(frozen=True)
class Session:
    """One command's queue, and whoever gave the command."""

    approvals: Approvals
    by: Actor
    reading: Reading
    render: Render | None


class Counter:
    """Opens a session per command; composes nothing before one runs."""

    def __init__(self, compose: Callable[[], Approvals], render: Render | None = None) -> None:
        self._compose = compose
        self._render = render

    @contextmanager
    def session(self, who: str | None, *, owner: bool = False, founding: bool = False) -> Iterator[Session]:
        """The queue and the caller.

        `owner`: whoever owns an embedded home need not say a name for this. `founding`: whoever can open the store
        may do this while it holds no token, for nobody could have one.

        Raises:
            NotAuthenticated: nobody can tell who is asking; the message says how to.
        """
        approvals = self._compose()
        try:
            by = caller(approvals, who, owner=owner, founding=founding)
            yield Session(approvals, by, Reading(approvals.service), self._render)
        finally:
            approvals.close()


def caller(approvals: Approvals, who: str | None, *, owner: bool = False, founding: bool = False) -> Actor:
    """Who gave the command: named on an embedded home, else by token.

    Raises:
        NotAuthenticated: neither; the message says what to do.
    """
    own, token = is_embedded(approvals.settings), os.environ.get(TOKEN)
    if who is not None and not own:
        raise NotAuthenticated(
            f"--as counts only on a queue of your own, a SQLite store in a home that belongs to you. Set {TOKEN} here."
        )
    if token and who is None:
        return approvals.tokens.authenticate(token)
    named = who or os.environ.get(USER)
    if own and named:
        return _named(approvals, named)
    if own and owner:
        return Actor(kind="system", id="countersign", via="embedded", scopes=frozenset({"read", "admin"}))
    if own:
        raise NotAuthenticated(f"Say who you are: --as EMAIL, or set {USER}. {_deciders(approvals)}")
    if founding and not approvals.tokens.any():
        return Actor(kind="system", id="countersign", via="system", scopes=frozenset({"read", "admin"}))
    raise NotAuthenticated(f"Say who you are: set {TOKEN} to a token that an administrator of this queue made for you.")


def is_embedded(settings: Settings) -> bool:
    """Whether the store is a SQLite file in a home that belongs to whoever runs this."""
    # Read as the store reads it: a path that means another file there must not count here.
    scheme, _, path = settings.store.partition(":///")
    if scheme != "sqlite" or path in ("", ":memory:"):
        return False
    home = Path(os.path.realpath(settings.home))
    file = Path(os.path.realpath(Path(path).expanduser()))
    if home not in file.parents:
        return False
    # Where somebody else may put a file into the home, a name proves nothing.
    try:
        return home.stat().st_uid == os.getuid() and not home.stat().st_mode & 0o002
    except OSError:
        return False


def _named(approvals: Approvals, email: str) -> Actor:
    person = approvals.directory.person(email)
    scopes: set[Scope] = {"read", "decide"}
    if person is not None and person.role == "admin":
        scopes.add("admin")
    # Somebody unknown is let through to the service, which refuses them like on every surface.
    return Actor(kind="person", id=person.email if person else email, via="embedded", scopes=frozenset(scopes))


def _deciders(approvals: Approvals) -> str:
    try:
        people = approvals.directory.people()
    except PeopleError as error:
        return str(error)
    listed = ", ".join(person.email for person in people if person.active and person.role != "viewer")
    return f"Who may decide here: {listed}." if listed else "Nobody is in the list of people yet; see `people add`."
