"""The command `crm revert`: asks for what was written to be taken back, with `up` beside it or without."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.counter import TOKEN, USER, caller, is_embedded
from approvals.errors import NotFound
from approvals.lifecycle import OPEN
from approvals.ports import Wanted
from approvals.reading import Reading
from flows.errors import ENDS, FlowError
from flows.premises import running
from flows.settings import read_settings
from flows.supervisor import Supervisor, interruptible

if TYPE_CHECKING:
    from collections.abc import Callable

    from approvals.bootstrap import Approvals
    from approvals.decisions import Actor

_REQUESTER = "requester@localhost"
_POLL_SECONDS = 0.5


def revert_command(
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="Id of the request or of the run that wrote.")],
    as_: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="On whose behalf; else COUNTERSIGN_USER.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the run has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Take back what a CRM update wrote, where the CRM holds it still. Somebody else signs it first."""
    from flows import composition

    home = composition.approvals().settings.home
    say: Callable[[str], None] = (lambda sentence: typer.echo(sentence, err=True)) if as_json else typer.echo
    with interruptible() as interrupted, _runs_here(home, say, interrupted) as here:
        approvals = composition.approvals()
        by = _asker(approvals, as_)
        run = approvals.reverts.ask(_whole(approvals, receipt, by), by)
        say(f"{run.name}  {composition.run_url(run.id) or run.id}")
        ended = _followed(approvals, run.id, say, interrupted) if wait or here else ""
    if as_json:
        typer.echo(json.dumps({"run": {"id": run.id, "name": run.name, "state": ended}, "requester": by.id}))
    elif not (wait or here):
        typer.echo("See `countersign queue` for what waits.")
    elif not ended:
        typer.echo("The run waits; `countersign up` goes on with it.")
    if ended and ended not in ENDS:
        raise FlowError(f"The run ended as {ended}; its page in the Prefect UI says why.")


@contextmanager
def _runs_here(home: Path, say: Callable[[str], None], interrupted: Callable[[], bool]) -> Iterator[bool]:
    """Whether everything was started here for this one run: where `up` is at work, or a server is named, it is not."""
    if running(home) is not None or os.environ.get("PREFECT_API_URL"):
        yield False
        return
    from prefect.context import refresh_global_settings_context

    supervisor = Supervisor(
        home, prefect_port=0, queue_port=0, runs_at_once=read_settings().runs_at_once, tell=say, stopped=interrupted
    )
    with supervisor:
        # Prefect may have read its settings before there was a server to name.
        refresh_global_settings_context()
        yield True


def _asker(approvals: Approvals, named: str | None) -> Actor:
    """Who asks: named, by token, or in a home of one's own whoever `up` made to ask."""
    own = is_embedded(approvals.settings) and not os.environ.get(TOKEN) and not os.environ.get(USER)
    if named is None and own and approvals.directory.person(_REQUESTER) is not None:
        named = _REQUESTER
    return caller(approvals, named)


def _whole(approvals: Approvals, receipt: str, by: Actor) -> str:
    try:
        return Reading(approvals.service).found(receipt, by).id
    except NotFound:
        return receipt  # a run's, perhaps


def _followed(approvals: Approvals, run: str, say: Callable[[str], None], interrupted: Callable[[], bool]) -> str:
    """Tell where it is to be signed, and stay until the run has ended; its last state, or nothing where we left."""
    from approvals.resume import PrefectRuns

    runs, told = PrefectRuns(), set[str]()
    while not interrupted():
        with approvals.store.read() as transaction:
            waiting = transaction.page(Wanted(run=run, states=OPEN), limit=10).requests
        for request in waiting:
            if request.id not in told:
                told.add(request.id)
                say(f"Waits for a signature: {request.title} ({request.id})")
        watch = runs.statuses([run])[run]
        if watch.status in ("ended", "gone"):
            say(f"Ended: {watch.name}")
            return watch.name
        time.sleep(_POLL_SECONDS)
    return ""
