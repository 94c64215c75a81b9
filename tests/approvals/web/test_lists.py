"""Lists over REST: rows and counts, several at once, what happened, and what is said beside a request."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.requests import Flag


def test_a_view_lists_rows_page_by_page_and_its_count_agrees(ben, open_request):
    ids = {open_request(about="Northwind", amount="1200.00", currency="EUR").id for _ in range(5)}
    open_request({"groups": ("finance",)})

    first = ben.get("/queue", limit=3).json()
    second = ben.get("/queue", limit=3, cursor=first["next"]).json()

    rows = first["rows"] + second["rows"]
    assert {row["id"] for row in rows} == ids
    assert first["total"] == second["total"] == ben.get("/queue/counts").json()["counts"]["mine"] == 5
    assert second["next"] is None
    assert {(row["about"], row["amount"], row["currency"], row["risk"]) for row in rows} == {
        ("Northwind", "1200.00", "EUR", "low")
    }


def test_a_view_is_narrowed_and_sorted(ben, open_request):
    small = open_request(title="Offer for Südwind", amount="10.00", currency="EUR")
    large = open_request({"risk": "high"}, title="Offer for Ostwind", amount="20.00", currency="EUR")

    def listed(**terms):
        return [row["id"] for row in ben.get("/queue", **terms).json()["rows"]]

    assert listed(sort="value") == [large.id, small.id]
    assert listed(q="sudw") == [small.id]
    assert listed(risk="high") == listed(view="high") == [large.id]
    assert listed(view="group:sales", sort="newest") == listed(view="all", sort="newest")
    assert listed(view="group:finance") == []
    assert listed(gate="other") == []


@pytest.mark.parametrize("terms", [{"view": "others'"}, {"sort": "random"}, {"risk": "none"}, {"limit": 0}])
def test_a_filter_that_there_is_not_is_named(ben, terms):
    answer = ben.get("/queue", **terms)

    assert answer.status_code == 422
    assert next(iter(terms)) in answer.json()["errors"][0]["path"]


def test_several_are_approved_at_once_and_the_same_call_again_approves_nothing_twice(ben, open_request, events):
    plain, odd = open_request(title="plain"), open_request(title="odd", flags=(Flag(code="odd", message="odd"),))
    body = {"items": [{"id": one.id, "version": 1} for one in (plain, odd)]}

    first = ben.send("POST", "/bulk/approvals", body, Idempotency_Key="k1")
    again = ben.send("POST", "/bulk/approvals", body, Idempotency_Key="k1")

    assert [one["title"] for one in first.json()["approved"]] == ["plain"]
    assert [one["title"] for one in first.json()["skipped"]] == ["odd"]
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert events(plain.id).count("request.approved") == 1


def test_several_are_taken_back_at_once(ben, open_request):
    requests = [open_request() for _ in range(3)]
    items = [{"id": one.id, "version": 1} for one in requests]
    ben.send("POST", "/bulk/approvals", {"items": items, "recall": 8})

    back = ben.send("POST", "/bulk/recalls", {"ids": [one.id for one in requests]}).json()

    assert len(back["approved"]) == 3
    assert ben.get("/queue").json()["total"] == 3


def test_comments_are_kept_and_told(ben, call, open_request):
    request = open_request()

    made = ben.send("POST", f"/requests/{request.id}/comments", {"text": "Ask @cleo."})

    assert made.status_code == 201
    assert made.json()["mentions"] == ["cleo@acme.example"]
    assert call("cleo@acme.example").get(f"/requests/{request.id}/comments").json() == [made.json()]


def test_a_snooze_comes_and_goes(ben, open_request, clock):
    request = open_request()
    later = (clock() + timedelta(hours=3)).isoformat()

    assert ben.send("PUT", f"/requests/{request.id}/snooze", {"until": later}).status_code == 200
    assert (
        ben.get("/queue/counts").json()["counts"] | {"mine": 0, "snoozed": 1}
        == (ben.get("/queue/counts").json()["counts"])
    )
    assert ben.send("DELETE", f"/requests/{request.id}/snooze").status_code == 204
    assert ben.get("/queue").json()["total"] == 1
    assert ben.send("PUT", f"/requests/{request.id}/snooze", {"until": "2020-01-01T00:00:00Z"}).status_code == 422


def test_views_are_kept(ben, call):
    view = ben.send("POST", "/views", {"name": "Big", "query": "view=all&sort=value"})

    assert view.status_code == 201
    assert ben.get("/views").json() == [view.json()]
    assert call("cleo@acme.example").get("/views").json() == []
    assert ben.send("POST", "/views", {"name": "All", "query": "view=all", "shared": True}).status_code == 403
    assert ben.send("DELETE", f"/views/{view.json()['id']}").status_code == 204
    assert ben.get("/views").json() == []


def test_what_happened_is_told_to_who_may_see_it(ben, call, open_request):
    request = open_request()
    ben.decide(request, {"kind": "reject", "reason": "No."})

    told = ben.get("/events").json()

    assert [one["name"] for one in told["happenings"]] == ["request.opened", "request.rejected"]
    assert ben.get("/events", after=told["last"]).json()["happenings"] == []
    assert call("omar@acme.example").get("/events").json()["happenings"] == []
    assert call("drafter", kind="agent").get("/events").status_code == 403


def test_tags_say_why_a_draft_was_edited(ben, open_request, make_offer):
    request = open_request()

    edit = {"kind": "edit", "document": make_offer(amount="1000.00"), "tags": ["price", "tone", "price"]}
    decided = ben.decide(request, edit).json()

    assert decided["ruling"]["tags"] == ["price", "tone"]
    other = open_request()
    assert ben.decide(other, {**edit, "tags": ["mood"]}).status_code == 422
    unchanged = ben.decide(other, {**edit, "document": make_offer()}).json()
    assert unchanged["ruling"]["tags"] == []
