"""A model, and the deterministic drafter for when the model gives no draft."""

from __future__ import annotations

from decimal import Decimal

from agents.documents import Cost, Flag
from agents.errors import DraftingError
from agents.ports import Drafted, DraftingTask, Model


class WithFallback:
    """Drafts by the first model; where it fails, by the second, and says on the draft which one wrote it and why."""

    def __init__(self, first: Model, second: Model) -> None:
        self._first = first
        self._second = second

    @property
    def name(self) -> str:
        """The first model's name; a draft's cost names the one that wrote it."""
        return self._first.name

    async def ready(self) -> str:
        """How the first model stands; that it does not answer is no hindrance, and is said.

        Raises:
            DraftingError: neither could draft now.
        """
        try:
            return f"{await self._first.ready()}; {self._second.name} drafts where it does not"
        except DraftingError as error:
            await self._second.ready()
            return f"{error} Until it does, {self._second.name} drafts."

    async def draft(self, task: DraftingTask) -> Drafted:
        """A proposal of the first model, or of the second with a flag.

        Raises:
            DraftingError: neither gave a usable draft.
        """
        try:
            return await self._first.draft(task)
        except DraftingError as error:
            drafted = await self._second.draft(task)
            spent = error.facts.get("cost")
            told = Flag(
                code="model_fell_back",
                message=f"Written by {self._second.name}, the deterministic drafter, because of this: {error}",
            )
            return drafted.model_copy(update={"flags": (told, *drafted.flags), "cost": _with(drafted.cost, spent)})


def _with(cost: Cost, spent: object) -> Cost:
    """The cost of a draft, with what was spent in vain before it."""
    if not isinstance(spent, Cost) or not (spent.amount or spent.tokens):
        return cost
    amount = spent.amount + (cost.amount if cost.currency == spent.currency else Decimal(0))
    return cost.model_copy(update={"amount": amount, "currency": spent.currency, "tokens": spent.tokens + cost.tokens})
