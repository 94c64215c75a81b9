"""What administrators see and do of messages, from the file to the receiver, with nothing secret on the way."""

from __future__ import annotations

import json
import logging

import pytest

from approvals.bootstrap import build
from approvals.decisions import SYSTEM
from approvals.errors import ApprovalError, NotActionable, NotDelivered, NotFound, NotPermitted
from approvals.settings import Settings

SECRET = "s3cr3t-s3cr3t-s3cr3t"
HOOK = f"webhook+https://hooks.example/{SECRET}"


@pytest.fixture
def notifications(messages, store):
    return messages(store)["notifications"]


def test_every_place_is_listed_with_what_came_of_it(notifications, outbox, subscribed, receivers, open_request, ADA):
    subscribed.mail()
    subscribed.notify(HOOK, secret=SECRET, name="hook", gates=["offer"])
    receivers.failures["webhook"] = NotDelivered("It answered 503.")
    open_request()
    outbox.once()

    overview = notifications.overview(ADA)

    assert overview.problem is None
    assert [(one.name, one.kind, one.waiting, one.last_error) for one in overview.places] == [
        ("mail", "mail", 0, None),
        ("hook", "webhook", 1, "It answered 503."),
    ]
    assert SECRET not in overview.model_dump_json()


def test_a_broken_file_is_shown_and_breaks_nothing_else(notifications, subscribed, ADA):
    subscribed.broken = "entry 1 of [[notify]]: 'to' is missing."

    assert notifications.overview(ADA).problem == subscribed.broken
    assert notifications.overview(ADA).places == ()


@pytest.mark.parametrize("who", ["ANNA", "VERA", "ROBOT", "WORKER"])
def test_only_administrators_see_or_do_anything(request, notifications, who):
    by = request.getfixturevalue(who)

    for act in (
        lambda: notifications.listed(by),
        lambda: notifications.overview(by),
        lambda: notifications.retry("dlv_1", by),
        lambda: notifications.test("hook", by),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_a_test_goes_to_the_place_alone(notifications, subscribed, receivers, ADA):
    subscribed.notify(HOOK, secret=SECRET, name="hook")
    subscribed.notify("slack://room", name="room")

    number = notifications.test("hook", ADA)

    ((address, notice),) = receivers.sent
    assert (address, notice.id, notice.type) == (HOOK, number, "test")


def test_a_test_mail_goes_to_who_asks(notifications, subscribed, receivers, ADA):
    subscribed.mail()

    notifications.test("mail", ADA)

    assert receivers.notices()[0].to == "ada@acme.example"
    with pytest.raises(NotFound, match="say who you are"):
        notifications.test("mail", SYSTEM)


def test_a_place_that_is_not_there_is_said_with_those_that_are(notifications, subscribed, ADA):
    subscribed.notify(HOOK, secret=SECRET, name="hook")

    with pytest.raises(NotFound, match="There are: hook"):
        notifications.test("hok", ADA)


def test_a_test_that_fails_says_why_and_nothing_of_the_address(notifications, subscribed, receivers, ADA):
    subscribed.notify(HOOK, secret=SECRET, name="hook")
    receivers.failures["webhook"] = RuntimeError(HOOK)

    with pytest.raises(NotDelivered) as refusal:
        notifications.test("hook", ADA)

    assert SECRET not in str(refusal.value)


def test_what_arrived_is_not_sent_again(notifications, outbox, subscribed, open_request, ADA):
    subscribed.notify(HOOK, secret=SECRET, name="hook")
    open_request()
    outbox.once()
    (delivered,) = notifications.listed(ADA)

    with pytest.raises(NotActionable, match="was delivered"):
        notifications.retry(delivered.id, ADA)
    with pytest.raises(NotFound):
        notifications.retry("dlv_none", ADA)


def test_a_retry_does_not_tell_a_decision_before_it_takes_effect(
    notifications, outbox, subscribed, receivers, open_request, service, ANNA, ADA
):
    subscribed.notify(HOOK, secret=SECRET, name="hook", events=["request.approved"])
    asked = open_request()
    service.approve(asked.id, ANNA, version=1, recall=8)
    outbox.once()
    (waiting,) = notifications.listed(ADA)

    notifications.retry(waiting.id, ADA)
    outbox.once()

    assert receivers.sent == []


# -- put together as it runs -------------------------------------------------------------------------------------


@pytest.fixture
def queue(tmp_path, examiner, clock):
    home = tmp_path / "home"
    home.mkdir()
    (home / "people.toml").write_text('[[people]]\nemail = "ada@acme.example"\nrole = "admin"\ngroups = ["sales"]\n')
    made = build(Settings(home=home), examiner=examiner, clock=clock)
    yield made
    made.close()


@pytest.fixture
def opened(queue, propose, WORKER, policies):
    def make(**terms):
        gatekeeper = queue.gatekeeper
        gatekeeper._policies = policies
        return gatekeeper.open(propose(**terms), WORKER)

    return make


def test_a_file_of_messages_is_all_that_a_first_look_needs(queue, opened):
    messages = queue.settings.home / "messages.jsonl"
    queue.settings.notifications.write_text(f'[[notify]]\nto = "{messages.as_uri()}"\nperson = "ada@acme.example"\n')
    asked = opened()

    assert queue.outbox.once().delivered == 1

    (line,) = messages.read_text().splitlines()
    told = json.loads(line)
    token = told["url"].removeprefix("http://127.0.0.1:4280/d/")
    assert queue.links.read(token).request_id == asked.id
    assert (queue.settings.home / "link.key").stat().st_mode & 0o777 == 0o600


def test_no_secret_reaches_a_log_an_error_or_an_answer(queue, opened, monkeypatch, caplog, capfd, ADA, clock):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("BAD_SECRET", f"!{SECRET}!")
    monkeypatch.delenv("UNSET", raising=False)
    queue.settings.notifications.write_text(
        f"""
        [mail]
        via = "mailto://user:${{HOOK_SECRET}}@127.0.0.1:1?from=q@acme.example&mode=insecure"
        [[notify]]
        to = "webhook+http://127.0.0.1:1/${{HOOK_SECRET}}?key={SECRET}"
        secret = "${{HOOK_SECRET}}"
        [[notify]]
        to = "webhook+https://127.0.0.1:1/{SECRET}"
        secret = "${{BAD_SECRET}}"
        [[notify]]
        to = "slack://{SECRET}"
        [[notify]]
        to = "json://user:{SECRET}@127.0.0.1:1/{SECRET}"
        [[notify]]
        to = "nosuch://{SECRET}"
        [[notify]]
        to = "slack://${{UNSET}}/{SECRET}"
        """
    )
    opened()

    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            queue.outbox.once()
            clock.forward(hours=1)
        refusals = []
        for place in queue.notifications.overview(ADA).places:
            try:
                queue.notifications.test(place.name, ADA)
            except ApprovalError as error:
                refusals.append(f"{error} {error!r}")
    listed = queue.notifications.listed(ADA)
    overview = queue.notifications.overview(ADA)

    logged = "".join(record.getMessage() + str(record.exc_info) for record in caplog.records)
    shown = "".join([logged, *capfd.readouterr(), *refusals, repr(listed), overview.model_dump_json(), repr(queue)])
    assert len(refusals) == 7
    assert {one.state for one in listed} <= {"pending", "failed"}
    assert SECRET not in shown
    assert any("UNSET" in (one.last_error or "") for one in listed)
