"""The table itself, exhaustively: what is not in it is refused."""

from __future__ import annotations

import pytest

from approvals.errors import NotActionable
from approvals.lifecycle import (
    OPEN,
    PAST_TENSE,
    TRANSITIONS,
    Action,
    State,
    diagram,
    event_name,
    is_open,
    next_state,
    sources,
)

# Written out a second time on purpose: a slip in the table must disagree with something.
WHILE_OPEN = {"claim", "revise", "escalate", "sign", "approve", "reject", "return", "expire", "withdraw"}
ALLOWED = {
    "pending": WHILE_OPEN,
    "claimed": WHILE_OPEN | {"release"},
    "approved": {"recall"},
    "rejected": {"recall"},
    "returned": {"recall"},
    "expired": set(),
    "withdrawn": set(),
}
LEADS_TO = {
    "claim": "claimed",
    "release": "pending",
    "escalate": "pending",
    "approve": "approved",
    "reject": "rejected",
    "return": "returned",
    "expire": "expired",
    "withdraw": "withdrawn",
    "recall": "pending",
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_every_state_allows_exactly_the_actions_it_should(state, action):
    if action not in ALLOWED[state]:
        with pytest.raises(NotActionable) as refusal:
            next_state(state, action)
        assert str(refusal.value) == f"A request that is {state} cannot be {PAST_TENSE[action]}."
    else:
        assert next_state(state, action) == LEADS_TO.get(action, state)


def test_only_signing_and_revising_keep_the_state():
    keeping = {action for actions in TRANSITIONS.values() for action in actions} - set(LEADS_TO)

    assert keeping == {Action.SIGN, Action.REVISE}


def test_nothing_leaves_an_expired_or_withdrawn_request():
    assert TRANSITIONS[State.EXPIRED] == TRANSITIONS[State.WITHDRAWN] == {}


def test_every_state_has_a_row_and_every_action_a_past_tense():
    assert set(TRANSITIONS) == set(State)
    assert set(PAST_TENSE) == set(Action)
    assert len(set(PAST_TENSE.values())) == len(Action)


@pytest.mark.parametrize("action", Action)
def test_the_sources_of_an_action_are_the_states_that_allow_it(action):
    assert sources(action) == {state for state in State if action in ALLOWED[state]}


def test_open_means_that_a_verdict_can_be_handed_in():
    assert {State.PENDING, State.CLAIMED} == OPEN
    assert [state for state in State if is_open(state)] == [State.PENDING, State.CLAIMED]


def test_events_are_named_after_what_happened():
    assert event_name(Action.WITHDRAW) == "request.withdrawn"


def test_the_diagram_shows_every_arrow_of_the_table_and_no_other():
    drawn = set()
    for line in diagram().splitlines()[2:]:
        arrow, _, actions = line.strip().partition(": ")
        source, _, target = arrow.partition(" --> ")
        drawn |= {(source, action, target) for action in actions.split(", ")} if actions else {(source, "", target)}

    table = {
        (state.value, action.value, target.value)
        for state, row in TRANSITIONS.items()
        for action, target in row.items()
    }
    ends = {(state.value, "", "[*]") for state in State if state not in OPEN}
    assert drawn == table | ends
    assert diagram().splitlines()[:2] == ["stateDiagram-v2", "    [*] --> pending: open"]
