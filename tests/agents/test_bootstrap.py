from __future__ import annotations

from pathlib import Path

import pytest

from agents.bootstrap import build, utc_now
from agents.changes import Create
from agents.documents import Source
from agents.errors import AgentError, CatalogueError, UnknownScheme
from agents.ports import Crm
from agents.settings import Settings


def test_everything_is_built_from_the_settings(tmp_path: Path) -> None:
    agents = build(Settings(home=tmp_path))

    assert isinstance(agents.crm, Crm)
    assert agents.crm.address == "embedded://"
    assert agents.model.name == "offline:"
    assert agents.catalogue.offers
    assert agents.web is agents.web
    assert agents.clock().tzinfo is not None


def test_the_home_holds_the_crm_and_what_was_read(tmp_path: Path) -> None:
    agents = build(Settings(home=tmp_path / "home"))

    agents.crm.apply(Create(object="company", key="co:a", fields={"name": "A"}), by="anna")
    digest = agents.snapshots.put(b"page")

    assert (tmp_path / "home" / "crm.sqlite").exists()
    assert list((tmp_path / "home" / "snapshots").rglob(digest))


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home", crm="nothing://", model="nothing:", web="nothing:", catalogue=tmp_path / "none.toml"
    )

    agents = build(settings)

    assert not (tmp_path / "home").exists()
    for port in ("crm", "model", "web"):
        with pytest.raises(UnknownScheme):
            getattr(agents, port)
    with pytest.raises(CatalogueError):
        agents.catalogue  # noqa: B018 - reading it opens it


def test_the_environment_is_read_where_no_settings_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_CRM", "embedded://?memory")

    assert build().crm.address == "embedded://?memory"


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_MODEL", "")

    with pytest.raises(AgentError, match="AGENTS_MODEL is wrong"):
        build()


def test_what_was_read_is_looked_up_where_it_is_kept(tmp_path: Path) -> None:
    agents = build(Settings(home=tmp_path))
    digest = agents.snapshots.put(b"Kiel")
    source = Source(
        id="s1",
        address="https://halden.example/",
        kind="site",
        fetched_at=utc_now(),
        sha256=digest,
        text_sha256=digest,
    )

    assert agents.pages.text(source, "text") == "Kiel"
    assert agents.pages is agents.pages
