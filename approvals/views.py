"""What is told of the queue as JSON: the same over REST and on the command line."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from approvals.decisions import (
    FieldDifference,
    Ruling,
    Scope,
    SignOff,
    Tag,
    UtcDatetime,
    Value,
    VerdictKind,
    Via,
)
from approvals.differences import differences
from approvals.errors import FieldError
from approvals.lifecycle import Action, State
from approvals.policies import Priority
from approvals.ports import Examination, PageOf, Role, Token
from approvals.requests import (
    Content,
    Cost,
    Evidence,
    Finding,
    Flag,
    Moved,
    Request,
    Risk,
    RunReference,
    WorkingCopy,
)
from approvals.service import History


class RulingView(Value):
    """The act that closed a request."""

    seq: int
    action: Action
    by: str
    via: Via
    at: UtcDatetime
    effective_at: UtcDatetime
    version: int
    document: Any = Field(default=None, description="what was signed; approvals only")
    sha256: str | None
    edited: bool
    changes: tuple[FieldDifference, ...]
    tags: tuple[Tag, ...]
    vouched: tuple[str, ...]
    reason: str | None
    code: str | None
    feedback: str | None
    rule: str | None
    examination: str | None
    recalled: bool


class RequestView(Value):
    """A request without its content."""

    id: str
    title: str
    summary: str
    about: str
    amount: str | None
    currency: str | None
    risk: Risk
    gate: str
    round: int
    succession: int
    kind: str
    action: str | None
    target: str | None
    requester: str
    run: RunReference
    policy: str
    policy_version: str
    state: State
    version: int
    priority: Priority
    opened_at: UtcDatetime
    due_at: UtcDatetime
    verdicts: tuple[VerdictKind, ...]
    supersedes: str | None
    claimed_by: str | None
    claimed_until: UtcDatetime | None
    escalated: bool
    effective_at: UtcDatetime | None
    taken_up_at: UtcDatetime | None


class ContentView(Value):
    """One version of what is to be signed, without its evidence."""

    version: int
    document: Any
    document_schema: Any
    sha256: str
    based_on: dict[str, str]
    moved: tuple[Moved, ...]
    flags: tuple[Flag, ...]
    cost: Cost
    author: str
    at: UtcDatetime


class WorkingCopyView(Value):
    """What the caller has typed so far on the current version."""

    version: int
    document: Any
    at: UtcDatetime


class Detail(Value):
    """One request as the caller sees it, with what they can do."""

    request: RequestView
    content: ContentView
    evidence: Evidence
    ruling: RulingView | None
    allowed_actions: tuple[Action, ...]
    working_copy: WorkingCopyView | None


class HistoryView(Value):
    """Everything that happened to one request, oldest first."""

    contents: tuple[ContentView, ...]
    signoffs: tuple[SignOff, ...]
    rulings: tuple[RulingView, ...]


class ExaminationView(Value):
    """What the examiner says, and how the document differs from the draft."""

    document: Any
    errors: tuple[FieldError, ...]
    findings: tuple[Finding, ...]
    unsupported: tuple[str, ...]
    moved: tuple[Moved, ...]
    consequences: tuple[str, ...]
    changes: tuple[FieldDifference, ...]


class RequestPage(Value):
    """A page of requests, soonest due first."""

    requests: tuple[RequestView, ...]
    total: int
    next: str | None = Field(description="cursor of the page that follows; null on the last")


class TokenView(Value):
    """A token, without its secret."""

    id: str
    subject: str
    kind: str
    scopes: tuple[Scope, ...]
    label: str
    created_at: UtcDatetime
    expires_at: UtcDatetime | None
    revoked_at: UtcDatetime | None
    last_used_at: UtcDatetime | None


class MintedView(TokenView):
    """A new token; its secret is shown this once."""

    secret: str


class CallerView(Value):
    """Who is asking."""

    kind: str
    id: str
    via: Via
    scopes: tuple[Scope, ...]
    name: str
    groups: tuple[str, ...]
    role: Role | None


# -- making them -------------------------------------------------------------------------------------------------


def request_view(request: Request) -> RequestView:
    """The request without its content."""
    same = set(RequestView.model_fields) & set(Request.model_fields) - {"policy"}
    return RequestView(
        **{name: getattr(request, name) for name in same},
        risk=request.risk,
        gate=request.identity.gate,
        round=request.identity.round,
        succession=request.identity.succession,
        policy=request.policy.name,
        policy_version=request.policy.version,
    )


def ruling_view(ruling: Ruling) -> RulingView:
    """The ruling, with its document as JSON values."""
    same = set(RulingView.model_fields) & set(Ruling.model_fields) - {"by", "document"}
    document = None if ruling.document is None else json.loads(ruling.document)
    return RulingView(
        **{name: getattr(ruling, name) for name in same}, by=str(ruling.by), via=ruling.by.via, document=document
    )


def content_view(content: Content) -> ContentView:
    """The content, with its document as JSON values."""
    same = set(ContentView.model_fields) & set(Content.model_fields) - {"document", "document_schema"}
    return ContentView(
        **{name: getattr(content, name) for name in same},
        document=content.value(),
        document_schema=json.loads(content.document_schema),
        sha256=content.sha256,
    )


def detail(request: Request, actions: tuple[Action, ...], working_copy: WorkingCopy | None) -> Detail:
    """The request with what this caller can do and has typed."""
    copy = working_copy
    return Detail(
        request=request_view(request),
        content=content_view(request.content),
        evidence=request.content.evidence,
        ruling=None if request.ruling is None or request.is_open else ruling_view(request.ruling),
        allowed_actions=actions,
        working_copy=None
        if copy is None
        else WorkingCopyView(version=copy.version, document=copy.document, at=copy.at),
    )


def history_view(history: History) -> HistoryView:
    """The history, with its documents as JSON values."""
    return HistoryView(
        contents=tuple(content_view(content) for content in history.contents),
        signoffs=history.signoffs,
        rulings=tuple(ruling_view(ruling) for ruling in history.rulings),
    )


def examination_view(request: Request, examination: Examination) -> ExaminationView:
    """The examination, and the difference of what was examined to the draft."""
    return ExaminationView(
        document=examination.document,
        errors=examination.errors,
        findings=examination.findings,
        unsupported=examination.unsupported,
        moved=examination.moved,
        consequences=examination.consequences,
        changes=differences(request.content.value(), examination.document),
    )


def page_view(page: PageOf) -> RequestPage:
    """The page without contents."""
    return RequestPage(requests=tuple(map(request_view, page.requests)), total=page.total, next=page.next)


def token_view(token: Token) -> TokenView:
    """The token without its digest."""
    return TokenView(**_token(token))


def minted_view(token: Token, secret: str) -> MintedView:
    """The new token with its secret."""
    return MintedView(**_token(token), secret=secret)


def _token(token: Token) -> dict[str, Any]:
    shown = token.model_dump(exclude={"sha256", "scopes"})
    return {**shown, "scopes": tuple(sorted(token.scopes))}
