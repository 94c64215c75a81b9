"""What is made of Prefect's events; tests/e2e/test_scenarios.py has them from a real server."""

from __future__ import annotations

import threading

import pytest

from flows.watching import Watching


@pytest.mark.parametrize(
    ("event", "resource", "looked_after"),
    [
        ("prefect.flow-run.Cancelled", "prefect.flow-run.r1", "r1"),
        ("prefect.flow-run.Crashed", "prefect.flow-run.r1", "r1"),
        ("prefect.deployment.deleted", "prefect.deployment.d1", None),
    ],
)
def test_the_end_of_a_run_is_a_reason_to_look_after_it_and_a_lost_deployment_to_look_after_all(
    event, resource, looked_after
):
    looks: list[str | None] = []

    Watching(looks.append)._heard(event, resource)

    assert looks == [looked_after]


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:9/api"])
def test_without_a_server_nothing_is_looked_after_and_no_server_is_started(address, monkeypatch):
    """Prefect's client would start one of its own, which knows no run of ours."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    looks: list[str | None] = []
    stop = threading.Event()

    with temporary_settings({PREFECT_API_URL: address} if address else {}, restore_defaults={PREFECT_API_URL}):
        thread = threading.Thread(target=Watching(looks.append).run, args=(stop,))
        thread.start()
        stop.wait(0.3)
        stop.set()
        thread.join(20)

    assert not thread.is_alive()
    assert looks == []
