"""Password, sessions, tokens and links on the settings page."""

from __future__ import annotations

import re

import pytest

from approvals.errors import NotAuthenticated

BEN = "ben@acme.example"
ADA = "ada@acme.example"
WORDS = "correct horse battery staple"


def test_after_a_link_a_password_is_set_without_the_one_before_and_later_with_it(signed_in, browser, clock):
    came = signed_in()
    assert 'name="old"' not in came.get("/settings").text

    first = came.send("/settings", "/settings/password", {"new": WORDS, "again": WORDS})
    clock.forward(minutes=16)
    page = came.get("/settings")
    wrong = came.send("/settings", "/settings/password", {"old": "no", "new": WORDS + "!", "again": WORDS + "!"})
    right = came.send("/settings", "/settings/password", {"old": WORDS, "new": WORDS + "!", "again": WORDS + "!"})

    assert (first.status_code, wrong.status_code, right.status_code) == (303, 401, 303)
    assert 'name="old"' in page.text
    assert browser.sign_in(BEN, WORDS).status_code == 401
    assert browser.sign_in(BEN, WORDS + "!").status_code == 303


@pytest.mark.parametrize(
    ("new", "again", "sentence"),
    [("short", "short", "at least 12"), (WORDS, WORDS + "x", "not the same"), ("", "", "at least 12")],
)
def test_a_password_that_does_not_do_is_told_and_nothing_changes(signed_in, approvals, new, again, sentence):
    response = signed_in().send("/settings", "/settings/password", {"new": new, "again": again})

    assert response.status_code == 422
    assert sentence in response.text
    assert new not in response.text or not new
    assert not approvals.accounts.has_password(BEN)


def test_a_new_password_signs_the_person_out_elsewhere(signed_in):
    elsewhere, here = signed_in(), signed_in()

    here.send("/settings", "/settings/password", {"new": WORDS, "again": WORDS})

    assert elsewhere.get("/settings").status_code == 303
    assert here.get("/settings").status_code == 200


def session_ids(page):
    return re.findall(r'name="session" value="([0-9A-Z]{10})"', page.text)


def test_one_sees_where_one_is_signed_in_and_signs_out_there(signed_in):
    here, there, anna = signed_in(agent="Firefox on Linux"), signed_in(agent="<b>Phone"), signed_in(ADA)
    page = here.get("/settings")

    assert "Firefox on Linux" in page.text
    assert "&lt;b&gt;Phone" in page.text
    assert len(session_ids(page)) == 2
    response = here.send("/settings", "/settings/sessions/revoke", {"session": session_ids(page)[0]})
    assert response.status_code == 303
    assert {here.get("/settings").status_code, there.get("/settings").status_code} == {200, 303}
    assert anna.get("/settings").status_code == 200


def test_signing_out_everywhere_else_leaves_this_browser(signed_in):
    here, there, other = signed_in(), signed_in(), signed_in(ADA)

    here.send("/settings", "/settings/sessions/revoke", {"session": "others"})

    assert [one.get("/settings").status_code for one in (here, there, other)] == [200, 303, 200]


def test_signing_out_this_browser_leads_to_the_sign_in_page(signed_in):
    browser = signed_in()

    response = browser.send(
        "/settings", "/settings/sessions/revoke", {"session": session_ids(browser.get("/settings"))[0]}
    )

    assert response.headers["Location"] == "/login"
    assert "session" not in browser.cookies


def test_somebody_elses_session_does_not_exist(
    signed_in,
):
    ben, ada = signed_in(), signed_in(ADA)
    others = session_ids(ada.get("/settings"))[0]

    for named in (others, "ZZZZZZZZZZ", "", "' OR 1=1 --"):
        assert ben.send("/settings", "/settings/sessions/revoke", {"session": named}).status_code == 404

    assert ada.get("/settings").status_code == 200


def test_an_administrator_makes_and_ends_tokens(signed_in, approvals):
    browser = signed_in(ADA)

    made = browser.send(
        "/settings", "/settings/tokens", [("subject", BEN), ("scope", "read"), ("scope", "decide"), ("label", "<i>cli")]
    )
    secret = re.search(r"cs_[A-Za-z0-9_-]{40}", made.text)[0]
    after = browser.get("/settings").text
    actor = approvals.tokens.authenticate(secret)
    token = re.search(r'name="token" value="(\w+)"', after)[1]
    ended = browser.send("/settings", "/settings/tokens/revoke", {"token": token})

    assert (actor.id, actor.scopes) == (BEN, {"read", "decide"})
    assert "shown once" in made.text
    assert secret not in after
    assert "&lt;i&gt;cli" in after
    assert ended.status_code == 303
    with pytest.raises(NotAuthenticated):
        approvals.tokens.authenticate(secret)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([("subject", "eve@elsewhere.example"), ("scope", "read")], 404),
        ([("subject", BEN), ("scope", "gate")], 403),
        ([("subject", BEN), ("scope", "everything")], 403),
        ([("subject", BEN)], 422),
        ([("subject", "drafter"), ("kind", "agent"), ("scope", "decide")], 403),
        ([("subject", BEN), ("kind", "king"), ("scope", "read")], 400),
    ],
)
def test_a_token_that_nobody_may_have_is_refused_in_a_sentence(signed_in, approvals, fields, status):
    response = signed_in(ADA).send("/settings", "/settings/tokens", fields)

    assert response.status_code == status
    assert 'role="alert"' in response.text
    assert not approvals.tokens.any()


def test_an_administrator_makes_a_link_for_somebody(signed_in, browser):
    made = signed_in(ADA).send("/settings", "/settings/links", {"email": BEN})
    link = re.search(r"http://queue\.test(/login/[\w-]{43})", made.text)[1]

    assert browser.send(link, link).status_code == 303
    assert BEN in browser.get("/settings").text


@pytest.mark.parametrize("email", [BEN, "vera@acme.example"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/settings/tokens", {"subject": ADA, "scope": "read"}),
        ("/settings/tokens/revoke", {"token": "AAAAAAAAAA"}),
        ("/settings/links", {"email": ADA}),
    ],
)
def test_nobody_else_makes_or_ends_any(signed_in, approvals, events, email, path, fields):
    browser = signed_in(email)
    before = events()

    response = browser.send("/settings", path, fields)

    assert response.status_code == 403
    assert events() == before
    assert "Make a token" not in browser.get("/settings").text
