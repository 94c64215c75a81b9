"""Serves a fake until whoever started it is gone."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import uvicorn


class _Telling(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)


def serve(app: Any) -> None:
    """Serve on a free port of this machine, or on the one that the command line names."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    # A test process that is killed closes the pipe, and leaves no server behind.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    _Telling(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")).run()
