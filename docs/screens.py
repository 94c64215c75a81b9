"""Takes docs/queue.png, docs/request.png and docs/insights.png: the reviewer's pages over the showcase, in a browser.

Run `.venv/bin/python docs/screens.py`. It builds a showcase in a temporary folder, serves it, signs in as its first
person, and needs Chromium, as the tests in a browser do (`make test-browser`).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import uvicorn
from playwright.sync_api import Page, sync_playwright

from approvals.filters import Filters
from approvals.web import create_app
from flows.demo.showcase import staged_requests
from flows.demo.theatre import PEOPLE, Theatre

DOCS = Path(__file__).resolve().parent
WIDE = {"width": 1360, "height": 850}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def main() -> int:
    """Take the pictures."""
    chromium = os.environ.get("COUNTERSIGN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no Chromium here. On Debian: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="countersign-screens-") as folder:
        theatre = staged_requests(Path(folder) / "home")
        with _served(theatre) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce").new_page()
            _sign_in(page, address, theatre)
            for name, path in (("queue", "/queue"), ("request", _doubted(theatre)), ("insights", "/insights")):
                page.goto(address + path)
                page.wait_for_timeout(600)
                page.screenshot(path=DOCS / f"{name}.png")
                print(f"docs/{name}.png")
            browser.close()
        theatre.approvals.close()
    return 0


@contextmanager
def _served(theatre: Theatre) -> Iterator[str]:
    config = uvicorn.Config(create_app(theatre.approvals), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


def _sign_in(page: Page, address: str, theatre: Theatre) -> None:
    person = theatre.approvals.directory.person(PEOPLE[0].email)
    if person is None:
        raise LookupError(PEOPLE[0].email)
    secret = theatre.approvals.sessions.begin(person, "password").secret
    page.context.add_cookies([{"name": "session", "value": quote(secret), "url": address}])


def _doubted(theatre: Theatre) -> str:
    """A proposal of which a claim wants a second look."""
    from approvals.decisions import Actor
    from approvals.reading import Reading

    by = Actor(kind="person", id=PEOPLE[0].email, via="session")
    rows = Reading(theatre.approvals.service).listed(by, Filters(gate="proposal"), limit=200).rows
    return f"/r/{next(row for row in rows if row.checks).id}"


if __name__ == "__main__":
    raise SystemExit(main())
