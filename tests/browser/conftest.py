"""A real server on a home full of requests, and Chromium in front of it. Any complaint of a page fails the test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.filters import Filters
from approvals.lifecycle import OPEN
from approvals.ports import Listed
from approvals.reading import Reading
from approvals.requests import Request
from flows.demo.theatre import SAM

HERE = Path(__file__).parent
expect.set_options(timeout=15_000)
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
Starter = Callable[[Path, object], int]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs Chromium."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")


def _server() -> Any:
    spec = importlib.util.spec_from_file_location("browser_server", HERE / "server.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_SERVER = _server()
opened: Callable[[Path], Approvals] = _SERVER.opened
PASSWORD: str = _SERVER.PASSWORD


# -- the queue ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _starter() -> Iterator[Starter]:
    process = subprocess.Popen([sys.executable, HERE / "server.py"], stdin=-1, stdout=-1, text=True)
    assert process.stdin
    assert process.stdout

    def start(home: Path, port: object) -> int:
        print(home, port, file=process.stdin, flush=True)
        return int(process.stdout.readline())

    yield start
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(scope="session")
def showcase(tmp_path_factory: pytest.TempPathFactory, _starter: Starter) -> Path:
    """A home as somebody finds it in the morning; tests take copies."""
    home = tmp_path_factory.mktemp("showcase") / "home"
    _starter(home, "build")
    return home


class Queue:
    """A running server and, beside it, the same queue for the test itself."""

    def __init__(self, home: Path, start: Starter) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home = home
        self.address = f"http://127.0.0.1:{self.port}"
        self.approvals = opened(home)
        self.service = self.approvals.service
        self._start = start
        self._process = 0
        self.start()

    def start(self) -> None:
        """Serve, on the same address each time."""
        self._process = self._start(self.home, self.port)
        for _ in range(400):
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/healthz", trust_env=False).is_success:
                    return
            time.sleep(0.05)
        pytest.fail("the server did not start")

    def stop(self, how: int = signal.SIGTERM, within: float = 8) -> float:
        """End the server; tells how many seconds that took."""
        begun = time.monotonic()
        os.kill(self._process, how)
        while time.monotonic() - begun < within:
            try:
                os.kill(self._process, 0)
            except ProcessLookupError:
                return time.monotonic() - begun
            time.sleep(0.02)
        os.kill(self._process, signal.SIGKILL)
        pytest.fail(f"the server did not end within {within} s")

    def later(self, seconds: float) -> None:
        """Let time go by."""
        (self.home / "ahead").write_text(str(seconds))

    def claimed_once(self, request: Request, email: str) -> None:
        """Have somebody claim it, unless somebody did."""
        if self.get(request.id).claimed_by is None:
            self.service.claim(request.id, self.person(email))

    def person(self, email: str) -> Actor:
        """Somebody who is signed in."""
        return Actor(kind="person", id=email, via="session", scopes=frozenset({"read", "decide"}))

    def rows(self, email: str = SAM, **filters: Any) -> tuple[Listed, ...]:
        """What the list of this person holds."""
        return Reading(self.service).listed(self.person(email), Filters(**filters), limit=200).rows

    def find(self, text: str, **wanted: Any) -> Request:
        """The first open request whose title begins so."""
        for row in self.rows(view="all"):
            if row.title.startswith(text) and all(getattr(row, name) == value for name, value in wanted.items()):
                return self.get(row.id)
        pytest.fail(f"no request is called {text!r}")

    def get(self, request_id: str) -> Request:
        """The request as it stands now."""
        return self.service.get(request_id)

    def waiting(self, request_id: str) -> bool:
        """Whether it is still open."""
        return self.get(request_id).state in OPEN


@pytest.fixture
def queue(showcase: Path, tmp_path: Path, _starter: Starter) -> Iterator[Queue]:
    """A server on a home of its own."""
    home = tmp_path / "home"
    shutil.copytree(showcase, home)
    running = Queue(home, _starter)
    yield running
    running.approvals.close()
    with suppress(ProcessLookupError):
        running.stop(signal.SIGKILL)


# -- the browser -------------------------------------------------------------------------------------------------


def chromium_path() -> str | None:
    """Where Chromium is, as the setting says or as it is usually called."""
    return os.environ.get("COUNTERSIGN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


# Now, before a fixture empties the environment.
_CHROMIUM = chromium_path()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, with an empty profile."""
    if _CHROMIUM is None:
        pytest.fail("Install Chromium (on Debian: apt-get install chromium), or name one in COUNTERSIGN_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=FLAGS, headless=True)
        yield browser
        browser.close()


class Watched:
    """Somebody's browser. Whatever its pages complain of, or ask of anybody but the queue, is kept."""

    def __init__(self, context: BrowserContext, queue: Queue) -> None:
        self.context = context
        self.queue = queue
        self.complaints: list[str] = []
        self.forgiven: list[str] = []
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        context.on("request", self._asked)
        context.set_default_timeout(15_000)

    def page(self, path: str = "/queue") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.goto(self.queue.address + path)
        return page

    def forgive(self, text: str) -> None:
        """Expect complaints with this text."""
        self.forgiven.append(text)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.queue.address}/", "data:", "about:")):
            self.complaints.append(f"it asked {request.url}")

    def check(self) -> None:
        """Fail if there was a complaint that nobody expected."""
        left = [one for one in self.complaints if not any(text in one for text in self.forgiven)]
        assert not left, "\n".join(left)


@pytest.fixture
def visit(chromium: Browser, queue: Queue) -> Iterator[Callable[..., Watched]]:
    """`visit(SAM)` is a browser in which Sam has signed in; more terms are Playwright's."""
    opened: list[Watched] = []

    def make(email: str | None = SAM, **terms: Any) -> Watched:
        terms = {"viewport": DESK, "locale": "en-GB", "reduced_motion": "reduce", "service_workers": "block", **terms}
        context = chromium.new_context(**terms)
        watched = Watched(context, queue)
        opened.append(watched)
        if email is not None:
            known = queue.approvals.directory.person(email)
            assert known
            secret = queue.approvals.sessions.begin(known, "password").secret
            context.add_cookies([{"name": "session", "value": secret, "url": queue.address}])
        return watched

    yield make
    for watched in opened:
        watched.context.close()
    for watched in opened:
        watched.check()


@pytest.fixture
def sam(visit: Callable[..., Watched]) -> Watched:
    """Sam's browser."""
    return visit(SAM)
