"""What a message says: short, plain, and nothing of the document beyond its title, summary and amount.

Titles and summaries are an agent's words. They stay in one line, cannot add a header, and no address in them can be
followed.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from approvals.audit import Entry
from approvals.deliveries import Notice, event_id
from approvals.errors import ApprovalError
from approvals.requests import Request

ASKS = frozenset({"request.opened", "request.revised", "request.escalated", "request.signed"})
"""Events that ask somebody to decide; there is nothing to tell of them once the request is answered."""

SUBJECTS: dict[str, str] = {
    "request.opened": "Approve? {title}, {due}",
    "request.revised": "Changed, approve? {title}, {due}",
    "request.escalated": "Escalated to you: {title}, {due}",
    "request.signed": "One signature more: {title}, {due}",
    "request.claimed": "{who} works on: {title}",
    "request.released": "Free again: {title}",
    "request.approved": "Approved: {title}",
    "request.rejected": "Rejected: {title}",
    "request.returned": "Sent back: {title}",
    "request.expired": "Nobody decided in time: {title}",
    "request.withdrawn": "Withdrawn: {title}",
    "request.recalled": "Undone, open again: {title}",
    "request.commented": "{who} commented: {title}",
    "request.orphaned": "Decided, but its run is gone: {title}",
}
"""Every event that can be told, and how its message begins."""

EVENTS = tuple(SUBJECTS)

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):/{1,2}")
_WWW = re.compile(r"(?i)\bwww\.")


def notice(
    entry: Entry,
    request: Request,
    *,
    now: datetime,
    url: str,
    to: str | None = None,
    name: str = "",
    until: datetime | None = None,
    summary: bool = True,
    mentioned: bool = False,
) -> Notice:
    """The message of one entry of the record. `until`: the address is a signed link that decides until then.

    Raises:
        ApprovalError: nothing can be told of such an entry.
    """
    event = entry.event
    if event.name not in SUBJECTS:
        raise ApprovalError(f"{event.name!r} is no event that can be told.")
    who = plain(event.actor, 200) if event.actor_kind == "person" else "The queue"
    title, due = plain(request.title, 200) or "(without a title)", due_in(request.due_at, now)
    beginning = "{who} mentioned you: {title}" if mentioned else SUBJECTS[event.name]
    lines = [title]
    if summary and request.summary.strip():
        lines.append(plain(request.summary, 600))
    if summary and request.amount is not None:
        lines.append(f"{Decimal(request.amount):,} {request.currency or ''}".rstrip())
    lines.append("")
    if event.name in ASKS:
        lines.append(f"Due {request.due_at:%Y-%m-%d %H:%M} UTC, {due}. Asked for by {plain(request.requester, 200)}.")
    else:
        lines.append(f"{_done(event.name)} by {who}, {event.at:%Y-%m-%d %H:%M} UTC.")
    lines += ["", "Read it and decide:" if event.name in ASKS else "Read it:", url]
    if until is not None:
        lines += ["", f"The link is yours alone, until {until:%Y-%m-%d %H:%M} UTC. Opening it decides nothing."]
    return Notice(
        id=event_id(entry.hash),
        type=event.name,
        at=event.at,
        subject=beginning.format(title=title, due=due, who=who),
        text="\n".join(lines) + "\n",
        url=url,
        to=to,
        name=plain(name, 200),
        data=_data(entry, request, url, summary=summary),
    )


def plain(text: str, longest: int) -> str:
    """Somebody's words in one line, without controls, and with addresses in them that no reader makes a link of."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    line = _WWW.sub("www ", _ADDRESS.sub(r"\1: ", line))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def due_in(due: datetime, now: datetime) -> str:
    """How long there is, as people say it: `due in 3 h`, `42 min overdue`."""
    left = due - now
    told = _long(abs(left))
    return f"{told} overdue" if left < timedelta(0) else f"due in {told}"


def _long(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def _done(event: str) -> str:
    verb = event.partition(".")[2]
    return {"returned": "Sent back", "recalled": "Undone"}.get(verb, verb.capitalize())


def _data(entry: Entry, request: Request, url: str, *, summary: bool) -> dict[str, Any]:
    """The same for programs. Made of the entry and of what never changes, so that a repeated message says the same."""
    event = entry.event
    told: dict[str, Any] = {
        "id": request.id,
        "title": request.title,
        "gate": request.identity.gate,
        "run": request.run.id,
        "requester": request.requester,
    }
    if summary:
        told |= {"summary": request.summary, "amount": request.amount, "currency": request.currency}
    return {
        "request": told,
        "actor": {"kind": event.actor_kind, "id": event.actor, "via": event.via},
        "state": event.details.get("to"),
        "version": event.details.get("version"),
        "url": url,
    }
