"""Signed links: what one says, that nobody can change it, and that it reaches one request and nothing else."""

from __future__ import annotations

import base64
import json
import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.decisions import Approve, Edit, Reject
from approvals.errors import (
    AlreadyDecided,
    LinkExpired,
    LinkInvalid,
    LinkKeyError,
    LinkTooWeak,
    LinkUsed,
    NotPermitted,
    NotTheDecider,
    OutOfScope,
    StaleDecision,
    UnsupportedClaims,
    VerdictInvalid,
)
from approvals.lifecycle import Action
from approvals.links import Links
from approvals.reading import Reading
from approvals.requests import Flag
from approvals.store import open_store

ANNA = "Anna.Berg@acme.example"
KEYS = (b"the newest key of these tests, thirty-two and more", b"the key before that one, also long enough")


@pytest.fixture
def harmless(open_request):
    return open_request()


@pytest.fixture
def linked(links):
    """Whoever comes by a link: `linked(request)`."""

    def actor(request, person=ANNA, *, signed_in=False, **terms):
        return links.actor(links.read(links.make(request, person, **terms)), signed_in=signed_in)

    return actor


# -- what it says ------------------------------------------------------------------------------------------------


def test_a_link_says_whom_it_is_for_and_what_it_reaches(links, harmless, clock):
    link = links.read(links.make(harmless, ANNA))

    assert (link.request_id, link.version, link.person) == (harmless.id, harmless.version, ANNA)
    assert link.actions == {Action.APPROVE, Action.REJECT, Action.RETURN}
    assert link.expires_at == clock.now + timedelta(hours=72)


def test_a_link_is_short_and_fits_an_address(links, harmless):
    token = links.make(harmless, ANNA)

    assert len(token) < 220
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_no_link_lasts_longer_than_72_hours(harmless, clock):
    links = Links(lambda: KEYS, clock, lasts=timedelta(days=30))

    assert links.read(links.make(harmless, ANNA)).expires_at == clock.now + timedelta(hours=72)


def test_each_link_is_another_unless_it_is_for_the_same_occasion(links, harmless, clock):
    at = clock.now
    first = links.make(harmless, ANNA, occasion="evt_1", at=at)
    clock.forward(hours=3)

    assert links.make(harmless, ANNA, occasion="evt_1", at=at) == first
    assert links.make(harmless, ANNA, occasion="evt_2", at=at) != first
    assert links.make(harmless, "ben@acme.example", occasion="evt_1", at=at) != first
    assert links.make(harmless, ANNA) != links.make(harmless, ANNA)


# -- nobody can change it ----------------------------------------------------------------------------------------


def test_no_single_character_can_be_another(links, harmless):
    token = links.make(harmless, ANNA)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []

    for place, was in enumerate(token):
        # The neighbour in the alphabet differs in the last bit, which is where base64 has bits to spare.
        others = {"." if was != "." else "-", "=", "\x00", "é", alphabet[(alphabet.find(was) ^ 1) % 64], "A", "0"}
        for other in others - {was}:
            try:
                links.read(token[:place] + other + token[place + 1 :])
            except LinkInvalid:
                continue
            accepted.append((place, other))

    assert accepted == []


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: [claims[0], claims[1] + 1, *claims[2:]],
        lambda claims: ["AAAAAAAAAA", *claims[1:]],
        lambda claims: [*claims[:2], "ben@acme.example", *claims[3:]],
        lambda claims: [*claims[:3], "a", *claims[4:]],
        lambda claims: [*claims[:4], claims[4] + 3600, claims[5]],
        lambda claims: [*claims[:5], "another-nonce"],
        lambda claims: claims[:5],
        lambda claims: [*claims, "more"],
    ],
)
def test_no_claim_can_be_another(links, harmless, change):
    name, claims, signature = links.make(harmless, ANNA).split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = base64.urlsafe_b64encode(json.dumps(change(said)).encode()).decode().rstrip("=")

    with pytest.raises(LinkInvalid):
        links.read(f"{name}.{other}.{signature}")


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.upper(),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.rpartition(".")[0],
        lambda token: f"{token}.{token}",
        lambda token: "00000000" + token[8:],
        lambda token: "A" * 100_000,
    ],
)
def test_what_was_cut_off_or_added_to_is_no_link(links, harmless, change):
    with pytest.raises(LinkInvalid):
        links.read(change(links.make(harmless, ANNA)))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.one_of(st.text(max_size=400), st.from_regex(r"[0-9a-f]{8}\.[A-Za-z0-9_-]{16,90}\.[A-Za-z0-9_-]{43}")))
def test_nothing_that_somebody_makes_up_is_a_link(links, token):
    with pytest.raises(LinkInvalid):
        links.read(token)


def test_what_signs_forms_signs_no_link(links, harmless):
    link = links.read(links.make(harmless, ANNA))

    assert links.form_secret(link) not in links.make(harmless, ANNA)
    with pytest.raises(LinkInvalid):
        links.read(f"{link.key}.{'A' * 40}.{links.form_secret(link)}")


# -- keys --------------------------------------------------------------------------------------------------------


def test_a_link_of_the_key_before_still_counts_and_a_new_one_has_the_new_key(harmless, clock):
    before, now = Links(lambda: KEYS[1:], clock), Links(lambda: KEYS, clock)
    old, new = before.make(harmless, ANNA), now.make(harmless, ANNA)

    assert now.read(old).person == ANNA
    assert now.read(new).key != now.read(old).key
    assert now.form_secret(now.read(old)) == before.form_secret(before.read(old))
    with pytest.raises(LinkInvalid):
        before.read(new)


def test_a_key_that_was_taken_out_ends_its_links(harmless, clock):
    old = Links(lambda: KEYS[1:], clock).make(harmless, ANNA)

    with pytest.raises(LinkInvalid, match="no longer in use"):
        Links(lambda: KEYS[:1], clock).read(old)


def test_without_a_key_no_link_is_made(harmless, clock):
    with pytest.raises(LinkKeyError):
        Links(tuple, clock).make(harmless, ANNA)


# -- what it reaches ---------------------------------------------------------------------------------------------


def test_a_link_decides_its_request_and_the_record_says_by_what(service, linked, harmless, store):
    approved = service.decide(harmless.id, Approve(), linked(harmless), version=1, recall=8)

    assert approved.state == "approved"
    assert (approved.ruling.by.id, approved.ruling.by.via, approved.ruling.by.grant) == (ANNA, "link", None)
    (entry,) = (one for one in store.entries() if one.event.name == "request.approved")
    assert entry.event.via == "link"
    assert len(entry.event.details["link"]) == 16
    assert service.get(harmless.id) == approved


def test_a_link_decides_once(service, linked, open_request, store):
    asked = open_request(terms={"quorum": 2})
    actor = linked(asked)
    service.decide(asked.id, Approve(), actor, version=1)

    with pytest.raises(LinkUsed):
        service.decide(asked.id, Reject(reason="No, after all."), actor, version=1)
    assert service.get(asked.id).is_open


def test_a_decision_taken_back_gives_the_link_back(service, linked, harmless, unchanged):
    actor = linked(harmless)
    service.decide(harmless.id, Approve(), actor, version=1, recall=8)
    service.recall(harmless.id, actor)

    decided = service.decide(harmless.id, Reject(reason="The price."), actor, version=1)

    assert decided.state == "rejected"


@pytest.mark.parametrize(
    ("refused", "act"),
    [
        (StaleDecision, lambda service, id_, actor: service.approve(id_, actor, version=7)),
        (VerdictInvalid, lambda service, id_, actor: service.reject(id_, actor, version=1, reason=" ")),
        (VerdictInvalid, lambda service, id_, actor: service.send_back(id_, actor, version=1, feedback="")),
        (OutOfScope, lambda service, id_, actor: service.decide(id_, Edit(document={}), actor, version=1)),
        (OutOfScope, lambda service, id_, actor: service.claim(id_, actor)),
    ],
)
def test_what_is_refused_uses_no_link_up(service, linked, harmless, unchanged, refused, act):
    actor = linked(harmless)

    with unchanged(harmless), pytest.raises(refused):
        act(service, harmless.id, actor)

    assert service.decide(harmless.id, Approve(), actor, version=1).state == "approved"


def test_a_refusal_by_the_examiner_uses_no_link_up(service, linked, open_request, examiner, make_offer):
    asked = open_request(document=make_offer(claims=[{"id": "c1", "text": "Nobody says so."}]))
    actor = linked(asked, signed_in=True)

    with pytest.raises(UnsupportedClaims):
        service.approve(asked.id, actor, version=asked.version)

    assert service.reject(asked.id, actor, version=asked.version, reason="No source.").state == "rejected"


@pytest.mark.parametrize(
    "act",
    [
        lambda service, request, actor: service.claim(request.id, actor),
        lambda service, request, actor: service.release(request.id, actor),
        lambda service, request, actor: service.withdraw(request.id, "no", actor),
        lambda service, request, actor: service.escalate(request.id, actor),
        lambda service, request, actor: service.erase(request.id, actor),
        lambda service, request, actor: service.revise(request.id, actor, document={}),
        lambda service, request, actor: service.save_working_copy(request.id, {}, actor, version=1),
        lambda service, request, actor: service.approve(request.id, actor, version=1, edited={}),
        lambda service, request, actor: service.authority.check_admin(actor),
        lambda service, request, actor: service.comment(request.id, "Hello.", actor),
        lambda service, request, actor: service.snooze(request.id, actor, request.due_at),
        lambda service, request, actor: Reading(service).page(actor),
        lambda service, request, actor: Reading(service).visible(request.id, actor),
    ],
)
@pytest.mark.parametrize("person", [ANNA, "ada@acme.example", "rita@acme.example"])
def test_a_link_does_nothing_besides_deciding_whoever_its_person_is(
    service, linked, open_request, unchanged, act, person
):
    asked = open_request({"escalate_to": ("managers",), "on_timeout": "escalate"})
    actor = linked(asked, person)

    with unchanged(asked), pytest.raises(NotPermitted):
        act(service, asked, actor)


def test_a_link_reaches_no_other_request(service, linked, open_request, unchanged):
    asked, other = open_request(), open_request()
    actor = linked(asked)

    with unchanged(other):
        for act in (
            lambda: service.get(other.id, actor),
            lambda: service.approve(other.id, actor, version=1),
            lambda: service.reject(other.id, actor, version=1, reason="no"),
        ):
            with pytest.raises(OutOfScope, match="another request"):
                act()


def test_who_says_they_come_by_a_link_and_shows_none_reaches_nothing(service, harmless, ANNA):
    with pytest.raises(OutOfScope):
        service.get(harmless.id, ANNA.model_copy(update={"via": "link"}))


def test_a_link_offers_the_verdicts_and_nothing_else(service, linked, harmless):
    assert set(service.allowed_actions(harmless, linked(harmless))) == {Action.APPROVE, Action.REJECT, Action.RETURN}


@pytest.mark.parametrize("person", ["rita@acme.example", "omar@acme.example", "vera@acme.example", "gone@acme.example"])
def test_a_link_of_somebody_who_may_not_decide_decides_nothing(service, linked, harmless, unchanged, person):
    with unchanged(harmless), pytest.raises(NotPermitted):
        service.approve(harmless.id, linked(harmless, person), version=1)


def test_high_risk_is_decided_by_no_link(service, linked, open_request, unchanged):
    flagged = open_request(flags=(Flag(code="large", message="Large.", severity="high"),))
    by_policy = open_request({"risk": "high"})

    for asked in (flagged, by_policy):
        with unchanged(asked), pytest.raises(LinkTooWeak, match="no link decides it"):
            service.approve(asked.id, linked(asked, signed_in=True), version=1)
        assert service.allowed_actions(asked, linked(asked, signed_in=True)) == ()


def test_medium_risk_wants_a_session_of_the_same_person_as_well(service, linked, open_request):
    asked = open_request(flags=(Flag(code="new", message="A new customer."),))

    with pytest.raises(LinkTooWeak, match="Sign in"):
        service.approve(asked.id, linked(asked), version=1)

    assert service.approve(asked.id, linked(asked, signed_in=True), version=1).state == "approved"


def test_an_expired_link_acts_as_nobody(links, harmless, clock):
    link = links.read(links.make(harmless, ANNA))
    clock.forward(hours=72)

    with pytest.raises(LinkExpired):
        links.actor(link)


def test_a_link_takes_back_its_own_decision_alone(service, linked, open_request, ANNA, BEN, clock):
    by_session, by_other = open_request(), open_request()
    service.approve(by_session.id, ANNA, version=1, recall=8)
    service.approve(by_other.id, linked(by_other, "ben@acme.example"), version=1, recall=8)

    for asked in (by_session, by_other):
        with pytest.raises(NotTheDecider):
            service.recall(asked.id, linked(asked))
        assert Action.RECALL not in service.allowed_actions(service.get(asked.id), linked(asked))
    assert service.recall(by_other.id, linked(by_other, "ben@acme.example")).is_open


# -- at once -----------------------------------------------------------------------------------------------------


def test_of_many_posts_at_once_one_decides(tmp_path, people, clock, examiner, policies, propose, WORKER, links):
    from approvals.gatekeeping import Gatekeeper
    from approvals.ledger import Ledger
    from approvals.service import ApprovalService

    store = open_store(f"sqlite:///{tmp_path}/approvals.sqlite")
    policies.set("offer", quorum=2)
    asked = Gatekeeper(Ledger(store, clock), people, policies, examiner).open(propose(), WORKER)
    service = ApprovalService(store, people, clock, examiner)
    actor = links.actor(links.read(links.make(asked, ANNA)))
    done, refused, together = [], [], threading.Barrier(8)

    def post(number):
        together.wait()
        verdict = Reject(reason=f"No {number}.")
        try:
            done.append(service.decide(asked.id, verdict, actor, version=1))
        except (LinkUsed, AlreadyDecided) as error:
            refused.append(error)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(done), len(refused)) == (1, 7)
    assert len(service.history(asked.id).rulings) == 1
    store.close()
