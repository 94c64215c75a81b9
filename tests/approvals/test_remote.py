"""The client of a queue on another machine: what it repeats, what it raises, and when it gives up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from approvals.bootstrap import queue_elsewhere
from approvals.errors import ApprovalError, NotFound, OutOfScope, PolicyError, QueueUnavailable
from approvals.remote import Queue
from approvals.requests import Proposed
from approvals.settings import Settings


class Line:
    """Answers what it is given, in turn, and then the last for ever; an exception is a line that is cut."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, http):
        self.asked.append(http)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def gate(line, *addresses, **terms):
    queue = Queue(
        addresses or ("http://queue.test",),
        SecretStr("cs_secret"),
        transport=httpx.MockTransport(line),
        **{"wait": 0.0, "patience": 30, **terms},
    )
    return queue.gate("run-1")


def problem(status, name, detail="A sentence."):
    return httpx.Response(status, json={"type": f"urn:countersign:problem:{name}", "detail": detail})


DONE = httpx.Response(204)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(429),
        problem(503, "store-unavailable"),
        problem(503, "runs-unavailable"),
        problem(500, "failure"),
    ],
    ids=str,
)
def test_what_passes_is_waited_for(trouble):
    line = Line(trouble, trouble, DONE)

    gate(line).enter("run-1", ["letter"], "nobody")

    assert len(line.asked) == 3
    assert {http.headers["Authorization"] for http in line.asked} == {"Bearer cs_secret"}
    assert json.loads(line.asked[-1].content) == {"policies": ["letter"]}


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [(problem(503, "policy-error"), PolicyError), (problem(404, "not-found"), NotFound)],
    ids=["a policy", "an id"],
)
def test_what_would_be_refused_again_is_raised_at_once(answer, refusal):
    line = Line(answer)

    with pytest.raises(refusal, match="A sentence"):
        gate(line).enter("run-1", [], "nobody")

    assert len(line.asked) == 1


def test_an_answer_that_is_none_of_the_queues_is_a_refusal():
    with pytest.raises(ApprovalError, match="answered 404"):
        gate(Line(httpx.Response(404, text="nothing here"))).enter("run-1", [], "nobody")


def test_a_queue_that_stays_away_is_given_up_with_its_name():
    with pytest.raises(
        QueueUnavailable, match=r"http://queue.test did not answer for 0.01 s .*refused.*APPROVALS_QUEUE_URL"
    ):
        gate(Line(httpx.ConnectError("refused")), patience=0.01).enter("run-1", [], "nobody")


def test_where_one_replica_does_not_answer_the_next_is_asked():
    line = Line(httpx.ConnectError("refused"), DONE)
    one = gate(line, "http://a.test", "http://b.test")

    one.enter("run-1", [], "nobody")
    one.enter("run-1", [], "nobody")

    assert [http.url.host for http in line.asked] == ["a.test", "b.test", "b.test"]


def test_giving_a_lease_back_to_a_queue_that_is_away_is_no_failure(monkeypatch):
    monkeypatch.setattr("approvals.remote._NOTE_SECONDS", 0.01)

    gate(Line(httpx.ConnectError("refused"))).effects.let_go("P1", 1)


def test_whether_an_answer_counts_is_told_by_the_queues_clock(gatekeeper, propose, service, WORKER, ANNA):
    request = gatekeeper.open(propose(), WORKER)
    service.approve(request.id, ANNA, version=1, recall=8)
    answered = gatekeeper.get(request.id)

    def told(after):
        headers = {"ETag": '"3"', "X-Countersign-Time": (answered.effective_at + timedelta(seconds=after)).isoformat()}
        return httpx.Response(200, content=answered.model_dump_json(), headers=headers)

    # Years lie between that clock and this machine's.
    line = Line(told(-5), told(5))
    one = gate(line)

    assert [one.counts(one.get(request.id)) for _ in range(2)] == [False, True]


def test_what_has_not_changed_is_not_sent_again(gatekeeper, propose, WORKER):
    request = gatekeeper.open(propose(), WORKER)
    headers = {"ETag": '"1"', "X-Countersign-Time": datetime.now(UTC).isoformat()}
    line = Line(
        httpx.Response(200, content=request.model_dump_json(), headers=headers), httpx.Response(304, headers=headers)
    )
    one = gate(line)

    assert one.get(request.id) == one.get(request.id) == request
    assert line.asked[1].headers["If-None-Match"] == '"1"'


def citing(sha256: str, asked: Proposed) -> Proposed:
    """The same, read from this page."""
    source = asked.evidence.sources[0].model_copy(update={"sha256": sha256})
    return asked.model_copy(update={"evidence": asked.evidence.model_copy(update={"sources": (source,)})})


def test_a_page_is_handed_in_once(gatekeeper, propose, WORKER):
    request = gatekeeper.open(propose(), WORKER)
    line = Line(httpx.Response(200, content=request.model_dump_json()))
    asked = citing("a" * 64, propose())
    one = gate(line, page={"a" * 64: b"body"}.get)

    one.open(asked, WORKER)
    one.open(asked, WORKER)

    paths = [(http.method, http.url.path.removeprefix("/api/v1/gate/runs/run-1/")) for http in line.asked]
    assert paths == [("PUT", f"pages/{'a' * 64}"), ("POST", "requests"), ("POST", "requests")]


def test_a_page_that_is_too_large_is_left_out_and_the_request_opens(gatekeeper, propose, WORKER):
    request = gatekeeper.open(propose(), WORKER)
    line = Line(httpx.Response(200, content=request.model_dump_json()))
    asked = citing("a" * 64, propose())

    opened = gate(line, page=lambda _: bytes(5 * 1024 * 1024 + 1)).open(asked, WORKER)

    assert opened == request
    assert [http.method for http in line.asked] == ["POST"]


# -- the settings ------------------------------------------------------------------------------------------------


def test_without_an_address_and_a_token_the_store_is_here(tmp_path):
    assert queue_elsewhere(Settings(home=tmp_path)) is None


@pytest.mark.parametrize(
    ("terms", "missing"),
    [({"queue_url": "https://queue.test"}, "APPROVALS_GATE_TOKEN"), ({"gate_token": "cs_x"}, "APPROVALS_QUEUE_URL")],
    ids=["no token", "no address"],
)
def test_one_without_the_other_is_refused(tmp_path, terms, missing):
    with pytest.raises(ApprovalError, match=f"{missing} is not set"):
        queue_elsewhere(Settings(home=tmp_path, **terms))


def test_replicas_are_named_with_commas(tmp_path):
    settings = Settings(home=tmp_path, queue_url="https://a.test, http://b.test:81")

    assert settings.queue_url == ("https://a.test", "http://b.test:81")
    with pytest.raises(ValueError, match="it must read https://NAME"):
        Settings(home=tmp_path, queue_url="queue.test")


@pytest.mark.parametrize("address", ["http://queue.test", "http://10.0.0.7:8700", "https://a.test,http://b.test"])
def test_a_token_does_not_leave_the_machine_in_the_clear(tmp_path, address):
    with pytest.raises(ApprovalError, match=r"http://\S+, and whoever listens on the way could read the token"):
        queue_elsewhere(Settings(home=tmp_path, queue_url=address, gate_token="cs_x"))


@pytest.mark.parametrize(
    "terms",
    [
        {"queue_url": "https://queue.test"},
        {"queue_url": "http://127.0.0.1:8700"},
        {"queue_url": "http://[::1]:8700"},
        {"queue_url": "http://localhost:8700"},
        {"queue_url": "http://10.0.0.7:8700", "queue_plain": True},
    ],
)
def test_what_stays_on_the_machine_or_is_encrypted_may_carry_it(tmp_path, terms):
    queue = queue_elsewhere(Settings(home=tmp_path, gate_token="cs_x", **terms))

    assert queue is not None
    queue.close()


# -- greeting ----------------------------------------------------------------------------------------------------


def greeted(line, *addresses):
    terms = {"transport": httpx.MockTransport(line), "wait": 0.0}
    return Queue(addresses or ("http://queue.test",), SecretStr("cs_secret"), **terms).greet()


def me(**terms):
    return httpx.Response(200, json={"kind": "worker", "id": "letters", "scopes": ["gate"], **terms})


def test_every_address_is_greeted_and_the_pool_is_told():
    line = Line(me())

    assert greeted(line, "http://a.test", "http://b.test") == "letters"
    assert [http.url.host for http in line.asked] == ["a.test", "b.test"]


def test_the_one_that_does_not_answer_is_named():
    with pytest.raises(QueueUnavailable, match=r"http://b\.test: refused"):
        greeted(Line(me(), httpx.ConnectError("refused")), "http://a.test", "http://b.test")


@pytest.mark.parametrize("terms", [{"kind": "person"}, {"scopes": ["read"]}])
def test_a_token_of_another_kind_is_told_apart(terms):
    with pytest.raises(OutOfScope, match="not a worker's with the scope 'gate'"):
        greeted(Line(me(**terms)))
