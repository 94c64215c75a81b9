"""Starting runs: one call, and once for each key."""

from __future__ import annotations

import asyncio

import letters
import pytest

from flows.errors import ServerError
from flows.starting import start_run


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
def test_the_same_key_starts_a_run_once_and_its_requester_is_on_its_label(house):
    house.deploy(letters.one_letter)
    name = f"one-letter/{house.name}"

    async def start(key: str, requester: str) -> object:
        return await start_run(name, {"to": "halden"}, requester=requester, key=key, tags=["campaign:spring"])

    first = asyncio.run(start(f"{house.home}:1", "rita@acme.example"))
    again = asyncio.run(start(f"{house.home}:1", "omar@acme.example"))
    other = asyncio.run(start(f"{house.home}:2", "rita@acme.example"))

    assert first.id == again.id != other.id
    assert again.labels["countersign.requester"] == "rita@acme.example"
    assert first.parent_task_run_id is None
    assert "campaign:spring" in first.tags


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
def test_an_unknown_deployment_is_named(house):
    with pytest.raises(ServerError, match="no deployment 'one-letter/nowhere'"):
        asyncio.run(start_run("one-letter/nowhere", {}, requester="rita@acme.example"))
