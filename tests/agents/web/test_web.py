"""Which web an address opens."""

from __future__ import annotations

import pytest

from agents.errors import FetchFailed, UnknownScheme
from agents.web import open_web
from agents.web.safe import SafeWeb


async def test_the_web_that_ships_refuses_and_says_how_to_allow_it() -> None:
    with pytest.raises(FetchFailed, match="AGENTS_WEB=https:"):
        await open_web("offline:").fetch("https://halden.example/")


def test_no_private_host_is_allowed_unless_named() -> None:
    web = open_web("https:")

    assert isinstance(web, SafeWeb)
    assert web.allow_hosts == frozenset()
    assert web.ports == {80, 443}


def test_an_unknown_scheme_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownScheme, match=r"'gopher:'.*https:, offline:"):
        open_web("gopher:")
