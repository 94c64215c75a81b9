"""Calls: what is repeated and what never is, how long, and how limits are kept; on a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from agents.crm.http import Caller, Pace, Patience
from agents.errors import CrmUnavailable

OK = httpx.Response(200, json={})


class Clock:
    """A clock that moves by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calling(clock: Clock) -> Iterator[Callable[..., Caller]]:
    """A caller whose requests meet these answers in turn."""
    made: list[Caller] = []

    def call(
        *answers: httpx.Response | Exception, patience: Patience | None = None, pace: Pace | None = None
    ) -> Caller:
        left = list(answers)

        def answer(_request: httpx.Request) -> httpx.Response:
            given = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(given, Exception):
                raise given
            return httpx.Response(given.status_code, headers=given.headers, content=given.content)

        caller = Caller(
            vendor="Vendor",
            address="https://vendor.example",
            headers=dict,
            patience=patience or Patience(),
            ticks=clock,
            sleep=clock.sleep,
            pace=pace,
        )
        caller._client = httpx.Client(transport=httpx.MockTransport(answer))
        made.append(caller)
        return caller

    yield call
    for caller in made:
        caller.close()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_is_repeated_and_a_write_is_not(calling: Callable[..., Caller], status: int) -> None:
    failed = httpx.Response(status)
    reading, writing = calling(failed, failed, OK), calling(failed, OK)

    assert reading.call("GET", "/x").status_code == 200
    with pytest.raises(CrmUnavailable, match=r"whether it was written is unknown.*reads first"):
        writing.call("POST", "/x")

    assert (reading.calls, writing.calls) == (3, 1)


@pytest.mark.parametrize("error", [httpx.ReadTimeout("late"), httpx.ReadError("cut"), httpx.RemoteProtocolError("odd")])
def test_a_write_without_an_answer_is_unknown(calling: Callable[..., Caller], error: Exception) -> None:
    caller = calling(error, OK)

    with pytest.raises(CrmUnavailable, match="unknown"):
        caller.call("PATCH", "/x")

    assert caller.calls == 1


def test_a_write_that_does_nothing_twice_is_repeated(calling: Callable[..., Caller]) -> None:
    caller = calling(httpx.ReadTimeout("late"), OK)

    assert caller.call("PUT", "/x", again=True).status_code == 200


def test_a_write_that_was_not_sent_is_repeated(calling: Callable[..., Caller]) -> None:
    caller = calling(httpx.ConnectError("refused"), OK)

    assert caller.call("POST", "/x").status_code == 200


def test_a_429_is_waited_for_as_it_asks_even_for_a_write(calling: Callable[..., Caller], clock: Clock) -> None:
    caller = calling(httpx.Response(429, headers={"Retry-After": "7"}), OK)

    assert caller.call("POST", "/x").status_code == 200
    assert clock.slept == [7.0]


@pytest.mark.parametrize("after", ["3600", "31"])
def test_a_429_that_asks_for_too_long_ends_the_attempt(
    calling: Callable[..., Caller], clock: Clock, after: str
) -> None:
    caller = calling(httpx.Response(429, headers={"Retry-After": after}))

    with pytest.raises(CrmUnavailable, match="too many requests"):
        caller.call("GET", "/x")

    assert clock.slept == []


def test_attempts_and_their_time_together_have_an_end(calling: Callable[..., Caller], clock: Clock) -> None:
    few = calling(httpx.ReadError("cut"), patience=Patience(attempts=3))
    short = calling(httpx.Response(429, headers={"Retry-After": "20"}), patience=Patience(attempts=100, total=50))

    for caller in (few, short):
        with pytest.raises(CrmUnavailable):
            caller.call("GET", "/x")

    assert (few.calls, short.calls) == (3, 3)
    assert clock.now < 1000 + 60


def test_what_a_vendor_says_of_its_failure_is_handed_on_in_the_end(calling: Callable[..., Caller]) -> None:
    caller = calling(httpx.Response(503, text="down for an hour"), patience=Patience(attempts=3))

    assert caller.call("GET", "/x").text == "down for an hour"
    assert caller.calls == 3


def test_an_answer_of_4xx_is_handed_on(calling: Callable[..., Caller]) -> None:
    assert calling(httpx.Response(404)).call("GET", "/x").status_code == 404


# -- limits ------------------------------------------------------------------------------------------------------


def test_a_thousand_requests_fit_a_rolling_limit_and_waste_little_of_it(clock: Clock) -> None:
    """A limit of 100 in 10 seconds takes 1,000 requests 90 seconds at least."""
    answered: list[float] = []
    pace = Pace(limit="L", remaining="R", interval="I")

    for _ in range(1000):
        clock.sleep(max(0.0, pace.hold(clock.now)))
        within = [at for at in answered if at > clock.now - 10]
        assert len(within) < 100, "the vendor would have refused"
        answered.append(clock.now)
        clock.now += 0.01
        pace.learn({"L": "100", "R": str(99 - len(within)), "I": "10000"}, clock.now)

    assert 90 <= clock.now - 1000 < 105


def test_what_others_use_of_the_limit_is_respected(clock: Clock) -> None:
    pace = Pace(limit="L", remaining="R", interval="I")
    pace.learn({"L": "100", "R": "0", "I": "10000"}, clock.now)

    clock.now += 4

    assert pace.hold(clock.now) == pytest.approx(6)


def test_without_headers_nothing_is_held_back(clock: Clock) -> None:
    pace = Pace(limit="L", remaining="R", interval="I")
    pace.learn({}, clock.now)
    pace.learn({"L": "many", "R": "0", "I": "10"}, clock.now)

    assert pace.hold(clock.now) == 0
