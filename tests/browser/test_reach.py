"""For everybody: without script, on a phone, with a keyboard, in both themes, and signed in for real."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from approvals.lifecycle import State
from flows.demo.theatre import SAM

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PAGES = ("/queue", "/queue?q=zzz", "/decided", "/insights", "/settings", "/nowhere")


def sideways(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_signing_in_leads_to_what_was_wanted(visit, queue):
    watched = visit(None)
    page = watched.page("/queue?view=all")
    page.get_by_label("E-mail").fill(SAM)
    page.get_by_label("Password").fill("correct horse battery staple")

    page.get_by_role("button", name="Sign in", exact=True).click()

    page.wait_for_url("**/queue?view=all")
    expect(page.locator("#rows .req").first).to_be_visible()


def test_without_script_one_can_read_edit_and_decide(visit, queue):
    request = queue.find("Proposal for Halden")
    page = visit(java_script_enabled=False).page("/queue")
    page.get_by_role("link", name=request.title).click()
    page.locator("[name='d.title']").fill("A better title")

    page.locator("[data-part=approve]").click()

    expect(page.locator(".flash")).to_contain_text("Approved")
    found = queue.get(request.id)
    assert found.state is State.APPROVED
    assert "A better title" in found.ruling.document
    page.get_by_role("button", name="Undo").click()
    assert queue.waiting(request.id)


def test_without_script_a_rejection_needs_its_reason(visit, queue):
    request = queue.find("Proposal for Halden")
    page = visit(java_script_enabled=False).page(f"/r/{request.id}")
    page.locator("#reject summary").click()
    page.locator("#reason").fill("Not now.")

    page.locator("#reject .btn.nay").click()

    assert queue.get(request.id).ruling.reason == "Not now."


@pytest.mark.parametrize("width", [390, 320])
def test_nothing_scrolls_sideways_on_a_phone(visit, queue, width):
    watched = visit(viewport={"width": width, "height": 800}, has_touch=True, is_mobile=True)
    requests = [queue.find(name) for name in ("Proposal for Halden", "CRM update for Arkwell", "Brief: Rosewarne")]
    page = watched.page()

    for path in (*PAGES[:5], *(f"/r/{request.id}" for request in requests)):
        page.goto(queue.address + path)

        assert sideways(page) <= 0, path


def test_fingers_hit_what_they_aim_at(visit, queue):
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True).page(f"/r/{queue.find('Proposal for Halden').id}")

    small = page.locator(".dock .btn, .crumbs a, .crumbs button, input.control, select.control").evaluate_all(
        """all => all.filter(one => one.checkVisibility()).map(one => [one.outerHTML.slice(0, 80),
            one.getBoundingClientRect().height]).filter(([, height]) => height < 43.5)"""
    )

    assert small == []
    size = page.locator("input.control").first.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert size >= 16


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(visit, queue, theme, viewport):
    # The policy lets no script in but our own, so axe needs it out of the way; here alone.
    watched = visit(viewport=viewport, bypass_csp=True, color_scheme=theme)
    requests = [queue.find(name) for name in ("Proposal for Hollin", "CRM update for Arkwell", "Follow-up to Orrin")]
    watched.forgive("404")
    found = []
    page = watched.page()
    for path in (*PAGES, *(f"/r/{request.id}" for request in requests)):
        page.goto(queue.address + path)
        found += _violations(page, path)
    page.goto(queue.address + f"/r/{requests[0].id}")
    page.locator("#reject > summary").click()
    found += _violations(page, "reject")
    page.goto(queue.address)
    page.keyboard.press("?")
    found += _violations(page, "help")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    found += _violations(page, "palette")
    if viewport is DESK:
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Shift+J")
        found += _violations(page, "bulk")

    assert found == []


def _violations(page: Page, where: str) -> list[str]:
    answer = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{where}: {one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])})" for one in answer["violations"]
    ]


def test_the_script_is_small_and_whole(queue):
    from approvals.web.assets import _shipped

    script = _shipped()["app.js"]

    assert len(script.packed) <= 16 * 1024
    assert b"\nimport " not in script.plain
    assert b"\nexport " not in script.plain
