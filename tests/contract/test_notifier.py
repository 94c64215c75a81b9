"""What every notifier promises, and what each does besides. Receivers are real servers on this machine."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from approvals.deliveries import Notice
from approvals.errors import NotDelivered, NotificationsError, UnknownScheme
from approvals.notifiers import NOTIFIERS, Terms, open_notifier
from approvals.ports import Notifier

_PLACE = Path(__file__).with_name("receivers.py")
_SPEC = importlib.util.spec_from_file_location("receivers", _PLACE)
assert _SPEC is not None
assert _SPEC.loader is not None
receivers = importlib.util.module_from_spec(_SPEC)
sys.modules["receivers"] = receivers
_SPEC.loader.exec_module(receivers)

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
PASSWORD = "hunter2-hunter2"


def a_notice(**terms: Any) -> Notice:
    usual: dict[str, Any] = {
        "id": "evt_0123456789abcdef01234567",
        "type": "request.opened",
        "at": datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
        "subject": "Approve? Proposal for Halden Freight, due in 3 h",
        "text": "Proposal for Halden Freight\n78,070 für 12 Fahrzeuge\n\nhttps://queue.test/r/1\n",
        "url": "https://queue.test/r/1",
        "to": "sam@brightwater.example",
        "name": "Sam, Sales",
        "data": {"request": {"id": "1", "title": "Proposal für Halden"}},
    }
    return Notice(**{**usual, **terms})


@pytest.fixture
def mail() -> Iterator[Any]:
    server = receivers.MailServer()
    yield server
    server.close()


@pytest.fixture
def web() -> Iterator[Any]:
    server = receivers.WebServer()
    yield server
    server.close()


@dataclass
class Case:
    """One notifier with a receiver that can be looked into and be made to fail."""

    notifier: Notifier
    arrived: Callable[[], int]
    fail: Callable[[], None]
    secrets: tuple[str, ...] = ()


@pytest.fixture(params=["memory", "file", "mailto", "json", "webhook"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    path = tmp_path / "messages.jsonl"
    match request.param:
        case "memory":
            kept: Any = open_notifier("memory:")
            return Case(kept, lambda: len(kept.sent), lambda: None)
        case "file":
            return Case(
                open_notifier(path.as_uri()),
                lambda: len(path.read_text().splitlines()) if path.is_file() else 0,
                lambda: path.mkdir(),
            )
        case "mailto":
            mail = request.getfixturevalue("mail")
            address = f"mailto://127.0.0.1:{mail.port}?from=queue@acme.example&to=all@acme.example&mode=insecure"

            def refuse() -> None:
                mail.refuses = True

            return Case(open_notifier(address), lambda: len(mail.mails), refuse)
        case "json":
            web = request.getfixturevalue("web")
            address = f"json://user:{PASSWORD}@127.0.0.1:{web.port}/in"

            def break_() -> None:
                web.status = 500

            return Case(open_notifier(address), lambda: len(web.posts), break_, (PASSWORD,))
        case _:
            web = request.getfixturevalue("web")
            terms = Terms(secret=SecretStr(SECRET), private=True)

            def break_() -> None:
                web.status = 500

            notifier = open_notifier(f"webhook+http://127.0.0.1:{web.port}/in?key={PASSWORD}", terms)
            return Case(notifier, lambda: len(web.posts), break_, (PASSWORD, SECRET))


def test_a_message_arrives_once(case: Case) -> None:
    case.notifier.send(a_notice())

    assert case.arrived() == 1


def test_a_message_that_is_sent_again_arrives_again(case: Case) -> None:
    """It is the receiver who knows it by its id."""
    for _ in range(2):
        case.notifier.send(a_notice())

    assert case.arrived() == 2


def test_what_does_not_arrive_is_said_without_a_secret(
    case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    case.fail()
    if type(case.notifier).__name__ == "MemoryNotifier":
        pytest.skip("memory takes everything")

    with caplog.at_level(logging.DEBUG), pytest.raises(NotDelivered) as refusal:
        case.notifier.send(a_notice())

    assert refusal.value.retryable
    shown = "".join(capfd.readouterr()) + str(refusal.value) + repr(refusal.value)
    logged = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("httpcore"))
    for secret in case.secrets:
        assert secret not in shown
        assert secret not in logged


@pytest.mark.parametrize("address", ["nosuch://x", "slack://", "mailto://", "", "x", "file://relative", "file:x"])
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UnknownScheme) as refusal:
        open_notifier(f"{address}{'/' + PASSWORD if address.endswith('x') else ''}")

    assert PASSWORD not in str(refusal.value)


def test_every_scheme_of_the_table_opens(tmp_path: Path) -> None:
    terms = Terms(secret=SecretStr(SECRET))
    addresses = {"memory": "memory:", "file": (tmp_path / "m").as_uri()}

    for scheme in NOTIFIERS:
        assert hasattr(open_notifier(addresses.get(scheme, f"{scheme}://host.example/in"), terms), "send")


# -- a file ------------------------------------------------------------------------------------------------------


def test_a_file_keeps_each_message_as_a_line_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    notices = [a_notice(), a_notice(id="evt_2", subject="half a character: \ud800")]

    for one in notices:
        open_notifier(path.as_uri()).send(one)

    lines = path.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [one.id for one in notices]
    assert path.stat().st_mode & 0o777 == 0o600


# -- mail --------------------------------------------------------------------------------------------------------


@pytest.fixture
def post(mail: Any) -> Notifier:
    return open_notifier(f"mailto://127.0.0.1:{mail.port}?from=queue@acme.example&mode=insecure&to=all@acme.example")


def test_a_mail_goes_to_its_one_person_as_plain_text(mail: Any, post: Notifier) -> None:
    post.send(a_notice())

    ((recipients, message),) = mail.mails
    assert recipients == ["sam@brightwater.example"]
    assert message["subject"] == "Approve? Proposal for Halden Freight, due in 3 h"
    assert message["to"].addresses[0].addr_spec == "sam@brightwater.example"
    assert message["x-countersign-event"] == "evt_0123456789abcdef01234567"
    assert message["auto-submitted"] == "auto-generated"
    assert [part.get_content_type() for part in message.walk() if not part.is_multipart()] == ["text/plain"]
    body = message.get_body(("plain",))
    assert body is not None
    assert "78,070 für 12 Fahrzeuge" in body.get_content()
    assert "https://queue.test/r/1" in body.get_content()


@pytest.mark.parametrize(
    "terms",
    [
        {"subject": "Hello\r\nBcc: evil@evil.example"},
        {"name": "Sam\r\nBcc: evil@evil.example"},
        {"name": "evil@evil.example, Sam"},
        {"name": '"<evil@evil.example>"'},
    ],
)
def test_nothing_in_a_message_adds_a_header_or_a_recipient(mail: Any, post: Notifier, terms: dict[str, str]) -> None:
    try:
        post.send(a_notice(**terms))
    except NotDelivered:
        assert mail.mails == []
        return

    ((recipients, message),) = mail.mails
    assert recipients == ["sam@brightwater.example"]
    assert message["bcc"] is None
    assert [one.addr_spec for one in message["to"].addresses] == ["sam@brightwater.example"]


def test_markup_in_a_mail_is_text(mail: Any, post: Notifier) -> None:
    post.send(a_notice(text="<b>bold</b> & [x](https://evil.example)\n"))

    ((_, message),) = mail.mails
    assert message.get_body(("plain",)).get_content().strip() == "<b>bold</b> & [x](https://evil.example)"


def test_in_a_chat_no_words_call_everybody_or_hide_an_address(web: Any) -> None:
    text = "<!channel> @everyone [x](evil) <https://evil|here> sam@acme.example\nhttps://queue.test/r/1\n"

    open_notifier(f"json://127.0.0.1:{web.port}/in").send(a_notice(text=text, subject="@here"))

    sent = json.loads(web.posts[0][1])
    said = sent["title"] + sent["message"]
    assert not any(one in said for one in ("<!", "@everyone", "@here", "[x](", "<https"))
    assert "sam@acme.example" in said
    assert "https://queue.test/r/1" in said


# -- webhooks ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hook(web: Any) -> Notifier:
    return open_notifier(
        f"webhook+http://127.0.0.1:{web.port}/in", Terms(secret=SecretStr(SECRET), private=True, seconds=0.5)
    )


def test_a_receiver_verifies_what_it_is_sent_with_the_library(web: Any, hook: Notifier) -> None:
    hook.send(a_notice())

    headers, body = web.posts[0]
    verified = Webhook(SECRET).verify(body, headers)
    assert verified == {
        "type": "request.opened",
        "id": "evt_0123456789abcdef01234567",
        "timestamp": "2026-03-02T12:00:00.000Z",
        "data": {"request": {"id": "1", "title": "Proposal für Halden"}},
    }
    assert headers["webhook-id"] == "evt_0123456789abcdef01234567"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"])
def test_what_was_altered_on_the_way_does_not_verify(web: Any, hook: Notifier, change: str) -> None:
    hook.send(a_notice())
    headers, body = web.posts[0]
    secret = SECRET
    match change:
        case "body":
            body = body.replace(b"opened", b"closed")
        case "secret":
            secret = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI="
        case "webhook-signature":
            headers["webhook-signature"] = "v1,AAAA"
        case "webhook-timestamp":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
        case _:
            headers["webhook-id"] = "evt_other"

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_a_replay_is_known_by_its_id_and_a_late_one_by_its_time(web: Any, hook: Notifier) -> None:
    """Both are the receiver's to refuse; what it needs for that is signed."""
    hook.send(a_notice())
    hook.send(a_notice())

    (first, _), (second, body) = web.posts
    assert first["webhook-id"] == second["webhook-id"]
    late = {**second, "webhook-timestamp": str(int(second["webhook-timestamp"]) - 3600)}
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(body, late)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, True), (404, True), (408, True), (410, False), (429, True), (500, True), (503, True)],
)
def test_any_answer_but_a_yes_is_a_failure(web: Any, hook: Notifier, status: int, retryable: bool) -> None:
    web.status = status

    with pytest.raises(NotDelivered, match=str(status)) as refusal:
        hook.send(a_notice())

    assert refusal.value.retryable == retryable


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("999999999", 86_400.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("-5", None)],
)
def test_what_a_receiver_asks_for_is_told(web: Any, hook: Notifier, header: str, seconds: float | None) -> None:
    web.status, web.headers = 429, {"Retry-After": header}

    with pytest.raises(NotDelivered) as refusal:
        hook.send(a_notice())

    assert refusal.value.after == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(web: Any, hook: Notifier, status: int) -> None:
    web.status, web.headers = status, {"Location": f"http://127.0.0.1:{web.port}/elsewhere"}

    with pytest.raises(NotDelivered, match="not followed") as refusal:
        hook.send(a_notice())

    assert not refusal.value.retryable
    assert (len(web.posts), web.others) == (1, [])


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(web: Any, hook: Notifier) -> None:
    web.seconds = 1.5

    with pytest.raises(NotDelivered, match="did not answer within") as refusal:
        hook.send(a_notice())

    assert refusal.value.retryable


def test_a_receiver_that_is_down_is_tried_again(web: Any, hook: Notifier) -> None:
    web.close()

    with pytest.raises(NotDelivered, match="could not be reached") as refusal:
        hook.send(a_notice())

    assert refusal.value.retryable


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "0.0.0.0",
     "100.64.0.1", "224.0.0.1", "[fd00::1]", "2130706433"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_unless_allowed(host: str) -> None:
    hook = open_notifier(f"webhook+https://{host}/in", Terms(secret=SecretStr(SECRET)))

    with pytest.raises(NotDelivered, match="APPROVALS_WEBHOOK_PRIVATE") as refusal:
        hook.send(a_notice())

    assert not refusal.value.retryable


@pytest.mark.parametrize("host", ["93.184.216.34", "10.0.0.1"])
def test_without_tls_a_webhook_is_for_this_machine_alone(host: str) -> None:
    hook = open_notifier(f"webhook+http://{host}/in", Terms(secret=SecretStr(SECRET), private=True))

    with pytest.raises(NotDelivered, match="speaks no TLS"):
        hook.send(a_notice())


@pytest.mark.parametrize("secret", [None, "", "whsec_", "not base64!", "\u00fc"])
def test_a_webhook_without_a_secret_that_signs_is_refused(secret: str | None) -> None:
    with pytest.raises(NotificationsError, match="secret"):
        open_notifier("webhook+https://host.example/in", Terms(secret=None if secret is None else SecretStr(secret)))


@pytest.mark.parametrize(
    "address", ["webhook+https://", "webhook+https:///in", f"webhook+https://u:{PASSWORD}@host/in"]
)
def test_a_webhook_that_names_no_host_or_a_password_is_refused(address: str) -> None:
    with pytest.raises(NotificationsError) as refusal:
        open_notifier(address, Terms(secret=SecretStr(SECRET)))

    assert PASSWORD not in str(refusal.value)
