"""The page behind a signed link: looking decides nothing, and one post from that page decides once."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from approvals.decisions import Approve
from approvals.requests import Flag
from approvals.web import create_app

ANNA = "Anna.Berg@acme.example"
BOTS = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; MicrosoftPreview/2.0)",
    "SkypeUriPreview Preview/0.5",
    "curl/8.0",
]


@dataclass
class Browser:
    """A browser that keeps cookies by path and follows our redirects."""

    app: object
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = ""

    def ask(self, method, path, *, form=None, agent="Mozilla/5.0", **headers):
        async def asked():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://queue.test") as client:
                sent = {"User-Agent": agent, **{name.replace("_", "-"): value for name, value in headers.items()}}
                kept = [value for place, value in self.cookies.items() if path.startswith(place)]
                if kept:
                    sent["Cookie"] = "; ".join(kept)
                return await client.request(method, path, data=form, headers=sent)

        answer = asyncio.run(asked())
        for one in answer.headers.get_list("set-cookie"):
            place = re.search(r"Path=([^;]+)", one)[1]
            self.cookies[place] = one.partition(";")[0]
        return answer

    def open(self, token, **terms):
        """Open the link as a person does: the page it leads to."""
        moved = self.ask("GET", f"/d/{token}", **terms)
        if moved.status_code != 303:
            return moved
        self.address = moved.headers["location"]
        return self.ask("GET", self.address, **terms)

    def press(self, verdict, *, words=None, headers=None, **changes):
        """Press a button of the page that is open."""
        shown = self.ask("GET", self.address)
        csrf = HTMLParser(shown.text).css_first("input[name=csrf]")
        form = {"csrf": csrf.attributes["value"] if csrf else "none", "verdict": verdict}
        form |= {"words": words} if words is not None else {}
        sent = {"Sec_Fetch_Site": "same-origin"} if headers is None else headers
        return self.ask("POST", self.address, form={**form, **changes}, **sent)


@pytest.fixture
def browser(app):
    return Browser(app)


@pytest.fixture
def asked(open_request):
    return open_request()


@pytest.fixture
def token(links, asked):
    return links.make(asked, ANNA)


@pytest.fixture
def nothing_written(store):
    """Nothing at all in the store is another at the end of the block."""

    class Unwritten:
        def __enter__(self):
            self.before = self.dump()

        def __exit__(self, kind, error, trace):
            if error is None:
                assert self.dump() == self.before

        def dump(self):
            with store._database.connected(writes=False) as connection:
                names = (
                    connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
                )
                return {name: connection.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in names}

    return Unwritten()


def buttons(answer):
    """The verdicts that the page offers."""
    found = HTMLParser(answer.text).css("input[name=verdict]")
    return {one.attributes["value"] for one in found}


def told(answer):
    """What the page says, as text."""
    return " ".join(HTMLParser(answer.text).body.text(separator=" ").split())


# -- looking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", BOTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_decides_nothing_and_uses_nothing_up(browser, token, asked, service, nothing_written, method, agent):
    with nothing_written:
        for _ in range(2):
            moved = browser.ask(method, f"/d/{token}", agent=agent)
            assert moved.status_code == 303
            assert browser.ask(method, moved.headers["location"], agent=agent).status_code == 200

    assert service.get(asked.id) == asked
    browser.open(token)
    assert browser.press("approve").status_code == 303
    assert service.get(asked.id).state == "approved"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "POST"])
def test_no_other_method_does_anything_with_a_link_itself(browser, token, nothing_written, method):
    with nothing_written:
        assert browser.ask(method, f"/d/{token}").status_code in (403, 405)


def test_the_link_leaves_the_address_bar_for_a_cookie_of_its_own_page(browser, token):
    moved = browser.ask("GET", f"/d/{token}")

    cookie, place = moved.headers["set-cookie"], moved.headers["location"]
    assert re.fullmatch(r"/d/r/[0-9a-f]{16}", place)
    assert token not in place
    assert f"Path={place}" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert token not in browser.open(token).text


def test_over_tls_the_cookie_is_sent_over_tls_alone(approvals, token):
    settings = approvals.settings.model_copy(update={"public_url": "https://queue.test"})
    app = create_app(type(approvals)(**{**vars(approvals), "settings": settings}))

    cookie = Browser(app).ask("GET", f"/d/{token}").headers["set-cookie"]

    assert cookie.startswith("__Secure-link=")
    assert "Secure" in cookie.partition(";")[2]


def test_no_page_of_a_link_is_indexed_kept_told_of_or_runs_anything(browser, token):
    for answer in (browser.ask("GET", f"/d/{token}"), browser.open(token), browser.open("no.such.link")):
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["cache-control"] == "no-store"
        assert "unsafe" not in answer.headers["content-security-policy"]
        page = HTMLParser(answer.text)
        assert page.css("script, [onload], [onclick], [style], iframe, object, img, meta[http-equiv]") == []


def test_the_page_shows_what_is_asked_and_what_follows(browser, token):
    shown = browser.open(token)

    assert shown.status_code == 200
    assert HTMLParser(shown.text).css_first("h1").text() == "Offer for Northwind"
    for words in (
        "1200.00 for 40 shops",
        "Due 2026-03-05",
        "An offer over 1200.00 goes out.",
        "Northwind runs 40 shops.",
    ):
        assert words in told(shown)
    assert buttons(shown) == {"approve", "reject", "return"}


def test_what_an_agent_wrote_is_text(browser, links, open_request, make_offer):
    evil = '<script>alert(1)</script><img src=x onerror="alert(1)">[x](javascript:alert(1))\u202eevil'
    asked = open_request(title=evil, summary=evil, document=make_offer(title=evil))

    shown = browser.open(links.make(asked, ANNA))

    page = HTMLParser(shown.text)
    assert page.css("script, img, a[href^=javascript]") == []
    assert "\u202e" not in shown.text
    assert "RIGHT-TO-LEFT OVERRIDE" in shown.text


def test_two_links_side_by_side_keep_to_themselves(browser, links, open_request, service):
    one, other = open_request(), open_request()
    browser.open(links.make(one, ANNA))
    first = browser.address
    browser.open(links.make(other, ANNA))
    browser.address = first

    assert browser.press("approve").status_code == 303

    assert service.get(one.id).state == "approved"
    assert service.get(other.id).is_open


# -- deciding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "words", "state"),
    [("approve", None, "approved"), ("reject", "Too dear.", "rejected"), ("return", "Shorter.", "returned")],
)
def test_a_press_of_a_button_decides_and_shows_the_outcome(browser, token, asked, service, verdict, words, state):
    browser.open(token)

    pressed = browser.press(verdict, words=words)

    assert (pressed.status_code, pressed.headers["location"]) == (303, browser.address)
    decided = service.get(asked.id)
    assert (decided.state, decided.ruling.by.id, decided.ruling.by.via) == (state, ANNA, "link")
    shown = browser.ask("GET", browser.address)
    assert "by Anna.Berg@acme.example" in told(shown)
    assert words is None or words in told(shown)
    assert buttons(shown) == {"recall"}


def test_a_decision_can_be_undone_on_the_page_while_it_has_no_effect(browser, token, asked, service, clock):
    browser.open(token)
    browser.press("approve")
    assert service.get(asked.id).effective_at > clock.now

    assert browser.press("recall").status_code == 303

    assert service.get(asked.id).is_open
    assert buttons(browser.ask("GET", browser.address)) == {"approve", "reject", "return"}


def test_a_decision_that_took_effect_cannot_be_undone(browser, token, asked, service, clock):
    browser.open(token)
    browser.press("approve")
    shown = browser.ask("GET", browser.address)
    csrf = HTMLParser(shown.text).css_first("input[name=csrf]").attributes["value"]
    clock.forward(9)

    late = browser.ask("POST", browser.address, form={"csrf": csrf, "verdict": "recall"}, Sec_Fetch_Site="same-origin")

    assert late.status_code == 409
    assert service.get(asked.id).state == "approved"
    assert buttons(late) == set()


@pytest.mark.parametrize("verdict", ["reject", "return"])
def test_without_a_reason_nothing_is_decided_and_what_was_typed_stays(
    browser, token, asked, service, nothing_written, verdict
):
    browser.open(token)

    with nothing_written:
        refused = browser.press(verdict, words="  ")

    assert refused.status_code == 422
    assert "Say in a few words why." in told(refused)
    assert browser.press("approve").status_code == 303


def test_a_reason_that_came_too_late_is_not_lost(browser, token, asked, service, BEN):
    browser.open(token)
    page = browser.ask("GET", browser.address)
    csrf = HTMLParser(page.text).css_first("input[name=csrf]").attributes["value"]
    service.approve(asked.id, BEN, version=1)

    late = browser.ask(
        "POST",
        browser.address,
        form={"csrf": csrf, "verdict": "reject", "words": "My long reason."},
        Sec_Fetch_Site="same-origin",
    )

    assert late.status_code == 409
    assert "ben@acme.example has approved" in told(late)


# -- forged ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://queue.test"},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://queue.test.evil.example"},
        {"Referer": "http://queue.test/d/r/x"},
    ],
)
def test_a_form_from_elsewhere_decides_nothing(browser, token, nothing_written, headers):
    browser.open(token)

    with nothing_written:
        assert browser.press("approve", headers=headers).status_code == 403

    assert browser.press("approve").status_code == 303


def test_an_old_browser_that_tells_the_origin_decides(browser, token):
    browser.open(token)

    assert browser.press("approve", headers={"Origin": "http://queue.test"}).status_code == 303


@pytest.mark.parametrize("csrf", ["", "none", "A" * 43])
def test_a_form_without_the_pages_own_token_decides_nothing(browser, token, nothing_written, csrf):
    browser.open(token)

    with nothing_written:
        assert browser.press("approve", csrf=csrf).status_code == 403


def test_the_token_of_another_links_form_does_not_count(browser, links, asked, token, nothing_written):
    other = links.form_secret(links.read(links.make(asked, "ben@acme.example")))
    browser.open(token)

    with nothing_written:
        assert browser.press("approve", csrf=other).status_code == 403


def test_without_the_cookie_nothing_is_shown_or_decided(browser, token, links, nothing_written):
    browser.open(token)
    address, secret = browser.address, links.form_secret(links.read(token))
    stranger = Browser(browser.app)

    with nothing_written:
        shown = stranger.ask("GET", address)
        posted = stranger.ask(
            "POST", address, form={"csrf": secret, "verdict": "approve"}, Sec_Fetch_Site="same-origin"
        )

    assert (shown.status_code, posted.status_code) == (404, 404)
    assert "Northwind" not in shown.text + posted.text


@pytest.mark.parametrize("verdict", ["", "edit", "claim", "withdraw", "expire", "escalate", "sign", "release"])
def test_a_form_that_says_something_else_does_nothing(browser, token, nothing_written, verdict):
    browser.open(token)

    with nothing_written:
        assert browser.press(verdict).status_code == 403


def test_a_body_that_is_no_form_decides_nothing(browser, token, links, nothing_written):
    browser.open(token)
    secret = links.form_secret(links.read(token))

    with nothing_written:
        for kind in ("text/plain", "multipart/form-data", "application/json"):
            answer = browser.ask(
                "POST",
                browser.address,
                form={"csrf": secret, "verdict": "approve"},
                Sec_Fetch_Site="same-origin",
                Content_Type=kind,
            )
            assert answer.status_code == 403


# -- links that no longer are what they were ---------------------------------------------------------------------


def altered(token):
    return token[:-2] + ("AA" if not token.endswith("AA") else "BB")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("change", [altered, lambda token: token[:40], lambda token: "x", lambda token: "r"])
def test_an_altered_link_shows_nothing(browser, token, nothing_written, method, change):
    with nothing_written:
        answer = browser.ask(method, f"/d/{change(token)}")

    assert answer.status_code == 404
    assert "Northwind" not in answer.text
    assert "set-cookie" not in answer.headers


def test_an_altered_link_in_the_cookie_decides_nothing(browser, token, links, nothing_written):
    browser.open(token)
    secret = links.form_secret(links.read(token))
    browser.cookies[browser.address] = f"link={altered(token)}"

    with nothing_written:
        answer = browser.ask(
            "POST", browser.address, form={"csrf": secret, "verdict": "approve"}, Sec_Fetch_Site="same-origin"
        )

    assert answer.status_code == 404


def test_an_expired_link_decides_nothing_and_says_how_to_go_on(browser, token, links, asked, service, clock):
    browser.open(token)
    clock.forward(hours=72)
    secret = links.form_secret(links.read(token))

    shown = browser.ask("GET", browser.address)
    posted = browser.ask(
        "POST", browser.address, form={"csrf": secret, "verdict": "approve"}, Sec_Fetch_Site="same-origin"
    )

    assert (shown.status_code, posted.status_code) == (200, 403)
    assert buttons(shown) == set()
    assert "too old to decide by" in told(shown)
    assert "Northwind runs 40 shops" not in told(shown)
    assert HTMLParser(shown.text).css_first("a[href^='/login?next=']") is not None
    assert service.get(asked.id).is_open


def test_after_a_decision_an_expired_link_shows_the_outcome(browser, token, asked, service, BEN, clock):
    service.approve(asked.id, BEN, version=1)
    clock.forward(hours=100)

    shown = browser.open(token)

    assert shown.status_code == 200
    assert "This was approved by ben@acme.example" in told(shown)
    assert "too old" not in told(shown)
    assert buttons(shown) == set()


@pytest.mark.parametrize("act", ["reject", "return", "withdraw", "expire"])
def test_however_it_ended_the_link_tells(browser, token, asked, service, deadlines, BEN, clock, act):
    match act:
        case "reject":
            service.reject(asked.id, BEN, version=1, reason="Too dear.")
        case "return":
            service.send_back(asked.id, BEN, version=1, feedback="Shorter.")
        case "withdraw":
            service.withdraw(asked.id, "its run was cancelled")
        case "expire":
            clock.forward(days=4)
            deadlines.lapse(asked.id)

    shown = browser.open(token)

    said = {"reject": "rejected", "return": "sent back", "withdraw": "withdrawn", "expire": "expired"}[act]
    assert f"This was {said} by" in told(shown)
    assert buttons(shown) == set()


def test_a_used_link_decides_nothing_more(browser, links, open_request, service):
    asked = open_request(terms={"quorum": 2})
    browser.open(links.make(asked, ANNA))
    browser.press("approve")
    secret = links.form_secret(links.read(browser.cookies[browser.address].partition("=")[2]))

    again = browser.ask(
        "POST",
        browser.address,
        form={"csrf": secret, "verdict": "reject", "words": "No."},
        Sec_Fetch_Site="same-origin",
    )

    assert again.status_code == 403
    assert "has decided once already" in told(again)
    assert buttons(browser.ask("GET", browser.address)) == set()
    assert service.get(asked.id).is_open


def test_a_forwarded_link_decides_as_its_person_and_the_record_says_how(browser, token, asked, service, store):
    """What a link proves is that somebody reads a mailbox; that is why risk decides what it suffices for."""
    Browser(browser.app).open(token)
    browser.open(token)
    browser.press("approve")

    (entry,) = (one for one in store.entries() if one.event.name == "request.approved")
    assert (entry.event.actor, entry.event.via) == (ANNA, "link")


def test_a_link_about_an_older_version_decides_nothing(browser, token, asked, service, make_offer, nothing_written):
    service.revise(asked.id, document=make_offer(amount="900.00"))
    shown = browser.open(token)
    assert buttons(shown) == set()
    assert "Your message was about version 1; this is version 2." in told(shown)

    secret = _secret(browser)
    with nothing_written:
        posted = browser.ask(
            "POST", browser.address, form={"csrf": secret, "verdict": "approve"}, Sec_Fetch_Site="same-origin"
        )

    assert posted.status_code == 409


def _secret(browser):
    links = browser.app.state.desk.approvals.links
    return links.form_secret(links.read(browser.cookies[browser.address].partition("=")[2]))


@pytest.mark.parametrize(
    "person", ["rita@acme.example", "omar@acme.example", "gone@acme.example", "nobody@acme.example"]
)
def test_a_link_of_somebody_who_may_not_decide_offers_nothing(browser, links, asked, nothing_written, person):
    shown = browser.open(links.make(asked, person))
    secret = _secret(browser)

    with nothing_written:
        posted = browser.ask(
            "POST", browser.address, form={"csrf": secret, "verdict": "approve"}, Sec_Fetch_Site="same-origin"
        )

    assert posted.status_code == 403
    assert buttons(shown) == buttons(posted) == set()
    if person != "rita@acme.example":
        assert "Northwind" not in shown.text


# -- risk and sessions -------------------------------------------------------------------------------------------


@pytest.fixture
def with_session(approvals):
    """A browser in which this person has a session."""

    def made(email):
        return Browser(create_app(approvals, signed_in=lambda http: email))

    return made


def test_high_risk_is_never_decided_by_a_link(with_session, links, open_request, nothing_written):
    asked = open_request(flags=(Flag(code="large", message="Large.", severity="high"),))
    browser = with_session(ANNA)
    shown = browser.open(links.make(asked, ANNA))

    with nothing_written:
        posted = browser.ask(
            "POST", browser.address, form={"csrf": _secret(browser), "verdict": "approve"}, Sec_Fetch_Site="same-origin"
        )

    assert posted.status_code == 403
    assert "no link decides it" in told(posted)
    assert f"/login?next=/r/{asked.id}" in posted.text
    assert buttons(shown) == set()


@pytest.mark.parametrize("session", [None, "anna.berg@acme.example"])
def test_medium_risk_is_decided_by_a_link_beside_a_session_of_its_person(
    with_session, links, open_request, service, session
):
    asked = open_request(flags=(Flag(code="new", message="A new customer."),))
    browser = with_session(session)
    shown = browser.open(links.make(asked, ANNA))

    posted = browser.ask(
        "POST", browser.address, form={"csrf": _secret(browser), "verdict": "approve"}, Sec_Fetch_Site="same-origin"
    )

    assert posted.status_code == (403 if session is None else 303)
    assert buttons(shown) == (set() if session is None else {"approve", "reject", "return"})
    assert f"/login?next={browser.address}" in shown.text or session is not None
    assert service.get(asked.id).is_open == (session is None)


def test_beside_a_session_of_somebody_else_a_link_decides_nothing(with_session, token, asked, nothing_written):
    browser = with_session("ben@acme.example")
    shown = browser.open(token)

    with nothing_written:
        posted = browser.ask(
            "POST", browser.address, form={"csrf": _secret(browser), "verdict": "approve"}, Sec_Fetch_Site="same-origin"
        )

    assert posted.status_code == 403
    assert "You are signed in as ben@acme.example" in told(posted)
    assert buttons(shown) == set()


def test_a_colleagues_claim_is_named(browser, token, asked, service, BEN):
    service.claim(asked.id, BEN)

    shown = browser.open(token)

    assert "ben@acme.example is working on this request." in told(shown)
    assert buttons(shown) == set()


def test_an_unsupported_claim_is_not_vouched_for_by_a_link(with_session, links, open_request, make_offer):
    asked = open_request(document=make_offer(claims=[{"id": "c1", "text": "Nobody says so."}]))
    browser = with_session(ANNA)
    browser.open(links.make(asked, ANNA))

    refused = browser.press("approve")

    assert refused.status_code == 422
    assert "No source supports c1" in told(refused)


def test_the_same_decision_over_a_session_first_leaves_the_link_to_tell_of_it(browser, token, asked, service, ANNA):
    service.decide(asked.id, Approve(), ANNA, version=1)

    assert "This was approved by anna.berg@acme.example" in told(browser.open(token))
