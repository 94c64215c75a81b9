"""`countersign up`: Prefect server, queue and worker on one machine, started in order and stopped in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from flows.busy import RETRIES
from flows.databases import check_postgres, check_prefect, prefect_url
from flows.errors import ServerError
from flows.parts import Part, Standing
from flows.prefect_server import POOL, Addresses, answers, ask, has_worker, revive, settings_for
from flows.premises import free_port, locked

_PATIENCE = 180.0


class Supervisor:
    """Starts the parts, restarts one that dies, and stops all of them when it is left."""

    def __init__(
        self,
        home: Path,
        *,
        prefect_port: int = 4200,
        queue_port: int = 4280,
        runs_at_once: int = 4,
        postgres: str = "",
        project: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
        show: Callable[[tuple[Standing, ...]], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Args:
            postgres: Address of a PostgreSQL database for Prefect and the queue; without one both are files.
            tell: Told, in a sentence, what happens.
            show: Shown how the parts stand, about once a second.
            stopped: Whether somebody wants everything to end, also before it has started.
        """
        self.home = home
        self.addresses = Addresses(prefect="", queue="", home=str(home), pid=os.getpid())
        self._tell, self._show, self._stopped = tell, show, stopped
        self._project = project or Path(__file__).resolve().parent.parent
        self._ports = (prefect_port, queue_port)
        self._runs_at_once = runs_at_once
        self._postgres = postgres
        self._parts: list[Part] = []
        self._lock: IO[str] | None = None

    def __enter__(self) -> Addresses:
        try:
            (self.home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = locked(self.home)
            # What a killed start left behind names ports that nobody listens on now.
            (self.home / "up.json").unlink(missing_ok=True)
        except OSError as error:
            raise ServerError(
                f"The home {str(self.home)!r} cannot be written ({error.strerror}). "
                "Point COUNTERSIGN_HOME to a folder that you may write to."
            ) from error
        try:
            return self._started()
        except urllib.error.URLError as error:
            self.stop()
            raise ServerError(
                f"Prefect's server does not answer as it should ({error}). Log: {self.home / 'logs' / 'server.log'}"
            ) from error
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _started(self) -> Addresses:
        prefect_port = free_port(self._ports[0], "Prefect's server", "FLOWS_PREFECT_PORT")
        queue_port = free_port(self._ports[1], "the queue", "APPROVALS_PORT")
        self.addresses = addresses = Addresses(
            prefect=f"http://127.0.0.1:{prefect_port}",
            queue=f"http://127.0.0.1:{queue_port}",
            home=str(self.home),
            pid=os.getpid(),
            store=self._postgres,
        )
        environment = self.environment(addresses)
        ours = ("PREFECT_", "APPROVALS_STORE")  # what this process itself asks goes to the same places
        os.environ.update({name: environment[name] for name in environment if name.startswith(ours)})
        self._check_databases()
        python, prefect = sys.executable, [sys.executable, "-m", "prefect"]
        server = ["server", "start", "--host", "127.0.0.1", "--port", str(prefect_port)]
        # The worker's limit, not the pool's: where the pool has none, the worker need not ask before each run.
        worker = ["worker", "start", "--pool", POOL, "--type", "countersign", "--limit", str(self._runs_at_once)]
        queue = [python, "-m", "flows.cli", "web", "--port", str(queue_port)]
        of_server = {"PREFECT_API_DATABASE_CONNECTION_URL": prefect_url(self._postgres)} if self._postgres else {}
        of_server_process = [python, "-m", "flows.server_process", *server]
        self._start("server", of_server_process, answers(f"{addresses.api}/health"), {**environment, **of_server})
        self._start("queue", queue, answers(f"{addresses.queue}/healthz"), environment)
        self._deploy(environment, addresses)
        if revived := revive(addresses):
            self._tell(f"Starting {revived} runs again whose processes ended with the last `countersign up`.")
        # A busy server is asked again soon, on top of the waits that Prefect has by itself (flows/busy.py).
        of_worker = {"PREFECT_CLIENT_MAX_RETRIES": str(RETRIES), **environment}
        self._start("worker", [*prefect, *worker], has_worker(addresses), of_worker)
        addresses.write()
        return addresses

    def environment(self, addresses: Addresses) -> dict[str, str]:
        """What every part runs with: this home, this server, and the settings measured for an embedded one."""
        # Browsers come to the port that was free, whatever the setting says.
        return {"APPROVALS_PUBLIC_URL": addresses.queue, **os.environ, **settings_for(self.home, addresses)}

    def standings(self) -> tuple[Standing, ...]:
        """How each part stands, in the order in which they were started."""
        return tuple(part.standing() for part in self._parts)

    def watch(self, stop: Callable[[], bool], *, every: float = 1.0) -> None:
        """Until `stop` says so: start a part again that died, sooner the first time than the fifth."""
        while not stop():
            well = True
            for part in self._parts:
                if said := part.look(ask=well):
                    self._tell(said)
                well = well and part.standing().stands == "running"
            self._show(self.standings())
            time.sleep(every)

    def stop(self) -> None:
        """Stop every part, the last started first; whoever does not end in time is killed."""
        for part in reversed(self._parts):
            part.end()
            self._show(self.standings())
        self._parts.clear()
        (self.home / "up.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- inside ----------------------------------------------------------------------------------------------

    def _check_databases(self) -> None:
        from approvals.settings import read_settings
        from approvals.store import open_store

        if self._postgres:
            check_postgres(self._postgres)
        else:
            check_prefect(self.home)
        # It makes or changes the queue's tables, once and before anybody needs them, or says why it cannot.
        open_store(read_settings(home=self.home).store).close()

    def _start(
        self, name: str, command: list[str], healthy: Callable[[], bool], environment: Mapping[str, str]
    ) -> None:
        self._tell(f"Starting the {name} …")
        part = Part(name, command, healthy, environment=environment, home=self.home)
        self._parts.append(part)
        part.launch()
        deadline = time.monotonic() + _PATIENCE
        while not part.is_healthy():
            self._show(self.standings())
            self._go_on()
            if (code := part.code()) is not None:
                raise ServerError(f"The {part.name} ended at once (exit {code}): {part.last_words()}")
            if time.monotonic() > deadline:
                raise ServerError(f"The {part.name} did not answer within {_PATIENCE:g} s. Log: {part.log}")
            time.sleep(0.1)

    def _deploy(self, environment: Mapping[str, str], addresses: Addresses) -> None:
        self._tell("Registering the deployments of prefect.yaml …")
        prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
        log = self.home / "logs" / "deploy.log"
        log.unlink(missing_ok=True)
        for command in (
            [*prefect, "work-pool", "create", POOL, "--type", "countersign", "--overwrite"],
            [*prefect, "deploy", "--all", "--prefect-file", str(self._project / "prefect.yaml")],
        ):
            with log.open("ab") as said:
                # A session of its own: Ctrl-C reaches us alone, and is no failure of it.
                process = subprocess.Popen(
                    command,
                    env=dict(environment),
                    cwd=self._project,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            try:
                while process.poll() is None:
                    self._show(self.standings())
                    self._go_on()
                    time.sleep(0.1)
            finally:
                process.kill()
                process.wait()
            if process.returncode:
                words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise ServerError(
                    f"The deployments could not be registered: {words[-1].strip() if words else process.returncode} "
                    f"(log: {log})"
                )
        ask(f"{addresses.api}/work_pools/{POOL}", {"concurrency_limit": None}, method="PATCH")

    def _go_on(self) -> None:
        if self._stopped():
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM was received; both stop in order."""
    received: list[int] = []
    before = {
        one: signal.signal(one, lambda number, _: received.append(number)) for one in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
