"""A run whose queue on another machine does not answer is scheduled again; one without a deployment fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import letters
import pytest
from prefect.states import Scheduled

from approvals.errors import QueueUnavailable
from approvals.resume import PrefectRecords
from flows import composition
from flows.postponing import WAITING

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]


@pytest.fixture
def away(house, monkeypatch) -> Iterator[Callable[[], None]]:
    """Runs of this process look for their queue where nobody answers; `away()` ends that."""
    with monkeypatch.context() as patched:
        patched.setenv("APPROVALS_QUEUE_URL", "http://127.0.0.1:1")
        patched.setenv("APPROVALS_GATE_TOKEN", "cs_nobody")
        patched.setenv("APPROVALS_GATE_PATIENCE", "0.2")
        composition.reset()

        def back() -> None:
            patched.undo()
            composition.reset()

        yield back
    composition.reset()


def test_a_run_is_scheduled_again_while_its_queue_is_away_and_goes_on_when_it_is_back(house, away):
    run = house.start(letters.one_letter, to="halden")

    state = house.execute(letters.one_letter, run)

    assert (state.name, state.type.value) == (WAITING, "SCHEDULED")
    assert state.state_details.scheduled_time > datetime.now(UTC)
    assert "http://127.0.0.1:1 did not answer" in state.message
    assert not (house.home / "approvals.sqlite").exists()
    away()
    house.client.set_flow_run_state(UUID(run), Scheduled(), force=True)  # its minute is over
    assert house.execute(letters.one_letter, run).name == "Suspended"
    assert house.calls == ["run halden", "write halden 1"]


def test_a_script_fails_with_the_address_that_did_not_answer(house, away):
    state = house.call(letters.one_letter, "halden")

    with pytest.raises(QueueUnavailable, match="did not answer"):
        state.result()
    assert house.calls == []


def test_prefect_tells_whose_a_run_is(house):
    house.client.request("POST", "/work_pools/", json={"name": f"pool-{house.name}", "type": "process"})
    own = house.start(letters.one_letter, work_pool_name=f"pool-{house.name}", to="halden")
    unnamed = house.start(letters.two_letters, requester=None, to="halden")
    records = PrefectRecords()

    known, other = records.known(own), records.known(unnamed)

    run = house.client.read_flow_run(UUID(own))
    assert (known.run.id, known.run.name, known.run.flow) == (own, run.name, "one-letter")
    assert (known.pool, known.requester, known.ended) == (f"pool-{house.name}", "rita@acme.example", False)
    assert known.run.deployment == str(run.deployment_id)
    assert (other.pool, other.requester) == (None, "unknown:prefect")
    assert records.known("00000000-0000-0000-0000-000000000000") is None
    assert records.known("no id of Prefect's") is None
