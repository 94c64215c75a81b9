"""The flow's side: opening, taking up, and permits that fit one document, one action and one run, once."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from approvals.canonical import canonical
from approvals.decisions import PermitSlip
from approvals.errors import (
    CannotActOnOwnRequest,
    CannotExamine,
    DocumentInvalid,
    NoPermit,
    NotCanonical,
    NotFound,
    OutOfScope,
    Overtaken,
    PermitInUse,
    PolicyError,
    StaleDecision,
)
from approvals.gatekeeping import Gatekeeper
from approvals.lifecycle import State
from approvals.permits import Grant, PermitState, Used
from approvals.requests import Flag

FLAGGED = {"ask_when": "flagged"}
UNSUPPORTED = [{"id": "c2", "text": "They love us."}]
WARNING = Flag(code="price", message="below the list price")


@pytest.fixture
def gate_events(events):
    """The record without what opening a request writes."""
    return lambda: [name for name in events() if name != "request.opened"]


# -- before the first line ---------------------------------------------------------------------------------------


def test_usable_terms_pass(gatekeeper, policies):
    policies.set("brief", **FLAGGED)

    gatekeeper.check(["offer", "brief"], "rita@acme.example")


@pytest.mark.parametrize(
    ("terms", "requester", "sentence"),
    [
        ({"groups": ["support"]}, "rita@acme.example", "nobody active is in there"),
        ({"groups": ["finance"]}, "omar@acme.example", "holds 0 who may besides the requester"),
        ({"quorum": 4}, "rita@acme.example", "needs 4 to sign"),
    ],
)
def test_terms_that_would_leave_a_run_waiting_are_refused(gatekeeper, policies, terms, requester, sentence):
    policies.set("offer", **terms)

    with pytest.raises(PolicyError, match=sentence):
        gatekeeper.check(["offer"], requester)


def test_an_unknown_policy_is_refused_with_the_nearest(gatekeeper, propose, events, WORKER):
    with pytest.raises(
        PolicyError, match=r"There is no policy 'ofer' in policies.toml \(it has: offer\). Did you mean 'offer'"
    ):
        gatekeeper.check(["offer", "ofer"], "rita@acme.example")
    with pytest.raises(PolicyError):
        gatekeeper.open(propose(policy="ofer"), WORKER)

    assert events() == []


# -- opening -----------------------------------------------------------------------------------------------------


def test_a_request_opens_with_the_terms_as_they_read_now(gatekeeper, policies, propose, clock, events, WORKER):
    policy = policies.set("offer", due="2h", priority="high")

    request = gatekeeper.open(propose(), WORKER)

    assert request == gatekeeper.get(request.id)
    assert (request.state, request.version, request.revision) == (State.PENDING, 1, 1)
    assert (request.policy, request.priority) == (policy, "high")
    assert (request.opened_at, request.due_at) == (clock(), clock() + timedelta(hours=2))
    assert (request.action, request.target) == ("offer.send", "mail://northwind.example")
    assert request.content.evidence.findings[0].support == "supported"
    assert events() == ["request.opened"]


def test_the_first_draft_wins(gatekeeper, propose, make_offer, events, WORKER):
    first = gatekeeper.open(propose(), WORKER)

    again = gatekeeper.open(propose(document=make_offer(title="Worded differently"), title="Other"), WORKER)

    assert again == first
    assert events() == ["request.opened"]


def test_opening_again_needs_neither_policy_nor_examiner(
    gatekeeper, policies, propose, examiner, WORKER, ANNA, service
):
    first = gatekeeper.open(propose(), WORKER)
    service.approve(first.id, ANNA, version=1)
    policies.remove("offer")
    examiner.failure = RuntimeError("away")

    assert gatekeeper.open(propose(), WORKER).state is State.APPROVED


def test_of_two_processes_that_open_at_once_one_wins(
    gatekeeper, ledger, people, policies, examiner, propose, make_offer, events, WORKER
):
    class Interrupted:
        def examine(self, *told):
            opened.append(gatekeeper.open(propose(), WORKER))
            return examiner.examine(*told)

    opened = []
    late = Gatekeeper(ledger, people, policies, Interrupted())

    request = late.open(propose(document=make_offer(title="Worded differently")), WORKER)

    assert [request] == opened
    assert events() == ["request.opened"]


@pytest.mark.parametrize("other", [{"run": "run-2"}, {"key": "blue-harbour"}, {"nth": 2}, {"succession": 1}], ids=repr)
def test_another_identity_is_another_request(gatekeeper, propose, events, WORKER, other):
    first = gatekeeper.open(propose(), WORKER)

    assert gatekeeper.open(propose(**other), WORKER).id != first.id
    assert events() == ["request.opened"] * 2


def test_every_request_of_a_key_is_found_in_order(gatekeeper, propose, WORKER):
    gatekeeper.open(propose(nth=2), WORKER)
    gatekeeper.open(propose(succession=1), WORKER)
    gatekeeper.open(propose(), WORKER)
    gatekeeper.open(propose(key="other"), WORKER)

    found = gatekeeper.of_key("run-1", "offer", "northwind")

    assert [(one.identity.round, one.identity.succession) for one in found] == [(1, 0), (1, 1), (2, 0)]


def test_a_request_keeps_the_terms_it_opened_under(gatekeeper, policies, propose, service, RITA, WORKER):
    first = gatekeeper.open(propose(), WORKER)
    policies.set("offer", separation_of_duties=False)
    second = gatekeeper.open(propose(key="later"), WORKER)

    with pytest.raises(CannotActOnOwnRequest):
        service.approve(first.id, RITA, version=1)
    assert service.approve(second.id, RITA, version=1).state is State.APPROVED
    assert first.policy.version != second.policy.version


def test_a_draft_that_does_not_fit_its_class_does_not_open(gatekeeper, propose, events, WORKER):
    with pytest.raises(DocumentInvalid) as refusal:
        gatekeeper.open(propose(document={"title": "x"}), WORKER)

    assert [error.path for error in refusal.value.errors] == ["amount"]
    assert events() == []


def test_a_draft_with_no_canonical_form_does_not_open(gatekeeper, propose, events, WORKER):
    with pytest.raises(NotCanonical):
        gatekeeper.open(propose(document={"title": "x", "amount": float("nan")}), WORKER)

    assert events() == []


def test_what_is_stored_is_the_settled_form_of_the_draft(gatekeeper, propose, make_offer, WORKER):
    request = gatekeeper.open(propose(document={"amount": "1200.00", "title": "  Offer  "}), WORKER)

    assert request.content.document == canonical(make_offer(title="Offer", claims=[]))


def test_without_an_examiner_it_opens_and_waits_for_one(ledger, people, policies, propose, service, WORKER, ANNA):
    request = Gatekeeper(ledger, people, policies).open(propose(), WORKER)

    assert request.is_open
    assert service.approve(request.id, ANNA, version=1).state is State.APPROVED


def test_what_nobody_settled_at_opening_is_shown_settled_before_it_is_signed(
    ledger, people, policies, propose, service, make_offer, WORKER, ANNA
):
    request = Gatekeeper(ledger, people, policies).open(propose(document={"amount": "5.00", "title": " x "}), WORKER)

    with pytest.raises(StaleDecision):
        service.approve(request.id, ANNA, version=1)

    approved = service.approve(request.id, ANNA, version=2)
    assert json.loads(approved.ruling.document) == make_offer(title="x", amount="5.00", claims=[])
    assert not approved.ruling.edited


# -- letting through ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags", [(), (Flag(code="note", message="a returning customer", severity="info"),)], ids=["none", "info"]
)
def test_where_nothing_is_flagged_the_policy_lets_it_through_and_says_so(open_request, clock, service, events, flags):
    request = open_request(terms=FLAGGED, flags=flags)

    assert request.state is State.APPROVED
    ruling = request.ruling
    assert ruling.rule == "ask_when = flagged, and nothing was flagged"
    assert (ruling.by.kind, ruling.by.id, ruling.by.via) == ("policy", f"offer@{request.policy.version}", "policy")
    assert (ruling.document, ruling.sha256) == (request.content.document, request.content.sha256)
    assert ruling.effective_at == request.wake_since == clock()
    assert service.history(request.id).signoffs == ()
    assert events() == ["request.opened", "request.approved"]


@pytest.mark.parametrize("what", ["flagged", "unsupported", "moved", "unchecked", "always"])
def test_anything_in_doubt_is_asked_whatever_the_policy_lets_through(open_request, examiner, make_offer, events, what):
    terms = {} if what == "always" else FLAGGED
    proposed = {
        "flagged": {"flags": (WARNING,)},
        "unsupported": {"document": make_offer(claims=UNSUPPORTED)},
    }.get(what, {})
    if what == "moved":
        examiner.world["crm:northwind"] = "v2"
    elif what == "unchecked":
        examiner.failure = CannotExamine("The CRM is away.")

    request = open_request(terms=terms, **proposed)

    assert request.is_open
    assert events() == ["request.opened"]


# -- waiting -----------------------------------------------------------------------------------------------------


def test_each_suspension_has_a_number(gatekeeper, open_request, gate_events):
    request = open_request()

    assert [gatekeeper.suspending(request.id) for _ in range(3)] == [1, 2, 3]
    assert gatekeeper.get(request.id).attempt == 3
    assert gate_events() == []


def test_there_is_no_need_to_suspend_once_an_answer_counts(gatekeeper, service, open_request, clock, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1, recall=8)

    assert gatekeeper.suspending(request.id) == 1
    assert not gatekeeper.counts(gatekeeper.get(request.id))
    clock.forward(8)
    assert gatekeeper.suspending(request.id) is None
    assert gatekeeper.counts(gatekeeper.get(request.id))
    assert gatekeeper.get(request.id).attempt == 1


def test_a_live_process_keeps_its_lease_on_what_its_run_waits_for(
    gatekeeper, service, open_request, propose, clock, gate_events, WORKER, ANNA
):
    waiting, decided, taken = open_request(), open_request(), open_request()
    other = open_request(run="run-2")
    service.approve(decided.id, ANNA, version=1, recall=8)
    service.approve(taken.id, ANNA, version=1)
    gatekeeper.take_up(taken.id, "run-1", WORKER)
    before = gate_events()

    assert gatekeeper.keep_alive("run-1", "host:42", 10) == 2

    for one in (waiting, decided):
        held = gatekeeper.get(one.id)
        assert (held.holder, held.held_until) == ("host:42", clock() + timedelta(seconds=10))
    assert gatekeeper.get(taken.id).holder is None
    assert gatekeeper.get(other.id).holder is None
    assert gate_events() == before


def test_suspending_ends_the_lease(gatekeeper, open_request):
    request = open_request()
    gatekeeper.keep_alive("run-1", "host:42", 10)

    gatekeeper.suspending(request.id)

    assert (gatekeeper.get(request.id).holder, gatekeeper.get(request.id).held_until) == (None, None)


def test_a_heartbeat_does_not_make_a_reviewers_page_stale(gatekeeper, service, open_request, ANNA):
    request = open_request()
    gatekeeper.keep_alive("run-1", "host:42", 10)
    gatekeeper.suspending(request.id)

    assert service.approve(request.id, ANNA, version=request.version).state is State.APPROVED


def test_a_run_that_was_woken_by_hand_is_recorded_and_decides_nothing(
    gatekeeper, service, open_request, gate_events, WORKER, ANNA
):
    request = open_request()

    gatekeeper.woken(request.id, WORKER)

    assert gatekeeper.get(request.id) == request
    assert gate_events() == ["run.woken"]
    service.approve(request.id, ANNA, version=1)
    gatekeeper.woken(request.id, WORKER)
    assert gate_events() == ["run.woken", "request.approved"]


# -- taking up ---------------------------------------------------------------------------------------------------


def test_an_open_request_has_no_answer(gatekeeper, open_request, unchanged, WORKER):
    request = open_request()

    with unchanged(request):
        assert gatekeeper.take_up(request.id, "run-1", WORKER) is None


def test_an_answer_counts_from_its_moment_on_and_not_before(
    gatekeeper, service, open_request, unchanged, clock, WORKER, ANNA
):
    request = open_request()
    service.approve(request.id, ANNA, version=1, recall=8)
    clock.forward(7.999)
    with unchanged(request):
        assert gatekeeper.take_up(request.id, "run-1", WORKER) is None

    clock.forward(0.001)
    answer = gatekeeper.take_up(request.id, "run-1", WORKER)

    assert answer.request.taken_up_at == clock()
    assert answer.request.wake_since is None


def test_an_approval_is_taken_up_once_and_mints_one_permit(
    gatekeeper, service, open_request, clock, gate_events, WORKER, ANNA
):
    request = open_request()
    approved = service.approve(request.id, ANNA, version=1)

    first = gatekeeper.take_up(request.id, "run-1", WORKER)
    clock.forward(60)
    again = gatekeeper.take_up(request.id, "run-1", WORKER)

    assert again == first
    permit = first.permit
    assert (permit.state, permit.fence, permit.request_id, permit.run_id) == (
        PermitState.MINTED,
        0,
        request.id,
        "run-1",
    )
    assert (permit.action, permit.target) == (request.action, request.target)
    assert permit.sha256 == approved.ruling.sha256
    assert (permit.policy, permit.policy_version) == ("offer", request.policy.version)
    assert gate_events() == ["request.approved", "request.taken_up"]


def test_the_permit_is_for_the_edited_document(gatekeeper, service, open_request, make_offer, WORKER, ANNA):
    request = open_request()
    approved = service.approve(request.id, ANNA, version=1, edited=make_offer(amount="900.00"))

    answer = gatekeeper.take_up(request.id, "run-1", WORKER)

    assert answer.permit.sha256 == approved.ruling.sha256 != request.content.sha256


@pytest.mark.parametrize("what", ["reject", "return", "withdraw", "no action", "refused by the flow"])
def test_what_allows_nothing_mints_no_permit(gatekeeper, service, store, open_request, WORKER, ANNA, what):
    request = open_request(**({"action": None, "target": None} if what == "no action" else {}))
    if what == "reject":
        service.reject(request.id, ANNA, version=1, reason="no")
    elif what == "return":
        service.send_back(request.id, ANNA, version=1, feedback="no")
    elif what == "withdraw":
        service.withdraw(request.id, "gone")
    else:
        service.approve(request.id, ANNA, version=1)

    answer = gatekeeper.take_up(request.id, "run-1", WORKER, mint=what != "refused by the flow")
    again = gatekeeper.take_up(request.id, "run-1", WORKER)

    assert answer.permit is None
    assert again == answer
    with store.read() as transaction:
        assert transaction.permit_of(request.id) is None


def test_another_run_takes_nothing_up(gatekeeper, service, open_request, unchanged, WORKER, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1)

    with unchanged(request), pytest.raises(OutOfScope, match="is not this run's"):
        gatekeeper.take_up(request.id, "run-2", WORKER)


def test_what_was_let_through_by_policy_mints_a_permit_too(gatekeeper, open_request, WORKER):
    answer = gatekeeper.take_up(open_request(terms=FLAGGED).id, "run-1", WORKER)

    assert answer.permit is not None


# -- permits -----------------------------------------------------------------------------------------------------


@pytest.fixture
def permit(gatekeeper, service, open_request, WORKER, ANNA):
    request = open_request()
    service.approve(request.id, ANNA, version=1)
    return gatekeeper.take_up(request.id, "run-1", WORKER).permit


@pytest.fixture
def redeem(gatekeeper, permit, WORKER):
    """Redeem the permit as its run does, but for what is changed."""

    def act(**changed):
        usual = {
            "action": permit.action,
            "target": permit.target,
            "sha256": permit.sha256,
            "run": permit.run_id,
            "holder": "host:1",
            "lease": 30,
        }
        slip = changed.pop("slip", permit.slip)
        return gatekeeper.effects.redeem(slip, WORKER, **{**usual, **changed})

    return act


@pytest.fixture
def now_is(store, permit):
    """The permit as it stands."""

    def read():
        with store.read() as transaction:
            return transaction.permit(permit.id)

    return read


def test_a_permit_leaves_to_carry_out_what_was_signed(redeem, now_is, permit, clock, events):
    grant = redeem()

    until = clock() + timedelta(seconds=30)
    assert grant == Grant(permit_id=permit.id, fence=1, lease_until=until, repeated=False)
    assert (now_is().state, now_is().holder, now_is().lease_until) == (PermitState.IN_USE, "host:1", until)
    assert events()[-1] == "permit.taken"


MISMATCHES = [
    ({"slip": None}, "was called without a permit. Put a gate before it."),
    ({"action": "crm.update"}, "The permit allows 'offer.send', not 'crm.update'."),
    (
        {"target": "mail://blue-harbour.example"},
        "The permit is for 'mail://northwind.example', not for 'mail://blue-harbour",
    ),
    ({"run": "run-2"}, "The permit was signed for another run."),
    ({"sha256": "0" * 64}, "The document is not the one that was signed"),
]


@pytest.mark.parametrize(("changed", "sentence"), MISMATCHES, ids=[next(iter(one)) for one, _ in MISMATCHES])
def test_anything_but_what_was_signed_is_refused_and_recorded(redeem, now_is, permit, store, changed, sentence):
    with pytest.raises(NoPermit, match=sentence):
        redeem(**changed)

    assert now_is() == permit
    *_, last = store.entries()
    assert last.event.name == "effect.refused"
    assert last.event.details["permit"] == (None if "slip" in changed else permit.id)


def test_a_slip_made_up_by_hand_is_worth_nothing(redeem, now_is, permit, events):
    """Only the row counts: what the slip says of itself is not read."""
    forged = PermitSlip("NOSUCHPERMIT", permit.action, permit.target, permit.sha256, permit.request_id, "run-1")
    with pytest.raises(NoPermit):
        redeem(slip=forged)

    widened = PermitSlip(permit.id, "crm.delete", "crm://", "0" * 64, permit.request_id, "run-2")
    with pytest.raises(NoPermit):
        redeem(slip=widened, action="crm.delete", target="crm://", sha256="0" * 64, run="run-2")

    assert now_is() == permit
    assert events()[-2:] == ["effect.refused"] * 2


def test_a_used_permit_is_held_against_the_document_too(redeem, gatekeeper, permit, WORKER):
    gatekeeper.effects.settle(permit.id, redeem().fence, {"sent": 1}, WORKER)

    with pytest.raises(NoPermit):
        redeem(sha256="0" * 64)


def test_a_second_process_waits_while_the_lease_runs(redeem, now_is, clock, unchanged):
    redeem()
    before = now_is()
    clock.forward(29.9)

    with pytest.raises(PermitInUse, match=r"\(host:1\) is carrying this out; its lease runs until 12:00:30 UTC"):
        redeem(holder="host:2")

    assert now_is() == before


def test_after_the_lease_the_next_is_told_that_somebody_may_have_begun(redeem, clock):
    redeem()
    clock.forward(30)

    second = redeem(holder="host:2")

    assert (second.fence, second.repeated) == (2, True)


def test_the_same_process_may_begin_again_and_is_told_so(redeem):
    redeem()

    again = redeem()

    assert (again.fence, again.repeated) == (2, True)


def test_a_late_process_settles_nothing(redeem, gatekeeper, now_is, permit, clock, WORKER):
    first = redeem()
    clock.forward(30)
    second = redeem(holder="host:2")

    with pytest.raises(Overtaken, match="not yours now"):
        gatekeeper.effects.settle(permit.id, first.fence, {"sent": "late"}, WORKER)
    assert not gatekeeper.effects.keep(permit.id, first.fence, 30)
    gatekeeper.effects.let_go(permit.id, first.fence)

    assert (now_is().state, now_is().holder) == (PermitState.IN_USE, "host:2")
    assert gatekeeper.effects.settle(permit.id, second.fence, {"sent": 1}, WORKER) == '{"sent":1}'


def test_who_was_late_but_was_not_followed_may_settle(redeem, gatekeeper, permit, clock, WORKER):
    grant = redeem()
    clock.forward(600)

    assert gatekeeper.effects.settle(permit.id, grant.fence, {"sent": 1}, WORKER) == '{"sent":1}'


@pytest.mark.parametrize("fence", [0, 1])
def test_what_nobody_redeemed_is_not_settled(gatekeeper, now_is, permit, events, WORKER, fence):
    before = events()

    with pytest.raises(Overtaken):
        gatekeeper.effects.settle(permit.id, fence, {"sent": 1}, WORKER)

    assert now_is() == permit
    assert events() == before
    assert not gatekeeper.effects.keep(permit.id, fence, 30)


def test_what_was_done_is_done_once(redeem, gatekeeper, now_is, permit, clock, events, WORKER):
    grant = redeem()
    clock.forward(3)
    gatekeeper.effects.settle(permit.id, grant.fence, {"sent": 1}, WORKER)
    recorded = events()

    assert redeem(holder="host:2") == Used(permit_id=permit.id, receipt='{"sent":1}')
    assert gatekeeper.effects.settle(permit.id, grant.fence, {"sent": 2}, WORKER) == '{"sent":1}'
    assert not gatekeeper.effects.keep(permit.id, grant.fence, 30)
    gatekeeper.effects.let_go(permit.id, grant.fence)

    used = now_is()
    assert (used.state, used.receipt, used.used_at, used.holder) == (PermitState.USED, '{"sent":1}', clock(), None)
    assert events() == recorded
    assert recorded[-1] == "permit.used"


def test_a_lease_can_be_kept(redeem, gatekeeper, permit, clock):
    grant = redeem()
    clock.forward(20)

    assert gatekeeper.effects.keep(permit.id, grant.fence, 30)

    clock.forward(20)
    with pytest.raises(PermitInUse):
        redeem(holder="host:2")


def test_a_lease_let_go_lets_the_next_begin_at_once(redeem, gatekeeper, permit):
    grant = redeem()

    gatekeeper.effects.let_go(permit.id, grant.fence)

    assert redeem(holder="host:2").repeated


def test_what_is_no_permit_is_neither_kept_nor_settled(gatekeeper, WORKER):
    assert not gatekeeper.effects.keep("NOSUCH", 1, 30)
    gatekeeper.effects.let_go("NOSUCH", 1)
    with pytest.raises(NotFound, match="There is no permit 'NOSUCH'"):
        gatekeeper.effects.settle("NOSUCH", 1, {}, WORKER)


def test_a_receipt_without_a_canonical_form_leaves_the_permit_in_use(redeem, gatekeeper, now_is, permit, WORKER):
    grant = redeem()

    with pytest.raises(NotCanonical):
        gatekeeper.effects.settle(permit.id, grant.fence, {"share": float("nan")}, WORKER)

    assert now_is().state is PermitState.IN_USE


def test_nothing_is_done_again_because_its_receipt_was_erased(redeem, gatekeeper, service, now_is, permit, WORKER, ADA):
    gatekeeper.effects.settle(permit.id, redeem().fence, {"sent": 1}, WORKER)
    service.erase(permit.request_id, ADA)

    with pytest.raises(NoPermit, match="erased since; it is not done again"):
        redeem(holder="host:2")

    assert (now_is().state, now_is().receipt) == (PermitState.USED, None)


def test_the_permit_of_one_request_does_not_serve_another_of_the_same_run(
    redeem, gatekeeper, service, open_request, make_offer, WORKER, ANNA
):
    other = open_request(document=make_offer(title="Another"))
    service.approve(other.id, ANNA, version=1)
    answer = gatekeeper.take_up(other.id, "run-1", WORKER)

    with pytest.raises(NoPermit, match="not the one that was signed"):
        redeem(slip=answer.permit.slip)
