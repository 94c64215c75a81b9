"""Sign-in by the word of a proxy that is believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from approvals.accounts import TRIES_OF_ADDRESS
from approvals.settings import Settings
from approvals.web import create_app

BEN = "ben@acme.example"
ADA = "ada@acme.example"
PROXY = "10.1.2.3"


@pytest.fixture
def app(approvals, tmp_path):
    settings = Settings(
        home=tmp_path, public_url="http://queue.test", header="X-Auth-Email", header_proxies="10.1.0.0/16, ::1"
    )
    return create_app(replace(approvals, settings=settings))


@pytest.fixture
def via_proxy(make_browser):
    """A browser behind the proxy, which says who it is: `via_proxy("ben@acme.example")`."""

    def make(email=BEN, peer=PROXY):
        browser = make_browser(peer=peer)
        browser.headers["X-Auth-Email"] = email
        return browser

    return make


def test_whom_the_proxy_names_is_signed_in_with_a_session(via_proxy, approvals, store):
    browser = via_proxy("Ben@Acme.example")

    first, second = browser.get("/settings"), browser.get("/settings")

    assert BEN in first.text
    assert "set-cookie" in first.headers
    assert "set-cookie" not in second.headers
    began = [entry.event for entry in store.entries()]
    assert [(one.name, one.actor, one.via) for one in began] == [("session.begun", BEN, "header")]


@pytest.mark.parametrize("peer", ["10.2.0.1", "127.0.0.1", "192.0.2.1", "::2", "", "not an address"])
def test_from_anybody_else_the_header_is_ignored_and_told_once(via_proxy, caplog, events, peer):
    browser = via_proxy(peer=peer)

    responses = [browser.get("/settings") for _ in range(3)]

    assert [one.status_code for one in responses] == [303] * 3
    assert caplog.text.count("APPROVALS_HEADER_PROXIES") == 1
    assert events() == []


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.1.2.3", "::1"])
def test_a_proxy_is_known_in_either_spelling(via_proxy, peer):
    assert via_proxy(peer=peer).get("/settings").status_code == 200


def test_no_other_header_makes_somebody_a_proxy(via_proxy):
    browser = via_proxy(peer="192.0.2.1")

    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        assert browser.get("/settings", headers={name: PROXY}).status_code == 303


def test_a_header_that_came_twice_is_nobodys(make_browser):
    browser = make_browser(peer=PROXY)
    browser.headers = [("Accept", "text/html"), ("X-Auth-Email", ADA), ("X-Auth-Email", BEN)]

    async def asked():
        async with httpx.AsyncClient(transport=browser._transport, base_url=browser.base) as client:
            return await client.get("/settings", headers=browser.headers)

    assert asyncio.run(asked()).status_code == 303


def test_the_session_counts_only_together_with_the_proxys_word(via_proxy, make_browser):
    browser = via_proxy()
    browser.get("/settings")

    for peer, header in ((PROXY, None), ("192.0.2.1", None), ("192.0.2.1", BEN)):
        thief = make_browser(peer=peer)
        thief.cookies = browser.cookies
        assert thief.get("/settings", headers={"X-Auth-Email": header}).status_code == 303


def test_another_person_behind_the_proxy_gets_a_session_of_their_own(via_proxy, csrf):
    browser = via_proxy()
    token, secret = csrf(browser.get("/settings")), browser.cookies["session"]

    browser.headers["X-Auth-Email"] = ADA
    forged = browser.post("/logout", csrf=token)
    page = browser.get("/settings")

    assert forged.status_code == 403
    assert ADA in page.text
    assert browser.cookies["session"] != secret


def test_forms_are_held_against_the_session_as_ever(via_proxy, csrf):
    browser = via_proxy()
    token = csrf(browser.get("/settings"))

    assert browser.post("/logout").status_code == 403
    assert browser.post("/logout", csrf=token, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post("/logout", csrf=token).status_code == 303


@pytest.mark.parametrize("email", ["eve@elsewhere.example", "gone@acme.example", "<script>", " ", b"\xff@acme.example"])
def test_whom_the_queue_does_not_know_is_not_let_in_by_any_proxy(via_proxy, email):
    browser = via_proxy(email)

    assert browser.get("/settings").status_code == 303
    page = browser.get("/login")
    assert page.status_code == 200
    assert "<script>" not in page.text


def test_a_password_still_signs_in_where_the_proxy_names_nobody(make_browser, approvals, signed_in):
    browser = signed_in(peer="192.0.2.1")

    assert browser.get("/settings").status_code == 200


def test_the_proxys_word_goes_before_a_session_of_somebody_else(signed_in):
    browser = signed_in(peer=PROXY)
    assert BEN in browser.get("/settings").text

    page = browser.get("/settings", headers={"X-Auth-Email": ADA})

    assert ADA in page.text


def test_a_program_without_a_cookie_begins_no_session_however_often_it_asks(via_proxy, events):
    browser = via_proxy()
    browser.headers["Accept"] = "*/*"

    assert [browser.get("/settings").status_code for _ in range(3)] == [401] * 3
    assert events() == []


def test_programs_are_not_signed_in_by_it(via_proxy):
    assert via_proxy().get("/api/v1/me").status_code == 401


def test_behind_a_proxy_tries_are_counted_by_whom_it_forwards_for(make_browser):
    browser = make_browser(peer=PROXY)
    for number in range(TRIES_OF_ADDRESS + 1):
        # What the client itself wrote stands further left, and counts for nothing.
        browser.headers["X-Forwarded-For"] = f"203.0.113.{number}, 198.51.100.7"
        answer = browser.sign_in(f"person{number}@acme.example", "a wrong password")
    browser.headers["X-Forwarded-For"] = "198.51.100.8"

    assert answer.status_code == 429
    assert browser.sign_in(BEN, "a wrong password").status_code == 401
