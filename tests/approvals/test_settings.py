"""What can be set about the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.errors import ApprovalError
from approvals.settings import Settings, read_settings


def test_everything_has_a_description_and_a_default_below_the_home(monkeypatch):
    monkeypatch.delenv("COUNTERSIGN_HOME", raising=False)
    settings = Settings()

    assert all(field.description for field in Settings.model_fields.values())
    assert settings.home == Path.home() / ".countersign"
    assert settings.store == f"sqlite:///{settings.home}/approvals.sqlite"
    assert settings.people == settings.home / "people.toml"
    assert (settings.host, settings.exposed) == ("127.0.0.1", False)


def test_the_home_moves_what_lies_in_it(monkeypatch, tmp_path):
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path))

    settings = read_settings()

    assert settings.people == tmp_path / "people.toml"
    assert settings.store == f"sqlite:///{tmp_path}/approvals.sqlite"


def test_the_home_of_the_user_is_not_taken_for_ours(monkeypatch, tmp_path):
    monkeypatch.delenv("COUNTERSIGN_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert read_settings().home == tmp_path / ".countersign"


def test_paths_are_made_whole(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    settings = read_settings(policies="terms.toml", people="~/people.toml")

    assert settings.policies == tmp_path / "terms.toml"
    assert settings.people == Path.home() / "people.toml"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("APPROVALS_PORT", "many", "APPROVALS_PORT is wrong"),
        ("APPROVALS_PORT", "70000", "APPROVALS_PORT is wrong"),
        ("APPROVALS_EXPOSED", "perhaps", "APPROVALS_EXPOSED is wrong"),
        ("APPROVALS_EXAMINE_LIMIT", "0", "APPROVALS_EXAMINE_LIMIT is wrong"),
        ("APPROVALS_STOER", "x", r"APPROVALS_STOER is not a setting\. Did you mean APPROVALS_STORE\?"),
        ("APPROVALS_HOME", "/tmp", "APPROVALS_HOME is not a setting"),
    ],
)
def test_a_wrong_value_is_one_sentence(monkeypatch, name, value, sentence):
    monkeypatch.setenv(name, value)

    with pytest.raises(ApprovalError, match=sentence) as caught:
        read_settings()

    assert "\n" not in str(caught.value)


def test_the_address_of_the_store_is_not_printed():
    settings = Settings(store="postgresql://queue:password@db.example/approvals")

    assert "password" not in repr(settings)


# -- how browsers come in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:4280"),
        ({"host": "::1", "port": 80}, "http://[::1]:80"),
        ({"public_url": "https://Queue.example/"}, "https://queue.example"),
        ({"public_url": "http://user:word@queue.example:8080"}, "http://queue.example:8080"),
    ],
)
def test_the_address_for_browsers_is_host_and_port_unless_somebody_says_otherwise(given, address):
    assert Settings(**given).address == address


def test_groups_of_a_provider_and_proxies_are_read_from_one_line(monkeypatch):
    monkeypatch.setenv("APPROVALS_OIDC_GROUPS", "sales=crm-sales, legal = cs-legal,role:admin=admins")
    monkeypatch.setenv("APPROVALS_HEADER_PROXIES", "10.0.0.0/8, ::1")

    settings = read_settings()

    assert settings.oidc_groups == (("sales", "crm-sales"), ("legal", "cs-legal"), ("role:admin", "admins"))
    assert settings.header_proxies == ("10.0.0.0/8", "::1")


def test_a_name_with_commas_is_separated_by_semicolons(monkeypatch):
    monkeypatch.setenv("APPROVALS_OIDC_GROUPS", "sales=cn=sales,dc=acme;legal=cn=legal,dc=acme;")

    assert read_settings().oidc_groups == (("sales", "cn=sales,dc=acme"), ("legal", "cn=legal,dc=acme"))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("APPROVALS_OIDC_GROUPS", "sales", "group=group-of-the-provider"),
        ("APPROVALS_OIDC_GROUPS", "role:king=crm", "'role:king' is no role"),
        ("APPROVALS_HEADER_PROXIES", "everywhere", "APPROVALS_HEADER_PROXIES is wrong"),
        ("APPROVALS_HEADER", "X Email", "APPROVALS_HEADER is wrong"),
        ("APPROVALS_PUBLIC_URL", "queue.example", "https://NAME"),
        ("APPROVALS_PUBLIC_URL", "https://queue.example/below", "nothing after it"),
        ("APPROVALS_OIDC_SCOPES", "email", "APPROVALS_OIDC_SCOPES is wrong"),
    ],
)
def test_a_wrong_way_in_is_one_sentence(monkeypatch, name, value, sentence):
    monkeypatch.setenv(name, value)

    with pytest.raises(ApprovalError, match=sentence) as caught:
        read_settings()

    assert "\n" not in str(caught.value)


def test_the_secret_of_the_client_is_not_printed():
    settings = Settings(oidc_client_secret="sesame-open")

    assert "sesame-open" not in repr(settings) + str(settings.model_dump())
