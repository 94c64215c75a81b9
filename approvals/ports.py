"""What deciding needs from outside, as protocols. Which implementation is used is chosen in `bootstrap` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import Field

from approvals.audit import Attested, Entry, Event
from approvals.decisions import Actor, PermitSlip, Ruling, Scope, SignOff, UtcDatetime, Value
from approvals.deliveries import Deliveries, Notice
from approvals.errors import FieldError
from approvals.identities import Identities
from approvals.identities import Role as Role
from approvals.lifecycle import Action, State
from approvals.permits import Grant, Permit, Used
from approvals.policies import Priority
from approvals.requests import (
    Comment,
    Content,
    Evidence,
    Finding,
    Identity,
    Moved,
    Proposed,
    Request,
    Risk,
    RunReference,
    SavedView,
    Snooze,
    WorkingCopy,
)


class Clock(Protocol):
    """Tells the time, so that tests can."""

    def __call__(self) -> datetime: ...


# -- people ------------------------------------------------------------------------------------------------------


class Person(Value):
    """Somebody who may take part."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    name: str = ""
    groups: tuple[str, ...] = ()
    role: Role = "reviewer"
    active: bool = True


class Directory(Protocol):
    """Knows the people and their groups, as they are now."""

    def person(self, email: str) -> Person | None:
        """The person with this e-mail, active or not."""
        ...

    def people(self) -> tuple[Person, ...]:
        """Everybody."""
        ...

    def members(self, groups: Sequence[str]) -> tuple[Person, ...]:
        """The active people in any of these groups."""
        ...


class Described(Value):
    """Somebody as an identity provider describes them, after it let them in."""

    email: str
    name: str = ""
    groups: tuple[str, ...] = Field(default=(), description="as the provider names them")
    issuer: str
    subject: str


class IdentityProvider(Protocol):
    """Lets people in elsewhere and says who they are."""

    def start(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """The address to send the browser to; it comes back to the address `back`.

        Raises:
            ProviderFailed: the provider does not answer.
        """
        ...

    def finish(self, back: str, code: str, nonce: str, verifier: str, *, issuer: str | None = None) -> Described:
        """Who came back with this code, and with the name of this issuer if it told one.

        Raises:
            ProviderFailed: the provider does not answer, or not for us. SignInFailed: it does not vouch for them.
        """
        ...


# -- the examiner ------------------------------------------------------------------------------------------------


class Effect(Value):
    """One thing that approving the document as it stands changes somewhere."""

    record: str = Field(description="which record, in words, such as `Company Halden Freight`")
    field: str = Field(description="what of it, in words, such as `Deal amount`")
    before: str | None = Field(default=None, description="what it held when this was planned; None: nothing")
    moved: bool = Field(default=False, description="somebody else changed it since it was first planned")
    base: str | None = Field(default=None, description="what it held when it was first planned; told where it moved")
    now: str | None = Field(default=None, description="what it holds now; told where it moved")
    rests_on: str = Field(default="", description="told as moved only where the record of this address moved")
    after: str | None = Field(default=None, description="what it will hold; None: nothing")
    why: str = ""
    note: str = Field(default="", description="an honest warning, such as `changed to 51,000 since`")
    path: str = Field(default="", description="where in the document its tick box is, such as `changes.3.apply`")
    applies: bool = Field(default=True, description="False: signed as not to be done")


class Citation(Value):
    """What a claim cites: the words, what stands around them, and whether they stand in the stored source."""

    claim_id: str
    source_id: str
    fact_id: str
    title: str = Field(default="", description="of the source")
    address: str = Field(default="", description="of the source, as text")
    quote: str
    before: str = Field(default="", description="what stands before the quote, at most 120 characters")
    after: str = ""
    found: bool


class Examination(Value):
    """What somebody who knows the document's class says of it."""

    document: Any = Field(description="the canonical JSON values of the document")
    errors: tuple[FieldError, ...] = ()
    findings: tuple[Finding, ...] = ()
    moved: tuple[Moved, ...] = ()
    consequences: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    citations: tuple[Citation, ...] = ()

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Claims that nothing supports."""
        return tuple(finding.claim_id for finding in self.findings if finding.support == "unsupported")


class Examiner(Protocol):
    """Validates with the real class, verifies claims, reads whether the world moved, says what will follow."""

    def examine(self, kind: str, document: Any, evidence: Evidence, based_on: dict[str, str]) -> Examination:
        """What is to be said of this document.

        Raises:
            CannotExamine: the class, or what it must be held against, cannot be reached.
        """
        ...


# -- runs --------------------------------------------------------------------------------------------------------

RunStatus = Literal["scheduled", "running", "suspended", "ended", "gone", "unknown"]


class RunWatch(Value):
    """How a run stands, as far as can be told."""

    status: RunStatus
    name: str = Field(default="", description="the orchestrator's own word, such as `Crashed`")
    deployment: str | None = None
    since: UtcDatetime | None = Field(default=None, description="when it came to stand so")


class Runs(Protocol):
    """The runs that wait."""

    def statuses(self, run_ids: Sequence[str]) -> dict[str, RunWatch]:
        """How each of these runs stands; `unknown` where nobody can say now."""
        ...

    def existing(self, deployments: Sequence[str]) -> frozenset[str]:
        """Those of these deployments that are known there; none where nobody can say now."""
        ...

    def wake(self, run_id: str) -> bool:
        """Ask for a suspended run to go on. True where it was asked; False where it must be tried again."""
        ...

    def restart(self, run_id: str) -> bool:
        """Schedule a run again whose process is gone. True where it was; False where it must be tried again."""
        ...


class KnownRun(Value):
    """A run as the orchestrator itself describes it, whatever the run may say."""

    run: RunReference
    requester: str = Field(description="on whose behalf it was created")
    pool: str | None = Field(description="the work pool it belongs to; None for a run without one")
    ended: bool = Field(description="whether it has come to its end")


class RunRecords(Protocol):
    """Knows who runs are, for those that speak for one from elsewhere."""

    def known(self, run_id: str) -> KnownRun | None:
        """The run; None where there is none of this id.

        Raises:
            RunsUnavailable: nobody can say now.
        """
        ...


class StartedRun(Value):
    """A run that was started, or that had been started before under the same key."""

    id: str
    name: str = ""
    ended: bool = Field(description="whether it has come to its end")


class RunStarter(Protocol):
    """Starts runs where somebody asks for one."""

    def start(self, deployment: str, parameters: dict[str, Any], *, requester: str, key: str) -> StartedRun:
        """Start a run of this deployment on behalf of the requester; the same key starts it once.

        Raises:
            RunsUnavailable: nobody can start one now; the message says what to do.
        """
        ...


# -- gates -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What the flow may act on: the answered request, and the permit where one was minted."""

    request: Request
    permit: Permit | None


class EffectSide(Protocol):
    """What a guarded effect asks of the queue; `approvals.effects` says what each call promises."""

    def redeem(
        self, slip: PermitSlip | None, by: Actor, *, action: str, target: str, sha256: str, run: str,
        holder: str, lease: float,
    ) -> Grant | Used: ...  # fmt: skip
    def keep(self, permit_id: str, fence: int, lease: float) -> bool: ...
    def settle(self, permit_id: str, fence: int, receipt: object, by: Actor) -> str: ...
    def let_go(self, permit_id: str, fence: int) -> None: ...


class GateSide(Protocol):
    """What a run's process asks of the queue; `approvals.gatekeeping` says what each call promises.

    Every call may be repeated. On another machine than the queue's it raises QueueUnavailable where nobody answers.
    """

    @property
    def effects(self) -> EffectSide: ...
    def enter(self, run: str, policies: Iterable[str], requester: str) -> None: ...
    def open(self, proposed: Proposed, by: Actor) -> Request: ...
    def of_key(self, run: str, gate: str, key: str) -> tuple[Request, ...]: ...
    def get(self, request_id: str) -> Request: ...
    def counts(self, request: Request) -> bool: ...
    def suspending(self, request_id: str) -> int | None: ...
    def keep_alive(self, run: str, holder: str, seconds: float) -> int: ...
    def rest(self, run: str, holder: str) -> None: ...
    def woken(self, request_id: str, by: Actor) -> None: ...
    def take_up(self, request_id: str, run: str, by: Actor, *, mint: bool = True) -> Answer | None: ...


class Pages(Protocol):
    """Keeps what was read under its sha256, so that quotes can be looked up again."""

    def put(self, body: bytes) -> str:
        """Keep these bytes; tells their sha256 as hex."""
        ...


# -- messages ----------------------------------------------------------------------------------------------------


class Notifier(Protocol):
    """Brings a message to one place."""

    def send(self, notice: Notice) -> None:
        """Hand the message over. Who gets it twice, after a failure, knows it by its id.

        Raises:
            NotDelivered: it did not arrive; the message says why without any secret, and whether to try again.
        """
        ...


# -- the store ---------------------------------------------------------------------------------------------------


class Token(Value):
    """A bearer token, kept as its digest."""

    id: str
    sha256: str
    subject: str = Field(description="e-mail of a person, or the name of a worker")
    kind: Literal["person", "agent", "worker"]
    scopes: frozenset[Scope]
    label: str = ""
    created_at: UtcDatetime
    expires_at: UtcDatetime | None = None
    revoked_at: UtcDatetime | None = None
    last_used_at: UtcDatetime | None = None


class Wanted(Value):
    """Which requests to list. One predicate for the list and for its count."""

    states: frozenset[State] | None = None
    groups: frozenset[str] | None = Field(
        default=None, description="whose turn it is: policy groups, or escalated ones"
    )
    gate: str | None = None
    run: str | None = None
    requester: str | None = None
    text: str | None = Field(default=None, description="occurs in title or summary, in any case")
    words: str | None = Field(default=None, description="each begins a word of title, company, summary, gate or id")
    risk: Risk | None = None
    due_by: UtcDatetime | None = Field(default=None, description="whose deadline has come by then")
    claimed_by: str | None = Field(default=None, description="whoever works on it")
    turn_of: str | None = Field(
        default=None,
        description="the person whose turn it is: leaves out what they asked for themselves where duties are "
        "separated, what they have signed, and what they snoozed",
    )
    awaited_by: str | None = Field(default=None, description="the person who signed it, or asked for it")
    snoozed_by: str | None = Field(default=None, description="the person who does not want to see it now")
    now: UtcDatetime | None = Field(default=None, description="when somebody's snoozes are held against the clock")


Sort = Literal["due", "newest", "value", "decided"]
"""Soonest due first, last opened first, highest amount first, last decided first."""


class Listed(Value):
    """A request as a list shows it: what a person needs to choose, without its content."""

    id: str
    title: str
    summary: str
    about: str
    amount: str | None
    currency: str | None
    gate: str
    kind: str
    state: State
    version: int
    risk: Risk
    checks: int = Field(description="how many things there are to look at before deciding")
    priority: Priority
    requester: str
    round: int
    run_flow: str
    opened_at: UtcDatetime
    due_at: UtcDatetime
    claimed_by: str | None
    claimed_until: UtcDatetime | None
    escalated: bool
    effective_at: UtcDatetime | None
    taken_up_at: UtcDatetime | None
    decided_by: str | None = None
    edited: bool = False


class ListOf(Value):
    """A page of such rows, how many there are in all, and where the next begins."""

    rows: tuple[Listed, ...]
    total: int
    exact: bool = Field(default=True, description="false: there are that many or more")
    next: str | None = None


class PageOf(Value):
    """A page of requests, soonest due first, and where the next begins."""

    requests: tuple[Request, ...]
    total: int
    next: str | None = None


class Decided(NamedTuple):
    """A person's decision, as figures are made from it."""

    gate: str
    state: State
    person: str
    at: datetime
    seconds: float
    """From the opening of the request."""
    edited: bool
    paths: tuple[str, ...]
    """Where the document was changed."""


class Remembered(Value):
    """An answer given before under an Idempotency-Key."""

    body_sha256: str
    status: int
    answer: str


class Transaction(Identities, Deliveries, Protocol):
    """One change with its audit entries: all of it happens or nothing."""

    # Requests
    def request(self, request_id: str) -> Request | None: ...
    def identified(self, identity: Identity) -> Request | None: ...
    def of_key(self, run: str, gate: str, key: str) -> tuple[Request, ...]:
        """Every request of one gate and key of a run, in order of round and succession."""
        ...

    def add_request(self, request: Request) -> None: ...
    def change(self, before: Request, after: Request, action: Action | None) -> Request:
        """Write `after` if the row is still at `before.revision` and, for an action, in one of its source states.

        Returns `after` with the new revision.

        Raises:
            Overtaken: the row is no longer as `before` read it.
        """
        ...

    def content(self, request_id: str, version: int) -> Content | None: ...
    def add_content(self, request_id: str, content: Content) -> None: ...

    # What people did
    def signoffs(self, request_id: str) -> tuple[SignOff, ...]: ...
    def add_signoff(self, request_id: str, signoff: SignOff) -> None: ...
    def void_signoffs(self, request_id: str, *, person: str | None = None, other_than_sha256: str | None = None) -> int:
        """Void the sign-offs of one person, or all that are not for this document, or all; tell how many."""
        ...

    def rulings(self, request_id: str) -> tuple[Ruling, ...]: ...
    def add_ruling(self, request_id: str, ruling: Ruling) -> None: ...
    def mark_recalled(self, request_id: str, seq: int) -> None: ...
    def comments(self, request_id: str) -> tuple[Comment, ...]:
        """What people said beside the request, in order."""
        ...

    def add_comment(self, request_id: str, comment: Comment) -> None: ...
    def snooze(self, request_id: str, person: str) -> Snooze | None: ...
    def put_snooze(self, snooze: Snooze) -> None: ...
    def drop_snooze(self, request_id: str, person: str | None = None) -> None: ...
    def saved_views(self, person: str) -> tuple[SavedView, ...]:
        """Those of this person and those of everybody, by name."""
        ...

    def put_saved_view(self, view: SavedView) -> None: ...
    def drop_saved_view(self, view_id: str) -> None: ...
    def working_copy(self, request_id: str, person: str, version: int) -> WorkingCopy | None: ...
    def put_working_copy(self, copy: WorkingCopy) -> None: ...
    def drop_working_copies(self, request_id: str, person: str | None = None) -> None: ...

    def erase(self, request_id: str) -> tuple[str, ...]:
        """Remove what the request says of anybody and name the columns; commitments stay, so the record verifies."""
        ...

    # Permits
    def permit(self, permit_id: str) -> Permit | None: ...
    def permit_of(self, request_id: str) -> Permit | None: ...
    def add_permit(self, permit: Permit) -> None: ...
    def change_permit(self, before: Permit, after: Permit) -> None:
        """Write `after` if the row still has `before`'s state and fence; else raise Overtaken."""
        ...

    # The record
    def check_whole(self, request_id: str | None) -> None:
        """Hold every row of a request (None: every token) against the last entry that commits to it.

        Done before a change: the entry after it would vouch for whatever stands in the row by then.

        Raises:
            RecordBroken: a row was changed, added or removed by hand; the message names it and the entry.
        """
        ...

    def head(self) -> tuple[int, str]:
        """Number and hash of the last entry, as noted apart from the entries themselves."""
        ...

    def record(self, event: Event) -> Entry:
        """Append an entry that commits to every row written since the last one in this transaction."""
        ...

    def entries(self, *, request_id: str | None = None, after: int = 0) -> Iterator[Entry]:
        """The record in order."""
        ...

    def rows(self) -> Iterator[Attested]:
        """Every row the record commits to; held against `entries()` of the same view while others write on."""
        ...

    # Tokens, idempotency, leadership
    def add_token(self, token: Token) -> None: ...
    def token(self, sha256: str) -> Token | None: ...
    def tokens(self) -> tuple[Token, ...]: ...
    def change_token(self, token: Token) -> None: ...
    def remembered(self, key: str, subject: str) -> Remembered | None: ...
    def remember(self, key: str, subject: str, remembered: Remembered, at: datetime) -> None: ...
    def take_lease(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take or renew a named lease; False while another holder's has not lapsed."""
        ...

    # Lists
    def listed(self, wanted: Wanted, *, sort: Sort, limit: int, after: str | None = None) -> ListOf:
        """A page of rows in this order."""
        ...

    def around(self, wanted: Wanted, *, sort: Sort, of: Request) -> tuple[Listed | None, Listed | None]:
        """The rows before and after a request in this list; of one that is not in it, only the first of all."""
        ...

    def counts(self, wanted: Sequence[Wanted]) -> tuple[int, ...]:
        """How many each of these fits, by the predicate that lists them."""
        ...

    def recount(self) -> int:
        """Count anew what lists are counted by; tells how many counts were wrong, as after somebody's hand."""
        ...

    def page(self, wanted: Wanted, *, limit: int, after: str | None = None) -> PageOf: ...
    def decided(self, wanted: Wanted, since: datetime) -> Iterator[Decided]:
        """What people decided since then and what stands, of these groups' requests."""
        ...

    def overdue(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of open requests past their deadline, oldest first."""
        ...

    def to_wake(self, now: datetime, limit: int, after: Request | None = None) -> tuple[Request, ...]:
        """Answered requests whose answer counts and was not taken up, oldest first; `after` ended the page before."""
        ...

    def has_asked(self, run: str) -> bool:
        """Whether this run has ever opened a request."""
        ...

    def untaken(self, run: str) -> tuple[Request, ...]:
        """The requests of a run whose answer was not taken up yet, open ones included, by id."""
        ...

    def waiting(self, limit: int, after: str | None = None) -> tuple[Request, ...]:
        """Open requests by id, for reconciling; `after` is the last id of the page before."""
        ...

    def waiting_runs(self, limit: int, after: str | None = None) -> tuple[tuple[str, str], ...]:
        """The same as (id, run) alone, without reading the requests."""
        ...


class Store(Protocol):
    """Keeps requests, permits and the record."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """A transaction that writes. It commits at the end of the block and rolls back on an exception.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that only reads, on one consistent view."""
        ...

    def on_answer(self, told: Callable[[Request], None]) -> None:
        """Call this, in this process, after each commit by which a request was answered; it must not raise."""
        ...

    def view(self) -> AbstractContextManager[None]:
        """All that this thread reads inside is of one moment, however often it asks; nothing is written inside."""
        ...

    def entries(self, *, request_id: str | None = None, after: int = 0) -> Iterator[Entry]:
        """The record in order."""
        ...

    def rows(self) -> Iterator[Attested]:
        """Every row the record commits to, as it stands now."""
        ...

    def backup(self, path: str) -> None:
        """Write a consistent copy that can be opened as a store; refuses to overwrite."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...
