"""Insights and the record."""

from __future__ import annotations


def test_insights_count_what_people_decided(browse, open_request, service, make_offer, BEN):
    for _ in range(3):
        service.approve(open_request().id, BEN, version=1)
    service.approve(open_request().id, BEN, version=1, edited=make_offer(title="Another"))
    service.reject(open_request().id, BEN, version=1, reason="no")
    open_request()

    page = browse(BEN).get("/insights")

    assert page.said(".figures div:nth-child(1)") == "Waiting now 1 none overdue"
    assert page.said(".figures div:nth-child(3)") == "Approved unchanged 60 % of 5 decisions"
    assert page.said(".meters li") == "Offer · Title 1 of 4 approved 25 %"
    assert sum(int(one.text()) for one in page.all(".table td.num")[: 28 * 3]) == 5
    assert all(one.css_first("title") for one in page.all(".chart rect"))


def test_insights_show_nothing_of_what_does_not_concern_the_reader(browse, open_request, service, BEN, OMAR):
    service.approve(open_request().id, BEN, version=1)

    page = browse(OMAR).get("/insights")

    assert "Ben Okoro" not in page.said()


def test_the_record_is_for_administrators(browse, open_request, BEN, ADA):
    request = open_request()

    refused, shown = browse(BEN).get("/audit"), browse(ADA).get("/audit")

    assert refused.status == 403
    assert request.id not in refused.text
    assert "Request opened" in shown.said("table")


def test_verifying_tells_whether_the_record_fits(browse, open_request, ADA):
    open_request()
    browser = browse(ADA)

    page = browser.submit(browser.get("/audit"), "form[action='/audit/verify']")

    assert "The record fits: 2 entries" in page.said(".note")
