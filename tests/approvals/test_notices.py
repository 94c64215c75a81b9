"""What a message says: plain, short, and nothing in it that somebody else's words could do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.errors import ApprovalError
from approvals.notices import EVENTS, due_in, notice, plain


@pytest.fixture
def opened(open_request, store, clock):
    """The message of a request's opening: `opened(title=…)`."""

    def told(*, message=None, **terms):
        request = open_request(**terms)
        entry = next(one for one in store.entries() if one.event.request_id == request.id)
        return notice(entry, request, now=clock.now, url="https://queue.test/r/1", **(message or {}))

    return told


def test_a_message_says_what_is_asked_until_when_and_where(opened):
    told = opened(title="Proposal for Halden Freight")

    assert told.subject == "Approve? Proposal for Halden Freight, due in 3 days"
    assert told.text == (
        "Proposal for Halden Freight\n1200.00 for 40 shops\n\n"
        "Due 2026-03-05 12:00 UTC, due in 3 days. Asked for by rita@acme.example.\n\n"
        "Read it and decide:\nhttps://queue.test/r/1\n"
    )


def test_a_message_says_what_is_at_stake(opened):
    told = opened(amount="78070.00", currency="USD")

    assert "\n78,070.00 USD\n" in told.text
    assert (told.data["request"]["amount"], told.data["request"]["currency"]) == ("78070.00", "USD")
    assert "78,070" not in opened(amount="78070.00", currency="USD", message={"summary": False}).text


def test_a_message_says_nothing_of_the_document(opened):
    assert "Northwind runs 40 shops" not in opened().model_dump_json()


def test_without_the_summary_it_says_the_title_alone(opened):
    told = opened(message={"summary": False})

    assert "1200.00" not in told.model_dump_json()
    assert "Offer for Northwind" in told.subject


def test_a_title_adds_no_header_and_no_line(opened):
    told = opened(title="Offer\r\nBcc: everybody@evil.example\r\n\r\n<b>Hello</b>\u2028\x00\u202e")

    assert told.subject.isprintable()
    assert "\n" not in told.subject
    assert told.subject.startswith("Approve? Offer Bcc: everybody@evil.example <b>Hello</b>, due")


@pytest.mark.parametrize(
    "evil", ["https://evil.example/login", "HTTP://evil.example", "javascript:/alert", "www.evil.example"]
)
def test_no_address_in_an_agents_words_can_be_followed(opened, evil):
    told = opened(title=f"See {evil}", summary=f"Sign in at {evil} now")

    assert evil not in told.subject + told.text
    assert "https://queue.test/r/1" in told.text


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=300))
def test_whatever_somebody_writes_stays_in_one_line(words):
    line = plain(words, 200)

    assert len(line) <= 200
    assert not set(line) & {"\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1b", "\u202e"}
    assert "://" not in line.replace("::", "") or ":/" in line


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(minutes=42), "due in 42 min"),
        (timedelta(hours=3, minutes=5), "due in 3 h"),
        (timedelta(hours=47), "due in 47 h"),
        (timedelta(days=3), "due in 3 days"),
        (timedelta(minutes=-42), "42 min overdue"),
    ],
)
def test_how_long_there_is(clock, left, told):
    assert due_in(clock.now + left, clock.now) == told


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_words(open_request, store, clock, event):
    request = open_request()
    (entry,) = store.entries()
    changed = entry.model_copy(update={"event": entry.event.model_copy(update={"name": event})})

    told = notice(changed, request, now=clock.now, url="https://queue.test/r/1")

    assert "Offer for Northwind" in told.subject
    assert told.type == event


def test_of_anything_else_nothing_is_told(open_request, store, clock):
    request = open_request()
    (entry,) = store.entries()
    changed = entry.model_copy(update={"event": entry.event.model_copy(update={"name": "permit.used"})})

    with pytest.raises(ApprovalError, match=r"permit\.used"):
        notice(changed, request, now=clock.now, url="https://queue.test/r/1")
