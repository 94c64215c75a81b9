"""One request as its page shows it: the draft, what stands beside it, and what this person can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from approvals.authority import same_person
from approvals.canonical import canonical, digest
from approvals.errors import ApprovalError, FieldError
from approvals.filters import Filters
from approvals.forms import Node
from approvals.lifecycle import Action, State
from approvals.ports import Effect, Examination, Listed
from approvals.receipts import items
from approvals.requests import Content, Request
from approvals.reverts import Chance
from approvals.web import looks, words
from approvals.web.pages import document as documents
from approvals.web.pages import past, seen
from approvals.web.pages.document import Change
from approvals.web.pages.rows import context_of
from approvals.web.pages.track import Step, track
from approvals.web.pages.visit import Visit, Who, list_address, new_key, title_of

TAGS = (
    ("fact_wrong", "Fact wrong"),
    ("tone", "Tone"),
    ("price", "Price"),
    ("scope", "Scope"),
    ("other", "Other"),
)
CODES = (
    ("other", "Another reason"),
    ("wrong_facts", "Facts are wrong"),
    ("wrong_customer", "Wrong customer"),
    ("wrong_price", "Price is wrong"),
    ("not_now", "Not now"),
    ("duplicate", "Already done"),
)


class Notice(NamedTuple):
    """Something to know before reading on."""

    tone: str
    icon: str
    title: str
    lines: tuple[str, ...] = ()
    act: str = ""


class Vouch(NamedTuple):
    """A claim that somebody must answer for."""

    id: str
    text: str
    reasons: tuple[str, ...]
    ticked: bool


class Neighbour(NamedTuple):
    """The request before or after this one in the list it came from."""

    href: str
    name: str


class Preset(NamedTuple):
    """A time until which a request can be put aside."""

    label: str
    until: str


_SOON = timedelta(seconds=5)
"""In which a run takes an answer up, as a rule."""


@dataclass(frozen=True)
class Typed:
    """What somebody has sent, so that nothing of it is lost when it is refused."""

    document: Any
    errors: tuple[FieldError, ...] = ()
    vouched: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    reason: str = ""
    panel: str = ""
    focus: str = ""


@dataclass(frozen=True)
class Beside:
    """What stands around a draft on its page, and does not follow what somebody types."""

    steps: tuple[Step, ...]
    versions: tuple[past.Version, ...]
    activity: tuple[past.Event, ...]
    presets: tuple[Preset, ...]
    snoozed: datetime | None
    previous: Neighbour | None
    next: Neighbour | None
    done: tuple[seen.Line, ...]
    """What was really done, item by item."""
    revert: Chance
    """Whether this person may have it taken back."""


@dataclass(frozen=True)
class Sheet:
    """A request as its page shows it, with what was typed."""

    request: Request
    key: str
    look: looks.Look
    money: str
    due: words.Due
    asked: str
    asker: str
    holder: Who | None
    mine: bool
    cost: str
    notices: tuple[Notice, ...]
    document: Any
    tree: Node
    changes: tuple[Change, ...]
    follows: tuple[seen.Line, ...]
    effects: tuple[seen.Altered, ...]
    moved: tuple[Effect, ...]
    """What somebody else changed since this was planned: then, now, and as proposed."""
    checks: tuple[seen.Line, ...]
    evidence: seen.Evidence
    standings: dict[str, str]
    vouches: tuple[Vouch, ...]
    errors: tuple[FieldError, ...]
    can: frozenset[str]
    back: str
    back_name: str
    context: str
    typed: Typed | None
    outcome: Notice | None
    left: int
    confirmation: str = field(default="")

    @property
    def editable(self) -> bool:
        """Whether this person can change the document here."""
        return "edit" in self.can

    @property
    def base(self) -> str:
        """By what the form is known again, when it comes back, to have shown this document."""
        return documents.based(self.document)

    def anchor(self, path: str) -> str:
        """The id of the control of this path, or of the nearest one around it."""
        node = self.tree.at(path)
        return node.id if node else "decide"

    def place(self, path: str) -> str:
        """This path as people find it."""
        return documents.place(path, self.document)

    @property
    def approve_label(self) -> str:
        """What the button says: how much of it is the person's own."""
        if not self.changes:
            return "Approve"
        return f"Approve with {words.several(len(self.changes), 'edit')}"


def sheet(visit: Visit, request: Request, filters: Filters, typed: Typed | None = None) -> Sheet:
    """The sheet of a request, with what was typed in place of the draft."""
    service, now, content = visit.at.approvals.service, visit.now, request.content
    actions = service.allowed_actions(request, visit.by)
    can = {str(action) for action in actions}
    if Action.APPROVE in actions and service.authority.may_edit(request, visit.by):
        can.add("edit")
    draft = content.value()
    copy = service.working_copy(request.id, visit.by) if typed is None and "edit" in can else None
    document = typed.document if typed else copy.document if copy else _shown(request, draft)
    changed = _changed(request, draft, document)
    examination, refusal = _examined(visit, request, document if changed else None)
    errors = tuple(typed.errors if typed and typed.errors else examination.errors if examination else ())
    cited = seen.claims(document)
    evidence = seen.evidence(content, cited)
    findings = examination.findings if examination else content.evidence.findings
    checks = (seen.unexamined(refusal),) if refusal else seen.checks(content, findings, cited)
    vouched = typed.vouched if typed else ()
    holder = request.claimed_at(now)
    title = f"Your draft from {copy.at:%H:%M} UTC is restored." if copy and changed else ""
    restored = (Notice("acc", "pen", title, act="discard"),) if title else ()
    return Sheet(
        request=request,
        key=new_key(),
        look=looks.gate(request.identity.gate),
        money=words.money(request.amount, request.currency),
        due=words.due(request.due_at, now),
        asked=words.ago(request.opened_at, now),
        asker=past.requester(visit, request),
        holder=visit.who(holder) if holder else None,
        mine=holder is not None and same_person(holder, visit.by.id),
        cost=_cost(request),
        notices=(*_notices(request), *restored),
        document=document,
        tree=documents.tree(
            content,
            document,
            errors=errors,
            findings=findings,
            numbers=evidence.numbers,
            facts=evidence.facts,
            readonly="edit" not in can,
        ),
        changes=changed,
        follows=seen.follows(examination),
        effects=seen.altered(_without_prices(examination.effects)) if examination else (),
        moved=_moved(examination.effects, content) if examination else (),
        checks=checks,
        evidence=evidence,
        standings={finding.claim_id: finding.standing for finding in findings},
        vouches=_vouches(examination, cited, vouched),
        errors=errors,
        can=frozenset(can),
        back=list_address(filters),
        back_name=title_of(filters.view),
        context=context_of(filters),
        typed=typed,
        outcome=_outcome(visit, request),
        left=_left(request, now),
        confirmation=confirmation(request, document),
    )


def _without_prices(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """Those that change something; one that only rests on what may have moved changes nothing."""
    return tuple(effect for effect in effects if not effect.rests_on)


def _moved(effects: Sequence[Effect], content: Content) -> tuple[Effect, ...]:
    addresses = {moved.address for moved in content.moved}
    return tuple(effect for effect in effects if effect.moved and (not effect.rests_on or effect.rests_on in addresses))


def beside(visit: Visit, request: Request, filters: Filters) -> Beside:
    """What stands around the draft: its run, its past, its neighbours in the list it came from."""
    service = visit.at.approvals.service
    snooze = service.snoozed(request.id, visit.by) if request.is_open else None
    history = service.history(request.id, visit.by)
    previous, following = neighbours(visit, request, filters)
    reverts = visit.at.approvals.reverts
    done = () if request.is_open else items(reverts.receipt(request))
    return Beside(
        steps=track(visit, request),
        versions=past.versions(visit, request, history),
        activity=past.activity(visit, request, history),
        presets=_presets(visit.now),
        snoozed=snooze.until if snooze else None,
        previous=previous,
        next=following,
        done=seen.done(done),
        revert=reverts.chance(request, visit.by) if done else Chance(False),
    )


def confirmation(request: Request, document: Any) -> str:
    """What a confirmed form carries: that exactly this document, on this version, was shown with its consequences."""
    try:
        return digest(f"{request.id}:{request.version}:{canonical(document)}")[:32]
    except ApprovalError:
        return ""


def neighbours(visit: Visit, request: Request, filters: Filters) -> tuple[Neighbour | None, Neighbour | None]:
    """The requests around this one in the list it came from; the list's first where it stands there no longer."""
    context = context_of(filters)
    before, after = visit.at.reading.around(visit.by, filters, request)

    def at(row: Listed | None) -> Neighbour | None:
        return None if row is None else Neighbour(f"/r/{row.id}{context}", row.about or row.title)

    return at(before), at(after)


def _examined(visit: Visit, request: Request, document: Any | None) -> tuple[Examination | None, ApprovalError | None]:
    if not request.is_open:
        return None, None
    try:
        return visit.at.approvals.service.examine(request, document), None
    except ApprovalError as error:
        return None, error


def _shown(request: Request, draft: Any) -> Any:
    """The answer that counted where there is one, else the draft."""
    ruling = request.ruling
    signed = ruling.document if ruling and not request.is_open and ruling.document is not None else None
    return json.loads(signed) if signed is not None else draft


def _changed(request: Request, draft: Any, document: Any) -> tuple[Change, ...]:
    """What this person changed; of an answered request, what was changed in the answer."""
    ruling = request.ruling
    if request.is_open:
        return documents.changes(draft, document)
    return documents.recorded(ruling.changes, draft, document) if ruling else ()


def _vouches(
    examination: Examination | None, cited: dict[str, seen.Claim], vouched: Sequence[str]
) -> tuple[Vouch, ...]:
    if examination is None:
        return ()
    return tuple(
        Vouch(
            finding.claim_id,
            cited[finding.claim_id].text if finding.claim_id in cited else finding.claim_id,
            finding.reasons,
            finding.claim_id in vouched,
        )
        for finding in examination.findings
        if finding.support == "unsupported"
    )


def _notices(request: Request) -> tuple[Notice, ...]:
    content = request.content
    notices = []
    if content.moved:
        lines = tuple(f"{moved.address}: was {moved.was}, is {moved.now}" for moved in content.moved)
        notices.append(Notice("wa", "risk", "What this draft rests on changed since the agent read it.", lines))
    if request.escalated and request.is_open:
        notices.append(Notice("wa", "up", "This was escalated: nobody decided in time."))
    serious = tuple(flag.message for flag in content.flags if flag.severity == "high")
    if serious and request.is_open:
        notices.append(Notice("no", "risk", "High risk: read this one closely.", serious))
    if content.author != "agent" and request.is_open:
        notices.append(Notice("acc", "pen", f"{content.author} edited and signed this version; you see their text."))
    return tuple(notices)


def _outcome(visit: Visit, request: Request) -> Notice | None:
    if request.is_open:
        return None
    ruling, now = request.ruling, visit.now
    who = visit.named(ruling.by.id) if ruling and ruling.by.kind == "person" else ""
    own = bool(ruling and ruling.by.kind == "person" and same_person(ruling.by.id, visit.by.id))
    when = words.ago(ruling.at, now) if ruling else ""
    name = "You" if own else who
    said = (ruling.reason or ruling.feedback or "") if ruling else ""
    awaited = _awaited(request, now)
    lines = tuple(line for line in (said, awaited) if line)
    match request.state:
        case State.APPROVED:
            edits = f" with {words.several(len(ruling.changes), 'edit')}" if ruling and ruling.edited else ""
            title = f"{name} approved this{edits}, {when}." if name else f"Approved by the policy, {when}."
            rule = (ruling.rule,) if ruling and ruling.rule else ()
            return Notice("ok", "check", title, tuple(line for line in (*rule, awaited) if line))
        case State.REJECTED:
            return Notice("no", "x", f"{name or 'The policy'} rejected this, {when}.", lines)
        case State.RETURNED:
            return Notice("wa", "back", f"{name} sent this back, {when}.", lines)
        case State.EXPIRED:
            return Notice("", "clock", f"Nobody decided in time; this expired {when}.", lines)
        case _:
            return Notice("", "out", f"This was withdrawn {when}.", (said,) if said else ())


def _awaited(request: Request, now: datetime) -> str:
    """What is said of an answer that the run has not taken up, though it might have."""
    late = request.effective_at is not None and request.effective_at + _SOON < now
    if not late or request.wake_since is None or request.taken_up_at is not None:
        return ""
    return "Recorded. The run has not taken it up yet; it goes on by itself once Prefect can resume it."


def _left(request: Request, now: datetime) -> int:
    return max(0, round((request.effective_at - now).total_seconds())) if request.effective_at else 0


def _cost(request: Request) -> str:
    cost = request.content.cost
    money = words.money(str(cost.amount), cost.currency) if cost.amount else ""
    if not cost.model:
        return money
    model = "the offline model" if cost.model.startswith("offline") else cost.model
    return f"Written by {model}" + (f" for {money}" if money else "")


def _presets(now: datetime) -> tuple[Preset, ...]:
    tomorrow = (now + timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=8, minute=0, second=0, microsecond=0)
    times = (
        ("In 1 hour", now + timedelta(hours=1)),
        ("In 4 hours", now + timedelta(hours=4)),
        ("Tomorrow, 8:00 UTC", tomorrow),
        ("Next Monday, 8:00 UTC", monday),
    )
    return tuple(Preset(label, at.isoformat(timespec="seconds")) for label, at in times)
