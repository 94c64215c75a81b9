"""What people do with requests: one method per action, called by every surface.

Each authorises, checks the version, changes the state, appends to the record and notes the wake in one transaction;
never one transaction across the queue, Prefect and a CRM.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from approvals.authority import Authority, same_person
from approvals.canonical import canonical
from approvals.conversation import Conversation
from approvals.decisions import (
    ALL_VERDICTS,
    SYSTEM,
    Actor,
    Approve,
    Edit,
    Reject,
    Return,
    Ruling,
    SignOff,
    Tag,
    Value,
    Verdict,
)
from approvals.errors import (
    ApprovalError,
    CannotExamine,
    ClaimedBySomeoneElse,
    DocumentInvalid,
    FieldError,
    NotActionable,
    NotTheDecider,
    StaleDecision,
    TooLateToRecall,
    UnsupportedClaims,
    VerdictInvalid,
    VerdictNotAllowed,
)
from approvals.examining import examined
from approvals.ledger import Act, Ledger, check_actionable, event, found, ruled
from approvals.lifecycle import TRANSITIONS, Action, next_state
from approvals.ports import Clock, Directory, Examination, Examiner, Person, Store, Transaction
from approvals.requests import Content, Evidence, Moved, Request, WorkingCopy
from approvals.signing import Signature, sign

ValueT = TypeVar("ValueT", bound=Value)

MAX_DOCUMENT = 4 * 1024 * 1024
"""Characters of JSON that a document may have."""

MAX_REASON = 4_000
"""Characters that the reason for taking a question back may have."""


class History(NamedTuple):
    """Everything that happened to one request."""

    contents: tuple[Content, ...]
    signoffs: tuple[SignOff, ...]
    rulings: tuple[Ruling, ...]


class ApprovalService(Conversation):
    """Decides nothing by itself: it holds people's acts against the request's terms and keeps them."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        examiner: Examiner | None = None,
        *,
        examine_limit: float = 10.0,
    ) -> None:
        self.store = store
        self.directory = directory
        self.authority = Authority(directory)
        self._ledger = Ledger(store, clock)
        self._examiner = examiner
        self._examine_limit = examine_limit

    # -- reading -------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time that everything here is held against."""
        return self._ledger.clock()

    def get(self, request_id: str, by: Actor = SYSTEM) -> Request:
        """The request, if this actor may see it.

        Raises:
            NotFound: there is none. NotPermitted: it does not concern them.
        """
        with self.store.read() as transaction:
            request = found(transaction, request_id)
        self.authority.check_reader(request, by)
        return request

    def history(self, request_id: str, by: Actor = SYSTEM) -> History:
        """Every version, sign-off and ruling of a request, oldest first."""
        self.get(request_id, by)
        with self.store.read() as transaction:
            request = found(transaction, request_id)
            contents = (transaction.content(request_id, number) for number in range(1, request.version + 1))
            return History(
                contents=tuple(content for content in contents if content is not None),
                signoffs=transaction.signoffs(request_id),
                rulings=transaction.rulings(request_id),
            )

    def allowed_actions(self, request: Request, by: Actor) -> tuple[Action, ...]:
        """What this actor can do with the request now: the table's actions that a person has and may use."""
        now = self._ledger.clock()
        may_decide = self.authority.may_decide(request, by)
        free = may_decide and self._is_free(request, by, now)
        allowed = []
        for action in TRANSITIONS[request.state]:
            if action is Action.RECALL:
                may = may_decide and self._may_recall(request, by, now)
            elif action in (Action.SIGN, Action.REVISE, Action.EXPIRE, Action.ESCALATE):
                may = False  # outcomes and the machinery's acts, not buttons
            elif action is Action.WITHDRAW:
                may = _passes(lambda: self.authority.check_withdrawer(request, by))
            elif action is Action.RELEASE:
                may = _passes(lambda: self.authority.check_releaser(request, by))
            elif action in (Action.REJECT, Action.RETURN):
                may = free and action.value in request.verdicts
            elif action is Action.APPROVE:
                may = free and ("approve" in request.verdicts or self.authority.may_edit(request, by))
            else:
                may = free
            if may and self.authority.grants(by, action):
                allowed.append(action)
        return tuple(allowed)

    def examine(self, request: Request, document: Any = None) -> Examination:
        """What the examiner says of the draft, or of an edited document, without deciding anything."""
        _small_enough(document)
        value = request.content.value() if document is None else document
        return examined(self._examiner, request.kind, value, request.content, limit=self._examine_limit)

    # -- working on it -------------------------------------------------------------------------------------------

    def claim(self, request_id: str, by: Actor) -> Request:
        """Keep the request for this person for the policy's lease; renews their own claim."""

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            person = self._decider(transaction, request, by, Action.CLAIM, now)
            until = now + timedelta(seconds=request.policy.claim)
            claimed = request.model_copy(update={"claimed_by": person.email, "claimed_until": until})
            return self._ledger.move(transaction, request, claimed, Action.CLAIM, by)

        return self._ledger.act(request_id, act)

    def release(self, request_id: str, by: Actor) -> Request:
        """Give a claimed request back to the queue; only who claimed it, or an administrator."""

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            self.authority.check_releaser(request, by)
            check_actionable(request, Action.RELEASE)
            released = request.model_copy(update={"claimed_by": None, "claimed_until": None})
            return self._ledger.move(transaction, request, released, Action.RELEASE, by)

        return self._ledger.act(request_id, act)

    def save_working_copy(self, request_id: str, document: Any, by: Actor, *, version: int) -> WorkingCopy:
        """Keep what this person has typed so far on this version. Decides nothing and checks no schema."""
        _small_enough(document)

        def act(transaction: Transaction, request: Request, now: datetime) -> WorkingCopy:
            # Whoever holds the request: what somebody typed is theirs, and it waits for their turn.
            person = self.authority.check_decider(request, by)
            self.authority.check_granted(by, None)
            check_actionable(request, Action.APPROVE)
            _check_current(request, version)
            self.authority.check_editor(request, person)
            copy = WorkingCopy(request_id=request.id, person=person.email, version=version, document=document, at=now)
            transaction.put_working_copy(copy)
            return copy

        return self._ledger.act(request_id, act)

    def discard_working_copy(self, request_id: str, by: Actor) -> None:
        """Forget what this person has typed on the request: the draft stands as its agent made it."""

        def act(transaction: Transaction, request: Request, now: datetime) -> None:
            person = self.authority.check_decider(request, by)
            self.authority.check_granted(by, None)
            transaction.drop_working_copies(request.id, person.email)

        self._ledger.act(request_id, act)

    def working_copy(self, request_id: str, by: Actor) -> WorkingCopy | None:
        """What this person has typed on the current version, or None."""
        request = self.get(request_id, by)
        person = self.directory.person(by.id) if by.kind == "person" else None
        if person is None:
            return None
        with self.store.read() as transaction:
            return transaction.working_copy(request.id, person.email, request.version)

    # -- verdicts ------------------------------------------------------------------------------------------------

    def decide(
        self, request_id: str, verdict: Verdict, by: Actor, *, version: int, recall: int = 0, typed: str | None = None
    ) -> Request:
        """Hand in a verdict; `recall` asks for that many seconds (up to the policy's) to take it back."""
        match verdict:
            case Approve(vouched=vouched):
                return self.approve(request_id, by, version=version, vouched=vouched, recall=recall)
            case Edit(document=document, vouched=vouched, tags=tags):
                edit = {"edited": document, "typed": typed, "tags": tags}
                return self.approve(request_id, by, version=version, vouched=vouched, recall=recall, **edit)
            case Reject(reason=reason, code=code):
                return self.reject(request_id, by, version=version, reason=reason, code=code, recall=recall)
            case Return(feedback=feedback):
                return self.send_back(request_id, by, version=version, feedback=feedback, recall=recall)

    def approve(
        self,
        request_id: str,
        by: Actor,
        *,
        version: int,
        edited: Any = None,
        vouched: tuple[str, ...] = (),
        recall: int = 0,
        typed: str | None = None,
        tags: tuple[Tag, ...] = (),
    ) -> Request:
        """Sign the draft of this version, or `edited` in its place.

        Closes the request once the policy's quorum has signed the same document; until then it is a sign-off.

        Raises:
            NotPermitted, NotActionable: not by them, or not any more.
            StaleDecision: the draft or a record it rests on changed; the request shows the new state.
            DocumentInvalid: the edit does not fit.
            UnsupportedClaims: claims without a source that are not among `vouched`.
            CannotExamine: nobody can check the document now.

        Where any but the first refuses an edit, it is kept as the person's working copy.
        """
        try:
            signing = self._signing(request_id, by, version, edited, vouched, recall, typed, tags)
            return self._ledger.act(request_id, signing)
        except (ClaimedBySomeoneElse, StaleDecision, DocumentInvalid, UnsupportedClaims, CannotExamine):
            if edited is not None:
                self._keep_typed(request_id, edited, by, version)
            raise

    def approve_all(self, drafts: Sequence[tuple[str, int]], by: Actor, *, recall: int = 0) -> list[Request]:
        """Sign these drafts, each request by id and version, all of them or none; what `approve` raises, this does."""
        acts = [(one, self._signing(one, by, version, recall=recall)) for one, version in drafts]
        return self._ledger.act_on_all(acts)

    def _signing(
        self,
        request_id: str,
        by: Actor,
        version: int,
        edited: Any = None,
        vouched: tuple[str, ...] = (),
        recall: int = 0,
        typed: str | None = None,
        tags: tuple[Tag, ...] = (),
    ) -> Act[Request]:
        """What signs it, once it was held against everything that can be told beforehand."""
        if edited is not None:
            _small_enough(edited)
            _small_enough(typed)
        with self.store.read() as transaction:
            seen = found(transaction, request_id)
            person = self._decider(transaction, seen, by, Action.APPROVE, self._ledger.clock(), version=version)
        if edited is not None:
            self.authority.check_granted(by, None)
            self.authority.check_editor(seen, person)
        examination = self._accepted(seen, edited, vouched)
        typed = json.dumps(edited, ensure_ascii=False) if typed is None and edited is not None else typed
        signature = Signature.under(examination, by, vouched=vouched, recall=recall, typed=typed, tags=tags)

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            person = self._decider(transaction, request, by, Action.APPROVE, now, version=version)
            if signature.document != request.content.document:
                self.authority.check_editor(request, person)
            elif "approve" not in request.verdicts:
                raise VerdictNotAllowed(_not_offered("approve", request))
            entitled = frozenset(one.email.casefold() for one in self.authority.candidates(request))
            return sign(self._ledger, transaction, request, person, signature, now, entitled=entitled)

        return act

    def reject(
        self, request_id: str, by: Actor, *, version: int, reason: str, code: str = "other", recall: int = 0
    ) -> Request:
        """Say no, with a reason; one suffices, whatever the quorum."""
        verdict = _complete(Reject, reason=reason, code=code)
        return self._closed(
            request_id, by, Action.REJECT, version=version, recall=recall, reason=verdict.reason, code=verdict.code
        )

    def send_back(self, request_id: str, by: Actor, *, version: int, feedback: str, recall: int = 0) -> Request:
        """Ask the agent for another draft, with what should be different."""
        verdict = _complete(Return, feedback=feedback)
        return self._closed(request_id, by, Action.RETURN, version=version, recall=recall, feedback=verdict.feedback)

    def recall(self, request_id: str, by: Actor) -> Request:
        """Take one's own decision back while it has no effect yet; voids that person's sign-off alone.

        Raises:
            NotTheDecider: somebody else closed it. TooLateToRecall: it took effect.
        """

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            person = self.authority.check_decider(request, by)
            next_state(request.state, Action.RECALL)
            ruling = request.ruling
            if ruling is None or not same_person(ruling.by.id, by.id) or ruling.by.kind != by.kind:
                who = ruling.by if ruling else "nobody"
                raise NotTheDecider(f"This was decided by {who}; only they can take it back.")
            if by.via == "link" and ruling.by.via != "link":
                raise NotTheDecider("This was not decided by a link, so no link takes it back; sign in for that.")
            if not self._may_recall(request, by, now):
                raise TooLateToRecall
            transaction.void_signoffs(request.id, person=person.email)
            # Nothing was decided, so what the person holds is as good as before.
            transaction.free_links(request.id, person.email.casefold())
            transaction.mark_recalled(request.id, ruling.seq)
            reopened = request.model_copy(
                update={"effective_at": None, "wake_since": None, "claimed_by": None, "claimed_until": None}
            )
            return self._ledger.move(transaction, request, reopened, Action.RECALL, by, {"ruling": ruling.seq})

        return self._ledger.act(request_id, act)

    # -- the machinery's acts ------------------------------------------------------------------------------------

    def revise(
        self,
        request_id: str,
        by: Actor = SYSTEM,
        *,
        document: Any = None,
        evidence: Evidence | None = None,
        based_on: dict[str, str] | None = None,
        moved: tuple[Moved, ...] = (),
        version: int | None = None,
    ) -> Request:
        """Replace draft or evidence of an open request; a new version, and every sign-off is void.

        `version` names the one that is replaced: where somebody revised in between, nothing is done twice.
        """

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            self.authority.check_machinery(by)
            if version is not None and request.version != version:
                return request
            check_actionable(request, Action.REVISE)
            update: dict[str, Any] = {"version": request.version + 1, "moved": moved, "at": now}
            update |= {"document": canonical(document)} if document is not None else {}
            # A flow brings another draft; the queue only restates what is there, whoever wrote it.
            update |= {"author": "agent"} if document is not None and by.kind == "worker" else {}
            update |= {"evidence": evidence} if evidence is not None else {}
            update |= {"based_on": based_on} if based_on is not None else {}
            content = request.content.model_copy(update=update)
            transaction.void_signoffs(request.id)
            transaction.add_content(request.id, content)
            revised = request.model_copy(update={"version": content.version, "content": content})
            return self._ledger.move(transaction, request, revised, Action.REVISE, by, {"version": content.version})

        return self._ledger.act(request_id, act)

    def escalate(self, request_id: str, by: Actor = SYSTEM, *, due: bool = False) -> Request:
        """Ask the policy's `escalate_to` groups instead, with the policy's time anew; `due`: only past the deadline."""

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            self.authority.check_admin(by)
            if due and (not request.is_open or request.due_at > now):
                return request
            check_actionable(request, Action.ESCALATE)
            if not request.policy.escalate_to or request.escalated:
                raise NotActionable("There is nobody further to escalate this request to.")
            update = {
                "escalated": True,
                "due_at": now + timedelta(seconds=request.policy.due),
                "claimed_by": None,
                "claimed_until": None,
            }
            transaction.void_signoffs(request.id)
            escalated = request.model_copy(update=update)
            facts = {"groups": list(request.policy.escalate_to)}
            return self._ledger.move(transaction, request, escalated, Action.ESCALATE, by, facts)

        return self._ledger.act(request_id, act)

    def withdraw(self, request_id: str, reason: str, by: Actor = SYSTEM) -> Request:
        """Take an open question back: the run that asked is gone, or who asked no longer wants to know.

        Raises:
            VerdictInvalid: there is no reason, or too long a one.
        """
        said = reason.strip()
        if not 0 < len(said) <= MAX_REASON:
            raise VerdictInvalid([FieldError("reason", f"say in 1 to {MAX_REASON:,} characters why it is not needed")])
        return self._closed(request_id, by, Action.WITHDRAW, reason=said)

    def erase(self, request_id: str, by: Actor) -> tuple[str, ...]:
        """Remove what an answered request says of anybody; the record keeps its commitments and still verifies."""

        def act(transaction: Transaction, request: Request, now: datetime) -> tuple[str, ...]:
            self.authority.check_admin(by)
            # Nothing leaves an expired or withdrawn request, and its run may never come to take that up.
            if request.taken_up_at is None and TRANSITIONS[request.state]:
                raise NotActionable(
                    f"This request is {request.state}, and its flow still needs it; "
                    "it can be erased once its answer was taken up, or it was withdrawn."
                )
            columns = transaction.erase(request.id)
            transaction.record(event("request.erased", by, now, request, {"columns": list(columns)}))
            return columns

        return self._ledger.act(request_id, act)

    # -- inside --------------------------------------------------------------------------------------------------

    def _decider(
        self,
        transaction: Transaction,
        request: Request,
        by: Actor,
        action: Action,
        now: datetime,
        *,
        version: int | None = None,
    ) -> Person:
        person = self.authority.check_decider(request, by)
        self.authority.check_granted(by, action)
        check_actionable(request, action)
        if version is not None:
            _check_current(request, version)
        self.authority.check_claim(request, person, transaction.signoffs(request.id), now)
        return person

    def _accepted(self, request: Request, edited: Any, vouched: tuple[str, ...]) -> Examination:
        """The examination of what is to be signed, if nothing in it stands against signing."""
        examination = self.examine(request, edited)
        if examination.errors:
            raise DocumentInvalid(examination.errors)
        if missing := [claim for claim in examination.unsupported if claim not in vouched]:
            raise UnsupportedClaims(missing)
        if edited is None and canonical(examination.document) != request.content.document:
            # Nobody saw what this would sign: the document's class changed since the draft was made.
            self.revise(request.id, document=examination.document, version=request.version)
            raise StaleDecision("The draft reads differently since it was made. Look at it again and decide.")
        if examination.moved:
            now = {moved.address: moved.now for moved in examination.moved}
            self.revise(
                request.id,
                based_on={**request.content.based_on, **now},
                moved=examination.moved,
                version=request.version,
            )
            told = "; ".join(f"{moved.address} (was {moved.was}, is {moved.now})" for moved in examination.moved)
            raise StaleDecision(f"What this draft rests on changed since it was made: {told}. Look again and decide.")
        return examination

    def _keep_typed(self, request_id: str, document: Any, by: Actor, version: int) -> None:
        """Keep an edit that was refused; on a newer version too, if that has the draft it was typed on."""
        with self.store.read() as transaction:
            request = found(transaction, request_id)
            read = transaction.content(request_id, version) if 0 < version <= request.version else None
        if read is not None and read.document == request.content.document:
            version = request.version
        # The refusal that led here is the one to tell.
        with suppress(ApprovalError):
            self.save_working_copy(request_id, document, by, version=version)

    def _closed(
        self,
        request_id: str,
        by: Actor,
        action: Action,
        *,
        version: int | None = None,
        recall: int = 0,
        reason: str | None = None,
        code: str | None = None,
        feedback: str | None = None,
    ) -> Request:
        def check(transaction: Transaction, request: Request, now: datetime) -> None:
            if action is Action.WITHDRAW:
                self.authority.check_withdrawer(request, by)
                check_actionable(request, action)
            else:
                self._decider(transaction, request, by, action, now, version=version)
                if action.value not in request.verdicts:
                    raise VerdictNotAllowed(_not_offered(action.value, request))

        # Before anybody waits for the right to write: of a crowd that decides at once, all but one are refused.
        with self.store.read() as reading:
            check(reading, found(reading, request_id), self._ledger.clock())

        def act(transaction: Transaction, request: Request, now: datetime) -> Request:
            check(transaction, request, now)
            terms = {"reason": reason, "code": code, "feedback": feedback}
            closing = ruled(transaction, request, action, by, now, recall=recall, **terms)
            return self._ledger.close(transaction, request, closing, {"code": code} if code else {})

        return self._ledger.act(request_id, act)

    def _is_free(self, request: Request, by: Actor, now: datetime) -> bool:
        if request.claimed_at(now) is None:
            return True
        with self.store.read() as transaction:
            return _passes(lambda: self._decider(transaction, request, by, Action.CLAIM, now))

    def _may_recall(self, request: Request, by: Actor, now: datetime) -> bool:
        ruling = request.ruling
        return (
            ruling is not None
            and ruling.by.kind == "person" == by.kind
            and same_person(ruling.by.id, by.id)
            and (by.via != "link" or ruling.by.via == "link")
            and request.taken_up_at is None
            and request.effective_at is not None
            and now < request.effective_at
        )


def _check_current(request: Request, version: int) -> None:
    if version != request.version:
        raise StaleDecision(
            f"You read version {version}, and version {request.version} has replaced it. "
            "Look at what changed and decide on that."
        )


def _passes(check: Callable[[], object]) -> bool:
    try:
        check()
    except ApprovalError:
        return False
    return True


def _not_offered(verdict: str, request: Request) -> str:
    offered = ", ".join(kind for kind in ALL_VERDICTS if kind in request.verdicts)
    return f"This gate does not offer {verdict!r}; it offers: {offered}."


def _complete(kind: type[ValueT], **terms: str) -> ValueT:
    try:
        return kind(**terms)
    except ValidationError as error:
        told = [FieldError(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        raise VerdictInvalid(told) from None


def _small_enough(document: Any) -> None:
    try:
        size = len(json.dumps(document, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentInvalid([FieldError("", f"it cannot be written as JSON ({error})")]) from None
    if size > MAX_DOCUMENT:
        told = f"it has {size} characters, and {MAX_DOCUMENT} is the most that can be handed in"
        raise DocumentInvalid([FieldError("", told)])
