"""Starts the fake model's process and tells what it was asked."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).parent / "fake_model.py"
_numbers = count(1)


@dataclass(frozen=True)
class ModelServer:
    """The fake, running."""

    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def model(self, scenario: str) -> str:
        """A model's name with counts of its own."""
        return f"{scenario}--{next(_numbers)}"

    def asked(self, model: str) -> list[dict[str, Any]]:
        """The bodies of every request for this model."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_asked/{model}") as answer:
            return json.load(answer)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    process = subprocess.Popen(
        [sys.executable, "-I", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield ModelServer(int(process.stdout.readline()))
    finally:
        process.stdin.close()  # it ends with the pipe
        process.stdout.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
