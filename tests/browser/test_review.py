"""The page of one request: edits and what they lead to, the draft that is kept, and handing in a verdict."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from approvals.lifecycle import State
from flows.demo.theatre import TOM

APPROVE = "[data-part=approve]"
CHANGES = "#changes .change"


def field(page: Page, name: str):
    return page.locator(f"[name='{name}']")


def first(page: Page, selector: str):
    return page.locator(selector).first


@pytest.fixture
def proposal(queue):
    return queue.find("Proposal for Halden")


def test_an_edit_is_marked_counted_and_gone_when_it_is_reverted(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    title = field(page, "d.title")
    original = title.input_value()

    title.fill(original.replace("Route Insight", "Route Insight Plus"))

    expect(page.locator(APPROVE)).to_contain_text("Approve with 1 edit")
    expect(page.locator(CHANGES).locator("ins")).to_contain_text("Plus")
    expect(page.locator(".field-edited")).to_have_count(1)
    expect(title).to_be_focused()
    title.fill(original)
    expect(page.locator(APPROVE)).to_have_text(re.compile(r"^Approve\s*Ctrl"))
    expect(page.locator(CHANGES)).to_have_count(0)
    expect(page.locator(".field-edited")).to_have_count(0)


def test_rows_are_added_moved_and_removed_without_a_reload(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    page.evaluate("window.here = true")
    rows = page.locator("[name$='sections.0.claims.__k']")
    count = rows.count()
    down = first(page, "button[value='down:d.sections.0.claims.0']")

    down.press("Enter")
    expect(page.locator("#changes .pill")).to_contain_text(["moved"])
    expect(page.locator(".dock [data-part=approve]")).to_contain_text("edit")
    first(page, "button[value='up:d.sections.0.claims.0']").press("Enter")
    expect(page.locator(CHANGES)).to_have_count(0)
    first(page, "button[value^='remove:d.sections.0.claims.']").press("Enter")
    expect(rows).to_have_count(count - 1)
    expect(page.locator("#changes .pill")).to_contain_text(["removed"])
    first(page, "button[value^='add:d.sections.0.claims']").press("Enter")
    expect(rows).to_have_count(count)

    assert page.evaluate("window.here")
    assert queue.waiting(proposal.id)


def test_a_price_moves_the_effects_and_what_follows(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    before = page.locator("#follows").inner_text()
    quantity = first(page, "[name$='.quantity']")

    quantity.fill("1")

    expect(page.locator("#follows")).not_to_have_text(before)
    total = page.evaluate("document.querySelector('#follows').innerText.match(/total of ([\\d,.]+)/)[1]")
    assert total not in before
    expect(page.locator("#effects")).to_contain_text(total)


def test_an_amount_written_otherwise_is_no_edit(sam, proposal):
    page = sam.page(f"/r/{proposal.id}")
    price = page.locator("[name$='.unit_price']").nth(1)
    assert price.input_value() == "4,800.00"

    with page.expect_response("**/diff"):
        price.fill("4800")

    expect(page.locator(CHANGES)).to_have_count(0)


def test_what_a_document_may_not_say_is_told_in_place_and_nothing_is_lost(sam, queue):
    request = queue.find("Follow-up to Sallow")
    page = sam.page(f"/r/{request.id}")
    sam.forgive("422")
    body = first(page, "#decide textarea")
    fold = page.locator("#decide details.edit").first
    fold.locator("summary").click()
    body.fill("")
    subject = field(page, "d.subject")
    subject.fill("Kept")

    expect(page.locator("#errors")).to_contain_text("to fix")
    expect(page.locator(".dock .fix")).to_contain_text("to fix")
    page.keyboard.press("Control+Enter")

    expect(page.locator("[aria-invalid=true]").first).to_be_focused()
    expect(field(page, "d.subject")).to_have_value("Kept")
    assert queue.waiting(request.id)


def test_a_rule_between_fields_is_told_before_approval(sam, queue):
    """Each field is fine by itself; the document's own class refuses the two together."""
    request = queue.find("Proposal for Greyfell")
    page = sam.page(f"/r/{request.id}")
    sam.forgive("422")
    page.evaluate(
        """() => {
            const [one, two] = document.querySelectorAll("[name^='d.lines.'][name$='.id.__json']");
            two.value = one.value;
            two.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )

    expect(page.locator("#errors")).to_contain_text("to fix")
    page.locator(APPROVE).click()

    expect(page.locator("#errors")).to_be_visible()
    assert queue.waiting(request.id)


def test_the_whole_way_by_keyboard_alone(sam, queue):
    page = sam.page()
    for _ in range(60):
        page.keyboard.press("j")
        if page.locator("#rows .req[aria-current] .title").inner_text().startswith("Follow-up to Kittering"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/r/*")
    request = queue.find("Follow-up to Kittering")

    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Until soon.")
    expect(page.locator(APPROVE)).to_contain_text("1 edit")
    page.keyboard.press("Control+Enter")

    page.wait_for_url(lambda url: request.id not in url.split("?")[0])
    expect(page.locator("#toasts")).to_contain_text("Approved: Follow-up to Kittering")
    ruling = queue.get(request.id).ruling
    assert ruling.edited
    assert "Until soon." in ruling.document
    page.keyboard.press("z")
    page.wait_for_url(f"**/r/{request.id}*")
    assert queue.waiting(request.id)


def test_what_was_typed_is_kept_by_the_server_and_restored(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    with page.expect_response("**/save"):
        field(page, "d.title").fill("A better title")
    expect(page.locator("[data-kept]")).to_contain_text("Draft kept")

    page.reload()

    expect(field(page, "d.title")).to_have_value("A better title")
    expect(page.locator(".note")).to_contain_text("is restored")


def test_what_the_server_cannot_keep_is_kept_in_the_tab(sam, proposal):
    page = sam.page(f"/r/{proposal.id}")
    page.route("**/save", lambda route: route.abort())
    sam.forgive("ERR_FAILED")
    field(page, "d.title").fill("A better title")
    expect(page.locator("[data-kept]")).to_contain_text("in this tab")
    page.unroute("**/save")

    page.reload()

    expect(page.locator("#toasts")).to_contain_text(re.compile(r"Draft from \d\d:\d\d restored"))
    expect(field(page, "d.title")).to_have_value("A better title")


def test_a_decision_that_does_not_arrive_is_said_and_loses_nothing(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    page.route("**/decide", lambda route: route.abort())
    sam.forgive("ERR_FAILED")
    field(page, "d.title").fill("A better title")

    page.keyboard.press("Control+Enter")

    expect(page.locator("#toasts")).to_contain_text("Nothing was decided.")
    expect(field(page, "d.title")).to_have_value("A better title")
    assert queue.waiting(proposal.id)


def test_rejecting_asks_for_one_line_and_approving_never_does(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    sam.forgive("422")

    page.keyboard.press("r")
    expect(page.locator("#reason")).to_be_focused()
    page.locator("#reject .btn.nay").click()
    assert queue.waiting(proposal.id)
    page.locator("#reason").fill("Not now.")
    page.locator("#reject .btn.nay").click()

    page.wait_for_url(lambda url: proposal.id not in url.split("?")[0])
    assert queue.get(proposal.id).state is State.REJECTED
    assert queue.get(proposal.id).ruling.reason == "Not now."


def test_sending_back_asks_what_should_be_different(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")

    page.keyboard.press("b")
    expect(page.locator("#feedback")).to_be_focused()
    page.keyboard.type("Shorter, please.")
    page.locator("#return button[value=return]").click()

    page.wait_for_url(lambda url: proposal.id not in url.split("?")[0])
    assert queue.get(proposal.id).state is State.RETURNED


def test_snoozing_puts_it_out_of_sight(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")

    page.keyboard.press("s")
    expect(page.locator("#snooze button").first).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url(lambda url: proposal.id not in url.split("?")[0])
    assert proposal.id not in {row.id for row in queue.rows()}


def test_high_risk_repeats_what_follows_with_the_focus_on_cancel(sam, queue):
    request = queue.find("Brief: Rosewarne")
    page = sam.page(f"/r/{request.id}")
    for box in page.locator("[name=vouched]").all():
        box.check()

    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("dialog")).to_contain_text("Approve a high-risk request?")
    expect(page.get_by_role("dialog").locator("[data-cancel]")).to_be_focused()
    assert page.get_by_role("dialog").locator(".told li").count()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert queue.waiting(request.id)
    page.locator(APPROVE).click()
    page.get_by_role("dialog").locator(".btn.yes").click()
    page.wait_for_url(lambda url: request.id not in url.split("?")[0])
    assert queue.get(request.id).state is State.APPROVED


def test_the_second_of_two_is_told_by_whom_and_keeps_the_edits(sam, visit, queue, proposal):
    tom = visit(TOM).page(f"/r/{proposal.id}")
    page = sam.page(f"/r/{proposal.id}")
    field(page, "d.title").fill("A better title")
    expect(page.locator(APPROVE)).to_contain_text("1 edit")

    tom.keyboard.press("Control+Enter")
    tom.wait_for_url(lambda url: proposal.id not in url.split("?")[0])

    expect(page.locator(".dock")).to_contain_text("Tom Aldridge approved this")
    expect(page.locator(".dock")).to_contain_text("Your edits are kept")
    expect(page.get_by_role("button", name="Copy edits")).to_be_visible()
    expect(field(page, "d.title")).to_have_value("A better title")


def test_a_conflict_without_a_word_before_it_names_who_decided(sam, queue, proposal):
    page = sam.page()
    page.route("**/events*", lambda route: route.abort())
    sam.forgive("ERR_FAILED")
    sam.forgive("409")
    page.goto(f"{queue.address}/r/{proposal.id}")
    field(page, "d.title").fill("A better title")
    expect(page.locator(APPROVE)).to_contain_text("1 edit")
    queue.service.approve(proposal.id, queue.person(TOM), version=proposal.version, recall=0)

    page.keyboard.press("Control+Enter")

    expect(page.locator(".note", has_text="Tom Aldridge decided this")).to_contain_text("Your edits are kept")
    expect(page.locator("#lost")).to_contain_text("better")


def test_a_claim_tells_its_source_on_hover_focus_and_tap(sam, queue):
    request = queue.find("Proposal for Gullhaven")
    page = sam.page(f"/r/{request.id}")
    quoted, cited = first(page, ".claim-quoted"), first(page, ".claim-cited")

    quoted.hover()
    expect(page.locator(".tip")).to_contain_text("word for word")
    expect(page.locator(".tip blockquote").first).to_be_visible()
    page.locator(".tip").hover()
    page.wait_for_timeout(500)
    expect(page.locator(".tip")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".tip")).to_have_count(0)
    cited.locator("a.mark").first.focus()
    expect(page.locator(".tip")).to_contain_text("the quote is not in it")
    page.keyboard.press("Escape")
    page.mouse.move(0, 0)
    cited.locator("a.mark").first.dispatch_event("click")
    expect(page.locator(".tip")).to_contain_text("the quote is not in it")


def test_a_claim_without_a_source_says_so(sam, queue):
    request = queue.find("Proposal for Hollin")
    page = sam.page(f"/r/{request.id}")

    first(page, ".claim-unsourced").hover()

    expect(page.locator(".tip")).to_contain_text("No source is given")


def test_records_that_moved_are_told_before_approval(sam, queue):
    request = queue.find("CRM update for Arkwell")
    page = sam.page(f"/r/{request.id}")

    expect(page.locator("#effects .note1", has_text="1200").first).to_contain_text("since")


def test_what_an_agent_wrote_is_never_run_and_what_deceives_is_flagged(sam, queue):
    request = queue.find("Follow-up to Orrin")
    hostile = json.loads(request.content.document)
    hostile["body"] = (
        "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>\n\n"
        "[our help pages](javascript:window.ran=3) and pa\u200byment to \u202eelpmaxe\u202c at p\u0430ypal.com"
    )
    page = sam.page(f"/r/{request.id}")
    first(page, "#decide details.edit > summary").click()

    first(page, "#decide textarea").fill(hostile["body"])

    expect(page.locator(CHANGES).first).to_be_visible()
    expect(page.locator(".character").first).to_be_attached()
    kinds = page.locator(".character").evaluate_all("all => all.map(one => one.className)")
    assert len(set(kinds)) >= 2
    first(page, "#decide details.edit > summary").click()
    assert page.evaluate("window.ran") is None
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("main script, main img").count() == 0
    page.reload()
    assert page.evaluate("window.ran") is None


def test_an_untouched_approval_signs_the_very_text(sam, queue, proposal):
    page = sam.page(f"/r/{proposal.id}")
    field(page, "d.title").fill("Another")
    expect(page.locator(APPROVE)).to_contain_text("1 edit")
    field(page, "d.title").fill(json.loads(proposal.content.document)["title"])
    expect(page.locator(CHANGES)).to_have_count(0)

    page.keyboard.press("Control+Enter")

    page.wait_for_url(lambda url: proposal.id not in url.split("?")[0])
    ruling = queue.get(proposal.id).ruling
    assert not ruling.edited
    assert ruling.document == proposal.content.document
