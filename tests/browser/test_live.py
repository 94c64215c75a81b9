"""What happens elsewhere: in every tab, over one connection, and again after the server was away."""

from __future__ import annotations

import signal

import httpx
from playwright.sync_api import expect

from approvals.lifecycle import State
from flows.demo.theatre import TOM

LIVE = ".side [data-live]"


def ids(page) -> list[str]:
    return page.locator("#rows .req").evaluate_all("rows => rows.map(row => row.dataset.id)")


def test_a_new_request_waits_behind_a_pill_and_moves_counts_in_all_tabs(sam, queue):
    gone = queue.find("Proposal for Inverlark")
    queue.service.reject(gone.id, queue.person(TOM), version=gone.version, reason="No.", recall=600)
    streams = []
    sam.context.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    page, other = sam.page(), sam.page("/insights")
    expect(page.locator(LIVE)).to_have_attribute("data-live", "on")
    expect(other.locator(LIVE)).to_have_attribute("data-live", "on")
    before = ids(page)
    page.bring_to_front()
    page.keyboard.press("j")
    here = page.locator("#rows .req[aria-current]").get_attribute("data-id")

    queue.service.recall(gone.id, queue.person(TOM))

    expect(page.locator("#arrived")).to_contain_text("1 new request")
    for tab in (page, other):
        expect(tab.locator(".nav [data-view=mine] b")).to_have_text(str(len(before) + 1))
    assert ids(page) == before
    expect(page.locator("#rows .req[aria-current]")).to_have_attribute("data-id", here)
    page.keyboard.press(".")
    expect(page.locator("#rows .req[aria-current]")).to_have_attribute("data-id", gone.id)
    assert len(streams) == 1


def test_a_row_decided_elsewhere_is_struck_out_and_then_leaves(sam, queue):
    page = sam.page()
    expect(page.locator(LIVE)).to_have_attribute("data-live", "on")
    request = queue.find("Proposal for Inverlark")
    row = page.locator(f"#rows .req[data-id='{request.id}']")

    queue.service.reject(request.id, queue.person(TOM), version=request.version, reason="No.", recall=0)

    expect(row).to_have_class("req gone")
    expect(row).to_have_count(0)


def test_the_page_of_a_request_shows_who_works_on_it(sam, queue):
    request = queue.find("Proposal for Inverlark")
    page = sam.page(f"/r/{request.id}")
    expect(page.locator(LIVE)).to_have_attribute("data-live", "on")

    queue.service.claim(request.id, queue.person(TOM))

    expect(page.locator(".meta")).to_contain_text("Tom Aldridge is working on it")


def test_what_happened_between_the_reading_of_a_page_and_its_listening_is_told_as_well(sam, queue):
    request = queue.find("Proposal for Inverlark")
    sam.context.route("**/events*", lambda route: (queue.claimed_once(request, TOM), route.continue_()))
    page = sam.page(f"/r/{request.id}")

    expect(page.locator(".meta")).to_contain_text("Tom Aldridge is working on it")


def test_the_dot_turns_red_while_the_server_is_away_and_recovers_alone(sam, queue):
    page = sam.page()
    expect(page.locator(LIVE)).to_have_attribute("data-live", "on")
    sam.forgive("/events")
    sam.forgive("ERR_CONNECTION_REFUSED")

    queue.stop(signal.SIGKILL)

    expect(page.locator(LIVE)).to_have_text("Offline, retrying")
    request = queue.find("Proposal for Inverlark")
    queue.service.reject(request.id, queue.person(TOM), version=request.version, reason="No.", recall=0)
    queue.start()
    expect(page.locator(LIVE)).to_have_text("Live", timeout=15_000)
    # What happened meanwhile is told as well.
    expect(page.locator(f"#rows .req[data-id='{request.id}']")).to_have_count(0)


def test_the_next_tab_listens_when_the_first_is_closed(sam, queue):
    first, second = sam.page(), sam.page()
    expect(second.locator(LIVE)).to_have_attribute("data-live", "on")

    first.close()
    request = queue.find("Proposal for Inverlark")
    queue.service.reject(request.id, queue.person(TOM), version=request.version, reason="No.", recall=0)

    expect(second.locator(f"#rows .req[data-id='{request.id}']")).to_have_count(0)
    assert queue.get(request.id).state is State.REJECTED


def test_a_browser_that_listens_does_not_hold_up_a_stop(sam, queue):
    page = sam.page()
    expect(page.locator(LIVE)).to_have_attribute("data-live", "on")
    sam.forgive("/events")
    sam.forgive("ERR_CONNECTION_REFUSED")

    assert queue.stop(within=6) < 5


def test_nobody_is_told_without_having_signed_in(queue):
    answer = httpx.get(f"{queue.address}/events", headers={"Sec-Fetch-Dest": "empty"}, trust_env=False)

    assert answer.status_code == 401


def test_a_session_that_was_ended_is_told_nothing_more(sam, queue):
    page = sam.page()
    expect(page.locator(LIVE)).to_have_attribute("data-live", "on")
    sam.forgive("401")
    sam.forgive("/events")
    known = queue.approvals.sessions
    by = queue.person("sam@brightwater.example")
    count = page.locator(".nav [data-view=mine] b").inner_text()

    known.revoke_all(by.id, by)
    request = queue.find("Proposal for Inverlark")
    queue.service.reject(request.id, queue.person(TOM), version=request.version, reason="No.", recall=0)

    expect(page.locator(LIVE)).to_have_text("Offline, retrying")
    assert page.locator(".nav [data-view=mine] b").inner_text() == count
