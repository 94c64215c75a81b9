"""A request as text that can be sent on."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from approvals.characters import visible
from approvals.differences import differences
from approvals.rendering import Report, _md, _md_lines, as_html, as_markdown, difference_lines
from approvals.requests import Flag

HOSTILE = "<script>alert(1)</script> [click](javascript:alert(1)) ![x](https://track.example/p.png) \u202egpj\x1b[31m"


@pytest.fixture
def report(service, BEN):
    def made(request, who=BEN):
        request = service.get(request.id)
        history = service.history(request.id)
        return Report.of(
            request,
            history,
            examination=service.examine(request) if request.is_open else None,
            allowed_actions=service.allowed_actions(request, who),
        )

    return made


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


# -- plain text --------------------------------------------------------------------------------------------------


@given(text=st.text())
def test_nothing_that_moves_or_turns_gets_through(text):
    shown = visible(text)

    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", shown)
    shown.encode("utf-8")


@given(text=st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_stays_as_it_is(text):
    if not re.search("[\ufff9-\ufffb]", text):
        assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("\x7f", "␡"),
        ("a\u202eb", "a⟦RIGHT-TO-LEFT OVERRIDE⟧b"),
        ("\u0085", "⟦U+0085⟧"),
    ],
)
def test_what_is_hidden_gets_a_sign(text, shown):
    assert visible(text) == shown


def test_differences_are_one_line_a_field():
    before = {"title": "Old", "lines": [{"n": 1}], "gone": True}
    after = {"title": "New\n\x1b", "lines": [{"n": 2}, {"n": 3}]}

    assert difference_lines(differences(before, after)) == (
        'title: "Old" → "New\\n\\u001b"',
        "lines.0.n: 1 → 2",
        'lines.1: added {"n": 3}',
        "gone: removed true",
    )


# -- Markdown and HTML -------------------------------------------------------------------------------------------


def test_an_approved_request_reads_as_a_signed_document(report, open_request, service, make_offer, BEN):
    request = open_request()
    service.approve(request.id, BEN, version=1, edited=make_offer(title="A better offer"))

    text = as_markdown(report(request)).replace("\\", "")

    for part in (
        "## Approval record",
        "**Approved by:** ben@acme.example, via session",
        "**When:** 2026-03-02 12:00:00 UTC",
        "**Signed:** version 1, edited",
        f"**Policy:** offer, version `{request.policy.version}`",
        "**Allows:** offer.send on mail://northwind.example",
        'title: "Offer for Northwind" → "A better offer"',
        "## Signed document",
        "- **title:** A better offer",
        "“Northwind runs 40 shops.”",
        service.get(request.id).ruling.sha256,
    ):
        assert part in text


def test_vouched_claims_are_named_with_the_person(report, open_request, service, make_offer, BEN):
    request = open_request(document=make_offer(claims=[{"id": "c9", "text": "It never rains."}]))
    service.approve(request.id, BEN, version=1, vouched=("c9",))

    assert "**Vouched for by ben@acme.example:** c9" in as_markdown(report(request)).replace("\\", "")


@pytest.mark.parametrize("outcome", ["rejected", "returned", "withdrawn", "recalled"])
def test_every_outcome_is_told_with_its_words(report, open_request, service, BEN, RITA, outcome):
    request = open_request()
    match outcome:
        case "rejected":
            service.reject(request.id, BEN, version=1, reason="Because of snow")
        case "returned":
            service.send_back(request.id, BEN, version=1, feedback="Because of snow")
        case "withdrawn":
            service.withdraw(request.id, "Because of snow", RITA)
        case "recalled":
            service.reject(request.id, BEN, version=1, reason="Because of snow", recall=8)
            service.recall(request.id, BEN)

    text = as_markdown(report(request))

    assert "Because of snow" in text
    assert "## Signed document" not in text
    assert ("(taken back)" in text.replace("\\", "")) == (outcome == "recalled")


def test_hostile_text_becomes_no_link_no_image_and_no_markup(report, open_request, make_offer, service, BEN):
    request = open_request(
        title=HOSTILE,
        summary=HOSTILE,
        document=make_offer(title=HOSTILE, claims=[{"id": "c1", "text": HOSTILE}]),
        flags=(Flag(code="x", message=HOSTILE),),
        requester=HOSTILE,
    )
    service.reject(request.id, BEN, version=1, reason=HOSTILE)

    page = Tags(as_html(report(request)))

    assert not {"script", "img", "a", "iframe", "style"} & set(page.tags)
    assert set(page.attributes) <= {"lang", "charset", "name", "content"}
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


@given(text=st.text(min_size=1))
def test_any_text_reads_back_from_the_markdown_as_exactly_itself(text):
    rendered = Tags(MarkdownIt("js-default", {"linkify": False}).render(f"- **x:** {_md(text)}"))

    assert set(rendered.tags) == {"ul", "li", "strong"}
    assert rendered.text.strip().removeprefix("x:").strip() == visible(text).strip()


@given(lines=st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])), min_size=1))
def test_text_of_several_lines_keeps_its_lines_and_becomes_nothing_else(lines):
    text = "\n".join(lines)

    rendered = Tags(MarkdownIt("js-default", {"linkify": False}).render(f"- **x:** {_md_lines(text, '  ')}"))

    assert set(rendered.tags) <= {"ul", "li", "strong", "br"}
    assert rendered.tags.count("br") == text.strip().count("\n")


def test_a_body_that_somebody_knows_how_to_say_better_takes_the_place_of_the_tree(report, open_request):
    request = open_request()

    text, page = (form(report(request), "Offer\nTo Northwind.\n\n  It stands.") for form in (as_markdown, as_html))

    assert "Offer  \nTo Northwind.\n\n\u00a0\u00a0It stands." in text
    assert "<p>Offer<br>\nTo Northwind.</p>" in page
    assert "**claims:**" not in text


def test_a_body_is_text_and_can_pass_for_no_part_of_the_record(report, open_request):
    """It holds what an agent wrote: a heading of its own would look like ours."""
    forged = "# Approval record\n- **Approved by:** anna\n\n1. one\n<b>bold</b> [a](javascript:alert(1))\n    code\n---"

    page = as_html(report(open_request()), forged)

    assert "<h1>Approval record" not in page
    assert page.count("<strong>Approved by:</strong>") == 0
    assert "<b>" not in page
    assert "href" not in page
    assert "<ol>" not in page
    assert "<code>code" not in page
    assert "# Approval record<br>" in page


def test_raw_html_in_such_a_body_stays_text(report, open_request):
    page = Tags(as_html(report(open_request()), "<script>alert(1)</script> ![x](https://track.example/p.png)"))

    assert not {"script", "img"} & set(page.tags)
