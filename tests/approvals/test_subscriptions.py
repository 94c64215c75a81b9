"""The notifications file: what it can say, and that a wrong one is named to the field and never quoted."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from approvals.errors import NotificationsError
from approvals.subscriptions import filled, read_subscriptions

TOKEN = "T0KEN-T0KEN-T0KEN"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "notifications.toml"

    def written(text):
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_without_a_file_nobody_is_told(tmp_path):
    read = read_subscriptions(tmp_path / "none.toml")

    assert (read.mail, read.notify) == (None, ())


def test_a_file_says_who_is_told_of_what(file):
    read = read_subscriptions(
        file(
            f"""
            [mail]
            via = "mailto://user:{TOKEN}@smtp.acme.example"

            [[notify]]
            name = "room"
            to = "slack://{TOKEN}/a/b"
            groups = ["sales"]

            [[notify]]
            to = "webhook+https://host.example/{TOKEN}"
            secret = "{TOKEN}"
            """
        )
    )

    assert read.notify[0].label == "room"
    assert read.notify[0].told == ("request.opened", "request.escalated")
    assert read.notify[1].is_webhook
    assert len(read.notify[1].told) > 10
    assert TOKEN not in f"{read!r} {read} {read.notify[1].label}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[notify]]\n", "entry 1 of [[notify]]: 'to' is missing."),
        (f'[[notify]]\nto = "{TOKEN}"\n', "it begins with a scheme"),
        ('[[notify]]\nto = "x:"\nevent = ["request.opened"]\n', "'event' is not known. Did you mean 'events'?"),
        ('[[notify]]\nto = "x:"\nevents = ["request.openend"]\n', "did you mean 'request.opened'?"),
        ('[[notify]]\nto = "x:"\nevents = ["zzz"]\n', "known are: request.opened"),
        ('[[notify]]\nto = "x:"\nevents = "request.opened"\n', "entry 1 of [[notify]]: 'events'"),
        ('[[notify]]\nto = "x:"\nperson = "sam"\n', "'person'"),
        (f'[[notify]]\nto = "webhook+https://{TOKEN}"\n', "a webhook needs a `secret`"),
        (f'[[notify]]\nto = "webhook+https://{TOKEN}"\nsecret = "x"\nperson = "a@b.c"\n', "leave `person` out"),
        (f'[[notify]]\nto = "x:{TOKEN}"\n[[notify]]\nto = "x:{TOKEN}"\n', "give each a `name` of its own"),
        (f'[mail]\nvia = "slack://{TOKEN}"\n', "[mail]: 'via': mails go through"),
        ("[mail]\n", "[mail]: 'via' is missing"),
        ('[mial]\nvia = "x"\n', "'mial' stands at the top; known there are [mail] and [[notify]]"),
        (f'[notify]\nto = "x:{TOKEN}"\n', "notify"),
        (f"[[notify]]\nto = {TOKEN}\n", "are not valid TOML"),
        (f'[[notify]]\nto = ["{TOKEN}"]\n', "'to'"),
    ],
)
def test_a_wrong_file_is_named_to_the_field_and_never_quoted(file, text, told):
    with pytest.raises(NotificationsError) as refusal:
        read_subscriptions(file(text))

    assert told in str(refusal.value)
    assert "notifications.toml" in str(refusal.value)
    assert TOKEN not in f"{refusal.value} {refusal.value!r} {refusal.value.__cause__}"


def test_a_variable_stands_for_what_it_is_set_to():
    text = SecretStr("slack://${A}/${B_2}")

    assert filled(text, {"A": "1", "B_2": "2"}).get_secret_value() == "slack://1/2"
    assert filled(SecretStr("x:$A {A} $$"), {}).get_secret_value() == "x:$A {A} $$"


@pytest.mark.parametrize("name", ["MISSING", "WITH SPACE", "", "1ST"])
def test_a_variable_that_is_not_set_is_named(name):
    with pytest.raises(NotificationsError) as refusal:
        filled(SecretStr(f"slack://{TOKEN}/${{{name}}}"), {})

    assert TOKEN not in str(refusal.value)
    assert name != "MISSING" or "MISSING" in str(refusal.value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(["to", "secret", "via", "person", "name", "events", "groups", "nonsense"]),
    table=st.sampled_from(["[mail]", "[[notify]]", "[notify]", "[[mail]]"]),
    form=st.sampled_from(['"{}"', '["{}"]', '{{ inner = "{}" }}', '"slack://{}"', '"webhook+https://{}"', "{}"]),
    twice=st.booleans(),
)
def test_no_secret_in_the_file_is_ever_told(file, field, table, form, twice):
    secret = "s3cr3t-s3cr3t-s3cr3t"
    text = f"{table}\n{field} = {form.format(secret)}\n" * (2 if twice else 1)
    try:
        told = read_subscriptions(file(text))
    except NotificationsError as error:
        told = error

    assert secret not in f"{told} {told!r}" or (field in ("name", "groups"))
