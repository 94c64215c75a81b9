"""What agents need from outside, as protocols. Which implementation is used is chosen in `bootstrap` alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from pydantic import Field

from agents.catalogue import Catalogue
from agents.changes import Change, CrmObject
from agents.documents import Brief, Cost, EntityRef, FactKey, Finding, Flag, Proposal
from agents.values import UtcDatetime, Value


class Clock(Protocol):
    """Tells the time, so that tests can."""

    def __call__(self) -> datetime: ...


# -- the web -----------------------------------------------------------------------------------------------------


class Page(Value):
    """One page as it came, before anything is read out of it."""

    address: str = Field(description="final address, after redirects; a file address for a saved page")
    body: bytes
    media_type: str
    charset: str | None = None
    fetched_at: UtcDatetime
    truncated: bool = False


class Web(Protocol):
    """Fetches pages safely: addresses checked, the connection pinned to the checked one, caps on time and size."""

    async def fetch(self, address: str) -> Page:
        """The page at this address.

        Raises:
            AddressRefused: the address, or one it redirects to, is private, local or disguised.
            RobotsDisallow: the site asks not to be read there.
            FetchFailed: no answer, or none that is a page.
        """
        ...


class Subject(Value):
    """The company that is looked up beyond its own site, and where its own pages point."""

    entity: EntityRef
    links: tuple[str, ...] = Field(default=(), description="addresses that its own pages link to")
    feeds: tuple[str, ...] = Field(default=(), description="feeds that its own pages name")


class Saying(Value):
    """One thing a source says, and where in its text."""

    key: FactKey
    value: str = Field(min_length=1)
    start: int = Field(ge=0, description="characters from the beginning of the text")
    end: int = Field(ge=0)
    confidence: float = Field(ge=0, le=1)
    as_of: str | None = None


class Told(Value):
    """What one source beyond the site says of a company, with the text it says it in."""

    page: Page
    text: str = Field(description="of the page, as it is kept; offsets count in it")
    title: str
    kind: Literal["register", "feed", "jobs"]
    sayings: tuple[Saying, ...]


class Elsewhere(Protocol):
    """A source beyond the company's site. It tells of this company only: whose it is, it finds out itself."""

    @property
    def name(self) -> str:
        """How it is set, such as `wikidata` or `lever:SITE`."""
        ...

    async def read(self, subject: Subject, web: Web) -> Told | None:
        """What it says of this company; None where it knows none that is certainly this one.

        Raises:
            FetchError: it does not answer, or its robots.txt asks not to be read.
        """
        ...


class Snapshots(Protocol):
    """Keeps what was read, by the sha256 of its bytes, so that a quote can be looked up later."""

    def put(self, body: bytes) -> str:
        """Keep these bytes; return their sha256 as hex."""
        ...

    def get(self, sha256: str) -> bytes | None:
        """The bytes kept under this digest, or None."""
        ...


# -- the model ---------------------------------------------------------------------------------------------------


class SentenceEdit(Value):
    """How a reviewer changed one sentence of an earlier draft."""

    before: str
    after: str


class DraftingTask(Value):
    """What a model is asked to draft, and everything it may use."""

    brief: Brief
    catalogue: Catalogue
    feedback: tuple[str, ...] = Field(default=(), description="every reviewer's words so far, oldest first")
    previous: Proposal | None = Field(default=None, description="the draft that was sent back")
    round: int = Field(default=1, ge=1)
    edits: tuple[SentenceEdit, ...] = Field(
        default=(), description="what reviewers changed in earlier drafts; a model may learn from it"
    )
    run_key: str = Field(default="", description="the run it is drafted for; what a run may spend is counted by it")


class Drafted(Value):
    """A model's proposal, what it cost, and what it could not do of what was asked."""

    proposal: Proposal
    cost: Cost
    flags: tuple[Flag, ...] = ()


class Model(Protocol):
    """Writes proposals. What it writes is checked by `grounding`, whoever it is."""

    @property
    def name(self) -> str:
        """How it is addressed, such as `offline:`; stands on every draft it writes."""
        ...

    async def draft(self, task: DraftingTask) -> Drafted:
        """A proposal from the facts and offers of the task alone.

        Raises:
            DraftingError: no usable draft came of it; `cost` among its facts is what was spent all the same.
        """
        ...

    async def ready(self) -> str:
        """One sentence on how it stands, found out without spending anything.

        Raises:
            DraftingError: it could not draft now; the sentence says what to do.
        """
        ...


# -- the CRM -----------------------------------------------------------------------------------------------------


class Record(Value):
    """One record as the CRM holds it now."""

    object: CrmObject
    key: str
    fields: dict[str, str]
    version: str = Field(description="changes whenever the record does")


class FieldHistory(Value):
    """One change of one field."""

    field: str
    before: str | None
    after: str | None
    at: UtcDatetime
    by: str


class Note(Value):
    """A note on a record."""

    key: str
    object: CrmObject
    about: str
    body: str
    at: UtcDatetime


class Link(Value):
    """The other end of an association."""

    object: CrmObject
    key: str


Outcome = Literal["written", "already", "conflict"]


class Done(Value):
    """What the CRM answered to one change."""

    outcome: Outcome
    detail: str = ""
    by: str = Field(default="", description="on `already`: who did it, where the CRM keeps that; so a restart knows")
    now: dict[str, str | None] = Field(default_factory=dict, description="on conflict: the fields as they are")


class Capabilities(Value):
    """What one CRM can do and another cannot. Whoever needs it asks here, not for the vendor's name."""

    removes: bool = Field(
        default=True,
        description="`Remove`, `RemoveNote` and `Dissociate` can be applied; a revert leaves them out else",
    )
    restores: bool = Field(default=True, description="`Create` brings a record back that was archived")
    compares: bool = Field(
        default=True, description="comparing and writing are one act: no other hand comes between the two"
    )
    history: bool = Field(default=True, description="who changed which field, and when, is kept")


@runtime_checkable
class Crm(Protocol):
    """Records with unique external keys. Applying the same change twice writes once."""

    @property
    def address(self) -> str:
        """How it was opened, such as `embedded://`; the target of permits."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do of what not every CRM can."""
        ...

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has."""
        ...

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002 - CRMs call it so
        """The record under this external key; None where there is none, or where it was archived."""
        ...

    def note(self, key: str) -> Note | None:
        """The note under this external key; None where there is none, or where it was taken away."""
        ...

    def apply(self, change: Change, *, by: str) -> Done:
        """Do one change unless it is done already or the record moved since it was planned.

        A `Remove` archives a record that holds exactly the named fields and bears no note and no link; it is a
        conflict otherwise, and done already where there is no record. `RemoveNote` takes a note away that has these
        words still, `Dissociate` a link. Creating what was archived brings it back with the fields of the creation.

        Raises:
            UnknownObject: the CRM has no such object, field or record.
            CrmUnavailable: the CRM does not answer; nothing is known of the write.
        """
        ...

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record, or those of one object, in a stable order."""
        ...

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note, or those of one record, oldest first."""
        ...

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Each change of each field of a record, oldest first."""
        ...

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records this one is linked with, in either direction, in a stable order."""
        ...


# -- whom nobody approaches --------------------------------------------------------------------------------------


class Suppression(Value):
    """Somebody who is not to be approached, without saying who."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the e-mail address or domain in its one spelling")
    kind: Literal["email", "domain"]
    reason: str = Field(default="", max_length=500)
    at: UtcDatetime
    by: str = ""


class SuppressionList(Protocol):
    """Who is not to be approached. A list that cannot be read lets nobody through: each call then raises
    SuppressionUnavailable."""

    def entries(self) -> tuple[Suppression, ...]:
        """Every entry, oldest first."""
        ...

    def find(self, digests: Collection[str]) -> Suppression | None:
        """The first entry under one of these digests, or None."""
        ...

    def add(self, entries: Sequence[Suppression]) -> int:
        """Put these on the list; tells how many were not there. What is there stays as it is."""
        ...

    def remove(self, digests: Collection[str]) -> int:
        """Take these off the list; tells how many were on it."""
        ...


# -- findings ----------------------------------------------------------------------------------------------------


class Checked(Value):
    """What grounding says of a whole document."""

    findings: tuple[Finding, ...]

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Ids of the claims nothing supports."""
        return tuple(finding.claim_id for finding in self.findings if finding.support == "unsupported")
