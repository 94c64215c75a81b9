"""What people do with requests: what happens, and that nothing else does."""

from __future__ import annotations

import inspect
import json
import threading
from datetime import timedelta

import pytest

from approvals.canonical import canonical, digest
from approvals.decisions import SYSTEM, Actor, Approve, Edit, Reject, Return
from approvals.errors import (
    AlreadyDecided,
    ApprovalError,
    CannotActOnOwnRequest,
    CannotExamine,
    ClaimedBySomeoneElse,
    Disabled,
    DocumentInvalid,
    NotACandidate,
    NotActionable,
    NotAnEditor,
    NotAPerson,
    NotFound,
    NotPermitted,
    NotTheDecider,
    OutOfScope,
    StaleDecision,
    TooLateToRecall,
    UnsupportedClaims,
    VerdictInvalid,
    VerdictNotAllowed,
)
from approvals.lifecycle import Action, State
from approvals.requests import Flag
from approvals.service import MAX_DOCUMENT, ApprovalService

QUORUM = {"quorum": 2}
ESCALATING = {"on_timeout": "escalate", "escalate_to": ("managers",)}
UNSUPPORTED = [{"id": "c1", "text": "Northwind runs 40 shops."}, {"id": "c2", "text": "They love us."}]


def effective(service, request):
    """The rulings that stand."""
    return [ruling for ruling in service.history(request.id).rulings if not ruling.recalled]


def standing(service, request):
    """Who signed, of those sign-offs that are not void."""
    return [signoff.person for signoff in service.history(request.id).signoffs if not signoff.voided]


# -- approving ---------------------------------------------------------------------------------------------------


def test_an_approval_closes_the_request_with_what_was_signed(service, open_request, clock, events, ANNA):
    request = open_request()
    clock.forward(90)

    approved = service.approve(request.id, ANNA, version=1)

    assert approved.state is State.APPROVED
    assert approved == service.get(request.id)
    (ruling,) = effective(service, request)
    assert approved.ruling == ruling
    assert (ruling.seq, ruling.action, ruling.by, ruling.at, ruling.effective_at) == (
        1,
        "approve",
        ANNA,
        clock(),
        clock(),
    )
    assert (ruling.document, ruling.sha256) == (request.content.document, request.content.sha256)
    assert (ruling.edited, ruling.changes, ruling.typed, ruling.version) == (False, (), None, 1)
    assert len(ruling.examination) == 64
    assert standing(service, request) == ["Anna.Berg@acme.example"]
    assert approved.wake_since == approved.effective_at == clock()
    assert approved.taken_up_at is None
    assert events() == ["request.opened", "request.approved"]


def test_an_edit_signs_the_new_document_and_tells_what_changed(service, open_request, make_offer, ANNA):
    request = open_request()
    edited = make_offer(amount="1100.00", title="  Offer for Northwind ")

    approved = service.approve(request.id, ANNA, version=1, edited=edited)

    ruling = approved.ruling
    assert json.loads(ruling.document) == make_offer(amount="1100.00")
    assert ruling.sha256 == digest(ruling.document)
    assert ruling.edited
    assert [(change.path, change.before, change.after) for change in ruling.changes] == [
        ("amount", "1200.00", "1100.00")
    ]
    assert json.loads(ruling.typed) == edited
    assert approved.version == 1
    assert approved.content == request.content


def test_what_was_typed_is_kept_verbatim(service, open_request, make_offer, ANNA):
    typed = '{ "title" : "Offer for Northwind" , … as posted'

    approved = service.approve(open_request().id, ANNA, version=1, edited=make_offer(amount="1.00"), typed=typed)

    assert approved.ruling.typed == typed


def test_an_edit_that_changes_nothing_is_an_approval(service, open_request, make_offer, ANNA):
    approved = service.approve(open_request(terms={"editors": ("sales",)}).id, ANNA, version=1, edited=make_offer())

    assert not approved.ruling.edited
    assert approved.ruling.changes == ()


def test_numbers_dates_lists_and_signs_survive_an_edit(service, open_request, make_offer, ANNA):
    text = "Ünïcødé 🦉 \u200b\u202e <script>alert(1)</script> — " + "x" * 200_000
    edited = make_offer(title=text, amount="0.10", claims=[])

    approved = service.approve(open_request().id, ANNA, version=1, edited=edited)

    assert json.loads(approved.ruling.document) == edited


def test_a_post_without_end_is_not_kept_verbatim(service, open_request, unchanged, make_offer, ANNA):
    request = open_request()

    with unchanged(request), pytest.raises(DocumentInvalid, match="is the most that can be handed in"):
        service.approve(request.id, ANNA, version=1, edited=make_offer(amount="1.00"), typed="x" * (MAX_DOCUMENT + 1))


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Approve(), State.APPROVED),
        (Edit(document={"title": "Shorter", "amount": "1.00"}), State.APPROVED),
        (Reject(reason="too dear", code="price"), State.REJECTED),
        (Return(feedback="shorter, please"), State.RETURNED),
    ],
)
def test_every_verdict_leads_to_its_state(service, open_request, events, ANNA, verdict, state):
    request = open_request()

    decided = service.decide(request.id, verdict, ANNA, version=1)

    assert decided.state is state
    assert decided.ruling.action == verdict.kind.replace("edit", "approve")
    assert events() == ["request.opened", f"request.{state}"]


def test_a_rejection_keeps_reason_and_code_and_a_return_its_feedback(service, open_request, ANNA):
    rejected = service.reject(open_request().id, ANNA, version=1, reason="too dear", code="price")
    returned = service.send_back(open_request().id, ANNA, version=1, feedback="shorter")

    assert (rejected.ruling.reason, rejected.ruling.code, rejected.ruling.document) == ("too dear", "price", None)
    assert (returned.ruling.feedback, returned.ruling.document, returned.ruling.sha256) == ("shorter", None, None)


@pytest.mark.parametrize("words", ["", "  \n", "x" * 20_001, "\ud800"])
def test_a_no_without_words_is_refused_with_the_field(service, open_request, unchanged, ANNA, words):
    request = open_request()

    with unchanged(request):
        with pytest.raises(VerdictInvalid) as rejection:
            service.reject(request.id, ANNA, version=1, reason=words)
        with pytest.raises(VerdictInvalid) as returning:
            service.send_back(request.id, ANNA, version=1, feedback=words)

    assert [error.path for error in rejection.value.errors] == ["reason"]
    assert [error.path for error in returning.value.errors] == ["feedback"]


# -- who may not -------------------------------------------------------------------------------------------------


ACTS = {
    "approve": lambda service, request, by: service.approve(request.id, by, version=request.version),
    "edit": lambda service, request, by: service.approve(
        request.id, by, version=request.version, edited={"title": "Mine", "amount": "1.00"}
    ),
    "reject": lambda service, request, by: service.reject(request.id, by, version=request.version, reason="no"),
    "return": lambda service, request, by: service.send_back(request.id, by, version=request.version, feedback="no"),
    "claim": lambda service, request, by: service.claim(request.id, by),
    "working copy": lambda service, request, by: service.save_working_copy(
        request.id, {"title": "Mine"}, by, version=request.version
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("RITA", CannotActOnOwnRequest),
        ("OMAR", NotACandidate),
        ("VERA", NotACandidate),
        ("ADA", NotACandidate),
        ("GONE", Disabled),
        ("ROBOT", NotAPerson),
        ("WORKER", NotAPerson),
    ],
)
def test_the_forbidden_are_refused_at_every_act(request, service, open_request, unchanged, act, who, refusal):
    asked = open_request()

    with unchanged(asked), pytest.raises(refusal):
        ACTS[act](service, asked, request.getfixturevalue(who))


@pytest.mark.parametrize("act", [*ACTS, "recall", "release", "escalate", "withdraw", "revise", "get"])
@pytest.mark.parametrize("who", ["OMAR", "ROBOT", "GONE"])
def test_an_outsider_does_not_learn_how_a_request_stands(request, service, open_request, ANNA, act, who):
    """The refusal comes before the state is looked at, so it is the same for an open and a decided one."""
    acts = {
        **ACTS,
        "recall": lambda service, asked, by: service.recall(asked.id, by),
        "release": lambda service, asked, by: service.release(asked.id, by),
        "escalate": lambda service, asked, by: service.escalate(asked.id, by),
        "withdraw": lambda service, asked, by: service.withdraw(asked.id, "why", by),
        "revise": lambda service, asked, by: service.revise(asked.id, by),
        "get": lambda service, asked, by: service.get(asked.id, by),
    }
    outsider = request.getfixturevalue(who)
    told = []

    for asked in (open_request(), service.approve(open_request().id, ANNA, version=1)):
        with pytest.raises(NotPermitted) as refusal:
            acts[act](service, asked, outsider)
        told.append((type(refusal.value), str(refusal.value)))

    assert told[0] == told[1]
    assert "anna" not in told[1][1].casefold()


@pytest.mark.parametrize("act", ACTS)
def test_no_act_reaches_a_decided_request(service, open_request, unchanged, ANNA, BEN, act):
    request = open_request()
    service.reject(request.id, ANNA, version=1, reason="too dear")

    with unchanged(request), pytest.raises(AlreadyDecided, match=r"anna\.berg@acme\.example has rejected this request"):
        ACTS[act](service, request, BEN)


@pytest.mark.parametrize("act", [act for act in ACTS if act != "claim"])
def test_no_act_reaches_a_request_on_an_outdated_version(service, open_request, unchanged, ANNA, act):
    request = open_request()
    service.revise(request.id, evidence=request.content.evidence)

    with unchanged(request), pytest.raises(StaleDecision, match="You read version 1, and version 2 has replaced it"):
        ACTS[act](service, request, ANNA)


@pytest.mark.parametrize("version", [0, -1, 2, 99, 10**30])
@pytest.mark.parametrize("act", ["approve", "edit", "reject", "working copy"])
def test_a_version_that_never_was_is_outdated_too(service, open_request, unchanged, ANNA, act, version):
    request = open_request()

    with unchanged(request), pytest.raises(StaleDecision):
        ACTS[act](service, request.model_copy(update={"version": version}), ANNA)


def test_what_is_not_there_is_not_found(service, ANNA):
    for act in (
        lambda: service.get("NOSUCH"),
        lambda: service.history("NOSUCH"),
        lambda: service.claim("NOSUCH", ANNA),
        lambda: service.approve("NOSUCH", ANNA, version=1, edited={"title": "x"}),
        lambda: service.reject("NOSUCH", ANNA, version=1, reason="no"),
        lambda: service.recall("NOSUCH", ANNA),
        lambda: service.withdraw("NOSUCH", "gone"),
    ):
        with pytest.raises(NotFound, match="There is no request 'NOSUCH'"):
            act()


def test_who_was_disabled_while_the_request_was_theirs_does_not_decide(service, open_request, unchanged, people, ANNA):
    request = open_request()
    service.claim(request.id, ANNA)
    people.change("anna.berg@acme.example", active=False)

    with unchanged(request), pytest.raises(Disabled):
        service.approve(request.id, ANNA, version=1)


def test_the_claim_of_somebody_who_left_the_group_lapses_for_the_others(
    service, open_request, people, clock, ANNA, BEN
):
    request = open_request(terms={"claim": 60})
    service.claim(request.id, ANNA)
    people.change("anna.berg@acme.example", groups=("finance",))

    with pytest.raises(NotACandidate):
        service.approve(request.id, ANNA, version=1)
    clock.forward(60)

    assert service.approve(request.id, BEN, version=1).state is State.APPROVED


def test_who_leaves_while_the_document_is_being_checked_does_not_sign(
    store, people, clock, examiner, open_request, unchanged, ANNA
):
    """The check takes seconds; who may sign is asked again inside the transaction."""

    class Slow:
        def examine(self, *told):
            people.change("anna.berg@acme.example", groups=())
            return examiner.examine(*told)

    request = open_request()
    service = ApprovalService(store, people, clock, Slow())

    with unchanged(request), pytest.raises(NotACandidate):
        service.approve(request.id, ANNA, version=1)


# -- two at once -------------------------------------------------------------------------------------------------


@pytest.fixture
def meanwhile(store, people, clock, examiner):
    """A service whose check of the document lets something else happen first."""

    def make(act):
        class Interrupted:
            def examine(self, *told):
                act()
                return examiner.examine(*told)

        return ApprovalService(store, people, clock, Interrupted())

    return make


@pytest.mark.parametrize("first", ["approve", "edit", "reject", "return"])
@pytest.mark.parametrize("second", ["approve", "edit"])
def test_of_two_at_once_one_decides_and_the_other_is_told_who(
    service, meanwhile, open_request, events, ANNA, BEN, first, second
):
    request = open_request()
    late = meanwhile(lambda: ACTS[first](service, request, ANNA))

    with pytest.raises(AlreadyDecided, match=r"anna\.berg@acme\.example has"):
        ACTS[second](late, request, BEN)

    (ruling,) = service.history(request.id).rulings
    assert ruling.by == ANNA
    assert standing(service, request) in ([], ["Anna.Berg@acme.example"])
    assert len(events()) == 2


def test_a_storm_of_verdicts_leaves_one_decision(service, open_request, events, ANNA, BEN, CLEO):
    request = open_request()
    start, outcomes = threading.Barrier(9), []

    def hand_in(by, act):
        start.wait()
        try:
            outcomes.append(ACTS[act](service, request, by).state)
        except ApprovalError as refusal:
            outcomes.append(type(refusal))

    threads = [
        threading.Thread(target=hand_in, args=(by, act))
        for by in (ANNA, BEN, CLEO)
        for act in ("approve", "reject", "return")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, outcomes)).count(str(AlreadyDecided)) == 8
    assert len(service.history(request.id).rulings) == 1
    assert len(events()) == 2


def test_a_revision_during_the_check_makes_the_approval_stale(service, meanwhile, open_request, ANNA):
    request = open_request()
    late = meanwhile(lambda: service.revise(request.id, evidence=request.content.evidence))

    with pytest.raises(StaleDecision):
        late.approve(request.id, ANNA, version=1)

    assert service.get(request.id).is_open
    assert standing(service, request) == []


def test_a_claim_during_the_check_holds_the_approval_up(service, meanwhile, open_request, ANNA, BEN):
    request = open_request()
    late = meanwhile(lambda: service.claim(request.id, BEN))

    with pytest.raises(ClaimedBySomeoneElse):
        late.approve(request.id, ANNA, version=1)

    assert service.get(request.id).state is State.CLAIMED


def test_an_escalation_during_the_check_takes_the_request_away(service, meanwhile, open_request, ANNA):
    request = open_request(terms=ESCALATING)
    late = meanwhile(lambda: service.escalate(request.id))

    with pytest.raises(NotACandidate, match="managers"):
        late.approve(request.id, ANNA, version=1)

    assert service.get(request.id).is_open


# -- quorum ------------------------------------------------------------------------------------------------------


def test_two_different_people_make_a_quorum_of_two(service, open_request, events, ANNA, BEN):
    request = open_request(terms=QUORUM)

    signed = service.approve(request.id, ANNA, version=1)
    approved = service.approve(request.id, BEN, version=1)

    assert (signed.state, signed.version, signed.ruling) == (State.PENDING, 1, None)
    assert approved.state is State.APPROVED
    assert approved.ruling.by == BEN
    assert standing(service, request) == ["Anna.Berg@acme.example", "ben@acme.example"]
    assert events() == ["request.opened", "request.signed", "request.approved"]


@pytest.mark.parametrize("spelled", ["anna.berg@acme.example", "ANNA.BERG@acme.example"])
def test_the_same_person_counts_once_however_they_are_written(service, open_request, unchanged, ANNA, spelled):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)

    with unchanged(request):
        again = service.approve(request.id, ANNA.model_copy(update={"id": spelled}), version=1)

    assert again.is_open


def test_first_a_yes_then_a_no_is_a_no(service, open_request, ANNA, BEN):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)

    rejected = service.reject(request.id, BEN, version=1, reason="too dear")

    assert rejected.state is State.REJECTED
    assert [ruling.action for ruling in effective(service, request)] == ["reject"]


def test_a_third_vote_after_closing_is_refused(service, open_request, unchanged, ANNA, BEN, CLEO):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)
    service.approve(request.id, BEN, version=1)

    with unchanged(request), pytest.raises(AlreadyDecided, match=r"ben@acme\.example has approved"):
        service.approve(request.id, CLEO, version=1)


def test_an_edit_under_quorum_is_what_the_next_sees_and_voids_the_signs_before(
    service, open_request, make_offer, ANNA, BEN, CLEO
):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)

    edited = service.approve(request.id, BEN, version=1, edited=make_offer(amount="900.00"))

    assert (edited.version, edited.content.author, edited.state) == (2, "ben@acme.example", State.PENDING)
    assert edited.content.value() == make_offer(amount="900.00")
    assert standing(service, request) == ["ben@acme.example"]
    with pytest.raises(StaleDecision):
        service.approve(request.id, CLEO, version=1)

    approved = service.approve(request.id, CLEO, version=2)

    assert approved.state is State.APPROVED
    assert json.loads(approved.ruling.document) == make_offer(amount="900.00")
    assert approved.ruling.edited
    assert [change.path for change in approved.ruling.changes] == ["amount"]
    assert standing(service, request) == ["ben@acme.example", "cleo@acme.example"]
    assert [content.version for content in service.history(request.id).contents] == [1, 2]


def test_whoever_edits_last_needs_the_others_again(service, open_request, make_offer, ANNA, BEN):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)

    service.approve(request.id, BEN, version=1, edited=make_offer(amount="900.00"))
    service.approve(request.id, ANNA, version=2, edited=make_offer(amount="800.00"))

    assert service.get(request.id).is_open
    assert standing(service, request) == ["Anna.Berg@acme.example"]
    assert service.approve(request.id, BEN, version=3).state is State.APPROVED


def test_editing_back_to_the_agents_draft_is_no_edit(service, open_request, make_offer, ANNA, BEN):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1, edited=make_offer(amount="900.00"))
    service.approve(request.id, BEN, version=2, edited=make_offer())

    approved = service.approve(request.id, ANNA, version=3)

    assert approved.state is State.APPROVED
    assert not approved.ruling.edited


def test_the_next_signer_is_shown_what_was_found_of_the_edit(service, open_request, make_offer, ANNA, BEN):
    request = open_request(terms=QUORUM)

    signed = service.approve(request.id, ANNA, version=1, edited=make_offer(claims=UNSUPPORTED), vouched=("c2",))

    findings = {finding.claim_id: finding.support for finding in signed.content.evidence.findings}
    assert findings == {"c1": "supported", "c2": "unsupported"}
    with pytest.raises(UnsupportedClaims):
        service.approve(request.id, BEN, version=2)
    assert service.approve(request.id, BEN, version=2, vouched=("c2",)).state is State.APPROVED


def test_a_claim_holds_nobody_up_once_its_holder_has_signed(service, open_request, ANNA, BEN, CLEO):
    request = open_request(terms=QUORUM)
    service.claim(request.id, ANNA)
    with pytest.raises(ClaimedBySomeoneElse):
        service.approve(request.id, BEN, version=1)

    service.approve(request.id, ANNA, version=1)

    assert service.approve(request.id, BEN, version=1).state is State.APPROVED


# -- claiming ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["approve", "edit", "reject", "return", "claim"])
def test_a_colleagues_claim_holds_every_act_up_until_it_lapses(service, open_request, unchanged, clock, ANNA, BEN, act):
    request = open_request(terms={"claim": 60})
    service.claim(request.id, ANNA)

    with unchanged(request), pytest.raises(ClaimedBySomeoneElse, match=r"Anna\.Berg@acme\.example is working on this"):
        ACTS[act](service, request, BEN)
    clock.forward(60)

    assert ACTS[act](service, request, BEN).claimed_by in (None, "ben@acme.example")


def test_whoever_holds_a_request_may_decide_and_renew(service, open_request, clock, ANNA):
    request = open_request(terms={"claim": 60})
    service.claim(request.id, ANNA)
    clock.forward(50)

    renewed = service.claim(request.id, ANNA)
    clock.forward(50)
    approved = service.approve(request.id, ANNA, version=1)

    assert renewed.claimed_until == clock() + timedelta(seconds=10)
    assert (approved.claimed_by, approved.claimed_until) == (None, None)


def test_a_claim_that_lapsed_while_the_form_was_open_does_not_matter_if_nobody_came(service, open_request, clock, ANNA):
    request = open_request(terms={"claim": 60})
    service.claim(request.id, ANNA)
    clock.forward(600)

    assert service.approve(request.id, ANNA, version=1).state is State.APPROVED


def test_who_lost_their_claim_to_a_colleague_keeps_what_they_typed(service, open_request, clock, make_offer, ANNA, BEN):
    request = open_request(terms={"claim": 60})
    service.claim(request.id, ANNA)
    clock.forward(60)
    service.claim(request.id, BEN)

    with pytest.raises(ClaimedBySomeoneElse, match=r"ben@acme\.example"):
        service.approve(request.id, ANNA, version=1, edited=make_offer(amount="1.00"))

    assert service.working_copy(request.id, ANNA).document == make_offer(amount="1.00")
    assert service.working_copy(request.id, BEN) is None


def test_a_released_request_is_everybodys_again(service, open_request, events, ANNA, BEN):
    request = open_request()
    service.claim(request.id, ANNA)

    released = service.release(request.id, ANNA)

    assert (released.state, released.claimed_by, released.claimed_until) == (State.PENDING, None, None)
    assert service.claim(request.id, BEN).claimed_by == "ben@acme.example"
    assert events() == ["request.opened", "request.claimed", "request.released", "request.claimed"]


def test_only_the_holder_or_an_administrator_releases(service, open_request, unchanged, ANNA, BEN, ADA):
    request = open_request()
    service.claim(request.id, ANNA)
    impostor = Actor(kind="agent", id=ANNA.id, via="token")
    reader = ANNA.model_copy(update={"via": "token", "scopes": frozenset({"read"})})

    for actor in (BEN, impostor, reader):
        with unchanged(request), pytest.raises(NotPermitted):
            service.release(request.id, actor)

    assert service.release(request.id, ADA).state is State.PENDING
    with pytest.raises(NotActionable, match="A request that is pending cannot be released"):
        service.release(request.id, ADA)


# -- what was typed ----------------------------------------------------------------------------------------------


def test_a_working_copy_is_kept_per_person_and_version(service, open_request, clock, events, ANNA, BEN):
    request = open_request()
    service.save_working_copy(request.id, {"title": "first"}, ANNA, version=1)
    clock.forward(5)
    service.save_working_copy(request.id, {"title": "second"}, ANNA, version=1)

    assert service.working_copy(request.id, ANNA).document == {"title": "second"}
    assert service.working_copy(request.id, ANNA).at == clock()
    assert service.working_copy(request.id, BEN) is None
    assert service.working_copy(request.id, SYSTEM) is None
    service.revise(request.id, evidence=request.content.evidence)
    assert service.working_copy(request.id, ANNA) is None
    assert events() == ["request.opened", "request.revised"]


def test_what_is_typed_may_be_anything_json_can_say(service, open_request, ANNA):
    request = open_request()
    for odd in ("\ud800 half a sign", {"\x00": "\udfff"}, [None], 0, "", 1e300):
        service.save_working_copy(request.id, odd, ANNA, version=1)

        assert service.working_copy(request.id, ANNA).document == odd


def test_typing_goes_on_while_a_colleague_holds_the_request(service, open_request, ANNA, BEN):
    request = open_request()
    service.claim(request.id, BEN)

    service.save_working_copy(request.id, {"title": "mine"}, ANNA, version=1)

    assert service.working_copy(request.id, ANNA).document == {"title": "mine"}


@pytest.mark.parametrize("terms", [{"editors": ()}, {"editors": ("legal",)}])
def test_who_may_not_edit_keeps_no_working_copy(service, open_request, ANNA, terms):
    request = open_request(terms=terms)

    with pytest.raises(NotAnEditor):
        service.save_working_copy(request.id, {"title": "mine"}, ANNA, version=1)


def test_what_was_typed_waits_out_a_decision_that_may_be_taken_back(
    service, gatekeeper, open_request, clock, WORKER, ANNA, BEN
):
    request = open_request()
    service.save_working_copy(request.id, {"title": "mine"}, ANNA, version=1)

    service.reject(request.id, BEN, version=1, reason="no", recall=8)
    service.recall(request.id, BEN)
    assert service.working_copy(request.id, ANNA).document == {"title": "mine"}

    service.reject(request.id, BEN, version=1, reason="no")
    gatekeeper.take_up(request.id, "run-1", WORKER)
    assert service.working_copy(request.id, ANNA) is None


@pytest.mark.parametrize(
    "document", ["x" * (MAX_DOCUMENT + 1), {1, 2}, object()], ids=["too long", "a set", "an object"]
)
def test_what_is_no_document_at_all_is_refused_with_a_field_error(service, open_request, unchanged, ANNA, document):
    request = open_request()

    with unchanged(request):
        for act in (
            lambda: service.save_working_copy(request.id, document, ANNA, version=1),
            lambda: service.approve(request.id, ANNA, version=1, edited=document),
        ):
            with pytest.raises(DocumentInvalid):
                act()
    assert service.working_copy(request.id, ANNA) is None


# -- what the gate offers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "refused"),
    [
        (("approve", "edit", "reject"), "return"),
        (("approve", "edit", "return"), "reject"),
        (("edit", "reject", "return"), "approve"),
    ],
)
def test_a_verdict_that_the_gate_does_not_offer_is_refused(service, open_request, unchanged, ANNA, verdicts, refused):
    request = open_request(verdicts=verdicts)

    with (
        unchanged(request),
        pytest.raises(VerdictNotAllowed, match=f"does not offer '{refused}'; it offers: {verdicts[0]}"),
    ):
        ACTS[refused](service, request, ANNA)


def test_an_edit_to_the_same_is_no_way_around_a_missing_approve(service, open_request, unchanged, make_offer, ANNA):
    request = open_request(verdicts=("edit", "reject"))

    with unchanged(request), pytest.raises(VerdictNotAllowed):
        service.approve(request.id, ANNA, version=1, edited=make_offer())


@pytest.mark.parametrize(
    ("terms", "proposed"),
    [({"editors": ()}, {}), ({"editors": ("legal",)}, {}), ({}, {"verdicts": ("approve", "reject")})],
    ids=["read-only", "editors", "not offered"],
)
def test_who_may_not_edit_may_still_approve(service, open_request, unchanged, make_offer, ANNA, terms, proposed):
    request = open_request(terms=terms, **proposed)

    with unchanged(request), pytest.raises(NotAnEditor):
        service.approve(request.id, ANNA, version=1, edited=make_offer(amount="1.00"))

    assert service.approve(request.id, ANNA, version=1).state is State.APPROVED


def test_a_named_editor_edits(service, open_request, make_offer, BEN):
    request = open_request(terms={"editors": ("legal",)})

    assert service.approve(request.id, BEN, version=1, edited=make_offer(amount="1.00")).ruling.edited


# -- what the examiner says --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "paths"),
    [
        ({"title": "x"}, ["amount"]),
        ({"title": "", "amount": "1.00"}, ["title"]),
        ({"title": "x", "amount": "many", "note": 1}, ["amount", "note"]),
        ({"title": "x", "amount": "1.00", "discount": "2.00"}, [""]),
        ({"title": "x", "amount": "1.00", "claims": [{"id": "c1"}]}, ["claims.0.text"]),
        ("just a text", [""]),
        ([], [""]),
    ],
    ids=repr,
)
def test_an_edit_that_does_not_fit_is_refused_and_kept(service, open_request, unchanged, ANNA, edit, paths):
    request = open_request()

    with unchanged(request), pytest.raises(DocumentInvalid) as refusal:
        service.approve(request.id, ANNA, version=1, edited=edit)

    assert [error.path for error in refusal.value.errors] == paths
    assert service.working_copy(request.id, ANNA).document == edit
    assert service.working_copy(request.id, ANNA).person == "Anna.Berg@acme.example"


def test_unsupported_claims_are_refused_until_somebody_vouches_by_name(
    service, open_request, unchanged, make_offer, ANNA
):
    request = open_request(document=make_offer(claims=UNSUPPORTED))

    for vouched in ((), ("c1",), ("C2",)):
        with unchanged(request), pytest.raises(UnsupportedClaims) as refusal:
            service.approve(request.id, ANNA, version=1, vouched=vouched)
        assert refusal.value.claims == ("c2",)

    approved = service.approve(request.id, ANNA, version=1, vouched=("c2",))

    assert approved.ruling.vouched == ("c2",)
    assert [signoff.vouched for signoff in service.history(request.id).signoffs] == [("c2",)]


def test_only_claims_that_needed_it_are_kept_as_vouched_for(service, store, open_request, make_offer, ANNA):
    """What stands in the record stays there; nobody writes into it what they like."""
    request = open_request(document=make_offer(claims=UNSUPPORTED))

    approved = service.approve(request.id, ANNA, version=1, vouched=("c1", "c2", "Dora's private number", "c2"))

    assert approved.ruling.vouched == ("c2",)
    assert "private" not in "".join(entry.model_dump_json() for entry in store.entries())


def test_an_edit_that_brings_an_unsupported_claim_is_refused_and_kept(
    service, open_request, unchanged, make_offer, ANNA
):
    request = open_request()
    edited = make_offer(claims=UNSUPPORTED)

    with unchanged(request), pytest.raises(UnsupportedClaims, match="No source supports c2"):
        service.approve(request.id, ANNA, version=1, edited=edited)
    assert service.working_copy(request.id, ANNA).document == edited

    without = make_offer(claims=UNSUPPORTED[:1])
    assert service.approve(request.id, ANNA, version=1, edited=without).state is State.APPROVED


@pytest.mark.parametrize("act", ["reject", "return"])
def test_a_no_needs_no_examiner(store, people, clock, open_request, ANNA, act):
    service = ApprovalService(store, people, clock, None)

    assert not ACTS[act](service, open_request(), ANNA).is_open


def test_without_an_examiner_nothing_is_approved_and_what_was_typed_is_kept(
    store, people, clock, open_request, unchanged, make_offer, ANNA
):
    service, request = ApprovalService(store, people, clock, None), open_request()

    with unchanged(request):
        with pytest.raises(CannotExamine):
            service.approve(request.id, ANNA, version=1)
        with pytest.raises(CannotExamine):
            service.approve(request.id, ANNA, version=1, edited=make_offer(amount="1.00"))

    assert service.working_copy(request.id, ANNA).document == make_offer(amount="1.00")


def test_an_examiner_that_hangs_or_fails_leaves_the_request_open(
    store, people, clock, examiner, open_request, unchanged, ANNA
):
    service, request = ApprovalService(store, people, clock, examiner, examine_limit=0.05), open_request()

    examiner.hang()
    with unchanged(request), pytest.raises(CannotExamine, match=r"longer than 0\.05 seconds"):
        service.approve(request.id, ANNA, version=1)
    examiner.answer()
    examiner.failure = RuntimeError("the CRM is away")
    with unchanged(request), pytest.raises(CannotExamine, match="the CRM is away"):
        service.approve(request.id, ANNA, version=1)
    examiner.failure = None

    assert service.approve(request.id, ANNA, version=1).state is State.APPROVED


def test_a_record_that_moved_makes_a_new_version_to_decide_on(service, open_request, examiner, events, ANNA, BEN):
    request = open_request()
    examiner.world["crm:northwind"] = "v2"

    with pytest.raises(StaleDecision, match=r"crm:northwind \(was v1, is v2\)"):
        service.approve(request.id, ANNA, version=1)

    revised = service.get(request.id)
    assert (revised.version, revised.state) == (2, State.PENDING)
    assert revised.content.based_on == {"crm:northwind": "v2"}
    assert [(moved.address, moved.was, moved.now) for moved in revised.content.moved] == [("crm:northwind", "v1", "v2")]
    assert revised.content.document == request.content.document
    assert revised.content.author == "agent"
    assert standing(service, request) == []
    assert service.approve(request.id, BEN, version=2).state is State.APPROVED
    assert events() == ["request.opened", "request.revised", "request.approved"]


def test_a_record_that_moved_voids_the_signs_on_the_old_state(service, open_request, examiner, ANNA, BEN, CLEO):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)
    examiner.world["crm:northwind"] = "v2"

    with pytest.raises(StaleDecision):
        service.approve(request.id, BEN, version=1)

    assert standing(service, request) == []
    service.approve(request.id, BEN, version=2)
    assert service.approve(request.id, CLEO, version=2).state is State.APPROVED


def test_an_edit_made_while_a_record_moved_waits_on_the_new_version(
    service, open_request, examiner, make_offer, ANNA, BEN
):
    request = open_request()
    examiner.world["crm:northwind"] = "v2"

    with pytest.raises(StaleDecision):
        service.approve(request.id, ANNA, version=1, edited=make_offer(amount="1.00"))
    # Ben had the first version open too; the draft he edited is still the draft.
    with pytest.raises(StaleDecision):
        service.approve(request.id, BEN, version=1, edited=make_offer(amount="2.00"))

    assert service.get(request.id).version == 2
    assert service.working_copy(request.id, ANNA).document == make_offer(amount="1.00")
    assert service.working_copy(request.id, ANNA).version == 2
    assert service.working_copy(request.id, BEN).document == make_offer(amount="2.00")


def test_an_edit_of_a_draft_that_was_replaced_does_not_wait_on_another(service, open_request, make_offer, ANNA, WORKER):
    request = open_request()
    service.revise(request.id, WORKER, document=make_offer(title="Another"))

    with pytest.raises(StaleDecision):
        service.approve(request.id, ANNA, version=1, edited=make_offer(amount="1.00"))

    assert service.working_copy(request.id, ANNA) is None


def test_two_who_find_that_a_record_moved_make_one_new_version(service, open_request, examiner, ANNA, BEN):
    request = open_request()
    examiner.world["crm:northwind"] = "v2"

    for by in (ANNA, BEN):
        with pytest.raises(StaleDecision):
            service.approve(request.id, by, version=1)

    assert service.get(request.id).version == 2


def test_nobody_signs_what_they_were_not_shown(store, people, clock, examiner, open_request, make_offer, ANNA):
    """Between draft and click the document's class may get a new field: the examiner then reads another document."""

    class Newer:
        def examine(self, *told):
            said = examiner.examine(*told)
            return said.model_copy(update={"document": {**said.document, "currency": "EUR"}})

    request = open_request()
    service = ApprovalService(store, people, clock, Newer())

    with pytest.raises(StaleDecision, match="reads differently"):
        service.approve(request.id, ANNA, version=1)

    shown = service.get(request.id)
    assert shown.version == 2
    assert shown.content.value() == make_offer(currency="EUR")
    assert shown.content.author == "agent"
    assert service.history(request.id).rulings == ()


# -- taking back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["approve", "edit", "reject", "return"])
def test_a_decision_can_be_taken_back_and_made_again_by_another(service, open_request, clock, events, ANNA, BEN, act):
    request = open_request()
    decided = service.decide(
        request.id,
        {
            "approve": Approve(),
            "edit": Edit(document={"title": "x", "amount": "1.00"}),
            "reject": Reject(reason="no"),
            "return": Return(feedback="no"),
        }[act],
        ANNA,
        version=1,
        recall=8,
    )
    assert decided.effective_at == clock() + timedelta(seconds=8)
    clock.forward(7.9)

    recalled = service.recall(request.id, ANNA)

    assert (recalled.state, recalled.effective_at, recalled.wake_since, recalled.ruling) == (
        State.PENDING,
        None,
        None,
        None,
    )
    assert recalled == service.get(request.id)
    assert standing(service, request) == []
    assert [ruling.recalled for ruling in service.history(request.id).rulings] == [True]
    approved = service.approve(request.id, BEN, version=1)
    assert (approved.ruling.seq, approved.ruling.by) == (2, BEN)
    assert [ruling.seq for ruling in effective(service, request)] == [2]
    assert events()[-2:] == ["request.recalled", "request.approved"]


def test_who_took_it_back_can_decide_again(service, open_request, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1, recall=8)
    service.recall(request.id, ANNA)

    approved = service.approve(request.id, ANNA, version=1)

    assert approved.state is State.APPROVED
    assert standing(service, request) == ["Anna.Berg@acme.example"]


@pytest.mark.parametrize(
    ("asked", "of_the_policy", "given"), [(0, 8, 0), (5, 8, 5), (8, 8, 8), (99, 8, 8), (-3, 8, 0), (8, 0, 0)]
)
def test_the_window_is_what_was_asked_for_up_to_the_policys(
    service, open_request, clock, ANNA, asked, of_the_policy, given
):
    request = open_request(terms={"recall": of_the_policy})

    decided = service.approve(request.id, ANNA, version=1, recall=asked)

    assert decided.effective_at == clock() + timedelta(seconds=given)


def test_what_took_effect_is_not_taken_back(service, open_request, unchanged, clock, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1, recall=8)
    clock.forward(8)

    with unchanged(request), pytest.raises(TooLateToRecall):
        service.recall(request.id, ANNA)


def test_what_the_flow_took_up_is_not_taken_back(service, gatekeeper, open_request, unchanged, clock, WORKER, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1)
    gatekeeper.take_up(request.id, "run-1", WORKER)
    clock.now -= timedelta(seconds=60)  # a clock that was set back must not open the window again

    with unchanged(request), pytest.raises(TooLateToRecall):
        service.recall(request.id, ANNA)


def test_only_the_decider_takes_a_decision_back(service, open_request, unchanged, ANNA, BEN, ADA, RITA):
    request = open_request()
    service.approve(request.id, ANNA, version=1, recall=8)

    with unchanged(request):
        with pytest.raises(NotTheDecider, match=r"decided by anna\.berg@acme\.example; only they"):
            service.recall(request.id, BEN)
        for actor in (ADA, RITA, SYSTEM, Actor(kind="agent", id=ANNA.id, via="token")):
            with pytest.raises(NotPermitted):
                service.recall(request.id, actor)


def test_what_no_person_decided_is_taken_back_by_nobody(service, open_request, deadlines, clock, ANNA):
    silent = open_request(terms={"on_timeout": "reject"})
    clock.forward(days=4)
    deadlines.lapse(silent.id)

    with pytest.raises(NotTheDecider, match="decided by system:countersign"):
        service.recall(silent.id, ANNA)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 4_001])
def test_nobody_withdraws_without_a_reason_or_with_an_endless_one(service, open_request, unchanged, RITA, reason):
    request = open_request()

    with unchanged(request), pytest.raises(VerdictInvalid, match="why it is not needed"):
        service.withdraw(request.id, reason, RITA)


def test_an_open_or_withdrawn_request_is_not_taken_back(service, open_request, ANNA):
    request = open_request()
    with pytest.raises(NotActionable, match="A request that is pending cannot be recalled"):
        service.recall(request.id, ANNA)
    service.withdraw(request.id, "the run ended")
    with pytest.raises(NotActionable, match="A request that is withdrawn cannot be recalled"):
        service.recall(request.id, ANNA)


def test_recalling_under_quorum_voids_only_ones_own_sign(service, open_request, ANNA, BEN, CLEO):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)
    service.approve(request.id, BEN, version=1, recall=8)

    service.recall(request.id, BEN)

    assert standing(service, request) == ["Anna.Berg@acme.example"]
    assert service.approve(request.id, CLEO, version=1).state is State.APPROVED


# -- the machinery -----------------------------------------------------------------------------------------------


def test_a_new_draft_voids_every_sign_and_makes_a_version(service, open_request, make_offer, events, WORKER, ANNA):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1)

    revised = service.revise(request.id, WORKER, document=make_offer(title="Another"))

    assert (revised.version, revised.content.version, revised.state) == (2, 2, State.PENDING)
    assert revised.content.value() == make_offer(title="Another")
    assert standing(service, request) == []
    assert events()[-1] == "request.revised"
    assert [content.value()["title"] for content in service.history(request.id).contents] == [
        "Offer for Northwind",
        "Another",
    ]


def test_a_new_draft_after_an_edit_is_the_agents(service, open_request, make_offer, WORKER, ANNA, BEN):
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1, edited=make_offer(amount="900.00"))

    revised = service.revise(request.id, WORKER, document=make_offer(title="Another"))
    service.approve(request.id, ANNA, version=3)
    approved = service.approve(request.id, BEN, version=3)

    assert revised.content.author == "agent"
    assert not approved.ruling.edited


def test_revising_keeps_a_claim(service, open_request, ANNA):
    request = open_request()
    service.claim(request.id, ANNA)

    assert service.revise(request.id, evidence=request.content.evidence).state is State.CLAIMED


def test_a_revision_of_a_version_that_was_replaced_already_does_nothing(service, open_request, unchanged, make_offer):
    request = open_request()
    service.revise(request.id, version=1, document=make_offer(title="Another"))

    with unchanged(request):
        assert service.revise(request.id, version=1, document=make_offer(title="Third")).version == 2


def test_a_decided_request_is_not_revised(service, open_request, unchanged, make_offer, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1, recall=8)

    with unchanged(request), pytest.raises(AlreadyDecided):
        service.revise(request.id, document=make_offer(title="Another"))


def test_an_escalation_asks_others_with_time_anew(service, store, open_request, clock, ANNA, BEN, DORA):
    request = open_request(terms={**ESCALATING, "due": 3_600})
    service.claim(request.id, ANNA)
    clock.forward(3_600)

    escalated = service.escalate(request.id, due=True)

    assert (escalated.state, escalated.escalated, escalated.claimed_by) == (State.PENDING, True, None)
    assert escalated.due_at == clock() + timedelta(seconds=3_600)
    with pytest.raises(NotACandidate):
        service.approve(request.id, BEN, version=1)
    assert service.approve(request.id, DORA, version=1).state is State.APPROVED
    (entry,) = (entry for entry in store.entries() if entry.event.name == "request.escalated")
    assert entry.event.details == {"from": "claimed", "to": "pending", "groups": ["managers"]}


def test_an_escalation_voids_the_signs_before_it(service, open_request, people, ANNA, BEN, DORA):
    people.change("ben@acme.example", groups=("sales", "managers"))
    people.change("cleo@acme.example", groups=("managers",))
    request = open_request(terms={**ESCALATING, "quorum": 2})
    service.approve(request.id, BEN, version=1)

    service.escalate(request.id)

    assert standing(service, request) == []
    assert service.approve(request.id, DORA, version=1).is_open


def test_there_is_one_escalation_and_only_where_the_policy_has_one(service, open_request, unchanged, ADA):
    plain = open_request()
    with unchanged(plain), pytest.raises(NotActionable, match="nobody further"):
        service.escalate(plain.id)

    request = open_request(terms=ESCALATING)
    service.escalate(request.id, ADA)
    with unchanged(request), pytest.raises(NotActionable, match="nobody further"):
        service.escalate(request.id)


@pytest.mark.parametrize("who", ["ANNA", "DORA", "WORKER", "ROBOT"])
def test_who_may_not_administer_does_not_escalate(request, service, open_request, unchanged, who):
    asked = open_request(terms=ESCALATING)

    with unchanged(asked), pytest.raises(NotPermitted):
        service.escalate(asked.id, request.getfixturevalue(who))


def test_who_asked_takes_the_question_back(service, open_request, events, RITA, ANNA):
    request = open_request()

    withdrawn = service.withdraw(request.id, "no longer needed", RITA)

    assert (withdrawn.state, withdrawn.ruling.reason, withdrawn.ruling.by) == (
        State.WITHDRAWN,
        "no longer needed",
        RITA,
    )
    assert events() == ["request.opened", "request.withdrawn"]
    with pytest.raises(AlreadyDecided, match=r"rita@acme\.example has withdrawn this request already"):
        service.approve(request.id, ANNA, version=1)


def test_a_question_whose_run_is_gone_says_why(service, open_request, ANNA):
    request = open_request()
    service.withdraw(request.id, "the run crashed")

    with pytest.raises(AlreadyDecided, match=r"This request was withdrawn at .* UTC \(the run crashed\)"):
        service.approve(request.id, ANNA, version=1)


# -- reading -----------------------------------------------------------------------------------------------------


def test_what_concerns_nobody_here_is_not_shown(service, open_request, OMAR, ANNA):
    request = open_request()

    for act in (service.get, service.history, service.working_copy):
        with pytest.raises(NotPermitted):
            act(request.id, OMAR)
    assert service.get(request.id, ANNA) == request


def test_an_examination_decides_nothing(service, open_request, unchanged, make_offer):
    request = open_request()

    with unchanged(request):
        said = service.examine(request, make_offer(amount="5.00", claims=UNSUPPORTED))

    assert said.consequences == ("An offer over 5.00 goes out.",)
    assert said.unsupported == ("c2",)


CALLS = {
    Action.CLAIM: ACTS["claim"],
    Action.RELEASE: lambda service, request, by: service.release(request.id, by),
    Action.APPROVE: lambda service, request, by: service.approve(
        request.id,
        by,
        version=request.version,
        edited=None if "approve" in request.verdicts else {"title": "x", "amount": "1.00"},
    ),
    Action.REJECT: ACTS["reject"],
    Action.RETURN: ACTS["return"],
    Action.WITHDRAW: lambda service, request, by: service.withdraw(request.id, "why", by),
    Action.RECALL: lambda service, request, by: service.recall(request.id, by),
}

SITUATIONS = {
    "pending": lambda service, request, people: request,
    "claimed": lambda service, request, people: service.claim(request.id, people["ANNA"]),
    "claimed and signed": lambda service, request, people: [
        service.claim(request.id, people["ANNA"]),
        service.approve(request.id, people["ANNA"], version=1),
    ][-1],
    "decided, revocable": lambda service, request, people: service.reject(
        request.id, people["ANNA"], version=1, reason="no", recall=8
    ),
    "decided": lambda service, request, people: service.reject(request.id, people["ANNA"], version=1, reason="no"),
    "withdrawn": lambda service, request, people: service.withdraw(request.id, "gone"),
}


EVERYBODY = ("ANNA", "BEN", "RITA", "OMAR", "VERA", "ADA", "GONE", "ROBOT", "WORKER")
OFFERS = [("approve", "edit", "reject", "return"), ("edit", "reject"), ("approve",)]


@pytest.mark.parametrize(
    ("situation", "who", "verdicts"),
    [(situation, who, OFFERS[0]) for situation in SITUATIONS for who in EVERYBODY]
    + [("pending", who, verdicts) for who in ("ANNA", "RITA") for verdicts in OFFERS[1:]],
)
def test_what_is_offered_is_exactly_what_is_not_refused(
    request, service, open_request, unchanged, situation, who, verdicts
):
    """A button that is refused misleads; an act without a button is a way around."""
    by = request.getfixturevalue(who)
    cast = {"ANNA": request.getfixturevalue("ANNA")}

    def arranged():
        return SITUATIONS[situation](service, open_request(terms=QUORUM, verdicts=verdicts), cast)

    asked = arranged()
    offered = set(service.allowed_actions(asked, by))

    assert offered <= set(CALLS)
    for action in CALLS.keys() - offered:
        with unchanged(asked), pytest.raises((NotPermitted, NotActionable)):
            CALLS[action](service, asked, by)
    for action in offered:
        CALLS[action](service, arranged(), by)


# -- erasing -----------------------------------------------------------------------------------------------------


def test_what_was_taken_up_can_be_erased_and_the_record_still_verifies(
    service, gatekeeper, open_request, events, WORKER, ANNA, ADA
):
    request = open_request(flags=(Flag(code="price", message="Northwind is named here"),))
    service.approve(request.id, ANNA, version=1)
    gatekeeper.take_up(request.id, "run-1", WORKER)

    columns = service.erase(request.id, ADA)

    assert "content.document" in columns
    left = service.history(request.id)
    assert "Northwind" not in left.contents[0].model_dump_json()
    assert left.rulings[0].document is None
    assert left.rulings[0].sha256 == request.content.sha256
    assert events()[-1] == "request.erased"


@pytest.mark.parametrize("end", ["expired", "withdrawn"])
def test_what_was_closed_for_good_can_be_erased_though_its_run_never_came(
    service, deadlines, open_request, clock, ADA, end
):
    request = open_request()
    if end == "expired":
        clock.forward(days=9)
        deadlines.lapse(request.id)
    else:
        service.withdraw(request.id, "the run crashed")

    service.erase(request.id, ADA)

    assert "Northwind" not in service.get(request.id).model_dump_json(exclude={"run", "identity", "target"})


def test_what_the_flow_still_needs_is_not_erased(service, open_request, unchanged, ANNA, ADA):
    request = open_request()
    with unchanged(request), pytest.raises(NotActionable, match="is pending, and its flow still needs it"):
        service.erase(request.id, ADA)
    service.approve(request.id, ANNA, version=1)
    with unchanged(request), pytest.raises(NotActionable, match="is approved, and its flow still needs it"):
        service.erase(request.id, ADA)


@pytest.mark.parametrize("who", ["ANNA", "RITA", "VERA", "ROBOT", "WORKER"])
def test_only_an_administrator_erases(request, service, open_request, unchanged, who):
    asked = open_request()
    service.withdraw(asked.id, "gone")

    with unchanged(asked), pytest.raises(NotPermitted):
        service.erase(asked.id, request.getfixturevalue(who))


# -- the record --------------------------------------------------------------------------------------------------


def test_the_record_holds_no_content(service, store, gatekeeper, open_request, make_offer, WORKER, ANNA, BEN):
    secret = "a sentence that nobody else uses"
    edited = make_offer(title=secret)
    request = open_request(terms=QUORUM)
    service.approve(request.id, ANNA, version=1, edited=edited)
    service.approve(request.id, BEN, version=2)
    gatekeeper.take_up(request.id, "run-1", WORKER)
    service.reject(open_request().id, ANNA, version=1, reason=secret)
    service.send_back(open_request().id, ANNA, version=1, feedback=secret)
    service.withdraw(open_request().id, secret)

    told = "".join(entry.model_dump_json() for entry in store.entries())

    assert secret not in told
    assert digest(canonical({**edited})) in told


def test_every_entry_names_who_and_how(service, store, open_request, ANNA):
    by_token = ANNA.model_copy(update={"via": "token"})
    request = open_request()

    service.claim(request.id, ANNA)
    service.approve(request.id, by_token, version=1)

    told = [(e.event.name, e.event.actor_kind, e.event.actor, e.event.via, e.event.request_id) for e in store.entries()]
    assert told == [
        ("request.opened", "worker", "outreach", "flow", request.id),
        ("request.claimed", "person", ANNA.id, "session", request.id),
        ("request.approved", "person", ANNA.id, "token", request.id),
    ]


def test_no_act_takes_a_request_by_default_for_a_person():
    """The machinery's acts default to SYSTEM; a verdict always says whose it is."""
    for name in (
        "claim",
        "release",
        "approve",
        "reject",
        "send_back",
        "recall",
        "decide",
        "save_working_copy",
        "erase",
    ):
        by = inspect.signature(getattr(ApprovalService, name)).parameters["by"]
        assert by.default is inspect.Parameter.empty


def test_a_token_without_the_scope_decides_nothing(service, open_request, unchanged, ANNA):
    request = open_request()
    reader = ANNA.model_copy(update={"via": "token", "scopes": frozenset({"read"})})

    with unchanged(request):
        for act in ACTS.values():
            with pytest.raises(OutOfScope):
                act(service, request, reader)


def test_drafts_signed_together_are_all_signed_or_none(service, open_request, unchanged, ANNA, BEN):
    first, second = open_request(title="first"), open_request(title="second")
    service.claim(second.id, BEN)
    claimed = service.get(second.id)

    with unchanged(first), unchanged(claimed), pytest.raises(ClaimedBySomeoneElse):
        service.approve_all([(first.id, 1), (second.id, 1)], ANNA)

    assert [one.state for one in service.approve_all([(first.id, 1)], ANNA)] == [State.APPROVED]


def test_what_was_typed_is_forgotten_on_request_and_only_ones_own(service, open_request, make_offer, ANNA, BEN):
    request = open_request()
    for person in (ANNA, BEN):
        service.save_working_copy(request.id, make_offer(amount="1.00"), person, version=1)

    service.discard_working_copy(request.id, ANNA)
    service.discard_working_copy(request.id, ANNA)

    assert service.working_copy(request.id, ANNA) is None
    assert service.working_copy(request.id, BEN) is not None
