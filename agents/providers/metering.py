"""What one draft takes of a model: calls, tokens, time and money, with the digests of what was asked and answered."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import NamedTuple

from agents.documents import Cost, Flag
from agents.providers.budgets import SpendBook
from agents.providers.prices import Price


class Usage(NamedTuple):
    """Tokens of one call, as the endpoint counts them."""

    tokens_in: int
    tokens_out: int


class Meter:
    """Counts the calls of one draft, and has each entered in the book before it is made."""

    def __init__(self, name: str, run: str, price: Price | None, book: SpendBook) -> None:
        """
        Args:
            name: The model's address, which the cost names.
            run: What a run's budget is counted by.
            price: What its tokens cost; None where no table says it.
            book: Where calls are entered.
        """
        self._name = name
        self._run = run
        self._price = price
        self._book = book
        self._amount = Decimal(0)
        self._tokens = 0
        self._calls = 0
        self._seconds = 0.0
        self._uncounted = False
        self._digests: tuple[str, str] = ("", "")

    def enter(self, request: bytes, most_out: int) -> Entry:
        """Enter a call with this body, whose answer has at most so many tokens.

        Raises:
            BudgetSpent: it could cost more than is allowed.
        """
        # No token is shorter than a byte, so its bytes are the most that a request can count.
        most = self._price.of(len(request), most_out) if self._price else None
        digest = hashlib.sha256(request).hexdigest()
        return Entry(self._book.enter(self._run, self._name, most, digest), most, digest)

    def answered(self, entry: Entry, usage: Usage | None, response: bytes, seconds: float) -> None:
        """The call was answered; without usage it counts with the most it can have cost."""
        digest = hashlib.sha256(response).hexdigest()
        amount = self._price.of(*usage) if self._price and usage else entry.most
        tokens_in, tokens_out = usage or (0, 0)
        self._book.close(
            entry.id,
            amount,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            milliseconds=round(seconds * 1000),
            response_sha256=digest,
        )
        self._calls += 1
        self._tokens += tokens_in + tokens_out
        self._seconds += seconds
        self._uncounted = self._uncounted or usage is None
        self._amount += amount or Decimal(0)
        self._digests = (entry.digest, digest)

    def lost(self, entry: Entry) -> None:
        """No answer came, and whether it will be charged is unknown: it counts with the most it can cost."""
        self._book.close(entry.id, entry.most)
        self._uncounted = True
        self._amount += entry.most or Decimal(0)

    def refused(self, entry: Entry) -> None:
        """The endpoint did no work, so nothing is charged."""
        self._book.strike(entry.id)

    @property
    def calls(self) -> int:
        """How many calls were answered."""
        return self._calls

    def cost(self) -> Cost:
        """What was spent so far."""
        return Cost(amount=self._amount, currency=self._book.currency, tokens=self._tokens, model=self._name)

    def flag(self) -> Flag:
        """One sentence on what the draft took, for whoever reviews it."""
        calls = "one call" if self._calls == 1 else f"{self._calls} calls"
        if self._price is None:
            money = "its price is not known, so no cost is counted"
        elif self._uncounted:
            money = f"at most {self._amount.normalize():f} {self._book.currency}, for not every call said what it took"
        else:
            money = f"{self._amount.normalize():f} {self._book.currency}"
        asked, answered = self._digests
        return Flag(
            code="model_price_unknown" if self._price is None else "model_call",
            message=f"Written by {self._name}: {calls}, {self._tokens:,} tokens, {self._seconds:.1f} s; {money}. "
            f"Last request sha256 {asked[:16]}, response {answered[:16]}.",
            severity="info",
        )


class Entry(NamedTuple):
    """One call in the book."""

    id: int
    most: Decimal | None
    digest: str
