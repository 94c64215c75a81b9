"""What happened to a request, in order; and how its draft came to read as it does."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from approvals.decisions import Ruling
from approvals.lifecycle import Action
from approvals.requests import Content, Request
from approvals.service import History
from approvals.web import words
from approvals.web.pages.document import Change, changes
from approvals.web.pages.visit import Visit

_DID = {
    Action.APPROVE: ("check", "approved"),
    Action.REJECT: ("x", "rejected"),
    Action.RETURN: ("back", "sent it back"),
    Action.WITHDRAW: ("out", "withdrew it"),
    Action.EXPIRE: ("clock", "let it expire"),
}


class Event(NamedTuple):
    """One thing that happened."""

    at: datetime
    when: str
    icon: str
    who: str
    what: str
    said: str


class Version(NamedTuple):
    """An earlier draft, what was said of it, and how the next one differs."""

    label: str
    when: str
    said: str
    by: str
    href: str | None
    changes: tuple[Change, ...]


def activity(visit: Visit, request: Request, history: History) -> tuple[Event, ...]:
    """Opening, versions, signatures, rulings and comments, oldest first."""
    asker = requester(visit, request)
    events = [(request.opened_at, "run", asker or "The agent", "asked" if asker else "asked for a decision", "")]
    events += [_revised(visit, content) for content in history.contents[1:]]
    for one in history.signoffs:
        events.append((one.at, "pen", visit.named(one.person), "signed" + (", void since" if one.voided else ""), ""))
    events += [_ruled(visit, ruling) for ruling in history.rulings]
    for comment in visit.at.approvals.service.comments(request.id, visit.by):
        events.append((comment.at, "comment", visit.named(comment.person), "said", comment.text))
    for asked in visit.at.approvals.reverts.asked(request.id) if not request.is_open else ():
        events.append((asked.at, "undo", visit.named(asked.by), "asked to take it back", ""))
    now = visit.now
    return tuple(
        Event(at, words.ago(at, now), icon, who, what, said)
        for at, icon, who, what, said in sorted(events, key=lambda event: event[0])
    )


def versions(visit: Visit, request: Request, history: History) -> tuple[Version, ...]:
    """Earlier rounds and versions, newest first, each with its difference to the one that followed."""
    now, contents = visit.now, history.contents
    found: list[Version] = []
    later = request.content
    for content in reversed(contents[:-1]):
        changed = changes(content.value(), later.value())
        if changed:
            label = f"Version {content.version}"
            found.append(Version(label, words.ago(content.at, now), "", _author(visit, content), None, changed))
        later = content
    first = contents[0] if contents else request.content
    for earlier in _rounds(visit, request):
        ruling = earlier.ruling
        found.append(
            Version(
                label=f"Round {earlier.identity.round}",
                when=words.ago(earlier.content.at, now),
                said=(ruling.feedback or ruling.reason or "") if ruling else "",
                by=visit.named(ruling.by.id) if ruling and ruling.by.kind == "person" else "",
                href=f"/r/{earlier.id}",
                changes=changes(earlier.content.value(), first.value()),
            )
        )
        first = earlier.content
    return tuple(found)


def requester(visit: Visit, request: Request) -> str:
    """Who asked, where it was a person or a schedule."""
    kind, _, rest = request.requester.partition(":")
    if rest:
        return "" if kind == "unknown" else f"{kind.title()} {rest}"
    return visit.named(request.requester)


def _rounds(visit: Visit, request: Request) -> list[Request]:
    identity = request.identity
    if identity.round == 1 and identity.succession == 0:
        return []
    page = visit.at.reading.page(visit.by, run=identity.run, gate=identity.gate, limit=50)
    place = (identity.round, identity.succession)
    found = [one for one in page.requests if one.identity.key == identity.key]
    earlier = [one for one in found if (one.identity.round, one.identity.succession) < place]
    return sorted(earlier, key=lambda one: (one.identity.round, one.identity.succession), reverse=True)


def _author(visit: Visit, content: Content) -> str:
    return "" if content.author == "agent" else visit.named(content.author)


def _revised(visit: Visit, content: Content) -> tuple[datetime, str, str, str, str]:
    who = _author(visit, content) or "The agent"
    what = f"made version {content.version}"
    if content.moved:
        who, what = "What it rests on", f"changed; version {content.version} shows it"
    return content.at, "pen", who, what, ""


def _ruled(visit: Visit, ruling: Ruling) -> tuple[datetime, str, str, str, str]:
    icon, did = _DID.get(ruling.action, ("check", str(ruling.action)))
    person = ruling.by.kind == "person"
    who = visit.named(ruling.by.id) if person else "The policy" if ruling.by.kind == "policy" else "Countersign"
    what = f"{did} with {words.several(len(ruling.changes), 'edit')}" if ruling.edited else did
    if ruling.rule:
        what += f" ({ruling.rule})"
    if ruling.recalled:
        what += ", taken back"
    return ruling.at, icon, who, what, ruling.feedback or ruling.reason or ""
