"""What an effect says it did, item by item, for pages and for Prefect.

A receipt may list what it did as `applied`: each with `outcome`, the `record` it was about and a sentence `detail`. One
that met a conflict carries that receipt as `receipt`. Any other receipt is shown by nobody, and kept all the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from approvals.decisions import Value

_SENTENCES = {
    "written": "written",
    "already": "was so already",
    "skipped": "not done",
    "conflict": "not done",
}


class Item(Value):
    """What became of one thing that was signed."""

    outcome: str
    record: str
    sentence: str


def items(receipt: str | None) -> tuple[Item, ...]:
    """What a kept receipt (JSON text) lists; nothing where it lists nothing."""
    told = json.loads(receipt) if receipt else None
    if isinstance(told, dict) and isinstance(told.get("receipt"), dict):
        told = told["receipt"]
    applied = told.get("applied") if isinstance(told, dict) else None
    return tuple(_item(one) for one in applied or () if isinstance(one, dict)) if isinstance(applied, list) else ()


def counted(found: Sequence[Item]) -> str:
    """`9 written, 1 conflict`; empty where there is nothing to count."""
    return ", ".join(f"{number} {outcome}" for outcome, number in Counter(one.outcome for one in found).items())


def _item(one: dict[str, Any]) -> Item:
    outcome = str(one.get("outcome") or "done")
    detail = str(one.get("detail") or "")
    said = _SENTENCES.get(outcome, outcome)
    return Item(outcome=outcome, record=str(one.get("record") or ""), sentence=f"{said} ({detail})" if detail else said)
