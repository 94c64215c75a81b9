"""The vendors' CRMs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from vendors import (
    csv_folder,
    hubspot,
    hubspot_process,
    hubspot_server,
    hubspot_v3,
    salesforce,
    salesforce_process,
    salesforce_server,
    tryton,
    tryton_process,
)

__all__ = [
    "csv_folder",
    "hubspot",
    "hubspot_process",
    "hubspot_server",
    "hubspot_v3",
    "salesforce",
    "salesforce_process",
    "salesforce_server",
    "tryton",
    "tryton_process",
]
