"""`countersign up`: Prefect server, queue and worker on one machine, started in order and stopped in order."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flows.errors import ServerError
from flows.prefect_server import POOL, Addresses, answers, ask, has_worker, revive, settings_for

_PATIENCE = 90.0
_STOP_SECONDS = 10.0


@dataclass
class _Part:
    name: str
    command: list[str]
    healthy: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    log: IO[bytes] | None = field(default=None, repr=False)


class Supervisor:
    """Starts the parts, restarts one that dies, and stops all of them when it is left."""

    def __init__(
        self,
        home: Path,
        *,
        prefect_port: int = 4200,
        queue_port: int = 4280,
        runs_at_once: int = 4,
        project: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.home = home
        self._tell = tell
        self._project = project or Path(__file__).resolve().parent.parent
        self._ports = (prefect_port, queue_port)
        self._runs_at_once = runs_at_once
        self._parts: list[_Part] = []
        self._lock: IO[str] | None = None

    def __enter__(self) -> Addresses:
        try:
            (self.home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(self.home)
            # What a killed start left behind names ports that nobody listens on now.
            (self.home / "up.json").unlink(missing_ok=True)
        except OSError as error:
            raise ServerError(
                f"The home {str(self.home)!r} cannot be written ({error.strerror}). "
                "Point COUNTERSIGN_HOME to a folder that you may write to."
            ) from error
        try:
            return self._started()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _started(self) -> Addresses:
        prefect_port = _free(self._ports[0], "Prefect's server", "FLOWS_PREFECT_PORT")
        queue_port = _free(self._ports[1], "the queue", "APPROVALS_PORT")
        addresses = Addresses(
            prefect=f"http://127.0.0.1:{prefect_port}",
            queue=f"http://127.0.0.1:{queue_port}",
            home=str(self.home),
            pid=os.getpid(),
        )
        python, prefect = sys.executable, [sys.executable, "-m", "prefect"]
        server = ["server", "start", "--host", "127.0.0.1", "--port", str(prefect_port)]
        # The worker's limit, not the pool's: where the pool has none, the worker need not ask before each run.
        worker = ["worker", "start", "--pool", POOL, "--type", "countersign", "--limit", str(self._runs_at_once)]
        environment = self.environment(addresses)
        os.environ.update({name: value for name, value in environment.items() if name.startswith("PREFECT_")})
        self._start(_Part("server", [*prefect, *server], answers(f"{addresses.api}/health")), environment)
        queue = [python, "-m", "flows.cli", "web", "--port", str(queue_port)]
        self._start(_Part("queue", queue, answers(f"{addresses.queue}/healthz")), environment)
        self._deploy(environment, addresses)
        if revived := revive(addresses):
            self._tell(f"Starting {revived} runs again whose processes ended with the last `countersign up`.")
        self._start(_Part("worker", [*prefect, *worker], has_worker(addresses)), environment)
        (self.home / "up.json").write_text(json.dumps(addresses.__dict__), encoding="utf-8")
        return addresses

    def environment(self, addresses: Addresses) -> dict[str, str]:
        """What every part runs with: this home, this server, and the settings measured for an embedded one."""
        # Browsers come to the port that was free, whatever the setting says.
        return {"APPROVALS_PUBLIC_URL": addresses.queue, **os.environ, **settings_for(self.home, addresses)}

    def watch(self, stop: Callable[[], bool], *, every: float = 1.0) -> None:
        """Until `stop` says so: start a part again that died."""
        addresses = Addresses(**json.loads((self.home / "up.json").read_text(encoding="utf-8")))
        while not stop():
            for part in self._parts:
                if part.process is not None and (code := part.process.poll()) is not None:
                    part.failures = part.failures + 1 if time.monotonic() - part.started < 60 else 1
                    self._tell(f"{part.name} ended (exit {code}); starting it again. Log: {self._log_path(part)}")
                    time.sleep(min(2.0 ** (part.failures - 1), 30.0))
                    self._launch(part, self.environment(addresses))
            time.sleep(every)

    def stop(self) -> None:
        """Stop every part, the last started first; whoever does not end in time is killed."""
        for part in reversed(self._parts):
            if part.process is not None:
                _end(part.process)
            if part.log is not None:
                part.log.close()
        self._parts.clear()
        (self.home / "up.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- inside ----------------------------------------------------------------------------------------------

    def _start(self, part: _Part, environment: Mapping[str, str]) -> None:
        self._tell(f"Starting the {part.name} …")
        self._parts.append(part)
        self._launch(part, environment)
        deadline = time.monotonic() + _PATIENCE
        while not part.healthy():
            code = part.process.poll() if part.process else None
            if code is not None:
                raise ServerError(f"The {part.name} ended at once (exit {code}): {self._last_words(part)}")
            if time.monotonic() > deadline:
                raise ServerError(f"The {part.name} did not answer within {_PATIENCE:g} s. Log: {self._log_path(part)}")
            time.sleep(0.1)

    def _launch(self, part: _Part, environment: Mapping[str, str]) -> None:
        if part.log is None:
            part.log = self._log_path(part).open("ab")
        part.started = time.monotonic()
        part.process = subprocess.Popen(
            part.command,
            env=dict(environment),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=part.log,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches us alone, and we stop the parts in order.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread of ours yet
        )

    def _deploy(self, environment: Mapping[str, str], addresses: Addresses) -> None:
        self._tell("Registering the deployments of prefect.yaml …")
        prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
        for command in (
            [*prefect, "work-pool", "create", POOL, "--type", "countersign", "--overwrite"],
            [*prefect, "deploy", "--all", "--prefect-file", str(self._project / "prefect.yaml")],
        ):
            done = subprocess.run(
                command, env=dict(environment), cwd=self._project, capture_output=True, text=True, check=False
            )
            (self.home / "logs" / "deploy.log").write_text(done.stdout + done.stderr, encoding="utf-8")
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines()
                raise ServerError(f"The deployments could not be registered: {said[-1] if said else done.returncode}")
        ask(f"{addresses.api}/work_pools/{POOL}", {"concurrency_limit": None}, method="PATCH")

    def _log_path(self, part: _Part) -> Path:
        return self.home / "logs" / f"{part.name}.log"

    def _last_words(self, part: _Part) -> str:
        lines = self._log_path(part).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (log: {self._log_path(part)})"


def running(home: Path) -> Addresses | None:
    """The addresses of what runs on this home now; None where nothing does."""
    try:
        addresses = Addresses(**json.loads((home / "up.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return addresses if _held(home) else None


def _held(home: Path) -> bool:
    try:
        with (home / "up.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _locked(home: Path) -> IO[str]:
    lock = (home / "up.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        found = running(home)
        where = f": Prefect at {found.prefect}, the queue at {found.queue}" if found else ""
        raise ServerError(f"Countersign runs on {str(home)!r} already{where}. Stop it first with Ctrl-C.") from None
    return lock


def _free(port: int, what: str, setting: str) -> int:
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerError(
                f"Port {port} for {what} is not to be had ({error.strerror}). "
                f"Stop what uses it, or set {setting} to another port (0 takes a free one)."
            ) from error
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    """Ask the kernel to end this process when `up` is killed, so that no orphan keeps the port."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG


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
