"""What was really done stands on the page of a request, with a button that asks for it to be taken back."""

from __future__ import annotations

import pytest

APPLIED = [
    {"index": 0, "outcome": "written", "record": "company co:northwind.example", "detail": ""},
    {"index": 1, "outcome": "already", "record": "note nt:1", "detail": "the note is there with these words"},
    {"index": 2, "outcome": "conflict", "record": "deal <dl:1>", "detail": "the field was changed since"},
    {"index": 3, "outcome": "skipped", "record": "contact ct:1", "detail": "unticked by the reviewer"},
]
BUTTON = "form[action$='/revert']"


def test_what_became_of_each_change_is_told_with_a_sentence(browse, done, CLEO):
    request = done({"applied": APPLIED})

    page = browse(CLEO).get(f"/r/{request.id}")

    told = page.said("#done")
    assert "company co:northwind.example written" in told
    assert "note nt:1 was so already (the note is there with these words)" in told
    assert "deal <dl:1> not done (the field was changed since)" in told
    assert "contact ct:1 not done (unticked by the reviewer)" in told
    assert len(page.all("#done li.no")) == 1


def test_while_nothing_was_done_nothing_is_told_and_nothing_taken_back(browse, open_request, service, BEN):
    request = open_request()
    service.approve(request.id, BEN, version=1, recall=0)

    page = browse(BEN).get(f"/r/{request.id}")

    assert not page.all("#done")
    assert not page.all(BUTTON)


def test_the_button_starts_a_run_in_the_name_of_whoever_pressed_it(browse, done, starter, CLEO):
    request = done({"applied": APPLIED})
    browser = browse(CLEO)

    answer = browser.submit(browser.get(f"/r/{request.id}"), BUTTON)

    (started,) = starter.started.values()
    after = browser.get(answer.address)
    assert answer.status == 303
    assert (started["by"], started["done"][0]["request"]) == (CLEO.id, request.id)
    assert "asked to take it back" in after.said("#activity")


def test_the_same_form_sent_twice_asks_once(browse, done, starter, events, CLEO):
    request = done({"applied": APPLIED})
    browser = browse(CLEO)
    page = browser.get(f"/r/{request.id}")

    browser.submit(page, BUTTON)
    browser.submit(page, BUTTON)

    assert events(request.id).count("effect.revert_asked") == 1
    assert len(starter.started) == 1


@pytest.mark.parametrize("who", ["VERA"])
def test_whoever_may_not_ask_has_no_button_and_is_refused(browse, done, starter, request, CLEO, who):
    asked = done({"applied": APPLIED})
    looking, asking = browse(request.getfixturevalue(who)), browse(CLEO)
    form = asking.get(f"/r/{asked.id}")

    page = looking.get(f"/r/{asked.id}")
    answer = looking.submit(form, BUTTON)

    assert page.said("#done")
    assert not page.all(BUTTON)
    assert answer.status == 403
    assert starter.started == {}


def test_where_nobody_else_could_sign_it_that_stands_in_place_of_the_button(browse, done, policies, people, CLEO):
    request = done({"applied": APPLIED})
    policies.set("undo", groups=("lonely",))
    people.change(CLEO.id, groups=("sales", "lonely"))

    page = browse(CLEO).get(f"/r/{request.id}")

    assert not page.all(BUTTON)
    assert "who may besides the requester" in page.said("#done")


def test_a_prefect_that_is_away_is_told_in_a_sentence(browse, done, starter, CLEO):
    request = done({"applied": APPLIED})
    starter.away = True
    browser = browse(CLEO)

    answer = browser.submit(browser.get(f"/r/{request.id}"), BUTTON)

    assert answer.status == 503
    assert "Prefect does not answer" in answer.text


def test_it_is_asked_for_over_rest_as_well(call, done, starter, events, CLEO):
    request = done({"applied": APPLIED})

    answer = call(CLEO.id, "read", "decide").send("POST", f"/requests/{request.id}/revert")

    (started,) = starter.started.values()
    assert answer.status_code == 200
    assert answer.json() == {"id": f"run of revert:{request.id}:0", "name": "", "ended": False}
    assert started["by"] == CLEO.id
    assert events(request.id)[-1] == "effect.revert_asked"
