"""The list under the keyboard: the cursor, the preview, approving and taking back, several at once, searching."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from approvals.lifecycle import State
from flows.demo.theatre import TOM

CURSOR = "#rows .req[aria-current]"


def on(page: Page, title: str) -> None:
    """Put the cursor on the row of this title, as the keyboard does."""
    for _ in range(60):
        page.keyboard.press("j")
        if page.locator(CURSOR).locator(".title").inner_text().startswith(title):
            return
    pytest.fail(f"the cursor never came to {title!r}")


def ids(page: Page) -> list[str]:
    return page.locator("#rows .req").evaluate_all("rows => rows.map(row => row.dataset.id)")


def test_the_cursor_stays_in_sight_and_the_preview_follows(sam):
    page = sam.page()

    for key in "j" * 20 + "k" * 10:
        page.keyboard.press(key)
        seen = page.evaluate(
            """() => {
                const row = document.querySelector('#rows .req[aria-current]');
                const at = row.getBoundingClientRect();
                const top = document.elementFromPoint(at.left + 300, at.top + 4);
                const bottom = document.elementFromPoint(at.left + 300, at.bottom - 4);
                return row.contains(document.activeElement) && row.contains(top) && row.contains(bottom);
            }"""
        )
        assert seen

    expect(page.locator("#peek h2")).to_have_text(page.locator(CURSOR).locator(".title").inner_text())
    expect(page.locator("#rows [aria-current]")).to_have_count(1)


def test_approving_leads_on_at_once_and_undo_restores_the_row_in_place(sam, queue):
    page = sam.page()
    on(page, "Follow-up to Nethercote")
    before, here = ids(page), page.locator(CURSOR).get_attribute("data-id")

    page.keyboard.press("a")

    assert here not in ids(page)
    expect(page.locator(CURSOR)).to_have_attribute("data-id", before[before.index(here) + 1])
    expect(page.locator("#toasts")).to_contain_text("Approved: Follow-up to Nethercote")
    expect(page.locator("#total")).to_have_text(f"{len(before) - 1} requests")
    expect(page.locator(".nav [data-view=mine] b")).to_have_text(str(len(before) - 1))
    assert queue.get(here).state is State.APPROVED

    page.keyboard.press("z")

    expect(page.locator(CURSOR)).to_have_attribute("data-id", here)
    assert ids(page) == before
    assert queue.waiting(here)
    expect(page.locator("#total")).to_have_text(f"{len(before)} requests")


def test_undo_after_its_time_is_refused_in_words(sam, queue):
    page = sam.page()
    on(page, "Follow-up to Nethercote")
    here = page.locator(CURSOR).get_attribute("data-id")
    page.keyboard.press("a")
    expect(page.locator(".nav [data-view=mine] b")).to_have_text(str(len(ids(page))))
    queue.later(60)

    sam.forgive("409")
    page.keyboard.press("z")

    expect(page.locator("#toasts")).to_contain_text("Not undone.")
    assert here not in ids(page)
    assert queue.get(here).state is State.APPROVED


def test_what_the_server_refuses_comes_back_in_place(sam, queue):
    page = sam.page()
    on(page, "Follow-up to Kittering")
    before, here = ids(page), page.locator(CURSOR).get_attribute("data-id")
    page.route("**/decide", lambda route: route.abort())
    sam.forgive("ERR_FAILED")

    page.keyboard.press("a")

    expect(page.locator("#toasts")).to_contain_text("Nothing was decided")
    expect(page.locator(CURSOR)).to_have_attribute("data-id", here)
    assert ids(page) == before
    assert queue.waiting(here)


def test_high_risk_is_not_approved_from_the_list(sam, queue):
    page = sam.page()
    on(page, "Proposal for Osmer")
    here = page.locator(CURSOR).get_attribute("data-id")

    page.keyboard.press("a")

    expect(page.locator("#toasts")).to_contain_text("High risk: open it")
    assert queue.waiting(here)


def test_several_are_approved_as_one_and_taken_back_as_one(sam, queue):
    page = sam.page()
    page.keyboard.press("j")
    before = ids(page)
    for _ in range(9):
        page.keyboard.press("Shift+J")
    picked = page.locator("#rows .req:has(.pick:checked)")
    able = picked.evaluate_all("rows => rows.filter(row => 'bulk' in row.dataset).map(row => row.dataset.id)")
    expect(picked).to_have_count(10)
    expect(page.locator("#bulkbar")).to_contain_text("10 selected")
    expect(page.locator("[data-bulk-total]")).to_contain_text(re.compile(r"€[\d,.]+ in total"))
    expect(page.locator("[data-bulk-skip]")).to_have_text(f"{10 - len(able)} need individual review")
    expect(page.locator("#bulkbar .btn.yes")).to_contain_text(f"Approve {len(able)}")

    page.keyboard.press("a")

    expect(page.locator("#toasts")).to_contain_text(f"Approved {len(able)} requests")
    assert ids(page) == [one for one in before if one not in able]
    page.wait_for_function("() => document.querySelector('#toasts .btn')")
    page.keyboard.press("z")
    expect(page.locator("#rows .req")).to_have_count(len(before))
    assert ids(page) == before
    assert all(queue.waiting(one) for one in able)


def test_what_the_server_skips_stays_in_the_list(sam, queue):
    page = sam.page()
    stale = queue.find("Follow-up to Kittering")
    queue.service.claim(stale.id, queue.person(TOM))
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("Control+a")
    count = page.locator("#rows .req").count()
    expect(page.locator("#bulkbar")).to_contain_text(f"{count} selected")

    page.keyboard.press("a")

    expect(page.locator("#toasts")).to_contain_text("left to look at")
    expect(page.locator(f"#rows .req[data-id='{stale.id}']")).to_be_visible()
    assert queue.waiting(stale.id)


def test_escape_clears_what_was_selected(sam):
    page = sam.page()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#bulkbar")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.locator("#bulkbar")).to_be_hidden()


def test_searching_narrows_as_one_types_and_back_leads_back(sam, queue):
    page = sam.page()
    whole = page.locator("#rows .req").count()

    page.keyboard.press("/")
    page.keyboard.type("nether", delay=30)

    expect(page.locator("#rows .req")).to_have_count(1)
    expect(page.locator("#search")).to_be_focused()
    expect(page.locator("#search")).to_have_value("nether")
    assert page.url.endswith("/queue?q=nether")
    page.keyboard.type("zzz")
    expect(page.locator(".empty")).to_contain_text("No request matches")
    expect(page.locator(".empty a")).to_be_visible()
    page.go_back()
    expect(page.locator("#rows .req")).to_have_count(whole)
    expect(page.locator("#search")).to_have_value("")


def test_letters_in_a_field_are_letters(sam, queue):
    page = sam.page()
    count = page.locator("#rows .req").count()

    page.locator("#search").fill("")
    page.keyboard.type("a x ")

    expect(page.locator("#search")).to_have_value("a x ")
    assert len(queue.rows()) == count


def test_single_keys_can_be_switched_off_and_stay_off(sam, queue):
    page = sam.page()
    page.keyboard.press("?")
    page.get_by_label("Single keys").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    count = page.locator("#rows .req").count()

    for key in "jjxa":
        page.keyboard.press(key)

    expect(page.locator("#rows .req")).to_have_count(count)
    expect(page.locator("#rows .pick:checked")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()


def test_a_key_can_be_given_another(sam):
    page = sam.page()
    page.keyboard.press("?")
    page.get_by_role("button", name="Next: J").click()
    page.keyboard.press("n")
    page.keyboard.press("Escape")

    page.keyboard.press("n")

    expect(page.locator(CURSOR)).to_have_count(1)


def test_commands_are_found_by_name_with_their_keys(sam):
    page = sam.page()

    page.keyboard.press("Control+k")
    page.keyboard.type("insi")

    expect(page.get_by_role("option").first).to_contain_text("Go to insights")
    expect(page.get_by_role("option").first).to_contain_text("G I")
    page.keyboard.press("Enter")
    page.wait_for_url("**/insights")
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/queue")


def test_the_theme_stays_and_never_flashes(sam):
    page = sam.page()
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    page.goto(f"{sam.queue.address}/insights")

    # It came from the server so, before any script ran.
    assert 'data-theme="dark"' in page.request.get(page.url).text()


def test_the_preview_can_be_put_away(sam):
    page = sam.page()
    page.keyboard.press("j")
    page.keyboard.press(" ")
    expect(page.locator("#peek")).to_be_hidden()

    page.reload()

    expect(page.locator("#peek")).to_be_hidden()
    page.keyboard.press(" ")
    expect(page.locator("#peek")).to_be_visible()
