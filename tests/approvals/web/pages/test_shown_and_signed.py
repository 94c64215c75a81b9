"""What a page showed is what its form signs: whatever was kept, sent twice, or changed elsewhere in between."""

from __future__ import annotations

import json

import pytest

TWO = [{"id": "c1", "text": "Northwind runs 40 shops."}, {"id": "c2", "text": "It has an office in Leeds."}]
BOTH = {
    "facts": [
        {"id": f"f{n}", "key": "k", "value": "v", "quote": one["text"], "source_id": "s1"} for n, one in enumerate(TWO)
    ]
}


def fields_of(page, verdict="approve"):
    """The fields that the preview's form sends."""
    inside = page.one("form[data-decide]").css("input")
    return [*((one.attributes["name"], one.attributes["value"]) for one in inside), ("verdict", verdict)]


def test_approving_from_the_preview_signs_the_draft_that_it_shows(browse, open_request, service, make_offer, BEN):
    request = open_request()
    service.save_working_copy(request.id, make_offer(title="What I began to type"), BEN, version=1)
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}/peek")

    answer = browser.post(f"/r/{request.id}/decide", fields_of(page))

    assert answer.status == 303
    assert service.get(request.id).ruling.document == request.content.document


def test_who_may_edit_no_longer_signs_the_draft_and_not_what_they_kept(
    browse, open_request, service, people, make_offer, BEN
):
    request = open_request({"editors": ("legal",)})
    service.save_working_copy(request.id, make_offer(title="As legal"), BEN, version=1)
    people.change("ben@acme.example", groups=("sales",))
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, "form#decide", ("verdict", "approve"))

    assert service.get(request.id).ruling.document == request.content.document


def test_a_page_from_before_another_tab_moved_rows_signs_what_it_shows(browse, open_request, service, make_offer, BEN):
    request = open_request(document=make_offer(claims=TWO), evidence=BOTH)
    browser = browse(BEN)
    first = browser.get(f"/r/{request.id}")
    browser.submit(browser.get(f"/r/{request.id}"), "form#decide", ("__do", "up:d.claims.1"))

    browser.submit(first, "form#decide", ("verdict", "approve"))

    ruling = service.get(request.id).ruling
    assert json.loads(ruling.document)["claims"] == TWO
    assert not ruling.edited


def test_a_form_goes_on_from_what_it_showed_however_often_it_is_saved(browse, open_request, service, make_offer, BEN):
    request = open_request(document=make_offer(claims=TWO), evidence=BOTH)
    browser = browse(BEN)
    browser.submit(browser.get(f"/r/{request.id}"), "form#decide", ("__do", "up:d.claims.1"))
    moved = browser.get(f"/r/{request.id}")
    for title in ("One", "Two"):
        assert browser.submit(moved, "form#decide", ("verdict", "save"), **{"d.title": title}).status == 303

    browser.submit(moved, "form#decide", ("verdict", "approve"), **{"d.title": "Three"})

    signed = json.loads(service.get(request.id).ruling.document)
    assert (signed["title"], signed["claims"]) == ("Three", TWO[::-1])


def test_a_form_that_shows_neither_the_draft_nor_what_is_kept_signs_nothing(
    browse, open_request, service, make_offer, unchanged, BEN
):
    request = open_request(document=make_offer(claims=TWO), evidence=BOTH)
    browser = browse(BEN)
    browser.submit(browser.get(f"/r/{request.id}"), "form#decide", ("__do", "up:d.claims.1"))
    moved = browser.get(f"/r/{request.id}")
    browser.submit(browser.get(f"/r/{request.id}"), "form#decide", ("__do", "remove:d.claims.0"))

    with unchanged(service.get(request.id)):
        answer = browser.submit(moved, "form#decide", ("verdict", "approve"))

    assert answer.status == 409
    assert "another tab" in answer.said(".note")


def test_what_was_typed_on_a_replaced_version_is_told_as_it_was_typed(browse, open_request, service, make_offer, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    service.revise(request.id, document=make_offer(title="The agent's second thought", amount="900.00"))

    answer = browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.title": "My title"})

    lost = answer.said("#lost")
    assert answer.status == 409
    assert "My title" in lost
    assert "900" not in lost
    assert service.get(request.id).is_open


def test_a_high_risk_draft_that_was_replaced_is_not_even_confirmed(browse, open_request, service, make_offer, BEN):
    request = open_request(flags=[{"code": "cheap", "message": "Below the floor", "severity": "high"}])
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    service.revise(request.id, document=make_offer(title="Another"))

    answer = browser.submit(page, "form#decide", ("verdict", "approve"))

    assert (answer.status, answer.all(".confirm")) == (409, [])


# -- the same form, and another one ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "the-same-key"])
def test_a_form_for_another_request_is_never_answered_with_the_first_ones_result(
    browse, open_request, service, BEN, key
):
    one, other = open_request(), open_request()
    browser = browse(BEN)
    fields = [
        ("csrf", browser.csrf),
        ("version", "1"),
        ("verdict", "approve"),
        *([] if key is None else [("key", key)]),
    ]
    browser.post(f"/r/{one.id}/decide", fields)

    answer = browser.post(f"/r/{other.id}/decide", fields)

    decided = service.get(other.id).state == "approved"
    assert (answer.status, decided) == ((409, False) if key else (303, True))


def test_another_verdict_under_the_same_key_decides_nothing_and_loses_nothing(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    browser.submit(page, "form#decide", ("verdict", "approve"))
    service.recall(request.id, BEN)

    answer = browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.title": "Other words"})

    assert answer.status == 409
    assert service.get(request.id).is_open
    assert answer.one("[name='d.title']").attributes["value"] == "Other words"


def test_a_key_as_long_as_somebody_likes_is_a_key(browse, open_request, service, BEN):
    request = open_request()

    browser = browse(BEN)
    fields = [("csrf", browser.csrf), ("version", "1"), ("verdict", "approve"), ("key", "k" * 100_000)]

    answer = browser.post(f"/r/{request.id}/decide", fields)

    assert answer.status == 303
    assert service.get(request.id).state == "approved"


def test_several_sent_twice_are_approved_once_and_answered_alike(browse, open_request, events, BEN):
    requests = [open_request() for _ in range(3)]
    browser = browse(BEN)
    page = browser.get("/queue")
    picks = [("pick", f"{request.id}.1") for request in requests]

    first, second = (browser.submit(page, "form#bulk", *picks) for _ in range(2))

    assert first.status == second.status == 303
    assert first.address == second.address
    assert [events(request.id).count("request.approved") for request in requests] == [1, 1, 1]


def test_several_sent_again_after_undo_approve_nothing_and_say_so(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get("/queue")
    browser.submit(page, "form#bulk", ("pick", f"{request.id}.1"))
    service.recall(request.id, BEN)

    again = browser.submit(page, "form#bulk", ("pick", f"{request.id}.1"))

    assert "You took this decision back" in again.said()
    assert service.get(request.id).is_open


# -- where it leads ----------------------------------------------------------------------------------------------


def test_a_script_is_told_where_to_go_in_letters_that_a_header_can_hold(browse, open_request, service, BEN):
    request = open_request()

    browser = browse(BEN)
    fields = [("csrf", browser.csrf), ("version", "1"), ("verdict", "approve"), ("next", "/queue?q=日本&view=all#top")]

    answer = browser.post(f"/r/{request.id}/decide", fields, X_Fragment="confirm")

    assert answer.status == 204
    assert answer.headers["x-location"] == f"/queue?q=%E6%97%A5%E6%9C%AC&view=all&done={request.id}#top"
    assert service.get(request.id).state == "approved"


def test_a_filter_that_is_none_leaves_the_decided_ones_decided(browse, open_request, service, BEN):
    waiting, decided = open_request(), open_request()
    service.approve(decided.id, BEN, version=1)

    page = browse(BEN).get("/decided?sort=bogus")

    assert [one.attributes["data-id"] for one in page.all("li.req")] == [decided.id]
    assert waiting.id not in page.text


def test_what_is_overdue_is_counted_among_what_the_reader_sees(browse, open_request, clock, BEN, OMAR):
    for _ in range(3):
        open_request()
    clock.forward(days=30)

    assert "3 overdue" in browse(BEN).get("/insights").said()
    assert "none overdue" in browse(OMAR).get("/insights").said()
