"""Who holds a lease: a name for one loop or one execution of one process, which no other has."""

from __future__ import annotations

import os
import socket
from uuid import uuid4


def new_holder() -> str:
    """A name that nobody else takes, and by which a person finds the process."""
    # Containers that share a network can share name and process number too.
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
