"""Every other vendor, through pydantic-ai: an extra that is installed apart, and imported when a draft is asked for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from agents.errors import AgentError, ModelRefused, ModelUnavailable
from agents.providers.completions import Completion, short
from agents.providers.endpoint import Message
from agents.providers.metering import Meter, Usage

_SECONDS = 180.0
_TOKENS = 6_000


class Vendor(NamedTuple):
    """A model as pydantic-ai calls it, such as `anthropic:claude-sonnet-4-5`."""

    named: str

    @property
    def address(self) -> str:
        """How it is addressed; stands on every draft it writes."""
        return f"pydantic-ai:{self.named}"

    @property
    def model(self) -> str:
        """The model's own name, as a price table has it."""
        return self.named.partition(":")[2]

    @property
    def served_by(self) -> str:
        """The vendor; the `host` of a price table."""
        return self.named.partition(":")[0]


class VendorEndpoint:
    """Asks a vendor's model through pydantic-ai. The key is the vendor's own variable, such as `ANTHROPIC_API_KEY`."""

    def __init__(self, address: str, model: Any = None, *, seconds: float = _SECONDS) -> None:
        """
        Args:
            address: `pydantic-ai:VENDOR:MODEL`.
            model: A model of pydantic-ai's to ask instead of the one of that name.
            seconds: How long one answer may take.

        Raises:
            AgentError: the address names no vendor or model, or the extra is not installed.
        """
        self.place = Vendor(address.partition(":")[2])
        if ":" not in self.place.named or not self.place.model or not self.place.served_by:
            raise AgentError(f"AGENTS_MODEL names no vendor and model: {address!r}. Write pydantic-ai:VENDOR:MODEL.")
        try:
            import pydantic_ai  # noqa: F401 - whether it is there
        except ImportError as missing:
            raise AgentError(
                f"{address!r} needs pydantic-ai, which is not installed. Install the extra 'pydantic-ai' of "
                "countersign, or use openai:MODEL@BASE_URL, which needs nothing."
            ) from missing
        self._model = model if model is not None else self.place.named
        self._seconds = seconds

    async def models(self) -> tuple[str, ...] | None:
        """Not listed: whether it answers is found out by asking it, which costs."""
        return None

    async def complete(self, messages: Sequence[Message], schema: dict[str, Any], meter: Meter) -> Completion:
        """What the model writes on these messages; the schema stands in them.

        Raises:
            ModelUnavailable: no answer, no key, or none that the vendor takes.
            ModelRefused: the vendor declines.
            BudgetSpent: the call could cost more than is allowed.
        """
        from pydantic_ai import exceptions
        from pydantic_ai.direct import model_request

        request = json.dumps(list(messages), ensure_ascii=False).encode("utf-8")
        entry = meter.enter(request, _TOKENS)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                response = await model_request(self._model, _asked(messages), model_settings={"max_tokens": _TOKENS})
        except exceptions.UserError as error:
            meter.refused(entry)
            raise ModelUnavailable(self._sentence(f"is not set up: {short(str(error))}")) from error
        except TimeoutError as error:
            meter.lost(entry)
            raise ModelUnavailable(
                self._sentence(f"did not answer within {self._seconds:.3g} seconds."), passing=True
            ) from error
        except exceptions.ContentFilterError as error:
            meter.lost(entry)
            raise ModelRefused(self._sentence(f"declines: {short(str(error))}")) from error
        except exceptions.ModelHTTPError as error:
            meter.refused(entry)
            passing = error.status_code in (408, 409, 425, 429) or error.status_code >= 500
            raise ModelUnavailable(
                self._sentence(f"answered {error.status_code}: {short(str(error))}"), passing=passing
            ) from error
        except exceptions.AgentRunError as error:
            meter.lost(entry)
            raise ModelUnavailable(self._sentence(f"gave no answer: {short(str(error))}"), passing=True) from error
        except BaseException:
            meter.lost(entry)
            raise
        text, usage = response.text or "", _usage(response.usage)
        meter.answered(entry, usage, text.encode("utf-8"), time.monotonic() - began)
        if response.finish_reason == "content_filter":
            raise ModelRefused(self._sentence("declines: its content filter stopped the answer."))
        return Completion(text=text, cut=response.finish_reason == "length", usage=usage)

    def _sentence(self, rest: str) -> str:
        return f"The model {self.place.address!r} {rest}"


def _asked(messages: Sequence[Message]) -> list[Any]:
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    asked: list[Any] = []
    for message in messages:
        words = message["content"]
        match message["role"]:
            case "system":
                asked.append(ModelRequest(parts=[SystemPromptPart(content=words)]))
            case "assistant":
                asked.append(ModelResponse(parts=[TextPart(content=words)]))
            case _:
                asked.append(ModelRequest(parts=[UserPromptPart(content=words)]))
    return asked


def _usage(usage: Any) -> Usage | None:
    asked, written = usage.input_tokens, usage.output_tokens
    return Usage(asked, written) if asked or written else None
