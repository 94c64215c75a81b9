"""Other vendors through pydantic-ai, where it is installed; and a sentence where it is not."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fake_model
import pytest

from agents.catalogue import Catalogue
from agents.documents import Brief
from agents.errors import AgentError, DraftingError, ModelNonsense, ModelUnavailable
from agents.grounding import check
from agents.ports import DraftingTask
from agents.providers import Terms, open_model
from agents.providers.budgets import Budget, SpendBook
from agents.providers.openai import OpenAiModel
from agents.providers.prices import Price, PriceTable
from agents.providers.pydantic_ai import VendorEndpoint

ADDRESS = "pydantic-ai:function:scripted"


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)

    with pytest.raises(AgentError, match="needs pydantic-ai, which is not installed"):
        open_model("pydantic-ai:anthropic:claude", Terms(home=tmp_path))


@pytest.mark.parametrize("address", ["pydantic-ai:", "pydantic-ai:claude", "pydantic-ai::claude", "pydantic-ai:x:"])
def test_an_address_names_vendor_and_model(address: str, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="pydantic-ai:VENDOR:MODEL"):
        open_model(address, Terms(home=tmp_path))


def opened(answer: Any, tmp_path: Path, **more: Any) -> OpenAiModel:
    function = pytest.importorskip("pydantic_ai.models.function", reason="the extra pydantic-ai is not installed")
    prices = PriceTable(currency="USD", prices=(Price(model="scripted", host="function", input=1, output=2),))
    book = SpendBook(tmp_path / "b.sqlite", Budget(), "USD", lambda: datetime(2026, 3, 1, tzinfo=UTC))
    return OpenAiModel(VendorEndpoint(ADDRESS, function.FunctionModel(answer), **more), prices, book)


def test_it_drafts_like_any_other_and_is_told_what_is_wrong(
    tmp_path: Path, halden: Brief, catalogue: Catalogue
) -> None:
    messages = pytest.importorskip("pydantic_ai.messages", reason="the extra pydantic-ai is not installed")
    seen: list[Any] = []

    async def answer(history: list[Any], _: Any) -> Any:
        seen.append(history)
        asked = {"messages": [{"content": part.content} for one in history for part in one.parts]}
        text = "no JSON at all" if len(seen) == 1 else json.dumps(fake_model.honest(asked))
        return messages.ModelResponse(parts=[messages.TextPart(content=text)])

    model = opened(answer, tmp_path)
    drafted = asyncio.run(model.draft(DraftingTask(brief=halden, catalogue=catalogue)))

    assert model.name == drafted.cost.model == ADDRESS
    assert len(seen) == 2
    assert drafted.cost.amount > Decimal(0)
    found = check(drafted.proposal, sources=halden.sources, facts=halden.facts, catalogue=catalogue)
    assert [one for one in found if one.support == "unsupported"] == []


def test_what_goes_wrong_is_named(tmp_path: Path, halden: Brief, catalogue: Catalogue) -> None:
    exceptions = pytest.importorskip("pydantic_ai.exceptions", reason="the extra pydantic-ai is not installed")
    messages = pytest.importorskip("pydantic_ai.messages", reason="the extra pydantic-ai is not installed")

    async def busy(*_: Any) -> Any:
        raise exceptions.ModelHTTPError(status_code=429, model_name="scripted", body="slow down")

    async def unset(*_: Any) -> Any:
        raise exceptions.UserError("Set the API key.")

    async def silent(*_: Any) -> Any:
        await asyncio.sleep(5)

    async def babbling(*_: Any) -> Any:
        return messages.ModelResponse(parts=[messages.TextPart(content="la la la")])

    def end_of(answer: Any, **more: Any) -> DraftingError:
        with pytest.raises(DraftingError) as error:
            asyncio.run(opened(answer, tmp_path, **more).draft(DraftingTask(brief=halden, catalogue=catalogue)))
        return error.value

    assert "answered 429" in str(end_of(busy))
    assert end_of(busy).facts["passing"]
    assert "is not set up: Set the API key." in str(end_of(unset))
    assert isinstance(end_of(silent, seconds=0.05), ModelUnavailable)
    assert isinstance(end_of(babbling), ModelNonsense)
