"""What agents wrote is text, nothing runs that this server does not ship, and every page says so."""

from __future__ import annotations

import re

import pytest

from approvals.web.headers import POLICY

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>javascript:alert(1)</b>"


@pytest.fixture
def hostile(open_request, make_offer):
    return open_request(
        title=HOSTILE,
        summary=HOSTILE,
        about=HOSTILE,
        document=make_offer(title=HOSTILE),
        evidence={
            "sources": [{"id": "s1", "address": "javascript:alert(1)", "title": HOSTILE}],
            "facts": [{"id": "f1", "key": HOSTILE, "value": "1", "quote": HOSTILE, "source_id": "s1"}],
            "findings": [{"claim_id": HOSTILE, "support": "unsupported", "reasons": [HOSTILE]}],
        },
        flags=[{"code": "odd", "message": HOSTILE, "severity": "warning"}],
    )


PAGES = (
    "/queue",
    "/queue?q=<script>alert(1)</script>",
    "/decided",
    "/insights",
    "/r/{id}",
    "/r/{id}/peek",
    "/r/NOPE",
    "/nothing",
)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_markup_script_or_style_of_others(browse, hostile, service, BEN, path):
    service.comment(hostile.id, HOSTILE, BEN)

    page = browse(BEN).get(path.format(id=hostile.id))

    assert [one for one in page.all("script") if one.text().strip() or not one.attributes.get("src")] == []
    assert page.all("style, iframe, object, embed, base, img") == []
    assert [name for one in page.all("*") for name in one.attributes if name.startswith("on") or name == "style"] == []
    targets = [str(one.attributes.get("href") or "") for one in page.all("[href]")]
    assert [one for one in targets if not re.match(r"(/|#|https?://)", one)] == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_carries_the_policy_and_is_kept_nowhere(browse, hostile, BEN, path):
    page = browse(BEN).get(path.format(id=hostile.id))

    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"


def test_only_plain_web_addresses_are_links_and_they_tell_nothing_of_us(browse, open_request, BEN):
    request = open_request()

    page = browse(BEN).get(f"/r/{request.id}")

    link = page.one(".source a")
    assert link.attributes["href"] == link.text() == "https://northwind.example/about"
    assert link.attributes["rel"] == "noopener noreferrer nofollow"


def test_every_form_that_acts_carries_the_sessions_token(browse, open_request, BEN):
    request = open_request()

    page = browse(BEN).get(f"/r/{request.id}")

    for form in page.all("form[method=post]"):
        assert form.css_first("input[name=csrf]").attributes["value"]


def test_what_hides_in_a_text_is_told_with_a_raw_view(browse, open_request, make_offer, BEN):
    request = open_request(document=make_offer(title="Pay\u202eGPB 9"))

    page = browse(BEN).get(f"/r/{request.id}")

    assert "turns the direction" in page.said(".characters")
    assert page.all(".spelled")


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere_after_an_act(browse, BEN, address):
    browser = browse(BEN)

    answer = browser.post("/theme", [("theme", "dark"), ("next", address), ("csrf", browser.csrf)])

    assert answer.address == "/queue"
    assert "theme=dark" in answer.headers["set-cookie"]


def test_assets_are_kept_for_good_under_their_digest(browse, BEN):
    browser = browse(BEN)
    page = browser.get("/queue")
    address = str(page.one("link[rel=stylesheet]").attributes["href"])

    current, other = browser.get(address), browser.get("/static/0000000000000000/app.css")

    assert "immutable" in current.headers["cache-control"]
    assert other.headers["cache-control"] == "no-cache"
    assert browser.get("/static/0/nothing.css").status == 404


@pytest.mark.parametrize("path", ["/queue", "/r/{id}", "/insights", "/decided"])
def test_a_page_has_one_heading_and_its_landmarks(browse, open_request, BEN, path):
    request = open_request()

    page = browse(BEN).get(path.format(id=request.id))

    assert len(page.all("h1")) == 1
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("main").attributes["id"] == "main"
    ids = [one.attributes["id"] for one in page.all("[id]")]
    assert len(ids) == len(set(ids))


def test_a_failure_is_told_without_its_insides(browse, open_request, make_client, app, service, monkeypatch, BEN):
    request = open_request()
    browser = browse(BEN)
    browser._client = make_client(app, raising=False)
    monkeypatch.setattr(service, "allowed_actions", lambda *_: 1 / 0)

    page = browser.get(f"/r/{request.id}")

    assert page.status == 500
    assert "Nothing was decided" in page.said()
    assert "division" not in page.text
    assert re.search(r"Reference [0-9a-f]{16}", page.said())
