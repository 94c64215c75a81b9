"""Prefect's server as `up` starts it: `python -m flows.server_process server start …`, as one would say `prefect`.

It differs in one thing: what Python's garbage collector frees, it frees in a thread of its own. After an error SQLite's
cursors are garbage in a cycle. Freeing one waits for its connection, which may be waiting for up to a minute for the
lock that another one holds; and that one can only let go in the event loop. Where the collector happens to run in the
event loop's thread, as it otherwise does, everything stands still for that minute (docs/adr/0020).
"""

from __future__ import annotations

import gc
import math
import threading
import time

_EVERY_SECONDS = 0.5
_STARTED_SECONDS = 30.0
"""After so long all that stays for good is there, and need not be looked through any more."""
_ALL_EVERY = 120
"""Every so many looks at what is young, there is one at everything."""


class Collector:
    """Frees garbage as often as Python's own would, and nowhere but in one thread."""

    def __init__(self) -> None:
        self._young, *_ = gc.get_threshold()
        self._looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="countersign-garbage", daemon=True)

    def start(self) -> None:
        """From now on garbage is freed in a thread of its own."""
        gc.disable()
        self._thread.start()

    def stop(self) -> None:
        """Leave it to Python again."""
        self._stop.set()
        self._thread.join()
        gc.enable()

    def look(self) -> bool:
        """Free what is young and garbage, if much is young; now and then look at everything. Tells whether it did."""
        if gc.get_count()[0] < self._young:
            return False
        self._looks += 1
        gc.collect(2 if self._looks % _ALL_EVERY == 0 else 1)
        return True

    def _run(self) -> None:
        frozen_at = time.monotonic() + _STARTED_SECONDS
        while not self._stop.wait(_EVERY_SECONDS):
            self.look()
            if time.monotonic() > frozen_at:
                gc.collect()
                gc.freeze()
                frozen_at = math.inf


def main() -> None:
    """Run Prefect's command line in this process."""
    Collector().start()
    from prefect.cli import app

    app()


if __name__ == "__main__":
    main()
