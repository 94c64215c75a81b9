"""A home full of requests, without a single run: for trying the pages, for pictures and for tests in a browser.

`make showcase` builds one in a temporary folder and serves it; `python -m flows.demo.showcase --home DIR` builds one
to keep. The same seed and moment give the same requests, but for their ids. Everything goes through the gatekeeper and
the service, as it would in earnest.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from approvals.bootstrap import Approvals
from approvals.decisions import SYSTEM
from approvals.lifecycle import OPEN
from approvals.ports import Wanted
from flows.demo.stories import stories
from flows.demo.theatre import PEOPLE, Theatre

NOW = datetime(2026, 11, 20, 9, 40, tzinfo=UTC)
"""The moment at which the showcase stands unless it is told another."""

SEED = 11
DAYS = 28


def staged_requests(home: Path, *, now: datetime = NOW, seed: int = SEED) -> Theatre:
    """Build the showcase in this folder, which must be new or empty, and leave it open at `now`.

    Whoever calls it closes `theatre.approvals`.

    Raises:
        FileExistsError: something is in the folder already.
    """
    if home.exists() and any(home.iterdir()):
        raise FileExistsError(f"{str(home)!r} is not empty; name a folder that is.")
    theatre = Theatre(home, now - timedelta(days=DAYS), seed)
    theatre.play(stories(theatre, now), now)
    return theatre


def main(arguments: list[str] | None = None) -> int:
    """Build the home that was named, tell what is in it, and serve it if that was asked."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo.showcase", description=__doc__)
    parser.add_argument("--home", type=Path, help="folder to build; must be new or empty; a temporary one, if not said")
    parser.add_argument("--now", type=datetime.fromisoformat, help="moment it stands at, in ISO; by default this one")
    parser.add_argument("--seed", type=int, default=SEED, help="another number, other figures")
    parser.add_argument(
        "--serve", type=int, metavar="PORT", help="serve the queue; nothing wakes runs or keeps deadlines"
    )
    given = parser.parse_args(arguments)
    now = (given.now or datetime.now(UTC)).astimezone(UTC)
    with tempfile.TemporaryDirectory(prefix="countersign-showcase-") as folder:
        home = given.home or Path(folder) / "home"
        typer.echo("Building …")
        try:
            theatre = staged_requests(home, now=now, seed=given.seed)
        except FileExistsError as error:
            typer.echo(str(error), err=True)
            return 1
        _tell(theatre.approvals, home)
        try:
            if given.serve is not None:
                _serve(theatre, given.serve)
        finally:
            theatre.approvals.close()
    return 0


def _tell(approvals: Approvals, home: Path) -> None:
    with approvals.store.read() as transaction:
        waiting = transaction.page(Wanted(states=OPEN), limit=1).total
        everything = transaction.page(Wanted(), limit=1).total
    entries = approvals.ledger.verify().entries
    typer.echo(
        f"{home}: {waiting} requests wait, {everything - waiting} are answered; the record has {entries} entries."
    )
    for person in PEOPLE:
        typer.echo(f"  {person.email:<28} {person.role:<9} {', '.join(person.groups) or '-'}")
    typer.echo(f"At a terminal: COUNTERSIGN_HOME={home} countersign queue --as {PEOPLE[0].email}")


def _serve(theatre: Theatre, port: int) -> None:
    from approvals.web import serve

    # From here on time goes by as it does for everybody.
    begun, shown = datetime.now(UTC), theatre.clock.now
    theatre.clock.tell = lambda: shown + (datetime.now(UTC) - begun)
    host = theatre.approvals.settings.host
    for person in PEOPLE[:3]:
        path = theatre.approvals.tickets.make(person.email, SYSTEM).path
        typer.echo(f"Sign in as {person.name or person.email}, once: http://{host}:{port}{path}")
    typer.echo("Ctrl-C ends it.")
    serve(theatre.approvals, host=theatre.approvals.settings.host, port=port)


if __name__ == "__main__":
    raise SystemExit(main())
