"""Lets tests here import what `tests/flows` stands on."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "flows"))
