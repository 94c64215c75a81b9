"""The page of one request: what it shows, and what its forms do without script."""

from __future__ import annotations

import json

import pytest

from approvals.lifecycle import Action
from approvals.ports import Effect

HIGH = {"flags": [{"code": "too_cheap", "message": "Below the floor", "severity": "high"}]}
VERDICT_OF = {Action.APPROVE: "approve", Action.REJECT: "reject", Action.RETURN: "return"}


@pytest.mark.parametrize("who", ["BEN", "RITA", "VERA", "ADA", "DORA"])
@pytest.mark.parametrize("state", ["open", "claimed", "approved", "withdrawn"])
def test_the_buttons_are_the_allowed_actions(browse, open_request, service, request, CLEO, ADA, who, state):
    actor = request.getfixturevalue(who)
    asked = open_request(terms={"on_timeout": "escalate", "escalate_to": ("managers",)})
    if state == "claimed":
        service.claim(asked.id, CLEO)
    elif state == "approved":
        service.approve(asked.id, CLEO, version=1, recall=8)
    elif state == "withdrawn":
        service.withdraw(asked.id, "no longer needed", ADA)
    current = service.get(asked.id)
    allowed = service.allowed_actions(current, actor)

    page = browse(actor).get(f"/r/{asked.id}")

    assert page.status == 200
    assert page.verdicts() == {VERDICT_OF[one] for one in allowed if one in VERDICT_OF}
    assert bool(page.all("form[data-undo]")) == (Action.RECALL in allowed)
    assert bool(page.all("form[action$='/withdraw']")) == (Action.WITHDRAW in allowed)
    assert bool(page.all("form[action$='/claim']")) == (Action.CLAIM in allowed and current.claimed_by != actor.id)


def test_a_decision_that_the_run_has_not_taken_up_is_shown_as_recorded(
    browse, open_request, service, gatekeeper, clock, WORKER, BEN
):
    """Prefect is away: the decision stands, and nobody need do anything about it."""
    asked = open_request()
    service.approve(asked.id, BEN, version=1, recall=0)

    at_once = browse(BEN).get(f"/r/{asked.id}").said("[data-outcome]")
    clock.forward(60)
    later = browse(BEN).get(f"/r/{asked.id}").said("[data-outcome]")
    gatekeeper.take_up(asked.id, asked.run.id, WORKER)
    taken_up = browse(BEN).get(f"/r/{asked.id}").said("[data-outcome]")

    assert "Recorded. The run has not taken it up yet" in later
    assert "Recorded" not in at_once + taken_up
    assert "approved this" in later


def test_whoever_it_does_not_concern_finds_nothing_there(browse, open_request, OMAR):
    request = open_request()

    page = browse(OMAR).get(f"/r/{request.id}")

    assert page.status == 404
    assert "Northwind" not in page.text


def test_an_untouched_form_signs_the_agents_document_byte_for_byte(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    answer = browser.submit(page, "form#decide", ("verdict", "approve"))

    ruling = service.get(request.id).ruling
    assert answer.status == 303
    assert ruling.document == request.content.document
    assert not ruling.edited


def test_an_edit_is_signed_with_its_reason(browse, open_request, service, make_offer, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, "form#decide", ("verdict", "approve"), ("tags", "price"), **{"d.amount": "1,150.50"})

    ruling = service.get(request.id).ruling
    assert json.loads(ruling.document) == make_offer(amount="1150.50")
    assert [change.path for change in ruling.changes] == ["amount"]
    assert ruling.tags == ("price",)


def test_what_was_kept_can_be_thrown_away_for_the_draft(browse, open_request, service, make_offer, BEN):
    request = open_request()
    service.save_working_copy(request.id, make_offer(amount="1.00"), BEN, version=1)
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, f"form[action^='/r/{request.id}/discard']")

    assert "is restored" in page.said(".note")
    assert service.working_copy(request.id, BEN) is None
    assert not browser.get(f"/r/{request.id}").all(".note")


def test_the_same_amount_in_another_spelling_is_no_edit(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.amount": "1200"})

    assert not service.get(request.id).ruling.edited


def test_a_decision_can_be_taken_back_for_as_long_as_the_policy_says(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    decided = browser.submit(browser.get(f"/r/{request.id}"), "form#decide", ("verdict", "approve"))

    after = browser.get(decided.address)
    browser.submit(after, ".flash form[data-undo]")

    assert "It takes effect in 8 s." in after.said("[data-done]")
    assert service.get(request.id).state == "pending"


def test_pressing_enter_in_a_field_saves_and_decides_nothing(browse, open_request, service, BEN):
    request = open_request()
    page = browse(BEN).get(f"/r/{request.id}")

    first = page.one("form#decide").css_first("button")

    assert first.attributes["name"] != "verdict"


def test_what_was_typed_so_far_is_kept_and_shown_again(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, "form#decide", ("verdict", "save"), **{"d.title": "Typed so far"})
    again = browser.get(f"/r/{request.id}")

    assert again.one("[name='d.title']").attributes["value"] == "Typed so far"
    assert again.said("[data-part=approve]") == "Approve with 1 edit Ctrl ↵"
    assert again.one("#changes ins").text().strip() == "Typed so far"
    assert service.get(request.id).state == "pending"


def test_what_does_not_fit_is_told_under_its_field_and_nothing_is_lost(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    answer = browser.submit(
        page, "form#decide", ("verdict", "approve"), **{"d.amount": "-5", "d.title": "Another title"}
    )

    assert answer.status == 422
    assert answer.one("[name='d.title']").attributes["value"] == "Another title"
    assert answer.one("[name='d.amount']").attributes["aria-invalid"] == "true"
    assert answer.one("#errors a").attributes["href"] == "#f-d.amount"
    assert service.get(request.id).state == "pending"


def test_what_the_class_refuses_as_a_whole_is_told_above_the_form(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    answer = browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.discount": "5000"})

    assert answer.status == 422
    assert "the discount is larger than the amount" in answer.said("#errors")


@pytest.mark.parametrize(("verdict", "panel"), [("reject", "#reject"), ("return", "#return")])
def test_no_without_a_reason_is_asked_for_one(browse, open_request, service, BEN, verdict, panel):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    answer = browser.submit(page, f"{panel} form", ("verdict", verdict))

    assert answer.status == 422
    assert "open" in answer.one(panel).attributes
    assert service.get(request.id).state == "pending"


def test_a_rejection_keeps_its_reason(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    answer = browser.submit(page, "#reject form", ("verdict", "reject"), reason="We do not sell there.")

    assert answer.status == 303
    assert service.get(request.id).ruling.reason == "We do not sell there."


def test_a_return_says_what_should_be_different(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, "#return form", ("verdict", "return"), feedback="Name the shops.")

    assert service.get(request.id).ruling.feedback == "Name the shops."


def test_high_risk_is_approved_only_through_the_step_that_repeats_what_follows(browse, open_request, service, BEN):
    request = open_request(**HIGH)
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    between = browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.title": "Read closely"})
    before = service.get(request.id).state
    answer = browser.submit(between, ".confirm form", ("verdict", "approve"))

    assert "An offer over 1200.00 goes out." in between.said(".confirm")
    assert before == "pending"
    assert answer.status == 303
    assert json.loads(service.get(request.id).ruling.document)["title"] == "Read closely"


def test_what_was_confirmed_of_another_document_confirms_nothing(browse, open_request, service, BEN):
    request = open_request(**HIGH)
    browser = browse(BEN)
    between = browser.submit(browser.get(f"/r/{request.id}"), "form#decide", ("verdict", "approve"))

    answer = browser.submit(between, ".confirm form", ("verdict", "approve"), **{"d.amount": "9.00"})

    assert answer.all(".confirm")
    assert service.get(request.id).state == "pending"


def test_a_claim_without_a_source_is_approved_once_somebody_answers_for_it(
    browse, open_request, service, make_offer, BEN
):
    request = open_request(document=make_offer(claims=[{"id": "c1", "text": "They love us."}]))
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    refused = browser.submit(page, "form#decide", ("verdict", "approve"))
    answer = browser.submit(refused, "form#decide", ("verdict", "approve"), ("vouched", "c1"))

    assert refused.status == 422
    assert "They love us." in refused.said("#vouching")
    assert answer.status == 303
    assert service.get(request.id).ruling.vouched == ("c1",)


def test_decided_by_somebody_else_names_them_and_keeps_the_edits(browse, open_request, service, clock, BEN, CLEO):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    service.approve(request.id, CLEO, version=1)
    clock.forward(minutes=2)

    answer = browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.title": "What I typed"})

    assert answer.status == 409
    assert "Cleo Marsh decided this (approved, 2 min ago). Your edits are kept." in answer.said()
    assert "What I typed" in answer.said("#lost")
    assert answer.verdicts() == set()


def test_a_stale_version_says_what_changed_and_keeps_the_edits(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    service.revise(request.id, based_on={"crm:northwind": "v2"})

    answer = browser.submit(page, "form#decide", ("verdict", "approve"), **{"d.title": "What I typed"})

    assert answer.status == 409
    assert "This changed since you read it. Your edits are kept." in answer.said()
    assert answer.one("[name='d.title']").attributes["value"] == "What I typed"
    assert answer.one("form#decide [name=version]").attributes["value"] == "2"


def test_records_that_moved_are_told_before_anybody_approves(browse, open_request, service, examiner, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    examiner.world["crm:northwind"] = "v2"

    answer = browser.submit(page, "form#decide", ("verdict", "approve"))

    assert answer.status == 409
    assert "crm:northwind: was v1, is v2" in answer.said()
    assert service.get(request.id).state == "pending"


def test_what_somebody_changed_since_stands_in_three_columns(browse, open_request, examiner, BEN):
    moved = Effect(record="Company Northwind", field="phone", before="1", base="1", now="2", after="3", moved=True)
    price = Effect(record="Offer Shops", field="unit_price", base="10", now="12", after="10", moved=True, rests_on="c:")
    examiner.effects = (moved, price, Effect(record="Company Northwind", field="email", after="x"))
    request = open_request()
    browser = browse(BEN)

    page = browser.get(f"/r/{request.id}")

    assert [cell.text(strip=True) for cell in page.all("#moved thead th")] == [
        "What", "When planned", "Now", "Proposed",
    ]  # fmt: skip
    assert [cell.text(strip=True) for cell in page.all("#moved tbody tr > *")] == [
        "Company Northwind · Phone", "1", "2", "3",
    ]  # fmt: skip


def test_what_only_rests_on_something_is_told_once_that_has_moved(browse, open_request, examiner, BEN):
    examiner.effects = (
        Effect(record="Offer Shops", field="unit_price", base="10", after="10", moved=True, rests_on="crm:northwind"),
    )
    request = open_request()
    browser = browse(BEN)
    before = browser.get(f"/r/{request.id}")
    examiner.world["crm:northwind"] = "v2"
    browser.submit(before, "form#decide", ("verdict", "approve"))

    after = browser.get(f"/r/{request.id}")

    assert not before.all("#moved")
    assert [cell.text(strip=True) for cell in after.all("#moved tbody tr > *")] == [
        "Offer Shops · Unit price", "10", "nothing", "10",
    ]  # fmt: skip


def test_where_nothing_moved_there_are_no_columns(browse, open_request, BEN):
    assert not browse(BEN).get(f"/r/{open_request().id}").all("#moved")


def test_the_same_form_sent_twice_decides_once(browse, open_request, service, events, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")

    first = browser.submit(page, "form#decide", ("verdict", "approve"))
    second = browser.submit(page, "form#decide", ("verdict", "approve"))

    assert (first.status, second.status) == (303, 303)
    assert events(request.id).count("request.approved") == 1


def test_a_form_sent_again_after_undo_decides_nothing_unseen(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    browser.submit(page, "form#decide", ("verdict", "approve"))
    service.recall(request.id, BEN)

    again = browser.submit(page, "form#decide", ("verdict", "approve"))

    assert again.status == 409
    assert "You took this decision back." in again.said()


def test_the_parts_that_follow_the_typing_are_told_without_deciding(browse, open_request, service, unchanged, BEN):
    request = open_request()
    browser = browse(BEN)
    page = browser.get(f"/r/{request.id}")
    form = page.one("form#decide")
    form.attrs["action"] = f"/r/{request.id}/diff"

    with unchanged(service.get(request.id)):
        parts = browser.submit(page, "form#decide", **{"d.amount": "900.00"})

    assert "An offer over 900.00 goes out." in parts.said("[data-part=rail]")
    assert parts.said("[data-part=approve-label]") == "Approve with 1 edit"


def test_claiming_snoozing_and_commenting_need_no_script(browse, open_request, service, BEN):
    request = open_request()
    browser = browse(BEN)

    browser.submit(browser.get(f"/r/{request.id}"), "form[action$='/claim']")
    claimed = service.get(request.id).claimed_by
    browser.submit(browser.get(f"/r/{request.id}"), "form[action$='/release']")
    browser.submit(browser.get(f"/r/{request.id}"), "form[action$='/comment']", text="Who is this?")
    page = browser.get(f"/r/{request.id}")
    until = str(page.all("#snooze button")[0].attributes["value"])
    browser.submit(page, "#snooze form", ("until", until))

    assert claimed == "ben@acme.example"
    assert service.get(request.id).claimed_by is None
    assert "Who is this?" in page.said("#activity")
    assert service.snoozed(request.id, BEN) is not None


def test_an_earlier_round_stands_beside_the_new_one_with_what_was_said(browse, open_request, service, make_offer, BEN):
    first = open_request(key="again")
    service.send_back(first.id, BEN, version=1, feedback="Name the price.")
    second = open_request(key="again", nth=2, document=make_offer(title="Offer with a price"))

    page = browse(BEN).get(f"/r/{second.id}")

    assert "Round 2 of 3" in page.said(".meta")
    assert "Name the price." in page.said("#versions")
    assert "with a price" in page.said("#versions ins")


def test_an_answered_request_shows_the_answer_that_counted(browse, open_request, service, make_offer, BEN):
    request = open_request()
    service.approve(request.id, BEN, version=1, edited=make_offer(title="As signed"))

    page = browse(BEN).get(f"/r/{request.id}")

    assert "You approved this with 1 edit" in page.said(".note.ok")
    assert "As signed" in page.said("[data-part=form]")
    assert page.all("[name='d.title']") == []


def test_the_list_it_came_from_is_kept_with_what_comes_before_and_after(browse, open_request, BEN):
    requests = [open_request() for _ in range(3)]
    browser = browse(BEN)
    order = [str(one.attributes["data-id"]) for one in browser.get("/queue?view=all").all("li.req")]

    page = browser.get(f"/r/{order[1]}?view=all")

    assert page.one("a.to").attributes["href"] == "/queue?view=all"
    assert page.one("a.prev").attributes["href"] == f"/r/{order[0]}?view=all"
    assert page.one("a.next").attributes["href"] == f"/r/{order[2]}?view=all"
    assert {request.id for request in requests} == set(order)


def test_after_a_decision_the_next_of_the_list_comes(browse, open_request, BEN):
    for _ in range(2):
        open_request()
    browser = browse(BEN)
    order = [str(one.attributes["data-id"]) for one in browser.get("/queue").all("li.req")]

    answer = browser.submit(browser.get(f"/r/{order[0]}"), "form#decide", ("verdict", "approve"))

    assert answer.address == f"/r/{order[1]}?done={order[0]}"
