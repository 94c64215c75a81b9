"""Putting the queue together."""

from __future__ import annotations

import stat

import pytest

from approvals.bootstrap import build, policies_of
from approvals.errors import ApprovalError, PolicyError, StoreUnavailable, UnknownScheme
from approvals.people import add_person
from approvals.ports import Person
from approvals.settings import Settings

TERMS = '[policies.{name}]\ngroups = ["sales"]\non_timeout = "expire"\nquorum = {quorum}\n'


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


def test_a_queue_is_built_from_nothing_in_a_home_of_its_owner_alone(settings, clock):
    approvals = build(settings, clock=clock)

    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    assert approvals.metrics.figures().requests == 0
    assert set(approvals.policies().policies) == {"brief", "proposal", "crm_update", "crm_revert"}
    approvals.close()


def test_what_is_built_works_together(settings, clock, examiner, propose, tmp_path, BEN, WORKER):
    terms = tmp_path / "policies.toml"
    terms.write_text(TERMS.format(name="offer", quorum=1))
    add_person(settings.people, Person(email="ben@acme.example", groups=("sales",)))
    settings = settings.model_copy(update={"policies": terms})

    approvals = build(settings, examiner=examiner, clock=clock)
    request = approvals.gatekeeper.open(propose(), WORKER)
    approvals.service.approve(request.id, BEN, version=1)
    approvals.close()

    again = build(settings, examiner=examiner, clock=clock)
    assert again.gatekeeper.take_up(request.id, "run-1", WORKER).permit is not None
    again.close()


def test_a_changed_policy_file_counts_for_what_comes_next(tmp_path):
    terms = tmp_path / "policies.toml"
    terms.write_text(TERMS.format(name="offer", quorum=1))
    policies = policies_of(terms)
    before = policies().named("offer")

    terms.write_text(TERMS.format(name="offer", quorum=2))

    assert (before.quorum, policies().named("offer").quorum) == (1, 2)
    assert before.version != policies().named("offer").version


def test_a_policy_file_that_broke_keeps_refusing_and_its_old_terms_are_gone(tmp_path):
    terms = tmp_path / "policies.toml"
    terms.write_text(TERMS.format(name="offer", quorum=1))
    policies = policies_of(terms)
    policies()

    terms.write_text(TERMS.format(name="offer", quorum=0))

    for _ in range(2):
        with pytest.raises(PolicyError, match=r"policies\.offer\.quorum is wrong"):
            policies()
    terms.unlink()
    with pytest.raises(PolicyError, match="cannot be read"):
        policies()


def test_a_home_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match="COUNTERSIGN_HOME"):
        build(Settings(home=tmp_path / "file" / "home"))


def test_an_unknown_kind_of_store_is_refused(settings):
    with pytest.raises(UnknownScheme):
        build(settings.model_copy(update={"store": "mongodb://queue.example"}))


def test_an_identity_provider_is_used_where_the_settings_name_one(settings):
    named = settings.model_copy(update={"oidc_issuer": "https://id.example", "oidc_client_id": "queue"})

    without, with_one = build(settings), build(named)

    assert (without.provider, without.known) == (None, None)
    assert with_one.provider is not None
    assert with_one.directory is with_one.known
    for queue in (without, with_one):
        queue.close()


def test_half_an_identity_provider_is_refused_in_a_sentence(settings):
    with pytest.raises(ApprovalError, match="APPROVALS_OIDC_CLIENT_ID is not"):
        build(settings.model_copy(update={"oidc_issuer": "https://id.example"}))
