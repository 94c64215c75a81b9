"""Asking a busy server again soon: a client of Prefect's own, and a server that is busy as often as the test says."""

from __future__ import annotations

import time
from collections.abc import Iterator

import anyio
import httpx
import pytest
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, PREFECT_CLIENT_RETRY_JITTER_FACTOR, temporary_settings

from flows.busy import RETRIES, ask_again_soon


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """How long the client would have slept each time."""
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(anyio, "sleep", note)
    monkeypatch.setattr(time, "sleep", slept.append)
    with temporary_settings({PREFECT_CLIENT_RETRY_JITTER_FACTOR: 0, PREFECT_CLIENT_MAX_RETRIES: RETRIES}):
        yield slept


def client(*answers: httpx.Response) -> PrefectClient:
    """A client whose server gives these answers, one after the other."""
    given = iter(answers)
    one = PrefectClient(
        "http://127.0.0.1:1/api", httpx_settings={"transport": httpx.MockTransport(lambda _: next(given))}
    )
    ask_again_soon(one)
    return one


def asked_in_turn(*answers: httpx.Response) -> httpx.Response:
    """What a client that does not await gets of a server with these answers."""
    given = iter(answers)
    terms = {"transport": httpx.MockTransport(lambda _: next(given))}
    asking = SyncPrefectClient("http://127.0.0.1:1/api", httpx_settings=terms)
    ask_again_soon(asking)
    return asking.request("GET", "/runs")


def busy(times: int) -> list[httpx.Response]:
    return [httpx.Response(503) for _ in range(times)]


async def test_a_busy_server_is_asked_again_soon_and_then_as_patiently_as_prefect_does(waits: list[float]) -> None:
    answer = await client(*busy(RETRIES), httpx.Response(200)).request("GET", "/runs")

    assert answer.status_code == 200
    assert waits == [0.05, 0.1, 0.2, 0.4, 2, 4, 8, 16, 32]


async def test_each_question_is_counted_by_itself(waits: list[float]) -> None:
    asking = client(*busy(2), httpx.Response(200), *busy(1), httpx.Response(200))

    await asking.request("GET", "/runs")
    await asking.request("GET", "/runs")

    assert waits == [0.05, 0.1, 0.05]


async def test_with_no_more_retries_than_prefects_own_nothing_is_hurried(waits: list[float]) -> None:
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 5}):
        await client(*busy(2), httpx.Response(200)).request("GET", "/runs")

    assert waits == [2, 4]


async def test_what_the_server_says_is_obeyed(waits: list[float]) -> None:
    told = httpx.Response(503, headers={"Retry-After": "7"})

    await client(told, httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(200)).request("GET", "/runs")

    assert waits == [7, 3]


def test_a_client_that_does_not_await_is_no_less_patient(waits: list[float]) -> None:
    assert asked_in_turn(*busy(6), httpx.Response(200)).status_code == 200

    assert waits == [0.05, 0.1, 0.2, 0.4, 2, 4]


def test_with_no_retry_left_it_is_said_at_once_that_the_server_is_busy(waits: list[float]) -> None:
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), pytest.raises(httpx.HTTPStatusError, match="503"):
        asked_in_turn(*busy(1))

    assert waits == [0]


async def test_asking_twice_for_it_hurries_nothing_twice(waits: list[float]) -> None:
    asking = client(*busy(1), httpx.Response(200))
    ask_again_soon(asking)

    await asking.request("GET", "/runs")

    assert waits == [0.05]
