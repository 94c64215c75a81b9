from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from agents.settings import Settings


def test_the_defaults_need_no_key_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_HOME")

    settings = Settings()

    assert (settings.crm, settings.model, settings.web) == ("embedded://", "offline:", "https:")
    assert settings.catalogue is None
    assert settings.fetch_allow_hosts == ()
    assert settings.folder == Path.home() / ".countersign"


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTS_CRM", "embedded://?memory")
    monkeypatch.setenv("AGENTS_MODEL", "offline:")
    monkeypatch.setenv("AGENTS_CATALOGUE", "~/offers.toml")
    monkeypatch.setenv("AGENTS_WEB", "offline:")
    monkeypatch.setenv("AGENTS_FETCH_ALLOW_HOSTS", "intranet.example, 127.0.0.1:8080 ,")
    monkeypatch.setenv("AGENTS_FETCH_CONTACT", "ops@brightwater.example")

    settings = Settings()

    assert settings.home == tmp_path
    assert settings.crm == "embedded://?memory"
    assert settings.catalogue == Path("~/offers.toml")
    assert settings.web == "offline:"
    assert settings.fetch_allow_hosts == ("intranet.example", "127.0.0.1:8080")
    assert settings.fetch_contact == "ops@brightwater.example"


def test_every_field_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().crm = "embedded:///elsewhere"


def test_an_empty_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_CRM", "")

    with pytest.raises(ValidationError):
        Settings()
