"""Who may do what, answered from the request's own terms and the directory as it is now."""

from __future__ import annotations

import pytest

from approvals.authority import Authority, same_person
from approvals.decisions import SYSTEM, Actor
from approvals.errors import (
    CannotActOnOwnRequest,
    ClaimedBySomeoneElse,
    Disabled,
    NotACandidate,
    NotAnEditor,
    NotAPerson,
    NotPermitted,
    OutOfScope,
    PolicyError,
)
from approvals.policies import Policy
from approvals.ports import Person


@pytest.fixture
def authority(people):
    return Authority(people)


def policy(**terms):
    return Policy.model_validate({"name": "offer", "groups": ["sales"], "on_timeout": "expire", **terms})


ESCALATING = {"on_timeout": "escalate", "escalate_to": ("managers",)}


# -- deciding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "refusal", "sentence"),
    [
        ("RITA", CannotActOnOwnRequest, "cannot decide on a request they opened themselves"),
        ("OMAR", NotACandidate, "omar@acme.example is not asked here: this request is for sales."),
        ("DORA", NotACandidate, "dora@acme.example is not asked here: this request is for sales."),
        ("ADA", NotACandidate, "ada@acme.example is not asked here"),
        ("VERA", NotACandidate, "vera@acme.example may look at the queue but decides nothing in it."),
        ("GONE", Disabled, "gone@acme.example is not active"),
        ("ROBOT", NotAPerson, "this is the agent 'drafter'"),
        ("WORKER", NotAPerson, "this is the worker 'outreach'"),
    ],
)
def test_those_who_may_not_decide_are_told_why(request, authority, open_request, who, refusal, sentence):
    actor = request.getfixturevalue(who)
    asked = open_request()

    with pytest.raises(refusal, match=sentence):
        authority.check_decider(asked, actor)

    assert not authority.may_decide(asked, actor)
    assert not authority.may_edit(asked, actor)


@pytest.mark.parametrize("kind", ["agent", "worker", "policy", "system"])
def test_nothing_but_a_person_decides_under_a_persons_name(authority, open_request, kind):
    actor = Actor(kind=kind, id="anna.berg@acme.example", via="token")

    with pytest.raises(NotAPerson):
        authority.check_decider(open_request(), actor)


@pytest.mark.parametrize("scopes", [set(), {"read"}, {"read", "admin", "gate"}])
def test_a_token_without_the_scope_does_not_decide(authority, open_request, ANNA, scopes):
    token = ANNA.model_copy(update={"via": "token", "scopes": frozenset(scopes)})

    with pytest.raises(OutOfScope, match="'decide'"):
        authority.check_decider(open_request(), token)


def test_somebody_unknown_does_not_decide(authority, open_request):
    stranger = Actor(kind="person", id="mallory@elsewhere.example", via="header")

    with pytest.raises(NotACandidate, match="is not among the people of this queue"):
        authority.check_decider(open_request(), stranger)


@pytest.mark.parametrize("spelled", ["anna.berg@acme.example", "ANNA.BERG@ACME.EXAMPLE", "Anna.Berg@acme.example"])
def test_a_person_is_known_by_their_address_in_any_case(authority, open_request, spelled):
    actor = Actor(kind="person", id=spelled, via="session")

    assert authority.check_decider(open_request(), actor).email == "Anna.Berg@acme.example"


@pytest.mark.parametrize("spelled", ["rita@acme.example", "Rita@ACME.example", " rita@acme.example "])
def test_the_requester_is_recognised_however_the_label_is_written(authority, open_request, RITA, spelled):
    with pytest.raises(CannotActOnOwnRequest):
        authority.check_decider(open_request(requester=spelled), RITA)


def test_without_separation_of_duties_the_requester_may_decide(authority, open_request, RITA):
    asked = open_request(terms={"separation_of_duties": False})

    assert authority.check_decider(asked, RITA).email == "rita@acme.example"


def test_after_an_escalation_the_others_decide(authority, open_request, ANNA, DORA):
    escalated = open_request(terms=ESCALATING).model_copy(update={"escalated": True})

    assert authority.may_decide(escalated, DORA)
    assert not authority.may_decide(escalated, ANNA)
    assert [person.email for person in authority.candidates(escalated)] == ["dora@acme.example"]


def test_candidates_are_the_active_people_who_may_decide(authority, open_request):
    emails = [person.email for person in authority.candidates(open_request())]

    assert emails == ["Anna.Berg@acme.example", "ben@acme.example", "cleo@acme.example"]


def test_who_left_the_group_or_the_firm_since_is_no_candidate(authority, people, open_request, ANNA, BEN, CLEO):
    asked = open_request()

    people.change("ben@acme.example", groups=("legal",))
    people.change("cleo@acme.example", active=False)

    assert [authority.may_decide(asked, one) for one in (ANNA, BEN, CLEO)] == [True, False, False]
    people.remove("anna.berg@acme.example")
    assert not authority.may_decide(asked, ANNA)


# -- editing -----------------------------------------------------------------------------------------------------


def test_a_read_only_gate_is_edited_by_nobody(authority, open_request, people, ANNA):
    asked = open_request(terms={"editors": ()})

    with pytest.raises(NotAnEditor, match="read-only"):
        authority.check_editor(asked, people.person(ANNA.id))
    assert authority.may_decide(asked, ANNA)
    assert not authority.may_edit(asked, ANNA)


def test_a_gate_that_does_not_offer_editing_is_edited_by_nobody(authority, open_request, ANNA):
    assert not authority.may_edit(open_request(verdicts=("approve", "reject")), ANNA)


def test_where_the_policy_names_editors_the_others_only_decide(authority, open_request, people, ANNA, BEN):
    asked = open_request(terms={"editors": ("legal",)})

    assert authority.may_edit(asked, BEN)
    with pytest.raises(NotAnEditor, match="Only legal may edit here"):
        authority.check_editor(asked, people.person(ANNA.id))


def test_an_editor_who_does_not_decide_does_not_edit(authority, open_request, people, OMAR):
    people.change("omar@acme.example", groups=("finance", "legal"))

    assert not authority.may_edit(open_request(terms={"editors": ("legal",)}), OMAR)


# -- claims ------------------------------------------------------------------------------------------------------


def test_a_colleagues_claim_stands_until_it_lapses(authority, open_request, service, people, clock, ANNA, BEN):
    claimed = service.claim(open_request(terms={"claim": 60}).id, ANNA)
    ben = people.person(BEN.id)

    with pytest.raises(
        ClaimedBySomeoneElse, match=r"Anna\.Berg@acme\.example is working on this request until 12:01:00"
    ):
        authority.check_claim(claimed, ben, (), clock())
    authority.check_claim(claimed, people.person(ANNA.id), (), clock())
    clock.forward(60)
    authority.check_claim(claimed, ben, (), clock())


# -- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("ANNA", True),
        ("RITA", True),
        ("DORA", True),
        ("VERA", True),
        ("ADA", True),
        ("OMAR", False),
        ("GONE", False),
        ("ROBOT", False),
        ("WORKER", True),
    ],
)
def test_a_request_is_read_by_those_it_concerns(request, authority, open_request, who, may):
    assert authority.may_read(open_request(terms=ESCALATING), request.getfixturevalue(who)) is may


def test_whoever_asked_may_read_though_nobody_asks_them(authority, open_request, OMAR):
    assert authority.may_read(open_request(requester="Omar@acme.example"), OMAR)


@pytest.mark.parametrize("scopes", [set(), {"decide"}])
def test_a_token_without_the_scope_does_not_read(authority, open_request, ANNA, WORKER, scopes):
    asked = open_request()

    for actor in (ANNA, WORKER):
        with pytest.raises(OutOfScope):
            authority.check_reader(asked, actor.model_copy(update={"scopes": frozenset(scopes)}))


def test_the_machinery_reads_everything(authority, open_request):
    assert authority.may_read(open_request(), SYSTEM)


# -- administering and withdrawing -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ANNA", "VERA", "OMAR", "ROBOT", "WORKER", "GONE"])
def test_only_an_administrator_administers(request, authority, who):
    with pytest.raises(NotPermitted):
        authority.check_admin(request.getfixturevalue(who))


def test_the_machinery_and_a_signed_in_administrator_administer(authority, ADA):
    authority.check_admin(SYSTEM)
    authority.check_admin(ADA)


def test_a_token_that_an_administrator_gave_out_reaches_only_as_far_as_it_says(authority, ADA):
    with pytest.raises(NotPermitted):
        authority.check_admin(ADA.model_copy(update={"via": "token"}))
    authority.check_admin(ADA.model_copy(update={"via": "token", "scopes": frozenset({"admin"})}))


def test_nobody_administers_by_a_link_whatever_it_says(authority, ADA):
    with pytest.raises(NotPermitted):
        authority.check_admin(ADA.model_copy(update={"via": "link", "scopes": frozenset({"admin"})}))


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("RITA", True),
        ("ADA", True),
        ("WORKER", True),
        ("ANNA", False),
        ("VERA", False),
        ("ROBOT", False),
        ("GONE", False),
    ],
)
def test_who_asked_an_administrator_or_the_flow_withdraws(request, authority, open_request, who, may):
    asked, actor = open_request(), request.getfixturevalue(who)

    if may:
        authority.check_withdrawer(asked, actor)
    else:
        with pytest.raises(NotPermitted):
            authority.check_withdrawer(asked, actor)


def test_tokens_that_only_read_withdraw_nothing(authority, open_request, RITA, ADA, WORKER):
    asked = open_request()

    for actor in (RITA, ADA, WORKER):
        with pytest.raises(NotPermitted):
            authority.check_withdrawer(asked, actor.model_copy(update={"via": "token", "scopes": frozenset({"read"})}))


@pytest.mark.parametrize("who", ["ANNA", "ADA", "ROBOT"])
def test_only_the_flows_side_replaces_a_draft(request, authority, who):
    with pytest.raises(NotPermitted, match="Hand in an edit instead"):
        authority.check_machinery(request.getfixturevalue(who))


# -- terms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"groups": ["support"]}, r"asks support \(groups\), but nobody active is in there"),
        (
            {"groups": ["sales"], "on_timeout": "escalate", "escalate_to": ["board"]},
            r"asks board \(escalate_to\), but nobody",
        ),
        ({"groups": ["quality"]}, r"needs 1 to sign, but quality \(groups\) holds 0 who may besides the requester"),
        ({"quorum": 4}, r"needs 4 to sign, but sales \(groups\) holds 3 who may besides the requester \(rita@acme"),
        ({"quorum": 5, "separation_of_duties": False}, r"holds 4 who may \(rita@acme"),
        ({"quorum": 2, **ESCALATING}, r"needs 2 to sign, but managers \(escalate_to\) holds 1 who may"),
        ({"editors": ["finance"]}, r"lets finance edit, but nobody who decides is in there. Use editors = \[\]"),
    ],
)
def test_terms_under_which_nobody_could_decide_are_refused(authority, people, terms, sentence):
    people._people["rita@acme.example"] = people.person("rita@acme.example").model_copy(
        update={"groups": ("sales", "quality")}
    )

    with pytest.raises(PolicyError, match=sentence):
        authority.check_terms(policy(**terms), "rita@acme.example")


@pytest.mark.parametrize(
    ("terms", "requester"),
    [
        ({}, "rita@acme.example"),
        ({"quorum": 3}, "rita@acme.example"),
        ({"quorum": 4}, "schedule:outreach/nightly"),
        ({"quorum": 4, "separation_of_duties": False}, "rita@acme.example"),
        ({"editors": []}, "rita@acme.example"),
        ({"editors": ["legal"]}, "rita@acme.example"),
        (ESCALATING, "rita@acme.example"),
    ],
)
def test_terms_under_which_enough_people_can_decide_are_fine(authority, terms, requester):
    authority.check_terms(policy(**terms), requester)


def test_a_group_of_viewers_or_disabled_people_decides_nothing(authority, people):
    people._people["eve@acme.example"] = Person(email="eve@acme.example", groups=("eyes",), role="viewer")
    people._people["old@acme.example"] = Person(email="old@acme.example", groups=("past",), active=False)

    for group in ("eyes", "past"):
        with pytest.raises(PolicyError):
            authority.check_terms(policy(groups=[group]), "rita@acme.example")


def test_groups_are_those_of_an_active_person(authority, BEN, GONE, ROBOT):
    assert authority.groups_of(BEN) == {"sales", "legal"}
    assert authority.groups_of(GONE) == authority.groups_of(ROBOT) == frozenset()


def test_addresses_that_differ_by_more_than_case_are_two_people():
    assert same_person("Anna@acme.example", "anna@ACME.example")
    assert not same_person("anna@acme.example", "anna@acme.test")
