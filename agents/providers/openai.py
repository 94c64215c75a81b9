"""A model behind an OpenAI-compatible endpoint. What it writes is a proposal like any other: checked, priced by us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import uuid4

from agents.documents import Flag, Proposal
from agents.errors import DraftingError, ModelNonsense, ModelUnavailable
from agents.grounding import check
from agents.ports import Drafted, DraftingTask
from agents.providers.answers import quantity_flags, reading_of
from agents.providers.budgets import SpendBook
from agents.providers.completions import Completion, short
from agents.providers.endpoint import Message
from agents.providers.metering import Meter
from agents.providers.prices import PriceTable
from agents.providers.prompts import SCHEMA, correction, opening

REPAIRS = 2
"""How often a model is told what is wrong with its answer."""


class Named(Protocol):
    """What a model is called: on drafts, and in a price table."""

    @property
    def address(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def served_by(self) -> str: ...


class Asked(Protocol):
    """Where a model is asked: an OpenAI-compatible server, or a vendor through an extra."""

    @property
    def place(self) -> Named: ...
    async def models(self) -> tuple[str, ...] | None: ...
    async def complete(self, messages: Sequence[Message], schema: dict[str, Any], meter: Meter) -> Completion: ...


class OpenAiModel:
    """Writes proposals through one endpoint, within its budget."""

    def __init__(
        self, endpoint: Asked, prices: PriceTable, book: SpendBook, new_key: Callable[[], str] = lambda: uuid4().hex
    ) -> None:
        self._endpoint = endpoint
        self._book = book
        self._new_key = new_key
        place = endpoint.place
        self._price = prices.price_of(place.model, place.served_by)

    @property
    def name(self) -> str:
        """How it is addressed; stands on every draft it writes, and holds no key."""
        return self._endpoint.place.address

    async def ready(self) -> str:
        """Whether it answers, what it may spend and what it has; asks for its models, which costs nothing.

        Raises:
            ModelUnavailable: it does not answer, does not know the model, or its price is unknown and a budget set.
        """
        self._priced()
        listed = await self._endpoint.models()
        model = self._endpoint.place.model
        if listed is not None and model not in listed:
            raise ModelUnavailable(
                f"The model {self.name!r} is not among the {len(listed)} that its server lists, such as "
                f"{', '.join(map(repr, listed[:3])) or 'none'}."
            )
        known = "answers" if listed is not None else "has a server that answers and lists no models"
        budget, today, currency = self._book.budget, self._book.spent_today(), self._book.currency
        if budget.day is not None:
            money = f"{today.normalize():f} of {budget.day:f} {currency} spent today"
        elif self._price is None:
            money = "its price is not known and no budget is set"
        else:
            money = f"{today.normalize():f} {currency} spent today, and no budget for a day is set"
        return f"{self.name} {known}; {money}"

    async def draft(self, task: DraftingTask) -> Drafted:
        """A proposal from the facts and offers of the task; told what is wrong at most twice.

        Raises:
            ModelUnavailable: no answer.
            ModelRefused: the model or its server declines.
            ModelNonsense: nothing that can be read, even after it was told what is wrong.
            BudgetSpent: asking could cost more than is allowed.
        """
        meter = Meter(self.name, task.run_key or self._new_key(), self._price, self._book)
        try:
            self._priced()
            return await self._drafted(task, meter)
        except DraftingError as error:
            error.facts["cost"] = meter.cost()
            raise

    async def _drafted(self, task: DraftingTask, meter: Meter) -> Drafted:
        messages = opening(task)
        usable: Proposal | None = None
        problems: tuple[str, ...] = ()
        text = ""
        for turn in range(REPAIRS + 1):
            try:
                completion = await self._endpoint.complete(messages, SCHEMA, meter)
            except DraftingError:
                if usable is None:
                    raise
                break  # there is a draft; what could not be asked is whether it can be bettered
            text = completion.text
            reading = reading_of(text, task, cut=completion.cut)
            problems = reading.problems
            if reading.proposal is not None:
                usable = reading.proposal
                problems = _unsupported(usable, task)
            if not problems or turn == REPAIRS:
                break
            messages = [*messages, *correction(text, problems)]
        if usable is None:
            raise ModelNonsense(
                f"The model {self.name!r} wrote nothing that can be used, though it was told twice what is wrong: "
                f"{'; '.join(problems[:2])}. Its last answer begins {short(text)!r}."
            )
        flags = (*quantity_flags(usable, task), *_without_offer(usable), meter.flag())
        return Drafted(proposal=usable, cost=meter.cost(), flags=flags)

    def _priced(self) -> None:
        """Nothing, if what it spends can be counted.

        Raises:
            ModelUnavailable: a budget is set and nobody says what the model costs.
        """
        if self._book.budget and self._price is None:
            place = self._endpoint.place
            raise ModelUnavailable(
                f"A budget is set, and no price is known for the model {place.model!r} at {place.served_by!r}. "
                "Add it to the table that AGENTS_MODEL_PRICES names, with 0 where it costs nothing, or unset "
                "AGENTS_MODEL_RUN_BUDGET and AGENTS_MODEL_DAY_BUDGET."
            )


def _unsupported(proposal: Proposal, task: DraftingTask) -> tuple[str, ...]:
    """What grounding will hold against this draft, in sentences for the model."""
    brief = task.brief
    texts = {claim.id: claim.text for claim in proposal.claims}
    found = check(proposal, sources=brief.sources, facts=brief.facts, catalogue=task.catalogue)
    return tuple(
        f"{texts[one.claim_id]!r} is not supported: {'; '.join(one.reasons)}. Cite what says it, correct it, ask it as "
        "a question, or leave it out"
        for one in found
        if one.support == "unsupported" and one.claim_id in texts
    )[:12]


def _without_offer(proposal: Proposal) -> tuple[Flag, ...]:
    if proposal.lines:
        return ()
    return (
        Flag(code="no_offer_fits", message="The model proposes no offer of the catalogue; check what is proposed."),
    )
