"""The gate of a run whose queue is on another machine: what `Gatekeeper` offers, over REST.

Every call may be repeated, and is, while the queue does not answer: for `patience` seconds where something hangs on it,
a few where it is only a note that lapses by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr, TypeAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential

from approvals.decisions import Actor, PermitSlip
from approvals.errors import (
    ApprovalError,
    FieldError,
    NotFound,
    OutOfScope,
    QueueUnavailable,
    RunsUnavailable,
    StoreUnavailable,
)
from approvals.permits import Grant, Permit, Used
from approvals.ports import Answer
from approvals.refusals import refusal_of
from approvals.requests import Proposed, Request

PREFIX = "/api/v1/gate/runs"

_TRIES = 500
_MOST_BYTES = 5 * 1024 * 1024
"""That a queue takes in one body (approvals/web/app.py)."""
_NOTE_SECONDS = 3.0
"""How long a note is tried that lapses by itself, or is written again in a moment."""

_GRANTED: TypeAdapter[Grant | Used] = TypeAdapter(Grant | Used)
_REQUESTS: TypeAdapter[tuple[Request, ...]] = TypeAdapter(tuple[Request, ...])

log = logging.getLogger(__name__)


class _NotNow(Exception):
    """The queue, or what it needs, does not answer now."""


class _Silent(_NotNow):
    """Nothing answers at this address."""


class Queue:
    """A queue on another machine, at one address or at those of its replicas; one for all threads of a process."""

    def __init__(
        self,
        addresses: Sequence[str],
        token: SecretStr,
        *,
        patience: float = 300.0,
        page: Callable[[str], bytes | None] = lambda _: None,
        transport: httpx.BaseTransport | None = None,
        wait: float = 5.0,
    ) -> None:
        """
        Args:
            addresses: Of replicas; where one does not answer the next is asked.
            patience: Seconds after which a queue that does not answer is given up.
            page: What was read here, by its sha256; handed in with the request that cites it.
            wait: The longest pause between two tries, in seconds.
        """
        self._addresses = list(addresses)
        self._patience = patience
        self._wait = wait
        self.page = page
        self._handed_in: set[str] = set()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token.get_secret_value()}", "Accept": "application/json"},
            timeout=httpx.Timeout(60.0, connect=5.0),
            transport=transport,
        )

    def gate(self, run: str) -> RemoteGate:
        """The gate of one run."""
        return RemoteGate(self, run)

    def greet(self) -> str:
        """Ask every address who this token is; tells the work pool whose runs it speaks for.

        Raises:
            OutOfScope: it speaks for none. QueueUnavailable: an address does not answer, and is named.
        """
        pool = ""
        for address in sorted(self._addresses):
            try:
                told = self._asked("GET", address, "/api/v1/me", timeout=_NOTE_SECONDS).json()
            except _NotNow as trouble:
                raise QueueUnavailable(f"The queue does not answer ({trouble}). Is it running there?") from trouble
            if told.get("kind") != "worker" or "gate" not in told.get("scopes", ()):
                raise OutOfScope(
                    f"At {address} this token is not a worker's with the scope 'gate'. Make one with "
                    "`countersign token create POOL --kind worker --scope gate`."
                )
            pool = str(told.get("id"))
        return pool

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def hand_in(self, run: str, digests: Iterable[str]) -> None:
        """Give the queue those of these pages that are here, each once in this process."""
        for sha256 in dict.fromkeys(digests):
            if sha256 in self._handed_in:
                continue
            body = self.page(sha256)
            if body is not None and len(body) > _MOST_BYTES:
                log.warning("The page %s is too large to hand in, so its quotes cannot be looked up there.", sha256)
            elif body is not None:
                headers = {"Content-Type": "application/octet-stream"}
                self.call("PUT", run, f"pages/{sha256}", content=body, headers=headers)
            self._handed_in.add(sha256)

    def call(self, method: str, run: str, path: str, *, patience: float | None = None, **terms: Any) -> httpx.Response:
        """What the queue answers; repeated while it does not.

        Raises:
            ApprovalError: what the queue refused with, as if it had been raised here.
            QueueUnavailable: it did not answer for `patience` seconds.
        """
        limit = self._patience if patience is None else patience
        if patience is not None:
            terms["timeout"] = patience  # a note must not be waited for either
        tries = Retrying(
            retry=retry_if_exception_type(_NotNow),
            stop=stop_after_delay(limit) | stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.1, max=self._wait),
            reraise=True,
        )
        try:
            return tries(self._once, method, f"{PREFIX}/{quote(run, safe='')}/{path}", **terms)
        except _NotNow as last:
            raise QueueUnavailable(
                f"The queue at {' and '.join(self._addresses)} did not answer for {limit:g} s ({last}). "
                "Is it running, and is APPROVALS_QUEUE_URL its address?"
            ) from last

    def _once(self, method: str, path: str, **terms: Any) -> httpx.Response:
        address = self._addresses[0]
        try:
            return self._asked(method, address, path, **terms)
        except _Silent:
            # The next try asks the next replica.
            self._addresses = [*(one for one in self._addresses if one != address), address]
            raise

    def _asked(self, method: str, address: str, path: str, **terms: Any) -> httpx.Response:
        try:
            response = self._client.request(method, address + path, **terms)
        except httpx.TransportError as error:
            raise _Silent(f"{address}: {str(error) or type(error).__name__}") from error
        if response.is_success or response.status_code == 304:
            return response
        refusal = _refusal(response)
        if isinstance(refusal, StoreUnavailable | RunsUnavailable | QueueUnavailable):
            raise _NotNow(str(refusal)) from refusal
        raise refusal


def _refusal(response: httpx.Response) -> ApprovalError:
    """What the queue, or whatever stands before it, refused with."""
    try:
        told = response.json()
        name, detail = str(told["type"]), str(told["detail"])
        wrong = [FieldError(str(one["path"]), str(one["message"])) for one in told.get("errors") or ()]
    except (ValueError, KeyError, TypeError, AttributeError):
        name, detail, told, wrong = "", "", {}, []
    if not name or name.endswith(":failure"):
        # A proxy's own page, or a failure that says nothing of the call.
        if response.status_code >= 500 or response.status_code == 429:
            return QueueUnavailable(f"HTTP {response.status_code}")
        return ApprovalError(f"The queue answered {response.status_code} to {response.request.url.path}: {detail}")
    seconds = response.headers.get("Retry-After", "0")
    return refusal_of(
        name, detail, wrong=wrong, claims=told.get("claims") or (), seconds=int(seconds) if seconds.isdigit() else 0
    )


class RemoteGate:
    """`GateSide` for one run. Who asks, and on whose behalf, the queue finds out itself; the arguments are not sent."""

    def __init__(self, queue: Queue, run: str) -> None:
        self._queue = queue
        self._run = run
        self.effects = RemoteEffects(queue, run)
        self._seen: dict[str, tuple[str, Request]] = {}
        self._ahead = timedelta()
        self._turn = threading.Lock()

    # -- opening -------------------------------------------------------------------------------------------------

    def enter(self, run: str, policies: Iterable[str], requester: str) -> None:
        """See `Gatekeeper.enter`."""
        self._call("POST", "enter", json={"policies": list(policies)})

    def open(self, proposed: Proposed, by: Actor) -> Request:
        """See `Gatekeeper.open`; what the draft was read from is handed in before it."""
        cited = [source.model_dump() for source in proposed.evidence.sources]
        digests = [str(one[name]) for one in cited for name in ("sha256", "text_sha256") if one.get(name)]
        self._queue.hand_in(self._run, digests)
        body = proposed.model_dump_json()
        return self._request(self._call("POST", "requests", content=body, headers=_JSON))

    def of_key(self, run: str, gate: str, key: str) -> tuple[Request, ...]:
        """See `Gatekeeper.of_key`."""
        return _REQUESTS.validate_json(self._call("GET", "requests", params={"gate": gate, "key": key}).content)

    def get(self, request_id: str) -> Request:
        """See `Gatekeeper.get`; what has not changed is not sent again."""
        with self._turn:
            known = self._seen.get(request_id)
        headers = {"If-None-Match": known[0]} if known else None
        response = self._call("GET", f"requests/{quote(request_id, safe='')}", headers=headers)
        if told := response.headers.get("X-Countersign-Time"):
            self._ahead = datetime.fromisoformat(told) - datetime.now(UTC)
        if response.status_code == 304 and known:
            return known[1]
        found = self._request(response)
        with self._turn:
            self._seen[request_id] = (response.headers.get("ETag", ""), found)
        return found

    def counts(self, request: Request) -> bool:
        """See `Gatekeeper.counts`; by the queue's clock, as it was when it last answered."""
        return request.answered(datetime.now(UTC) + self._ahead)

    # -- waiting -------------------------------------------------------------------------------------------------

    def suspending(self, request_id: str) -> int | None:
        """See `Gatekeeper.suspending`."""
        attempt: int | None = self._call("POST", f"requests/{request_id}/suspension").json()["attempt"]
        return attempt

    def keep_alive(self, run: str, holder: str, seconds: float) -> int:
        """See `Gatekeeper.keep_alive`."""
        body = {"holder": holder, "seconds": seconds}
        return int(self._call("PUT", "lease", json=body, patience=_NOTE_SECONDS).json()["requests"])

    def rest(self, run: str, holder: str) -> None:
        """See `Gatekeeper.rest`."""
        self._call("DELETE", "lease", params={"holder": holder}, patience=_NOTE_SECONDS)

    def woken(self, request_id: str, by: Actor) -> None:
        """See `Gatekeeper.woken`."""
        self._call("POST", f"requests/{request_id}/waking")

    # -- taking up -----------------------------------------------------------------------------------------------

    def take_up(self, request_id: str, run: str, by: Actor, *, mint: bool = True) -> Answer | None:
        """See `Gatekeeper.take_up`."""
        told = self._call("POST", f"requests/{request_id}/answer", json={"mint": mint}).json()
        if told["request"] is None:
            return None
        permit = told["permit"]
        return Answer(Request.model_validate(told["request"]), permit and Permit.model_validate(permit))

    def _call(self, method: str, path: str, **terms: Any) -> httpx.Response:
        return self._queue.call(method, self._run, path, **terms)

    def _request(self, response: httpx.Response) -> Request:
        return Request.model_validate_json(response.content)


class RemoteEffects:
    """`EffectSide` for one run."""

    def __init__(self, queue: Queue, run: str) -> None:
        self._queue = queue
        self._run = run

    def redeem(
        self, slip: PermitSlip | None, by: Actor, *, action: str, target: str, sha256: str, run: str,
        holder: str, lease: float,
    ) -> Grant | Used:  # fmt: skip
        """See `Effects.redeem`."""
        body = {
            "permit": slip.id if slip else None, "action": action, "target": target, "sha256": sha256,
            "holder": holder, "lease": lease,
        }  # fmt: skip
        return _GRANTED.validate_json(self._queue.call("POST", self._run, "redemptions", json=body).content)

    def keep(self, permit_id: str, fence: int, lease: float) -> bool:
        """See `Effects.keep`."""
        body = {"fence": fence, "lease": lease}
        answer = self._queue.call("PUT", self._run, f"permits/{permit_id}/lease", json=body, patience=_NOTE_SECONDS)
        return bool(answer.json()["held"])

    def settle(self, permit_id: str, fence: int, receipt: object, by: Actor) -> str:
        """See `Effects.settle`."""
        body = {"fence": fence, "receipt": receipt}
        return str(self._queue.call("PUT", self._run, f"permits/{permit_id}/receipt", json=body).json()["receipt"])

    def let_go(self, permit_id: str, fence: int) -> None:
        """See `Effects.let_go`; where the queue does not answer the lease lapses by itself."""
        try:
            terms: dict[str, Any] = {"params": {"fence": fence}, "patience": _NOTE_SECONDS}
            self._queue.call("DELETE", self._run, f"permits/{permit_id}/lease", **terms)
        except (QueueUnavailable, NotFound) as error:
            log.warning("The lease of permit %s was not given back: %s", permit_id, error)


_JSON = {"Content-Type": "application/json"}
