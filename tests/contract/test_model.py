"""One contract for every model that writes proposals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from model_servers import ModelServer

from agents.catalogue import read_catalogue
from agents.documents import Brief, EntityRef, Fact, FactKey, Proposal, Source, dump
from agents.errors import UnknownScheme
from agents.grounding import check
from agents.ports import DraftingTask, Model
from agents.providers import MODELS, Terms, open_model

QUOTE = "Velmar Haulage runs 60 trucks from Lund"
BRIEF = Brief(
    entity=EntityRef(name="Velmar Haulage", domain="velmar.example"),
    sources=(
        Source(
            id="s1",
            address="https://velmar.example/",
            kind="site",
            fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
            sha256="0" * 64,
            text_sha256="1" * 64,
            subject_match="match",
        ),
    ),
    facts=(
        Fact(
            id="f1",
            key=FactKey.DESCRIPTION,
            value=QUOTE,
            quote=QUOTE,
            source_id="s1",
            start=0,
            end=len(QUOTE),
            method="rule",
            confidence=0.9,
        ),
    ),
)
CATALOGUE = read_catalogue()


ADDRESSES: dict[str, Callable[[ModelServer], str]] = {
    "offline": lambda models: "offline:",
    "openai": lambda models: f"openai:{models.model('fine')}@{models.base}",
}


@pytest.fixture(params=sorted(ADDRESSES))
def model(request: pytest.FixtureRequest, models: ModelServer, tmp_path: Path) -> Model:
    return open_model(ADDRESSES[request.param](models), Terms(home=tmp_path))


def test_every_scheme_is_held_against_the_contract() -> None:
    """But for the extra, whose tests are skipped where it is not installed; it drafts as `openai` does."""
    assert ADDRESSES.keys() == MODELS.keys() - {"pydantic-ai"}


async def test_it_says_in_a_sentence_that_it_could_draft(models: ModelServer, tmp_path: Path) -> None:
    for address in ("offline:", f"openai:fine@{models.base}"):
        said = await open_model(address, Terms(home=tmp_path)).ready()
        assert said.startswith(address)
        assert "\n" not in said


async def test_a_draft_is_about_the_company_of_the_brief_and_priced_by_the_catalogue(model: Model) -> None:
    drafted = await model.draft(DraftingTask(brief=BRIEF, catalogue=CATALOGUE))

    assert drafted.proposal.entity == BRIEF.entity
    assert drafted.proposal.currency == CATALOGUE.currency
    assert drafted.proposal.lines
    for line in drafted.proposal.lines:
        offer = CATALOGUE.offer(line.offer)
        assert offer is not None
        assert line.unit_price == offer.unit_price
    assert drafted.cost.model == model.name


async def test_a_draft_says_nothing_that_is_unsupported(model: Model) -> None:
    proposal = (await model.draft(DraftingTask(brief=BRIEF, catalogue=CATALOGUE))).proposal

    found = check(proposal, sources=BRIEF.sources, facts=BRIEF.facts, catalogue=CATALOGUE)

    assert [one for one in found if one.support == "unsupported"] == []


async def test_a_draft_is_canonical(model: Model) -> None:
    proposal = (await model.draft(DraftingTask(brief=BRIEF, catalogue=CATALOGUE))).proposal

    assert dump(Proposal.model_validate(dump(proposal))) == dump(proposal)


async def test_a_draft_after_feedback_differs_or_says_why_not(model: Model) -> None:
    first = await model.draft(DraftingTask(brief=BRIEF, catalogue=CATALOGUE))

    for feedback in ("shorter", "mention Lund", "make it sing"):
        task = DraftingTask(brief=BRIEF, catalogue=CATALOGUE, feedback=(feedback,), previous=first.proposal, round=2)
        second = await model.draft(task)
        said = [flag.message for flag in second.flags if flag.code == "feedback_not_followed"]
        assert second.proposal != first.proposal or any(feedback in message for message in said)


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(UnknownScheme, match="offline:"):
        open_model("crystal-ball:")
