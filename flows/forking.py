"""The fork server: a process that has everything imported, and keeps children ready that wait for a run each.

It is a process of its own, started with exec, with one thread and no loop, client or database handle, because only
such a process may be forked without harm. The worker starts it (flows/children.py); run as
`python -m flows.forking FD`, it speaks with the worker over the socket FD.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import inspect
import json
import logging
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

LATE = (
    # What a run imports on its way anyway; imported here, it is there already.
    "prefect.flow_engine",
    "prefect.engine",
    "prefect.task_engine",
    "prefect.runtime.flow_run",
    "prefect.results",
    "prefect.client.orchestration",
    "prefect.events.worker",
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "rich._emoji_codes",
    "approvals.store.sqlite",
    "approvals.store.prepared",
    "approvals.store.migrating",
    "flows.composition",
    "flows.engine",
    "flows.gates",
    "flows.lingering",
    "flows.relief",
)

log = logging.getLogger("countersign.forking")


def main(handle: int) -> None:
    """Serve the worker at the other end of this socket until it hangs up; in a child, run what it is handed."""
    control = socket.socket(fileno=handle)
    # The worker stops us; a Ctrl-C or `kill` of the whole group must not leave it without its children's ends.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    _call_it("cs-forking")
    terms = json.loads(control.recv(1 << 20))
    failed = _preload(terms["modules"])
    _say(control, {"loaded": _files(terms["packages"]), "failed": failed})
    gc.collect()
    gc.freeze()  # so that a child's collector does not touch, and thereby copy, what all of them share
    channel = _serve(control, terms["ready"])
    if channel is not None:
        _live(channel)


def _preload(modules: Sequence[str]) -> dict[str, str]:
    failed: dict[str, str] = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # the run that needs it says the same, where somebody reads it
            failed[name] = f"{type(error).__name__}: {error}"
    try:
        importlib.import_module("flows.rehearsal").rehearse()
    except Exception as error:
        failed["flows.rehearsal"] = f"{type(error).__name__}: {error}"
    return failed


def _files(packages: Sequence[str]) -> list[str]:
    """The files of the loaded modules of these packages: when one changes, this process is out of date."""
    files = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in packages and (file := getattr(module, "__file__", None)):
            files.add(file)
    return sorted(files)


def _serve(control: socket.socket, ready: int) -> socket.socket | None:
    """Fork when told to and tell who has ended; returns in a child, with its channel, and here when it is over."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: set[int] = set()
    retired = False
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        wanted = ready
        while True:
            for _ in range(wanted):
                channel, pid = _fork(control)
                if channel is not None:
                    signal.set_wakeup_fd(-1)
                    selector.close()
                    for one in (control.fileno(), woken, wake):
                        os.close(one)
                    control.detach()
                    return channel
                children.add(pid)
            wanted = 0
            if retired and not children:
                return None
            for key, _ in selector.select():
                if key.fd == woken:
                    os.read(woken, 512)
                    continue
                words = _heard(control)
                if not words:
                    return None  # the worker is gone; whoever is at work goes on
                message = json.loads(words)
                wanted += message.get("fork", 0)
                retired = retired or message.get("retire", False)
            _reap(control, children)


def _heard(control: socket.socket) -> bytes:
    try:
        return control.recv(1 << 16)
    except OSError:
        return b""


def _fork(control: socket.socket) -> tuple[socket.socket | None, int]:
    theirs, ours = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        theirs.close()
        return ours, 0
    ours.close()
    # Where the worker has just hung up, the child finds nobody at the other end, and goes.
    with theirs, contextlib.suppress(OSError):
        socket.send_fds(control, [json.dumps({"ready": pid}).encode()], [theirs.fileno()])
    return None, pid


def _reap(control: socket.socket, children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.discard(pid)
        _say(control, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        control.send(json.dumps(message).encode())


# -- in a child --------------------------------------------------------------------------------------------------


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    """One message to the other side, whole."""
    words = json.dumps(message).encode()
    channel.sendall(struct.pack("!I", len(words)) + words)


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next message; None where the other side has hung up."""
    head = _exactly(channel, 4)
    words = _exactly(channel, struct.unpack("!I", head)[0]) if head else None
    return json.loads(words) if words is not None else None


def _exactly(channel: socket.socket, length: int) -> bytes | None:
    words = b""
    while len(words) < length:
        part = channel.recv(length - len(words))
        if not part:
            return None
        words += part
    return words


def _live(channel: socket.socket) -> NoReturn:
    """Wait for a job, make ready for it, wait for the word to go, and run it with Prefect's engine."""
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _call_it("cs-ready")
    job = receive(channel)
    if job is None:
        os._exit(0)  # never used: nothing to flush, nobody to tell
    _call_it("cs-run")
    _become(job)
    _run(job, functools.partial(_go, channel, job["run_id"]))
    raise SystemExit(0)


def _go(channel: socket.socket, run_id: str) -> State:
    """The state that the run begins in, once the worker gives the word; where it does not, the process ends."""
    from prefect.client.schemas.objects import State

    word = receive(channel)
    if word is None or not word.get("go"):
        os._exit(0)
    threading.Thread(target=_listen, args=(channel, run_id), name="countersign-worker", daemon=True).start()
    return State.model_validate(word["state"])


def _call_it(name: str) -> None:
    """What `ps` and `top` show, where they would else call all of them python."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="utf-8")


def _become(job: dict[str, Any]) -> None:
    """Take on the job's environment, folder and output, as if this process had been started with them."""
    # Prefect sends events from a thread that is busy while the flow begins; a gate's few short steps are not to wait
    # five milliseconds each for their turn.
    sys.setswitchinterval(0.0005)
    before = _of_prefect()
    os.environ.clear()
    os.environ.update(job["environment"])
    time.tzset()
    os.chdir(job["folder"])
    if not job["stream_output"]:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for handle in (1, 2):
            os.dup2(nowhere, handle)
    if _of_prefect() != before:
        from prefect.context import refresh_global_settings_context
        from prefect.logging.configuration import setup_logging

        refresh_global_settings_context()
        setup_logging(incremental=False)


def _of_prefect() -> dict[str, str]:
    """What Prefect's settings and loggers are made of; where it is the same, they are, and need not be made again."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }


def _run(job: dict[str, Any], go: Callable[[], State]) -> None:
    """Run the flow as `python -m prefect.engine` does; what can be done before the word to go is done before it."""
    from prefect.client.schemas.objects import FlowRun
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import run_flow
    from prefect.flows import load_flow_from_entrypoint
    from prefect.logging.loggers import flow_run_logger

    from flows import engine, lingering

    flow_run = FlowRun.model_validate(job["run"])
    failure: Exception | None = None
    flow: Any = None
    try:
        flow = load_flow_from_entrypoint(job["entrypoint"], use_placeholder_flow=False)
    except Exception as error:
        failure = error
    else:
        flow = _stored_here(flow, job)
        if getattr(flow.fn, "gates", ()):
            lingering.grant(lingering.Leave.of(job["leave"]) if job.get("leave") else None)
            _warm()

    with _codes_of_the_lost() as away, handle_engine_signals(flow_run.id), away:
        if failure is None and flow.isasync and not flow.isgenerator:
            asyncio.run(engine.executed(flow, flow_run, go))
            return
        flow_run.state = go()
        flow_run.state_type, flow_run.state_name = flow_run.state.type, flow_run.state.name
        logger = flow_run_logger(flow_run=flow_run)
        if failure is not None:
            logger.error("Unexpected exception encountered when trying to load flow", exc_info=failure)
            raise failure
        _drive(run_flow(flow, flow_run=flow_run, error_logger=cast("logging.Logger", logger)))


@contextlib.contextmanager
def _codes_of_the_lost() -> Iterator[AbstractContextManager[None]]:
    """Exit with a code that tells the worker where this process cannot say itself how its run ended.

    Yields what notices that Prefect's server is away; it belongs inside of Prefect's own handling of errors.
    """
    import httpx

    from flows import engine, relief

    unreachable: list[httpx.HTTPError] = []

    @contextlib.contextmanager
    def noticed() -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            unreachable.append(error)
        except httpx.HTTPStatusError as error:
            if not error.response.is_server_error:
                raise
            unreachable.append(error)

    try:
        yield noticed()
    except engine.ASKED_TO_END:
        raise SystemExit(relief.ASKED_TO_END) from None
    if unreachable:
        log.warning("Prefect's server does not answer: %s", unreachable[0])
        raise SystemExit(relief.SERVER_AWAY)


def _stored_here(flow: Any, job: dict[str, Any]) -> Any:
    """The flow with the storage it would find by asking the server, where the worker has asked already."""
    from prefect.settings import get_current_settings

    results = get_current_settings().results
    if flow.result_storage is None and results.default_storage_block is None and job.get("local_results"):
        return flow.with_options(result_storage=Path(results.local_storage_path))
    return flow


def _warm() -> None:
    """Open what a flow with gates opens first; it says itself what is wrong where that fails."""
    from flows import composition

    def warm() -> None:
        with contextlib.suppress(Exception):
            composition.gatekeeper("")

    threading.Thread(target=warm, name="countersign-warming", daemon=True).start()


def _drive(result: Any) -> None:
    if asyncio.iscoroutine(result):
        asyncio.run(result)
    elif inspect.isasyncgen(result):

        async def consume() -> None:
            async for _ in result:
                pass

        asyncio.run(consume())
    elif inspect.isgenerator(result):
        for _ in result:
            pass


def _listen(channel: socket.socket, run_id: str) -> None:
    """Take the worker's word that somebody suspended the run from outside; the engine then ends at its next step."""
    while (message := receive(channel)) is not None:
        if "suspended" in message:
            from prefect._flow_run_suspension import mark_flow_run_suspension_requested
            from prefect.client.schemas.objects import State

            mark_flow_run_suspension_requested(UUID(run_id), State.model_validate(message["suspended"]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
