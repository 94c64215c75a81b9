"""A home that runs once, and ports that are free."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.errors import ServerError
from flows.prefect_server import Addresses
from flows.premises import free_port, locked, running

HERE = Addresses(prefect="http://127.0.0.1:4200", queue="http://127.0.0.1:4280", home="/h", pid=1)


def test_addresses_left_behind_by_a_killed_start_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(json.dumps(HERE.__dict__), encoding="utf-8")

    assert running(tmp_path) is None


def test_a_home_is_locked_once_and_is_free_again_afterwards(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ServerError, match="already"):
        locked(tmp_path)

    locked(tmp_path).close()


def test_where_another_server_of_prefect_has_the_port_its_version_is_named() -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'"3.9.9"')

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(ServerError, match=r"a server of Prefect 3\.9\.9 answers there"):
            free_port(server.server_port, "Prefect's server", "FLOWS_PREFECT_PORT")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_zero_takes_a_port_that_is_free() -> None:
    assert free_port(0, "the queue", "APPROVALS_PORT") > 0
