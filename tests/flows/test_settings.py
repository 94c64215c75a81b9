"""The flows' settings, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from flows.errors import SettingInvalid
from flows.settings import read_settings


def test_every_setting_has_a_default_and_says_what_it_is() -> None:
    settings = read_settings()

    assert settings.document_modules == ("agents", "flows")
    assert all(field.description for field in type(settings).model_fields.values())


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FLOWS_PREFECT_PORT", "abc", "FLOWS_PREFECT_PORT is wrong: .*integer.* 'abc'"),
        ("FLOWS_PREFECT_PORT", "70000", "FLOWS_PREFECT_PORT is wrong: .*65535"),
        ("FLOWS_WAKE_SECONDS", "0", "FLOWS_WAKE_SECONDS is wrong: .*greater than 0"),
        ("FLOWS_PREFEKT_PORT", "1", "FLOWS_PREFEKT_PORT is not a setting. Did you mean FLOWS_PREFECT_PORT"),
        ("FLOWS_DOCUMENT_MODULES", "mine", "JSON"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingInvalid, match=told):
        read_settings()
