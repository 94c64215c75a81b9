"""Requests over REST."""

from __future__ import annotations

import pytest

from approvals.lifecycle import State

APPROVE = {"kind": "approve"}
BEN_MAIL = "ben@acme.example"


def kind_of(response):
    return response.status_code, response.json()["type"].removeprefix("urn:countersign:problem:")


# -- who calls ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Bearer nonsense", f"Bearer cs_{'A' * 40}", "Basic YTpi", "Bearer"])
def test_without_a_valid_token_nothing_is_told(client, open_request, header):
    open_request()

    for path in ("/requests", "/me", "/metrics", "/audit", "/tokens"):
        response = client.get(f"/api/v1{path}", headers={"Authorization": header} if header else {})
        assert kind_of(response) == (401, "not-authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.headers["Content-Type"] == "application/problem+json"


def test_every_operation_under_the_api_needs_a_token(app, client):
    paths = client.get("/api/openapi.json").json()["paths"]

    for path, operations in paths.items():
        for method in operations:
            response = client.request(method, path.replace("{request_id}", "X").replace("{token_id}", "X"))
            assert response.status_code == (200 if path == "/healthz" else 401), (method, path)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"x" * (6 * 1024 * 1024)])
def test_nothing_of_a_call_is_read_before_its_caller_is_known(client, body):
    response = client.post("/api/v1/requests/X/verdicts", content=body, headers={"Content-Type": "application/json"})

    assert kind_of(response) == (401, "not-authenticated")


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/nowhere", "/api/v1//requests", "/api/v1/%72equests"])
def test_no_spelling_of_an_address_gets_past_the_token(client, open_request, path):
    open_request()

    assert client.get(path).status_code == 401


def test_an_expired_and_a_revoked_token_end(client, tokens, token, clock, ADA):
    expired = token(BEN_MAIL)
    clock.forward(days=91)
    revoked = token(BEN_MAIL)
    tokens.revoke(tokens.listed(ADA)[-1].id, ADA.model_copy(update={"via": "embedded"}))

    for secret in (expired, revoked):
        assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_me_tells_who_asks(ben):
    told = ben.get("/me").json()

    assert told == {
        "kind": "person",
        "id": BEN_MAIL,
        "via": "token",
        "scopes": ["decide", "read"],
        "name": "Ben Okoro",
        "groups": ["sales", "legal"],
        "role": "reviewer",
    }


# -- reading -----------------------------------------------------------------------------------------------------


def test_a_list_and_its_total_are_of_the_same_requests(call, ben, open_request):
    requests = [open_request() for _ in range(5)]
    open_request({"groups": ("finance",)})

    first = ben.get("/requests", limit=3).json()
    second = ben.get("/requests", limit=3, cursor=first["next"]).json()

    listed = [request["id"] for request in first["requests"] + second["requests"]]
    assert sorted(listed) == sorted(request.id for request in requests)
    assert first["total"] == second["total"] == 5
    assert second["next"] is None


def test_lists_are_filtered(ben, call, open_request, service, BEN):
    request, other = open_request(title="Offer for Südwind"), open_request(run="run-2")
    service.reject(other.id, BEN, version=1, reason="No.")

    def listed(caller=ben, **terms):
        return [one["id"] for one in caller.get("/requests", **terms).json()["requests"]]

    assert listed(state="rejected") == [other.id]
    assert listed(state=["pending", "rejected"], text="SÜDWIND") == [request.id]
    assert listed(run="run-2") == [other.id]
    assert listed(gate="none") == []
    assert listed(mine=True) == [request.id]
    assert sorted(listed(call("rita@acme.example"), requester="rita@acme.example")) == sorted([request.id, other.id])
    assert sorted(listed(call("ada@acme.example"))) == sorted([request.id, other.id])
    assert listed(call("ada@acme.example"), mine=True) == []


@pytest.mark.parametrize("terms", [{"limit": 0}, {"limit": 201}, {"state": "nearly"}, {"mine": "perhaps"}])
def test_a_wrong_filter_is_named(ben, terms):
    response = ben.get("/requests", **terms)

    assert kind_of(response) == (422, "invalid")
    assert next(iter(terms)) in response.json()["errors"][0]["path"]


def test_a_cursor_that_nobody_gave_out_is_refused(ben):
    assert kind_of(ben.get("/requests", cursor="nonsense"))[0] == 404


def test_what_one_may_not_read_cannot_be_told_from_what_is_not_there(call, open_request, unchanged):
    request, omar = open_request(), call("omar@acme.example")

    with unchanged(request):
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/history", None),
            ("GET", "/examination", None),
            ("POST", "/examination", {"document": {}}),
            ("PUT", "/working-copy", {"document": {}, "version": 1}),
            ("POST", "/claim", None),
            ("POST", "/release", None),
            ("POST", "/recall", None),
            ("POST", "/withdraw", {"reason": "No."}),
            ("POST", "/verdicts", {"verdict": APPROVE, "version": 1}),
        ):
            hidden = omar.send(method, f"/requests/{request.id}{path}", body)
            unknown = omar.send(method, f"/requests/ZZZZZZZZZZ{path}", body)
            assert kind_of(hidden) == kind_of(unknown) == (404, "not-found")
            assert hidden.json()["detail"].replace(request.id, "ID") == unknown.json()["detail"].replace(
                "ZZZZZZZZZZ", "ID"
            )
    assert omar.get("/requests").json() == {"requests": [], "total": 0, "next": None}


def test_one_request_tells_content_evidence_and_what_can_be_done(ben, call, open_request, make_offer):
    request = open_request()

    told = ben.get(f"/requests/{request.id}").json()

    assert told["content"]["document"] == make_offer()
    assert told["evidence"]["facts"][0]["quote"] == "Northwind runs 40 shops."
    assert told["allowed_actions"] == ["claim", "approve", "reject", "return"]
    assert told["working_copy"] is None
    assert call("vera@acme.example").get(f"/requests/{request.id}").json()["allowed_actions"] == []


def test_an_examination_decides_nothing(ben, open_request, unchanged, make_offer):
    request = open_request()

    with unchanged(request):
        draft = ben.get(f"/requests/{request.id}/examination").json()
        edited = ben.send(
            "POST", f"/requests/{request.id}/examination", {"document": make_offer(amount="1", discount="2")}
        ).json()

    assert draft["consequences"] == ["An offer over 1200.00 goes out."]
    assert draft["changes"] == []
    assert "larger than the amount" in edited["errors"][0]["message"]
    assert {change["path"] for change in edited["changes"]} == {"amount", "discount"}


def test_a_working_copy_is_kept_for_its_writer(ben, call, open_request):
    request = open_request()

    kept = ben.send("PUT", f"/requests/{request.id}/working-copy", {"document": {"title": "half"}, "version": 1})

    assert kept.status_code == 200
    assert ben.get(f"/requests/{request.id}").json()["working_copy"]["document"] == {"title": "half"}
    assert call("cleo@acme.example").get(f"/requests/{request.id}").json()["working_copy"] is None


# -- acting ------------------------------------------------------------------------------------------------------


def test_claim_and_release(ben, call, open_request):
    request = open_request()

    claimed = ben.send("POST", f"/requests/{request.id}/claim")
    refused = call("cleo@acme.example").decide(request, APPROVE)
    released = ben.send("POST", f"/requests/{request.id}/release")

    assert claimed.json()["request"]["claimed_by"] == BEN_MAIL
    assert kind_of(refused) == (409, "claimed-by-someone-else")
    assert released.json()["request"]["state"] == "pending"


def test_approving_signs_exactly_the_draft(ben, open_request, service, make_offer):
    request = open_request()

    response = ben.decide(request, APPROVE)

    assert response.status_code == 200
    told = response.json()
    assert told["request"]["state"] == "approved"
    assert told["ruling"]["document"] == make_offer()
    assert service.get(request.id).ruling.sha256 == told["ruling"]["sha256"] == request.content.sha256


def test_an_edit_signs_what_was_handed_in(ben, open_request, make_offer):
    request = open_request()

    response = ben.decide(request, {"kind": "edit", "document": make_offer(title="Büro-Angebot ☂")})

    assert response.json()["ruling"]["document"]["title"] == "Büro-Angebot ☂"
    assert response.json()["ruling"]["changes"] == [
        {"path": "title", "before": "Offer for Northwind", "after": "Büro-Angebot ☂", "change": "changed"}
    ]


def test_an_edit_that_does_not_fit_is_refused_with_its_paths_and_kept(ben, open_request):
    request = open_request()

    response = ben.decide(request, {"kind": "edit", "document": {"title": "", "amount": "many"}})

    assert kind_of(response) == (422, "document-invalid")
    assert {error["path"] for error in response.json()["errors"]} == {"title", "amount"}
    told = ben.get(f"/requests/{request.id}").json()
    assert told["request"]["state"] == "pending"
    assert told["working_copy"]["document"] == {"title": "", "amount": "many"}


def test_unsupported_claims_are_listed_and_can_be_vouched_for(ben, open_request, make_offer):
    request = open_request(document=make_offer(claims=[{"id": "c7", "text": "It never rains."}]))

    refused = ben.decide(request, APPROVE)
    signed = ben.decide(request, {"kind": "approve", "vouched": ["c7"]})

    assert kind_of(refused) == (422, "unsupported-claims")
    assert refused.json()["claims"] == ["c7"]
    assert signed.json()["ruling"]["vouched"] == ["c7"]


def test_a_decision_can_be_taken_back_for_as_long_as_was_asked(ben, open_request, clock):
    request = open_request()
    ben.decide(request, APPROVE, recall=8)

    clock.forward(7)
    recalled = ben.send("POST", f"/requests/{request.id}/recall")
    ben.decide(request, APPROVE)
    late = ben.send("POST", f"/requests/{request.id}/recall")

    assert recalled.json()["request"]["state"] == "pending"
    assert kind_of(late) == (409, "too-late-to-recall")


def test_history_tells_every_ruling(ben, open_request):
    request = open_request()
    ben.decide(request, {"kind": "reject", "reason": "Too dear."}, recall=8)
    ben.send("POST", f"/requests/{request.id}/recall")
    ben.decide(request, {"kind": "return", "feedback": "Name the shops."})

    rulings = ben.get(f"/requests/{request.id}/history").json()["rulings"]

    assert [(ruling["action"], ruling["recalled"]) for ruling in rulings] == [("reject", True), ("return", False)]


@pytest.mark.parametrize("ended", ["withdrawn", "expired"])
def test_deciding_what_was_withdrawn_or_expired_finds_nothing_any_more(
    ben, open_request, service, deadlines, clock, ended, unchanged
):
    request = open_request()
    if ended == "withdrawn":
        service.withdraw(request.id, "The run was cancelled.")
    else:
        clock.forward(days=4)
        deadlines.lapse(request.id)

    with unchanged(request):
        response = ben.decide(request, APPROVE)

    assert kind_of(response) == (410, "gone")
    assert ended in response.json()["detail"]


def test_withdrawing_is_for_who_asked(ben, call, open_request):
    request = open_request()

    refused = ben.send("POST", f"/requests/{request.id}/withdraw", {"reason": "I do not like it."})
    done = call("rita@acme.example").send("POST", f"/requests/{request.id}/withdraw", {"reason": "No need."})

    assert kind_of(refused) == (403, "not-permitted")
    assert done.json()["request"]["state"] == "withdrawn"


def test_a_worker_that_may_read_and_open_gates_does_nothing_here_but_read(call, open_request, unchanged):
    request, worker = open_request(), call("outreach", "read", "gate", kind="worker")

    with unchanged(request):
        decided = worker.decide(request, APPROVE)
        claimed = worker.send("POST", f"/requests/{request.id}/claim")
        withdrawn = worker.send("POST", f"/requests/{request.id}/withdraw", {"reason": "The run was cancelled."})
    told = worker.get(f"/requests/{request.id}").json()["allowed_actions"]

    assert kind_of(decided) == kind_of(claimed) == (403, "not-a-person")
    assert kind_of(withdrawn) == (403, "out-of-scope")
    assert told == []


def test_a_worker_that_may_only_open_gates_reads_nothing_here(call, open_request):
    request, worker = open_request(), call("outreach", "gate", kind="worker")

    answers = [worker.get(path) for path in ("/requests", f"/requests/{request.id}", "/queue", "/metrics")]

    assert [kind_of(answer) for answer in answers] == [(403, "out-of-scope")] * 4


def test_a_worker_that_may_only_read_withdraws_nothing(call, open_request, unchanged):
    request, worker = open_request(), call("outreach", "read", kind="worker")

    with unchanged(request):
        response = worker.send("POST", f"/requests/{request.id}/withdraw", {"reason": "No."})

    assert response.status_code == 403


def test_a_token_that_only_reads_does_nothing_else(call, open_request, unchanged):
    request, reader = open_request(), call("ben@acme.example", "read")

    with unchanged(request):
        for path, body in (
            ("claim", None),
            ("withdraw", {"reason": "No."}),
            ("verdicts", {"verdict": APPROVE, "version": 1}),
        ):
            assert kind_of(reader.send("POST", f"/requests/{request.id}/{path}", body)) == (403, "out-of-scope")
        put = reader.send("PUT", f"/requests/{request.id}/working-copy", {"document": {}, "version": 1})
        assert kind_of(put) == (403, "out-of-scope")
    assert reader.get(f"/requests/{request.id}").json()["allowed_actions"] == []


# -- what is handed in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verdict": APPROVE, "version": 1, "state": "approved"}, "state"),
        ({"verdict": {**APPROVE, "document": {}}, "version": 1}, "verdict.approve.document"),
        ({"verdict": {"kind": "reject", "reason": ""}, "version": 1}, "verdict.reject.reason"),
        ({"verdict": {"kind": "bless"}, "version": 1}, "verdict"),
        ({"verdict": APPROVE}, "version"),
        ({"verdict": APPROVE, "version": 0}, "version"),
        ({"verdict": APPROVE, "version": 1, "recall": -1}, "recall"),
    ],
)
def test_a_body_that_does_not_fit_names_the_field_and_changes_nothing(ben, open_request, unchanged, body, field):
    request = open_request()

    with unchanged(request):
        response = ben.send("POST", f"/requests/{request.id}/verdicts", body)

    assert kind_of(response) == (422, "invalid")
    assert [error["path"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "document",
    [[[]] * 2, "\ud800", {"\ud800": 1}, 2**60, float("1e400") and {"a": "\x00"}, None, True, {"k": ["x"] * 9}],
)
def test_no_document_however_odd_is_a_failure_of_the_server(ben, open_request, document):
    request = open_request()

    for method, path in (("PUT", "working-copy"), ("POST", "examination")):
        body = {"document": document, **({"version": 1} if method == "PUT" else {})}
        response = ben.send(method, f"/requests/{request.id}/{path}", body)
        assert response.status_code in (200, 422)
    assert ben.decide(request, {"kind": "edit", "document": document}).status_code == 422


def test_a_document_nested_beyond_reason_is_refused(ben, client, open_request):
    request = open_request()

    for depth in (101, 400, 100_000):
        deep = "[" * depth + "]" * depth
        body = f'{{"verdict": {{"kind": "edit", "document": {deep}}}, "version": 1}}'
        headers = {**ben.headers, "Content-Type": "application/json"}
        response = client.post(f"/api/v1/requests/{request.id}/verdicts", content=body, headers=headers)
        assert response.status_code in (400, 422), depth


def test_two_hundred_kilobytes_of_text_come_through_whole(ben, open_request, make_offer):
    text = "Zwölf Boxkämpfer 🥊 “jagen” Viktor\n" * 6_000
    request = open_request()

    response = ben.decide(request, {"kind": "edit", "document": make_offer(title=text.strip())})

    assert response.json()["ruling"]["document"]["title"] == text.strip()


async def in_pieces(body):
    for start in range(0, len(body), 1_000_000):
        yield body[start : start + 1_000_000]


def test_a_body_beyond_the_limit_is_refused_unread(ben, client, open_request, unchanged):
    request = open_request()
    path = f"/api/v1/requests/{request.id}/verdicts"
    large = b'{"verdict": {"kind": "edit", "document": "' + b"x" * (5 * 1024 * 1024) + b'"}, "version": 1}'

    with unchanged(request):
        declared = client.post(path, content=large, headers=ben.headers)
        streamed = client.post(path, content=in_pieces(large), headers=ben.headers)

    assert kind_of(declared) == kind_of(streamed) == (413, "body-too-large")


# -- once --------------------------------------------------------------------------------------------------------


def test_the_same_call_again_gets_the_same_answer_and_decides_once(ben, open_request, events):
    request = open_request()

    first = ben.decide(request, APPROVE, Idempotency_Key="k1")
    again = ben.decide(request, APPROVE, Idempotency_Key="k1")

    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert events(request.id).count("request.approved") == 1


def test_a_key_with_another_body_is_refused(ben, call, open_request):
    request, other = open_request(), open_request()
    ben.decide(request, APPROVE, Idempotency_Key="k1")

    another_body = ben.decide(request, {"kind": "reject", "reason": "No."}, Idempotency_Key="k1")
    another_request = ben.decide(other, APPROVE, Idempotency_Key="k1")
    another_person = call("cleo@acme.example").decide(other, APPROVE, Idempotency_Key="k1")

    assert kind_of(another_body) == kind_of(another_request) == (422, "key-reused")
    assert another_person.status_code == 200


def test_without_a_key_the_second_call_is_too_late_and_names_the_first(ben, call, open_request):
    request = open_request()
    ben.decide(request, APPROVE)

    response = call("cleo@acme.example").decide(request, {"kind": "reject", "reason": "No."})

    assert kind_of(response) == (409, "already-decided")
    assert BEN_MAIL in response.json()["detail"]


def test_a_refused_call_may_be_tried_again_under_its_key(ben, open_request, examiner):
    request = open_request()
    examiner.failure = RuntimeError("down")
    refused = ben.decide(request, APPROVE, Idempotency_Key="k1")
    examiner.failure = None

    again = ben.decide(request, APPROVE, Idempotency_Key="k1")

    assert kind_of(refused) == (503, "cannot-examine")
    assert again.status_code == 200


def test_a_moved_world_is_shown_before_it_is_signed(ben, open_request, examiner, service):
    request = open_request()
    examiner.world["crm:northwind"] = "v2"

    response = ben.decide(request, APPROVE)

    assert kind_of(response) == (409, "stale-decision")
    told = ben.get(f"/requests/{request.id}").json()
    assert told["content"]["moved"] == [{"address": "crm:northwind", "was": "v1", "now": "v2"}]
    assert ben.decide(request, APPROVE, version=2).json()["request"]["state"] == State.APPROVED
