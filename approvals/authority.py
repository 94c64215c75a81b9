"""Who may do what with a request. Every surface asks here, so that none has a rule of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from approvals.decisions import Actor, SignOff
from approvals.errors import (
    CannotActOnOwnRequest,
    ClaimedBySomeoneElse,
    Disabled,
    LinkTooWeak,
    NotACandidate,
    NotAnEditor,
    NotAPerson,
    NotPermitted,
    OutOfScope,
    PolicyError,
)
from approvals.lifecycle import Action
from approvals.policies import Policy, groups_asked, may_edit, read_only
from approvals.ports import Directory, Person
from approvals.requests import Request


def same_person(one: str, other: str) -> bool:
    """Whether two e-mails name the same person."""
    return one.strip().casefold() == other.strip().casefold()


class Authority:
    """Answers from the request's own terms and the directory as it is now."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def candidates(self, request: Request) -> tuple[Person, ...]:
        """The active people who may decide this request now."""
        return self._eligible(request.policy, request.requester, escalated=request.escalated)

    def check_decider(self, request: Request, actor: Actor) -> Person:
        """The person behind the actor, if they may decide this request.

        Raises:
            NotAPerson, OutOfScope, Disabled, CannotActOnOwnRequest, NotACandidate: they may not, and why.
            LinkTooWeak: they may, but not by a link alone.
        """
        _check_reach(request, actor)
        person = self._person(actor)
        if request.policy.separation_of_duties and same_person(request.requester, person.email):
            raise CannotActOnOwnRequest
        asked = groups_asked(request.policy, request.escalated)
        if person.role == "viewer":
            raise NotACandidate(f"{person.email} may look at the queue but decides nothing in it.")
        if set(asked).isdisjoint(person.groups):
            raise NotACandidate(f"{person.email} is not asked here: this request is for {_listed(asked)}.")
        _check_strength(request, actor)
        return person

    def check_granted(self, actor: Actor, action: Action | None) -> None:
        """Nothing, if the way this actor came lets them do that; None is anything but a step of the request's life.

        Raises:
            OutOfScope: they came by a link, which reaches the verdicts on its request, and taking one back.
        """
        if actor.via != "link" or action is Action.RECALL:
            return
        if actor.grant is None or action not in actor.grant.actions:
            raise OutOfScope("A link can approve, reject or send back, as its message says; sign in for anything else.")

    def grants(self, actor: Actor, action: Action) -> bool:
        """Whether `check_granted` would pass."""
        try:
            self.check_granted(actor, action)
        except NotPermitted:
            return False
        return True

    def check_editor(self, request: Request, person: Person) -> None:
        """Nothing, if this person may hand in an edited document.

        Raises:
            NotAnEditor: they may not.
        """
        if "edit" not in request.verdicts or read_only(request.policy):
            raise NotAnEditor("This gate is read-only: approve, send back or reject the draft as it stands.")
        if not may_edit(request.policy, person.groups, request.escalated):
            editors = request.policy.editors or ()
            raise NotAnEditor(f"Only {_listed(editors)} may edit here; approve, send back or reject instead.")

    def check_claim(self, request: Request, person: Person, signoffs: Iterable[SignOff], now: datetime) -> None:
        """Nothing, unless a colleague is at it. Somebody who has signed is done: their claim holds nobody up.

        Raises:
            ClaimedBySomeoneElse: a colleague's lease has not lapsed.
        """
        holder = request.claimed_at(now)
        if holder is None or same_person(holder, person.email):
            return
        if any(not signoff.voided and same_person(signoff.person, holder) for signoff in signoffs):
            return
        raise ClaimedBySomeoneElse(
            f"{holder} is working on this request until {request.claimed_until:%H:%M:%S} UTC; "
            "ask them to release it, or wait."
        )

    def may_decide(self, request: Request, actor: Actor) -> bool:
        """Whether `check_decider` would pass."""
        try:
            self.check_decider(request, actor)
        except NotPermitted:
            return False
        return True

    def may_edit(self, request: Request, actor: Actor) -> bool:
        """Whether `check_editor` would pass for somebody who may decide."""
        try:
            self.check_granted(actor, None)
            self.check_editor(request, self.check_decider(request, actor))
        except NotPermitted:
            return False
        return True

    def check_reader(self, request: Request, actor: Actor) -> None:
        """Nothing, if the actor may see this request: whoever is or may be asked, who asked, viewers and admins.

        Raises:
            NotPermitted: they may not.
        """
        if actor.kind in ("system", "policy"):
            return
        if actor.kind == "worker":
            if "read" not in actor.scopes and not _is_flow(actor):
                raise OutOfScope("This token may not read requests; it needs the scope 'read'.")
            return
        _check_reach(request, actor)
        if "read" not in actor.scopes and actor.via != "link":
            raise OutOfScope("This token may not read requests; it needs the scope 'read'.")
        if actor.kind == "agent":
            raise NotACandidate("An agent's token reads nothing in the queue.")
        person = self._known(actor)
        if not self.concerns(request, person):
            raise NotACandidate(f"This request does not concern {person.email}.")

    def concerns(self, request: Request, person: Person) -> bool:
        """Whether this person may see the request: whoever is or may be asked, who asked, viewers and admins."""
        concerned = {*request.policy.groups, *request.policy.escalate_to, *(request.policy.editors or ())}
        return (
            person.role in ("admin", "viewer")
            or same_person(request.requester, person.email)
            or not concerned.isdisjoint(person.groups)
        )

    def check_person(self, actor: Actor) -> Person:
        """The person behind the actor, if they are one of the queue's and active.

        Raises:
            NotAPerson, OutOfScope, NotACandidate, Disabled: they are not.
        """
        return self._person(actor)

    def check_commenter(self, request: Request, actor: Actor) -> Person:
        """The person behind the actor, if they may say something beside this request: whoever may see and write.

        Raises:
            NotPermitted: they may not; a link decides on its request and does nothing else.
        """
        if actor.via == "link":
            raise OutOfScope("A link only decides; sign in to do more.")
        person = self._person(actor)
        self.check_reader(request, actor)
        return person

    def may_read(self, request: Request, actor: Actor) -> bool:
        """Whether `check_reader` would pass."""
        try:
            self.check_reader(request, actor)
        except NotPermitted:
            return False
        return True

    def check_admin(self, actor: Actor) -> None:
        """Nothing, if the actor may administer.

        Raises:
            NotPermitted: they may not.
        """
        if actor.kind == "system":
            return
        # What was given out for less than a sign-in reaches no further than it says.
        limited = actor.via == "link" or (actor.via == "token" and "admin" not in actor.scopes)
        if self._known(actor).role != "admin" or limited:
            raise NotPermitted(f"Only an administrator may do that; {actor.id} is none here.")

    def check_machinery(self, actor: Actor) -> None:
        """Nothing, if the actor is the queue itself or the flow's side.

        Raises:
            NotPermitted: they are a person or an agent. OutOfScope: the worker's token does not reach that far.
        """
        if actor.kind == "worker" and not _is_flow(actor):
            raise OutOfScope("A worker's token opens requests and takes answers up, for its own runs; nothing else.")
        if actor.kind not in ("system", "worker"):
            raise NotPermitted(f"Only the flow that asked can do that, and this is {actor}. Hand in an edit instead.")

    def check_releaser(self, request: Request, actor: Actor) -> None:
        """Nothing, if the actor may give a claim back: whoever holds it, or an administrator.

        Raises:
            NotPermitted: they may not.
        """
        self.check_granted(actor, Action.RELEASE)
        if request.claimed_by is not None and same_person(request.claimed_by, actor.id):
            self._person(actor)
        else:
            self.check_admin(actor)

    def check_withdrawer(self, request: Request, actor: Actor) -> None:
        """Nothing, if the actor may withdraw: the machinery, an administrator, or who asked.

        Raises:
            NotPermitted: they may not.
        """
        self.check_granted(actor, Action.WITHDRAW)
        if actor.kind in ("system", "worker"):
            self.check_machinery(actor)
        elif not same_person(self._person(actor).email, request.requester):
            try:
                self.check_admin(actor)
            except NotPermitted:
                raise NotPermitted("Only who opened a request, or an administrator, can withdraw it.") from None

    def check_terms(self, policy: Policy, requester: str) -> None:
        """Nothing, if enough people could decide under these terms.

        Raises:
            PolicyError: nobody is asked, too few are, or only the requester is; the message says what to change.
        """
        for groups, term, escalated in ((policy.groups, "groups", False), (policy.escalate_to, "escalate_to", True)):
            if not groups:
                continue
            if not self._directory.members(groups):
                raise PolicyError(
                    f"Policy {policy.name!r} asks {_listed(groups)} ({term}), but nobody active is in there. "
                    "Add somebody to people.toml, or name another group."
                )
            eligible = self._eligible(policy, requester, escalated=escalated)
            if len(eligible) < policy.quorum:
                others = " besides the requester" if policy.separation_of_duties else ""
                raise PolicyError(
                    f"Policy {policy.name!r} needs {policy.quorum} to sign, but {_listed(groups)} ({term}) holds "
                    f"{len(eligible)} who may{others} ({requester}). Add reviewers to people.toml or change the policy."
                )
        if policy.editors and not any(
            set(policy.editors) & set(person.groups) for person in self._eligible(policy, requester, escalated=False)
        ):
            raise PolicyError(
                f"Policy {policy.name!r} lets {_listed(policy.editors)} edit, but nobody who decides is in there. "
                "Use editors = [] for a read-only gate."
            )

    def groups_of(self, actor: Actor) -> frozenset[str]:
        """The groups of the person behind the actor; none for anything else."""
        person = self._directory.person(actor.id) if actor.kind == "person" else None
        return frozenset(person.groups) if person and person.active else frozenset()

    def _eligible(self, policy: Policy, requester: str, *, escalated: bool) -> tuple[Person, ...]:
        return tuple(
            person
            for person in self._directory.members(groups_asked(policy, escalated))
            if person.active
            and person.role != "viewer"
            and not (policy.separation_of_duties and same_person(person.email, requester))
        )

    def _person(self, actor: Actor) -> Person:
        if actor.kind != "person":
            raise NotAPerson(f"Only a person can decide; this is the {actor.kind} {actor.id!r}.")
        if "decide" not in actor.scopes:
            raise OutOfScope("This token may read but not decide; it needs the scope 'decide'.")
        return self._known(actor)

    def _known(self, actor: Actor) -> Person:
        person = self._directory.person(actor.id) if actor.kind == "person" else None
        if person is None:
            raise NotACandidate(f"{actor.id} is not among the people of this queue.")
        if not person.active:
            raise Disabled(f"The account {person.email} is not active.")
        return person


def _check_reach(request: Request, actor: Actor) -> None:
    if actor.via == "link" and (actor.grant is None or actor.grant.request_id != request.id):
        raise OutOfScope("This link is for another request.")


def _check_strength(request: Request, actor: Actor) -> None:
    """A link proves that somebody reads a mailbox: enough for what is harmless, and a session beside it for more."""
    if actor.via != "link" or actor.grant is None:
        return
    if request.risk == "high":
        raise LinkTooWeak("The risk of this request is high, so no link decides it. Sign in and look at all of it.")
    if request.risk == "medium" and not actor.grant.signed_in:
        raise LinkTooWeak("There is something to look at in this request. Sign in, and this link decides it.")


def _listed(groups: Iterable[str]) -> str:
    return " or ".join(groups) or "nobody"


def _is_flow(actor: Actor) -> bool:
    """Whether this is a flow beside the store itself. A worker's token comes from elsewhere, to its own runs alone."""
    return actor.via == "flow" and "gate" in actor.scopes
