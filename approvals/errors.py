"""Everything that can be refused or fail here. The docstring is the message; attributes carry the facts.

ApprovalError
├── NotFound                      no such request, person or permit
│   └── LinkInvalid               the link was altered, or its key is no longer in use
├── NotPermitted
│   ├── CannotActOnOwnRequest     the requester decides
│   ├── NotACandidate             not in a group that the policy names
│   ├── NotAnEditor               the policy does not let this person edit
│   ├── NotAPerson                an agent, a worker or the system decides
│   ├── NotTheDecider             somebody else's decision is recalled
│   ├── ClaimedBySomeoneElse      a colleague holds the request
│   ├── Disabled                  the person's account is not active
│   ├── OutOfScope                the token does not reach that far
│   ├── Forged                    a form that no page of ours sent, or one of another session
│   ├── LinkTooWeak               the risk asks for a sign-in; a link alone does not suffice
│   ├── LinkExpired               the link is too old to decide by
│   └── LinkUsed                  the link has decided once already
├── NotActionable                 the state does not allow the action
│   ├── AlreadyDecided            somebody was first
│   ├── TooLateToRecall           the decision took effect
│   └── VerdictNotAllowed         this gate does not offer that verdict
├── NotRevertible                 nothing was done that could be taken back
├── StaleDecision                 the draft changed since it was read
├── DocumentInvalid               an edit that the document's class refuses
│   ├── VerdictInvalid            a rejection without a reason, a return without feedback
│   ├── CommentInvalid            no words, or too many
│   ├── SnoozeInvalid             a time that is no time to come
│   ├── SavedViewInvalid          a view without a name
│   ├── FiltersInvalid            a filter with a value that it has not
│   └── TooManyAtOnce             more requests than are decided at once
├── UnsupportedClaims             claims nobody vouched for
├── CannotExamine                 nobody reachable can check the document
├── Overtaken                     the row changed in between; the caller reads again
├── NoPermit                      an effect without a signature for exactly this document
├── PermitInUse                   another process is at it
├── KeyReused                     an Idempotency-Key with another body
├── NotAuthenticated              no caller, or a token that is unknown, expired or revoked
│   ├── SignInFailed              a wrong password, or somebody whom the queue does not know
│   └── TicketSpent               a sign-in link that was used, replaced, has expired or never was
├── TooManyTries                  one person or one address tried too often
├── PasswordUnfit                 a new password that is too easy
├── ProviderFailed                the identity provider does not answer, or not as it should
├── PolicyError                   the policy file, or a policy that a gate names
├── PeopleError                   the people file
├── NotificationsError            the notifications file
├── NotDelivered                  a message did not reach its receiver
├── LinkKeyError                  the keys that sign links
├── RecordBroken                  a row is not as the record has it
├── StoreUnavailable              the database cannot be opened or reached
├── QueueUnavailable              the queue on another machine does not answer
├── RunsUnavailable               Prefect cannot be asked who a run is
├── NotCanonical                  a value that has no canonical JSON form
└── UnknownScheme                 no plug is registered for this address
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ApprovalError(Exception):
    """Something was refused or failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class NotFound(ApprovalError):
    """There is no such thing."""


class LinkInvalid(NotFound):
    """This link was altered or cut off, or the key it was signed with is no longer in use. Open the newest message."""


class NotPermitted(ApprovalError):
    """This person may not do that."""


class CannotActOnOwnRequest(NotPermitted):
    """A reviewer cannot decide on a request they opened themselves."""


class NotACandidate(NotPermitted):
    """Only members of the groups that the policy names can act on this request."""


class NotAnEditor(NotPermitted):
    """The policy of this gate does not let you edit; approve, send back or reject instead."""


class NotAPerson(NotPermitted):
    """Only a person can decide."""


class NotTheDecider(NotPermitted):
    """Only the person whose act closed a request can take it back."""


class ClaimedBySomeoneElse(NotPermitted):
    """A colleague is working on this request."""


class Disabled(NotPermitted):
    """This account is not active."""


class OutOfScope(NotPermitted):
    """This token does not reach that far."""


class Forged(NotPermitted):
    """This form did not come from a page of your session. Load the page again and repeat what you did."""


class LinkTooWeak(NotPermitted):
    """A link alone does not suffice for this request; sign in to decide it."""


class LinkExpired(NotPermitted):
    """This link is too old to decide by; sign in, or open the newest message."""


class LinkUsed(NotPermitted):
    """This link has decided once already, and decides nothing more."""


class NotActionable(ApprovalError):
    """The state of the request does not allow that."""


class AlreadyDecided(NotActionable):
    """Somebody decided this request before."""


class TooLateToRecall(NotActionable):
    """The decision has taken effect and cannot be taken back."""


class VerdictNotAllowed(NotActionable):
    """This gate does not offer that verdict."""


class NotRevertible(ApprovalError):
    """Nothing was done here that could be taken back."""


class StaleDecision(ApprovalError):
    """The draft changed since you read it. Look at the new version and decide on that."""


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a document: where, and why."""

    path: str
    message: str


class DocumentInvalid(ApprovalError):
    """The document is not valid."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        told = "; ".join(f"{error.path or 'document'}: {error.message}" for error in self.errors)
        super().__init__(f"{type(self).__doc__} {told}")


class VerdictInvalid(DocumentInvalid):
    """The verdict is not complete."""


class CommentInvalid(DocumentInvalid):
    """The comment cannot be kept."""


class SnoozeInvalid(DocumentInvalid):
    """The request cannot be snoozed so."""


class SavedViewInvalid(DocumentInvalid):
    """The view cannot be kept."""


class FiltersInvalid(DocumentInvalid):
    """The list cannot be narrowed so."""


class TooManyAtOnce(DocumentInvalid):
    """That is too many at once."""


class UnsupportedClaims(ApprovalError):
    """Some claims have no source."""

    def __init__(self, claims: Sequence[str]) -> None:
        self.claims = tuple(claims)
        listed = ", ".join(self.claims)
        super().__init__(f"No source supports {listed}. Edit or remove what is not supported, or vouch for it by name.")


class CannotExamine(ApprovalError):
    """Nothing reachable can check this document, so it cannot be approved now."""


class Overtaken(ApprovalError):
    """The request changed in between."""


class NoPermit(ApprovalError):
    """Nobody signed exactly this document for exactly this action."""


class PermitInUse(ApprovalError):
    """Another process is carrying out what this permit allows."""


class KeyReused(ApprovalError):
    """This Idempotency-Key was used with another body."""


class NotAuthenticated(ApprovalError):
    """Who is asking? Send a valid token."""


class SignInFailed(NotAuthenticated):
    """E-mail and password do not fit."""


class TicketSpent(NotAuthenticated):
    """This sign-in link was used already, was replaced by a newer one, or has expired. Ask for a new one."""


class TooManyTries(ApprovalError):
    """Too many tries."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        wait = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
        super().__init__(f"Too many tries. Wait {wait} and try again, or use a sign-in link.")


class PasswordUnfit(ApprovalError):
    """This password is too easy."""


class ProviderFailed(ApprovalError):
    """The identity provider cannot be used now."""


class PolicyError(ApprovalError):
    """The policies cannot be used."""


class PeopleError(ApprovalError):
    """The list of people cannot be used."""


class NotificationsError(ApprovalError):
    """The notifications file cannot be used."""


class NotDelivered(ApprovalError):
    """The message did not reach its receiver."""

    def __init__(self, message: str | None = None, *, retryable: bool = True, after: float | None = None) -> None:
        self.retryable = retryable
        self.after = after
        """Seconds that the receiver asks us to wait, where it said so."""
        super().__init__(message)


class LinkKeyError(ApprovalError):
    """The keys that sign links cannot be used."""


class RecordBroken(ApprovalError):
    """A row was changed past the record, so nothing more is done with it."""


class StoreUnavailable(ApprovalError):
    """The approval store cannot be reached."""


class QueueUnavailable(ApprovalError):
    """The queue does not answer."""


class RunsUnavailable(ApprovalError):
    """Prefect cannot be asked about this run now; try again."""


class NotCanonical(ApprovalError):
    """The value has no canonical JSON form."""


class UnknownScheme(ApprovalError):
    """No plug is registered for this address."""
