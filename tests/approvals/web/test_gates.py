"""Gates over REST, where HTTP itself matters; what each call does is held in tests/contract/test_gate_side.py."""

from __future__ import annotations

import hashlib

import pytest

OWN = "/gate/runs/run-1"


@pytest.fixture
def worker(call):
    return call("letters", "gate", kind="worker")


def test_a_request_that_has_not_changed_is_not_sent_again(worker, open_request, gatekeeper):
    request = open_request()
    first = worker.get(f"{OWN}/requests/{request.id}")
    headers = {**worker.headers, "If-None-Match": first.headers["ETag"]}
    path = f"/api/v1{OWN}/requests/{request.id}"

    same = worker.client.get(path, headers=headers)
    gatekeeper.suspending(request.id)
    changed = worker.client.get(path, headers=headers)

    assert (same.status_code, same.content) == (304, b"")
    assert (changed.status_code, changed.json()["attempt"]) == (200, 1)
    assert first.headers["X-Countersign-Time"] == same.headers["X-Countersign-Time"]


def test_a_page_is_kept_under_its_own_digest_or_not_at_all(worker, pages):
    body = b"<h1>Northwind</h1>"
    headers = {**worker.headers, "Content-Type": "application/octet-stream"}

    def put(named: bytes):
        path = f"/api/v1{OWN}/pages/{hashlib.sha256(named).hexdigest()}"
        return worker.client.request("PUT", path, content=body, headers=headers)

    assert put(b"something else").status_code == 409
    assert pages == []
    assert put(body).status_code == 204
    assert pages == [body]


@pytest.mark.parametrize("who", ["ben@acme.example", "drafter"])
def test_people_and_agents_are_no_runs(call, open_request, unchanged, who):
    request = open_request()
    caller = call(who) if "@" in who else call(who, "read", "gate", kind="agent")

    with unchanged(request):
        answers = [
            caller.get(f"{OWN}/requests/{request.id}"),
            caller.send("POST", f"{OWN}/requests/{request.id}/answer", {"mint": True}),
            caller.send("PUT", f"{OWN}/lease", {"holder": "h", "seconds": 5}),
        ]

    assert {answer.status_code for answer in answers} == {403}


def test_a_queue_without_prefect_lets_nobody_in(approvals, make_client, token):
    from approvals.web import create_app

    headers = {"Authorization": f"Bearer {token('letters', 'gate', kind='worker')}"}

    answer = make_client(create_app(approvals)).get(f"/api/v1{OWN}/requests/X", headers=headers)

    assert answer.status_code == 503
    assert answer.json()["type"].endswith("runs-unavailable")
