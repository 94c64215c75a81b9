"""What reviewers changed in the sentences of earlier proposals, for a model to take their manner from."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import ValidationError

from agents.documents import Proposal
from agents.ports import SentenceEdit
from approvals.lifecycle import State
from approvals.ports import Store, Wanted
from approvals.requests import Request

_LOOKED_AT = 40
"""Requests decided last that are looked at."""


def lessons_of(store: Store, gate: str, most: int) -> tuple[SentenceEdit, ...]:
    """At most so many sentences that were signed otherwise than they were drafted, those decided last first."""
    if most <= 0:
        return ()
    found: list[SentenceEdit] = []
    with store.read() as transaction:
        wanted = Wanted(states=frozenset({State.APPROVED}), gate=gate)
        for row in transaction.listed(wanted, sort="decided", limit=_LOOKED_AT).rows:
            request = transaction.request(row.id) if row.edited else None
            if request is not None:
                found.extend(_changed(request))
            if len(found) >= most:
                break
    return tuple(found[:most])


def _changed(request: Request) -> Iterator[SentenceEdit]:
    if request.ruling is None or request.ruling.document is None:
        return
    try:
        drafted = Proposal.model_validate(request.content.value())
        signed = Proposal.model_validate(json.loads(request.ruling.document))
    except ValidationError:
        return  # of another make: nothing can be learned from it
    after = {claim.id: claim.text for claim in signed.claims}
    for claim in drafted.claims:
        now = after.get(claim.id)
        if now is not None and now != claim.text:
            yield SentenceEdit(before=claim.text, after=now)
