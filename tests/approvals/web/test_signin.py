"""The sign-in page, sign-in links, and the way out."""

from __future__ import annotations

import logging
from urllib.parse import unquote

import pytest

from approvals.accounts import TRIES_OF_ADDRESS, TRIES_OF_PERSON
from approvals.decisions import SYSTEM
from approvals.errors import TicketSpent

BEN = "ben@acme.example"
WORDS = "correct horse battery staple"


@pytest.fixture
def with_password(approvals, signed_in):
    """Ben, who has set a password."""
    came = signed_in()
    response = came.send("/settings", "/settings/password", {"new": WORDS, "again": WORDS})
    assert response.headers["Location"] == "/settings#password"


# -- with a password ---------------------------------------------------------------------------------------------


def test_a_password_signs_in_and_leads_on(with_password, browser):
    response = browser.sign_in("Ben@Acme.example", WORDS, next="/r/7K2M?view=mine")

    assert (response.status_code, response.headers["Location"]) == (303, "/r/7K2M?view=mine")
    assert BEN in browser.get("/settings").text


def test_a_wrong_password_says_so_keeps_what_was_typed_and_repeats_no_password(with_password, browser):
    response = browser.sign_in(BEN, "a wrong password", next="/insights")

    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert f'value="{BEN}"' in response.text
    assert 'value="/insights"' in response.text
    assert "a wrong password" not in response.text
    assert "session" not in browser.cookies


def test_what_is_typed_is_shown_as_text(browser):
    response = browser.sign_in('"><script>alert(1)</script>', "x" * 12, next='/"><script>')

    assert "<script" not in response.text


@pytest.mark.parametrize("fields", [{}, {"email": BEN}, {"password": WORDS}, {"email": "\ud800", "password": "\0"}])
def test_a_form_that_lacks_something_signs_nobody_in(with_password, browser, fields):
    fields = {name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}

    assert browser.send("/login", "/login", fields).status_code in (400, 401)


def test_too_many_tries_are_told_with_the_time_to_wait(with_password, browser):
    for _ in range(TRIES_OF_PERSON):
        assert browser.sign_in(BEN, "a wrong password").status_code == 401

    response = browser.sign_in(BEN, WORDS)

    assert (response.status_code, response.headers["Retry-After"]) == (429, "900")
    assert "Too many tries. Wait 15 minutes" in response.text


def test_tries_are_counted_by_where_they_come_from_whatever_a_header_says(with_password, make_browser):
    attacker = make_browser(peer="198.51.100.7")
    for number in range(TRIES_OF_ADDRESS):
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        attacker.headers.update(headers)
        assert attacker.sign_in(f"person{number}@acme.example", "a wrong password").status_code == 401

    assert attacker.sign_in(BEN, WORDS).status_code == 429
    assert make_browser(peer="198.51.100.8").sign_in(BEN, WORDS).status_code == 303


def test_somebody_disabled_is_told_so_and_not_let_in(with_password, browser, people):
    people.change(BEN, active=False)

    response = browser.sign_in(BEN, WORDS)

    assert response.status_code == 403
    assert "not active" in response.text
    assert "session" not in browser.cookies


def test_whoever_is_signed_in_goes_on(signed_in):
    response = signed_in().get("/login?next=/insights")

    assert (response.status_code, response.headers["Location"]) == (303, "/insights")


@pytest.mark.parametrize(
    "next_", ["//evil.test", "/\\evil.test", "https://evil.test", "/%09/evil.test", "/%0a/evil.test", "javascript:1"]
)
def test_nobody_is_led_elsewhere(with_password, browser, signed_in, next_):
    page = browser.get(f"/login?next={next_}")
    signed = browser.sign_in(BEN, WORDS, next=unquote(next_))
    already = signed_in().get(f"/login?next={next_}")

    assert 'name="next" value="/queue"' in page.text
    assert signed.headers["Location"] == already.headers["Location"] == "/queue"


# -- a session that was planted ----------------------------------------------------------------------------------


def test_signing_in_gives_a_new_session_and_ends_the_one_that_was_planted(with_password, browser, signed_in, csrf):
    planted, token = signed_in("cleo@acme.example"), csrf(browser.get("/login"))
    browser.cookies.set("session", planted.cookies["session"], domain="queue.test", path="/")

    response = browser.post("/login", {"email": BEN, "password": WORDS}, csrf=token)

    assert response.status_code == 303
    assert browser.cookies["session"] != planted.cookies["session"]
    assert planted.get("/settings").status_code == 303
    assert BEN in browser.get("/settings").text


def test_a_made_up_session_is_not_taken_over(with_password, browser):
    browser.cookies.set("session", "A" * 43, domain="queue.test", path="/")

    browser.sign_in(BEN, WORDS)

    assert browser.cookies["session"] != "A" * 43


# -- a sign-in that somebody else sends --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "link"])
def test_nobody_is_signed_in_by_another_site(with_password, approvals, browser, make_browser, csrf, path):
    link = approvals.tickets.make(BEN, SYSTEM).path
    path = link if path == "link" else path
    fields = {"email": BEN, "password": WORDS}
    attackers = csrf(make_browser().get("/login"))
    own = csrf(browser.get("/login"))

    refused = [
        browser.post(path, fields),
        browser.post(path, fields, csrf=attackers),
        browser.post(path, fields, csrf=own, headers={"Sec-Fetch-Site": "cross-site"}),
        browser.post(path, fields, csrf=own, headers={"Sec-Fetch-Site": None, "Origin": "http://evil.test"}),
        make_browser().post(path, fields, csrf=own),
    ]

    assert [one.status_code for one in refused] == [403] * 5
    assert "session" not in browser.cookies
    assert browser.post(path, fields, csrf=own).status_code == 303


def test_the_cookie_of_the_sign_in_page_is_dropped_once_it_has_served(with_password, browser):
    browser.get("/login")
    assert "login" in browser.cookies

    browser.sign_in(BEN, WORDS)

    assert "login" not in browser.cookies


# -- with a link -------------------------------------------------------------------------------------------------


def test_a_link_is_looked_at_as_often_as_anybody_likes_and_used_once(approvals, browser, make_browser):
    link = approvals.tickets.make(BEN, SYSTEM).path

    looked = [make_browser(agent=agent).get(link) for agent in ("Slackbot", "Outlook SafeLinks", "Firefox")]
    head = browser.request("HEAD", link)
    first = browser.send(link, link)
    page = make_browser().get(link)
    again = browser.post(link, csrf="x")

    assert [one.status_code for one in looked] == [200] * 3
    assert all("Sign in as Ben Okoro" in one.text for one in looked)
    assert head.status_code in (200, 405)
    assert (first.status_code, first.headers["Location"]) == (303, "/settings#password")
    assert page.status_code == 401
    assert "was used already" in page.text
    assert again.status_code == 403
    assert BEN in browser.get("/settings").text


def test_a_link_posted_twice_from_an_open_page_signs_in_once(approvals, make_browser, csrf):
    link = approvals.tickets.make(BEN, SYSTEM).path
    one, other = make_browser(), make_browser()
    tokens = csrf(one.get(link)), csrf(other.get(link))

    answers = [one.post(link, csrf=tokens[0]), other.post(link, csrf=tokens[1])]

    assert [answer.status_code for answer in answers] == [303, 401]
    assert "session" not in other.cookies


def test_somebody_with_a_password_goes_to_the_queue(with_password, approvals, browser):
    link = approvals.tickets.make(BEN, SYSTEM).path

    assert browser.send(link, link).headers["Location"] == "/queue"


def test_a_link_of_somebody_disabled_in_between_lets_nobody_in(approvals, browser, people, csrf):
    link = approvals.tickets.make(BEN, SYSTEM).path
    token = csrf(browser.get(link))
    people.change(BEN, active=False)

    assert browser.get(link).status_code == browser.post(link, csrf=token).status_code == 403
    assert "session" not in browser.cookies


def test_the_page_of_a_link_is_kept_by_no_cache_and_no_search_engine(approvals, browser):
    response = browser.get(approvals.tickets.make(BEN, SYSTEM).path)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in response.headers["X-Robots-Tag"]


@pytest.mark.parametrize("secret", ["A" * 43, "short", "%00" * 43, "é" * 43, "..%2f..%2fsettings"])
def test_a_made_up_link_is_refused_like_a_used_one(browser, secret):
    response = browser.get(f"/login/{secret}")

    assert response.status_code in (401, 404)
    if response.status_code == 401:
        assert str(TicketSpent()) in response.text


# -- the way out -------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_on_the_server_too(signed_in, events):
    browser = signed_in()
    kept = browser.cookies["session"]

    response = browser.send("/settings", "/logout")
    browser.cookies.set("session", kept, domain="queue.test", path="/")

    assert (response.status_code, response.headers["Location"]) == (303, "/login")
    assert browser.get("/settings").status_code == 303
    assert events()[-1] == "session.ended"


def test_looking_at_the_way_out_signs_nobody_out(signed_in):
    browser = signed_in()

    assert browser.get("/logout").status_code == 405
    assert browser.get("/settings").status_code == 200


# -- what stays where --------------------------------------------------------------------------------------------


def test_no_secret_stands_in_the_record_or_the_log(with_password, approvals, browser, make_browser, store, caplog):
    caplog.set_level(logging.DEBUG)
    link = approvals.tickets.make(BEN, SYSTEM)
    make_browser().send(link.path, link.path)
    browser.sign_in(BEN, "a wrong password")
    browser.sign_in(BEN, WORDS)

    entries = str([entry.model_dump() for entry in store.entries()])

    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("approvals"))
    for secret in (WORDS, "a wrong password", link.secret, browser.cookies["session"]):
        assert secret not in entries + ours


def test_without_a_provider_there_is_no_button_and_no_way_to_one(browser):
    assert "/login/oidc" not in browser.get("/login").text
    for path in ("/login/oidc", "/login/oidc/callback?code=x&state=y"):
        assert browser.get(path).status_code == 404
