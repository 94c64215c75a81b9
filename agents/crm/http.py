"""Calls to a vendor's API: seconds of patience, limits waited for, and no write repeated that may have arrived."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from agents.crm.changing import unanswered
from agents.errors import CrmUnavailable

TOO_MANY = 429
_PASSING = frozenset({500, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Patience:
    """How long one call may take, all attempts together; in seconds."""

    timeout: float = 20.0
    attempts: int = 6
    total: float = 90.0
    longest_wait: float = 30.0
    pause: float = 0.5


class _Passing(Exception):
    """It did not work this time, and nothing was done."""

    def __init__(self, message: str, *, after: float | None = None, answer: httpx.Response | None = None) -> None:
        super().__init__(message)
        self.after = after
        self.answer = answer


@dataclass
class Caller:
    """Sends requests to one vendor. Times are passed in, so that tests need not wait.

    `pace` is asked before each request how long to hold back, and told each answer's headers.
    """

    vendor: str
    address: str
    headers: Callable[[], Mapping[str, str]]
    patience: Patience = field(default_factory=Patience)
    ticks: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    pace: Pace | None = None
    limited: Callable[[httpx.Response], str | None] = lambda _: None
    """Why nothing was done that may be tried again at once, beside an answer of 429; None where that is not so."""
    trace: Callable[[httpx.Response], str] = lambda _: ""
    """What the vendor's support asks for to find this answer again, as a sentence with a space before it."""

    def __post_init__(self) -> None:
        self._client: httpx.Client | None = None
        self.calls = 0
        self.waited = 0.0

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        again: bool | None = None,
    ) -> httpx.Response:
        """The answer, whatever its status, once no more patience is of use.

        `again` says that it may be repeated though it may have arrived: a read, or a write that does nothing twice.

        Raises:
            CrmUnavailable: no answer; of a write that was sent nothing is known.
        """
        harmless = method in ("GET", "HEAD") if again is None else again
        what = f"{method} {path}"
        began = self.ticks()

        def too_late(state: RetryCallState) -> bool:
            wait = _wait(state, self.patience)
            return (
                state.attempt_number >= self.patience.attempts
                or wait > self.patience.longest_wait
                or self.ticks() - began + wait > self.patience.total
            )

        patiently = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=too_late,
            wait=lambda state: _wait(state, self.patience),
            sleep=self._rest,
            reraise=True,
        )
        content = {"params": params, "json": json, "data": data, "headers": {**self.headers(), **(headers or {})}}
        try:
            return patiently(self._once, method, path, what, harmless, content)
        except _Passing as error:
            if error.answer is not None:
                return error.answer  # what the vendor says of it is worth more than what we would
            raise CrmUnavailable(str(error)) from error

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _once(self, method: str, path: str, what: str, harmless: bool, content: dict[str, Any]) -> httpx.Response:
        if self.pace is not None and (hold := self.pace.hold(self.ticks())) > 0:
            self._rest(hold)
        self._client = self._client or httpx.Client(timeout=self.patience.timeout, follow_redirects=False)
        self.calls += 1
        try:
            response = self._client.request(
                method,
                self.address + path,
                **{name: value for name, value in content.items() if value is not None},
            )
        except _NOT_SENT as error:
            raise _Passing(
                f"{self.vendor} cannot be reached at {self.address} ({error}). Check the network and the address; "
                "nothing was sent."
            ) from error
        except httpx.HTTPError as error:
            if harmless:
                raise _Passing(f"{self.vendor} gave no answer to {what} ({type(error).__name__}).") from error
            raise unanswered(self.vendor, what) from error
        if self.pace is not None:
            self.pace.learn(response.headers, self.ticks())
        held_back = self.limited(response)
        if response.status_code == TOO_MANY:
            held_back = (
                f"{self.vendor} says that there were too many requests, and asks for more time than is waited here. "
                f"Try again later, or ask it for a higher limit.{self.trace(response)}"
            )
        if held_back:
            raise _Passing(held_back, after=_seconds(response.headers.get("Retry-After")))
        if response.status_code in _PASSING and harmless:
            raise _Passing(
                f"{self.vendor} answered {response.status_code} to {what}.",
                after=_seconds(response.headers.get("Retry-After")),
                answer=response,
            )
        if response.status_code >= 500 and not harmless:
            # It may have committed and stumbled afterwards.
            raise unanswered(self.vendor, f"{what} but {response.status_code}", self.trace(response))
        return response

    def _rest(self, seconds: float) -> None:
        self.waited += seconds
        self.sleep(seconds)


@dataclass
class Pace:
    """Holds requests back while a rolling interval is used up, as the vendor's headers tell it."""

    limit: str
    remaining: str
    interval: str
    """Names of the headers: requests allowed in an interval, requests left in it, and its length in milliseconds."""

    def __post_init__(self) -> None:
        self._answered: deque[float] = deque()
        self._allowed = 0
        self._left: int | None = None
        self._length = 0.0

    def learn(self, headers: Mapping[str, str], now: float) -> None:
        """What an answer's headers say."""
        numbers = [headers.get(name, "") for name in (self.limit, self.remaining, self.interval)]
        if not all(number.isdigit() for number in numbers):
            return
        self._allowed, self._left, length = (int(number) for number in numbers)
        self._length = length / 1000
        # Counted from the answer, not from the request, so that the vendor's count has always expired before ours.
        self._answered.append(now)

    def hold(self, now: float) -> float:
        """Seconds to wait before the next request: until the oldest of those that fill the interval falls out of it."""
        while self._answered and self._answered[0] <= now - self._length:
            self._answered.popleft()
        full = len(self._answered) >= self._allowed or self._left == 0
        if not full or not self._answered:
            return 0.0
        self._left = None
        return max(0.0, self._answered[0] + self._length - now)


def _seconds(retry_after: str | None) -> float | None:
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None


def _wait(state: RetryCallState, patience: Patience) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing) and error.after is not None:
        return error.after
    return min(8.0, patience.pause * 2 ** (state.attempt_number - 1)) * random.uniform(0.75, 1.25)  # noqa: S311
