"""The outbox: who is told of what, that receivers that fail hold nobody up, and that nothing is told too early."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import pairwise

import pytest

from approvals.decisions import Approve, Reject
from approvals.deliveries import GIVE_UP, event_id
from approvals.errors import NotDelivered
from approvals.requests import Flag

ROOM = "slack://token/secret/room"
HOOK = "webhook+https://hooks.example/in"
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


@pytest.fixture
def deliveries(store):
    """Every delivery as it stands, oldest first."""

    def found(*states):
        with store.read() as transaction:
            return transaction.deliveries(states=states or None)[::-1]

    return found


@pytest.fixture
def hooked(subscribed):
    subscribed.notify(HOOK, secret=SECRET, name="hook")


@pytest.fixture
def restarted(messages, store):
    """The outbox of a process that was started anew."""
    return lambda: messages(store)["outbox"]


def to(notices):
    return sorted(notice.to for notice in notices)


# -- who is told -------------------------------------------------------------------------------------------------


def test_everybody_who_may_decide_has_a_mail_with_a_link_of_their_own(
    outbox, subscribed, receivers, open_request, links
):
    subscribed.mail()
    asked = open_request()

    outbox.once()

    mails = receivers.notices("mailto:")
    assert to(mails) == ["Anna.Berg@acme.example", "ben@acme.example", "cleo@acme.example"]
    for mail in mails:
        link = links.read(mail.url.removeprefix("https://queue.test/d/"))
        assert (link.request_id, link.version, link.person) == (asked.id, 1, mail.to)
        assert mail.url in mail.text
    assert len({mail.id for mail in mails}) == 1


def test_a_room_is_told_with_the_address_of_the_page(outbox, subscribed, receivers, open_request):
    subscribed.notify(ROOM)
    asked = open_request()

    outbox.once()

    (notice,) = receivers.notices()
    assert notice.url == f"https://queue.test/r/{asked.id}"
    assert notice.to is None
    assert "/d/" not in notice.text


def test_ones_own_place_is_told_of_what_one_may_decide(outbox, subscribed, receivers, open_request, links):
    subscribed.notify("tgram://bot/chat", person="ben@acme.example")
    subscribed.notify("tgram://bot/other", person="omar@acme.example")
    open_request()

    outbox.once()

    (notice,) = receivers.notices()
    assert links.read(notice.url.rpartition("/")[2]).person == "ben@acme.example"


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({}, True),
        ({"groups": ["sales"]}, True),
        ({"groups": ["legal"]}, False),
        ({"gates": ["offer"]}, True),
        ({"gates": ["brief"]}, False),
        ({"events": ["request.approved"]}, False),
    ],
)
def test_a_place_is_told_of_what_it_asks_for(outbox, subscribed, receivers, open_request, terms, told):
    subscribed.notify(ROOM, **terms)
    open_request()

    outbox.once()

    assert bool(receivers.sent) == told


def test_an_escalation_asks_those_it_leads_to(outbox, subscribed, receivers, open_request, service):
    subscribed.mail(events=["request.escalated"])
    asked = open_request({"escalate_to": ("managers",), "on_timeout": "escalate"})
    service.escalate(asked.id)

    outbox.once()

    assert to(receivers.notices()) == ["dora@acme.example"]
    assert receivers.notices()[0].subject.startswith("Escalated to you: Offer for Northwind")


def test_a_new_version_brings_new_links(outbox, subscribed, receivers, open_request, service, make_offer, links):
    subscribed.mail()
    asked = open_request()
    outbox.once()
    service.revise(asked.id, document=make_offer(amount="900.00"))

    outbox.once()

    (mail,) = [one for one in receivers.notices() if one.type == "request.revised" and one.to == "ben@acme.example"]
    assert links.read(mail.url.rpartition("/")[2]).version == 2


def test_a_signature_on_an_edit_asks_the_others_again_and_not_who_signed(
    outbox, subscribed, receivers, open_request, service, make_offer, BEN
):
    subscribed.mail(events=["request.signed"])
    asked = open_request({"quorum": 2})
    service.approve(asked.id, BEN, version=1, edited=make_offer(amount="1100.00"))

    outbox.once()

    assert to(receivers.notices()) == ["Anna.Berg@acme.example", "cleo@acme.example"]


def test_what_the_policy_let_through_asks_nobody(outbox, subscribed, receivers, open_request, hooked):
    subscribed.mail()
    subscribed.notify(ROOM)
    open_request({"ask_when": "flagged"})

    outbox.once()

    assert [notice.type for _, notice in receivers.sent] == ["request.opened", "request.approved"]
    assert {address for address, _ in receivers.sent} == {HOOK}


def test_a_mention_is_told_to_whom_it_means(outbox, subscribed, receivers, open_request, service, BEN):
    subscribed.mail(events=[])
    asked = open_request()
    service.comment(asked.id, "@cleo@acme.example and @ada@acme.example, is that so? @omar@acme.example", BEN)

    outbox.once()

    assert to(receivers.notices()) == ["ada@acme.example", "cleo@acme.example"]
    assert receivers.notices()[0].subject == "ben@acme.example mentioned you: Offer for Northwind"
    urls = {mail.to: mail.url for mail in receivers.notices()}
    assert "/d/" in urls["cleo@acme.example"]
    assert urls["ada@acme.example"] == f"https://queue.test/r/{asked.id}"


@pytest.mark.parametrize("severity", ["high", "warning"])
def test_who_is_asked_of_high_risk_has_the_address_of_the_page(outbox, subscribed, receivers, open_request, severity):
    subscribed.mail()
    asked = open_request(flags=(Flag(code="large", message="Large.", severity=severity),))

    outbox.once()

    page = f"https://queue.test/r/{asked.id}"
    assert all((mail.url == page) == (severity == "high") for mail in receivers.notices())


# -- when --------------------------------------------------------------------------------------------------------


def test_a_decision_is_told_once_it_takes_effect(outbox, receivers, open_request, service, hooked, ANNA, clock):
    asked = open_request()
    outbox.once()
    service.decide(asked.id, Approve(), ANNA, version=1, recall=8)
    outbox.once()
    before = [notice.type for notice in receivers.notices()]
    clock.forward(8)

    outbox.once()

    assert before == ["request.opened"]
    assert [notice.type for notice in receivers.notices()] == ["request.opened", "request.approved"]


def test_a_decision_that_was_undone_is_never_told(outbox, receivers, open_request, service, hooked, ANNA, clock):
    asked = open_request()
    service.decide(asked.id, Approve(), ANNA, version=1, recall=8)
    outbox.once()
    clock.forward(5)
    service.recall(asked.id, ANNA)
    service.decide(asked.id, Reject(reason="No."), ANNA, version=1, recall=8)
    clock.forward(60)

    outbox.once()

    assert sorted(notice.type for notice in receivers.notices()) == [
        "request.opened",
        "request.recalled",
        "request.rejected",
    ]


def test_a_question_that_was_answered_before_it_was_sent_is_not_asked(
    outbox, subscribed, receivers, open_request, service, deliveries, BEN
):
    subscribed.mail()
    receivers.failures["mailto:"] = NotDelivered("The server is down.")
    asked = open_request()
    outbox.once()
    service.approve(asked.id, BEN, version=1)
    receivers.failures.clear()

    for _ in range(3):
        outbox.once()
    subscribed.terms["mail"]["events"] = []

    assert receivers.sent == []


def test_who_is_no_longer_asked_is_sent_no_link(outbox, subscribed, receivers, open_request, people, clock):
    subscribed.mail()
    receivers.failures["mailto:"] = NotDelivered("The server is down.")
    open_request()
    outbox.once()
    receivers.failures.clear()
    people.change("ben@acme.example", active=False)
    people.change("cleo@acme.example", groups=())
    clock.forward(hours=1)

    outbox.once()

    assert to(receivers.notices()) == ["Anna.Berg@acme.example"]


# -- receivers that fail -----------------------------------------------------------------------------------------


def test_a_receiver_that_is_down_for_an_hour_is_told_once_under_one_id(
    outbox, receivers, open_request, hooked, clock, deliveries
):
    receivers.failures[HOOK] = NotDelivered("It answered 503.")
    open_request()
    waits = []
    while clock.now < clock.now.replace(hour=13, minute=0):
        outbox.once()
        (waiting,) = deliveries()
        waits.append(waiting.next_at - clock.now)
        clock.now = waiting.next_at
    receivers.failures.clear()

    for _ in range(5):
        outbox.once()
        clock.forward(hours=1)

    (delivered,) = deliveries()
    (notice,) = receivers.notices()
    assert (delivered.state, delivered.event_id, notice.id) == ("delivered", notice.id, delivered.event_id)
    assert all(later > earlier for earlier, later in pairwise(waits))
    assert timedelta(seconds=8) <= waits[0] <= timedelta(seconds=12)
    assert len(waits) == receivers.tried - 1 == delivered.attempts - 1


def test_after_a_day_it_counts_as_failed_and_can_be_sent_again(
    outbox, receivers, open_request, hooked, clock, deliveries, messages, store, ADA
):
    receivers.failures[HOOK] = NotDelivered("It answered 503.")
    open_request()
    while not deliveries("failed"):
        outbox.once()
        clock.now = max(clock.now, deliveries()[0].next_at)
    (failed,) = deliveries()
    assert failed.next_at - failed.created_at <= GIVE_UP
    assert 10 <= failed.attempts <= 20
    assert failed.last_error == "It answered 503."
    receivers.failures.clear()
    outbox.once()
    assert receivers.sent == []

    messages(store)["notifications"].retry(failed.id, ADA)
    outbox.once()

    assert [notice.id for notice in receivers.notices()] == [failed.event_id]


def test_what_a_receiver_asks_for_is_kept(outbox, receivers, open_request, hooked, clock, deliveries):
    receivers.failures[HOOK] = NotDelivered("It answered 429.", after=3600)
    open_request()

    outbox.once()

    assert deliveries()[0].next_at >= clock.now + timedelta(hours=1)


def test_what_can_never_arrive_is_not_tried_again(outbox, receivers, open_request, hooked, clock, deliveries):
    receivers.failures[HOOK] = NotDelivered("It answered 410.", retryable=False)
    open_request()

    outbox.once()
    clock.forward(hours=5)
    outbox.once()

    assert receivers.tried == 1
    assert deliveries()[0].state == "failed"


@pytest.mark.parametrize("failure", [NotDelivered("No."), RuntimeError(ROOM), ValueError("template")])
def test_a_place_that_fails_keeps_no_other_from_its_turn(
    outbox, subscribed, receivers, open_request, deliveries, hooked, service, failure, caplog
):
    subscribed.notify(ROOM, name="room")
    receivers.failures[ROOM] = failure
    opened = [open_request() for _ in range(3)]

    with caplog.at_level(logging.DEBUG):
        outbox.once()

    assert len(receivers.notices(HOOK)) == 3
    assert receivers.tried == 4  # the room was tried once a round, not once a message
    assert {one.target for one in deliveries("pending")} == {"room"}
    assert all(service.get(one.id).is_open for one in opened)
    assert ROOM not in caplog.text + str(deliveries())


def test_a_process_that_dies_between_sending_and_noting_sends_again_under_the_same_id(
    subscribed, receivers, open_request, restarted, clock
):
    """At least once, and never twice without the receiver being able to tell."""
    subscribed.mail()

    class Dying(BaseException):
        pass

    open_request()
    dying = restarted()
    settle = dying._sent

    def dies(delivery, subscriptions):
        settle(delivery, subscriptions)
        raise Dying

    dying._sent = dies
    with pytest.raises(Dying):
        dying.once()
    clock.forward(120)  # its lease has lapsed

    restarted().once()

    mails = receivers.notices("mailto:")
    assert len(mails) == 4
    assert len({mail.id for mail in mails}) == 1
    twice = [mail for mail in mails if mail.to == mails[0].to]
    assert len(twice) == 2
    assert twice[0].url == twice[1].url


def test_a_restart_tells_nothing_twice(receivers, open_request, restarted, hooked, clock):
    open_request()
    restarted().once()
    clock.forward(120)

    restarted().once()
    restarted().once()

    assert len(receivers.sent) == 1


def test_of_two_processes_one_sends(receivers, open_request, restarted, hooked, clock):
    one, other = restarted(), restarted()
    open_request()
    assert one.once().delivered == 1
    open_request()

    assert not other.once().leader
    clock.forward(120)
    assert other.once().delivered == 1


def test_a_place_that_was_taken_out_is_told_no_more(outbox, subscribed, receivers, open_request, hooked, deliveries):
    receivers.failures[HOOK] = NotDelivered("No.")
    open_request()
    outbox.once()
    subscribed.terms.clear()
    outbox._clock.forward(hours=1)

    outbox.once()

    (failed,) = deliveries()
    assert (failed.state, failed.last_error) == ("failed", "hook is not among those that are told any more.")


def test_while_the_file_is_broken_nothing_is_lost(outbox, subscribed, receivers, open_request, hooked, caplog):
    subscribed.broken = "In 'notifications.toml', entry 1 of [[notify]]: 'to' is missing."
    open_request()

    assert outbox.once().problem == subscribed.broken
    outbox.once()
    assert caplog.text.count("Nobody is notified") == 1

    subscribed.broken = None
    assert outbox.once().delivered == 1


def test_nobody_who_is_told_costs_nothing(outbox, open_request, store, deliveries):
    open_request()

    outbox.once()

    assert deliveries() == ()
    with store.read() as transaction:
        assert transaction.told_up_to() == transaction.head()[0]


def test_an_event_has_the_id_of_its_entry(outbox, receivers, open_request, hooked, store):
    open_request()
    outbox.once()

    (entry,) = store.entries()
    assert receivers.notices()[0].id == event_id(entry.hash)
    assert entry.hash.startswith(receivers.notices()[0].id.removeprefix("evt_"))


def test_many_entries_are_told_in_one_round(outbox, receivers, open_request, hooked):
    for _ in range(30):
        open_request()

    assert outbox.once().made == 30
    assert len({notice.id for notice in receivers.notices()}) == 30


def test_what_is_settled_is_forgotten_after_a_month(outbox, receivers, open_request, hooked, clock, deliveries):
    open_request()
    outbox.once()
    clock.forward(days=31)
    open_request()

    outbox.once()

    assert len(deliveries()) == 1
