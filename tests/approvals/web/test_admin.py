"""The figures, the record and the tokens over REST."""

from __future__ import annotations

import pytest

from approvals.audit import GENESIS
from approvals.errors import NotDelivered

APPROVE = {"kind": "approve"}


def kind_of(response):
    return response.status_code, response.json()["type"].removeprefix("urn:countersign:problem:")


def test_the_record_comes_in_pages_and_in_order(ada, ben, open_request):
    requests = [open_request() for _ in range(3)]
    ben.decide(requests[0], APPROVE)

    first = ada.get("/audit", limit=4).json()
    second = ada.get("/audit", limit=4, after=first["next"]).json()
    about = ada.get("/audit", request=requests[0].id).json()

    seqs = [entry["seq"] for entry in first["entries"] + second["entries"]]
    assert seqs == list(range(1, len(seqs) + 1))
    assert second["next"] is None
    assert [entry["event"]["name"] for entry in about["entries"]] == ["request.opened", "request.approved"]


def test_the_record_verifies_and_a_head_from_elsewhere_is_looked_for(ada, open_request):
    open_request()

    fits = ada.get("/audit/verification").json()
    known = ada.get("/audit/verification", head=fits["head"]).json()
    cut = ada.get("/audit/verification", head="ab" * 32).json()

    assert (fits["ok"], known["ok"], cut["ok"]) == (True, True, False)
    assert fits["head"] != GENESIS
    assert "cut off" in cut["problem"]


def test_the_figures_count_what_was_decided(ben, call, open_request, make_offer, clock):
    accepted, edited, rejected, _waiting = (open_request() for _ in range(4))
    clock.forward(minutes=10)
    ben.decide(accepted, APPROVE)
    ben.decide(edited, {"kind": "edit", "document": make_offer(title="Better")})
    clock.forward(minutes=10)
    ben.decide(rejected, {"kind": "reject", "reason": "No."})

    figures = ben.get("/metrics").json()

    assert figures["requests"] == 4
    assert {state: count for state, count in figures["by_state"].items() if count} == {
        "pending": 1,
        "approved": 2,
        "rejected": 1,
    }
    assert figures["seconds_to_decision"] == {"value": 600.0, "n": 3}
    assert figures["accepted_as_is"] == figures["edited"] == figures["rejected"] == {"count": 1, "n": 3}


@pytest.mark.parametrize("path", ["/audit", "/audit/verification", "/tokens"])
def test_only_an_administrator_with_the_scope_sees_them(ben, call, path):
    assert kind_of(ben.get(path)) == (403, "not-permitted")
    assert kind_of(call("ada@acme.example", "read").get(path)) == (403, "not-permitted")
    assert call("ada@acme.example", "read", "admin").get(path).status_code == 200


def test_a_token_is_made_used_listed_and_ended(ada, client):
    made = ada.send("POST", "/tokens", {"subject": "BEN@acme.example", "scopes": ["read"], "label": "laptop"})
    secret = made.json()["secret"]
    headers = {"Authorization": f"Bearer {secret}"}

    used = client.get("/api/v1/me", headers=headers)
    listed = ada.get("/tokens").text
    ended = ada.send("DELETE", f"/tokens/{made.json()['id']}")

    assert (made.status_code, used.json()["id"], ended.status_code) == (201, "ben@acme.example", 204)
    assert "laptop" in listed
    assert secret not in listed
    assert client.get("/api/v1/me", headers=headers).status_code == 401


@pytest.mark.parametrize("kind", ["agent", "worker"])
def test_no_machine_gets_a_token_that_decides(ada, kind):
    response = ada.send("POST", "/tokens", {"subject": "drafter", "kind": kind, "scopes": ["decide"]})

    assert kind_of(response) == (403, "not-a-person")
    assert [token["kind"] for token in ada.get("/tokens").json()] == ["person"]


def test_a_token_for_nobody_and_one_to_end_that_is_not_there_are_not_found(ada):
    assert kind_of(ada.send("POST", "/tokens", {"subject": "eve@elsewhere.example"})) == (404, "not-found")
    assert kind_of(ada.send("DELETE", "/tokens/ZZZZZZZZZZ")) == (404, "not-found")


def test_an_agent_reads_nothing(call, open_request):
    request, agent = open_request(), call("drafter", kind="agent")

    for path in ("/requests", f"/requests/{request.id}", "/requests/ZZZZZZZZZZ", "/metrics", "/audit"):
        assert agent.get(path).status_code == 403


# -- messages ----------------------------------------------------------------------------------------------------


def test_deliveries_are_for_administrators(call, ada, ben):
    assert ada.get("/deliveries").json() == []
    for caller in (ben, call("vera@acme.example"), call("drafter", kind="agent"), call("outreach", kind="worker")):
        assert caller.get("/deliveries").status_code == 403
        assert caller.send("POST", "/deliveries/dlv_1/retry").status_code == 403
    assert call(None).get("/deliveries").status_code == 401


def test_what_failed_is_listed_without_a_secret_and_sent_again(ada, subscribed, receivers, outbox, open_request):
    secret = "s3cr3t-s3cr3t"
    subscribed.notify(f"webhook+https://hooks.example/{secret}", secret=secret, name="hook")
    receivers.failures["webhook"] = NotDelivered("It answered 410.", retryable=False)
    open_request()
    outbox.once()

    listed = ada.get("/deliveries", state="failed")
    (failed,) = listed.json()
    again = ada.send("POST", f"/deliveries/{failed['id']}/retry")

    assert (failed["target"], failed["last_error"]) == ("hook", "It answered 410.")
    assert secret not in listed.text + again.text
    assert (again.status_code, again.json()["state"]) == (200, "pending")
    assert ada.get("/deliveries", state="failed").json() == []
    assert ada.send("POST", "/deliveries/dlv_none/retry").status_code == 404
