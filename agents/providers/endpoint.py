"""One OpenAI-compatible endpoint: asks it for a completion, patiently, and says in a sentence where none comes.

The key goes into one header and nowhere else: every sentence that quotes the endpoint is searched for it first.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_any

from agents.errors import ModelRefused, ModelUnavailable
from agents.providers.addressing import Place
from agents.providers.completions import Completion, completion_of, told
from agents.providers.metering import Meter

_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_UNCHARGED = frozenset({409, 425, 429, 503, 529})
_FORMATS = ("json_schema", "json_object", "plain")
_ABOUT_FORMAT = re.compile(
    r"response_format|json_schema|json_object|structured output|grammar|json mode", re.IGNORECASE
)
_ABOUT_LIMIT = re.compile(r"max_(?:completion_)?tokens", re.IGNORECASE)

Message = dict[str, str]


@dataclass(frozen=True)
class Patience:
    """How long, and how often, an endpoint is asked for one completion."""

    seconds: float = 180.0
    attempt_seconds: float = 90.0
    connect_seconds: float = 5.0
    attempts: int = 4
    longest_wait: float = 60.0
    response_bytes: int = 4 * 1024 * 1024
    tokens: int = 6_000


class _Transient(ModelUnavailable):
    """The endpoint did not answer this time."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message, passing=True)
        self.after = after


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes
    seconds: float


@dataclass
class Endpoint:
    """An OpenAI-compatible server that is asked over httpx. What it turned out not to take is not sent again."""

    place: Place
    key: str = field(default="", repr=False)
    patience: Patience = field(default_factory=Patience)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ticks: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._format = 0
        self._limit = "max_completion_tokens" if self.place.host == "api.openai.com" else "max_tokens"

    async def complete(self, messages: Sequence[Message], schema: dict[str, Any], meter: Meter) -> Completion:
        """What the model writes on these messages, as JSON of this schema where the server knows how.

        Raises:
            ModelUnavailable: no answer within the patience, or one that is none of a model.
            ModelRefused: the server does not take the request, or the model declines.
            BudgetSpent: the call could cost more than is allowed.
        """
        began = self.ticks()

        def out_of_time(_: RetryCallState) -> bool:
            return self.ticks() - began >= self.patience.seconds

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_any(stop_after_attempt(self.patience.attempts), out_of_time),  # type: ignore[arg-type]
            wait=lambda state: self._wait(state, self.patience.seconds - (self.ticks() - began)),
            sleep=self.sleep,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                remaining = self.patience.seconds - (self.ticks() - began)
                return await self._settled(messages, schema, meter, remaining)
        raise ModelUnavailable  # pragma: no cover - reraise is set

    async def models(self) -> tuple[str, ...] | None:
        """The names of the models it serves, asked once and for nothing; None where it does not list them.

        Raises:
            ModelUnavailable: it does not answer, or does not take the key.
        """
        answer = await self._send("GET", "/models", None, min(10.0, self.patience.attempt_seconds))
        if answer.status in (404, 405, 501):
            return None
        self._expect_ok(answer)
        try:
            data = json.loads(answer.body)["data"]
            return tuple(str(model["id"]) for model in data)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    # -- one attempt ---------------------------------------------------------------------------------------------

    async def _settled(
        self, messages: Sequence[Message], schema: dict[str, Any], meter: Meter, remaining: float
    ) -> Completion:
        """One attempt; what the server says it does not know is left out and the same asked again at once."""
        for _ in range(len(_FORMATS) + 1):
            answer = await self._once(messages, schema, meter, remaining)
            if answer.status not in (400, 422):
                return self._completion(answer)
            said = told(answer.body)
            if _ABOUT_LIMIT.search(said) and self._limit in said and self._limit == "max_tokens":
                self._limit = "max_completion_tokens"
            elif _ABOUT_LIMIT.search(said) and self._limit in said:
                self._limit = "max_tokens"
            elif _ABOUT_FORMAT.search(said) and self._format < len(_FORMATS) - 1:
                self._format += 1
            else:
                raise ModelRefused(self._sentence(f"does not take the request: {said}"))
        raise ModelRefused(self._sentence("takes neither a limit of tokens nor a format of the answer."))

    async def _once(
        self, messages: Sequence[Message], schema: dict[str, Any], meter: Meter, remaining: float
    ) -> _Answer:
        request = json.dumps(self._request(messages, schema), ensure_ascii=False).encode("utf-8")
        entry = meter.enter(request, self.patience.tokens)
        try:
            answer = await self._send(
                "POST", "/chat/completions", request, max(0.05, min(self.patience.attempt_seconds, remaining))
            )
        except _NotReached:
            meter.refused(entry)
            raise
        except BaseException:
            meter.lost(entry)  # sent, and no answer: it may be charged all the same
            raise
        completion = completion_of(answer.body)
        if answer.status == 200 and not completion.markup:
            meter.answered(entry, completion.usage, answer.body, answer.seconds)
        elif answer.status == 200:
            meter.refused(entry)  # a web page: no model was asked
        elif answer.status in _UNCHARGED or 300 <= answer.status < 500:
            meter.refused(entry)
        else:
            meter.lost(entry)
        return answer

    def _request(self, messages: Sequence[Message], schema: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.place.model, "messages": list(messages), "stream": False}
        body[self._limit] = self.patience.tokens
        match _FORMATS[self._format]:
            case "json_schema":
                described = {"name": "proposal", "strict": True, "schema": schema}
                body["response_format"] = {"type": "json_schema", "json_schema": described}
            case "json_object":
                body["response_format"] = {"type": "json_object"}
        return body

    async def _send(self, method: str, path: str, body: bytes | None, seconds: float) -> _Answer:
        headers = {"Accept": "application/json", "User-Agent": "Countersign/0.1"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        timeout = httpx.Timeout(seconds, connect=min(seconds, self.patience.connect_seconds))
        began = self.ticks()
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout) as client,
                client.stream(method, f"{self.place.base}{path}", content=body, headers=headers) as response,
            ):
                received = bytearray()
                async for chunk in response.aiter_bytes(65_536):
                    received += chunk
                    if len(received) > self.patience.response_bytes:
                        raise ModelUnavailable(self._sentence("answers with more than is read."))
                return _Answer(response.status_code, response.headers, bytes(received), self.ticks() - began)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _NotReached(self._sentence(f"cannot be reached: {str(error) or type(error).__name__}.")) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _Transient(self._sentence(f"did not answer within {seconds:.3g} seconds.")) from error
        except httpx.HTTPError as error:
            raise _Transient(self._sentence(f"broke off: {str(error) or type(error).__name__}.")) from error

    # -- what came of it -----------------------------------------------------------------------------------------

    def _completion(self, answer: _Answer) -> Completion:
        self._expect_ok(answer)
        completion = completion_of(answer.body)
        if completion.broken:
            raise _Transient(self._sentence("sent an answer that breaks off."))
        if completion.refusal:
            raise ModelRefused(self._sentence(f"declines: {completion.refusal}"))
        return completion

    def _expect_ok(self, answer: _Answer) -> None:
        status, said = answer.status, told(answer.body)
        if status == 200 and completion_of(answer.body).markup:
            raise ModelUnavailable(
                self._sentence("answers with a web page, and not as a model does; look at the address.")
            )
        if status == 200:
            return
        if status in (401, 403):
            raise ModelUnavailable(self._sentence(f"does not take the key ({status}); AGENTS_MODEL_KEY holds it."))
        if status == 402 or (status == 429 and "insufficient_quota" in said):
            raise ModelUnavailable(self._sentence(f"has no credit left for this key ({status})."))
        if status == 404:
            raise ModelUnavailable(self._sentence(f"knows no model {self.place.model!r} at this address (404)."))
        if status in _TRANSIENT:
            raise _Transient(self._sentence(f"answered {status}: {said}"), after=self._retry_after(answer))
        if 300 <= status < 400:
            raise ModelUnavailable(self._sentence(f"redirects ({status}), which is not followed; give its address."))
        raise ModelUnavailable(self._sentence(f"answered {status}: {said}"))

    def _wait(self, state: RetryCallState, remaining: float) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.after if isinstance(error, _Transient) else None
        if asked is not None and asked > min(self.patience.longest_wait, remaining):
            raise ModelUnavailable(f"{error} It asks to come back in {asked:g} seconds, longer than is waited.")
        if asked is not None:
            return asked
        backoff: float = 0.5 * 2 ** (state.attempt_number - 1) * (0.5 + random.random())  # noqa: S311 - jitter
        return max(0.0, min(self.patience.longest_wait, backoff, remaining))

    def _retry_after(self, answer: _Answer) -> float | None:
        value = answer.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,9}(?:\.\d+)?", value):
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - self.now()).total_seconds()) if value else None
        except (ValueError, TypeError):
            return None

    def _sentence(self, rest: str) -> str:
        """What is wrong with the model, without the key wherever the server repeated it."""
        rest = rest.replace(self.key, "[the key]") if self.key else rest
        return f"The model {self.place.address!r} {rest}"


class _NotReached(_Transient):
    """No connection: nothing was sent."""
