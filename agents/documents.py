"""The values agents hand on: prospects, sources, facts, briefs, proposals and CRM updates.

Every document is frozen and canonical: `dump(validate(document))` is the form that is stored, shown, signed and
hashed, so a value with two spellings (`1150.0` and `"1150.00"`) is brought to one on the way in.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.changes import (
    Change,
    Create,
    SetField,
)
from agents.values import HIDDEN, LINES, READONLY, Currency, Document, Line, Money, Spend, UtcDatetime, Value, Worth, ui

Severity = Literal["info", "warning", "high"]
DocumentT = TypeVar("DocumentT", bound=BaseModel)

_COMPANY = ui(group="Company", readonly=True)

# -- who it is about ---------------------------------------------------------------------------------------------


class EntityRef(Value):
    """The company that everything else is about, resolved once and passed on."""

    name: Line
    domain: str | None = Field(default=None, description="registrable domain, lower case, such as `halden.example`")
    legal_name: str | None = None
    aliases: tuple[str, ...] = ()
    country: str | None = Field(default=None, description="ISO 3166 alpha-2 code")

    @property
    def external_key(self) -> str:
        """The key of this company in every CRM: `co:<domain>`, or `co:<name>` where no domain is known."""
        return f"co:{self.domain or '-'.join(self.name.lower().split())}"


class Prospect(Value):
    """Whom to research: a web address or domain, a saved page, a folder of saved pages, or pasted text."""

    target: str = Field(min_length=1, description="address, domain, path, or the text itself after `text:`")
    name: str | None = Field(default=None, description="the company's name, where the target does not say it")
    source_url: str | None = Field(default=None, description="where a saved page came from")


# -- what was found ----------------------------------------------------------------------------------------------


class FactKey(StrEnum):
    """What a fact is about."""

    NAME = "name"
    LEGAL_NAME = "legal_name"
    DESCRIPTION = "description"
    ADDRESS = "address"
    PHONE = "phone"
    EMAIL = "email"
    FOUNDED = "founded"
    EMPLOYEES = "employees"
    REVENUE = "revenue"
    PRODUCT = "product"
    SERVICE = "service"
    CUSTOMER = "customer"
    PARTNER = "partner"
    CERTIFICATION = "certification"
    LOCATION = "location"
    JOB = "job"
    NEWS = "news"
    CONTACT_PERSON = "contact_person"
    WEBSITE = "website"
    SOCIAL = "social"


class Source(Value):
    """One page that was read: where it came from and what it was, so that a quote can be looked up again."""

    id: str = Field(json_schema_extra=HIDDEN)
    address: str = Field(description="final web address, file address or `text:`", json_schema_extra=READONLY)
    kind: Literal["site", "file", "text", "register", "feed", "jobs"] = Field(json_schema_extra=HIDDEN)
    title: str = Field(default="", json_schema_extra=READONLY)
    fetched_at: UtcDatetime = Field(json_schema_extra=ui(readonly=True, label="Read at"))
    sha256: str = Field(description="of the bytes as they came", json_schema_extra=HIDDEN)
    text_sha256: str = Field(
        description="of the visible text, in which offsets of `part=text` are counted", json_schema_extra=HIDDEN
    )
    media_type: str = Field(default="text/html", json_schema_extra=HIDDEN)
    language: str | None = Field(default=None, json_schema_extra=HIDDEN)
    subject_match: Literal["match", "other", "unknown"] = Field(
        default="unknown", json_schema_extra=ui(readonly=True, label="About this company")
    )
    hidden_characters: int = Field(
        default=0, description="characters a person would not have seen, left out", json_schema_extra=READONLY
    )
    truncated: bool = Field(default=False, json_schema_extra=READONLY)


class Fact(Value):
    """One thing a source says, with the exact words it says it in."""

    id: str = Field(json_schema_extra=HIDDEN)
    key: FactKey = Field(json_schema_extra=ui(readonly=True, label="What"))
    value: str = Field(min_length=1)
    quote: str = Field(
        min_length=1,
        description="verbatim, found at [start:end] of the part it stands in",
        json_schema_extra=READONLY,
    )
    source_id: str = Field(json_schema_extra=ui(readonly=True, label="Source"))
    part: Literal["text", "markup"] = Field(
        default="text", description="visible text, or the page's source", json_schema_extra=HIDDEN
    )
    start: int = Field(ge=0, description="characters from the beginning of the part", json_schema_extra=HIDDEN)
    end: int = Field(ge=0, json_schema_extra=HIDDEN)
    method: Literal["jsonld", "microdata", "opengraph", "link", "rule", "model", "person"] = Field(
        json_schema_extra=HIDDEN
    )
    confidence: float = Field(ge=0, le=1, json_schema_extra=READONLY)
    as_of: str | None = Field(
        default=None, description="ISO date, month or year that the source gives", json_schema_extra=READONLY
    )
    conflicts_with: tuple[str, ...] = Field(
        default=(), description="ids of facts that say otherwise", json_schema_extra=HIDDEN
    )


class ScorePoint(Value):
    """What one rule of the customer profile gives a company, and the facts it rests on."""

    model_config = ConfigDict(json_schema_extra=ui(order=["says", "points", "out_of"]))

    rule: str = Field(min_length=1, json_schema_extra=HIDDEN)
    says: Line = Field(json_schema_extra=READONLY)
    points: int = Field(json_schema_extra=READONLY)
    out_of: int = Field(description="what the rule gives where it fits", json_schema_extra=READONLY)
    fact_ids: tuple[str, ...] = Field(default=(), json_schema_extra=HIDDEN)


def _nothing(value: tuple[Any, ...]) -> bool:
    return not value


class Brief(Document):
    """What research found about one company, and what it did not find."""

    model_config = ConfigDict(
        json_schema_extra=ui(order=["entity", "score", "facts", "open_questions", "not_found", "sources", "language"])
    )

    entity: EntityRef = Field(json_schema_extra=ui(group="Company"))
    language: str = Field(
        default="en", description="of most of what was read; ISO 639-1", json_schema_extra=ui(readonly=True)
    )
    sources: tuple[Source, ...] = Field(json_schema_extra=ui(group="What was read", readonly=True))
    facts: tuple[Fact, ...] = Field(json_schema_extra=ui(group="Facts"))
    open_questions: tuple[str, ...] = Field(default=(), json_schema_extra=ui(group="Open questions"))
    not_found: tuple[FactKey, ...] = Field(default=(), json_schema_extra=ui(group="Open questions", readonly=True))
    score: tuple[ScorePoint, ...] = Field(
        default=(),
        description="against the customer profile, where there is one",
        # Left out where there is none, so that briefs from before it was there keep their canonical form.
        exclude_if=_nothing,
        json_schema_extra=ui(group="Lead score", readonly=True),
    )

    @model_validator(mode="after")
    def _facts_name_their_source(self) -> Self:
        known = {source.id for source in self.sources}
        for fact in self.facts:
            if fact.source_id not in known:
                raise ValueError(f"fact {fact.id!r} names the source {fact.source_id!r}, which the brief does not hold")
        _unique("fact", [fact.id for fact in self.facts])
        return self

    @property
    def about(self) -> str:
        """The company's name."""
        return self.entity.name

    @property
    def points(self) -> tuple[int, int]:
        """The lead score, and the most there was to get."""
        return sum(one.points for one in self.score), sum(one.out_of for one in self.score if one.out_of > 0)

    def of(self, *keys: FactKey) -> tuple[Fact, ...]:
        """The facts under these keys, in the order they were found."""
        return tuple(fact for fact in self.facts if fact.key in keys)


# -- what is offered ---------------------------------------------------------------------------------------------


class Claim(Value):
    """One sentence of a proposal and what it rests on. An edited claim keeps its id and citations."""

    id: str = Field(min_length=1, json_schema_extra=HIDDEN)
    text: str = Field(min_length=1, json_schema_extra=LINES)
    fact_ids: tuple[str, ...] = Field(default=(), json_schema_extra=HIDDEN)
    catalogue_ids: tuple[str, ...] = Field(default=(), json_schema_extra=HIDDEN)


class Section(Value):
    """A heading and its claims."""

    key: str = Field(min_length=1, json_schema_extra=HIDDEN)
    title: Line
    claims: tuple[Claim, ...]


class PriceLine(Value):
    """One offer from the catalogue, in the quantity proposed."""

    id: str = Field(min_length=1, json_schema_extra=HIDDEN)
    offer: str = Field(description="the offer's id in the catalogue", json_schema_extra=HIDDEN)
    name: Line = Field(json_schema_extra=ui(label="Offer"))
    quantity: int = Field(ge=1, le=1_000_000)
    unit: Line
    unit_price: Money = Field(json_schema_extra=ui(currency="currency"))

    @property
    def amount(self) -> Decimal:
        """Quantity times unit price."""
        return self.unit_price * self.quantity


class Proposal(Document):
    """What is offered to one company: sections of claims, and price lines. Edited claim by claim."""

    model_config = ConfigDict(
        json_schema_extra=ui(order=["title", "sections", "lines", "currency", "valid_days", "entity", "language"])
    )

    entity: EntityRef = Field(json_schema_extra=_COMPANY)
    title: Line
    language: str = Field(default="en", json_schema_extra=ui(group="Company", readonly=True))
    sections: tuple[Section, ...] = Field(json_schema_extra=ui(group="Text"))
    lines: tuple[PriceLine, ...] = Field(default=(), json_schema_extra=ui(group="Prices", label="Price lines"))
    currency: Currency = Field(json_schema_extra=ui(group="Prices"))
    valid_days: int = Field(ge=1, le=365, description="days the offer stands", json_schema_extra=ui(group="Prices"))

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _unique("claim", [claim.id for claim in self.claims] + [line.id for line in self.lines])
        _unique("section", [section.key for section in self.sections])
        return self

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every claim of every section."""
        return tuple(claim for section in self.sections for claim in section.claims)

    @property
    def total(self) -> Decimal:
        """The sum of the price lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    @property
    def about(self) -> str:
        """The company's name."""
        return self.entity.name

    @property
    def worth(self) -> Worth:
        """The total and its currency."""
        return Worth(self.total, self.currency)


# -- what changes in the CRM -------------------------------------------------------------------------------------


class CrmUpdate(Document):
    """What is to change in the CRM, planned before it is signed, in the order it is applied."""

    model_config = ConfigDict(json_schema_extra=ui(order=["changes", "entity", "crm"]))

    crm: str = Field(
        description="address of the CRM, such as `embedded://`", json_schema_extra=ui(group="Company", readonly=True)
    )
    entity: EntityRef = Field(json_schema_extra=_COMPANY)
    changes: tuple[Change, ...] = Field(json_schema_extra=ui(group="Changes"))

    @property
    def about(self) -> str:
        """The company's name."""
        return self.entity.name

    @property
    def worth(self) -> Worth | None:
        """The amount and currency that a ticked change gives a deal; None where none does."""
        amount = currency = None
        for change in self.changes:
            if not change.apply or not isinstance(change, Create | SetField) or change.object != "deal":
                continue
            given = change.fields if isinstance(change, Create) else {change.field: change.after}
            amount, currency = given.get("amount", amount), given.get("currency", currency)
        if amount is None or currency is None:
            return None
        try:
            return Worth(Decimal(amount), currency)
        except InvalidOperation:
            return None


class Applied(Value):
    """What became of one change."""

    index: int = Field(ge=0, description="of the change in the signed update")
    outcome: Literal["written", "already", "skipped", "conflict"]
    record: str = Field(default="", description="object and key, such as `company co:halden.example`")
    detail: str = ""


class CrmReceipt(Document):
    """What was really done, change by change."""

    crm: str
    entity: EntityRef
    applied: tuple[Applied, ...]

    def followed_by(self, later: CrmReceipt) -> CrmReceipt:
        """This receipt and one for what remained of the same update; conflicts stay, with what came of them after."""
        return self.model_copy(update={"applied": (*self.applied, *later.applied)})


class Conflict(Document):
    """The world moved: what was done, and what remains to be asked again with `before` as it is now."""

    receipt: CrmReceipt
    remaining: CrmUpdate


# -- how a step hands in its work --------------------------------------------------------------------------------


class Flag(Value):
    """Something a reviewer should look at before deciding."""

    code: str = Field(pattern=r"^[a-z_]+$")
    message: str
    severity: Severity = "warning"


Standing = Literal["quoted", "cited", "unsourced", "none"]


class Finding(Value):
    """What grounding says of one claim, whoever wrote it."""

    claim_id: str
    support: Literal["supported", "partly", "unsupported", "not_applicable"]
    reasons: tuple[str, ...] = ()
    standing: Standing = Field(default="none", description="where what it cites stands; said once it was looked up")


class Cost(Value):
    """What making a draft has cost so far."""

    amount: Spend = Decimal("0.00")
    currency: Currency = "USD"
    tokens: int = Field(default=0, ge=0)
    model: str = Field(default="", description="which model wrote the draft; `offline:` is deterministic")


class Draft(Value, Generic[DocumentT]):
    """A step's work: the document, and what a reviewer needs beside it. A step may return a bare document instead."""

    document: DocumentT
    title: str = ""
    summary: str = ""
    about: str = Field(default="", description="whom it is about, where the document's class does not say it")
    worth: Worth | None = Field(
        default=None, description="what is at stake, where the document's class does not say it"
    )
    sources: tuple[Source, ...] = ()
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()
    based_on: dict[str, str] = Field(default_factory=dict, description="address of each record read -> its version")
    cost: Cost = Cost()


def dump(document: BaseModel) -> Any:
    """The document as JSON values, in the one form in which it is stored and signed."""
    return document.model_dump(mode="json")


def contradictions(facts: Sequence[Fact]) -> dict[str, frozenset[str]]:
    """Fact id -> ids of the facts that say otherwise, whichever of the two names the other."""
    against: dict[str, set[str]] = {}
    for fact in facts:
        for other in fact.conflicts_with:
            against.setdefault(fact.id, set()).add(other)
            against.setdefault(other, set()).add(fact.id)
    return {fact_id: frozenset(others) for fact_id, others in against.items()}


def _unique(noun: str, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"two {noun}s have the id {one!r}")
        seen.add(one)
