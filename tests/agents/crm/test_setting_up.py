"""`countersign crm setup`, and that the settings reach the connector."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers import TOKEN, Server
from typer.testing import CliRunner, Result

from agents.bootstrap import build
from agents.cli import crm_app
from agents.crm import SetsUp
from agents.settings import Settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm_app, list(arguments))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, hubspot_server: Server) -> Server:
    """The environment of somebody who has a HubSpot account."""
    monkeypatch.setenv("AGENTS_CRM", "hubspot://12345678")
    monkeypatch.setenv("AGENTS_HUBSPOT_TOKEN", TOKEN)
    monkeypatch.setenv("AGENTS_HUBSPOT_URL", hubspot_server.url)
    return hubspot_server


@pytest.mark.usefixtures("account")
def test_setup_says_what_it_made_and_makes_nothing_twice() -> None:
    first, second = run("setup"), run("setup")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "companies: made the property countersign_key, unique.\n" in first.stdout
    assert "made" not in second.stdout
    assert run("list").stdout == "The CRM holds no records yet.\n"


@pytest.mark.usefixtures("account")
def test_setup_refuses_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_HUBSPOT_TOKEN", "wrong")

    result = run("setup")

    assert result.exit_code == 1
    assert result.stderr.startswith("HubSpot does not accept the token. Set AGENTS_HUBSPOT_TOKEN")
    assert result.stderr.count("\n") == 1


def test_a_crm_that_needs_no_setting_up_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENTS_CRM", f"csv://{tmp_path}")

    assert run("setup").stdout == f"csv://{tmp_path} needs no setting up.\n"


def test_every_key_of_a_vendor_comes_from_the_settings() -> None:
    for address in ("hubspot:", "tryton://127.0.0.1:1/crm", "salesforce://acme"):
        settings = Settings(
            crm=address,
            hubspot_token="a",  # type: ignore[arg-type]
            tryton_key="b",  # type: ignore[arg-type]
            salesforce_client_id="c",
            salesforce_client_secret="d",  # type: ignore[arg-type]
        )

        crm = build(settings).crm

        assert crm.address == address
        assert isinstance(crm, SetsUp)
        assert "SecretStr('**********')" in repr(settings)
