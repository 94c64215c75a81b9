"""A request for a decision: what is asked, of whom, on which evidence, and where it stands."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from approvals.canonical import canonical, digest
from approvals.decisions import ALL_VERDICTS, Ruling, UtcDatetime, Value, VerdictKind
from approvals.forms.ordering import ordered
from approvals.lifecycle import State, is_open
from approvals.policies import Policy, Priority

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread


def new_id(length: int = 10) -> str:
    """A short random id that can be read aloud; 50 bits at ten characters."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Identity(Value):
    """What makes a request the same request when a flow runs again from the top."""

    run: str = Field(min_length=1, description="id of the top flow run")
    gate: str = Field(min_length=1)
    key: str = Field(min_length=1)
    round: int = Field(default=1, ge=1)
    succession: int = Field(default=0, ge=0, description="successors before this one, in the same round")


class RunReference(Value):
    """The run that waits, as a person finds it."""

    id: str
    name: str = ""
    flow: str = ""
    deployment: str | None = Field(default=None, description="id of the deployment; None for a plain script")
    url: str | None = None
    gates: tuple[str, ...] = Field(default=(), description="every gate of the flow, in the order it names them")


# -- evidence ----------------------------------------------------------------------------------------------------


class _Open(Value):
    # What an agent knows beyond these fields is kept and shown, not judged.
    model_config = ConfigDict(frozen=True, extra="allow")


class Source(_Open):
    """Something that was read."""

    id: str
    address: str
    title: str = ""
    sha256: str = ""


class Fact(_Open):
    """What a source says, in its own words."""

    id: str
    key: str
    value: str
    quote: str
    source_id: str


class Finding(Value):
    """What the examiner says of one claim."""

    claim_id: str
    support: Literal["supported", "partly", "unsupported", "not_applicable"]
    reasons: tuple[str, ...] = ()


class Evidence(Value):
    """What lies beside the draft."""

    sources: tuple[Source, ...] = ()
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()


class Flag(Value):
    """Something to look at before deciding; `info` alone asks nobody."""

    code: str
    message: str
    severity: Literal["info", "warning", "high"] = "warning"


Amount = Annotated[str, Field(pattern=r"^-?\d{1,15}(\.\d{1,4})?$")]
"""What is at stake, as plain decimal text such as `78070.00`; its currency stands beside it."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

Risk = Literal["low", "medium", "high"]


class Cost(Value):
    """What making the draft has cost."""

    amount: Decimal = Decimal("0.00")
    currency: str = "USD"
    tokens: int = 0
    model: str = ""


class Moved(Value):
    """A record that the draft was based on and that changed since."""

    address: str
    was: str
    now: str


class Content(Value):
    """One version of what is to be signed, and its evidence."""

    version: int = Field(ge=1)
    document: str = Field(description="canonical JSON text")
    document_schema: str = Field(description="JSON Schema of the document's class, canonical JSON text")
    evidence: Evidence = Evidence()
    based_on: dict[str, str] = Field(default_factory=dict, description="address of a record -> its version when read")
    moved: tuple[Moved, ...] = Field(default=(), description="what had changed when this version was made")
    flags: tuple[Flag, ...] = ()
    cost: Cost = Cost()
    author: str = Field(description="`agent`, or the person whose edit this is")
    at: UtcDatetime

    @property
    def sha256(self) -> str:
        """Of the document's canonical text."""
        return digest(self.document)

    @property
    def checks(self) -> int:
        """How many things there are to look at before deciding: flags, claims that sources do not bear, what moved."""
        doubted = sum(finding.support in ("partly", "unsupported") for finding in self.evidence.findings)
        return doubted + sum(flag.severity != "info" for flag in self.flags) + len(self.moved)

    def value(self) -> Any:
        """The document as JSON values."""
        return json.loads(self.document)


class Proposed(Value):
    """What a gate asks to have decided; becomes a request."""

    identity: Identity
    kind: str = Field(description="the document's class as `module:Class`, which the examiner knows")
    action: str | None = Field(default=None, description="what a permit will allow, such as `crm.update`")
    target: str | None = Field(default=None, description="where that takes effect, such as `embedded://`")
    title: str
    summary: str = ""
    about: str = Field(default="", description="whom it is about, such as a company's name")
    amount: Amount | None = None
    currency: Currency | None = None
    document: Any = Field(description="JSON values of the canonical document")
    document_schema: Any
    evidence: Evidence = Evidence()
    based_on: dict[str, str] = Field(default_factory=dict)
    moved: tuple[Moved, ...] = ()
    flags: tuple[Flag, ...] = ()
    cost: Cost = Cost()
    requester: str
    run: RunReference
    policy: str = Field(description="name of the policy")
    verdicts: tuple[VerdictKind, ...] = ALL_VERDICTS
    supersedes: str | None = None

    @field_validator("verdicts")
    @classmethod
    def _can_be_approved(cls, verdicts: tuple[VerdictKind, ...]) -> tuple[VerdictKind, ...]:
        if not {"approve", "edit"} & set(verdicts):
            raise ValueError("a gate offers 'approve' or 'edit', or nobody could ever let anything through it")
        return verdicts

    def content(self, now: datetime) -> Content:
        """The first version of the request's content."""
        return Content(
            version=1,
            document=canonical(self.document),
            document_schema=canonical(ordered(self.document_schema)),
            evidence=self.evidence,
            based_on=self.based_on,
            moved=self.moved,
            flags=self.flags,
            cost=self.cost,
            author="agent",
            at=now,
        )


# -- the request -------------------------------------------------------------------------------------------------


class Request(Value):
    """A question that waits for, or has, an answer. `version` counts its content, `revision` its row."""

    id: str
    identity: Identity
    kind: str
    action: str | None
    target: str | None
    title: str
    summary: str
    about: str = ""
    amount: Amount | None = None
    currency: Currency | None = None
    requester: str
    run: RunReference
    policy: Policy = Field(description="as it read when the request opened")
    state: State = State.PENDING
    version: int = 1
    revision: int = 1
    priority: Priority
    opened_at: UtcDatetime
    due_at: UtcDatetime
    verdicts: tuple[VerdictKind, ...]
    supersedes: str | None = None
    claimed_by: str | None = None
    claimed_until: UtcDatetime | None = None
    escalated: bool = False
    effective_at: UtcDatetime | None = Field(default=None, description="when the answer counts; None while open")
    taken_up_at: UtcDatetime | None = Field(default=None, description="when the flow took the answer up")
    # Operational: not part of the record, changed without an audit entry.
    wake_since: UtcDatetime | None = Field(default=None, description="answered, and the run is yet to take it up")
    attempt: int = Field(default=0, ge=0, description="suspensions so far")
    holder: str | None = Field(default=None, description="a live process that waits in the gate")
    held_until: UtcDatetime | None = None
    # Joined from their own tables.
    content: Content
    ruling: Ruling | None = None

    @property
    def is_open(self) -> bool:
        """Whether a verdict can still be handed in."""
        return is_open(self.state)

    @property
    def risk(self) -> Risk:
        """How carefully this is to be looked at; high is never decided in bulk or by a link."""
        if self.policy.risk == "high" or any(flag.severity == "high" for flag in self.content.flags):
            return "high"
        return "medium" if self.content.checks else "low"

    def claimed_at(self, now: datetime) -> str | None:
        """Who holds the request at this moment; None once the lease has lapsed."""
        if self.state is State.CLAIMED and self.claimed_until and self.claimed_until > now:
            return self.claimed_by
        return None

    def answered(self, now: datetime) -> bool:
        """Whether the flow may take an answer up: there is one, and it can no longer be taken back."""
        return not self.is_open and self.effective_at is not None and self.effective_at <= now


DERIVED = frozenset({"facet", "risk", "checks", "worth", "asker", "words", "place"})
"""Columns that are made of others, for lists; no rule is read from them."""

OPERATIONAL = DERIVED | {"wake_since", "attempt", "holder", "held_until", "revision"}
"""Columns of a request that are no part of its record."""


class Comment(Value):
    """What somebody said beside a request. It decides nothing."""

    place: int = Field(ge=1, description="counts those of a request")
    person: str
    text: str
    mentions: tuple[str, ...] = Field(default=(), description="e-mails of the people who are meant")
    at: UtcDatetime


class Snooze(Value):
    """A request that one person does not want to see for a while: until then, or until it changes."""

    request_id: str
    person: str
    version: int = Field(description="of the content; another version ends it")
    until: UtcDatetime


class SavedView(Value):
    """A list somebody keeps: its filters as the address has them."""

    id: str
    name: str
    query: str = Field(description="url-encoded filters, such as `gate=proposal&risk=high`")
    owner: str | None = Field(description="e-mail; None for one that an administrator made for everybody")


class WorkingCopy(Value):
    """What one person has typed so far on one version."""

    request_id: str
    person: str
    version: int
    document: Any
    at: UtcDatetime
