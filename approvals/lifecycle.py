"""The life of a request, as one table. Buttons, refusals, SQL guards, audit events and the diagram are read from it."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from approvals.errors import NotActionable


class State(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What can be done to a request."""

    CLAIM = "claim"
    RELEASE = "release"
    REVISE = "revise"
    ESCALATE = "escalate"
    SIGN = "sign"
    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    RECALL = "recall"


def _while_open(state: State) -> dict[Action, State]:
    return {
        Action.CLAIM: State.CLAIMED,
        Action.REVISE: state,
        Action.ESCALATE: State.PENDING,
        Action.SIGN: state,
        Action.APPROVE: State.APPROVED,
        Action.REJECT: State.REJECTED,
        Action.RETURN: State.RETURNED,
        Action.EXPIRE: State.EXPIRED,
        Action.WITHDRAW: State.WITHDRAWN,
    }


# Recall is guarded further by person and time; see `ApprovalService.recall`.
TRANSITIONS: dict[State, dict[Action, State]] = {
    State.PENDING: _while_open(State.PENDING),
    State.CLAIMED: {Action.RELEASE: State.PENDING, **_while_open(State.CLAIMED)},
    State.APPROVED: {Action.RECALL: State.PENDING},
    State.REJECTED: {Action.RECALL: State.PENDING},
    State.RETURNED: {Action.RECALL: State.PENDING},
    State.EXPIRED: {},
    State.WITHDRAWN: {},
}

PAST_TENSE: dict[Action, str] = {
    Action.CLAIM: "claimed",
    Action.RELEASE: "released",
    Action.REVISE: "revised",
    Action.ESCALATE: "escalated",
    Action.SIGN: "signed",
    Action.APPROVE: "approved",
    Action.REJECT: "rejected",
    Action.RETURN: "returned",
    Action.EXPIRE: "expired",
    Action.WITHDRAW: "withdrawn",
    Action.RECALL: "recalled",
}


def next_state(state: State, action: Action) -> State:
    """The state that the action leads to.

    Raises:
        NotActionable: the state does not allow the action.
    """
    try:
        return TRANSITIONS[state][action]
    except KeyError:
        raise NotActionable(f"A request that is {state} cannot be {PAST_TENSE[action]}.") from None


@cache
def sources(action: Action) -> frozenset[State]:
    """The states an action may start from."""
    return frozenset(state for state, actions in TRANSITIONS.items() if action in actions)


def is_open(state: State) -> bool:
    """Whether a verdict can still be handed in."""
    return Action.APPROVE in TRANSITIONS[state]


OPEN = frozenset(state for state in State if is_open(state))


def event_name(action: Action) -> str:
    """The audit event of an action, such as `request.approved`."""
    return f"request.{PAST_TENSE[action]}"


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, actions in TRANSITIONS.items():
        for action, target in actions.items():
            arrows.setdefault((state, target), []).append(action)
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING}: open"]
    lines += [f"    {source} --> {target}: {', '.join(actions)}" for (source, target), actions in arrows.items()]
    lines += [f"    {state} --> [*]" for state in State if not is_open(state)]
    return "\n".join(lines)
