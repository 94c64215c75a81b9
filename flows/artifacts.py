"""What is laid beside a run in Prefect of a CRM update: what is planned, and what was really done."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from prefect.client.schemas.actions import ArtifactCreate

from approvals.receipts import counted, items
from approvals.requests import Request


def receipt(request: Request, kept: str | None, *, documents: bool = True) -> ArtifactCreate | None:
    """What was done, item by item; None where the receipt lists nothing. Without documents, only how much of it."""
    done = items(kept)
    if not done:
        return None
    rows = [{"outcome": one.outcome, "record": one.record, "what happened": one.sentence} for one in done]
    return ArtifactCreate(
        key=f"receipt-{request.id.lower()}",
        type="table",
        data=json.dumps(rows if documents else [{"outcome": counted(done)}]),
        description=f"What was done of the {request.identity.gate.replace('_', ' ')}: {counted(done)}",
        flow_run_id=UUID(request.run.id),
    )


def changes(document: Any) -> list[dict[str, str]]:
    """The planned changes of a CRM update as rows; none of any other document."""
    changes = document.get("changes") if isinstance(document, dict) else None
    rows: list[dict[str, str]] = []
    for change in changes if isinstance(changes, list) else ():
        if not isinstance(change, dict) or "kind" not in change:
            return []
        shared = {
            "does": str(change["kind"]).replace("_", " "),
            "record": f"{change.get('object')} {change.get('key')}",
        }
        shared["applies"] = "yes" if change.get("apply", True) else "no"
        fields = change["fields"].items() if isinstance(change.get("fields"), dict) else None
        if fields is not None:
            rows += [{**shared, "field": str(name), "before": "", "after": str(value)} for name, value in fields]
        else:
            after = change.get("after") or change.get("body") or change.get("to_key") or ""
            before = change.get("before") or ""
            rows.append({**shared, "field": str(change.get("field", "")), "before": str(before), "after": str(after)})
    return rows
