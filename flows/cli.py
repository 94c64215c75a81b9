"""The console script `countersign`: the commands of agents, approvals and flows under one name.

Exit 0: done. Exit 1: refused or failed, with one sentence on stderr. Exit 2: wrong usage.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agents import cli as agents_cli
from agents.errors import AgentError
from agents.suppress import suppress_app
from approvals import cli as approvals_cli
from approvals.errors import ApprovalError, PeopleError
from approvals.people import read_people
from approvals.settings import read_settings
from flows.busy import ask_again_soon
from flows.errors import ENDS, FlowError
from flows.handover import Ear, tell
from flows.prefect_server import Addresses, count_runs, settings_for
from flows.premises import running
from flows.reverting import revert_command
from flows.settings import read_settings as read_flow_settings
from flows.status import Counts, status
from flows.supervisor import Supervisor, interruptible

if TYPE_CHECKING:
    from approvals.bootstrap import Approvals

REQUESTER = "requester@localhost"
"""The person `up` creates to ask; the one `run` asks for where nobody else is named."""

REVIEWER = "reviewer@localhost"
"""The person `up` creates to decide."""


def _compose() -> Approvals:
    # Prefect takes a second to import: only commands that need it pay for it.
    from flows import composition

    return composition.approvals()


def _render(kind: str, document: Any) -> str | None:
    """A document as plain text, where this package knows how a person reads it; None leaves it to the general form."""
    from agents.documents import Brief, CrmUpdate, Proposal
    from agents.texts import render_brief, render_text, render_update

    match kind.removeprefix(f"{Proposal.__module__}:"):
        case "Proposal":
            return render_text(Proposal.model_validate(document))
        case "Brief":
            return render_brief(Brief.model_validate(document))
        case "CrmUpdate":
            return render_update(CrmUpdate.model_validate(document))
    return None


app = approvals_cli.commands(_compose, render=_render)
app.add_typer(agents_cli.crm_app, name="crm")
agents_cli.crm_app.command("revert")(revert_command)
app.add_typer(suppress_app, name="suppress")
app.command("research")(agents_cli.research_command)
run_app = typer.Typer(no_args_is_help=True, help="Start runs of a flow.")
app.add_typer(run_app, name="run")


@app.command()
def demo(
    auto: Annotated[bool, typer.Option("--auto", help="Play the reviewer, too.")] = False,
) -> None:
    """Run the main job in a fresh temporary home: three prospects, real gates, nothing left behind."""
    with tempfile.TemporaryDirectory(prefix="countersign-demo-") as folder:
        # Before Prefect is imported: it makes its own home at once, and nothing of the demo is to stay.
        os.environ["PREFECT_HOME"] = str(Path(folder) / "prefect")
        from flows.demo import reviewer
        from flows.demo.terminal import run_demo

        def show(request_id: str) -> None:
            app(["show", request_id, "--as", reviewer().id], standalone_mode=False)

        code = run_demo(Path(folder), auto=auto or not sys.stdin.isatty(), show=show)
    raise typer.Exit(code)


@app.command()
def up(
    postgres: Annotated[
        str, typer.Option(metavar="URL", help="Keep Prefect's tables and the queue's in this PostgreSQL database.")
    ] = "",
) -> None:
    """Run Prefect, the approval queue and a worker on this machine, until Ctrl-C."""
    settings, flows = read_settings(), read_flow_settings()
    found: list[Supervisor] = []
    with interruptible() as interrupted, status(settings.home, lambda: _counts(found[0].addresses)) as told:
        supervisor = Supervisor(
            settings.home,
            prefect_port=flows.prefect_port,
            queue_port=settings.port,
            runs_at_once=flows.runs_at_once,
            postgres=postgres,
            tell=told.tell,
            show=told.show,
            stopped=interrupted,
        )
        found.append(supervisor)
        try:
            with supervisor as addresses:
                for sentence in _first_people(settings.people, named=not postgres):
                    told.tell(sentence)
                told.note("Queue", f"{addresses.queue}/queue")
                told.note("Prefect UI", addresses.prefect)
                told.note("REST API", f"{addresses.queue}/api/openapi.json")
                for name, said in _first_link(addresses):
                    told.note(name, said)
                told.tell(f"Ready. Logs are in {settings.home / 'logs'}. Ctrl-C stops everything.")
                supervisor.watch(interrupted)
                told.tell("Stopping …")
        except KeyboardInterrupt:
            told.tell("Stopped before everything had started.")
            raise typer.Exit(1) from None


def _counts(addresses: Addresses) -> Counts | None:
    """What there is to do, as Prefect and the queue have it; None while one of them does not say."""
    from approvals.lifecycle import OPEN
    from approvals.ports import Wanted

    try:
        with _compose().store.read() as transaction:
            (requests,) = transaction.counts([Wanted(states=OPEN)])
        return Counts(
            waiting=count_runs(addresses, "PAUSED"),
            running=count_runs(addresses, "RUNNING", "PENDING"),
            due=count_runs(addresses, "SCHEDULED", due=True),
            requests=requests,
        )
    except (OSError, ValueError, ApprovalError):
        return None


@app.command()
def web(
    port: Annotated[int | None, typer.Option(help="Port to listen on; by default APPROVALS_PORT.")] = None,
) -> None:
    """Run the approval queue alone: its pages and REST API, and the loops that wake runs and send messages."""
    # Where Prefect's server is busy, the waker asks again in a moment; its client would sleep for seconds.
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "0")
    from approvals.resume import PrefectRecords, PrefectRuns
    from approvals.web import serve
    from flows import composition
    from flows.monitoring import Monitoring
    from flows.waking import Waker
    from flows.watching import Watching

    approvals, settings = _compose(), read_flow_settings()
    monitoring = Monitoring(approvals, _render, documents=settings.show_documents, address=approvals.settings.address)
    home = approvals.settings.home
    runs = PrefectRuns(announce=lambda what, run: tell(home, "worker", {"is": what, "run": run}), opened=ask_again_soon)
    waker = Waker(
        approvals,
        runs,
        every=settings.wake_seconds,
        reconcile_every=settings.reconcile_seconds,
        lease=settings.lease_seconds,
        ear=_ear(home),
    )
    stop = threading.Event()
    # Loops of their own: however slow a receiver of messages or Prefect is, runs are woken and deadlines kept.
    loops = [
        threading.Thread(target=loop, args=(stop,), name=name, daemon=True)
        for name, loop in (
            ("waking", waker.run),
            ("watching", Watching(waker.look_after).run),
            ("notifying", approvals.outbox.run),
            ("monitoring", monitoring.run),
        )
    ]
    for loop in loops:
        loop.start()
    try:
        serve(
            approvals,
            host=approvals.settings.host,
            port=approvals.settings.port if port is None else port,
            records=PrefectRecords(),
            pages=composition.agents().snapshots,
        )
    finally:
        stop.set()
        for loop in loops:
            loop.join(5)


def _ear(home: Path) -> Ear | None:
    """Where this process hears of answers that others on this machine have given."""
    try:
        return Ear(home, "waker", str(os.getpid()))
    except OSError as error:
        typer.echo(f"Answers given on this machine are found by looking, not at once ({error}).", err=True)
        return None


@run_app.command("outreach")
def run_outreach(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET…", help="Web address, domain, saved page, folder, or text:…")
    ],
    name: Annotated[str | None, typer.Option(help="The company's name, for one target.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where a saved page came from, for one target.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until every run has ended.")] = False,
    # Not COUNTERSIGN_USER: that names who decides, and nobody decides on what they asked for.
    as_: Annotated[str | None, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Start an outreach run for each target. It waits at its gates until somebody signs."""
    from agents.documents import Prospect
    from flows.batches import readable
    from flows.starting import start_run

    if len(targets) > 1 and (name or source_url):
        raise typer.BadParameter("--name and --source-url go with one TARGET")
    prospects = [Prospect(target=readable(one), name=name, source_url=source_url) for one in targets]
    requester = _requester(as_)

    async def start() -> list[dict[str, str]]:
        started = []
        for prospect in prospects:
            run = await start_run("outreach/outreach", {"prospect": prospect.model_dump()}, requester=requester)
            started.append({"id": str(run.id), "name": run.name, "target": prospect.target, "url": _run_url(run.id)})
        return started

    started = asyncio.run(start())
    if wait:
        _wait_for(started, quiet=as_json)
    if as_json:
        typer.echo(json.dumps({"runs": started, "requester": requester}, ensure_ascii=False))
    else:
        for run in started:
            ended = f"  {run['state']}" if "state" in run else ""
            typer.echo(f"{run['name']}  {run['url']}{ended}")
        if not wait:
            typer.echo("See `countersign queue` for what waits.")
    if wait and any(run["state"] not in ENDS for run in started):
        _fail("A run did not end as it should; its page in the Prefect UI says why.")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Look for what would keep Countersign from working here, and say what to do about it."""
    from flows.doctor import examine

    found = examine()
    if as_json:
        typer.echo(json.dumps({"checks": [check._asdict() for check in found]}, ensure_ascii=False))
    else:
        for check in found:
            typer.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.said}")
    if not all(check.ok for check in found):
        raise typer.Exit(1)


def _first_people(path: Path, *, named: bool) -> Sequence[str]:
    """In a new home: somebody who asks and somebody who decides, by their name alone if that is enough there."""
    if path.exists():
        return ()
    from approvals.people import add_person
    from approvals.ports import Person

    add_person(path, Person(email=REQUESTER, name="Requester", groups=()))
    groups = ("sales", "revops", "managers")
    add_person(path, Person(email=REVIEWER, name="Reviewer", groups=groups, role="admin"))
    return (
        f"New home. {REQUESTER} asks; {REVIEWER} decides ({', '.join(groups)}). Edit {path} for your own people.",
        *((f"Decide with: countersign queue --as {REVIEWER}",) if named else ()),
    )


def _first_link(addresses: Addresses) -> Sequence[tuple[str, str]]:
    """Where nobody has ever signed in: a link for whoever decides in a new home, or for its first administrator.

    On a store of several a name proves nothing; there it is how to come by the first token.
    """
    from approvals.cli.counter import is_embedded
    from approvals.decisions import Actor
    from flows import composition

    approvals = _compose()
    try:
        people = [one for one in approvals.directory.people() if one.active and one.role == "admin"]
        person = next((one for one in people if one.email == REVIEWER), next(iter(people), None))
        if person is None or approvals.sessions.ever():
            return ()
        if not is_embedded(approvals.settings):
            if approvals.tokens.any():
                return ()
            scopes = "--scope read --scope decide --scope admin"
            return (("First token", f"countersign token create {person.email} {scopes}"),)
        owner = Actor(kind="system", id="countersign", via="embedded", scopes=frozenset({"read", "admin"}))
        made = approvals.tickets.make(person.email, owner)
    finally:
        composition.reset()
    address = approvals.settings.public_url or addresses.queue
    return (("Sign in", f"{address}{made.path}  (as {person.email}, once, within a day)"),)


def _requester(named: str | None) -> str:
    """On whose behalf: whoever a token names, or somebody in the list of people; in a new home the one `up` made.

    Raises:
        NotAuthenticated: the token is none. PeopleError: nobody of this name is in the list.
    """
    if token := os.environ.get("COUNTERSIGN_TOKEN"):
        return _compose().tokens.authenticate(token).id
    path = read_settings().people
    known = {person.email.casefold(): person.email for person in read_people(path)} if path.exists() else {}
    if named is not None and known and named.casefold() not in known:
        raise PeopleError(
            f"{named!r} is not in {path}, so nothing can be asked on their behalf. They are: {', '.join(known)}."
        )
    return named or known.get(REQUESTER) or f"cli:{os.environ.get('USER') or os.getuid()}"


def _run_url(run_id: object) -> str:
    from flows.composition import run_url

    return run_url(str(run_id)) or ""


def _wait_for(started: list[dict[str, str]], *, quiet: bool) -> None:
    from time import sleep

    from approvals.resume import PrefectRuns

    runs = PrefectRuns()
    while any("state" not in run for run in started):
        watches = runs.statuses([run["id"] for run in started])
        for run in started:
            watch = watches[run["id"]]
            if "state" not in run and watch.status in ("ended", "gone"):
                run["state"] = watch.name
                if not quiet:
                    typer.echo(f"{run['name']} ended: {watch.name}")
        sleep(0.5)


def _join(home: Path) -> None:
    """Point this process to what `up` runs on this home, unless the caller points it elsewhere."""
    addresses: Addresses | None = running(home)
    if addresses is None:
        return
    os.environ.setdefault("APPROVALS_PUBLIC_URL", addresses.queue)
    if addresses.store:
        os.environ.setdefault("APPROVALS_STORE", addresses.store)
    if os.environ.get("PREFECT_API_URL"):
        return
    for name, value in settings_for(home, addresses).items():
        os.environ.setdefault(name, value)


def _fail(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)  # noqa: T201
    raise SystemExit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a refusal is one sentence and exit 1, never a traceback."""
    command: Callable[..., Any] = app
    try:
        _join(read_settings().home)
        command(list(arguments) if arguments is not None else None)
    except (AgentError, ApprovalError, FlowError) as error:
        _fail(str(error))
    except BrokenPipeError:
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
