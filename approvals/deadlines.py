"""What the policy says happens when nobody decided in time."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from approvals.canonical import canonical, digest
from approvals.decisions import SYSTEM, Actor
from approvals.errors import ApprovalError
from approvals.examining import digest_of
from approvals.ledger import Ledger, ruled
from approvals.lifecycle import Action
from approvals.ports import Transaction
from approvals.requests import Request
from approvals.service import ApprovalService

_log = logging.getLogger(__name__)
_REASON = "nobody decided before the deadline"


class Deadlines:
    """Carries out `on_timeout`, once, and only where the request is still open."""

    def __init__(self, service: ApprovalService, ledger: Ledger) -> None:
        self._service = service
        self._ledger = ledger

    def lapse(self, request_id: str) -> Request:
        """Do what the policy says; nothing before the deadline, and nothing to an answered request."""
        request = self._service.get(request_id)
        if not request.is_open or request.due_at > self._ledger.clock():
            return request
        match request.policy.on_timeout:
            case "escalate" if not request.escalated:
                return self._service.escalate(request_id, due=True)
            case "reject":
                return self._close(request, SYSTEM, Action.REJECT, "on_timeout = reject", code="deadline")
            case "approve":
                return self._approve_in_silence(request)
            case _:
                return self._close(request, SYSTEM, Action.EXPIRE, f"on_timeout = {request.policy.on_timeout}")

    def lapse_all(self, limit: int = 500) -> int:
        """Every request past its deadline, oldest first; tells how many."""
        with self._ledger.store.read() as transaction:
            overdue = transaction.overdue(self._ledger.clock(), limit)
        for request_id in overdue:
            try:
                self.lapse(request_id)
            except Exception:
                # One that cannot be closed now must not keep the others, which stand behind it, waiting.
                _log.exception("The deadline of request %s could not be carried out; it is tried again.", request_id)
        return len(overdue)

    def _approve_in_silence(self, request: Request) -> Request:
        """The policy lets silence approve; where the draft does not stand as it is, the request expires instead."""
        rule = "on_timeout = approve"
        try:
            examination = self._service.examine(request)
        except ApprovalError as error:
            return self._close(request, SYSTEM, Action.EXPIRE, f"{rule}, but {error}")
        document = request.content.document
        stands = not examination.errors and canonical(examination.document) == document
        if not stands or examination.unsupported or examination.moved or "approve" not in request.verdicts:
            return self._close(request, SYSTEM, Action.EXPIRE, f"{rule}, but the draft does not stand as it is")
        name = f"{request.policy.name}@{request.policy.version}"
        policy = Actor(kind="policy", id=name, via="policy", scopes=frozenset())
        return self._close(
            request,
            policy,
            Action.APPROVE,
            f"{rule}, allow_silent_approval = true",
            document=document,
            sha256=digest(document),
            examination=digest_of(examination),
        )

    def _close(self, seen: Request, by: Actor, action: Action, rule: str, **terms: Any) -> Request:
        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            # A person may have decided, or the draft changed, while we looked.
            if not request.is_open or request.due_at > now or request.version != seen.version:
                return request
            reason = None if action is Action.APPROVE else _REASON
            closing = ruled(transaction, request, action, by, now, rule=rule, reason=reason, **terms)
            return self._ledger.close(transaction, request, closing, {"rule": rule})

        return self._ledger.act(seen.id, act)
