"""Sign-in through an identity provider, in the browser and against a real server."""

from __future__ import annotations

import base64
import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from approvals.known_people import KnownPeople
from approvals.oidc import OpenIdProvider
from approvals.sessions import Sessions
from approvals.settings import Settings
from approvals.web import create_app

SECRET = "a secret of the client"


@pytest.fixture
def clock(clock):
    # The server goes by the clock on the wall.
    clock.now = datetime.now(UTC)
    return clock


@pytest.fixture
def approvals(approvals, people, store, clock, tmp_path, identity_provider):
    settings = Settings(
        home=tmp_path,
        public_url="http://queue.test",
        oidc_issuer=identity_provider.issuer,
        oidc_client_id="queue",
        oidc_client_secret=SecretStr(SECRET),
        oidc_name="Acme <ID>",
        oidc_groups="sales=crm-sales,legal=cs-legal",
    )
    provider = OpenIdProvider(settings.oidc_issuer, "queue", clock, client_secret=settings.oidc_client_secret)
    known = KnownPeople(people, store, clock, settings.oidc_groups)
    sessions = Sessions(store, known, clock)
    return replace(approvals, settings=settings, provider=provider, known=known, directory=known, sessions=sessions)


@pytest.fixture
def app(approvals):
    return create_app(approvals)


@pytest.fixture
def accounts_there(identity_provider):
    verified = {"email_verified": True}
    identity_provider.person(
        "ida", email="ida@acme.example", name="Ida Roth", groups=["crm-sales", "canteen"], **verified
    )
    identity_provider.person("ben", email="BEN@acme.example", groups=[], **verified)
    identity_provider.person("eve", email="eve@elsewhere.example", groups=["canteen"], **verified)
    identity_provider.person("gone", email="gone@acme.example", groups=["crm-sales"], **verified)
    identity_provider.person("mallory", email="ada@acme.example", email_verified=False, groups=["crm-sales"])
    return identity_provider


def path_of(address):
    assert address.startswith("http://queue.test/login/oidc/callback?")
    return address.removeprefix("http://queue.test")


@pytest.fixture
def sign_in(accounts_there):
    """The whole way there and back: `sign_in(browser, "ida")`."""

    def go(browser, subject, next_="/insights"):
        away = browser.get(f"/login/oidc?next={next_}").headers["Location"]
        return browser.get(path_of(accounts_there.consent(away, subject)))

    return go


def told(response):
    return response.text.split('role="alert">')[1].split("<")[0]


def test_the_sign_in_page_offers_it_and_a_password_as_well(browser):
    page = browser.get("/login?next=/insights").text

    assert 'href="/login/oidc?next=/insights"' in page
    assert "Sign in with Acme &lt;ID&gt;" in page
    assert 'name="password"' in page


def test_somebody_with_a_group_that_is_asked_here_comes_in_and_on(browser, sign_in, approvals, store):
    response = sign_in(browser, "ida")
    page = browser.get("/settings")

    assert (response.status_code, response.headers["Location"]) == (303, "/insights")
    assert "ida@acme.example" in page.text
    assert approvals.directory.person("ida@acme.example").groups == ("sales",)
    assert {"oidc", "login"}.isdisjoint(browser.cookies)
    assert [entry.event.name for entry in store.entries()] == ["person.described", "session.begun"]


def test_somebody_of_the_file_comes_in_with_their_role_and_groups_of_both(browser, sign_in, approvals):
    sign_in(browser, "ben")

    assert "ben@acme.example" in browser.get("/settings").text
    assert approvals.directory.person("ben@acme.example").groups == ("sales", "legal")


def test_somebody_who_is_asked_nothing_here_is_not_let_in(browser, sign_in, events):
    response = sign_in(browser, "eve")

    assert response.status_code == 401
    assert "not among the people" in told(response)
    assert "session" not in browser.cookies
    assert events() == []


def test_somebody_disabled_is_not_let_in(browser, sign_in):
    response = sign_in(browser, "gone")

    assert response.status_code == 403
    assert "not active" in told(response)
    assert "session" not in browser.cookies


def test_an_e_mail_that_was_not_verified_makes_nobody_an_administrator(browser, sign_in, events):
    response = sign_in(browser, "mallory")

    assert response.status_code == 401
    assert "verified" in told(response)
    assert events() == []


def test_who_does_not_consent_is_told_so_and_may_begin_again(browser, accounts_there, sign_in):
    # This provider leaves the state out where somebody denies; others send it.
    without = browser.get(path_of(accounts_there.deny(browser.get("/login/oidc").headers["Location"])))
    state = browser.get("/login/oidc").headers["Location"].split("state=")[1].split("&")[0]
    denied = browser.get(f"/login/oidc/callback?error=access_denied&state={state}")

    assert without.status_code == denied.status_code == 401
    assert "did not consent" in told(denied)
    assert sign_in(browser, "ida").status_code == 303


def test_what_a_provider_says_when_it_refuses_is_not_repeated_as_it_came(browser):
    state = browser.get("/login/oidc").headers["Location"].split("state=")[1].split("&")[0]

    response = browser.get(f"/login/oidc/callback?error=<script>alert(1)&state={state}&error_description=<b>x")

    assert "(scriptalert)" in told(response)
    assert "<script>" not in response.text
    assert "<b>" not in response.text


@pytest.mark.parametrize("state", ["", "x", "wrong" * 10, "é"])
def test_a_wrong_state_signs_nobody_in_and_the_code_goes_nowhere(browser, accounts_there, state):
    back = path_of(accounts_there.consent(browser.get("/login/oidc").headers["Location"], "ida"))
    code = back.split("code=")[1].split("&")[0]

    response = browser.get("/login/oidc/callback", params={"code": code, "state": state})

    assert response.status_code == 401
    assert "was not begun in this browser" in told(response)
    assert "session" not in browser.cookies


def test_what_one_browser_began_another_does_not_end(make_browser, accounts_there):
    attacker, victim = make_browser(), make_browser()
    back = path_of(accounts_there.consent(attacker.get("/login/oidc").headers["Location"], "ida"))
    begun = victim.get("/login/oidc")

    answers = [make_browser().get(back), victim.get(back)]

    assert begun.status_code == 303
    assert [one.status_code for one in answers] == [401, 401]
    assert "session" not in victim.cookies


def test_the_code_of_another_browser_is_refused_for_its_nonce(make_browser, accounts_there):
    attacker, victim = make_browser(), make_browser()
    back = path_of(accounts_there.consent(attacker.get("/login/oidc").headers["Location"], "ida"))
    code = back.split("code=")[1].split("&")[0]
    state = victim.get("/login/oidc").headers["Location"].split("state=")[1].split("&")[0]

    response = victim.get("/login/oidc/callback", params={"code": code, "state": state})

    assert response.status_code == 503
    assert "nonce" in told(response)
    assert "session" not in victim.cookies


def test_coming_back_twice_signs_in_once(browser, make_browser, accounts_there):
    away = browser.get("/login/oidc").headers["Location"]
    kept = browser.cookies["oidc"]
    back = path_of(accounts_there.consent(away, "ida"))
    first = browser.get(back)
    again = browser.get(back)
    browser.cookies.set("oidc", kept, domain="queue.test", path="/")
    replayed = browser.get(back)

    assert [one.status_code for one in (first, again, replayed)] == [303, 401, 401]
    assert "used already" in told(replayed)


def test_the_session_that_was_there_ends(browser, sign_in, signed_in, csrf):
    planted = signed_in("cleo@acme.example")
    browser.cookies.set("session", planted.cookies["session"], domain="queue.test", path="/")

    sign_in(browser, "ida")

    assert planted.get("/settings").status_code == 303
    assert "ida@acme.example" in browser.get("/settings").text


@pytest.mark.parametrize("next_", ["//evil.test", "https://evil.test", "/\\evil.test"])
def test_nobody_is_led_elsewhere_after_it(browser, sign_in, next_):
    assert sign_in(browser, "ida", next_).headers["Location"] == "/queue"


def test_a_place_that_was_written_into_the_cookie_is_not_gone_to(browser, accounts_there):
    away = browser.get("/login/oidc").headers["Location"]
    secret = browser.cookies["oidc"].partition(".")[0]
    forged = base64.urlsafe_b64encode(b"//evil.test").decode()
    for carried in (forged, "%%%", "é"):
        browser.cookies.clear()
        browser.headers["Cookie"] = f"oidc={secret}.{carried}".encode()
        response = browser.get(path_of(accounts_there.consent(away, "ida")))
        del browser.headers["Cookie"]
        assert response.headers["Location"] == "/queue"


def test_while_the_provider_is_down_a_link_and_a_password_still_sign_in(
    approvals, make_browser, signed_in, clock, browser
):
    down = replace(approvals, provider=OpenIdProvider("http://127.0.0.1:9", "queue", clock))
    app = create_app(down)
    came = signed_in(other=app)
    words = "correct horse battery staple"
    came.send("/settings", "/settings/password", {"new": words, "again": words})
    later = make_browser(app)

    refused = later.get("/login/oidc?next=/insights")
    let_in = later.sign_in("ben@acme.example", words)

    assert refused.status_code == 503
    assert "does not answer" in told(refused)
    assert 'name="password"' in refused.text
    assert let_in.status_code == 303


def test_a_provider_alone_sets_no_password(browser, sign_in):
    sign_in(browser, "ida")
    words = "correct horse battery staple"

    response = browser.send("/settings", "/settings/password", {"new": words, "again": words})

    assert response.status_code == 403
    assert "sign-in link" in told(response)


def test_no_secret_of_it_stands_in_the_record_or_the_log(browser, accounts_there, store, caplog):
    caplog.set_level(logging.DEBUG)
    away = browser.get("/login/oidc").headers["Location"]
    secret = browser.cookies["oidc"].partition(".")[0]
    back = path_of(accounts_there.consent(away, "ida"))
    browser.get(back)
    browser.get(back)

    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("approvals"))
    entries = str([entry.model_dump() for entry in store.entries()])
    for hidden in (SECRET, secret, back.split("code=")[1].split("&")[0]):
        assert hidden not in ours + entries
    assert "failed" in ours
