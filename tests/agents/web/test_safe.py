"""The fetcher against real servers on loopback, reached through the list of allowed hosts."""

from __future__ import annotations

import gzip
import http.server
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.errors import AddressRefused, FetchFailed, RobotsDisallow
from agents.web.safe import Limits, SafeWeb
from agents.web.snapshots import MemorySnapshots
from agents.web.visits import Visits

PAGE = b"<!doctype html><title>Halden</title><p>Halden Freight"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Site:
    """A server of canned answers that counts what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@pytest.fixture
def site() -> Iterator[Site]:
    yield from _serve(Site())


def _serve(site: Site, context: ssl.SSLContext | None = None) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            answer = site.answers.get(self.path, (404, {}, b""))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer):
                answer(self)
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that refuses a certificate or a body hangs up; that is what is tested

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def _loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def _web(**options: Any) -> SafeWeb:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    options.setdefault("limits", Limits(seconds=5, pause=0))
    web = SafeWeb(
        allow_hosts=frozenset({"site.test", "other.test"}), resolver=_loopback, now=lambda: NOW, sleep=sleep, **options
    )
    web.waits = waits  # type: ignore[attr-defined]
    return web


async def test_a_page_comes_with_its_charset_and_the_host_it_was_asked_of(site: Site) -> None:
    site.answers["/about"] = (200, {"Content-Type": 'Text/HTML; Charset="ISO-8859-1"'}, PAGE)

    page = await _web().fetch(f"http://site.test:{site.port}/about")

    assert (page.body, page.media_type, page.charset, page.truncated) == (PAGE, "text/html", "ISO-8859-1", False)
    assert page.address == f"http://site.test:{site.port}/about"
    assert page.fetched_at == NOW
    assert site.asked[-1][1]["Host"] == f"site.test:{site.port}"
    assert "Cookie" not in site.asked[-1][1]


async def test_a_private_host_is_refused_unless_it_is_on_the_list(site: Site) -> None:
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await SafeWeb(resolver=_loopback, ports=frozenset({site.port})).fetch(f"http://site.example:{site.port}/")

    assert site.asked == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34", "10.0.0.7"]

    with pytest.raises(AddressRefused, match=r"10\.0\.0\.7"):
        await SafeWeb(resolver=both).fetch("https://site.example/")


async def test_a_resolver_that_changes_its_answer_cannot_move_the_connection() -> None:
    """The second answer is never asked for within one connection; asked for again, it is checked again."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked) - 1, 1)]

    web = SafeWeb(resolver=rebinding)
    web._robots = _Open()  # type: ignore[assignment]
    target = web._parse("http://site.example/")

    checked = await web._checked(target)

    assert checked == ["93.184.216.34"]
    assert asked == ["site.example"]
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await web.fetch("http://site.example/")


class _Open:
    async def allow(self, origin: str, address: str) -> bool:
        return True


async def test_the_connection_goes_to_the_address_that_was_checked(site: Site) -> None:
    site.answers["/"] = (200, {}, PAGE)
    asked: list[str] = []

    async def once(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    web = SafeWeb(allow_hosts=frozenset({"no-such-name.test"}), resolver=once, limits=Limits(pause=0))

    page = await web.fetch(f"http://no-such-name.test:{site.port}/")

    assert page.body == PAGE  # the system's resolver knows no such name: it was not asked
    assert set(asked) == {"no-such-name.test"}


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "//10.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "http://2852039166/",
        "http://u:p@site.test/",
    ],
)
async def test_a_redirect_to_what_must_not_be_reached_is_refused(site: Site, location: str) -> None:
    site.answers["/"] = (302, {"Location": location}, b"")

    with pytest.raises(AddressRefused):
        await _web().fetch(f"http://site.test:{site.port}/")

    assert site.paths() == ["/robots.txt", "/"]


async def test_a_redirect_to_another_allowed_host_is_followed_and_named(site: Site) -> None:
    site.answers["/"] = (301, {"Location": f"http://other.test:{site.port}/new"}, b"")
    site.answers["/new"] = (200, {}, PAGE)

    page = await _web().fetch(f"http://site.test:{site.port}/")

    assert page.address == f"http://other.test:{site.port}/new"
    assert site.asked[-1][1]["Host"] == f"other.test:{site.port}"


async def test_a_circle_of_redirects_ends(site: Site) -> None:
    site.answers["/a"] = (302, {"Location": "/b"}, b"")
    site.answers["/b"] = (302, {"Location": "/a"}, b"")

    with pytest.raises(FetchFailed, match="circle"):
        await _web().fetch(f"http://site.test:{site.port}/a")


async def test_at_most_five_redirects_are_followed(site: Site) -> None:
    for number in range(9):
        site.answers[f"/{number}"] = (302, {"Location": f"/{number + 1}"}, b"")

    with pytest.raises(FetchFailed, match="more than 5 times"):
        await _web().fetch(f"http://site.test:{site.port}/0")

    assert site.paths() == ["/robots.txt", "/0", "/1", "/2", "/3", "/4", "/5"]


async def test_a_gzip_page_is_unpacked(site: Site) -> None:
    site.answers["/"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(PAGE))

    page = await _web().fetch(f"http://site.test:{site.port}/")

    assert (page.body, page.truncated) == (PAGE, False)


async def test_a_gzip_bomb_is_not_unpacked(site: Site) -> None:
    bomb = gzip.compress(b"0" * 64_000_000)
    site.answers["/"] = (200, {"Content-Encoding": "gzip"}, bomb)
    started = time.monotonic()

    with pytest.raises(FetchFailed, match="unpacks to more than"):
        await _web(limits=Limits(seconds=10, pause=0, body_bytes=1_000_000)).fetch(f"http://site.test:{site.port}/")

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("encoding", "body"), [("br", b"\x00"), ("deflate", b"\x00"), ("gzip", b"not gzip at all"), ("gzip, gzip", b"")]
)
async def test_an_encoding_that_was_not_asked_for_is_refused(site: Site, encoding: str, body: bytes) -> None:
    site.answers["/"] = (200, {"Content-Encoding": encoding}, body)

    with pytest.raises(FetchFailed):
        await _web().fetch(f"http://site.test:{site.port}/")


async def test_a_page_over_the_limit_is_cut_and_says_so(site: Site) -> None:
    site.answers["/"] = (200, {}, PAGE + b"x" * 500_000)

    page = await _web(limits=Limits(pause=0, body_bytes=1000)).fetch(f"http://site.test:{site.port}/")

    assert page.truncated
    assert len(page.body) == 1000


async def test_a_body_that_drips_is_given_up_on(site: Site) -> None:
    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b"<p>")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    site.answers["/"] = drip
    started = time.monotonic()

    with pytest.raises(FetchFailed, match=r"within 0\.5 seconds"):
        await _web(limits=Limits(seconds=0.5, pause=0)).fetch(f"http://site.test:{site.port}/")

    assert time.monotonic() - started < 3


@pytest.mark.parametrize("media_type", ["application/pdf", "image/png", "application/octet-stream", "text/css"])
async def test_what_is_no_page_is_refused(site: Site, media_type: str) -> None:
    site.answers["/"] = (200, {"Content-Type": media_type}, b"%PDF-1.7")

    with pytest.raises(FetchFailed, match=media_type):
        await _web().fetch(f"http://site.test:{site.port}/")


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500])
async def test_an_error_of_the_site_is_named_and_not_asked_for_again(site: Site, status: int) -> None:
    site.answers["/"] = (status, {}, b"<p>no")

    with pytest.raises(FetchFailed, match=str(status)):
        await _web().fetch(f"http://site.test:{site.port}/")

    assert site.paths().count("/") == 1


async def test_a_passing_failure_is_asked_again_after_the_time_the_site_names(site: Site) -> None:
    site.answers["/"] = [
        (503, {"Retry-After": "3"}, b""),
        (429, {"Retry-After": (NOW + timedelta(seconds=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")}, b""),
        (200, {}, PAGE),
    ]
    web = _web()

    page = await web.fetch(f"http://site.test:{site.port}/")

    assert page.body == PAGE
    assert web.waits == [3.0, 2.0]  # type: ignore[attr-defined]


async def test_a_site_that_asks_for_a_long_pause_is_left_alone(site: Site) -> None:
    site.answers["/"] = (429, {"Retry-After": "3600"}, b"")

    with pytest.raises(FetchFailed, match="3600 seconds"):
        await _web().fetch(f"http://site.test:{site.port}/")

    assert site.paths().count("/") == 1


async def test_attempts_are_counted(site: Site) -> None:
    site.answers["/"] = (502, {}, b"")

    with pytest.raises(FetchFailed, match="502"):
        await _web().fetch(f"http://site.test:{site.port}/")

    assert site.paths().count("/") == 3


async def test_robots_are_obeyed_and_read_once(site: Site) -> None:
    site.answers["/robots.txt"] = (
        200,
        {"Content-Type": "text/plain"},
        b"User-agent: *\nDisallow: /private/\nAllow: /private/open\n",
    )
    site.answers["/"] = site.answers["/private/open"] = (200, {}, PAGE)
    web = _web()

    await web.fetch(f"http://site.test:{site.port}/")
    await web.fetch(f"http://site.test:{site.port}/private/open")
    with pytest.raises(RobotsDisallow):
        await web.fetch(f"http://site.test:{site.port}/private/x")

    assert site.paths() == ["/robots.txt", "/", "/private/open"]


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False), (503, False)])
async def test_no_robots_file_allows_and_a_failing_server_does_not(site: Site, status: int, allowed: bool) -> None:
    site.answers["/robots.txt"] = (status, {}, b"")
    site.answers["/"] = (200, {}, PAGE)

    if allowed:
        assert (await _web().fetch(f"http://site.test:{site.port}/")).body == PAGE
    else:
        with pytest.raises(RobotsDisallow):
            await _web().fetch(f"http://site.test:{site.port}/")
        assert "/" not in site.paths()


async def test_a_redirect_into_what_robots_disallow_is_not_followed(site: Site) -> None:
    site.answers["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: Countersign\nDisallow: /hidden\n")
    site.answers["/"] = (302, {"Location": "/hidden"}, b"")

    with pytest.raises(RobotsDisallow):
        await _web().fetch(f"http://site.test:{site.port}/")

    assert "/hidden" not in site.paths()


async def test_proxies_of_the_environment_are_ignored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    site.answers["/"] = (200, {}, PAGE)

    assert (await _web().fetch(f"http://site.test:{site.port}/")).body == PAGE


async def test_two_requests_to_one_host_keep_a_pause(site: Site) -> None:
    site.answers["/"] = site.answers["/2"] = (200, {}, PAGE)
    web = _web(limits=Limits(pause=2), ticks=lambda: 100.0)

    await web.fetch(f"http://site.test:{site.port}/")
    await web.fetch(f"http://site.test:{site.port}/2")

    assert web.waits == [2.0]  # type: ignore[attr-defined]


async def test_a_certificate_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    ours, trust = _certificate(tmp_path, "site.test")
    for site in _serve(Site(answers={"/": (200, {}, PAGE)}), ours):
        web = _web(tls=trust)

        assert (await web.fetch(f"https://site.test:{site.port}/")).body == PAGE
        web._robots = _Open()  # type: ignore[assignment]
        with pytest.raises(FetchFailed, match="certificate"):
            await web.fetch(f"https://other.test:{site.port}/")


async def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path) -> None:
    ours, trust = _certificate(tmp_path, "site.test")
    for site in _serve(Site(answers={"/": (302, {"Location": "http://site.test:80/"}, b"")}), ours):
        with pytest.raises(AddressRefused, match="https to http"):
            await _web(tls=trust).fetch(f"https://site.test:{site.port}/")


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for this name alone, and a client's that trusts it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "site.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(pem)
    return ours, ssl.create_default_context(cafile=str(pem))


# -- pages that were read before ---------------------------------------------------------------------------------


async def test_an_unchanged_page_is_not_sent_again_and_is_read_as_it_was(site: Site, tmp_path: Path) -> None:
    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        known = to.headers.get("If-None-Match") == '"v1"'
        to.send_response(304 if known else 200)
        to.send_header("ETag", '"v1"')
        if not known:
            to.send_header("Content-Type", "text/html; charset=utf-8")
            to.send_header("Content-Length", str(len(PAGE)))
        to.end_headers()
        to.wfile.write(b"" if known else PAGE)

    site.answers["/"] = answer
    snapshots = MemorySnapshots()
    address = f"http://site.test:{site.port}/"

    def web() -> SafeWeb:
        return _web(ports=frozenset({site.port}), visits=Visits(tmp_path, snapshots))

    first, second = await web().fetch(address), await web().fetch(address)

    assert second == first
    assert [headers.get("If-None-Match") for path, headers in site.asked if path == "/"] == [None, '"v1"']
    # Erased bytes are fetched anew, and a note is no page.
    third = await _web(ports=frozenset({site.port}), visits=Visits(tmp_path, MemorySnapshots())).fetch(address)
    assert third.body == PAGE
    assert "If-None-Match" not in site.asked[-1][1]


async def test_a_site_that_says_unchanged_of_what_nobody_has_gave_no_page(site: Site, tmp_path: Path) -> None:
    site.answers["/"] = (304, {}, b"")

    with pytest.raises(FetchFailed, match="answered 304"):
        await _web(ports=frozenset({site.port}), visits=Visits(tmp_path, MemorySnapshots())).fetch(
            f"http://site.test:{site.port}/"
        )


async def test_only_whole_pages_with_a_proper_name_are_noted(site: Site, tmp_path: Path) -> None:
    site.answers["/unnamed"] = (200, {}, PAGE)
    site.answers["/odd"] = (200, {"ETag": '"' + "x" * 5_000 + '"'}, PAGE)
    web = _web(ports=frozenset({site.port}), visits=Visits(tmp_path, MemorySnapshots()))

    for path in ("/unnamed", "/odd"):
        await web.fetch(f"http://site.test:{site.port}{path}")

    assert list(tmp_path.rglob("*.json")) == []
