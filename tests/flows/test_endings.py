"""How a run ends that the agents could not go on with: named, with a sentence, and to be gone on with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.states import AwaitingRetry, Failed

from agents.errors import (
    AgentError,
    BudgetSpent,
    CatalogueError,
    CrmUnavailable,
    DraftingError,
    ModelNonsense,
    ModelRefused,
    ModelUnavailable,
    RobotsDisallow,
    SuppressionUnavailable,
    TargetNotFound,
    UnknownObject,
    UnknownScheme,
)
from flows import composition
from flows.endings import ending_of, passes
from flows.errors import Unapproved
from flows.outreach import outreach

PAGE = "text:Tern Haulage\nTern Haulage is a freight company. Tern Haulage runs 64 lorries from 3 depots."
PROSPECT = {"target": PAGE, "name": "Tern Haulage", "source_url": "https://tern-haulage.example/"}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (DraftingError("for another company"), "Not drafted"),
        (ModelUnavailable("it is away"), "Model unavailable"),
        (ModelRefused("it will not"), "Model refused"),
        (ModelNonsense("it talks"), "Model nonsense"),
        (BudgetSpent("it is dear"), "Budget spent"),
        (RobotsDisallow("it asks not to be read"), "Not fetched"),
        (TargetNotFound("there is no such file"), "Not readable"),
        (CatalogueError("it does not read"), "Catalogue unusable"),
        (UnknownScheme("nothing is registered"), "Not set up"),
        (SuppressionUnavailable("it cannot be read"), "Suppression list unusable"),
        (CrmUnavailable("it is away"), "CRM unavailable"),
        (UnknownObject("it has none"), "CRM refused"),
        (AgentError("anything else"), "Not done"),
    ],
)
def test_trouble_of_the_agents_fails_a_run_with_a_name_and_the_sentence(error: AgentError, name: str) -> None:
    state = ending_of(error)

    assert (state.is_failed(), state.name, state.message) == (True, name, str(error))


def test_an_answer_that_is_no_approval_completes_the_run() -> None:
    decision: Any = SimpleNamespace(by=("anna",), reason="too dear")

    state = ending_of(Unapproved(decision, "proposal"))

    assert (state.is_completed(), state.message) == (True, "proposal: simplenamespace by anna: too dear")


def test_only_a_model_that_is_away_for_now_is_asked_again_in_minutes() -> None:
    def again(error: Exception) -> bool:
        return passes(None, None, Failed(data=error))

    assert again(ModelUnavailable("busy", passing=True))
    assert not again(ModelUnavailable("wrong key"))
    assert not again(ModelRefused("no"))
    assert not again(ValueError("passing"))


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
def test_a_run_whose_model_gives_no_draft_ends_in_a_named_state_and_can_be_gone_on_with(house, monkeypatch):
    monkeypatch.delenv("APPROVALS_POLICIES")  # those that ship
    monkeypatch.setenv("AGENTS_MODEL", "openai:m@http://127.0.0.1:9/v1")
    monkeypatch.setenv("AGENTS_MODEL_RUN_BUDGET", "1")  # and nobody knows its price
    composition.reset()
    run = house.start(outreach, prospect=PROSPECT)
    state = house.execute(outreach, run)
    while state.name == "Suspended":
        request = house.the_request(run)
        assert request.identity.gate == "brief"
        house.approve(request)
        state = house.go_on(outreach, run)

    assert (state.type, state.name) == ("FAILED", "Model unavailable")
    assert "no price is known for the model 'm'" in state.message

    monkeypatch.setenv("AGENTS_MODEL_FALLBACK", "offline")
    composition.reset()
    house.client.set_flow_run_state(UUID(run), AwaitingRetry(), force=True)  # as “Retry” in the Prefect UI does
    assert house.execute(outreach, run).name == "Suspended"
    proposal = house.the_request(run)
    assert proposal.identity.gate == "proposal"
    assert proposal.content.cost.model == "offline:"
    assert "model_fell_back" in {flag.code for flag in proposal.content.flags}
