"""Who is let in to pages, from where, and which forms count."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from starlette.requests import Request as HttpRequest

from approvals.decisions import SYSTEM
from approvals.settings import Settings
from approvals.web import create_app
from approvals.web.doors import HOME, Door, here
from approvals.web.headers import PAGE_HEADERS
from approvals.web.visitors import Entry, still_signed_in

BEN = "ben@acme.example"
SETTINGS = "/settings"


def remade(approvals, tmp_path, **settings):
    return create_app(replace(approvals, settings=Settings(home=tmp_path, **settings)))


# -- sessions and cookies ----------------------------------------------------------------------------------------


def test_nobody_is_shown_a_page_and_is_led_to_where_they_wanted_after(browser):
    response = browser.get("/settings?tab=tokens")

    assert (response.status_code, response.headers["Location"]) == (303, "/login?next=/settings%3Ftab%3Dtokens")


def test_a_script_is_told_rather_than_led(browser):
    for headers in ({"Accept": "application/json"}, {"Sec-Fetch-Dest": "empty"}):
        response = browser.get(SETTINGS, headers=headers)

        assert (response.status_code, response.json()["type"]) == (401, "urn:countersign:problem:not-authenticated")


def test_a_session_opens_pages(signed_in):
    assert BEN in signed_in().get(SETTINGS).text


@pytest.mark.parametrize("end", ["revoked", "idle", "over", "disabled", "gone", "forged"])
def test_a_session_that_does_not_count_opens_nothing_and_the_sign_in_page_says_why(
    signed_in, approvals, people, clock, BEN, end
):
    browser = signed_in()
    match end:
        case "revoked":
            approvals.sessions.revoke_all(BEN.id, BEN)
        case "idle":
            clock.forward(hours=12)
        case "over":
            for _ in range(14):
                clock.forward(hours=11, minutes=59)
                browser.get(SETTINGS)
            clock.forward(hours=1)
        case "disabled":
            people.change(BEN.id, active=False)
        case "gone":
            people.remove(BEN.id)
        case "forged":
            browser.cookies.clear()
            browser.cookies.set("session", "A" * 43, "queue.test")

    response = browser.get(SETTINGS)
    page = browser.get("/login")

    assert response.headers["Location"].startswith("/login")
    assert page.status_code == 200
    assert 'role="alert"' in page.text


def test_a_change_of_role_counts_at_the_next_request(signed_in, people):
    browser = signed_in("ada@acme.example")
    assert "Make a token" in browser.get(SETTINGS).text

    people.change("ada@acme.example", role="reviewer")

    assert "Make a token" not in browser.get(SETTINGS).text


def cookie_flags(response, name):
    line = next(one for one in response.headers.get_list("set-cookie") if one.startswith(f"{name}="))
    value, *flags = [part.strip().lower() for part in line.split(";")]
    return value, set(flags)


def test_over_plain_http_the_cookie_is_kept_from_scripts_and_other_sites(signed_in, approvals, make_browser):
    link = approvals.tickets.make(BEN, SYSTEM).path
    browser = make_browser()

    value, flags = cookie_flags(browser.send(link, link), "session")

    assert re.fullmatch(r"session=[a-z0-9_-]{43}", value)
    assert {"httponly", "samesite=lax", "path=/", "max-age=604800"} == flags


def test_over_https_the_cookie_goes_nowhere_else_and_only_encrypted(approvals, make_browser, tmp_path):
    app = remade(approvals, tmp_path, public_url="https://queue.test")
    link = approvals.tickets.make(BEN, SYSTEM).path
    browser = make_browser(app, base="https://queue.test")

    response = browser.send(link, link)
    value, flags = cookie_flags(response, "__Host-session")

    assert value.startswith("__host-session=")
    assert {"httponly", "secure", "samesite=lax", "path=/", "max-age=604800"} == flags
    assert "max-age" in response.headers["Strict-Transport-Security"]
    assert browser.get(SETTINGS).status_code == 200


def test_a_token_opens_no_page_and_a_session_no_call(signed_in, token, browser, client):
    secret = token("ada@acme.example", "read", "decide", "admin")
    cookie = signed_in("ada@acme.example").cookies

    page = browser.get(SETTINGS, headers={"Authorization": f"Bearer {secret}"})
    for path in ("/api/v1/me", "/api/v1/requests", "/api/v1/tokens"):
        answers = [client.get(path, headers={"Cookie": f"session={cookie['session']}"})]
        answers.append(client.request("POST", path, headers={"Cookie": f"session={cookie['session']}"}, json={}))
        assert {answer.status_code for answer in answers} == {401}

    assert page.status_code == 303


# -- forms -------------------------------------------------------------------------------------------------------

SAME = {"Sec-Fetch-Site": "same-origin"}
ORIGIN = {"Sec-Fetch-Site": None, "Origin": "http://queue.test"}
FROM = {
    "same-origin": (SAME, True),
    "our origin, from an older browser": (ORIGIN, True),
    "same-site": ({"Sec-Fetch-Site": "same-site"}, False),
    "cross-site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "typed": ({"Sec-Fetch-Site": "none"}, False),
    "cross-site with our origin": ({"Sec-Fetch-Site": "cross-site", "Origin": "http://queue.test"}, False),
    "nonsense": ({"Sec-Fetch-Site": "same-origin, same-origin"}, False),
    "nothing": ({"Sec-Fetch-Site": None}, False),
    "another origin": ({"Sec-Fetch-Site": None, "Origin": "http://evil.test"}, False),
    "another port": ({"Sec-Fetch-Site": None, "Origin": "http://queue.test:81"}, False),
    "another scheme": ({"Sec-Fetch-Site": None, "Origin": "https://queue.test"}, False),
    "null": ({"Sec-Fetch-Site": None, "Origin": "null"}, False),
    "a page below us": ({"Sec-Fetch-Site": None, "Origin": "http://queue.test.evil.test"}, False),
    "only a referrer": ({"Sec-Fetch-Site": None, "Referer": "http://queue.test/settings"}, False),
}
TOKENS = {"right": True, "none": False, "empty": False, "another session's": False, "of the sign-in page": False}
METHODS = ("POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize("origin", FROM)
@pytest.mark.parametrize("held", TOKENS)
def test_a_form_counts_only_from_our_page_and_with_its_sessions_token(
    signed_in, make_browser, approvals, events, csrf, origin, held
):
    browser, other = signed_in(), signed_in("cleo@acme.example")
    given = {
        "right": csrf(browser.get(SETTINGS)),
        "none": None,
        "empty": "",
        "another session's": csrf(other.get(SETTINGS)),
        "of the sign-in page": csrf(make_browser().get("/login")),
    }[held]
    headers, from_us = FROM[origin]
    before = events()

    response = browser.post("/logout", csrf=given, headers=headers)

    assert (response.status_code == 303) is (from_us and TOKENS[held])
    assert (events() == before) is not (from_us and TOKENS[held])
    if response.status_code != 303:
        assert response.status_code == 403
        assert "Load the page again" in response.text


@pytest.mark.parametrize("method", METHODS)
def test_every_method_that_changes_something_is_held_to_it(signed_in, csrf, method):
    browser = signed_in()
    token = csrf(browser.get(SETTINGS))

    refused = [
        browser.request(method, "/settings/password", headers={"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token}),
        browser.request(method, "/settings/password", headers=SAME),
        browser.request(method, "/nowhere", headers=SAME),
    ]
    let_through = browser.request(method, "/nowhere", headers={**SAME, "X-CSRF-Token": token})

    assert [one.status_code for one in refused] == [403] * 3
    assert let_through.status_code == 404


def test_a_fetch_carries_the_token_in_a_header_and_may_send_anything(signed_in, csrf):
    browser = signed_in()
    token = csrf(browser.get(SETTINGS))

    response = browser.request(
        "POST", "/nowhere", content=b"{}", headers={**SAME, "X-CSRF-Token": token, "Content-Type": "application/json"}
    )

    assert response.status_code == 404


def test_a_token_in_a_body_of_another_kind_does_not_count(signed_in, csrf):
    browser = signed_in()
    token = csrf(browser.get(SETTINGS))

    for kind in ("text/plain", "multipart/form-data", "application/json"):
        response = browser.post("/logout", csrf=token, headers={"Content-Type": kind})
        assert response.status_code == 403


@pytest.mark.parametrize("body", ["csrf=%ff", "a=1&" * 20_001, "csrf=%f0%28"])
def test_a_form_that_cannot_be_read_is_refused(signed_in, body):
    browser = signed_in()
    headers = {**SAME, "Content-Type": "application/x-www-form-urlencoded"}

    response = browser.request("POST", "/logout", content=body, headers=headers)

    assert response.status_code == 400


def test_a_form_without_a_session_leads_to_the_sign_in_page(browser):
    response = browser.post("/logout", csrf="x")

    assert (response.status_code, response.headers["Location"]) == (303, "/login?next=/queue")


def test_a_form_that_is_refused_to_a_script_is_a_problem(signed_in):
    response = signed_in().post("/logout", headers={"Accept": "application/json"})

    assert (response.status_code, response.json()["type"]) == (403, "urn:countersign:problem:forged")


# -- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["queue.test", "QUEUE.test:4280", "localhost:4280", "127.0.0.1", "[::1]:4280", "127.0.0.2:1"]
)
def test_the_queue_answers_to_its_own_names(browser, host):
    assert browser.get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.test", "queue.test.evil.test", "", "queue.test@evil.test", "192.0.2.1", "[::"])
@pytest.mark.parametrize("path", ["/login", "/settings", "/nowhere", "/login/AAAA"])
def test_another_name_that_was_pointed_here_is_refused(browser, host, path):
    response = browser.get(path, headers={"Host": host})

    assert response.status_code == 400
    assert "APPROVALS_PUBLIC_URL" in response.text


def test_programs_use_whatever_name_they_like(client, token):
    headers = {"Host": "elsewhere.test", "Authorization": f"Bearer {token(BEN)}"}

    assert client.get("/api/v1/me", headers=headers).status_code == 200
    assert client.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_where_other_machines_are_let_in_without_a_name_any_will_do(approvals, make_browser, tmp_path, signed_in):
    app = remade(approvals, tmp_path, host="0.0.0.0", exposed=True)
    link = approvals.tickets.make(BEN, SYSTEM).path
    browser = make_browser(app, base="http://10.0.0.5:4280")

    response = browser.send(link, link, headers={"Sec-Fetch-Site": None, "Origin": "http://10.0.0.5:4280"})

    assert response.status_code == 303


def test_on_this_machine_the_port_may_be_another_than_the_settings_say(approvals, make_browser, tmp_path):
    browser = make_browser(remade(approvals, tmp_path), base="http://localhost:51234")
    link = approvals.tickets.make(BEN, SYSTEM).path

    refused = browser.send(link, link, headers={"Sec-Fetch-Site": None, "Origin": "http://localhost:9"})
    taken = browser.send(link, link, headers={"Sec-Fetch-Site": None, "Origin": "http://localhost:51234"})

    assert (refused.status_code, taken.status_code) == (403, 303)


# -- where to ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/queue", "/r/7K2M?view=mine&q=%2F%2Fevil", "/queue?next=https://evil.test", "/ö"])
def test_a_path_of_ours_is_gone_to(path):
    assert here(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None, "", "queue", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test",
        "/\n/evil.test", "https://evil.test", "https:evil.test", "javascript:alert(1)", "data:text/html,x",
        " /queue", "/login", "/login?next=/login", "/logout", "/api/v1/me", "/" + "a" * 3_000, "/\u2028/evil",
        "/queue\x00", "/\ud800",
    ],
)  # fmt: skip
def test_no_other_place_is_gone_to(path):
    assert here(path) == HOME


# -- headers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/login/" + "A" * 43, "/settings"])
def test_every_page_lets_nothing_run_but_what_ships(signed_in, browser, path):
    response = (signed_in() if path == "/settings" else browser).get(path)

    for name, value in PAGE_HEADERS.items():
        assert response.headers[name] == value
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in response.headers["Content-Security-Policy"]
    shipped = r"<script(?! type=\"module\" src=\"/static/)"
    assert not re.search(rf"{shipped}|<style|style=|\son\w+=", response.text)


def test_a_refusal_is_a_page_too(browser):
    response = browser.get("/login", headers={"Host": "evil.test"})

    assert response.headers["Content-Security-Policy"] == PAGE_HEADERS["Content-Security-Policy"]
    assert "<h1" in response.text


# -- listening ---------------------------------------------------------------------------------------------------


def test_a_browser_that_only_listens_does_not_keep_its_session_alive(approvals, signed_in, clock):
    browser = signed_in()
    scope = {
        "type": "http", "method": "GET", "path": "/events", "query_string": b"",
        "headers": [(b"cookie", f"session={browser.cookies['session']}".encode())],
    }  # fmt: skip
    http = HttpRequest(scope)
    scope["countersign.entry"] = Entry(approvals, Door(approvals.settings), http)

    for _ in range(12):
        assert still_signed_in(http)
        clock.forward(hours=1)

    assert not still_signed_in(http)
