"""What every test stands on: no network beyond loopback, no model, and an environment without settings of ours."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import pytest

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
