"""The worker's side of the fork server: children that wait, ready, for a run each."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from flows.errors import ChildrenFailed
from flows.forking import LATE, send

log = logging.getLogger("countersign.children")

_START_SECONDS = 60.0
_Stamps = dict[str, tuple[int, int] | None]


def can_fork() -> bool:
    """Whether this machine has what the fork server needs."""
    return sys.platform == "linux" and hasattr(os, "fork") and hasattr(socket, "SOCK_SEQPACKET")


class Child:
    """A forked process that waits for its run, or is at work on it."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._channel = channel
        self._ended = asyncio.Event()

    def prepare(self, job: dict[str, Any]) -> None:
        """Hand it the run and what to become; it makes ready and waits for the word to go.

        Raises:
            OSError: it has died.
        """
        self._send(job)

    def go(self, state: dict[str, Any]) -> None:
        """Let it run, from this state.

        Raises:
            OSError: it has died.
        """
        self._send({"go": True, "state": state})

    def suspended(self, state: dict[str, Any]) -> None:
        """Tell it that somebody suspended its run from outside."""
        try:
            self._send({"suspended": state})
        except OSError:
            log.debug("Process %d has ended.", self.pid)

    def dismiss(self) -> None:
        """Send it home without a run."""
        self._channel.close()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        await self._ended.wait()
        return self.returncode if self.returncode is not None else -signal.SIGKILL

    async def end_by_force(self, grace: float) -> None:
        """Ask it to end, and after so many seconds make it."""
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            if self.returncode is not None or self._ended.is_set():
                return
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
            try:
                await asyncio.wait_for(self._ended.wait(), seconds)
            except TimeoutError:
                continue

    def end(self, code: int | None) -> None:
        """Note that it has ended."""
        self.returncode = code
        self._channel.close()
        self._ended.set()

    def _send(self, message: dict[str, Any]) -> None:
        send(self._channel, message)


class _Nursery:
    """One fork server and its children."""

    def __init__(
        self, modules: frozenset[str], packages: tuple[str, ...], ready: int, environment: dict[str, str]
    ) -> None:
        self.modules = modules
        self.ready: deque[Child] = deque()
        self.stamps: _Stamps = {}
        self.heard = asyncio.Event()
        self.gone = False
        self._children: dict[int, Child] = {}
        self._awaited = ready
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # -P: what lies in the folder that somebody started the worker in is none of its modules.
            command = [sys.executable, "-P", "-m", "flows.forking", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL
            )
        self._control.send(json.dumps({"modules": sorted(modules), "packages": packages, "ready": ready}).encode())
        self._control.setblocking(False)
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._hear)

    @property
    def stale(self) -> bool:
        """Whether a file it has imported is no longer what it was."""
        return any(_stamp(path) != stamp for path, stamp in self.stamps.items())

    @property
    def busy(self) -> bool:
        return bool(self._children) and not self.gone

    def more(self, wanted: int) -> None:
        """Have so many children ready or on their way."""
        missing = wanted - len(self.ready) - self._awaited
        if missing > 0 and self._tell({"fork": missing}):
            self._awaited += missing

    def retire(self) -> None:
        """Send home who is ready; it ends once those at work have."""
        while self.ready:
            self.ready.popleft().dismiss()
        self._tell({"retire": True})

    def close(self) -> None:
        """Hang up."""
        if not self.gone:
            self.gone = True
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
        while self.ready:
            self.ready.popleft().dismiss()
        for child in self._children.values():
            child.end(None)
        self._children.clear()
        self._end_process()
        self.heard.set()

    def _end_process(self) -> None:
        # It hangs up when it ends, so it has, or is about to; whoever of its children is at work goes on without it.
        self._process.kill()
        self._process.wait()

    def _tell(self, message: dict[str, Any]) -> bool:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError:
            return False
        return True

    def _hear(self) -> None:
        try:
            words, handles, *_ = socket.recv_fds(self._control, 1 << 20, 4)
        except BlockingIOError:
            return
        except OSError:
            words, handles = b"", []
        if not words:
            self._bereaved()
            return
        message = json.loads(words)
        if "ready" in message:
            self._awaited -= 1
            child = Child(message["ready"], socket.socket(fileno=handles[0]))
            self._children[child.pid] = child
            self.ready.append(child)
        elif "ended" in message:
            ended = self._children.pop(message["ended"], None)
            if ended is not None:
                if ended in self.ready:
                    self.ready.remove(ended)
                ended.end(message["code"])
        elif "loaded" in message:
            self.stamps = {path: _stamp(path) for path in message["loaded"]}
            for name, said in message["failed"].items():
                log.warning("The module %s was not loaded ahead (%s); a run of it will say so.", name, said)
        self.heard.set()

    def _bereaved(self) -> None:
        """The fork server is gone. Its children at work go on; how they end is found out by looking."""
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        self._end_process()
        self.gone = True
        while self.ready:
            child = self.ready.popleft()
            self._children.pop(child.pid, None)
            child.end(None)
        for child in self._children.values():
            asyncio.get_running_loop().create_task(_watched(child))
        self._children.clear()
        self.heard.set()


class Children:
    """Keeps children ready, and starts the fork server anew when the code it has imported changes."""

    def __init__(
        self,
        packages: Iterable[str],
        *,
        ready: int = 2,
        watched: Iterable[str] = (),
        ahead: Iterable[str] = LATE,
    ) -> None:
        """
        Args:
            packages: Whose modules' files are watched, besides those in `watched`.
            ready: How many children wait.
            ahead: Modules that are imported in any case.
        """
        self._environment = dict(os.environ)
        self._watched = tuple(watched)
        self._packages = tuple(packages)
        self._wanted = ready
        self._modules = frozenset(ahead)
        self._nursery: _Nursery | None = None
        self._retired: list[_Nursery] = []
        self._started_at = 0.0
        self._seen: Any = None

    def load(self, modules: Iterable[str], environment: Mapping[str, str]) -> None:
        """Have these modules imported ahead, besides those before, in the environment that runs have as a rule.

        A child need not read anew what is the same for its run.
        """
        self._modules |= frozenset(modules)
        self._environment = dict(environment)
        self._renew()

    def look(self) -> None:
        """Start the fork server anew if it is out of date or gone; forget those that have nothing left to do."""
        self._renew()
        for nursery in [one for one in self._retired if not one.busy]:
            nursery.close()
            self._retired.remove(nursery)

    async def take(self) -> Child:
        """A child that is ready, with today's code.

        Raises:
            ChildrenFailed: none came.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self._renew()
            nursery = self._nursery
            if nursery is None:
                raise ChildrenFailed("The fork server was closed.")
            if nursery.ready:
                return nursery.ready.popleft()
            nursery.more(1)
            nursery.heard.clear()
            try:
                await asyncio.wait_for(nursery.heard.wait(), max(0.1, min(5.0, deadline - time.monotonic())))
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise ChildrenFailed("The fork server has no child ready; the worker's log says why.") from None

    def more(self) -> None:
        """Have as many children ready as there should be."""
        if self._nursery is not None and not self._nursery.gone:
            self._nursery.more(self._wanted)

    def close(self) -> None:
        """Let go of everything."""
        for nursery in (*self._retired, *([self._nursery] if self._nursery else [])):
            nursery.close()
        self._nursery, self._retired = None, []

    def _now(self) -> Any:
        return dict(self._environment), {path: _stamp(path) for path in self._watched}

    def _renew(self) -> None:
        nursery = self._nursery
        if nursery is not None and not nursery.gone:
            if self._modules <= nursery.modules and not nursery.stale and self._seen == self._now():
                return
            log.info("The code changed: the fork server starts anew. Runs at work finish on the code they began with.")
            nursery.retire()
            self._retired.append(nursery)
        elif nursery is not None and time.monotonic() - self._started_at < 1.0:
            return  # it died at once: not again and again without a pause
        self._started_at = time.monotonic()
        self._seen = self._now()
        self._nursery = _Nursery(self._modules, self._packages, self._wanted, self._environment)


async def _watched(child: Child) -> None:
    while True:
        try:
            os.kill(child.pid, 0)
        except ProcessLookupError:
            break
        await asyncio.sleep(0.2)
    child.end(None)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
