"""A yes: what a person signs, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from approvals.authority import same_person
from approvals.canonical import canonical, digest
from approvals.decisions import Actor, SignOff, Tag
from approvals.differences import differences
from approvals.examining import digest_of
from approvals.ledger import Ledger, ruled
from approvals.lifecycle import Action
from approvals.policies import suffices
from approvals.ports import Examination, Person, Transaction
from approvals.requests import Content, Finding, Request


@dataclass(frozen=True)
class Signature:
    """What one person says yes to, and what they answer for."""

    by: Actor
    document: str
    findings: tuple[Finding, ...]
    vouched: tuple[str, ...]
    recall: int
    typed: str | None
    tags: tuple[Tag, ...]
    examination: str

    @classmethod
    def under(
        cls,
        examination: Examination,
        by: Actor,
        *,
        vouched: tuple[str, ...],
        recall: int,
        typed: str | None,
        tags: tuple[Tag, ...] = (),
    ) -> Signature:
        """A signature under what was examined."""
        return cls(
            by=by,
            document=canonical(examination.document),
            findings=examination.findings,
            # Only what needed it: anything else handed in would stand in the record, which nobody can erase.
            vouched=tuple(claim for claim in examination.unsupported if claim in vouched),
            recall=recall,
            typed=typed,
            tags=tuple(dict.fromkeys(tags)),
            examination=digest_of(examination),
        )


def sign(
    ledger: Ledger,
    transaction: Transaction,
    request: Request,
    person: Person,
    signature: Signature,
    now: datetime,
    *,
    entitled: frozenset[str],
) -> Request:
    """Add the signature; it closes the request once the policy's quorum has signed the same document.

    `entitled` are those who may decide now, in lower case: who has left since they signed no longer counts.
    """
    sha256 = digest(signature.document)
    before = transaction.signoffs(request.id)
    if any(not one.voided and one.sha256 == sha256 and same_person(one.person, person.email) for one in before):
        return request  # the same yes twice counts once
    if before:
        transaction.void_signoffs(request.id, person=person.email)
        transaction.void_signoffs(request.id, other_than_sha256=sha256)
    signoff = SignOff(
        person=person.email,
        sha256=sha256,
        version=request.version,
        at=now,
        via=signature.by.via,
        vouched=signature.vouched,
    )
    transaction.add_signoff(request.id, signoff)
    # How many, not which: an id may be words of somebody's, and nothing in the record can be erased.
    details = {"sha256": sha256, "vouched": len(signature.vouched)}
    standing = transaction.signoffs(request.id) if before else (signoff,)
    counted = [one for one in standing if one.person.casefold() in entitled]
    if not suffices(request.policy, counted, sha256):
        content = _shown_to_the_next(transaction, request, person, signature, now)
        signed = request.model_copy(update={"version": content.version, "content": content})
        return ledger.move(transaction, request, signed, Action.SIGN, signature.by, details)
    changes = differences(json.loads(_agents_draft(transaction, request)), json.loads(signature.document))
    closing = ruled(
        transaction,
        request,
        Action.APPROVE,
        signature.by,
        now,
        recall=signature.recall,
        document=signature.document,
        sha256=sha256,
        edited=bool(changes),
        typed=signature.typed,
        changes=changes,
        tags=signature.tags if changes else (),
        vouched=signature.vouched,
        examination=signature.examination,
    )
    return ledger.close(transaction, request, closing, {**details, "edited": closing.edited})


def _shown_to_the_next(
    transaction: Transaction, request: Request, person: Person, signature: Signature, now: datetime
) -> Content:
    """The content as the next to sign must see it: what this one signed, and what was found of it."""
    if signature.document == request.content.document:
        return request.content
    content = request.content.model_copy(
        update={
            "version": request.version + 1,
            "document": signature.document,
            "evidence": request.content.evidence.model_copy(update={"findings": signature.findings}),
            "author": person.email,
            "at": now,
        }
    )
    transaction.add_content(request.id, content)
    return content


def _agents_draft(transaction: Transaction, request: Request) -> str:
    """The latest version that no person wrote: what edits are measured against."""
    content = request.content
    for number in range(request.version, 0, -1):
        found = content if number == content.version else transaction.content(request.id, number)
        if found is not None and found.author == "agent":
            return found.document
    return content.document
