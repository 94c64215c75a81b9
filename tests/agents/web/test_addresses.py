"""One table of every way to point a fetcher at what it must not reach."""

from __future__ import annotations

import pytest

from agents.errors import AddressRefused
from agents.web.addresses import parse, refusal

WEB = frozenset({80, 443})

REFUSED_HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001",
    "127.0.0.1.", "localhost", "LOCALHOST", "foo.localhost",
    "localhost.", "0.0.0.0", "0", "10.0.0.1", "10.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.257",
    "169.254.169.254", "169.254.169.254.", "0xa9fea9fe",
    "2852039166", "169.16689662", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:db8::1]",
    "[fe80::1]", "[fe80::5efe:127.0.0.1]", "[2607:f8b0::200:5efe:10.0.0.1]", "[2607:f8b0::5efe:a9fe:a9fe]", "[fc00::1]",
    "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[100::1]",
    "[3fff::1]", "intranet", "printer.local", "db.internal", "metadata.google.internal", "router.lan", "host.home.arpa",
    "１２７.０.０.１", "127。0。0。1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "%31%32%37.0.0.1", "-bad-.example", "a..b.example", "256.1.1.1", "1.2.3", "1.2.3.4.5",
]  # fmt: skip

REFUSED_ADDRESSES = [
    "file:///etc/passwd", "ftp://site.example/", "gopher://site.example/", "data:text/html,hi", "javascript:alert(1)",
    "//site.example/", "site.example", "", "http://", "https:///x",
    "http://user@site.example/", "http://user:pass@site.example/", "http://site.example@127.0.0.1/",
    "http://site.example:22/", "http://site.example:8080/", "http://site.example:99999/",
    "http://site.example:0/", "http://site.example/\r\nHost: evil", "http://site.example\t/",
    "http://site.example\\@127.0.0.1/", "http://site.example/ x", " http://site.example/", "http://[::1/",
    "http://[v1.x]/",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", REFUSED_HOSTS)
def test_a_private_local_or_disguised_host_is_refused(scheme: str, host: str) -> None:
    with pytest.raises(AddressRefused):
        parse(f"{scheme}://{host}/", ports=WEB, allow_hosts=frozenset())


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_an_address_that_is_not_of_the_plain_web_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        parse(address, ports=WEB, allow_hosts=frozenset())


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("https://halden.example", "halden.example", 443),
        ("HTTP://Halden.Example/About?x=1#top", "halden.example", 80),
        ("https://halden.example:443/", "halden.example", 443),
        ("https://münchen-werk.example/", "xn--mnchen-werk-thb.example", 443),
        ("http://93.184.216.34/", "93.184.216.34", 80),
        ("http://[2606:2800:220:1:248:1893:25c8:1946]/", "2606:2800:220:1:248:1893:25c8:1946", 80),
    ],
)
def test_a_public_address_is_taken_apart(address: str, host: str, port: int) -> None:
    target = parse(address, ports=WEB, allow_hosts=frozenset())

    assert (target.host, target.port, target.allowed) == (host, port, False)
    assert "#" not in target.address


def test_a_host_on_the_list_is_allowed_and_no_other() -> None:
    allowed = frozenset({"intranet.firm.test", "127.0.0.1:8123"})

    assert parse("http://intranet.firm.test:9000/", ports=WEB, allow_hosts=allowed).allowed
    assert parse("http://127.0.0.1:8123/", ports=WEB, allow_hosts=allowed).allowed
    with pytest.raises(AddressRefused):
        parse("http://127.0.0.1:8124/", ports=WEB, allow_hosts=allowed)


@pytest.mark.parametrize(
    "ip", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_a_public_ip_may_be_connected_to(ip: str) -> None:
    assert refusal(ip) is None


@pytest.mark.parametrize(
    "ip", ["fe80::1%eth0", "not an ip", "", "::8.8.8.8", "2002:808:808::1", "2001:20::1", "4000::1"]
)
def test_what_a_resolver_should_not_answer_is_refused(ip: str) -> None:
    assert refusal(ip) is not None
