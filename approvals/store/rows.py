"""Values as rows and back. A row is a mapping of column to text, whole number or nothing, on every database alike."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from approvals.audit import Attested, Entry, Event
from approvals.canonical import canonical
from approvals.decisions import Actor, FieldDifference, Ruling, SignOff
from approvals.permits import Permit
from approvals.policies import Policy, groups_asked
from approvals.ports import Listed, Remembered, Token
from approvals.requests import (
    Comment,
    Content,
    Cost,
    Evidence,
    Flag,
    Identity,
    Moved,
    Request,
    RunReference,
    Snooze,
    WorkingCopy,
)
from approvals.store.facets import Facet
from approvals.store.searching import words_of

Row = dict[str, Any]
_ESCAPED = "\ufdd0"  # a code point that no text uses


def stored(value: Any) -> Any:
    """The value as every database can hold it: text with a NUL or a lone surrogate is kept escaped."""
    if not isinstance(value, str):
        return value
    if value.isascii() and "\0" not in value:
        return str(value)  # an enum's member becomes its plain text
    try:
        value.encode()
    except UnicodeEncodeError:
        return _ESCAPED + json.dumps(value)
    return _ESCAPED + json.dumps(value) if "\0" in value or value.startswith(_ESCAPED) else str(value)


def unstored(row: Mapping[str, Any]) -> Row:
    """A row with its texts as they were given."""
    return {column: plain(value) for column, value in row.items()}


def plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_ESCAPED):
        return json.loads(value[len(_ESCAPED) :])
    return value


def _row(**columns: Any) -> Row:
    return {column: stored(value) for column, value in columns.items()}


def instant(value: datetime) -> str:
    """An instant as UTC text of fixed width."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _maybe(value: datetime | None) -> str | None:
    return None if value is None else instant(value)


def _texts(values: Iterable[Any]) -> str:
    return canonical([value.model_dump(mode="json") if hasattr(value, "model_dump") else value for value in values])


def folded(text: str) -> str:
    """Text as it is compared when searching: case and width do not count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


# -- requests ----------------------------------------------------------------------------------------------------


def request_row(request: Request) -> Row:
    """A request's own columns, without salt and erasure."""
    identity, run = request.identity, request.run
    return _row(
        id=request.id,
        run=identity.run,
        gate=identity.gate,
        key=identity.key,
        round=identity.round,
        succession=identity.succession,
        kind=request.kind,
        action=request.action,
        target=request.target,
        title=request.title,
        summary=request.summary,
        searched=folded(f"{request.title}\n{request.summary}"),
        requester=request.requester,
        run_id=run.id,
        run_name=run.name,
        run_flow=run.flow,
        run_deployment=run.deployment,
        run_url=run.url,
        policy=canonical(request.policy),
        asked=f"|{'|'.join(groups_asked(request.policy, request.escalated))}|",
        state=request.state,
        version=request.version,
        revision=request.revision,
        priority=request.priority,
        opened_at=instant(request.opened_at),
        due_at=instant(request.due_at),
        verdicts=_texts(request.verdicts),
        supersedes=request.supersedes,
        claimed_by=request.claimed_by,
        claimed_until=_maybe(request.claimed_until),
        escalated=int(request.escalated),
        effective_at=_maybe(request.effective_at),
        taken_up_at=_maybe(request.taken_up_at),
        wake_since=_maybe(request.wake_since),
        attempt=request.attempt,
        holder=request.holder,
        held_until=_maybe(request.held_until),
        about=request.about or None,
        amount=request.amount,
        currency=request.currency,
        run_gates=canonical(list(run.gates)) if run.gates else None,
        **derived(request),
    )


def worth(request: Request) -> int:
    """The amount in hundredths."""
    return int(Decimal(request.amount) * 100) if request.amount is not None else 0


def derived(request: Request) -> Row:
    """What a request's row holds for lists alone."""
    return _row(
        facet=Facet.of(request).key,
        risk=request.risk,
        checks=request.content.checks,
        worth=worth(request),
        asker=request.requester.casefold(),
        words=words_of(request.title, request.about, request.summary, request.identity.gate, request.id),
    )


def listed_of(row: Mapping[str, Any]) -> Listed:
    """A list's row of its columns."""
    shown = unstored(row)
    actor = shown.pop("actor")
    shown["decided_by"] = None if actor is None else str(actor_of(actor))
    shown["about"], shown["risk"], shown["checks"] = shown["about"] or "", shown["risk"] or "low", shown["checks"] or 0
    shown["edited"] = bool(shown["edited"])
    return Listed.model_validate(shown)


_AS_THEY_ARE = (
    "id", "kind", "action", "target", "title", "summary", "requester", "state", "version", "revision", "priority",
    "opened_at", "due_at", "supersedes", "claimed_by", "claimed_until", "escalated", "effective_at", "taken_up_at",
    "wake_since", "attempt", "holder", "held_until", "amount", "currency",
)  # fmt: skip


# Frozen values of the same few texts, read again for every row of a list and every look at a request.
@lru_cache(maxsize=512)
def _policy(text: str) -> Policy:
    return Policy.model_validate_json(text)


@lru_cache(maxsize=128)
def _evidence(text: str) -> Evidence:
    return Evidence.model_validate_json(text)


@lru_cache(maxsize=512)
def actor_of(text: str) -> Actor:
    """Who a ruling's row names."""
    return Actor.model_validate_json(text)


def request_of(row: Mapping[str, Any], content: Content, ruling: Ruling | None) -> Request:
    """The request of a row."""
    row = unstored(row)
    return Request(
        **{column: row[column] for column in _AS_THEY_ARE},
        about=row["about"] or "",
        identity=Identity(
            run=row["run"], gate=row["gate"], key=row["key"], round=row["round"], succession=row["succession"]
        ),
        run=RunReference(
            id=row["run_id"],
            name=row["run_name"],
            flow=row["run_flow"],
            deployment=row["run_deployment"],
            url=row["run_url"],
            gates=json.loads(row["run_gates"]) if row["run_gates"] else (),
        ),
        policy=_policy(row["policy"]),
        verdicts=json.loads(row["verdicts"]),
        content=content,
        ruling=ruling,
    )


def content_row(request_id: str, content: Content) -> Row:
    """One version's columns."""
    return _row(
        request_id=request_id,
        version=content.version,
        document=content.document,
        document_schema=content.document_schema,
        evidence=canonical(content.evidence),
        based_on=canonical(content.based_on),
        moved=_texts(content.moved),
        flags=_texts(content.flags),
        cost_amount=str(content.cost.amount),
        cost_currency=content.cost.currency,
        cost_tokens=content.cost.tokens,
        cost_model=content.cost.model,
        author=content.author,
        at=instant(content.at),
    )


def content_of(row: Mapping[str, Any]) -> Content:
    """The version of a row."""
    row = unstored(row)
    return Content(
        version=row["version"],
        document=row["document"],
        document_schema=row["document_schema"],
        evidence=_evidence(row["evidence"]),
        based_on=json.loads(row["based_on"]),
        moved=tuple(Moved.model_validate(one) for one in json.loads(row["moved"])),
        flags=tuple(Flag.model_validate(one) for one in json.loads(row["flags"])),
        cost=Cost(
            amount=Decimal(row["cost_amount"]),
            currency=row["cost_currency"],
            tokens=row["cost_tokens"],
            model=row["cost_model"],
        ),
        author=row["author"],
        at=row["at"],
    )


# -- what people did ---------------------------------------------------------------------------------------------


def signoff_row(request_id: str, place: int, signoff: SignOff) -> Row:
    """A sign-off's columns."""
    return _row(
        request_id=request_id,
        place=place,
        person=signoff.person,
        sha256=signoff.sha256,
        version=signoff.version,
        at=instant(signoff.at),
        via=signoff.via,
        vouched=_texts(signoff.vouched),
        voided=int(signoff.voided),
        waits=1,
    )


def signoff_of(row: Mapping[str, Any]) -> SignOff:
    """The sign-off of a row."""
    row = unstored(row)
    taken = {column: row[column] for column in ("person", "sha256", "version", "at", "via", "voided")}
    return SignOff(**taken, vouched=json.loads(row["vouched"]))


def ruling_row(request_id: str, ruling: Ruling) -> Row:
    """A ruling's columns."""
    by = ruling.by.model_dump(mode="json")
    return _row(
        request_id=request_id,
        seq=ruling.seq,
        action=ruling.action,
        actor=canonical({**by, "scopes": sorted(by["scopes"])}),
        at=instant(ruling.at),
        effective_at=instant(ruling.effective_at),
        version=ruling.version,
        document=ruling.document,
        sha256=ruling.sha256,
        edited=int(ruling.edited),
        typed=ruling.typed,
        changes=_texts(ruling.changes),
        tags=_texts(ruling.tags) if ruling.tags else None,
        vouched=_texts(ruling.vouched),
        reason=ruling.reason,
        code=ruling.code,
        feedback=ruling.feedback,
        rule=ruling.rule,
        examination=ruling.examination,
        recalled=int(ruling.recalled),
    )


_OF_A_RULING = (
    "seq", "action", "at", "effective_at", "version", "document", "sha256", "edited", "typed", "reason", "code",
    "feedback", "rule", "examination", "recalled",
)  # fmt: skip


def ruling_of(row: Mapping[str, Any]) -> Ruling:
    """The ruling of a row."""
    row = unstored(row)
    return Ruling(
        **{column: row[column] for column in _OF_A_RULING},
        by=actor_of(row["actor"]),
        changes=tuple(FieldDifference.model_validate(change) for change in json.loads(row["changes"])),
        tags=json.loads(row["tags"]) if row["tags"] else (),
        vouched=json.loads(row["vouched"]),
    )


def comment_row(request_id: str, comment: Comment) -> Row:
    """A comment's columns."""
    return _row(
        request_id=request_id,
        place=comment.place,
        person=comment.person,
        text=comment.text,
        mentions=_texts(comment.mentions),
        at=instant(comment.at),
    )


def comment_of(row: Mapping[str, Any]) -> Comment:
    """The comment of a row."""
    row = unstored(row)
    taken = {column: row[column] for column in ("place", "person", "text", "at")}
    return Comment(**taken, mentions=json.loads(row["mentions"]))


def snooze_row(snooze: Snooze) -> Row:
    """A snooze's columns."""
    return _row(
        person=snooze.person,
        request_id=snooze.request_id,
        version=snooze.version,
        until=instant(snooze.until),
    )


def snooze_of(row: Mapping[str, Any]) -> Snooze:
    """The snooze of a row."""
    row = unstored(row)
    return Snooze(**{column: row[column] for column in ("person", "request_id", "version", "until")})


def working_copy_row(copy: WorkingCopy) -> Row:
    """A working copy's columns; what is typed may be anything, so it is kept as ASCII JSON."""
    return {
        **_row(request_id=copy.request_id, person=copy.person, version=copy.version, at=instant(copy.at)),
        "document": json.dumps(copy.document),
    }


def working_copy_of(row: Mapping[str, Any]) -> WorkingCopy:
    """The working copy of a row."""
    return WorkingCopy(**{**unstored(row), "document": json.loads(row["document"])})


# -- permits, tokens, answers ------------------------------------------------------------------------------------


def permit_row(permit: Permit) -> Row:
    """A permit's columns, without salt and erasure."""
    instants = {name: _maybe(getattr(permit, name)) for name in ("minted_at", "used_at", "lease_until")}
    return _row(**{**{name: getattr(permit, name) for name in Permit.model_fields}, **instants})


def permit_of(row: Mapping[str, Any]) -> Permit:
    """The permit of a row."""
    row = unstored(row)
    return Permit(**{name: row[name] for name in Permit.model_fields})


def token_row(token: Token) -> Row:
    """A token's columns."""
    instants = {
        name: _maybe(getattr(token, name)) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")
    }
    plain = {name: getattr(token, name) for name in ("id", "sha256", "subject", "kind", "label")}
    return _row(**plain, **instants, scopes=canonical(sorted(token.scopes)))


def token_of(row: Mapping[str, Any]) -> Token:
    """The token of a row."""
    return Token(**{**unstored(row), "scopes": frozenset(json.loads(row["scopes"]))})


def remembered_row(key: str, subject: str, remembered: Remembered, at: datetime) -> Row:
    """A remembered answer's columns."""
    told = {"body_sha256": remembered.body_sha256, "status": remembered.status, "answer": remembered.answer}
    return _row(key=key, subject=subject, at=instant(at), **told)


def remembered_of(row: Mapping[str, Any]) -> Remembered:
    """The remembered answer of a row."""
    row = unstored(row)
    return Remembered(body_sha256=row["body_sha256"], status=row["status"], answer=row["answer"])


# -- the record --------------------------------------------------------------------------------------------------


def entry_row(entry: Entry) -> Row:
    """An entry's columns."""
    event = entry.event
    return _row(
        seq=entry.seq,
        name=event.name,
        actor_kind=event.actor_kind,
        actor=event.actor,
        via=event.via,
        at=instant(event.at),
        request_id=event.request_id,
        run_id=event.run_id,
        details=canonical(event.model_dump(mode="json")["details"]),
        rows=canonical([[row.table, row.key, row.digest] for row in entry.rows]),
        prev_hash=entry.prev_hash,
        hash=entry.hash,
    )


_OF_AN_EVENT = ("name", "actor_kind", "actor", "via", "at", "request_id", "run_id")
_UNREADABLE = Event(
    name="unreadable", actor_kind="system", actor="unknown", via="system", at=datetime.min.replace(tzinfo=UTC)
)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The entry of a row. One that somebody made unreadable keeps its place and its hash, which then does not fit."""
    try:
        row = unstored(row)
        event = Event(**{column: row[column] for column in _OF_AN_EVENT}, details=json.loads(row["details"]))
        rows = tuple(Attested(table=table, key=key, digest=digest) for table, key, digest in json.loads(row["rows"]))
    except (ValueError, TypeError):
        event, rows = _UNREADABLE, ()
    # Not validated: a sequence number that was tampered with is for `audit.verify` to name.
    return Entry.model_construct(
        seq=row["seq"], event=event, rows=rows, prev_hash=str(row["prev_hash"]), hash=str(row["hash"])
    )
