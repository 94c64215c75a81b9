"""Starts a server process that prints its address, steers it, and ends it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
TOKEN = "pat-test"


class Server:
    """A fake of this folder as a process of its own."""

    def __init__(self, script: str, *arguments: str) -> None:
        command = [sys.executable, str(HERE / script), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, f"{script} did not start"

    def stop(self) -> None:
        """End it and leave nothing behind."""
        self._process.terminate()
        self._process.communicate()

    def reset(self, **terms: Any) -> None:
        """A new account, on these terms."""
        self._post("/_fake/reset", terms)

    def fault(self, on: str, do: str, *, times: int = 1, skip: int = 0) -> None:
        """Do this wrong on requests like this, so many times after so many went well."""
        self._post("/_fake/faults", {"on": on, "do": do, "times": times, "skip": skip})

    def by_hand(self, kind: str, by: str, value: str, **properties: str) -> None:
        """What somebody types in the vendor's own pages."""
        self._post(f"/_fake/by-hand/{kind}/{by}/{value}", properties)

    def calls(self) -> list[str]:
        """Each call as `STATUS METHOD PATH`."""
        return httpx.get(f"{self.url}/_fake/calls").json()["calls"]

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of writes by key, as they came."""
        return httpx.get(f"{self.url}/_fake/calls").json()["bodies"]

    def counts(self) -> dict[str, int]:
        """How many of each thing there are."""
        return httpx.get(f"{self.url}/_fake/counts").json()

    def _post(self, path: str, body: dict[str, Any]) -> None:
        httpx.post(self.url + path, json=body).raise_for_status()
