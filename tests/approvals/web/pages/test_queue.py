"""The list of what waits: its rows, its counts, its filters and its preview."""

from __future__ import annotations

import pytest

VIEWS = ("mine", "all", "high", "others", "snoozed")
HIGH = {"flags": [{"code": "too_cheap", "message": "Below the floor", "severity": "high"}]}


def test_a_row_says_what_is_asked_and_leads_to_it(browse, open_request, BEN):
    request = open_request(about="Northwind", amount="1200.00", currency="USD")

    page = browse(BEN).get("/queue")

    row = page.one("li.req")
    assert row.attributes["data-id"] == request.id
    assert page.one("li.req a.title").attributes["href"] == f"/r/{request.id}"
    assert "Offer for Northwind" in page.said("li.req")
    assert "$1,200" in page.said("li.req .amount")


def test_what_is_fine_shows_no_pill(browse, open_request, BEN):
    open_request()

    page = browse(BEN).get("/queue")

    assert page.all("li.req .pill") == []


def test_exceptions_are_pills_with_words(browse, open_request, BEN):
    open_request(**HIGH)

    page = browse(BEN).get("/queue")

    assert page.said("li.req .marks") == "High risk 1 check"


@pytest.mark.parametrize("view", VIEWS)
def test_a_count_is_the_length_of_its_list(browse, open_request, service, clock, BEN, view):
    for _ in range(3):
        open_request()
    open_request(**HIGH)
    snoozed = open_request()
    service.snooze(snoozed.id, BEN, clock().replace(hour=18))
    service.approve(open_request(terms={"quorum": 2}).id, BEN, version=1)

    page = browse(BEN).get(f"/queue?view={view}")

    counted = {str(one.attributes["data-view"]): one.css_first("b") for one in page.all(".side a[data-view]")}
    rows = len(page.all("li.req"))
    assert page.one("#total").attributes["data-total"] == str(rows)
    if (badge := counted[view]) is not None:
        assert badge.attributes["data-count"] == str(rows)


def test_groups_stand_under_their_deadlines(browse, open_request, clock, BEN):
    open_request(terms={"due": "30m"})
    open_request(terms={"due": "5h"})
    open_request(terms={"due": "3d"})

    page = browse(BEN).get("/queue")

    assert [one.text() for one in page.all(".list h2")] == ["Within the hour", "Next 24 hours", "This week"]


def test_a_search_that_finds_nothing_says_so_and_offers_a_next_step(browse, open_request, BEN):
    open_request()

    page = browse(BEN).get("/queue?q=zzzzqq")

    assert "No request matches “zzzzqq”" in page.said(".empty h2")
    assert page.one(".empty a.btn").attributes["href"] == "/queue?view=all&q=zzzzqq"
    assert page.all("#peek") == []


def test_an_address_that_means_nothing_shows_the_usual_list(browse, open_request, BEN):
    open_request()

    page = browse(BEN).get("/queue?view=%00nonsense&sort=sideways&gate=offer")

    assert page.status == 200
    assert len(page.all("li.req")) == 1


def test_the_next_rows_follow_without_repeating_any(browse, open_request, BEN):
    for _ in range(45):
        open_request()
    browser = browse(BEN)
    first = browser.get("/queue")

    second = browser.get(str(first.one("#more a").attributes["href"]), X_Fragment="rows")

    ids = [one.attributes["data-id"] for one in (*first.all("li.req"), *second.all("li.req"))]
    assert len(ids) == len(set(ids)) == 45
    assert second.all("html > body > nav") == []


def test_the_preview_shows_the_first_row_with_its_buttons(browse, open_request, BEN):
    request = open_request()

    page = browse(BEN).get("/queue")

    assert page.one("#peek").attributes["data-id"] == request.id
    assert "An offer over 1200.00 goes out." in page.said("#peek")
    assert page.one("#peek form").attributes["action"] == f"/r/{request.id}/decide"


def test_high_risk_cannot_be_approved_from_the_list(browse, open_request, BEN):
    open_request(**HIGH)

    page = browse(BEN).get("/queue")

    assert page.all("#peek form") == []
    assert "Review to approve" in page.said("#peek footer")


def test_whoever_only_looks_gets_no_buttons(browse, open_request, VERA):
    open_request()

    page = browse(VERA).get("/queue?view=all")

    assert len(page.all("li.req")) == 1
    assert page.verdicts() == set()


def test_ticked_rows_are_approved_together_and_can_be_taken_back(browse, open_request, service, BEN):
    requests = [open_request() for _ in range(3)]
    browser = browse(BEN)
    page = browser.get("/queue")

    picks = [("pick", f"{request.id}.1") for request in requests]
    answer = browser.submit(page, "form#bulk", *picks)
    after = browser.get(answer.address)
    undone = browser.submit(after, "form[data-undo]")

    assert answer.status == 303
    assert "Approved 3 requests" in after.said("[data-done]")
    assert undone.status == 303
    assert [service.get(request.id).state for request in requests] == ["pending"] * 3


def test_bulk_leaves_what_needs_a_closer_look_and_says_why(browse, open_request, service, BEN):
    plain, risky = open_request(), open_request(**HIGH)
    browser = browse(BEN)
    page = browser.get("/queue")

    answer = browser.submit(page, "form#bulk", ("pick", f"{plain.id}.1"), ("pick", f"{risky.id}.1"))

    assert "It is high risk" in answer.said()
    assert service.get(plain.id).state == "approved"
    assert service.get(risky.id).state == "pending"


def test_undo_after_its_time_is_refused_honestly(browse, open_request, service, clock, BEN):
    request = open_request()
    service.approve(request.id, BEN, version=1, recall=8)
    clock.forward(9)

    browser = browse(BEN)
    page = browser.post("/undo", [("id", request.id), ("next", "/queue"), ("csrf", browser.csrf)])

    assert page.status == 409
    assert "could not be taken back" in page.said("h1")
    assert service.get(request.id).state == "approved"


def test_decided_requests_show_who_decided_and_how(browse, open_request, service, make_offer, BEN):
    request = open_request()
    service.approve(request.id, BEN, version=1, edited=make_offer(title="Another title"))

    page = browse(BEN).get("/decided")

    assert "Approved with edits" in page.said("li.req .marks")
    assert "Ben Okoro" in page.said("li.req .face")
    assert page.all(".pick") == []


def test_a_list_is_kept_under_a_name_and_forgotten_again(browse, open_request, BEN, CLEO):
    open_request(amount="10.00", currency="EUR")
    browser = browse(BEN)

    page = browser.get("/queue?view=all&sort=value")
    kept = browser.submit(page, "form[action='/views']", name="Big ones")
    shown = browser.get(kept.address)

    assert kept.address == "/queue?view=all&sort=value"
    assert "Big ones" in shown.said("nav.side")
    assert "Big ones" not in browse(CLEO).get("/queue").said("nav.side")
    forgotten = browser.submit(shown, "form[action$='/remove']")
    assert forgotten.status == 303
    assert "Big ones" not in browser.get("/queue").said("nav.side")


def test_only_an_administrator_keeps_a_list_for_everybody(browse, open_request, BEN, ADA):
    open_request()

    assert browse(BEN).get("/queue").all("input[name=shared]") == []
    refused = browse(BEN).post(
        "/views", [("name", "x"), ("query", "view=all"), ("shared", "on"), ("csrf", browse(BEN).csrf)]
    )
    ada = browse(ADA)
    ada.post("/views", [("name", "Legal"), ("query", "view=all"), ("shared", "on"), ("csrf", ada.csrf)])

    assert refused.status == 403
    assert "Legal" in browse(BEN).get("/queue").said("nav.side")
