"""Two more kinds of document, for showing the queue: a letter to write and terms to agree on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from agents.documents import EntityRef
from agents.texts import money_text
from agents.values import Currency, Document, Line, Money, Value, Worth, ui
from flows.gates import Gate


class FollowUp(Document):
    """A letter to somebody who has an offer and has not answered yet."""

    entity: EntityRef = Field(json_schema_extra=ui(group="Company", readonly=True))
    to: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", title="To")]
    subject: Line
    tone: Literal["friendly", "formal"] = "friendly"
    send_on: date = Field(title="Send on")
    body: str = Field(min_length=1, max_length=4_000, json_schema_extra=ui(widget="markdown"))
    attach_offer: bool = Field(default=True, title="Attach the offer")

    @property
    def about(self) -> str:
        """Whom it is for."""
        return self.entity.name

    def consequences(self) -> tuple[str, ...]:
        """What approving leads to."""
        attached = " with the offer attached" if self.attach_offer else ""
        return (
            f"The letter “{self.subject}” is kept as a draft to {self.to}{attached}, for {self.send_on.isoformat()}.",
            "Nothing is sent to anyone: whoever owns the account sends it.",
        )


class Clause(Value):
    """One clause, as it would stand in the contract."""

    heading: Line
    text: str = Field(min_length=1, json_schema_extra=ui(widget="lines"))
    risk: Literal["standard", "changed", "new"] = "standard"


class Milestone(Value):
    """A part of the price and when it is due."""

    name: Line
    due: date
    amount: Money = Field(ge=0, json_schema_extra=ui(currency="currency"))


class ContractTerms(Document):
    """The terms under which an offer becomes a contract."""

    entity: EntityRef = Field(json_schema_extra=ui(group="Company", readonly=True))
    currency: Currency = "EUR"
    starts_on: date
    notice_days: int = Field(ge=0, le=365, title="Notice, in days")
    liability_cap: Money | None = Field(default=None, title="Liability cap", json_schema_extra=ui(currency="currency"))
    milestones: tuple[Milestone, ...]
    clauses: tuple[Clause, ...]

    @property
    def about(self) -> str:
        """Whom they are agreed with."""
        return self.entity.name

    @property
    def worth(self) -> Worth:
        """The sum of the milestones."""
        return Worth(sum((one.amount for one in self.milestones), Decimal("0.00")), self.currency)

    def consequences(self) -> tuple[str, ...]:
        """What approving leads to."""
        amount, currency = self.worth
        cap = f"capped at {money_text(self.liability_cap, self.currency)}" if self.liability_cap else "not capped"
        return (
            f"The terms for {self.entity.name} over {money_text(amount, currency)} are offered for signature.",
            f"Liability is {cap}; either side can leave with {self.notice_days} days' notice.",
            "Nothing is signed and nothing is sent to the customer.",
        )


FOLLOW_UP = Gate("follow_up", FollowUp, title="Follow-up")
CONTRACT = Gate("contract", ContractTerms, title="Contract terms")
