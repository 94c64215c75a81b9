"""Fetches pages of the public web. Every address is checked before anything connects, and again on every redirect.

The host is resolved once; all its addresses must be public, and the connection goes to one that was checked, so that a
second answer of the name server changes nothing. Cookies, proxies of the environment and automatic redirects are off.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_after_delay

from agents.errors import AddressRefused, FetchError, FetchFailed, RobotsDisallow
from agents.ports import Page
from agents.web.addresses import Target, parse, refusal
from agents.web.bodies import read_body
from agents.web.robots import MAX_BYTES, Answer, Robots
from agents.web.visits import Visits

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

AGENT = "Countersign"
MEDIA_TYPES = frozenset(
    {"text/html", "application/xhtml+xml", "application/xml", "text/xml", "text/plain", "application/json"}
)
_TRANSIENT_STATUS = frozenset({429, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Limits:
    """What one fetch may take."""

    seconds: float = 20.0
    connect_seconds: float = 5.0
    wire_bytes: int = 4 * 1024 * 1024
    body_bytes: int = 8 * 1024 * 1024
    redirects: int = 5
    attempts: int = 3
    longest_wait: float = 5.0
    pause: float = 0.25


class _Transient(FetchFailed):
    """The site did not answer this time."""

    def __init__(self, message: str, *, after: float | None = None, **facts: object) -> None:
        super().__init__(message, **facts)
        self.after = after


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: httpx.Headers
    body: bytes
    truncated: bool


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address the system's resolver gives for a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass
class SafeWeb:
    """A `Web` on httpx that reaches public hosts alone, and those named in `allow_hosts`."""

    allow_hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})
    limits: Limits = field(default_factory=Limits)
    resolver: Resolver = resolve
    contact: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ticks: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    tls: ssl.SSLContext | None = None
    visits: Visits | None = None

    def __post_init__(self) -> None:
        self._robots = Robots(AGENT, self._ask_robots, self.ticks)
        self._last: dict[str, float] = {}

    async def fetch(self, address: str) -> Page:
        """The page at this address.

        Raises:
            AddressRefused: the address, or one it redirects to, is private, local or disguised.
            RobotsDisallow: the site asks not to be read there.
            FetchFailed: no answer, or none that is a page.
        """
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._follow(address)
        except TimeoutError:
            raise FetchFailed(
                f"{address} did not answer in full within {self.limits.seconds:g} seconds.", address=address
            ) from None

    async def _follow(self, address: str) -> Page:
        target = self._parse(address)
        visited = {target.address}
        for _ in range(self.limits.redirects + 1):
            if not await self._robots.allow(target.origin, target.address):
                raise RobotsDisallow(
                    f"{target.origin} asks robots not to read {target.address}, or its robots.txt cannot be read now.",
                    address=target.address,
                )
            response = await self._patiently(target)
            if response.status not in _REDIRECTS:
                return self._page(target, response)
            target = self._next(target, response.headers.get("location", ""))
            if target.address in visited:
                raise FetchFailed(f"{address} redirects in a circle, by {target.address}.", address=address)
            visited.add(target.address)
        raise FetchFailed(f"{address} redirects more than {self.limits.redirects} times.", address=address)

    def _parse(self, address: str) -> Target:
        return parse(address, ports=self.ports, allow_hosts=self.allow_hosts)

    def _next(self, target: Target, location: str) -> Target:
        if not location:
            raise FetchFailed(f"{target.address} redirects without saying where to.", address=target.address)
        try:
            following = self._parse(urljoin(target.address, location))
        except AddressRefused as error:
            raise AddressRefused(
                f"{target.address} redirects to an address that is not fetched. {error}", address=target.address
            ) from error
        if target.scheme == "https" and following.scheme == "http":
            raise AddressRefused(
                f"{target.address} redirects from https to {following.address}, which is not followed.",
                address=target.address,
            )
        return following

    def _page(self, target: Target, response: _Response) -> Page:
        if response.status == 304 and self.visits is not None:
            empty = Page(address=target.address, body=b"", media_type="text/html", fetched_at=self.now())
            if (page := self.visits.unchanged(target.address, empty)) is not None:
                return page
        if response.status != 200:
            raise FetchFailed(
                f"{target.address} answered {response.status} instead of a page.",
                address=target.address,
                status=response.status,
            )
        header = httpx.Headers({"content-type": response.headers.get("content-type", "")})["content-type"]
        media_type, _, rest = header.partition(";")
        media_type = media_type.strip().lower()
        if not media_type and response.body.lstrip()[:200].lower().startswith(
            (b"<!doctype", b"<html", b"<head", b"<body")
        ):
            media_type = "text/html"
        if media_type not in MEDIA_TYPES:
            raise FetchFailed(
                f"{target.address} is {media_type or 'of no stated type'}, not a web page.",
                address=target.address,
                media_type=media_type,
            )
        charset = next(
            (
                part.partition("=")[2].strip(" \"'")
                for part in rest.split(";")
                if part.strip().lower().startswith("charset=")
            ),
            None,
        )
        page = Page(
            address=target.address,
            body=response.body,
            media_type=media_type,
            charset=charset or None,
            fetched_at=self.now(),
            truncated=response.truncated,
        )
        if self.visits is not None:
            validators = (response.headers.get(name, "") for name in ("etag", "last-modified"))
            self.visits.note(page, etag=next(validators), last_modified=next(validators))
        return page

    # -- one address -----------------------------------------------------------------------------------------------

    async def _patiently(self, target: Target) -> _Response:
        """One address, asked again where the failure is a passing one."""
        addresses = await self._checked(target)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self.limits.attempts) | stop_after_delay(self.limits.seconds),
            wait=self._wait,
            sleep=self.sleep,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                number = attempt.retry_state.attempt_number
                await self._politely(target)
                response = await self._once(target, addresses[(number - 1) % len(addresses)])
                if response.status in _TRANSIENT_STATUS:
                    raise _Transient(
                        f"{target.address} answered {response.status} instead of a page.",
                        after=self._retry_after(response), address=target.address, status=response.status,
                    )  # fmt: skip
                return response
        raise FetchFailed(
            f"{target.address} was not fetched.", address=target.address
        )  # pragma: no cover - reraise is set

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.after if isinstance(error, _Transient) else None
        if asked is not None:
            if asked > self.limits.longest_wait:
                raise FetchFailed(f"{error} It asks to come back in {asked:g} seconds, longer than is waited.")
            return float(asked)
        backoff: float = 0.3 * 2 ** (state.attempt_number - 1)
        return min(self.limits.longest_wait, backoff * (0.5 + random.random()))  # noqa: S311 - jitter, no secret

    def _retry_after(self, response: _Response) -> float | None:
        value = response.headers.get("retry-after", "").strip()
        if value.isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - self.now()).total_seconds()) if value else None
        except (ValueError, TypeError):
            return None

    async def _politely(self, target: Target) -> None:
        """One request at a time and host, with a pause between two."""
        pause = self.limits.pause
        last = self._last.get(target.origin)
        if last is not None and (rest := last + pause - self.ticks()) > 0:
            await self.sleep(rest)
        self._last[target.origin] = self.ticks()

    async def _checked(self, target: Target) -> list[str]:
        """The host's addresses, if every one of them may be connected to."""
        try:
            addresses = list(await self.resolver(target.host, target.port))
        except OSError as error:
            raise FetchFailed(
                f"{target.host} has no address: {error.strerror or error}.", address=target.address
            ) from error
        if not addresses:
            raise FetchFailed(f"{target.host} has no address.", address=target.address)
        if not target.allowed:
            for address in addresses:
                if (why := refusal(address)) is not None:
                    raise AddressRefused(
                        f"{target.address} is not fetched: {target.host} leads to {address}, {why}.",
                        address=target.address,
                    )
        return sorted(addresses, key=lambda address: ":" in address)

    async def _once(self, target: Target, ip: str, *, robots: bool = False) -> _Response:
        url = httpx.URL(target.address).copy_with(host=ip)
        host = httpx.URL(target.address).netloc.decode("ascii")
        headers = {
            "Host": host, "User-Agent": f"{AGENT}/0.1 (research agent{'; ' + self.contact if self.contact else ''})",
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,text/plain;q=0.8,application/json;q=0.5",
            "Accept-Encoding": "gzip", "Connection": "close",
        }  # fmt: skip
        if self.visits is not None and not robots:
            headers |= self.visits.conditions(target.address)
        timeout = httpx.Timeout(self.limits.seconds, connect=self.limits.connect_seconds)
        # Connections are never reused: two hosts behind one IP address must not share one's TLS session.
        pool = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        try:
            async with httpx.AsyncClient(
                verify=self._context() if target.scheme == "https" else False,
                trust_env=False,
                follow_redirects=False,
                timeout=timeout,
                limits=pool,
                headers={},
            ) as client:
                request = client.build_request("GET", url, headers=headers, extensions={"sni_hostname": target.host})
                response = await client.send(request, stream=True)
                try:
                    if response.status_code in _REDIRECTS or response.status_code in _TRANSIENT_STATUS:
                        return _Response(response.status_code, response.headers, b"", truncated=False)
                    body, cut = await read_body(
                        response.aiter_raw(65_536), encoding=response.headers.get("content-encoding", ""),
                        wire=MAX_BYTES if robots else self.limits.wire_bytes,
                        unpacked=MAX_BYTES if robots else self.limits.body_bytes, address=target.address,
                    )  # fmt: skip
                    return _Response(response.status_code, response.headers, body, cut)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.RemoteProtocolError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise FetchFailed(
                    f"{target.host} shows a certificate that does not hold for it.", address=target.address
                ) from error
            raise _Transient(
                f"{target.address} did not answer: {str(error) or type(error).__name__}.", address=target.address
            ) from error
        except httpx.HTTPError as error:
            raise FetchFailed(
                f"{target.address} could not be read: {str(error) or type(error).__name__}.", address=target.address
            ) from error

    def _context(self) -> ssl.SSLContext:
        if self.tls is None:
            self.tls = ssl.create_default_context()
        return self.tls

    async def _ask_robots(self, address: str) -> Answer:
        """robots.txt with its redirects; status 0 where it cannot be had."""
        try:
            target = self._parse(address)
            for _ in range(self.limits.redirects + 1):
                addresses = await self._checked(target)
                response = await self._once(target, addresses[0], robots=True)
                if response.status not in _REDIRECTS:
                    return Answer(response.status, response.body)
                target = self._next(target, response.headers.get("location", ""))
        except AddressRefused:
            raise
        except FetchError:
            return Answer(0)
        return Answer(0)
