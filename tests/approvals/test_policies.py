"""Terms that contradict themselves are refused where they are written; their rules are tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from approvals.decisions import SignOff
from approvals.errors import PolicyError
from approvals.policies import (
    Policy,
    groups_asked,
    may_edit,
    passes_unasked,
    read_only,
    read_policies,
    seconds,
    suffices,
)

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
THIS, OTHER = "a" * 64, "b" * 64


def policy(**terms):
    return Policy.model_validate({"name": "offer", "groups": ["sales"], "on_timeout": "expire", **terms})


@pytest.fixture
def written(tmp_path):
    """Policies as a file has them: `written('groups = ["sales"]')` gives those of [policies.offer]."""

    def read(text, head="[policies.offer]"):
        path = tmp_path / "policies.toml"
        path.write_text(f"{head}\n{text}\n", encoding="utf-8")
        return read_policies(path)

    return read


# -- durations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written_as", "means"),
    [
        (0, 0),
        (90, 90),
        ("90s", 90),
        ("45m", 2_700),
        ("8h", 28_800),
        ("3d", 259_200),
        ("2w", 1_209_600),
        (" 2 h ", 7_200),
    ],
)
def test_a_duration_is_a_number_or_a_number_with_its_unit(written_as, means):
    assert seconds(written_as) == means


@pytest.mark.parametrize("wrong", [True, 1.5, "", "3", "3 days", "-3d", "3D", "1d12h", "d", None, [1], "9" * 10 + "s"])
def test_anything_else_is_no_duration(wrong):
    with pytest.raises(ValueError, match="such as 3d"):
        seconds(wrong)


# -- reading -----------------------------------------------------------------------------------------------------


def test_the_policies_that_ship_can_be_used():
    shipped = read_policies()

    assert set(shipped.policies) == {"brief", "proposal", "crm_update", "crm_revert"}
    assert shipped.named("brief").ask_when == "flagged"
    assert {shipped.named(name).ask_when for name in ("proposal", "crm_update", "crm_revert")} == {"always"}
    assert not any(policy.allow_silent_approval for policy in shipped.policies.values())
    assert {policy.recall for policy in shipped.policies.values()} == {8}


def test_every_term_can_be_written(written):
    terms = written(
        """
        groups = ["sales", "legal"]
        quorum = 2
        separation_of_duties = false
        editors = ["legal"]
        rounds = 5
        priority = "high"
        due = "1d"
        on_timeout = "escalate"
        escalate_to = ["managers"]
        ask_when = "flagged"
        recall = 30
        claim = "10m"
        """
    ).named("offer")

    assert terms == Policy(
        name="offer",
        version=terms.version,
        groups=("sales", "legal"),
        quorum=2,
        separation_of_duties=False,
        editors=("legal",),
        rounds=5,
        priority="high",
        due=86_400,
        on_timeout="escalate",
        escalate_to=("managers",),
        ask_when="flagged",
        recall=30,
        claim=600,
    )


MINIMAL = 'groups = ["sales"]\non_timeout = "expire"\n'


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (
            'groups = ["sales"]',
            "policies.offer.on_timeout is required: what happens at the deadline; there is no default.",
        ),
        ('on_timeout = "expire"', "policies.offer.groups is required: whose members may decide."),
        ('groups = []\non_timeout = "expire"', "policies.offer.groups is wrong: "),
        ('groups = ["Sales Team"]\non_timeout = "expire"', "policies.offer.groups.0 is wrong: "),
        ('groups = "sales"\non_timeout = "expire"', "policies.offer.groups is wrong: "),
        ('groups = ["sales"]\non_timeout = "shrug"', "policies.offer.on_timeout is wrong: "),
        ('groups = ["sales"]\non_timeout = "approve"', "it also needs allow_silent_approval = true."),
        (MINIMAL + "allow_silent_approval = true", "has no meaning unless on_timeout = 'approve'."),
        ('groups = ["sales"]\non_timeout = "escalate"', "needs escalate_to, the groups that decide then."),
        (MINIMAL + 'escalate_to = ["managers"]', "escalate_to has no meaning unless on_timeout = 'escalate'."),
        (
            'groups = ["sales", "legal"]\non_timeout = "escalate"\nescalate_to = ["legal"]',
            "escalate_to names nobody who was not asked before.",
        ),
        (MINIMAL + "quorum = 0", "policies.offer.quorum is wrong: "),
        (MINIMAL + "quorum = 21", "policies.offer.quorum is wrong: "),
        (MINIMAL + "rounds = 0", "policies.offer.rounds is wrong: "),
        (MINIMAL + 'due = "soon"', "policies.offer.due is wrong: a duration is a number of seconds"),
        (MINIMAL + 'due = "53w"', "policies.offer.due is wrong: "),
        (MINIMAL + "due = -1", "policies.offer.due is wrong: "),
        (MINIMAL + "claim = 9", "policies.offer.claim is wrong: "),
        (MINIMAL + "recall = 3601", "policies.offer.recall is wrong: "),
        (MINIMAL + "recall = -1", "policies.offer.recall is wrong: "),
        (MINIMAL + 'priority = "urgent"', "policies.offer.priority is wrong: "),
        (MINIMAL + 'ask_when = "never"', "policies.offer.ask_when is wrong: "),
        (MINIMAL + "quorom = 2", "policies.offer.quorom is not a term of a policy. Did you mean 'quorum'?"),
        (
            MINIMAL + "on_time_out = 2",
            "policies.offer.on_time_out is not a term of a policy. Did you mean 'on_timeout'?",
        ),
        (
            MINIMAL + "zebra = 2",
            "policies.offer.zebra is not a term of a policy. Known are: allow_silent_approval, ask_when",
        ),
        (MINIMAL + 'name = "x"', "policies.offer.name is not for you to set; remove it."),
        (MINIMAL + 'version = "x"', "policies.offer.version is not for you to set; remove it."),
    ],
)
def test_a_wrong_policy_is_refused_with_the_place_and_the_fix(written, tmp_path, terms, sentence):
    with pytest.raises(PolicyError) as refusal:
        written(terms)

    assert sentence in str(refusal.value)
    assert str(refusal.value).startswith(f"In {tmp_path / 'policies.toml'}, policies.offer")


@pytest.mark.parametrize("term", ["name", "version"])
def test_what_nobody_may_set_is_not_suggested(written, term):
    with pytest.raises(PolicyError) as refusal:
        written(MINIMAL + f"{term}s = 1")

    assert repr(term) not in str(refusal.value)
    assert f" {term}," not in str(refusal.value)
    assert not str(refusal.value).endswith(f" {term}.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no policy; every policy stands under [policies.NAME]."),
        ("policies = 3", "has no policy; every policy stands under [policies.NAME]."),
        ('[policy.offer]\ngroups = ["sales"]', "has 'policy' at its top; every policy stands under [policies.NAME]."),
        ('offer = "x"\n[policies.a]', "has 'offer' at its top"),
        ('[policies]\noffer = "x"', "policies.offer is not a table; write [policies.offer]."),
        ("[policies.offer", "is not valid TOML"),
        ("[policies.a]\n[policies.a]", "is not valid TOML"),
    ],
)
def test_a_file_of_another_shape_is_refused(written, text, sentence):
    with pytest.raises(PolicyError) as refusal:
        written(text, head="")

    assert sentence in str(refusal.value)
    assert "policies.toml" in str(refusal.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "policies.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(PolicyError, match="is not valid TOML"):
        read_policies(tmp_path / "policies.toml")


@pytest.mark.parametrize("there", [False, True], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_refused_with_the_setting_to_change(tmp_path, there):
    path = tmp_path / "policies.toml"
    if there:
        path.mkdir()

    with pytest.raises(PolicyError, match=r"policies\.toml' cannot be read \(.+\)\. Set APPROVALS_POLICIES"):
        read_policies(path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "offfer",
            "There is no policy 'offfer' in .*policies.toml \\(it has: legal_review, offer\\). Did you mean 'offer'\\?",
        ),
        ("zebra", r"\(it has: legal_review, offer\)\.$"),
        ("", r"There is no policy ''"),
    ],
)
def test_an_unknown_policy_is_refused_with_those_there_are(written, name, sentence):
    policies = written(MINIMAL + "[policies.legal_review]\n" + MINIMAL)

    with pytest.raises(PolicyError, match=sentence):
        policies.named(name)


def test_the_version_changes_with_the_terms_and_only_with_them(written):
    first = written(MINIMAL).named("offer")

    assert written("# a remark\n" + MINIMAL).named("offer") == first
    assert written(MINIMAL + 'due = "3d"').named("offer") == first
    assert written(MINIMAL + 'due = "4d"').named("offer").version != first.version
    assert len(first.version) == 12


# -- the rules ---------------------------------------------------------------------------------------------------


def signed(person, sha256=THIS, *, voided=False):
    return SignOff(person=person, sha256=sha256, version=1, at=AT, via="session", voided=voided)


@pytest.mark.parametrize(
    ("quorum", "signoffs", "enough"),
    [
        (1, [], False),
        (1, [signed("anna@acme.example")], True),
        (1, [signed("anna@acme.example", voided=True)], False),
        (1, [signed("anna@acme.example", OTHER)], False),
        (2, [signed("anna@acme.example")], False),
        (2, [signed("anna@acme.example"), signed("anna@acme.example")], False),
        (2, [signed("anna@acme.example"), signed("Anna@ACME.example")], False),
        (2, [signed("anna@acme.example"), signed("ben@acme.example")], True),
        (2, [signed("anna@acme.example"), signed("ben@acme.example", OTHER)], False),
        (2, [signed("anna@acme.example", voided=True), signed("ben@acme.example")], False),
        (2, [signed("anna@acme.example", voided=True), signed("anna@acme.example"), signed("ben@acme.example")], True),
        (3, [signed("anna@acme.example"), signed("ben@acme.example")], False),
        (2, [signed("anna@acme.example"), signed("ben@acme.example"), signed("cleo@acme.example")], True),
    ],
)
def test_enough_means_so_many_different_people_on_the_same_document(quorum, signoffs, enough):
    assert suffices(policy(quorum=quorum), signoffs, THIS) is enough


@pytest.mark.parametrize(
    ("editors", "escalated", "groups", "may"),
    [
        (None, False, ["sales"], True),
        (None, False, ["legal"], False),
        (None, False, [], False),
        (None, True, ["managers"], True),
        (None, True, ["sales"], False),
        (["legal"], False, ["legal"], True),
        (["legal"], False, ["sales"], False),
        (["legal"], True, ["managers"], False),
        ([], False, ["sales"], False),
        ([], True, ["managers"], False),
    ],
)
def test_who_may_edit_is_who_the_policy_names_or_else_who_decides(editors, escalated, groups, may):
    terms = policy(editors=editors, on_timeout="escalate", escalate_to=["managers"])

    assert may_edit(terms, groups, escalated) is may
    assert read_only(terms) is (editors == [])


def test_after_an_escalation_the_others_are_asked_instead():
    terms = policy(on_timeout="escalate", escalate_to=["managers"])

    assert groups_asked(terms, escalated=False) == ("sales",)
    assert groups_asked(terms, escalated=True) == ("managers",)


@pytest.mark.parametrize(
    ("ask_when", "flags", "rule"),
    [
        ("always", [], None),
        ("always", ["price"], None),
        ("flagged", ["price"], None),
        ("flagged", [], "ask_when = flagged, and nothing was flagged"),
        ("flagged", iter(()), "ask_when = flagged, and nothing was flagged"),
    ],
)
def test_a_draft_passes_unasked_only_where_the_policy_says_so_and_nothing_is_flagged(ask_when, flags, rule):
    assert passes_unasked(policy(ask_when=ask_when), flags) == rule


def test_a_policy_is_frozen():
    with pytest.raises(ValidationError):
        policy().quorum = 0  # type: ignore[misc]
