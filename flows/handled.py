"""Who was handled lately, as the approval store has it: whose questions wait, or were asked within some days."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from agents.documents import Prospect
from approvals.lifecycle import OPEN, State
from approvals.ports import Store, Transaction, Wanted
from approvals.requests import Request
from flows.prospects import domain_of

_PAGE = 200


@dataclass
class _Run:
    """What is known of one run from its requests."""

    last: Request
    domain: str | None
    name: str
    called_off: bool = False


class Earlier(NamedTuple):
    """What was done about a company before."""

    reason: str | None
    """Why it is left alone, in a few words; None where it is not."""
    last: str
    """The last request about it, or nothing; with it a batch tells a new beginning from a repetition."""


class Handled:
    """Which companies a flow has dealt with. A run of which a request was withdrawn was called off, and counts not."""

    def __init__(self, store: Store, flow: str, *, days: float, now: datetime) -> None:
        """
        Args:
            days: For so long a company that was asked about is left alone. One whose question waits is in any case.
        """
        self._since = now - timedelta(days=days)
        self._days = days
        runs: dict[str, _Run] = {}
        with store.read() as transaction:
            for request in _requests(transaction, flow):
                domain, name = _company(request)
                run = runs.setdefault(request.identity.run, _Run(request, domain, name))
                run.domain, run.name = run.domain or domain, run.name or name
                run.called_off |= request.state is State.WITHDRAWN
                run.last = max(run.last, request, key=lambda one: (one.opened_at, one.id))
        # Later runs come last, and stand.
        self._runs = sorted(runs.values(), key=lambda run: (run.last.opened_at, run.last.id))

    def before(self, prospect: Prospect) -> Earlier:
        """What was done about this prospect before."""
        of_it = [run for run in self._runs if _same(run, prospect)]
        counting = [run for run in of_it if not run.called_off]
        last = of_it[-1].last.id if of_it else ""
        for run in reversed(counting):
            request, gate = run.last, run.last.identity.gate.replace("_", " ")
            if request.state in OPEN:
                return Earlier(f"its {gate} waits for review since {request.opened_at:%Y-%m-%d} ({request.id})", last)
            if request.opened_at >= self._since:
                told = f"its {gate} was {request.state.value} on {request.opened_at:%Y-%m-%d} ({request.id})"
                return Earlier(f"{told}, less than {self._days:g} days ago", last)
        return Earlier(None, last)


def _requests(transaction: Transaction, flow: str) -> Iterator[Request]:
    """Every request of the flow."""
    after: str | None = None
    while True:
        page = transaction.listed(Wanted(), sort="newest", limit=_PAGE, after=after)
        for row in page.rows:
            if row.run_flow == flow and (request := transaction.request(row.id)) is not None:
                yield request
        after = page.next
        if after is None:
            return


def _company(request: Request) -> tuple[str | None, str]:
    """Domain and name of the company that the document is about; neither of one that was erased."""
    try:
        document = json.loads(request.content.document)
        entity = document.get("entity") if isinstance(document, dict) else None
    except ValueError:
        entity = None
    domain = entity.get("domain") if isinstance(entity, dict) else None
    return (str(domain).casefold() if domain else None), request.about


def _same(run: _Run, prospect: Prospect) -> bool:
    domain = domain_of(prospect)
    if domain and run.domain:
        return domain == run.domain
    return bool(run.name and prospect.name) and _folded(run.name) == _folded(prospect.name or "")


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
