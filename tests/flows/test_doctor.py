"""What the doctor finds, and that one finding hides no other."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from flows import composition
from flows.doctor import DISTRIBUTION, PACKAGES, examine, strangers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "home"))
    composition.reset()
    return tmp_path / "home"


def test_no_other_distribution_owns_one_of_the_three_names() -> None:
    """`agents` is also what openai-agents installs; pip would merge the two without a word."""
    owners = {name: list(found) for name, found in metadata.packages_distributions().items()}

    assert strangers(owners) == {}
    assert all(DISTRIBUTION in owners.get(name, [DISTRIBUTION]) for name in PACKAGES)


def test_a_distribution_that_owns_one_of_them_is_named() -> None:
    assert strangers({"agents": ["countersign", "openai-agents"]}) == {"agents": ["openai-agents"]}


def test_a_healthy_home_passes_every_check(home: Path) -> None:
    found = examine()
    composition.reset()

    assert [check for check in found if not check.ok] == []
    assert {"import names", "store and record", "catalogue", "CRM"} <= {check.name for check in found}


def test_a_broken_policy_file_is_named_and_the_rest_is_still_looked_at(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = home.parent / "policies.toml"
    broken.write_text('[policies.brief]\ngroups = ["sales"]\non_timeuot = "expire"\n', encoding="utf-8")
    monkeypatch.setenv("APPROVALS_POLICIES", str(broken))

    found = {check.name: check for check in examine()}
    composition.reset()

    assert not found["policies"].ok
    assert "on_timeuot" in found["policies"].said
    assert found["catalogue"].ok


def test_a_missing_catalogue_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_CATALOGUE", str(home / "nowhere.toml"))

    found = {check.name: check for check in examine()}
    composition.reset()

    assert not found["catalogue"].ok
    assert "nowhere.toml" in found["catalogue"].said


def test_an_installation_from_before_the_worker_type_is_told_to_install_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect says nothing of it: the worker type is then simply unknown."""
    there = {check.name: check for check in examine()}["worker type"]
    others = metadata.EntryPoints(
        [metadata.EntryPoint(name="theirs", value="prefect_docker", group="prefect.collections")]
    )
    monkeypatch.setattr(metadata, "entry_points", lambda **_: others)

    missing = {check.name: check for check in examine()}["worker type"]
    composition.reset()

    assert there.ok
    assert not missing.ok
    assert "make install" in missing.said


def test_on_a_machine_of_workers_the_queue_elsewhere_is_asked_and_no_store_is_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVALS_QUEUE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("APPROVALS_GATE_TOKEN", "cs_nobody")

    found = {check.name: check for check in examine()}
    composition.reset()

    assert not found["queue elsewhere"].ok
    assert "http://127.0.0.1:9" in found["queue elsewhere"].said
    assert "store and record" not in found
    assert not (home / "approvals.sqlite").exists()


def test_a_crm_that_cannot_compare_and_write_in_one_act_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTS_CRM", f"csv:///{tmp_path}/crm")

    found = {check.name: check for check in examine()}
    composition.reset()

    assert found["CRM"].ok
    assert "what somebody changes between the two is overwritten" in found["CRM"].said


def test_a_list_and_a_file_that_do_not_read_are_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, suppressed = tmp_path / "facts.toml", tmp_path / "suppressed.csv"
    facts.write_text("[company]\nname = 1\n", encoding="utf-8")
    suppressed.write_text("who\nanna@kestrel.example\n", encoding="utf-8")
    monkeypatch.setenv("AGENTS_CRM_FACTS", str(facts))
    monkeypatch.setenv("AGENTS_SUPPRESSION", f"file://{suppressed}")

    found = {check.name: check for check in examine()}
    composition.reset()

    assert not found["fields of the CRM"].ok
    assert str(facts) in found["fields of the CRM"].said
    assert not found["suppression list"].ok
    assert str(suppressed) in found["suppression list"].said
    assert found["catalogue"].ok
