"""Who acts, what a reviewer hands in (a verdict), and what the flow gets back (a decision)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from approvals.lifecycle import Action

T = TypeVar("T", bound=BaseModel)

UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda value: value.astimezone(UTC))]


class Value(BaseModel):
    """A frozen value without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# -- who acts ----------------------------------------------------------------------------------------------------

ActorKind = Literal["person", "agent", "worker", "policy", "system"]
Via = Literal["embedded", "token", "session", "link", "header", "flow", "policy", "system"]
Scope = Literal["read", "decide", "gate", "admin"]


class Grant(Value):
    """What a signed link lets its person do: these actions on this request, once."""

    request_id: str
    actions: frozenset[Action]
    nonce: str = Field(description="what can be used once")
    signed_in: bool = Field(default=False, description="whether the same person has a session in that browser, too")


class Actor(Value):
    """Somebody who was authenticated, and how."""

    kind: ActorKind
    id: str = Field(min_length=1, description="e-mail of a person; name of anything else")
    via: Via
    scopes: frozenset[Scope] = Field(default=frozenset({"read", "decide"}), description="what a token reaches")
    # Never written down: a nonce is half of what its bearer needs.
    grant: Grant | None = Field(default=None, exclude=True, repr=False, description="of who comes by a signed link")

    def __str__(self) -> str:
        return self.id if self.kind == "person" else f"{self.kind}:{self.id}"


SYSTEM = Actor(kind="system", id="countersign", via="system", scopes=frozenset())


# -- what a reviewer hands in ------------------------------------------------------------------------------------


def _says_something(words: str) -> str:
    if not words.strip():
        raise ValueError("there are no words in it")
    return words


Words = Annotated[str, Field(min_length=1), AfterValidator(_says_something)]


class Approve(Value):
    """The document as it stands."""

    kind: Literal["approve"] = "approve"
    vouched: tuple[str, ...] = Field(default=(), description="ids of unsupported claims the person answers for")


Tag = Literal["fact_wrong", "tone", "price", "scope", "other"]
"""Why a reviewer changed the draft."""


class Edit(Value):
    """The document with the reviewer's changes; an approval that carries a new document."""

    kind: Literal["edit"] = "edit"
    document: Any = Field(description="the whole document, edited, as JSON")
    vouched: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = Field(default=(), max_length=5, description="why it was changed, if the person says so")

    @field_validator("document")
    @classmethod
    def _is_there(cls, document: Any) -> Any:
        # Read as "no edit", null would sign the draft that the person meant to change.
        if document is None:
            raise ValueError("an edit carries the whole document")
        return document


class Reject(Value):
    """No, and why."""

    kind: Literal["reject"] = "reject"
    reason: Words = Field(max_length=4_000)
    code: str = Field(default="other", pattern=r"^[a-z_]+$")


class Return(Value):
    """Back to the agent, with what should be different."""

    kind: Literal["return"] = "return"
    feedback: Words = Field(max_length=20_000)


Verdict = Annotated[Approve | Edit | Reject | Return, Field(discriminator="kind")]
VerdictKind = Literal["approve", "edit", "reject", "return"]
ALL_VERDICTS: tuple[VerdictKind, ...] = ("approve", "edit", "reject", "return")

ACTION_OF: dict[VerdictKind, Action] = {
    "approve": Action.APPROVE,
    "edit": Action.APPROVE,
    "reject": Action.REJECT,
    "return": Action.RETURN,
}


# -- what is recorded --------------------------------------------------------------------------------------------


class SignOff(Value):
    """One person's yes to exactly this document."""

    person: str
    sha256: str
    version: int
    at: UtcDatetime
    via: Via
    vouched: tuple[str, ...] = ()
    voided: bool = False


class FieldDifference(Value):
    """One place where the signed document differs from the draft."""

    path: str = Field(description="where it stands after; of what was removed, where it stood before")
    before: Any = Field(default=None, description="what stood there; of what moved, its place, counted from 0")
    after: Any = Field(default=None, description="what stands there; of what moved, its place, counted from 0")
    change: Literal["changed", "added", "removed", "moved"] = "changed"


class Ruling(Value):
    """The act that closed a request, as it stands in the record."""

    seq: int = Field(ge=1, description="1 for the first, more where one was taken back")
    action: Action
    by: Actor
    at: UtcDatetime
    effective_at: UtcDatetime
    version: int = Field(description="of the content it was made on")
    document: str | None = Field(default=None, description="what was signed, canonical; approvals only")
    sha256: str | None = None
    edited: bool = False
    typed: str | None = Field(default=None, description="what the person handed in, verbatim")
    changes: tuple[FieldDifference, ...] = ()
    tags: tuple[Tag, ...] = Field(default=(), description="why it was edited, in the editor's words")
    vouched: tuple[str, ...] = ()
    reason: str | None = Field(default=None, description="of a rejection, an expiry or a withdrawal")
    code: str | None = None
    feedback: str | None = None
    rule: str | None = Field(default=None, description="the policy's rule, where no person decided")
    examination: str | None = Field(default=None, description="digest of what the examiner said")
    recalled: bool = False


# -- what the flow gets back -------------------------------------------------------------------------------------


class Undecidable(TypeError):
    """A decision has no truth value."""


class _Decision:
    def __bool__(self) -> NoReturn:
        raise Undecidable(
            "A decision has no truth value, so it cannot stand in an `if` by accident. "
            "Match on it: `match decision: case Approved(document=…): …`"
        )


@dataclass(frozen=True)
class PermitSlip:
    """What a guarded effect must show: a reference to the permit in the store, which alone counts."""

    id: str
    action: str
    target: str
    sha256: str
    request_id: str
    run_id: str


@dataclass(frozen=True)
class Approved(_Decision, Generic[T]):
    """Signed: this document, by these people. `permit` is None where the gate names no action."""

    document: T
    permit: PermitSlip | None
    edited: bool
    by: tuple[str, ...]
    request_id: str
    at: datetime


@dataclass(frozen=True)
class Rejected(_Decision):
    """Somebody said no."""

    reason: str
    code: str
    by: tuple[str, ...]
    request_id: str


@dataclass(frozen=True)
class Returned(_Decision):
    """Somebody asked for another draft."""

    feedback: str
    by: tuple[str, ...]
    request_id: str


@dataclass(frozen=True)
class Expired(_Decision):
    """Nobody decided in time."""

    request_id: str
    reason: str = "nobody decided in time"
    by: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Withdrawn(_Decision):
    """The question fell away before anybody answered it."""

    request_id: str
    reason: str = "withdrawn"
    by: tuple[str, ...] = field(default=())


Decision = Approved[T] | Rejected | Returned | Expired | Withdrawn
